#pragma once
// What the parser makes of an expression's text: trees with the text's #names and :values as numbered slots, so that a
// request's names and values are looked up once, not at each use. Immutable after parsing; any thread.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "table/expression.h"

namespace millrace::table {

// A step into a document: an attribute by name (written out, or the slot of a #name), or a list's element.
struct PathStep {
  enum class Kind : uint8_t { name, slot, index } kind = Kind::name;
  std::string name;
  uint32_t number = 0;  // the slot or the index
};
using Path = std::vector<PathStep>;

struct Operand {
  enum class Kind : uint8_t { path, value, size, if_not_exists, list_append, plus, minus } kind = Kind::path;
  Path path;                      // of path and if_not_exists
  uint32_t value = 0;             // the slot of a :value
  std::vector<Operand> operands;  // of size: one; of if_not_exists: the other value; else two
};

struct Condition {
  enum class Kind : uint8_t {
    logical_and,
    logical_or,
    logical_not,
    equal,
    not_equal,
    less,
    less_equal,
    greater,
    greater_equal,
    between,
    in,
    attribute_exists,
    attribute_not_exists,
    attribute_type,
    begins_with,
    contains,
  } kind = Kind::equal;
  std::vector<Condition> conditions;  // of and, or, not
  std::vector<Operand> operands;      // of the others
};
// As in the text: "=", "BETWEEN", "begins_with".
std::string_view name(Condition::Kind kind);

struct UpdateAction {
  enum class Kind : uint8_t { set, remove, add, erase } kind = Kind::set;
  Path path;
  Operand value;  // of set; a :value of add and erase
};

// What all three have in common.
class ParsedExpression {
 public:
  std::string parameter;            // "ConditionExpression"
  std::vector<std::string> names;   // by slot: "#n"
  std::vector<std::string> values;  // by slot: ":v"
};

class ConditionExpression : public ParsedExpression {
 public:
  Condition root;
};
class UpdateExpression : public ParsedExpression {
 public:
  std::vector<UpdateAction> actions;
};
class ProjectionExpression : public ParsedExpression {
 public:
  std::vector<Path> paths;
};

// No cache; the text's sizes are checked here.
Result<ConditionExpression> parse_condition_text(std::string_view text, std::string_view parameter_name);
Result<UpdateExpression> parse_update_text(std::string_view text);
Result<ProjectionExpression> parse_projection_text(std::string_view text);

// Whether DynamoDB keeps the word for itself, in any case.
bool is_reserved_word(std::string_view word);

}  // namespace millrace::table
