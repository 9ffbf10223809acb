#include "sql/parser.h"

#include <charconv>

#include "sql/names.h"

namespace millrace::sql {

Result<std::vector<ParsedStatement>> parse(std::string_view script) {
  TRY_ASSIGN(auto tokens, tokenize(script));
  return Parser(std::move(tokens)).parse_script();
}

const Token& Parser::peek(size_t ahead) const {
  return tokens_[std::min(next_ + ahead, tokens_.size() - 1)];
}

const Token& Parser::take() {
  const Token& token = peek();
  if (next_ + 1 < tokens_.size()) ++next_;
  return token;
}

bool Parser::at(std::string_view capitals, size_t ahead) const {
  return peek(ahead).kind == Token::Kind::word && peek(ahead).capitals == capitals;
}

bool Parser::at_symbol(std::string_view symbol, size_t ahead) const {
  return peek(ahead).kind == Token::Kind::symbol && peek(ahead).text == symbol;
}

bool Parser::accept(std::string_view capitals) {
  if (!at(capitals)) return false;
  take();
  return true;
}

bool Parser::accept_symbol(std::string_view symbol) {
  if (!at_symbol(symbol)) return false;
  take();
  return true;
}

Result<> Parser::expect(std::string_view capitals) {
  if (accept(capitals)) return {};
  return unexpected(capitals, {capitals});
}

Result<> Parser::expect_symbol(std::string_view symbol) {
  if (accept_symbol(symbol)) return {};
  return unexpected(fmt::format("'{}'", symbol));
}

std::unexpected<Error> Parser::unexpected(std::string_view wanted,
                                          std::initializer_list<std::string_view> words) const {
  const std::vector<std::string> candidates(words.begin(), words.end());
  const Token& token = peek();
  if (token.kind == Token::Kind::word) {
    if (const std::string near = nearest(token.text, candidates); !near.empty() && near != token.capitals) {
      return fail_at(token.position, "expected {}, found '{}'; did you mean {}?", wanted, token.text, near);
    }
  }
  // A misspelt keyword after a column or a table was read as its alias: say so where it stands.
  if (next_ > 0 && tokens_[next_ - 1].kind == Token::Kind::word && tokens_[next_ - 1].text.size() > 2) {
    const Token& before = tokens_[next_ - 1];
    if (const std::string near = nearest(before.text, candidates); !near.empty() && near != before.capitals) {
      return fail_at(before.position, "'{}' is not a keyword; did you mean {}?", before.text, near);
    }
  }
  return fail_at(token.position, "expected {}, found {}", wanted, describe(token));
}

Result<Name> Parser::parse_name(std::string_view what) {
  const Token& token = peek();
  if (token.kind == Token::Kind::quoted_name) {
    take();
    return Name{token.text, token.position};
  }
  if (token.kind != Token::Kind::word) return fail_at(token.position, "expected {}, found {}", what, describe(token));
  if (is_reserved(token.capitals)) {
    return fail_at(token.position, "expected {}, found the keyword {}; a name that is a keyword is written `{}`", what,
                   token.capitals, token.text);
  }
  take();
  return Name{token.text, token.position};
}

Result<std::vector<Name>> Parser::parse_names(std::string_view what) {
  std::vector<Name> names;
  TRY(expect_symbol("("));
  do {
    TRY_ASSIGN(Name name, parse_name(what));
    names.push_back(std::move(name));
  } while (accept_symbol(","));
  TRY(expect_symbol(")"));
  return names;
}

Result<Name> Parser::parse_text(std::string_view what) {
  const Token& token = peek();
  if (token.kind != Token::Kind::string) {
    return fail_at(token.position, "expected {} between single quotes, found {}", what, describe(token));
  }
  take();
  return Name{token.text, token.position};
}

Result<int> Parser::parse_count(std::string_view what, int max) {
  const Token& token = peek();
  int value = 0;
  const char* end = token.text.data() + token.text.size();
  if (token.kind != Token::Kind::integer || std::from_chars(token.text.data(), end, value).ec != std::errc() ||
      value > max) {
    return fail_at(token.position, "expected {} from 0 to {}, found {}", what, max, describe(token));
  }
  take();
  return value;
}

Result<std::optional<Name>> Parser::parse_alias(std::initializer_list<std::string_view> following) {
  if (accept("AS")) {
    TRY_ASSIGN(Name name, parse_name("a name after AS"));
    return std::optional(std::move(name));
  }
  const Token& token = peek();
  for (const std::string_view word : following) {
    if (token.capitals == word) return std::optional<Name>();
  }
  const bool name =
      token.kind == Token::Kind::quoted_name || (token.kind == Token::Kind::word && !is_reserved(token.capitals));
  if (!name) return std::optional<Name>();
  take();
  return std::optional(Name{token.text, token.position});
}

Result<data::Type> Parser::parse_type() {
  using data::Type;
  using data::TypeKind;
  static const std::vector<std::string> known = {"BOOLEAN",       "TINYINT", "SMALLINT", "INT",    "BIGINT",
                                                 "FLOAT",         "DOUBLE",  "DECIMAL",  "STRING", "TIMESTAMP",
                                                 "TIMESTAMP_LTZ", "VARCHAR", "CHAR"};
  const Token token = peek();
  if (token.kind != Token::Kind::word) return fail_at(token.position, "expected a type, found {}", describe(token));
  take();
  const std::string& word = token.capitals;
  if (word == "BOOLEAN") return Type{TypeKind::boolean};
  if (word == "INT" || word == "INTEGER" || word == "TINYINT" || word == "SMALLINT") return Type{TypeKind::integer};
  if (word == "BIGINT") return Type{TypeKind::bigint};
  if (word == "FLOAT" || word == "REAL") return Type{TypeKind::real};
  if (word == "DOUBLE") {
    accept("PRECISION");
    return Type{TypeKind::real};
  }
  if (word == "STRING") return Type{TypeKind::string};
  if (word == "VARCHAR" || word == "CHAR") {
    if (accept_symbol("(")) {
      TRY_ASSIGN([[maybe_unused]] int length, parse_count("a length", 2'147'483'647));
      TRY(expect_symbol(")"));
    }
    return Type{TypeKind::string};
  }
  if (word == "DECIMAL" || word == "DEC" || word == "NUMERIC") {
    int precision = 10;
    int scale = 0;
    if (accept_symbol("(")) {
      TRY_ASSIGN(precision, parse_count("a precision", 38));
      if (precision == 0) return fail_at(token.position, "the precision of a DECIMAL is from 1 to 38");
      if (accept_symbol(",")) {
        const Position position = peek().position;
        TRY_ASSIGN(scale, parse_count("a scale", 38));
        if (scale > precision) {
          return fail_at(position, "the scale {} is greater than the precision {}", scale, precision);
        }
      }
      TRY(expect_symbol(")"));
    }
    return Type{TypeKind::decimal, static_cast<uint8_t>(precision), static_cast<uint8_t>(scale)};
  }
  if (word == "TIMESTAMP") return parse_timestamp_type(token.position, false);
  if (word == "TIMESTAMP_LTZ") return parse_timestamp_type(token.position, true);
  for (const std::string_view other : {"DATE", "TIME", "BYTES", "BINARY", "VARBINARY", "ARRAY", "MAP", "ROW",
                                       "MULTISET", "RAW", "INTERVAL", "VARIANT"}) {
    if (word == other) {
      return fail_at(token.position, "the type {} is not supported; there are: {}", word, join(known));
    }
  }
  return fail_at(token.position, "there is no type '{}'{}", token.text, suggestion(token.text, known, "there are"));
}

Result<data::Type> Parser::parse_timestamp_type(Position position, bool local_time_zone) {
  if (accept_symbol("(")) {
    TRY_ASSIGN(int precision, parse_count("a precision", 9));
    TRY(expect_symbol(")"));
    if (precision > 3) {
      return fail_at(position, "timestamps are kept in milliseconds; write TIMESTAMP{}(3)",
                     local_time_zone ? "_LTZ" : "");
    }
  }
  if (!local_time_zone && (at("WITH") || at("WITHOUT")) && (at("TIME", 1) || at("LOCAL", 1))) {
    const bool with = at("WITH");
    take();
    if (!accept("LOCAL") && with) {
      return fail_at(position, "TIMESTAMP WITH TIME ZONE is not supported; write TIMESTAMP_LTZ(3)");
    }
    TRY(expect("TIME"));
    TRY(expect("ZONE"));
  }
  return data::Type{data::TypeKind::timestamp};
}

Result<> Parser::check_nesting() const {
  if (nesting_ <= nesting_levels_max) return {};
  return fail_at(peek().position, "parentheses and subqueries are nested more than {} levels deep; use a view",
                 nesting_levels_max);
}

}  // namespace millrace::sql
