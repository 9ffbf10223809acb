#pragma once
// JSON records to columns: one flat object per record, only the columns that are asked for, read in place.
//
// Values are coerced as Flink's JSON format does (numbers in strings, anything to STRING; a missing key or null is
// NULL; the last of duplicate keys wins; unknown keys are skipped); decimals come from the digits as written. Times are
// "2019-10-01 00:00:00" or ISO-8601.
// https://nightlies.apache.org/flink/flink-docs-stable/docs/connectors/table/formats/json/
//
// A record that is no JSON object, or a value that is none of its column's type, is an error of the record; with
// `ignore_parse_errors` the record is skipped, or the value becomes NULL, and both are counted. A number that its
// column cannot hold is NULL and counted in any case. What Jackson reads and simdjson refuses is repaired
// (json_repair.h); what follows a record's object is not read, and counted as one bad value. One thread. Strings of the
// batch point into the records, so the records must outlive it (give their owner to the batch).

#include <boost/unordered/unordered_flat_map.hpp>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "data/batch.h"

namespace millrace::data {

class JsonDecoder {
 public:
  struct Options {
    bool ignore_parse_errors = false;
  };
  JsonDecoder(Schema columns, Options options);
  ~JsonDecoder();

  // Adds one record as a row. `record` must be followed by at least 64 readable bytes. invalid_argument: a bad record,
  // which was not added (never with ignore_parse_errors).
  Result<void> add(std::string_view record);

  size_t rows() const { return rows_; }
  bool full() const { return rows_ == batch_rows_max; }
  // The rows since the last call, without owners other than the decoder's own strings.
  Batch take();

  uint64_t bad_records() const { return bad_records_; }
  uint64_t bad_values() const { return bad_values_; }

 private:
  struct Parser;  // what needs simdjson

  // The column that the key at a place in the object had last time: producers repeat their order of keys.
  struct Guess {
    std::string key;
    int column = -1;  // -1: not asked for
  };
  static constexpr size_t guesses_max = 64;
  static constexpr size_t guessed_key_bytes_max = 64;

  void start_batch();
  std::string_view padded_copy(std::string_view record);  // in the batch's arena
  bool set_scalar(Column& column, std::string_view token);
  bool set_from_text(Column& column, std::string_view text);

  Schema schema_;
  Options options_;
  boost::unordered_flat_map<std::string, int> columns_by_name_;
  std::vector<Guess> guesses_;
  std::unique_ptr<Parser> parser_;
  std::vector<std::shared_ptr<Column>> columns_;
  std::shared_ptr<StringArena> arena_;
  size_t rows_ = 0;
  size_t capacity_ = 0;
  size_t last_rows_ = 0;
  uint64_t bad_records_ = 0;
  uint64_t bad_values_ = 0;
};

}  // namespace millrace::data
