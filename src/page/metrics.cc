#include "page/metrics.h"

#include <fmt/format.h>

#include <cmath>

namespace millrace::page {

namespace {

void append_escaped(std::string& out, std::string_view text, bool quotes) {
  for (const char c : text) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' && quotes) {
      out += "\\\"";
    } else {
      out += c;
    }
  }
}

std::string text_of(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  return fmt::format("{}", value);
}

}  // namespace

void MetricsText::family(std::string_view name, Type type, std::string_view help) {
  name_ = name;
  text_ += fmt::format("# HELP {} ", name);
  append_escaped(text_, help, false);
  text_ += fmt::format("\n# TYPE {} {}\n", name,
                       type == Type::counter ? "counter"
                       : type == Type::gauge ? "gauge"
                                             : "histogram");
}

void MetricsText::sample(Labels labels, double value) {
  line("", labels, value);
}

void MetricsText::line(std::string_view suffix, Labels labels, double value) {
  text_ += name_;
  text_ += suffix;
  char separator = '{';
  for (const auto& [label, text] : labels) {
    text_ += separator;
    text_ += label;
    text_ += "=\"";
    append_escaped(text_, text, true);
    text_ += '"';
    separator = ',';
  }
  if (labels.size() > 0) text_ += '}';
  text_ += ' ';
  text_ += text_of(value);
  text_ += '\n';
}

void MetricsText::bucket(double bound, uint64_t count) {
  line("_bucket", {{"le", text_of(bound)}}, static_cast<double>(count));
}

void MetricsText::last_bucket(uint64_t count, double sum) {
  line("_bucket", {{"le", "+Inf"}}, static_cast<double>(count));
  line("_sum", {}, sum);
  line("_count", {}, static_cast<double>(count));
}

}  // namespace millrace::page
