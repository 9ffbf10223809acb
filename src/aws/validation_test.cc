#include "aws/validation.h"

#include <gtest/gtest.h>

#include "aws/coding.h"

namespace millrace::aws {
namespace {

constexpr Shape name{.name = "Name", .kind = ShapeKind::text, .least = 1, .most = 8, .pattern = "[a-zA-Z0-9_.-]+"};
constexpr std::string_view modes[] = {"FAST", "SLOW"};
constexpr Shape mode{.name = "Mode", .kind = ShapeKind::text, .values = modes};
constexpr Shape limit{.name = "Limit", .kind = ShapeKind::integer, .least = 1, .most = 100};
constexpr Shape data{.name = "Data", .kind = ShapeKind::blob, .most = 2};
constexpr Shape tag_key{.name = "TagKey", .kind = ShapeKind::text, .least = 1, .most = 3};
constexpr Shape tag_value{.name = "TagValue", .kind = ShapeKind::text, .most = 4};
constexpr Shape tags{
    .name = "Tags", .kind = ShapeKind::map, .element = &tag_value, .key = &tag_key, .least = 1, .most = 2};
constexpr Shape keys{.name = "Keys", .kind = ShapeKind::list, .element = &tag_key, .least = 1, .most = 4};
constexpr ShapeMember record_members[] = {{"Data", &data, true}, {"PartitionKey", &tag_key, true}};
constexpr Shape record{.name = "Record", .kind = ShapeKind::structure, .members = record_members};
constexpr Shape records{.name = "Records", .kind = ShapeKind::list, .element = &record, .least = 1, .most = 20};
constexpr ShapeMember members[] = {
    {"StreamName", &name, true}, {"Mode", &mode},       {"Limit", &limit},   {"Tags", &tags},
    {"TagKeys", &keys},          {"Records", &records}, {"StreamARN", &name}};
constexpr Shape input{.name = "Input", .kind = ShapeKind::structure, .members = members};

// The message of the refusal, or "".
std::string refused(std::string body) {
  RequestReader reader;
  body.reserve(body.size() + 64);
  const auto value = reader.read(Coding::json_1_1, body, input);
  EXPECT_TRUE(value) << value.error().message;
  if (!value) return {};
  const auto error = validate(*value, input);
  if (!error) return {};
  EXPECT_EQ(error->name, "ValidationException");
  EXPECT_EQ(error->status, 400);
  return error->message;
}

TEST(Validation, lets_pass_what_is_as_described) {
  EXPECT_EQ(refused(R"({"StreamName":"a.b-C_1","Mode":"SLOW","Limit":100,"Tags":{"k":""},"TagKeys":["üüü"],
                        "Records":[{"Data":"","PartitionKey":"k"}]})"),
            "");
}

TEST(Validation, says_what_one_member_violates) {
  EXPECT_EQ(
      refused("{}"),
      "1 validation error detected: Value null at 'streamName' failed to satisfy constraint: Member must not be null");
  EXPECT_EQ(
      refused(R"({"StreamName":"a b"})"),
      "1 validation error detected: Value 'a b' at 'streamName' failed to satisfy constraint: Member must satisfy "
      "regular expression pattern: [a-zA-Z0-9_.-]+");
  EXPECT_EQ(
      refused(R"({"StreamName":"a","Mode":"x"})"),
      "1 validation error detected: Value 'x' at 'mode' failed to satisfy constraint: Member must satisfy enum value "
      "set: [FAST, SLOW]");
  EXPECT_EQ(
      refused(R"({"StreamName":"a","Limit":0})"),
      "1 validation error detected: Value '0' at 'limit' failed to satisfy constraint: Member must have value greater "
      "than or equal to 1");
  EXPECT_EQ(
      refused(R"({"StreamName":"a","StreamARN":"123456789"})"),
      "1 validation error detected: Value '123456789' at 'streamARN' failed to satisfy constraint: Member must have "
      "length less than or equal to 8");
}

TEST(Validation, says_all_violations_in_the_order_of_the_description) {
  EXPECT_EQ(
      refused(R"({"Limit":101,"StreamName":""})"),
      "3 validation errors detected: Value '' at 'streamName' failed to satisfy constraint: Member must satisfy "
      "regular expression pattern: [a-zA-Z0-9_.-]+; Value '' at 'streamName' failed to satisfy constraint: Member "
      "must have length greater than or equal to 1; Value '101' at 'limit' failed to satisfy constraint: Member must "
      "have value less than or equal to 100");
}

TEST(Validation, speaks_of_the_elements_of_lists_and_maps) {
  EXPECT_EQ(
      refused(R"({"StreamName":"a","TagKeys":["a","long",null]})"),
      "1 validation error detected: Value '[a, long, null]' at 'tagKeys' failed to satisfy constraint: Member must "
      "satisfy constraint: [Member must have length less than or equal to 3, Member must have length greater than or "
      "equal to 1]");
  EXPECT_EQ(
      refused(R"({"StreamName":"a","TagKeys":[]})"),
      "1 validation error detected: Value '[]' at 'tagKeys' failed to satisfy constraint: Member must have length "
      "greater than or equal to 1");
  EXPECT_EQ(
      refused(R"({"StreamName":"a","Tags":{"":"12345"}})"),
      "2 validation errors detected: Value '{=12345}' at 'tags' failed to satisfy constraint: Map keys must satisfy "
      "constraint: [Member must have length less than or equal to 3, Member must have length greater than or equal to "
      "1]; Value '{=12345}' at 'tags' failed to satisfy constraint: Map value must satisfy constraint: [Member must "
      "have length less than or equal to 4]");
  EXPECT_EQ(
      refused(R"({"StreamName":"a","Records":[{"Data":"AAAA","PartitionKey":"k"},{"PartitionKey":""},null]})"),
      "4 validation errors detected: Value 'java.nio.HeapByteBuffer[pos=0 lim=3 cap=3]' at 'records.1.member.data' "
      "failed to satisfy constraint: Member must have length less than or equal to 2; Value null at "
      "'records.2.member.data' failed to satisfy constraint: Member must not be null; Value '' at "
      "'records.2.member.partitionKey' failed to satisfy constraint: Member must have length greater than or equal to "
      "1; Value null at 'records.3.member' failed to satisfy constraint: Member must not be null");
}

TEST(Validation, tells_ten_violations_and_the_begin_of_what_is_long) {
  std::string many = R"({"StreamName":"a","Records":[{})";
  for (int i = 0; i < 19; ++i) many += ",{}";
  EXPECT_TRUE(refused(many + "]}").starts_with("10 validation errors detected: "));
  std::string shown = "'";
  for (size_t i = 0; i < Validation::shown_bytes_max / 2; ++i) shown += "ü";
  std::string name = "x";
  for (size_t i = 0; i < Validation::shown_bytes_max; ++i) name += "ü";
  const std::string message = refused(R"({"StreamName":"a","Mode":")" + name + "\"}");
  EXPECT_LT(message.size(), Validation::shown_bytes_max + 200);
  EXPECT_NE(message.find("ü...' at 'mode'"), std::string::npos) << "cut between two characters";
}

}  // namespace
}  // namespace millrace::aws
