// Goal: forms are read as their shapes say, with names and values of any bytes; answers and errors are XML that says
// the same as the other codings do.

#include "aws/query.h"

#include <gtest/gtest.h>

#include "aws/coding.h"
#include "aws/writer.h"

namespace millrace::aws {
namespace {

constexpr Shape text_shape{.name = "Text", .kind = ShapeKind::text};
constexpr Shape number_shape{.name = "Number", .kind = ShapeKind::integer};
constexpr Shape double_shape{.name = "Double", .kind = ShapeKind::floating};
constexpr Shape flag_shape{.name = "Flag", .kind = ShapeKind::boolean};
constexpr Shape blob_shape{.name = "Blob", .kind = ShapeKind::blob};
constexpr ShapeMember tag_members[] = {{.name = "Key", .shape = &text_shape}, {.name = "Value", .shape = &text_shape}};
constexpr Shape tag_shape{.name = "Tag", .kind = ShapeKind::structure, .members = tag_members};
constexpr Shape tags_shape{.name = "Tags", .kind = ShapeKind::list, .element = &tag_shape};
constexpr Shape map_shape{.name = "Map", .kind = ShapeKind::map, .element = &number_shape, .key = &text_shape};
constexpr ShapeMember input_members[] = {
    {.name = "Name", .shape = &text_shape},    {.name = "Names", .shape = &text_shape},
    {.name = "Count", .shape = &number_shape}, {.name = "Part", .shape = &double_shape},
    {.name = "On", .shape = &flag_shape},      {.name = "Bytes", .shape = &blob_shape},
    {.name = "Tags", .shape = &tags_shape},    {.name = "Map", .shape = &map_shape},
};
constexpr Shape input_shape{.name = "Input", .kind = ShapeKind::structure, .members = input_members};

std::expected<Value, AwsError> read(std::string_view body) {
  RequestReader reader;
  return reader.read(Coding::query, body, input_shape);
}

TEST(Form, is_read_as_its_shape_says) {
  const auto value = read(
      "Action=Do&Version=1&Name=a%26b+%c3%A9&Count=-7&Part=0.5&On=true&Bytes=aGk%3D&Tags.member.1.Key=k&"
      "Tags.member.1.Value=v&Tags.member.2.Key=x&Map.entry.1.key=one&Map.entry.1.value=1&Unknown=1&");
  ASSERT_TRUE(value) << value.error().message;
  EXPECT_EQ(value->text("Name"), "a&b \xc3\xa9");
  EXPECT_FALSE(value->has("Names"));
  EXPECT_EQ(value->integer("Count"), -7);
  EXPECT_EQ(value->find("Part")->floating(), 0.5);
  EXPECT_EQ(value->boolean("On"), true);
  EXPECT_EQ(value->find("Bytes")->blob(), "hi");
  const auto& tags = value->find("Tags")->list();
  ASSERT_EQ(tags.size(), 2U);
  EXPECT_EQ(tags[0].text("Value"), "v");
  EXPECT_EQ(tags[1].text("Key"), "x");
  EXPECT_FALSE(tags[1].has("Value"));
  EXPECT_EQ(value->find("Map")->integer("one"), 1);
}

TEST(Form, refuses_what_is_none) {
  for (const std::string_view body : {"Name=%", "Name=%4", "Name=%zz", "Count=x", "Count=1.5", "Count=99999999999",
                                      "Part=", "On=yes", "Bytes=%21", "Count.member.1=1"}) {
    const auto value = read(body);
    ASSERT_FALSE(value) << body;
    EXPECT_EQ(value.error().name, "MalformedInput") << body;
    EXPECT_EQ(value.error().status, 400);
  }
  std::string many;
  for (size_t n = 0; n <= Form::pairs_max; ++n) many += "p" + std::to_string(n) + "=&";
  EXPECT_FALSE(Form::parse(many));
}

TEST(Form, the_last_of_a_name_counts) {
  const auto form = Form::parse("a=1&a=2&b&=c");
  ASSERT_TRUE(form);
  EXPECT_EQ(form->find("a"), "2");
  EXPECT_EQ(form->find("b"), "");
  EXPECT_EQ(form->find("missing"), "");
}

TEST(QueryAnswer, is_the_operations_result_in_xml) {
  Writer out(Coding::query);
  out.begin();
  out.member("Name").text("a<b> & \x01");
  out.member("Count").integer(-7);
  out.member("On").boolean(false);
  out.member("Bytes").blob("hi");
  out.member("At").time(ProcessingTime(1'769'860'800'250));
  out.member("Tags").begin_list();
  for (const std::string_view key : {"k", "x"}) {
    out.begin();
    out.member("Key").plain(key);
    out.end();
  }
  out.end_list();
  out.member("Names").begin_list();
  out.text("one");
  out.text("two");
  out.end_list();
  out.end();
  EXPECT_EQ(query_answer(sts_protocol, "Do", std::move(out).take(), "id"),
            "<DoResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><DoResult>"
            "<Name>a&lt;b&gt; &amp; ?</Name><Count>-7</Count><On>false</On><Bytes>aGk=</Bytes>"
            "<At>2026-01-31T12:00:00.250Z</At>"
            "<Tags><member><Key>k</Key></member><member><Key>x</Key></member></Tags>"
            "<Names><member>one</member><member>two</member></Names>"
            "</DoResult><ResponseMetadata><RequestId>id</RequestId></ResponseMetadata></DoResponse>\n");
}

TEST(QueryAnswer, errors_have_the_words_of_this_protocol) {
  EXPECT_EQ(query_error(sts_protocol, in_query_words({400, "UnrecognizedClientException", "who?"}), "id"),
            "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>"
            "<Code>InvalidClientTokenId</Code><Message>who?</Message></Error><RequestId>id</RequestId>"
            "</ErrorResponse>\n");
  EXPECT_EQ(in_query_words({400, "UnrecognizedClientException", ""}).status, 403);
  EXPECT_EQ(in_query_words({503, "Other", "m"}).name, "Other");
}

}  // namespace
}  // namespace millrace::aws
