// Functions of texts. Characters are code points of UTF-8; LOWER and UPPER map each to one other, as the C library's
// tables of Unicode say.

#include <wctype.h>

#include <algorithm>
#include <boost/container/small_vector.hpp>

#include "engine/kernels.h"

namespace millrace::engine {

using sql::Expression;
using sql::Function;
using Text = std::string_view;

namespace {

bool starts_character(char c) {
  return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
}

int64_t characters(Text text) {
  return std::count_if(text.begin(), text.end(), starts_character);
}

// The byte where character `index` begins, or the end.
size_t offset_of(Text text, int64_t index) {
  size_t at = 0;
  while (at < text.size() && index > 0) {
    ++at;
    while (at < text.size() && !starts_character(text[at])) ++at;
    --index;
  }
  return at;
}

Text substring(Text text, int64_t from, int64_t length) {
  const int64_t total = characters(text);
  if (from < 0) {
    from = total + from + 1;
    if (from < 1) return {};
  }
  if (from == 0) from = 1;
  if (from > total) return {};
  const size_t begin = offset_of(text, from - 1);
  return text.substr(begin, offset_of(text.substr(begin), length));
}

// % any characters, _ one character, `escape` before either makes it plain.
bool like(Text text, Text pattern, char escape) {
  size_t t = 0;
  size_t p = 0;
  size_t star_pattern = Text::npos;
  size_t star_text = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '%' && escape != '%') {
      star_pattern = ++p;
      star_text = t;
      continue;
    }
    bool matched = false;
    size_t pattern_step = 1;
    size_t text_step = 1;
    if (p < pattern.size()) {
      if (escape != 0 && pattern[p] == escape && p + 1 < pattern.size()) {
        matched = pattern[p + 1] == text[t];
        pattern_step = 2;
      } else if (pattern[p] == '_') {
        matched = true;
        while (t + text_step < text.size() && !starts_character(text[t + text_step])) ++text_step;
      } else {
        matched = pattern[p] == text[t];
      }
    }
    if (matched) {
      p += pattern_step;
      t += text_step;
      continue;
    }
    if (star_pattern == Text::npos) return false;
    p = star_pattern;
    t = ++star_text;
  }
  while (p < pattern.size() && pattern[p] == '%' && escape != '%') ++p;
  return p == pattern.size();
}

// Null: the system has no such locale, and only ASCII letters change.
locale_t unicode_locale() {
  static const locale_t locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  return locale;
}

struct CaseMapping {
  char from;  // the ASCII letters that change: from, from + 1, ...
  char to;
  wint_t (*wide)(wint_t, locale_t);

  char operator()(char c) const { return c >= from && c < from + 26 ? static_cast<char>(c - from + to) : c; }
};
constexpr CaseMapping to_lower{'A', 'a', towlower_l};
constexpr CaseMapping to_upper{'a', 'A', towupper_l};

bool is_ascii(Text text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

// The character that the text begins with, and its bytes; 0 bytes: no valid UTF-8.
std::pair<char32_t, size_t> first_character(Text text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  const size_t bytes = lead < 0x80 ? 1 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc2 ? 2 : 0;
  if (bytes == 0 || bytes > text.size()) return {0, 0};
  char32_t c = bytes == 1 ? lead : lead & (0x7f >> bytes);
  for (size_t n = 1; n < bytes; ++n) {
    if (starts_character(text[n])) return {0, 0};
    c = c << 6 | (static_cast<unsigned char>(text[n]) & 0x3f);
  }
  return {c, bytes};
}

void put_character(std::string& out, char32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
    return;
  }
  int shift = c < 0x800 ? 6 : c < 0x10000 ? 12 : 18;
  out += static_cast<char>((shift == 6 ? 0xc0 : shift == 12 ? 0xe0 : 0xf0) | (c >> shift));
  while (shift > 0) {
    shift -= 6;
    out += static_cast<char>(0x80 | ((c >> shift) & 0x3f));
  }
}

Text with_letters(Text text, data::StringArena& arena, const CaseMapping& change) {
  if (is_ascii(text)) {
    if (std::ranges::none_of(text, [&](char c) { return change(c) != c; })) return text;
    char* out = arena.allocate(text.size());
    std::ranges::transform(text, out, change);
    return {out, text.size()};
  }
  std::string out;
  while (!text.empty()) {
    const auto [c, bytes] = first_character(text);
    const bool wide = bytes > 1 && unicode_locale() != nullptr;
    if (wide) {
      put_character(out, change.wide(c, unicode_locale()));
    } else {
      out += change(text[0]);
    }
    text.remove_prefix(wide ? bytes : 1);
  }
  return arena.copy(out);
}

Text replaced(Text text, Text search, Text replacement, data::StringArena& arena) {
  if (search.empty() || text.find(search) == Text::npos) return text;
  std::string out;
  size_t at = 0;
  for (size_t found = text.find(search); found != Text::npos; found = text.find(search, at)) {
    out += text.substr(at, found - at);
    out += replacement;
    at = found + search.size();
  }
  out += text.substr(at);
  return arena.copy(out);
}

