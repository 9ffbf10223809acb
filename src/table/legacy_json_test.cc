#include "table/legacy_json.h"

#include <gtest/gtest.h>

#include "table/item_json.h"
#include "table/test_tables.h"
#include "table/write_json.h"

namespace millrace::table {
namespace {

using Kind = WriteRequest::Kind;

Result<WriteRequest> parse(Kind kind, std::string_view members) {
  simdjson::ondemand::parser parser;
  const simdjson::padded_string text(fmt::format(R"({{"TableName":"Products",{}}})", members));
  auto document = parser.iterate(text);
  return write_from_json(kind, document.get_object().value());
}

std::string refusal(Kind kind, std::string_view members) {
  const auto request = parse(kind, members);
  return request ? "accepted" : request.error().message;
}

TEST(LegacyJson, expected_becomes_a_condition) {
  const std::tuple<std::string_view, std::string_view, std::string_view> cases[] = {
      {R"({"a":{"Exists":false}})", "attribute_not_exists(#0)", "{}"},
      {R"({"a":{"Value":{"N":"1"}}})", "#0 = :0", R"({":0":{"N":"1"}})"},
      {R"({"a":{"Exists":true,"Value":{"N":"1"}}})", "#0 = :0", R"({":0":{"N":"1"}})"},
      {R"({"a":{"ComparisonOperator":"NE","Value":{"N":"1"}}})", "#0 <> :0", R"({":0":{"N":"1"}})"},
      {R"({"a":{"ComparisonOperator":"BETWEEN","AttributeValueList":[{"N":"1"},{"N":"2"}]}})", "#0 BETWEEN :0 AND :1",
       R"({":0":{"N":"1"},":1":{"N":"2"}})"},
      {R"({"a":{"ComparisonOperator":"IN","AttributeValueList":[{"S":"x"},{"S":"y"}]}})", "#0 IN (:0, :1)",
       R"({":0":{"S":"x"},":1":{"S":"y"}})"},
      {R"({"a":{"ComparisonOperator":"NOT_NULL"},"b":{"ComparisonOperator":"NOT_CONTAINS","Value":{"S":"x"}}})",
       "attribute_exists(#0) AND NOT contains(#1, :0)", R"({":0":{"S":"x"}})"},
  };
  for (const auto& [expected, text, values] : cases) {
    const auto request = parse(Kind::put, fmt::format(R"("Item":{{}},"Expected":{})", expected));
    ASSERT_TRUE(request) << expected << ": " << request.error().message;
    EXPECT_EQ(request->condition_expression, text);
    EXPECT_EQ(json(request->substitutions.values), values);
    EXPECT_EQ(request->substitutions.names.at("#0"), "a");
  }
  const auto either = parse(
      Kind::erase, R"("Key":{},"ConditionalOperator":"OR","Expected":{"a":{"Exists":false},"b":{"Value":{"N":"1"}}})");
  ASSERT_TRUE(either) << either.error().message;
  EXPECT_EQ(either->condition_expression, "attribute_not_exists(#0) OR #1 = :0");
}

TEST(LegacyJson, updates_become_an_expression) {
  const auto request = parse(
      Kind::update,
      R"("Key":{},"AttributeUpdates":{"a":{"Value":{"N":"1"}},"b":{"Action":"ADD","Value":{"N":"2"}},"c":{"Action":"DELETE"},"d":{"Action":"DELETE","Value":{"SS":["x"]}},"e":{"Action":"PUT","Value":{"S":"y"}}})");
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(request->update_expression, "SET #0 = :0, #4 = :3 REMOVE #2 ADD #1 :1 DELETE #3 :2");
  const auto nothing = parse(Kind::update, R"("Key":{},"AttributeUpdates":{})");
  ASSERT_TRUE(nothing);
  EXPECT_EQ(nothing->update_expression, "");
}

TEST(LegacyJson, refuses_in_dynamodbs_words) {
  const std::string invalid = "One or more parameter values were invalid: ";
  const std::pair<std::string_view, std::string> cases[] = {
      {R"("Expected":{"a":{"Exists":false,"Value":{"N":"1"}}})",
       invalid + "Value cannot be used when Exists is false for Attribute: a"},
      {R"("Expected":{"a":{"Exists":true}})", invalid + "Value must be provided when Exists is true for Attribute: a"},
      {R"("Expected":{"a":{}})", invalid + "Value must be provided when Exists is null for Attribute: a"},
      {R"("Expected":{"a":{"ComparisonOperator":"EQ"}})",
       invalid + "Value or AttributeValueList must be used with ComparisonOperator: EQ for Attribute: a"},
      {R"("Expected":{"a":{"ComparisonOperator":"EQ","Exists":true,"Value":{"N":"1"}}})",
       invalid + "Exists and ComparisonOperator cannot be used together for Attribute: a"},
      {R"("Expected":{"a":{"AttributeValueList":[{"N":"1"}]}})",
       invalid + "AttributeValueList can only be used with a ComparisonOperator for Attribute: a"},
      {R"("Expected":{"a":{"ComparisonOperator":"BETWEEN","AttributeValueList":[{"N":"1"}]}})",
       invalid + "Invalid number of argument(s) for the BETWEEN ComparisonOperator"},
      {R"("Expected":{"a":{"ComparisonOperator":"LT","AttributeValueList":[{"M":{}}]}})",
       invalid + "ComparisonOperator LT is not valid for M AttributeValue type"},
      {R"("Expected":{"a":{"Exists":false}},"ConditionalOperator":"OR")",
       "ConditionalOperator can only be used when Filter or Expected has two or more elements"},
      {R"("ConditionalOperator":"OR")", "ConditionalOperator cannot be used without Filter or Expected"},
      {R"("Expected":{"a":{"Exists":false}},"ConditionExpression":"a = b")",
       "Can not use both expression and non-expression parameters in the same request: Non-expression parameters: "
       "{Expected} Expression parameters: {ConditionExpression}"},
  };
  for (const auto& [members, message] : cases) {
    EXPECT_EQ(refusal(Kind::put, fmt::format(R"("Item":{{}},{})", members)), message);
  }
  EXPECT_EQ(refusal(Kind::update, R"("Key":{},"AttributeUpdates":{"a":{"Action":"ADD","Value":{"BOOL":true}}})"),
            invalid + "ADD action is not supported for the type BOOL");
  EXPECT_EQ(refusal(Kind::update, R"("Key":{},"AttributeUpdates":{"a":{"Action":"PUT"}})"),
            invalid + "Only DELETE action is allowed when no attribute value is specified");
  EXPECT_EQ(refusal(Kind::update, R"("Key":{},"AttributeUpdates":{"a":{"Action":"DELETE","Value":{"S":"x"}}})"),
            invalid + "DELETE action with value is not supported for the type S");
}

}  // namespace
}  // namespace millrace::table
