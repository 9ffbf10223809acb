#include "aws/writer.h"

#include <fmt/format.h>

#include "aws/cbor.h"
#include "base/base64.h"
#include "base/json_string.h"

namespace millrace::aws {

// What is whole ends in none of these.
void Writer::separate() {
  if (!out_.empty() && out_.back() != '{' && out_.back() != '[' && out_.back() != ':') out_.push_back(',');
}

void Writer::begin() {
  if (!is_json_) return cbor::begin_map(out_);
  separate();
  out_.push_back('{');
}

void Writer::end() {
  if (!is_json_) return cbor::end(out_);
  out_.push_back('}');
}

Writer& Writer::member(std::string_view name) {
  text(name);
  if (is_json_) out_.push_back(':');
  return *this;
}

void Writer::begin_list() {
  if (!is_json_) return cbor::begin_list(out_);
  separate();
  out_.push_back('[');
}

void Writer::end_list() {
  if (!is_json_) return cbor::end(out_);
  out_.push_back(']');
}

void Writer::text(std::string_view text) {
  if (!is_json_) return cbor::append_text(out_, text);
  separate();
  base::append_json_string(out_, text);
}

void Writer::blob(std::string_view bytes) {
  if (!is_json_) return cbor::append_bytes(out_, bytes);
  separate();
  out_.push_back('"');
  base::append_base64(out_, bytes);
  out_.push_back('"');
}

void Writer::integer(int64_t number) {
  if (!is_json_) return cbor::append_integer(out_, number);
  separate();
  fmt::format_to(std::back_inserter(out_), "{}", number);
}

void Writer::boolean(bool value) {
  if (!is_json_) return cbor::append_boolean(out_, value);
  separate();
  out_.append(value ? "true" : "false");
}

void Writer::time(ProcessingTime time) {
  if (!is_json_) return cbor::append_time(out_, time);
  separate();
  fmt::format_to(std::back_inserter(out_), "{}.{:03}", time.value / 1000, time.value % 1000);
}

}  // namespace millrace::aws