Outcome split_index(Text text, Text delimiter, int64_t index, Text& out) {
  if (index < 0 || delimiter.empty() || text.empty()) return Outcome::null;
  size_t at = 0;
  for (;; --index) {
    const size_t end = text.find(delimiter, at);
    if (index == 0) {
      out = text.substr(at, end == Text::npos ? Text::npos : end - at);
      return Outcome::value;
    }
    if (end == Text::npos) return Outcome::null;
    at = end + delimiter.size();
  }
}

Text without_spaces(Text text) {
  const size_t from = text.find_first_not_of(' ');
  return from == Text::npos ? Text() : text.substr(from, text.find_last_not_of(' ') - from + 1);
}

// The rows where all arguments have a value; f(row) gives the text.
template <class F>
Operand texts(const Expression& e, const std::vector<Operand>& arguments, const KernelContext& context, F f) {
  const bool constant = std::all_of(arguments.begin(), arguments.end(), [](const Operand& a) { return a.constant(); });
  const size_t rows = constant ? 1 : context.batch.rows;
  auto column = std::make_shared<data::Column>(e.type, rows);
  for (size_t i = 0; i < rows; ++i) {
    if (std::any_of(arguments.begin(), arguments.end(), [&](const Operand& a) { return a.is_null(i); })) continue;
    const Outcome outcome = f(i, column->strings()[i]);
    column->valid[i] = outcome == Outcome::value;
    if (outcome != Outcome::value) column->strings()[i] = {};
    if (outcome == Outcome::error) context.error(i);
  }
  return {std::move(column), constant ? size_t{0} : ~size_t{0}};
}

Text text_at(const Operand& operand, size_t row) {
  return values_of<Text>(operand)[row & operand.mask];
}
int64_t integer_at(const Operand& operand, size_t row) {
  return values_of<int64_t>(operand)[row & operand.mask];
}

// By RE2, so in time linear in the text; nothing it holds can stop the job.
Outcome matched_group(Text text, const re2::RE2& pattern, int64_t group, Text& out) {
  if (group < 0 || group > pattern.NumberOfCapturingGroups()) return Outcome::null;
  boost::container::small_vector<re2::StringPiece, 8> groups(static_cast<size_t>(group) + 1);
  const re2::StringPiece piece(text.data(), text.size());
  if (!pattern.Match(piece, 0, piece.size(), re2::RE2::UNANCHORED, groups.data(), static_cast<int>(groups.size()))) {
    return Outcome::null;
  }
  const re2::StringPiece& found = groups.back();
  if (found.data() == nullptr) return Outcome::null;  // a group that took no part
  out = Text(found.data(), found.size());
  return Outcome::value;
}

}  // namespace

Operand text_function(const Expression& e, const std::vector<Operand>& arguments, const KernelContext& context,
                      const re2::RE2* pattern) {
  const Operand& a = arguments[0];
  switch (e.function) {
    case Function::char_length:
      return map_unary<int64_t, Text>(e.type, context, a, characters);
    case Function::like: {
      char escape = 0;
      if (arguments.size() > 2 && !arguments[2].is_null(0) && !text_at(arguments[2], 0).empty()) {
        escape = text_at(arguments[2], 0)[0];
      }
      return map_binary<uint8_t, Text, Text>(
          e.type, context, a, arguments[1],
          [=](Text text, Text like_pattern) -> uint8_t { return like(text, like_pattern, escape); });
    }
    default:
      break;
  }
  return texts(e, arguments, context, [&](size_t row, Text& out) {
    const Text text = text_at(a, row);
    switch (e.function) {
      case Function::lower:
        out = with_letters(text, context.arena, to_lower);
        break;
      case Function::upper:
        out = with_letters(text, context.arena, to_upper);
        break;
      case Function::trim:
        out = without_spaces(text);
        break;
      case Function::substring: {
        const int64_t length = arguments.size() > 2 ? integer_at(arguments[2], row) : INT64_MAX;
        if (length < 0) return Outcome::null;
        out = substring(text, integer_at(arguments[1], row), length);
        break;
      }
      case Function::replace:
        out = replaced(text, text_at(arguments[1], row), text_at(arguments[2], row), context.arena);
        break;
      case Function::split_index:
        return split_index(text, text_at(arguments[1], row), integer_at(arguments[2], row), out);
      case Function::regexp_extract:
        return matched_group(text, *pattern, arguments.size() > 2 ? integer_at(arguments[2], row) : 0, out);
      default: {
        size_t size = 0;
        for (const Operand& part : arguments) size += text_at(part, row).size();
        char* at = context.arena.allocate(size);
        out = Text(at, size);
        for (const Operand& part : arguments) {
          const Text piece = text_at(part, row);
          at = std::copy(piece.begin(), piece.end(), at);
        }
      }
    }
    return Outcome::value;
  });
}

}  // namespace millrace::engine
