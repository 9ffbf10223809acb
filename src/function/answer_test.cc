#include "function/answer.h"

#include <gtest/gtest.h>
#include <simdjson.h>

namespace millrace::function {
namespace {

Result<Answer> parse(std::string body) {
  body.reserve(body.size() + simdjson::SIMDJSON_PADDING);
  return parse_answer(body, base::SequenceFormat(ShardId(3), 42));
}

TEST(Answer, what_is_no_object_has_no_effects) {
  for (const char* const body :
       {"", "null", "  \n", "\"done\"", "[1]", "[]", "[[{}],{\"a\":1}]", "{}", "done, with side effects", "42", "true",
        R"("{\"statusCode\":200}")", R"({"statusCode":200,"body":"{\"effect\":1}"})", R"({"effect":"a sale"})",
        R"({"results":[1,{"a":[2]}],"defects":3,"Update":{"at":4}})"}) {
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
  const auto answer = parse(R"({"batchItemFailures":[{"itemIdentifier":"40000000003000000000000000009000000042"},)"
                            R"({"itemIdentifier":"40000000003000000000000000004000000042"}]})");
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->lowest_failed, SequenceNumber(4));
  EXPECT_FALSE(parse(R"({"batchItemFailures":[{"itemIdentifier":"40000000004000000000000000009000000042"}]})"))
      << "of another shard";
  EXPECT_FALSE(parse(R"({"batchItemFailures":[]})")->lowest_failed);
  EXPECT_FALSE(parse(R"({"batchItemFailures":null})")->lowest_failed);
}

// Else the records would count as handled, and what was to be written would be gone without a word.
TEST(Answer, what_was_nearly_meant_as_effects_says_why_it_is_none) {
  const std::vector<std::pair<std::string, std::string>> bodies = {
      {R"("{\"effects\":[{\"Put\":{\"TableName\":\"Out\",\"Item\":{}}}]}")", "JSON in quotes"},
      {R"("{\"batchItemFailures\":[]}")", "JSON in quotes"},
      {R"("[{\"Effects\":1}]")", "JSON in quotes"},
      {R"({"Effects":[{"Put":{"TableName":"Out","Item":{"id":{"S":"1"}}}}]})",
       "`Effects`, which means nothing here; did"},
      {R"({"efects":[]})", "did you mean `effects`?"},
      {R"({"statusCode":200,"effect":{"Put":{}}})", "did you mean `effects`?"},
      {R"({"TransactItems":[]})", "did you mean `effects`?"},
      {R"({"BatchItemFailures":[]})", "did you mean `batchItemFailures`?"},
      {R"({"batch_item_failures":[]})", "did you mean `batchItemFailures`?"},
      {R"([{"Put":{"TableName":"Out","Item":{"id":{"S":"1"}}}}])", "a bare list"},
      {R"([7,{"itemIdentifier":"100000000000000000009"}])", "a bare list"},
      {R"([{"put":{"tableName":"Out","item":{}}}])", "a bare list"},
      {R"({"Put":{"TableName":"Out","Item":{}}})", "a bare `Put`"},
      {R"({"update":{"Key":{},"table_name":"Out"}})", "a bare `update`"},
      {R"({"effects":"[]"})", "`effects` must be a list"},
      {R"({"effects":[)", "no JSON"},
      {R"({"effects":[]}{)", "no JSON"},
      {R"({"effects":[]} done)", "no JSON"},
      {R"({'effects':[]})", "no JSON"},
      {R"("effects":[])", "no JSON"},
      {R"({"effects":[{"Delete":{"TableName":"Old","Key":{"id":{"S":"x"}}}}],"note":nil})", "no JSON"},
      {R"([{"Put":)", "no JSON"},
      {R"("cut off)", "no JSON"},
      {R"(answer: {"effects":[]})", "no JSON"},
  };
  for (const auto& [body, why] : bodies) {
    const auto answer = parse(body);
    ASSERT_FALSE(answer) << body;
    EXPECT_NE(answer.error().message.find(why), std::string::npos) << body << ": " << answer.error().message;
  }
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
