#pragma once
// An expression's slots filled with a request's names and values, and paths followed with them. Lives on the stack of
// one evaluation (or in a Bound... object); the substitutions and the expression outlive it.

#include <boost/container/small_vector.hpp>

#include "table/expression_tree.h"

namespace millrace::table {

struct Bindings {
  static constexpr size_t inline_slots = 8;
  boost::container::small_vector<std::string_view, inline_slots> names;
  boost::container::small_vector<const AttributeValue*, inline_slots> values;

  std::string_view name(const PathStep& step) const {
    return step.kind == PathStep::Kind::slot ? names[step.number] : std::string_view(step.name);
  }
};

// Fills all slots, or says which name or value the request lacks.
Result<void> bind(Bindings& bindings, const ParsedExpression& expression, UsedSubstitutions& substitutions);

// Null: the item has nothing there.
const AttributeValue* find(const Item& item, const Path& path, const Bindings& bindings);
// One step down; null: nothing there, or no container for such a step.
const AttributeValue* step_into(const AttributeValue& value, const PathStep& step, const Bindings& bindings);

// As in DynamoDB's messages: "[a, b, [1]]".
std::string path_text(const Path& path, const Bindings& bindings);
// "Invalid ConditionExpression: ...".
std::unexpected<Error> refuse(const ParsedExpression& expression, std::string_view what);

// Order of paths: by name before by index, a beginning before the whole.
std::strong_ordering compare(const Path& a, const Path& b, const Bindings& bindings);
// Refuses paths of which one is the beginning of another, or that take the same thing for a map and for a list.
Result<void> check_disjoint(const ParsedExpression& expression, const std::vector<const Path*>& paths,
                            const Bindings& bindings);

// Takes only the given paths out of an item. They are disjoint.
Item take_paths(const Item& item, const std::vector<const Path*>& paths, const Bindings& bindings);

// Refuses operands that can never be right, whatever the item. Bindings must be complete.
Result<void> check_operands(const ConditionExpression& expression, const Bindings& bindings);
bool holds(const Condition& condition, const Bindings& bindings, const Item* item);

}  // namespace millrace::table
