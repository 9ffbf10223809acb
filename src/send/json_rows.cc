#include "send/json_rows.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <optional>

#include "aws/protocol.h"

namespace millrace::send {

namespace {

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

std::unique_ptr<RowReader> open_json_rows(std::unique_ptr<SendFile> file, EventIds event_ids,
                                          const RowOptions& options) {
  return std::make_unique<JsonRows>(std::move(file), std::move(event_ids), options);
}

}  // namespace millrace::send
