#include "send/rows.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <optional>

#include "aws/crypto.h"
#include "aws/protocol.h"
#include "base/clock.h"
#include "send/time.h"

namespace millrace::send {

namespace {

constexpr std::string_view event_id_name = "event_id";
constexpr size_t key_bytes_max = 256;  // Kinesis: 256 characters

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

// What a file holds, for the terminal.
std::string shown(std::string_view text) {
  constexpr size_t shown_max = 40;
  const std::string quoted = fmt::format("{:?}", text.substr(0, shown_max));
  return quoted.substr(1, quoted.size() - 2);
}

std::string list_of(const std::vector<std::string>& names) {
  constexpr size_t names_max = 50;
  std::vector<std::string> some;
  for (size_t i = 0; i < std::min(names.size(), names_max); ++i) some.push_back(shown(names[i]));
  if (names.size() > names_max) some.emplace_back("...");
  return fmt::format("{}", fmt::join(some, ", "));
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

class EventIds {
 public:
  EventIds(const RowOptions& options, std::string source)
      : name_(std::filesystem::path(options.file).filename().string()), source_(std::move(source)) {}

  std::string of(int64_t line, std::string_view row) {
    text_ = source_;
    text_ += row;
    const auto hash = md5_(text_);
    return fmt::format("{}:{}:{:02x}", name_, line, fmt::join(hash.begin(), hash.begin() + hash_bytes, ""));
  }

 private:
  static constexpr size_t hash_bytes = 8;

  std::string name_;
  std::string source_;
  std::string text_;
  aws::Md5 md5_;
};

Result<void> check_key(std::string_view column, std::string_view key) {
  if (key.empty()) return fail(ErrorKind::invalid_argument, "the key `{}` is missing", column);
  if (key.size() > key_bytes_max) {
    return fail(ErrorKind::invalid_argument, "the key `{}` is longer than {} bytes", column, key_bytes_max);
  }
  return {};
}

Result<EventTime> read_time(std::string_view column, std::string_view text) {
  if (text.empty()) return fail(ErrorKind::invalid_argument, "the time `{}` is missing", column);
  if (const auto time = parse_time(text)) return *time;
  return fail(ErrorKind::invalid_argument, "`{}` in `{}` is not a time; 2019-10-01 00:00:00 or 1569888000 would be",
              shown(text), column);
}

class CsvRows final : public RowReader {
 public:
  CsvRows(std::unique_ptr<SendFile> file, EventIds event_ids, const RowOptions& options)
      : file_(std::move(file)), reader_(*file_), options_(options), event_ids_(std::move(event_ids)) {}

  Result<void> read_header() {
    if (options_.header) {
      auto found = reader_.next(fields_);
      if (!found && found.error().kind != ErrorKind::invalid_argument) return std::unexpected(found.error());
      if (!found) return std::unexpected(found.error().within(fmt::format("{}:{}", options_.file, reader_.line())));
      if (!*found) return fail(ErrorKind::invalid_argument, "{}: the file is empty; it has no header", options_.file);
    }
    columns_ = options_.columns.empty() ? fields_.fields : options_.columns;
    if (columns_.empty()) {
      return fail(ErrorKind::invalid_argument, "{}: without a header the columns need names: --columns a,b,c",
                  options_.file);
    }
    for (const std::string& column : columns_) {
      if (column.empty() || std::count(columns_.begin(), columns_.end(), column) > 1) {
        return fail(ErrorKind::invalid_argument, "{}: the column name `{}` is empty or not unique; the columns are: {}",
                    options_.file, shown(column), list_of(columns_));
      }
      names_.push_back(std::string());
      aws::append_json_string(names_.back(), column);
    }
    TRY_ASSIGN(key_, find(options_.key_column));
    TRY_ASSIGN(time_, find(options_.time_column));
    has_event_id_ = std::find(columns_.begin(), columns_.end(), event_id_name) != columns_.end();
    return {};
  }

  Result<bool> next(SendRow& row) override {
    TRY_ASSIGN(const bool found, reader_.next(fields_));
    if (!found) return false;
    const auto& fields = fields_.fields;
    if (fields.size() != columns_.size()) {
      return fail(ErrorKind::invalid_argument, "{} fields where {} columns are expected", fields.size(),
                  columns_.size());
    }
    TRY(check_key(options_.key_column, fields[key_]));
    TRY_ASSIGN(row.time, read_time(options_.time_column, fields[time_]));
    row.key = fields[key_];
    members_.clear();
    for (size_t i = 0; i < fields.size(); ++i) {
      if (fields[i].empty()) continue;
      if (!simdjson::validate_utf8(fields[i].data(), fields[i].size())) {
        return fail(ErrorKind::invalid_argument, "the field `{}` is not UTF-8", shown(columns_[i]));
      }
      if (!members_.empty()) members_ += ',';
      members_ += names_[i];
      members_ += ':';
      aws::append_json_string(members_, fields[i]);
    }
    row.json = "{";
    if (!has_event_id_) {
      row.json += "\"event_id\":";
      aws::append_json_string(row.json, event_ids_.of(line(), members_));
      row.json += ',';
    }
    row.json += members_;
    row.json += '}';
    return true;
  }

  int64_t line() const override { return reader_.line(); }
  int64_t lines_read() const override { return reader_.lines_read(); }
  double fraction() const override { return file_->fraction(); }

 private:
  Result<size_t> find(const std::string& column) const {
    const auto at = std::find(columns_.begin(), columns_.end(), column);
    if (at != columns_.end()) return static_cast<size_t>(at - columns_.begin());
    return fail(ErrorKind::invalid_argument, "{}: there is no column `{}`; the columns are: {}", options_.file, column,
                list_of(columns_));
  }

  std::unique_ptr<SendFile> file_;
  CsvReader reader_;
  RowOptions options_;
  EventIds event_ids_;
  std::string members_;  // of the object that is being made
  std::vector<std::string> columns_;
  std::vector<std::string> names_;  // the columns as JSON strings
  size_t key_ = 0;
  size_t time_ = 0;
  bool has_event_id_ = false;
  CsvRow fields_;
};

class JsonRows final : public RowReader {
 public:
  JsonRows(std::unique_ptr<SendFile> file, EventIds event_ids, const RowOptions& options)
      : file_(std::move(file)), options_(options), event_ids_(std::move(event_ids)) {}

  Result<bool> next(SendRow& row) override {
    for (;;) {
      TRY_ASSIGN(const auto text, next_line());
      if (!text) return false;
      std::string_view json = *text;
      while (!json.empty() && is_space(json.front())) json.remove_prefix(1);
      while (!json.empty() && is_space(json.back())) json.remove_suffix(1);
      if (json.empty()) continue;
      TRY(take(json, row));
      return true;
    }
  }

  int64_t line() const override { return line_; }
  int64_t lines_read() const override { return line_; }
  double fraction() const override { return file_->fraction(); }

 private:
  static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

  // The next line without its end; nullopt at the end of the file.
  Result<std::optional<std::string_view>> next_line() {
    file_->consume(taken_);
    taken_ = 0;
    size_t end = file_->text().find('\n');
    while (end == std::string_view::npos && !file_->at_end()) {
      if (file_->text().size() > SendFile::text_bytes_max) {
        ++line_;
        TRY(file_->skip_line());
        return fail(ErrorKind::invalid_argument, "the line is longer than {} bytes", SendFile::text_bytes_max);
      }
      TRY(file_->read_more());
      end = file_->text().find('\n');
    }
    const std::string_view text = file_->text();
    if (text.empty()) return std::optional<std::string_view>();
    ++line_;
    taken_ = std::min(end, text.size() - 1) + 1;
    return std::optional(text.substr(0, end));
  }

  Result<void> take(std::string_view json, SendRow& row) {
    simdjson::dom::object object;
    simdjson::dom::element element;
    if (const auto error = parser_.parse(json.data(), json.size()).get(element)) {
      return fail(ErrorKind::invalid_argument, "this is not JSON ({})", simdjson::error_message(error));
    }
    if (element.get(object)) return fail(ErrorKind::invalid_argument, "this is JSON, but not an object");
    row.key = scalar(object, options_.key_column);
    TRY(check_key(options_.key_column, row.key));
    TRY_ASSIGN(row.time, read_time(options_.time_column, scalar(object, options_.time_column)));
    row.json.clear();
    simdjson::dom::element event_id;
    if (object.at_key(event_id_name).get(event_id) == simdjson::SUCCESS) {
      row.json = json;
      return {};
    }
    row.json = "{\"event_id\":";
    aws::append_json_string(row.json, event_ids_.of(line_, json));
    if (object.size() > 0) row.json += ',';
    row.json += json.substr(1);
    return {};
  }

  // A string, number or boolean as text; empty for anything else.
  static std::string scalar(simdjson::dom::object object, std::string_view name) {
    simdjson::dom::element element;
    if (object.at_key(name).get(element)) return {};
    std::string_view text;
    int64_t integer;
    uint64_t large;
    double number;
    bool truth;
    if (!element.get(text)) return std::string(text);
    if (!element.get(integer)) return fmt::format("{}", integer);
    if (!element.get(large)) return fmt::format("{}", large);
    if (!element.get(number)) return fmt::format("{}", number);
    if (!element.get(truth)) return truth ? "true" : "false";
    return {};
  }

  std::unique_ptr<SendFile> file_;
  RowOptions options_;
  EventIds event_ids_;
  simdjson::dom::parser parser_;
  int64_t line_ = 0;
  size_t taken_ = 0;
};

}  // namespace

Result<std::unique_ptr<RowReader>> RowReader::open(const RowOptions& options) {
  TRY_ASSIGN(const RowFormat format, guess_format(options));
  TRY_ASSIGN(auto file, SendFile::open(options.file));
  TRY_ASSIGN(std::string source, source_identity(*file, options));
  EventIds event_ids(options, std::move(source));
  if (format == RowFormat::ndjson) {
    return std::unique_ptr<RowReader>(new JsonRows(std::move(file), std::move(event_ids), options));
  }
  auto rows = std::make_unique<CsvRows>(std::move(file), std::move(event_ids), options);
  TRY(rows->read_header());
  return std::unique_ptr<RowReader>(std::move(rows));
}

}  // namespace millrace::send
