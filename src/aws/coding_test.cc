#include "aws/coding.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "aws/arn.h"
#include "aws/cbor.h"

namespace millrace::aws {
namespace {

constexpr Shape text{.name = "Text", .kind = ShapeKind::text};
constexpr Shape number{.name = "Number", .kind = ShapeKind::integer};
constexpr Shape big{.name = "Big", .kind = ShapeKind::long_integer};
constexpr Shape real{.name = "Real", .kind = ShapeKind::floating};
constexpr Shape flag{.name = "Flag", .kind = ShapeKind::boolean};
constexpr Shape time{.name = "Time", .kind = ShapeKind::timestamp};
constexpr Shape blob{.name = "Blob", .kind = ShapeKind::blob};
constexpr Shape texts{.name = "Texts", .kind = ShapeKind::list, .element = &text};
constexpr Shape tags{.name = "Tags", .kind = ShapeKind::map, .element = &text, .key = &text};
extern const Shape everything;
constexpr ShapeMember members[] = {{"Text", &text}, {"Number", &number},   {"Big", &big},   {"Real", &real},
                                   {"Flag", &flag}, {"Time", &time},       {"Blob", &blob}, {"Texts", &texts},
                                   {"Tags", &tags}, {"Again", &everything}};
constexpr Shape everything{.name = "Everything", .kind = ShapeKind::structure, .members = members};

class CodingTest : public testing::Test {
 protected:
  std::expected<Value, AwsError> read_json(std::string body) {
    body.reserve(body.size() + 64);
    return reader_.read(Coding::json_1_1, body, everything);
  }
  // The message of the refusal.
  std::string refused(std::string body) {
    const auto value = read_json(std::move(body));
    if (value) return "not refused";
    EXPECT_EQ(value.error().name, "SerializationException");
    EXPECT_EQ(value.error().status, 400);
    return value.error().message;
  }

