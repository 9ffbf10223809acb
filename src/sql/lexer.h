#pragma once
// Text to tokens. Keywords are not told apart from names here: the parser asks by the capitals of an unquoted
// word. Comments (-- and /* */) are skipped. Errors are located.

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "sql/syntax.h"

namespace millrace::sql {

struct Token {
  enum class Kind : uint8_t { word, quoted_name, string, integer, decimal, real, symbol, end };
  Kind kind = Kind::end;
  std::string text;      // without quotes
  std::string capitals;  // of a word; else empty
  Position position;
};

inline constexpr size_t script_bytes_max = 1 << 20;

// The last token is always `end`.
Result<std::vector<Token>> tokenize(std::string_view script);

std::string capitals_of(std::string_view text);

// How an error names a token: "'FORM'", "the text 'a'", "the end of the script".
std::string describe(const Token& token);

}  // namespace millrace::sql
