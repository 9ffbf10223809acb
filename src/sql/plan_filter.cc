// Conditions over rows that replace one another. A row that passed, and then is replaced by one that does not, would
// have to be taken back; so a condition may stand there only if that cannot happen: it is about the key, or about
// aggregates that only grow (COUNT, MAX) or only shrink (MIN), in the right direction.

#include <algorithm>

#include "sql/planner.h"

namespace millrace::sql {
namespace {

enum class Direction : uint8_t { none, grows, shrinks };

class FilterCheck {
 public:
  explicit FilterCheck(const Graph& graph) : graph_(graph) {}

  bool holds_for_ever(NodeId node, const ExpressionPtr& condition) const {
    if (depends_on_key_only(node, condition)) return true;
    if (condition->kind != Expression::Kind::call) return false;
    const auto& arguments = condition->arguments;
    switch (condition->function) {
      case Function::logical_and:
      case Function::logical_or:
        return holds_for_ever(node, arguments[0]) && holds_for_ever(node, arguments[1]);
      case Function::is_not_null:
        return direction_of(node, arguments[0]) != Direction::none;
      case Function::greater:
      case Function::greater_equal:
        return (direction_of(node, arguments[0]) == Direction::grows && is_literal(arguments[1])) ||
               (direction_of(node, arguments[1]) == Direction::shrinks && is_literal(arguments[0]));
      case Function::less:
      case Function::less_equal:
        return (direction_of(node, arguments[0]) == Direction::shrinks && is_literal(arguments[1])) ||
               (direction_of(node, arguments[1]) == Direction::grows && is_literal(arguments[0]));
      default:
        return false;
    }
  }

 private:
  bool depends_on_key_only(NodeId node, const ExpressionPtr& condition) const {
    const auto& key = graph_.key(node);
    const auto columns = columns_of(condition);
    return std::all_of(columns.begin(), columns.end(),
                       [&](int column) { return key && std::find(key->begin(), key->end(), column) != key->end(); });
  }

  // How the value changes from one row of a key to the next; it may start as NULL, but never becomes NULL again.
  Direction direction_of(NodeId node, const ExpressionPtr& value) const {
    if (value->kind == Expression::Kind::call) {
      const bool keeps_order = value->function == Function::cast && value->type.is_numeric() &&
                               value->arguments[0]->type.is_numeric() &&
                               !cast_may_fail(value->arguments[0]->type, value->type);
      return keeps_order ? direction_of(node, value->arguments[0]) : Direction::none;
    }
    if (value->kind != Expression::Kind::column) return Direction::none;
    const Node& below = graph_.at(node);
    if (const auto* calc = std::get_if<CalcNode>(&below.detail)) {
      return direction_of(calc->input, calc->projections[static_cast<size_t>(value->column)]);
    }
    if (const auto* lookup = std::get_if<LookupJoinNode>(&below.detail)) {
      const auto width = graph_.schema(lookup->input).size();
      return static_cast<size_t>(value->column) < width ? direction_of(lookup->input, value) : Direction::none;
    }
    const auto* group = std::get_if<GroupAggregateNode>(&below.detail);
    if (group == nullptr || graph_.retracts(group->input)) return Direction::none;
    const size_t first = group->keys.size();
    if (static_cast<size_t>(value->column) < first) return Direction::none;
    switch (group->aggregates[static_cast<size_t>(value->column) - first].function) {
      case AggregateFunction::count:
      case AggregateFunction::max:
        return Direction::grows;
      case AggregateFunction::min:
        return Direction::shrinks;
      default:
        return Direction::none;
    }
  }

  const Graph& graph_;
};

}  // namespace

Result<> Planner::check_filter(NodeId node, const std::vector<ExpressionPtr>& conditions, Position position,
                               std::string_view clause) const {
  if (!graph_.upserts(node)) return {};
  const FilterCheck check(graph_);
  for (const auto& condition : conditions) {
    if (check.holds_for_ever(node, condition)) continue;
    return fail_at(
        position,
        "{} cannot test '{}' on the result of a continuous GROUP BY: a row that passed might later fail, and "
        "would have to be taken back; test the key, COUNT or MAX > a constant, or MIN < a constant, put the test "
        "into a column, or use a window",
        clause, print(condition, graph_.schema(node)));
  }
  return {};
}

}  // namespace millrace::sql
