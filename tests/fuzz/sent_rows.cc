// Rows of the files that `millrace send` reads. The first line has the format (csv, ndjson), the key's and the time's
// column; what follows is the file. Each row is a JSON object, with an event_id and a key that Kinesis takes if a
// column has the key; lines never go back, reading comes to an end, and a second reading gives the same.

#include <simdjson.h>
#include <sys/mman.h>
#include <unistd.h>

#include "data/json_decoder.h"
#include "input.h"
#include "send/rows.h"

namespace millrace::send {
namespace {

struct Read {
  std::string refused;
  std::vector<std::string> rows;  // with the messages of the bad ones
  size_t good = 0;
};

Read read(const RowOptions& options) {
  Read read;
  auto reader = RowReader::open(options);
  if (!reader) {
    read.refused = reader.error().message;
    CHECK(!read.refused.empty());
    return read;
  }
  const bool keyed = !options.key_column.empty();
  data::Schema schema;
  if (keyed) schema.push_back({"event_id", {data::TypeKind::string}});
  data::JsonDecoder decoder(schema, {});
  int64_t line = 0;
  for (;;) {
    SendRow row;
    const auto more = (*reader)->next(row);
    CHECK((*reader)->line() >= line && (*reader)->lines_read() >= 0);
    line = (*reader)->line();
    if (more && !*more) return read;
    // At the most as many rows as lines.
    CHECK(read.rows.size() <= static_cast<size_t>((*reader)->lines_read()) + 1);
    if (!more) {
      read.rows.push_back(more.error().message);
      if (more.error().kind != ErrorKind::invalid_argument) return read;
      continue;
    }
    ++read.good;
    read.rows.push_back(row.json);
    CHECK(row.key.empty() == !keyed);
    const fuzz::Exact record(row.json, simdjson::SIMDJSON_PADDING);
    const auto decoded = decoder.add(record.view());
    CHECK(decoded.has_value(), "{}: {}", row.json, decoded.error().message);
    const data::Batch batch = decoder.take();
    CHECK(batch.rows == 1);
    if (!keyed) continue;
    CHECK(!batch.columns[0]->is_null(0), "{}", row.json);
    CHECK(!std::get<data::Strings>(batch.columns[0]->values)[0].empty(), "{}", row.json);
  }
}

}  // namespace
}  // namespace millrace::send

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace;
  using namespace millrace::send;
  fuzz::Input input(data, size);
  std::string_view words = input.line();
  const auto word = [&words] {
    const size_t end = std::min(words.find(' '), words.size());
    const std::string_view taken = words.substr(0, end);
    words.remove_prefix(std::min(end + 1, words.size()));
    return std::string(taken);
  };
  RowOptions options;
  options.format = word() == "ndjson" ? RowFormat::ndjson : RowFormat::csv;
  options.key_column = word();
  options.time_column = word();
  for (std::string column = word(); !column.empty(); column = word()) {
    options.header = false;
    options.columns.push_back(std::move(column));
  }
  static const int file = memfd_create("rows", 0);
  CHECK(ftruncate(file, 0) == 0);
  CHECK(pwrite(file, input.rest().data(), input.rest().size(), 0) == static_cast<ssize_t>(input.rest().size()));
  options.file = fmt::format("/proc/self/fd/{}", file);
  const Read first = read(options);
  const Read second = read(options);
  CHECK(first.refused == second.refused && first.rows == second.rows);
  return 0;
}
