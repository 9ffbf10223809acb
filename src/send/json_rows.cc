#include "send/json_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "aws/protocol.h"
#include "base/json_string.h"
#include "send/json_line.h"

namespace millrace::send {

namespace {

class JsonRows final : public RowReader {
 public:
  JsonRows(std::unique_ptr<SendFile> file, EventIds event_ids, const RowOptions& options)
      : file_(std::move(file)),
        options_(options),
        event_ids_(std::move(event_ids)),
        json_({options.key_column, options.time_column, std::string(event_id_name)}) {}

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
  Result<bool> skip_to_tail() override { return file_->skip_to_tail(); }

 private:
  static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

  // The next line without its end; nullopt at the end of the file.
  Result<std::optional<std::string_view>> next_line() {
    file_->consume(taken_);
    taken_ = 0;
    size_t end = file_->text().find(file_->line_end());
    while (end == std::string_view::npos && !file_->at_end()) {
      if (file_->text().size() > SendFile::text_bytes_max) {
        ++line_;
        TRY(file_->skip_line());
        return fail(ErrorKind::invalid_argument, "the line is longer than {} bytes", SendFile::text_bytes_max);
      }
      TRY(file_->read_more());
      end = file_->text().find(file_->line_end());
    }
    const std::string_view text = file_->text();
    if (text.empty()) return std::optional<std::string_view>();
    ++line_;
    taken_ = std::min(end, text.size() - 1) + 1;
    return std::optional(text.substr(0, end));
  }

  Result<void> take(std::string_view json, SendRow& row) {
    TRY(json_.read(json));
    if (options_.key_column.empty()) {
      row.json = json;
      return check_record(row.json);
    }
    row.key = json_.text(key_path);
    TRY(check_key(options_.key_column, row.key));
    if (!options_.time_column.empty()) {
      TRY_ASSIGN(row.time, read_time(options_.time_column, json_.text(time_path)));
    }
    const std::string_view event_id = json_.raw(event_id_path);
    const bool none = event_id.empty();
    if (!none && event_id != "null" && event_id != "\"\"") {
      row.json = json;
      return check_record(row.json);
    }
    std::string own_id;
    base::append_json_string(own_id, event_ids_.of(line_, json));
    if (none) {
      row.json = fmt::format("{{\"{}\":{}{}{}", event_id_name, own_id, json_.empty() ? "" : ",", json.substr(1));
    } else {
      row.json = json_.replaced(event_id_path, own_id);
    }
    return check_record(row.json);
  }

  enum Path : size_t { key_path, time_path, event_id_path };

  std::unique_ptr<SendFile> file_;
  RowOptions options_;
  EventIds event_ids_;
  JsonLine json_;
  int64_t line_ = 0;
  size_t taken_ = 0;
};

}  // namespace

std::unique_ptr<RowReader> open_json_rows(std::unique_ptr<SendFile> file, EventIds event_ids,
                                          const RowOptions& options) {
  return std::make_unique<JsonRows>(std::move(file), std::move(event_ids), options);
}

}  // namespace millrace::send
