// DynamoDB's expressions: three lines, an expression, the #names (a JSON object of strings), the :values (an item's
// JSON); what follows is the item's JSON. The expression is taken for each of the four kinds.
//
// The two ways to evaluate a condition agree; an update's outcome is an item that can be stored and read again, and it
// keeps its key; what a projection takes is part of the item.

#include "table/expression.h"

#include "input.h"
#include "item_text.h"
#include "table/expression_tree.h"
#include "table/keys.h"
#include "table/table.h"

namespace millrace::table {
namespace {

// "#a" names "a" and so on: the letters are what an expression needs.
Substitutions substitutions_of(std::string_view names, std::string_view values) {
  Substitutions substitutions;
  while (!names.empty()) {
    const size_t end = names.find(' ');
    const std::string_view pair = names.substr(0, end);
    const size_t equal = pair.find('=');
    if (pair.starts_with('#') && equal != std::string_view::npos) {
      substitutions.names.emplace(pair.substr(0, equal), pair.substr(equal + 1));
    }
    names.remove_prefix(end == std::string_view::npos ? names.size() : end + 1);
  }
  if (auto item = fuzz::item_of(values)) {
    for (auto& [name, value] : *item) {
      if (name.starts_with(':')) substitutions.values.emplace(name, std::move(value));
    }
  }
  return substitutions;
}

bool same_verdict(const Result<bool>& a, const Result<bool>& b) {
  return a.has_value() == b.has_value() && (a ? *a == *b : a.error().message == b.error().message);
}

void check_condition(std::string_view text, const Substitutions& substitutions, const Item& item) {
  const auto condition = parse_condition_text(text, "ConditionExpression");
  if (!condition) return;
  const auto shared = std::make_shared<const ConditionExpression>(*condition);
  for (const Item* met : {&item, static_cast<const Item*>(nullptr)}) {
    UsedSubstitutions used(substitutions);
    const auto verdict = evaluate(*shared, used, met);
    UsedSubstitutions used_again(substitutions);
    const auto bound = BoundCondition::bind(shared, used_again);
    const Result<bool> other = bound ? Result<bool>(bound->holds(met)) : std::unexpected(bound.error());
    CHECK(same_verdict(verdict, other));
  }
}

void check_update(std::string_view text, const Substitutions& substitutions, const TableDefinition& table,
                  const Item& item) {
  auto update = parse_update_text(text);
  if (!update) return;
  const auto shared = std::make_shared<const UpdateExpression>(*std::move(update));
  UsedSubstitutions used(substitutions);
  const auto bound = BoundUpdate::bind(shared, used, table);
  if (!bound) return;
  const Item key = key_attributes(table, item);
  for (const Item* old : {&item, static_cast<const Item*>(nullptr)}) {
    const auto made = bound->apply(key, old);
    if (!made) continue;
    CHECK(key_attributes(table, *made) == key);
    std::string stored;
    put_item(stored, *made);
    const auto read = get_item(stored);
    CHECK(read.has_value() && *read == *made);
    (void)bound->project(*made);
  }
}

void check_projection(std::string_view text, const Substitutions& substitutions, const Item& item) {
  auto projection = parse_projection_text(text);
  if (!projection) return;
  const auto shared = std::make_shared<const ProjectionExpression>(*std::move(projection));
  UsedSubstitutions used(substitutions);
  const auto taken = project(*shared, used, item);
  UsedSubstitutions used_again(substitutions);
  const auto bound = BoundProjection::bind(shared, used_again);
  CHECK(taken.has_value() == bound.has_value());
  if (!taken) return;
  CHECK(bound->project(item) == *taken);
  for (const auto& [name, value] : *taken) CHECK(item.contains(name));
  CHECK(item_size(*taken) <= item_size(item));
}

}  // namespace
}  // namespace millrace::table

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace::table;
  millrace::fuzz::Input input(data, size);
  const std::string_view text = input.line();
  const std::string_view names = input.line();
  const Substitutions substitutions = substitutions_of(names, input.line());
  auto item = millrace::fuzz::item_of(input.rest());
  if (!item) item = Item();
  item->insert_or_assign("id", AttributeValue("p1"));
  TableDefinition table;
  table.name = "Products";
  table.hash_key = {"id", KeyType::string};
  check_condition(text, substitutions, *item);
  check_update(text, substitutions, table, *item);
  check_projection(text, substitutions, *item);
  UsedSubstitutions used(substitutions);
  table.range_key = KeyAttribute{"version", KeyType::number};
  (void)key_range(text, used, table);
  return 0;
}
