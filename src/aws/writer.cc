#include "aws/writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "aws/cbor.h"
#include "aws/query.h"
#include "base/base64.h"
#include "base/json_string.h"

namespace millrace::aws {
namespace {

void append_number(std::string& out, int64_t number) {
  const fmt::format_int digits(number);
  out.append(digits.data(), digits.size());
}

// "2026-01-31T12:00:00.250Z"
std::string iso_8601(ProcessingTime time) {
  const std::chrono::sys_time<std::chrono::milliseconds> at{std::chrono::milliseconds(time.value)};
  const auto day = std::chrono::floor<std::chrono::days>(at);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(at - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                     clock.minutes().count(), clock.seconds().count(), clock.subseconds().count());
}

}  // namespace

// Whether a comma comes before what is next. What is whole ends in none of these.
bool Writer::is_separated() const {
  return !out_.empty() && out_.back() != '{' && out_.back() != '[' && out_.back() != ':';
}

void Writer::separate() {
  if (is_separated()) out_.push_back(',');
}

void Writer::open(bool list) {
  std::string name;
  if (!elements_.empty()) name = elements_.back().list ? "member" : next_;
  if (!name.empty()) out_ += fmt::format("<{}>", name);
  elements_.push_back({std::move(name), list});
}

void Writer::close() {
  if (!elements_.back().name.empty()) out_ += fmt::format("</{}>", elements_.back().name);
  elements_.pop_back();
}

void Writer::put_element(std::string_view text) {
  const std::string_view name = elements_.back().list ? "member" : next_;
  out_ += fmt::format("<{}>", name);
  append_xml_text(out_, text);
  out_ += fmt::format("</{}>", name);
}

void Writer::begin() {
  if (is_xml_) return open(false);
  if (!is_json_) return cbor::begin_map(out_);
  separate();
  out_.push_back('{');
}

void Writer::end() {
  if (is_xml_) return close();
  if (!is_json_) return cbor::end(out_);
  out_.push_back('}');
}

Writer& Writer::member(std::string_view name) {
  if (is_json_) {
    put_quoted(name, "\":");
  } else if (is_xml_) {
    next_ = name;
  } else {
    cbor::append_text(out_, name);
  }
  return *this;
}

void Writer::begin_list() {
  if (is_xml_) return open(true);
  if (!is_json_) return cbor::begin_list(out_);
  separate();
  out_.push_back('[');
}

void Writer::end_list() {
  if (is_xml_) return close();
  if (!is_json_) return cbor::end(out_);
  out_.push_back(']');
}

void Writer::text(std::string_view text) {
  if (is_xml_) return put_element(text);
  if (!is_json_) return cbor::append_text(out_, text);
  separate();
  base::append_json_string(out_, text);
}

void Writer::plain(std::string_view text) {
  if (is_xml_) return put_element(text);
  if (!is_json_) return cbor::append_text(out_, text);
  put_quoted(text, "\"");
}

// In one go: every record has several.
void Writer::put_quoted(std::string_view text, std::string_view behind) {
  const size_t before = out_.size();
  const bool comma = is_separated();
  const size_t after = before + size_t{comma} + 1 + text.size() + behind.size();
  // What g++ 12 tells as the size is the capacity.
  out_.resize_and_overwrite(after, [&](char* bytes, size_t) {
    char* at = bytes + before;
    if (comma) *at++ = ',';
    *at++ = '"';
    at = std::ranges::copy(text, at).out;
    std::ranges::copy(behind, at);
    return after;
  });
}

void Writer::blob(std::string_view bytes) {
  if (is_xml_) {
    std::string text;
    base::append_base64(text, bytes);
    return put_element(text);
  }
  if (!is_json_) return cbor::append_bytes(out_, bytes);
  separate();
  out_.push_back('"');
  base::append_base64(out_, bytes);
  out_.push_back('"');
}

void Writer::integer(int64_t number) {
  if (is_xml_) return put_element(fmt::format_int(number).str());
  if (!is_json_) return cbor::append_integer(out_, number);
  separate();
  append_number(out_, number);
}

void Writer::boolean(bool value) {
  if (is_xml_) return put_element(value ? "true" : "false");
  if (!is_json_) return cbor::append_boolean(out_, value);
  separate();
  out_.append(value ? "true" : "false");
}

void Writer::time(ProcessingTime time) {
  if (is_xml_) return put_element(iso_8601(time));
  if (!is_json_) return cbor::append_time(out_, time);
  separate();
  append_number(out_, time.value / 1000);
  const auto ms = static_cast<int>(time.value % 1000);
  out_.push_back('.');
  for (const int digit : {ms / 100, ms / 10 % 10, ms % 10}) out_.push_back(static_cast<char>('0' + digit));
}

}  // namespace millrace::aws
