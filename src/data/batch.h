#pragma once
// A batch: some thousand rows as typed columns, with a weight per row (+1 an insertion, -1 a retraction).
//
// Columns are immutable once they stand in a batch and are shared: a projection that keeps a column keeps a pointer.
// Strings are views into the source's block or into an arena; `owners` keeps those alive, so a view is good as long as
// a batch that carries its owner lives. The value under a null is the type's zero, so kernels need not branch.
// Values, no locks: a batch belongs to one thread at a time.

#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "data/type.h"

namespace millrace::data {

inline constexpr size_t batch_rows_max = 4096;

// Bytes for strings that lie in no block; grows by chunks, never moves, is freed as a whole.
class StringArena {
 public:
  char* allocate(size_t size);
  std::string_view copy(std::string_view text);
  size_t bytes() const { return bytes_; }

 private:
  std::vector<std::unique_ptr<char[]>> chunks_;
  size_t used_ = 0;
  size_t capacity_ = 0;
  size_t bytes_ = 0;
};

// How the values of a kind are held.
using Booleans = std::vector<uint8_t>;
using Integers = std::vector<int64_t>;  // INT, BIGINT, TIMESTAMP
using Reals = std::vector<double>;
using Decimals = std::vector<Int128>;  // unscaled
using Strings = std::vector<std::string_view>;

struct Column {
  Type type;
  std::variant<Booleans, Integers, Reals, Decimals, Strings> values;
  std::vector<uint8_t> valid;  // one per row: 0 is NULL

  Column() = default;
  Column(Type column_type, size_t rows);  // all NULL

  size_t size() const { return valid.size(); }
  void resize(size_t rows);  // new rows are NULL
  bool is_null(size_t row) const { return valid[row] == 0; }

  Booleans& booleans() { return std::get<Booleans>(values); }
  Integers& integers() { return std::get<Integers>(values); }
  Reals& reals() { return std::get<Reals>(values); }
  Decimals& decimals() { return std::get<Decimals>(values); }
  Strings& strings() { return std::get<Strings>(values); }
  const Booleans& booleans() const { return std::get<Booleans>(values); }
  const Integers& integers() const { return std::get<Integers>(values); }
  const Reals& reals() const { return std::get<Reals>(values); }
  const Decimals& decimals() const { return std::get<Decimals>(values); }
  const Strings& strings() const { return std::get<Strings>(values); }

  // One value at a time, for tests, lookups and sinks; hot loops take the vectors. set() of a string keeps the view:
  // its bytes must be owned by the batch.
  Value get(size_t row) const;
  void set(size_t row, const Value& value);
  void set_null(size_t row);
};
using ColumnPtr = std::shared_ptr<const Column>;

using Weights = std::vector<int8_t>;

// Rows that arrived together: those from the former run's end up to `end`.
struct ArrivalRun {
  size_t end;
  ProcessingTime time;
};
using Arrivals = std::vector<ArrivalRun>;

struct Batch {
  size_t rows = 0;
  std::vector<ColumnPtr> columns;
  std::shared_ptr<const Weights> weights;  // null: all +1
  std::vector<std::shared_ptr<const void>> owners;
  uint32_t shard = 0;         // the place, among its source's shards, of the shard that the rows come from
  ProcessingTime arrived{0};  // when the newest of the rows reached the server
  // When each of them did, in runs; null: all at `arrived`. Kept from the source to the watermark, not above.
  std::shared_ptr<const Arrivals> arrivals;

  int weight(size_t row) const { return weights ? (*weights)[row] : 1; }
};

// The rows named by `rows`, in that order.
ColumnPtr gather(const Column& column, const std::vector<uint32_t>& rows);
Batch gather(const Batch& batch, const std::vector<uint32_t>& rows);

}  // namespace millrace::data
