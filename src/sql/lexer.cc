#include "sql/lexer.h"

#include <array>

namespace millrace::sql {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_word_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}
bool is_word_part(char c) {
  return is_word_start(c) || is_digit(c) || c == '$';
}

// The bytes of the blank that `text` begins with, 0 if it begins with none: besides ASCII's those that come along when
// a script is pasted (no-break and thin spaces, byte order marks), which look like spaces or like nothing.
size_t blank_bytes(std::string_view text) {
  static constexpr std::array<std::string_view, 9> wide = {"\u00a0", "\u2002", "\u2003", "\u2009", "\u200b",
                                                           "\u202f", "\u2060", "\u3000", "\ufeff"};
  if (text.empty()) return 0;
  if (text[0] == ' ' || text[0] == '\t' || text[0] == '\n' || text[0] == '\r') return 1;
  if (static_cast<unsigned char>(text[0]) < 0x80) return 0;
  for (const std::string_view blank : wide) {
    if (text.starts_with(blank)) return blank.size();
  }
  return 0;
}

class Lexer {
 public:
  explicit Lexer(std::string_view script) : script_(script) {}

  Result<std::vector<Token>> run() {
    if (script_.size() > script_bytes_max) {
      return fail_at({}, "the script has {} bytes; at most {} are allowed", script_.size(), script_bytes_max);
    }
    for (;;) {
      TRY(skip_blanks());
      Token token;
      token.position = position_;
      if (at_end()) {
        tokens_.push_back(std::move(token));
        return std::move(tokens_);
      }
      TRY(read(token));
      tokens_.push_back(std::move(token));
    }
  }

 private:
  bool at_end() const { return offset_ >= script_.size(); }
  char peek(size_t ahead = 0) const { return offset_ + ahead < script_.size() ? script_[offset_ + ahead] : '\0'; }

  char next() {
    const char c = script_[offset_++];
    if (c == '\n') {
      ++position_.line;
      position_.column = 1;
    } else if ((static_cast<unsigned char>(c) & 0xc0) != 0x80) {  // the first byte of a character
      ++position_.column;
    }
    return c;
  }

  Result<> skip_blanks() {
    while (!at_end()) {
      const char c = peek();
      if (size_t bytes = blank_bytes(script_.substr(offset_)); bytes > 0) {
        for (; bytes > 0; --bytes) next();
      } else if (c == '-' && peek(1) == '-') {
        while (!at_end() && peek() != '\n') next();
      } else if (c == '/' && peek(1) == '*') {
        const Position start = position_;
        if (peek(2) == '+')
          return fail_at(start, "hints (/*+ ... */) are not supported; set the table's options in WITH");
        next();
        next();
        while (!(peek() == '*' && peek(1) == '/')) {
          if (at_end()) return fail_at(start, "the comment is not closed; end it with */");
          next();
        }
        next();
        next();
      } else {
        break;
      }
    }
    return {};
  }

  Result<> read(Token& token) {
    const char c = peek();
    if (is_word_start(c)) {
      token.kind = Token::Kind::word;
      while (is_word_part(peek()) && blank_bytes(script_.substr(offset_)) == 0) token.text += next();
      token.capitals = capitals_of(token.text);
      return {};
    }
    if (is_digit(c) || (c == '.' && is_digit(peek(1)))) return read_number(token);
    if (c == '\'') return read_quoted(token, '\'', Token::Kind::string, "text");
    if (c == '`') {
      TRY(read_quoted(token, '`', Token::Kind::quoted_name, "name"));
      if (token.text.empty()) return fail_at(token.position, "a name between backquotes cannot be empty");
      return {};
    }
    if (c == '"') {
      return fail_at(token.position, "double quotes have no meaning here; write names as `name` and text as 'text'");
    }
    return read_symbol(token);
  }

  Result<> read_number(Token& token) {
    token.kind = Token::Kind::integer;
    while (is_digit(peek())) token.text += next();
    if (peek() == '.' && peek(1) != '.') {
      token.kind = Token::Kind::decimal;
      token.text += next();
      while (is_digit(peek())) token.text += next();
    }
    const size_t sign = (peek(1) == '+' || peek(1) == '-') ? 2 : 1;
    if ((peek() == 'e' || peek() == 'E') && is_digit(peek(sign))) {
      token.kind = Token::Kind::real;
      for (size_t i = 0; i < sign; ++i) token.text += next();
      while (is_digit(peek())) token.text += next();
    }
    if (is_word_start(peek()) && blank_bytes(script_.substr(offset_)) == 0) {
      return fail_at(token.position,
                     "'{}{}' is neither a number nor a name; a name that starts with a digit is "
                     "written between backquotes",
                     token.text, peek());
    }
    return {};
  }

  Result<> read_quoted(Token& token, char quote, Token::Kind kind, std::string_view what) {
    token.kind = kind;
    next();
    for (;;) {
      if (at_end())
        return fail_at(token.position, "the {} that starts here is not closed; end it with {}", what, quote);
      const char c = next();
      if (c == quote) {
        if (peek() != quote) return {};
        next();  // doubled: stands for itself
      }
      token.text += c;
    }
  }

  Result<> read_symbol(Token& token) {
    token.kind = Token::Kind::symbol;
    static constexpr std::array<std::string_view, 7> pairs = {"<>", "!=", "<=", ">=", "||", "=>", ":="};
    for (const std::string_view pair : pairs) {
      if (peek() == pair[0] && peek(1) == pair[1]) {
        token.text = pair;
        next();
        next();
        return {};
      }
    }
    static constexpr std::string_view singles = "()[],;.*+-/%<>=";
    if (singles.find(peek()) == std::string_view::npos) {
      const char c = peek();
      if (c >= ' ' && c < 0x7f) return fail_at(token.position, "the character '{}' has no meaning in SQL", c);
      return fail_at(token.position, "a byte 0x{:02x} has no meaning in SQL", static_cast<unsigned char>(c));
    }
    token.text = std::string(1, next());
    return {};
  }

  std::string_view script_;
  size_t offset_ = 0;
  Position position_;
  std::vector<Token> tokens_;
};

}  // namespace

Result<std::vector<Token>> tokenize(std::string_view script) {
  return Lexer(script).run();
}

std::string capitals_of(std::string_view text) {
  std::string capitals(text);
  for (char& c : capitals) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return capitals;
}

std::string describe(const Token& token) {
  switch (token.kind) {
    case Token::Kind::end:
      return "the end of the script";
    case Token::Kind::string:
      return fmt::format("the text '{}'", token.text.substr(0, 40));
    case Token::Kind::quoted_name:
      return fmt::format("the name `{}`", token.text.substr(0, 40));
    default:
      return fmt::format("'{}'", token.text.substr(0, 40));
  }
}

}  // namespace millrace::sql
