#include "client/plain_json.h"

#include <gtest/gtest.h>

namespace millrace::client {
namespace {

std::string item_of(std::string_view json, const AttributeTypes& types = {}) {
  const simdjson::padded_string padded(json);
  const auto item = item_of_plain(std::string_view(padded.data(), padded.size()), types);
  return item ? *item : item.error().message;
}

std::string plain_of(std::string_view item) {
  simdjson::dom::parser parser;
  simdjson::dom::object object;
  CHECK(parser.parse(simdjson::padded_string(item)).get(object) == simdjson::SUCCESS);
  std::string out;
  append_plain(out, object);
  return out;
}

TEST(PlainJson, values_become_attributes_and_back) {
  const struct {
    const char* plain;
    const char* item;
  } cases[] = {
      {R"({})", R"({})"},
      {R"({"a":"x\n\"y"})", R"({"a":{"S":"x\n\"y"}})"},
      {R"({"a":12345678901234567890.5})", R"({"a":{"N":"12345678901234567890.5"}})"},
      {R"({"a":true,"b":null})", R"({"a":{"BOOL":true},"b":{"NULL":true}})"},
      {R"({"a":[1,"x",[]],"b":{"c":{}}})", R"({"a":{"L":[{"N":"1"},{"S":"x"},{"L":[]}]},"b":{"M":{"c":{"M":{}}}}})"},
  };
  for (const auto& [plain, item] : cases) {
    EXPECT_EQ(item_of(plain), item);
    EXPECT_EQ(plain_of(item), plain);
  }
  EXPECT_EQ(plain_of(R"({"s":{"SS":["a"]},"n":{"NS":["1","2"]},"b":{"B":"AA=="},"c":{"BS":["AA=="]}})"),
            R"({"s":["a"],"n":[1,2],"b":"AA==","c":["AA=="]})");
}

TEST(PlainJson, texts_take_the_types_that_attributes_have) {
  const AttributeTypes types = {{"price", 'N'}, {"picture", 'B'}};
  EXPECT_EQ(item_of(R"({"sku":"007","price":"12.90","picture":"AA=="})", types),
            R"({"sku":{"S":"007"},"price":{"N":"12.90"},"picture":{"B":"AA=="}})");
  EXPECT_EQ(item_of(R"({"price":7})", types), R"({"price":{"N":"7"}})");
  EXPECT_EQ(item_of(R"({"price":"12345678901234567890123"})", types), R"({"price":{"N":"12345678901234567890123"}})");
  EXPECT_EQ(item_of(R"({"price":"cheap"})", types), "price: `cheap` is no number");
}

TEST(PlainJson, items_of_an_export_are_taken_as_they_stand) {
  EXPECT_EQ(item_of(R"({"Item": {"a":{"SS":["x"]}, "b":{"N":"1"}}})"), R"({"a":{"SS":["x"]},"b":{"N":"1"}})");
  EXPECT_EQ(item_of(R"({"Item":{"a":1}})"), R"({"Item":{"M":{"a":{"N":"1"}}}})") << "that is plain JSON";
  EXPECT_EQ(item_of(R"({"Item":"x","b":1})"), R"({"Item":{"S":"x"},"b":{"N":"1"}})");
}

TEST(PlainJson, refuses_what_is_no_object) {
  for (const char* json : {"", "[1]", "7", "{\"a\":", "{\"a\":1}{", "{\"a\":tru}", "{\"a\":\"\\x\"}"}) {
    const simdjson::padded_string padded{std::string_view(json)};
    EXPECT_FALSE(item_of_plain(std::string_view(padded.data(), padded.size()), {})) << json;
  }
  std::string deep(40, '[');
  EXPECT_EQ(item_of("{\"a\":" + deep + std::string(40, ']') + "}"), "it is nested deeper than 32 levels");
}

TEST(PlainJson, cells_are_texts) {
  simdjson::dom::parser parser;
  const auto cell = [&](std::string_view value) {
    return cell_of(parser.parse(simdjson::padded_string(value)).value_unsafe());
  };
  EXPECT_EQ(cell(R"({"S":"a,\"b"})"), "a,\"b");
  EXPECT_EQ(cell(R"({"N":"1.50"})"), "1.50");
  EXPECT_EQ(cell(R"({"NULL":true})"), "");
  EXPECT_EQ(cell(R"({"L":[{"N":"1"}]})"), "[1]");
}

}  // namespace
}  // namespace millrace::client
