#include "function/answer.h"

#include <gtest/gtest.h>
#include <simdjson.h>

namespace millrace::function {
namespace {

Result<Answer> parse(std::string body) {
  body.reserve(body.size() + simdjson::SIMDJSON_PADDING);
  return parse_answer(body);
}

TEST(Answer, what_is_no_object_has_no_effects) {
  for (const char* const body : {"", "null", "  \n", "\"done\"", "[1]", "{}", R"({"statusCode":200})"}) {
    const auto answer = parse(body);
    ASSERT_TRUE(answer) << body;
    EXPECT_TRUE(answer->effects.empty());
    EXPECT_FALSE(answer->lowest_failed);
  }
}

TEST(Answer, effects_are_the_entries_of_a_transaction) {
  const auto answer = parse(
      R"({"effects":[{"Put":{"TableName":"First","Item":{"id":{"S":"1"}}}},)"
      R"({"Update":{"TableName":"Second","Key":{"id":{"S":"2"}},"UpdateExpression":"ADD n :one",)"
      R"("ExpressionAttributeValues":{":one":{"N":"1"}}}},{"Delete":{"TableName":"Third","Key":{"id":{"S":"3"}}}}],)"
      R"("note":"more"})");
  ASSERT_TRUE(answer) << answer.error().message;
  ASSERT_EQ(answer->effects.size(), 3U);
  EXPECT_EQ(answer->effects[0].kind, table::WriteRequest::Kind::put);
  EXPECT_EQ(answer->effects[1].update_expression, "ADD n :one");
  EXPECT_EQ(answer->effects[2].table, "Third");
}

TEST(Answer, the_lowest_failed_item_counts) {
  const auto answer = parse(
      R"({"batchItemFailures":[{"itemIdentifier":"100000000000000000009"},{"itemIdentifier":"100000000000000000004"}]})");
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->lowest_failed, SequenceNumber(4));
  EXPECT_FALSE(parse(R"({"batchItemFailures":[]})")->lowest_failed);
  EXPECT_FALSE(parse(R"({"batchItemFailures":null})")->lowest_failed);
}

TEST(Answer, what_cannot_be_understood_is_an_error) {
  for (const char* const body : {"{", R"({"effects":{}})", R"({"effects":[{"Drop":{"TableName":"First"}}]})",
                                 R"({"effects":[7]})", R"({"batchItemFailures":[{"itemIdentifier":""}]})",
                                 R"({"batchItemFailures":[{}]})", R"({"batchItemFailures":["x"]})"}) {
    EXPECT_FALSE(parse(body)) << body;
  }
}

}  // namespace
}  // namespace millrace::function
