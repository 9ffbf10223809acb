// Patterns of texts: a text, a LIKE pattern, an escape character (or nothing) and a regular expression, one per line.
// LIKE agrees with a matcher that tries everything; REGEXP_EXTRACT gives a part of the text.

#include <simdjson.h>

#include "engine/expression.h"
#include "input.h"
#include "sql/expression.h"

namespace millrace::engine {
namespace {

using data::TypeKind;

// By characters, which are code points.
std::string_view first_of(std::string_view text) {
  size_t bytes = 1;
  while (bytes < text.size() && (static_cast<unsigned char>(text[bytes]) & 0xc0) == 0x80) ++bytes;
  return text.substr(0, bytes);
}

bool matches(std::string_view text, std::string_view pattern, char escape) {
  // Which beginnings of the pattern match which beginnings of the text, a row per piece of the pattern.
  std::vector<bool> reachable(text.size() + 1);
  reachable[0] = true;
  while (!pattern.empty()) {
    std::vector<bool> next(text.size() + 1);
    std::string_view piece = first_of(pattern);
    pattern.remove_prefix(piece.size());
    const bool escaped = escape != 0 && piece.size() == 1 && piece[0] == escape;
    if (escaped && !pattern.empty()) {
      piece = first_of(pattern);
      pattern.remove_prefix(piece.size());
    }
    bool any = false;
    for (size_t at = 0; at <= text.size(); ++at) {
      if (!escaped && piece == "%") {
        any = any || reachable[at];
        next[at] = any;
      } else if (reachable[at] && at < text.size()) {
        const std::string_view character = first_of(text.substr(at));
        if (!escaped && piece == "_") {
          next[at + character.size()] = true;
        } else if (text.substr(at).starts_with(piece)) {
          next[at + piece.size()] = true;
        }
      }
    }
    reachable = std::move(next);
  }
  return reachable[text.size()];
}

// What the binder takes: an escape stands before a wildcard or itself.
bool is_taken(std::string_view pattern, char escape) {
  for (size_t at = 0; escape != 0 && at < pattern.size(); ++at) {
    if (pattern[at] != escape) continue;
    if (++at == pattern.size() || (pattern[at] != '%' && pattern[at] != '_' && pattern[at] != escape)) return false;
  }
  return true;
}

data::Value evaluated(const sql::ExpressionPtr& expression, std::string_view text, std::string& taken) {
  data::Batch batch;
  batch.rows = 1;
  auto column = std::make_shared<data::Column>(data::Type{TypeKind::string}, 1);
  column->strings()[0] = text;
  column->valid[0] = 1;
  batch.columns.push_back(column);
  Evaluator evaluator;
  data::StringArena arena;
  if (!evaluator.prepare(expression)) return {};
  const auto result = evaluator.column(*expression, batch, arena);
  if (result->is_null(0)) return {};
  if (result->type.kind == TypeKind::boolean) return std::get<data::Booleans>(result->values)[0] != 0;
  taken = std::get<data::Strings>(result->values)[0];
  return taken;
}

}  // namespace
}  // namespace millrace::engine

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace;
  using namespace millrace::engine;
  if (size > 4096) return 0;
  fuzz::Input input(data, size);
  const std::string_view text = input.line();
  const std::string pattern(input.line());
  const std::string escape(input.line().substr(0, 1));
  const std::string regular(input.line());
  if (!escape.empty() && static_cast<unsigned char>(escape[0]) > 0x7f) return 0;  // one byte of a character
  for (const std::string_view part : {text, std::string_view(pattern), std::string_view(regular)}) {
    if (!simdjson::validate_utf8(part.data(), part.size())) return 0;  // records and scripts are UTF-8
  }
  const auto literal = [](std::string value) {
    return sql::make_literal(std::move(value), data::Type{TypeKind::string});
  };
  const auto column = sql::make_column(0, data::Type{TypeKind::string});
  std::string taken;

  std::vector<sql::ExpressionPtr> arguments = {column, literal(pattern)};
  if (!escape.empty()) arguments.push_back(literal(escape));
  const auto like = sql::make_call(sql::Function::like, data::Type{TypeKind::boolean}, arguments);
  // The kernel must not mind what the binder refuses.
  const data::Value found = evaluated(like, text, taken);
  CHECK(std::holds_alternative<bool>(found));
  const char escaping = escape.empty() ? '\0' : escape[0];
  CHECK(!is_taken(pattern, escaping) || std::get<bool>(found) == matches(text, pattern, escaping));

  const auto extract =
      sql::make_call(sql::Function::regexp_extract, data::Type{TypeKind::string},
                     {column, literal(regular), sql::make_literal(int64_t{0}, data::Type{TypeKind::integer})});
  const data::Value part = evaluated(extract, text, taken);
  if (std::holds_alternative<std::string>(part)) CHECK(text.find(taken) != std::string_view::npos);
  return 0;
}
