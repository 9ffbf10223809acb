#include "table/write_json.h"

#include <gtest/gtest.h>

#include "table/item_json.h"

namespace millrace::table {
namespace {

using Kind = WriteRequest::Kind;

Result<WriteRequest> request_of(Kind kind, std::string_view json) {
  simdjson::ondemand::parser parser;
  const simdjson::padded_string text(json);
  simdjson::ondemand::document document;
  if (const auto code = parser.iterate(text).get(document)) return std::unexpected(wrong_json(code));
  simdjson::ondemand::object object;
  if (const auto code = document.get_object().get(object)) return std::unexpected(wrong_json(code));
  return write_from_json(kind, object);
}

Result<std::vector<WriteRequest>> requests_of(std::string_view json) {
  simdjson::ondemand::parser parser;
  const simdjson::padded_string text(json);
  simdjson::ondemand::document document;
  if (const auto code = parser.iterate(text).get(document)) return std::unexpected(wrong_json(code));
  simdjson::ondemand::array array;
  if (const auto code = document.get_array().get(array)) return std::unexpected(wrong_json(code));
  return writes_from_json(array);
}

template <class T>
std::string message(const Result<T>& result) {
  return result ? "no error" : result.error().message;
}

TEST(WriteJsonTest, ReadsAPut) {
  const auto put = request_of(Kind::put, R"json({"TableName":"Products","Item":{"id":{"S":"p1"}},
      "ConditionExpression":"attribute_not_exists(#i)","ExpressionAttributeNames":{"#i":"id"},
      "ReturnValues":"ALL_OLD","ReturnValuesOnConditionCheckFailure":"ALL_OLD",
      "ReturnConsumedCapacity":"TOTAL"})json");
  ASSERT_TRUE(put.has_value()) << message(put);
  EXPECT_EQ(put->table, "Products");
  EXPECT_EQ(put->item, (Item{{"id", "p1"}}));
  EXPECT_EQ(put->condition_expression, "attribute_not_exists(#i)");
  EXPECT_EQ(put->substitutions.names.at("#i"), "id");
  EXPECT_EQ(put->return_values, ReturnValues::all_old);
  EXPECT_TRUE(put->return_old_on_failure);
}

TEST(WriteJsonTest, ReadsAnUpdateInAnyOrderOfMembers) {
  const auto update = request_of(Kind::update, R"json({"ExpressionAttributeValues":{":one":{"N":"1"}},
      "UpdateExpression":"ADD stock :one","Key":{"id":{"S":"p1"}},"ReturnValues":"UPDATED_NEW",
      "TableName":"arn:aws:dynamodb:us-east-1:000000000000:table/Products","ConditionExpression":null})json");
  ASSERT_TRUE(update.has_value()) << message(update);
  EXPECT_EQ(update->table, "Products");
  EXPECT_EQ(update->update_expression, "ADD stock :one");
  EXPECT_EQ(update->substitutions.values.at(":one"), AttributeValue(1));
  EXPECT_EQ(update->return_values, ReturnValues::updated_new);
}

TEST(WriteJsonTest, ReadsATransaction) {
  const auto writes = requests_of(R"json([{"Put":{"TableName":"Orders","Item":{"id":{"S":"o1"}}}},
      {"Update":{"TableName":"Stock","Key":{"id":{"S":"p1"}},"UpdateExpression":"REMOVE held"}},
      {"Delete":{"TableName":"Carts","Key":{"id":{"S":"c1"}}}},
      {"ConditionCheck":{"TableName":"Users","Key":{"id":{"S":"u1"}},
                         "ConditionExpression":"attribute_exists(id)"}}])json");
  ASSERT_TRUE(writes.has_value()) << message(writes);
  ASSERT_EQ(writes->size(), 4u);
  EXPECT_EQ((*writes)[0].kind, Kind::put);
  EXPECT_EQ((*writes)[1].kind, Kind::update);
  EXPECT_EQ((*writes)[2].kind, Kind::erase);
  EXPECT_EQ((*writes)[3].kind, Kind::check);
}

TEST(WriteJsonTest, RefusesInDynamoDbsWords) {
  struct Case {
    Kind kind;
    std::string_view json;
    std::string_view message;
  };
  const Case cases[] = {
      {Kind::put, R"({"Item":{}})",
       "1 validation error detected: Value null at 'tableName' failed to satisfy constraint: Member must not be null"},
      {Kind::put, R"({"TableName":"Products"})",
       "1 validation error detected: Value null at 'item' failed to satisfy constraint: Member must not be null"},
      {Kind::erase, R"({"TableName":"Products","Item":{}})",
       "1 validation error detected: Value null at 'key' failed to satisfy constraint: Member must not be null"},
      {Kind::put, R"({"TableName":"ab","Item":{}})",
       "1 validation error detected: Value 'ab' at 'tableName' failed to satisfy constraint: Member must have length "
       "greater than or equal to 3"},
      {Kind::put, R"({"TableName":"a b c","Item":{}})",
       "1 validation error detected: Value 'a b c' at 'tableName' failed to satisfy constraint: Member must satisfy "
       "regular expression pattern: [a-zA-Z0-9_.-]+"},
      {Kind::put, R"({"TableName":"Products","Item":{},"ReturnValues":"ALL_NEW"})",
       "Return values set to invalid value"},
      {Kind::update, R"({"TableName":"Products","Key":{},"ReturnValues":"SOME"})",
       "1 validation error detected: Value 'SOME' at 'returnValues' failed to satisfy constraint: Member must satisfy "
       "enum value set: [ALL_NEW, UPDATED_OLD, ALL_OLD, NONE, UPDATED_NEW]"},
      {Kind::update, R"({"TableName":"Products","Key":{},"UpdateExpression":""})",
       "Invalid UpdateExpression: The expression can not be empty;"},
      {Kind::put, R"({"TableName":"Products","Item":{},"ExpressionAttributeNames":{"#a":"a"}})",
       "ExpressionAttributeNames can only be specified when using expressions"},
      {Kind::put, R"({"TableName":"Products","Item":{},"ExpressionAttributeValues":{":a":{"S":"a"}}})",
       "ExpressionAttributeValues can only be specified when using expressions: ConditionExpression is null"},
      {Kind::update,
       R"({"TableName":"Products","Key":{},"UpdateExpression":"REMOVE a","ExpressionAttributeValues":{}})",
       "ExpressionAttributeValues must not be empty"},
      {Kind::update,
       R"({"TableName":"Products","Key":{},"UpdateExpression":"REMOVE a","ExpressionAttributeNames":{"a":"b"}})",
       R"(ExpressionAttributeNames contains invalid key: Syntax error; key: "a")"},
      {Kind::update,
       R"({"TableName":"Products","Key":{},"UpdateExpression":"REMOVE a","ExpressionAttributeValues":{":a":{}}})",
       "ExpressionAttributeValues contains invalid value: Supplied AttributeValue is empty, must contain exactly one "
       "of the supported datatypes for key :a"},
      {Kind::put, R"({"TableName":5,"Item":{}})", "NUMBER_VALUE cannot be converted to String"},
  };
  for (const Case& each : cases) EXPECT_EQ(message(request_of(each.kind, each.json)), each.message) << each.json;
  EXPECT_NE(message(requests_of("[{}]")), "no error");
  EXPECT_NE(message(requests_of(R"([{"Get":{}}])")), "no error");
}

}  // namespace
}  // namespace millrace::table
