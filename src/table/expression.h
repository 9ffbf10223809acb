#pragma once
// DynamoDB's expressions: parse once (a bounded cache by text), then evaluate with a request's names and values.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.html
//
// Three steps with types of their own: parse (text -> tree, syntax errors), resolve (#names and :values, unused or
// missing ones are errors), evaluate (against an item). Errors are invalid_argument with DynamoDB's wording, such as
// `Invalid ConditionExpression: Syntax error; token: "=", near: "a = ="`.
//
// Parsed expressions are immutable and shared; the cache may be used from any thread.

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "table/item.h"

namespace millrace::table {

struct KeySchema;
struct Substitutions;
struct TableDefinition;

inline constexpr size_t expression_bytes_max = 4096;
inline constexpr size_t expression_cache_entries_max = 4096;

class ConditionExpression;  // also filters
class UpdateExpression;
class ProjectionExpression;

Result<std::shared_ptr<const ConditionExpression>> parse_condition(std::string_view text,
                                                                   std::string_view parameter_name);
Result<std::shared_ptr<const UpdateExpression>> parse_update(std::string_view text);
Result<std::shared_ptr<const ProjectionExpression>> parse_projection(std::string_view text);

// Which names and values a request's expressions have used: DynamoDB refuses a request that defines others
// ("Value provided in ExpressionAttributeValues unused in expressions: keys: {:x}").
class UsedSubstitutions {
 public:
  explicit UsedSubstitutions(const Substitutions& all) : all_(all) {}
  Result<std::string_view> name(std::string_view placeholder);
  Result<const AttributeValue*> value(std::string_view placeholder);
  Result<void> check_all_used() const;

 private:
  const Substitutions& all_;
  std::vector<std::string_view> names_;
  std::vector<std::string_view> values_;
};

// `item` null: there is none (attribute_not_exists holds).
Result<bool> evaluate(const ConditionExpression& condition, UsedSubstitutions& substitutions, const Item* item);

// The attributes with which the expression's paths begin.
Result<std::set<std::string_view>> attributes_of(const ConditionExpression& condition,
                                                 UsedSubstitutions& substitutions);
Result<std::set<std::string_view>> attributes_of(const ProjectionExpression& projection,
                                                 UsedSubstitutions& substitutions);

// A condition with its names and values looked up, for a filter that meets many items. Static errors (wrong types of
// operands, unknown names) show in bind(), so also where there is no item at all. The substitutions outlive it.
class BoundCondition {
 public:
  static Result<BoundCondition> bind(std::shared_ptr<const ConditionExpression> condition,
                                     UsedSubstitutions& substitutions);
  BoundCondition(BoundCondition&&) noexcept;
  BoundCondition& operator=(BoundCondition&&) noexcept;
  ~BoundCondition();
  bool holds(const Item* item) const;

 private:
  struct State;
  explicit BoundCondition(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// An update with its names and values looked up. What can never be right, whatever the item (unknown names, wrong
// types, attributes of the key, paths that overlap), shows in bind(). The substitutions outlive it.
class BoundUpdate {
 public:
  static Result<BoundUpdate> bind(std::shared_ptr<const UpdateExpression> update, UsedSubstitutions& substitutions,
                                  const TableDefinition& table);
  BoundUpdate(BoundUpdate&&) noexcept;
  BoundUpdate& operator=(BoundUpdate&&) noexcept;
  ~BoundUpdate();
  // Nothing but REMOVE and DELETE: where there is no item, it makes none.
  bool only_takes_away() const;
  // The new item. `old` null: it is made from the key, whose attributes the operands see as of any other item.
  Result<Item> apply(const Item& key, const Item* old) const;
  // What the paths point to in an item, before or after it: UPDATED_OLD and UPDATED_NEW.
  Item project(const Item& item) const;

 private:
  struct State;
  explicit BoundUpdate(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

Result<Item> project(const ProjectionExpression& projection, UsedSubstitutions& substitutions, const Item& item);

// A projection with its names looked up, for many items.
class BoundProjection {
 public:
  static Result<BoundProjection> bind(std::shared_ptr<const ProjectionExpression> projection,
                                      UsedSubstitutions& substitutions);
  BoundProjection(BoundProjection&&) noexcept;
  BoundProjection& operator=(BoundProjection&&) noexcept;
  ~BoundProjection();
  Item project(const Item& item) const;

 private:
  struct State;
  explicit BoundProjection(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// KeyConditionExpression: the hash key's value, and a range over the sort key. An index's keys may have several
// attributes: then all of the hash key's, those of the sort key that are given whole, and a range over the next one.
struct KeyRange {
  std::vector<AttributeValue> hash;
  std::vector<AttributeValue> whole;
  enum class Compare : uint8_t { none, equal, less, less_equal, greater, greater_equal, between, begins_with };
  Compare compare = Compare::none;
  AttributeValue first;   // of the comparison
  AttributeValue second;  // of BETWEEN
};
Result<KeyRange> key_range(std::string_view key_condition_expression, UsedSubstitutions& substitutions,
                           const TableDefinition& table);
Result<KeyRange> key_range(std::string_view key_condition_expression, UsedSubstitutions& substitutions,
                           const KeySchema& schema);

}  // namespace millrace::table
