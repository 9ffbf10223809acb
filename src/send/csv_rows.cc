#include "send/csv_rows.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>

#include "aws/protocol.h"
#include "base/json_string.h"
#include "send/csv.h"

namespace millrace::send {

namespace {

std::string list_of(const std::vector<std::string>& names) {
  constexpr size_t names_max = 50;
  std::vector<std::string> some;
  for (size_t i = 0; i < std::min(names.size(), names_max); ++i) some.push_back(shown(names[i]));
  if (names.size() > names_max) some.emplace_back("...");
  return fmt::format("{}", fmt::join(some, ", "));
}

class CsvRows final : public RowReader {
 public:
  CsvRows(std::unique_ptr<SendFile> file, EventIds event_ids, const RowOptions& options)
      : file_(std::move(file)),
        reader_(*file_, options.delimiter.value_or(',')),
        options_(options),
        event_ids_(std::move(event_ids)) {}

  Result<void> read_header() {
    if (options_.header) {
      auto found = reader_.next(fields_);
      if (!found && found.error().kind != ErrorKind::invalid_argument) return std::unexpected(found.error());
      if (!found) return std::unexpected(found.error().within(fmt::format("{}:{}", options_.file, reader_.line())));
      if (!*found) return fail(ErrorKind::invalid_argument, "{}: the file is empty; it has no header", options_.file);
    }
    TRY(check_header());
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
      if (!simdjson::validate_utf8(column.data(), column.size())) {
        return fail(ErrorKind::invalid_argument, "{}: the column name `{}` of --columns is not UTF-8", options_.file,
                    shown(column));
      }
      names_.push_back(std::string());
      base::append_json_string(names_.back(), column);
    }
    if (keyed()) {
      TRY_ASSIGN(key_, find(options_.key_column));
    }
    if (timed()) {
      TRY_ASSIGN(time_, find(options_.time_column));
    }
    event_id_ = static_cast<size_t>(std::ranges::find(columns_, event_id_name) - columns_.begin());
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
    if (keyed()) TRY(check_key(options_.key_column, fields[key_]));
    if (timed()) {
      TRY_ASSIGN(row.time, read_time(options_.time_column, fields[time_]));
    }
    if (keyed()) row.key = fields[key_];
    members_.clear();
    for (size_t i = 0; i < fields.size(); ++i) {
      if (fields[i].empty()) continue;
      if (!simdjson::validate_utf8(fields[i].data(), fields[i].size())) {
        return fail(ErrorKind::invalid_argument, "the field `{}` is not UTF-8", shown(columns_[i]));
      }
      if (!members_.empty()) members_ += ',';
      members_ += names_[i];
      members_ += ':';
      base::append_json_string(members_, fields[i]);
    }
    row.json = "{";
    if (keyed() && (event_id_ == columns_.size() || fields[event_id_].empty())) {
      row.json += "\"event_id\":";
      base::append_json_string(row.json, event_ids_.of(line(), members_));
      row.json += ',';
    }
    row.json += members_;
    row.json += '}';
    TRY(check_record(row.json));
    return true;
  }

  int64_t line() const override { return reader_.line(); }
  int64_t lines_read() const override { return reader_.lines_read(); }
  double fraction() const override { return file_->fraction(); }
  Result<bool> skip_to_tail() override { return file_->skip_to_tail(); }

 private:
  bool keyed() const { return !options_.key_column.empty(); }
  bool timed() const { return !options_.time_column.empty(); }
  // Of a file that is no text at all, this is what can be told; what stands in rows is their own matter.
  Result<void> check_header() const {
    for (const std::string& name : fields_.fields) {
      if (std::ranges::none_of(name, [](unsigned char c) { return c < ' '; }) &&
          simdjson::validate_utf8(name.data(), name.size())) {
        continue;
      }
      return fail(ErrorKind::invalid_argument, "{}: {}: the columns would be: {}", options_.file,
                  file_->compressed() ? "what is compressed in it is not text"
                                      : "this is no text, and compressed neither by gzip nor by zstd",
                  list_of(fields_.fields));
    }
    return {};
  }
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
  size_t event_id_ = 0;  // as many as there are columns: none
  CsvRow fields_;
};

}  // namespace

Result<std::unique_ptr<RowReader>> open_csv_rows(std::unique_ptr<SendFile> file, EventIds event_ids,
                                                 const RowOptions& options) {
  auto rows = std::make_unique<CsvRows>(std::move(file), std::move(event_ids), options);
  TRY(rows->read_header());
  return std::unique_ptr<RowReader>(std::move(rows));
}

}  // namespace millrace::send
