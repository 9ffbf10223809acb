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
  return path.extension() == ".gz" ? path.stem().extension().string() : path.extension().string();
}

Result<RowFormat> guess_format(const RowOptions& options) {
  if (options.format != RowFormat::automatic) return options.format;
  const std::string kind = kind_of_file(options.file);
  if (kind == ".csv") return RowFormat::csv;
  if (kind == ".ndjson" || kind == ".jsonl" || kind == ".json") return RowFormat::ndjson;
  return fail(ErrorKind::invalid_argument, "{}: cannot tell its format from its name; add --csv or --ndjson",
              options.file);
}

bool is_text(std::string_view bytes) {
  return std::ranges::none_of(bytes, [](unsigned char c) { return c < ' ' && (c < '\t' || c > '\r') && c != 0x1b; });
}

// What tells the rows of one source from those of another with the same name.
Result<std::string> source_identity(SendFile& file, const RowOptions& options) {
  if (options.file == "-") return fmt::format("{} {}", base::system_clock().now().value, getpid());
  TRY(file.read_more());
  const std::string_view beginning = file.text().substr(0, RowReader::identity_bytes);
  if (!is_text(beginning)) {
    return fail(ErrorKind::invalid_argument, "{}: {}", options.file,
                file.compressed() ? "what is compressed in it is not text" : "this is neither gzip nor text");
  }
  return fmt::format("{:02x}", fmt::join(aws::Md5()(beginning), ""));
}

}  // namespace

Result<std::unique_ptr<RowReader>> RowReader::open(const RowOptions& options) {
  TRY_ASSIGN(const RowFormat format, guess_format(options));
  TRY_ASSIGN(auto file, SendFile::open(options.file));
  TRY_ASSIGN(std::string source, source_identity(*file, options));
  EventIds event_ids(options.file, std::move(source));
  if (format == RowFormat::ndjson) return open_json_rows(std::move(file), std::move(event_ids), options);
  return open_csv_rows(std::move(file), std::move(event_ids), options);
}

}  // namespace millrace::send
