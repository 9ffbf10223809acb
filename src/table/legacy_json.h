#pragma once
// The parameters from before expressions, which older clients send: Expected, AttributeUpdates, AttributesToGet,
// KeyConditions, QueryFilter, ScanFilter, ConditionalOperator. They are checked in DynamoDB's words and become the text
// of expressions, whose names and values are substitutions: from there on nothing knows of them.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/LegacyConditionalParameters.html
//
// Failure: invalid_argument in DynamoDB's words. Any thread.

#include <simdjson.h>

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "table/table.h"

namespace millrace::table {

class LegacyMembers {
 public:
  // Takes the member if it is one of them; false: it is another.
  Result<bool> take(std::string_view name, simdjson::ondemand::value value);

  // Refuses a request that has some of them and some of these, each a name and whether it is there.
  Result<void> check_not_mixed(std::initializer_list<std::pair<std::string_view, bool>> expressions) const;

  // The expressions that those taken mean, nullopt for those that are not there. What they need is added to the
  // substitutions, which have nothing else then.
  Result<std::optional<std::string>> condition(Substitutions& substitutions) const;  // Expected
  Result<std::optional<std::string>> update(Substitutions& substitutions) const;
  Result<std::optional<std::string>> projection(Substitutions& substitutions) const;
  Result<std::optional<std::string>> key_condition(Substitutions& substitutions) const;
  Result<std::optional<std::string>> filter(Substitutions& substitutions) const;  // QueryFilter, ScanFilter

 private:
  // Of one attribute: an entry of Expected, of a filter or of KeyConditions.
  struct Condition {
    std::string attribute;
    std::optional<std::string> comparison;
    std::optional<AttributeValue> value;
    std::optional<std::vector<AttributeValue>> values;
    std::optional<bool> exists;
  };
  struct Update {
    std::string attribute;
    std::string action = "PUT";
    std::optional<AttributeValue> value;
  };
  class Text;

  static Result<Condition> condition_from(std::string_view attribute, simdjson::ondemand::value value);
  static Result<Update> update_from(std::string_view attribute, simdjson::ondemand::value value);
  static Result<void> check_expected(Condition& condition);
  static Result<void> check_arguments(const Condition& condition);
  Result<std::optional<std::string>> conditions_text(const std::vector<Condition>& conditions,
                                                     Substitutions& substitutions) const;

  std::vector<std::string> names_;  // of those taken
  std::optional<std::vector<Condition>> expected_;
  std::optional<std::vector<Condition>> filter_;
  std::optional<std::vector<Condition>> key_conditions_;
  std::optional<std::vector<Update>> updates_;
  std::optional<std::vector<std::string>> attributes_;
  std::optional<std::string> conditional_operator_;
};

}  // namespace millrace::table
