#pragma once
// Patterns of times, as Java's DateTimeFormatter has them: "yyyy-MM-dd HH:mm:ss.SSS", "EEE d MMM, h:mm a". What stands
// between '...' and all that is no letter is literal. Times are milliseconds since 1970 in UTC, names are English.
// A value; any thread.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace millrace::data {

class TimePattern {
 public:
  enum class Use : uint8_t { format, parse };

  // invalid_argument: a letter or a form of it that is not supported, or, for parse(), a pattern that does not say
  // which hour is meant.
  static Result<TimePattern> make(std::string_view pattern, Use use);

  void format(std::string& out, int64_t ms) const;            // appends
  std::optional<int64_t> parse(std::string_view text) const;  // nullopt: not of the pattern, or no such time

 private:
  struct Piece {
    char letter = 0;  // 0: the literal
    int count = 0;
    std::string literal;
  };
  struct Fields;

  void add_literal(char c);

  std::vector<Piece> pieces_;
};

}  // namespace millrace::data
