#include "data/json_repair.h"

#include <charconv>

namespace millrace::data {

namespace {

// The code unit of an escape \uXXXX at the text's beginning; -1: there is none.
int escaped_unit(std::string_view text) {
  if (text.size() < 6 || text[0] != '\\' || text[1] != 'u') return -1;
  int unit = 0;
  const auto [end, error] = std::from_chars(text.data() + 2, text.data() + 6, unit, 16);
  return error == std::errc() && end == text.data() + 6 && unit >= 0 ? unit : -1;
}

bool is_high(int unit) {
  return unit >= 0xd800 && unit <= 0xdbff;
}
bool is_low(int unit) {
  return unit >= 0xdc00 && unit <= 0xdfff;
}

}  // namespace

std::optional<std::string> repair_json(std::string_view record) {
  static constexpr char hex[] = "0123456789abcdef";
  std::string out;
  out.reserve(record.size() + 16);
  bool in_text = false;
  bool changed = false;
  for (size_t at = 0; at < record.size();) {
    const char c = record[at];
    size_t taken = 1;
    if (c == '"') {
      in_text = !in_text;
    } else if (in_text && static_cast<unsigned char>(c) < ' ') {
      out.append({'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]});
      changed = true;
      ++at;
      continue;
    } else if (in_text && c == '\\') {
      const int unit = escaped_unit(record.substr(at));
      if (is_high(unit) && is_low(escaped_unit(record.substr(at + 6)))) {
        taken = 12;
      } else if (is_high(unit) || is_low(unit)) {
        out.push_back('?');
        changed = true;
        at += 6;
        continue;
      } else {
        taken = 2;
      }
    }
    out.append(record.substr(at, taken));
    at += taken;
  }
  if (!changed) return std::nullopt;
  return out;
}

std::string_view first_object(std::string_view record) {
  constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
  if (record.starts_with(byte_order_mark)) record.remove_prefix(byte_order_mark.size());
  bool in_text = false;
  size_t open = 0;
  for (size_t at = 0; at < record.size(); ++at) {
    const char c = record[at];
    if (in_text) {
      if (c == '\\') ++at;
      if (c == '"') in_text = false;
    } else if (c == '"') {
      in_text = true;
    } else if (c == '{') {
      ++open;
    } else if (c == '}') {
      if (open == 0) break;
      if (--open == 0) return record.substr(0, at + 1);
    }
  }
  return record;
}

}  // namespace millrace::data
