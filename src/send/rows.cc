#include "send/rows.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "aws/crypto.h"
#include "base/clock.h"
#include "send/csv_rows.h"
#include "send/json_rows.h"
#include "send/record.h"

namespace millrace::send {

namespace {

// "orders.csv.gz" -> ".csv"
std::string kind_of_file(const std::filesystem::path& path) {
  const bool packed = path.extension() == ".gz" || path.extension() == ".zst";
  return packed ? path.stem().extension().string() : path.extension().string();
}

bool is_tsv(std::string_view kind) {
  return kind == ".tsv" || kind == ".tab";
}

Result<RowFormat> guess_format(const RowOptions& options) {
  if (options.format != RowFormat::automatic) return options.format;
  const std::string kind = kind_of_file(options.file);
  if (kind == ".csv" || is_tsv(kind) || options.delimiter) return RowFormat::csv;
  if (kind == ".ndjson" || kind == ".jsonl" || kind == ".json") return RowFormat::ndjson;
  return fail(ErrorKind::invalid_argument, "{}: cannot tell its format from its name; add --csv or --ndjson",
              options.file);
}

// What tells the rows of one source from those of another with the same name.
std::string source_identity(SendFile& file, const std::string& name) {
  if (name == "-") return fmt::format("{} {}", base::system_clock().now().value, getpid());
  // What cannot be read is said where the rows come to it.
  while (file.text().size() < RowReader::identity_bytes && !file.at_end() && file.read_more()) continue;
  return fmt::format("{:02x}", fmt::join(aws::Md5()(file.text().substr(0, RowReader::identity_bytes)), ""));
}

}  // namespace

Result<std::unique_ptr<RowReader>> RowReader::open(const RowOptions& options, InputWaiting waiting) {
  TRY_ASSIGN(const RowFormat format, guess_format(options));
  TRY_ASSIGN(auto file, SendFile::open(options.file, std::move(waiting)));
  EventIds event_ids(options.file, source_identity(*file, options.file));
  file->skip_byte_order_mark();
  if (format == RowFormat::ndjson) return open_json_rows(std::move(file), std::move(event_ids), options);
  RowOptions csv = options;
  if (!csv.delimiter) csv.delimiter = is_tsv(kind_of_file(options.file)) ? '\t' : ',';
  return open_csv_rows(std::move(file), std::move(event_ids), csv);
}

}  // namespace millrace::send