  RequestReader reader_;
};

TEST_F(CodingTest, json_of_every_type_is_read_as_it_is_described) {
  const auto value = read_json(R"({"Text":"t\u00fc\n","Number":7,"Big":9007199254740993,"Real":0.5,"Flag":true,
      "Time":1700000000.123,"Blob":"AP8=","Texts":["a","b"],"Tags":{"k":"v"},"Again":{"Number":-1}})");
  ASSERT_TRUE(value) << value.error().message;
  EXPECT_EQ(value->text("Text"), "tü\n");
  EXPECT_EQ(value->integer("Number"), 7);
  EXPECT_EQ(value->integer("Big"), 9007199254740993);
  EXPECT_EQ(value->find("Real")->floating(), 0.5);
  EXPECT_EQ(value->boolean("Flag"), true);
  EXPECT_EQ(value->time("Time"), ProcessingTime(1700000000123));
  EXPECT_EQ(value->find("Blob")->blob(), std::string_view("\0\xff", 2));
  ASSERT_EQ(value->find("Texts")->list().size(), 2U);
  EXPECT_EQ(value->find("Texts")->list()[1].text(), "b");
  EXPECT_EQ(value->find("Tags")->text("k"), "v");
  EXPECT_EQ(value->find("Again")->integer("Number"), -1);
}

TEST_F(CodingTest, what_is_unknown_is_ignored_and_what_is_null_was_not_given) {
  const auto value = read_json(R"({"Unknown":{"Text":[1,{"x":null}]},"Text":null,"Number":1,"Number":2})");
  ASSERT_TRUE(value);
  EXPECT_FALSE(value->has("Text"));
  EXPECT_FALSE(value->has("Unknown"));
  EXPECT_EQ(value->text("Text"), std::nullopt);
  EXPECT_EQ(value->integer("Number"), 2) << "the last of two";
  EXPECT_EQ(read_json(""), Value(Value::Members()));
}

TEST_F(CodingTest, numbers_end_where_their_type_does) {
  EXPECT_EQ(read_json(R"({"Number":1.9})")->integer("Number"), 1);
  EXPECT_EQ(read_json(R"({"Number":-1.9})")->integer("Number"), -1);
  EXPECT_EQ(read_json(R"({"Number":1e300})")->integer("Number"), 2147483647);
  EXPECT_EQ(read_json(R"({"Number":-99999999999})")->integer("Number"), -2147483648);
  EXPECT_EQ(read_json(R"({"Real":3})")->find("Real")->floating(), 3);
  EXPECT_GT(read_json(R"({"Big":1e300})")->integer("Big"), 1L << 62);
  EXPECT_EQ(read_json(R"({"Time":7})")->time("Time"), ProcessingTime(7000));
  EXPECT_GT(read_json(R"({"Time":9223372036854775807})")->time("Time"), ProcessingTime(1L << 62));
  EXPECT_LT(read_json(R"({"Time":-1e300})")->time("Time"), ProcessingTime(0));
}

TEST_F(CodingTest, another_type_is_refused_in_the_words_of_aws) {
  EXPECT_EQ(refused(R"({"Text":7})"),
            "class com.amazon.coral.value.json.numbers.TruncatingBigNumber can not be converted to an String");
  EXPECT_EQ(refused(R"({"Text":true})"), "class java.lang.Boolean can not be converted to an String");
  EXPECT_EQ(refused(R"({"Text":[]})"), "Start of list found where not expected");
  EXPECT_EQ(refused(R"({"Text":{}})"), "Start of structure or map found where not expected.");
  EXPECT_EQ(refused(R"({"Number":"7"})"), "class java.lang.String can not be converted to an Integer");
  EXPECT_EQ(refused(R"({"Big":"7"})"), "class java.lang.String can not be converted to an Long");
  EXPECT_EQ(refused(R"({"Time":"7"})"), "class java.lang.String can not be converted to milliseconds since epoch");
  EXPECT_EQ(refused(R"({"Flag":"true"})"), "class java.lang.String can not be converted to an Boolean");
  EXPECT_EQ(refused(R"({"Blob":false})"), "class java.lang.Boolean can not be converted to a Blob");
  EXPECT_EQ(refused(R"({"Blob":"%%"})"), "A text can not be converted to a Blob: it is not base64.");
  EXPECT_EQ(refused(R"({"Texts":"a"})"), "Expected list or null");
  EXPECT_EQ(refused(R"({"Texts":{}})"), "Start of structure or map found where not expected.");
  EXPECT_EQ(refused(R"({"Tags":1})"), "Expected map or null");
  EXPECT_EQ(refused(R"({"Again":1})"), "Expected null");
  EXPECT_EQ(refused(R"({"Again":[]})"), "Start of list found where not expected");
  EXPECT_EQ(refused("[]"), "Start of list found where not expected");
}

TEST_F(CodingTest, what_is_no_json_is_refused) {
  for (const char* body :
       {"{", "nonsense", R"({"Text":})", R"({"Text":"a")", R"({"Text":"a"}})", "{}x", "\"", "7", "\"a\"", "null",
        R"({"Text":nul})", R"({"Number":n})", "{\"Text\":\"\xff\xfe\"}", R"({"Text":"\ud800"})"}) {
    EXPECT_EQ(refused(body), "The body is not the JSON that it should be.") << body;
  }
}

TEST_F(CodingTest, a_request_is_bounded_in_depth_and_number) {
  std::string deep;
  for (int i = 0; i <= RequestReader::depth_max; ++i) deep += R"({"Again":)";
  EXPECT_EQ(refused(deep + "{}" + std::string(RequestReader::depth_max + 1, '}')),
            "The request is nested more deeply than anything it could mean.");
  std::string many = R"({"Texts":["")";
  for (size_t i = 0; i < RequestReader::values_max; ++i) many += R"(,"")";
  EXPECT_EQ(refused(many + "]}"), "The request has more than 100000 values.");
}

TEST_F(CodingTest, cbor_of_every_type_is_read_as_it_is_described) {
  std::string body;
  cbor::begin_map(body);
  const auto name = [&](std::string_view text) { cbor::append_text(body, text); };
  name("Text");
  cbor::append_text(body, "tü");
  name("Unknown");
  cbor::begin_list(body);
  cbor::append_boolean(body, true);
  cbor::end(body);
  name("Number");
  cbor::append_integer(body, int64_t{1} << 40);
  name("Big");
  cbor::append_integer(body, int64_t{1} << 40);
  name("Real");
  cbor::append_integer(body, 3);
  name("Flag");
  cbor::append_boolean(body, false);
  name("Time");
  cbor::append_time(body, ProcessingTime(1700000000123));
  name("Blob");
  cbor::append_bytes(body, "\xff");
  name("Texts");
  cbor::begin_list(body);
  cbor::append_text(body, "a");
  cbor::end(body);
  name("Tags");
  cbor::begin_map(body);
  name("k");
  cbor::append_text(body, "v");
  cbor::end(body);
  cbor::end(body);
  const auto value = reader_.read(Coding::cbor_1_1, body, everything);
  ASSERT_TRUE(value) << value.error().message;
  EXPECT_EQ(value->text("Text"), "tü");
  EXPECT_FALSE(value->has("Unknown"));
  EXPECT_EQ(value->integer("Number"), 2147483647);
  EXPECT_EQ(value->integer("Big"), int64_t{1} << 40);
  EXPECT_EQ(value->find("Real")->floating(), 3);
  EXPECT_EQ(value->boolean("Flag"), false);
  EXPECT_EQ(value->time("Time"), ProcessingTime(1700000000123));
  EXPECT_EQ(value->find("Blob")->blob(), "\xff");
  EXPECT_EQ(value->find("Texts")->list().at(0).text(), "a");
  EXPECT_EQ(value->find("Tags")->text("k"), "v");
  EXPECT_EQ(reader_.read(Coding::cbor_1_1, "", everything), Value(Value::Members()));
}

TEST_F(CodingTest, cbor_of_another_type_is_refused_in_the_same_words) {
  const auto refused = [&](std::string_view member, auto append) {
    std::string body;
    cbor::begin_map(body);
    cbor::append_text(body, member);
    append(body);
    cbor::end(body);
    const auto value = reader_.read(Coding::cbor_1_1, body, everything);
    return value ? "not refused" : value.error().message;
  };
  const auto bytes = [](std::string& out) { cbor::append_bytes(out, "x"); };
  const auto words = [](std::string& out) { cbor::append_text(out, "x"); };
  const auto moment = [](std::string& out) { cbor::append_time(out, ProcessingTime(1)); };
  const auto not_a_number = [](std::string& out) { out += "\xf9\x7e\x01"; };
  EXPECT_EQ(refused("Text", bytes), "class java.nio.HeapByteBuffer can not be converted to an String");
  EXPECT_EQ(refused("Blob", words), "class java.lang.String can not be converted to a Blob");
  EXPECT_EQ(refused("Number", words), "class java.lang.String can not be converted to an Integer");
  EXPECT_EQ(refused("Number", not_a_number),
            "class com.amazon.coral.value.json.numbers.TruncatingBigNumber can not be converted to an Integer");
  EXPECT_EQ(refused("Text", moment),
            "class com.amazon.coral.value.json.numbers.TruncatingBigNumber can not be converted to an String");
  EXPECT_EQ(refused("Texts", cbor::begin_map), "Start of structure or map found where not expected.");
  EXPECT_EQ(refused("Again", cbor::begin_list), "Start of list found where not expected");
  EXPECT_EQ(refused("Text", cbor::end), "The body is not the CBOR that it should be.");
}

TEST(Coding, is_known_by_its_content_type) {
  EXPECT_EQ(coding_of("application/x-amz-json-1.0", Coding::json_1_1), Coding::json_1_0);
  EXPECT_EQ(coding_of("application/x-amz-json-1.1; charset=utf-8", Coding::json_1_0), Coding::json_1_1);
  EXPECT_EQ(coding_of("application/x-amz-cbor-1.1", Coding::json_1_1), Coding::cbor_1_1);
  EXPECT_EQ(coding_of("application/json", Coding::json_1_0), Coding::json_1_0);
  EXPECT_EQ(coding_of("", Coding::json_1_1), Coding::json_1_1);
  EXPECT_EQ(coding_of("text/xml", Coding::json_1_1), std::nullopt);
}

TEST(Arn, is_read_into_its_parts) {
  const auto arn = parse_arn("arn:aws:kinesis:us-east-1:000000000000:stream/clicks/consumer/a:17");
  ASSERT_TRUE(arn);
  EXPECT_EQ(arn->partition, "aws");
  EXPECT_EQ(arn->service, "kinesis");
  EXPECT_EQ(arn->region, "us-east-1");
  EXPECT_EQ(arn->account_id, "000000000000");
  EXPECT_EQ(arn->resource, "stream/clicks/consumer/a:17");
  for (const char* text : {"", "arn", "arn:aws:kinesis:us-east-1:1", "urn:aws:kinesis:us-east-1:1:stream/x"}) {
    EXPECT_FALSE(parse_arn(text)) << text;
  }
}

}  // namespace
}  // namespace millrace::aws
