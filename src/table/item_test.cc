#include "table/item.h"

#include <gtest/gtest.h>

#include <random>

#include "table/item_json.h"

namespace millrace::table {
namespace {

Result<Item> item_of(std::string_view json) {
  simdjson::ondemand::parser parser;
  const simdjson::padded_string text(json);
  simdjson::ondemand::document document;
  if (const auto code = parser.iterate(text).get(document)) return std::unexpected(wrong_json(code));
  simdjson::ondemand::object object;
  if (const auto code = document.get_object().get(object)) return std::unexpected(wrong_json(code));
  return item_from_json(object);
}

Item parsed(std::string_view json) {
  auto item = item_of(json);
  EXPECT_TRUE(item.has_value()) << json << ": " << (item ? "" : item.error().message);
  return item.value_or(Item());
}

Error refusal(std::string_view json) {
  auto item = item_of(json);
  EXPECT_FALSE(item.has_value()) << json;
  return item ? Error() : item.error();
}

std::string json_of(const Item& item) {
  std::string out;
  put_json(out, item);
  return out;
}

std::string stored_of(const Item& item) {
  std::string out;
  put_item(out, item);
  return out;
}

std::string any_text(std::mt19937_64& random) {
  static const std::string pieces[] = {"a",    "Zz", "\"", "\\", "\n",          "\t", std::string(1, '\0'),
                                       "\x1f", "é",  "😀",  "/",  "plain words "};
  std::string text;
  for (size_t i = random() % 12; i > 0; --i) text += pieces[random() % std::size(pieces)];
  return text;
}

Number any_number(std::mt19937_64& random) {
  return *Number::parse(std::to_string(static_cast<int64_t>(random())) + "e" + std::to_string(random() % 60));
}

Binary any_binary(std::mt19937_64& random) {
  Binary binary;
  for (size_t i = random() % 9; i > 0; --i) binary.bytes.push_back(static_cast<char>(random()));
  return binary;
}

Map any_map(std::mt19937_64& random, int depth);

template <class Set, class Any>
AttributeValue any_set(std::mt19937_64& random, Any any) {
  Set set;
  for (size_t i = 1 + random() % 5; i > 0; --i) set.insert(any(random));
  return set;
}

AttributeValue any_value(std::mt19937_64& random, int depth) {
  switch (random() % (depth < 5 ? 10 : 8)) {
    case 0:
      return AttributeValue();
    case 1:
      return AttributeValue(random() % 2 == 0);
    case 2:
      return any_number(random);
    case 3:
      return any_text(random);
    case 4:
      return any_binary(random);
    case 5:
      return any_set<StringSet>(random, any_text);
    case 6:
      return any_set<NumberSet>(random, any_number);
    case 7:
      return any_set<BinarySet>(random, any_binary);
    case 8: {
      List list;
      for (size_t i = random() % 4; i > 0; --i) list.push_back(any_value(random, depth + 1));
      return list;
    }
    default:
      return any_map(random, depth + 1);
  }
}

Map any_map(std::mt19937_64& random, int depth) {
  Map map;
  for (size_t i = random() % 6; i > 0; --i) map[any_text(random) + "n"] = any_value(random, depth);
  return map;
}

TEST(ItemTest, ReadsEveryType) {
  const Item item =
      parsed(R"({"s":{"S":"tea"},"n":{"N":"12.50"},"b":{"B":"AAEC"},"yes":{"BOOL":true},"none":{"NULL":true},
      "l":{"L":[{"S":"x"},{"N":"1"}]},"m":{"M":{"inner":{"BOOL":false}}},"ss":{"SS":["b","a"]},"ns":{"NS":["2","1"]},
      "bs":{"BS":["AQ=="]},"empty":{"S":""},"empty_list":{"L":[]},"empty_map":{"M":{}}})");
  EXPECT_EQ(item.at("s"), AttributeValue("tea"));
  EXPECT_EQ(item.at("n"), AttributeValue(*Number::parse("12.5")));
  EXPECT_EQ(item.at("b"), AttributeValue(Binary{std::string("\0\1\2", 3)}));
  EXPECT_EQ(item.at("yes"), AttributeValue(true));
  EXPECT_EQ(item.at("none"), AttributeValue());
  EXPECT_EQ(item.at("l"), AttributeValue(List{"x", 1}));
  EXPECT_EQ(item.at("m"), AttributeValue(Map{{"inner", false}}));
  EXPECT_EQ(item.at("ss"), AttributeValue(StringSet{"a", "b"}));
  EXPECT_EQ(item.at("ns"), AttributeValue(NumberSet{Number(1), Number(2)}));
  EXPECT_EQ(item.at("bs"), AttributeValue(BinarySet{Binary{"\1"}}));
  EXPECT_EQ(item.at("empty"), AttributeValue(""));
  EXPECT_EQ(item.at("empty_list").type_name(), "L");
  EXPECT_EQ(item.at("empty_map").type_name(), "M");
}

TEST(ItemTest, WritesEscapedJson) {
  const Item item{{"a \"b\"", "line\nreturn\rtab\tquote\"back\\slash\1 and thirty-two plain characters é 😀"}};
  EXPECT_EQ(json_of(item),
            R"({"a \"b\"":{"S":"line\nreturn\rtab\tquote\"back\\slash\u0001 and thirty-two plain characters é 😀"}})");
}

TEST(ItemTest, RoundTripsAnyItem) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  for (int i = 0; i < 2'000; ++i) {
    const Item item = any_map(random, 0);
    const std::string json = json_of(item);
    const std::string stored = stored_of(item);
    ASSERT_EQ(parsed(json), item) << json;
    const auto back = get_item(stored);
    ASSERT_TRUE(back.has_value()) << json;
    ASSERT_EQ(*back, item);
    std::string json_of_stored;
    ASSERT_TRUE(put_json_of_stored(json_of_stored, stored).has_value());
    ASSERT_EQ(json_of_stored, json);
    for (const auto& [name, value] : item) {
      const auto attribute = get_attribute(stored, name);
      ASSERT_TRUE(attribute.has_value() && attribute->has_value());
      ASSERT_EQ(**attribute, value);
    }
    const auto absent = get_attribute(stored, "no such name");
    ASSERT_TRUE(absent.has_value());
    ASSERT_FALSE(absent->has_value());
  }
}

TEST(ItemTest, SurvivesDamagedBytes) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  int refused = 0;
  for (int i = 0; i < 5'000; ++i) {
    std::string stored = stored_of(any_map(random, 0));
    if (random() % 2 == 0) {
      stored.resize(random() % stored.size());
    } else {
      stored[random() % stored.size()] = static_cast<char>(random());
    }
    std::string json;
    const bool readable = get_item(stored).has_value();
    if (!readable) ++refused;
    // What is a damaged item to one reader may at most be out of order to another; none may crash.
    (void)put_json_of_stored(json, stored);
    (void)get_attribute(stored, "a");
  }
  EXPECT_GT(refused, 2'000);
  EXPECT_EQ(get_item("").error().kind, ErrorKind::corrupt);
}

TEST(ItemTest, CountsSizesAsDynamoDbDoes) {
  EXPECT_EQ(item_size(parsed(R"({"id":{"S":"p1"}})")), 4u);
  EXPECT_EQ(item_size(parsed(R"({"é":{"S":"é"}})")), 4u);
  EXPECT_EQ(item_size(parsed(R"({"n":{"N":"1234"},"m":{"N":"-12345"}})")), 1u + 3 + 1 + 5);
  EXPECT_EQ(item_size(parsed(R"({"n":{"N":"3.14159"},"m":{"N":"0"},"l":{"N":"100"}})")), 1u + 5 + 1 + 1 + 1 + 2);
  EXPECT_EQ(item_size(parsed(R"({"b":{"BOOL":true},"c":{"NULL":true}})")), 4u);
  EXPECT_EQ(item_size(parsed(R"({"l":{"L":[{"S":"ab"}]}})")), 1u + 3 + 1 + 2);
  EXPECT_EQ(item_size(parsed(R"({"m":{"M":{"k":{"S":"ab"}}}})")), 1u + 3 + 1 + 1 + 2);
  EXPECT_EQ(item_size(parsed(R"({"s":{"SS":["ab","c"]}})")), 1u + 3);
}

TEST(ItemTest, RefusesBadValuesInDynamoDbsWords) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {R"({"a":{}})", "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"},
      {R"({"a":{"S":null}})", "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"},
      {R"({"a":{"X":"1"}})", "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"},
      {R"({"a":{"S":"x","N":"1"}})",
       "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes"},
      {R"({"a":{"N":"one"}})", "The parameter cannot be converted to a numeric value: one"},
      {R"({"a":{"N":"1e126"}})",
       "Number overflow. Attempting to store a number with magnitude larger than supported range"},
      {R"({"a":{"SS":[]}})", "One or more parameter values were invalid: An string set  may not be empty"},
      {R"({"a":{"NS":[]}})", "One or more parameter values were invalid: An number set  may not be empty"},
      {R"({"a":{"BS":[]}})", "One or more parameter values were invalid: Binary sets should not be empty"},
      {R"({"a":{"SS":["x","y","x"]}})",
       "One or more parameter values were invalid: Input collection [x, y, x] contains duplicates."},
      {R"({"a":{"NS":["1","1.0"]}})",
       "One or more parameter values were invalid: Input collection contains duplicates."},
      {R"({"a":{"NULL":false}})",
       "One or more parameter values were invalid: Null attribute value types must have the value of true"},
  };
  for (const auto& [json, message] : cases) {
    const Error error = refusal(json);
    EXPECT_EQ(error.message, message) << json;
    EXPECT_EQ(error.kind, ErrorKind::invalid_argument);
    EXPECT_FALSE(is_wrong_json(error)) << json;
  }
}

TEST(ItemTest, TellsWrongJsonFromWrongValues) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {R"({"a":{"N":123}})", "NUMBER_VALUE cannot be converted to String"},
      {R"({"a":{"S":true}})", "TRUE_VALUE cannot be converted to String"},
      {R"({"a":{"S":["x"]}})", "Start of list found where not expected"},
      {R"({"a":{"S":{"x":"y"}}})", "Start of structure or map found where not expected."},
      {R"({"a":{"BOOL":"true"}})", "STRING_VALUE cannot be converted to Boolean"},
      {R"({"a":"x"})", "STRING_VALUE cannot be converted to Map"},
      {R"({"a":{"L":"x"}})", "STRING_VALUE cannot be converted to List"},
      {R"({"a":{"B":"abc"}})",
       "'abc' can not be converted to a Blob: Base64 encoded length is expected a multiple of 4 "
       "bytes but found: 3"},
      {R"({"a":{"B":"ab*="}})", "'ab*=' can not be converted to a Blob: Invalid Base64 character: '*'"},
      {R"({"a":{"B":"abd="}})",
       "'abd=' can not be converted to a Blob: Invalid last non-pad Base64 character dectected"},
  };
  for (const auto& [json, message] : cases) {
    const Error error = refusal(json);
    EXPECT_EQ(error.message, message) << json;
    EXPECT_TRUE(is_wrong_json(error)) << json;
  }
  for (const char* json :
       {R"({"a":{"S":"x"})", R"({"a" {"S":"x"}})", R"({"a":{"S":"x}})", R"({"a":{"S":"\q"}})", R"([])"}) {
    EXPECT_TRUE(is_wrong_json(refusal(json))) << json;
  }
}

TEST(ItemTest, BoundsNesting) {
  const auto nested = [](int levels) {
    std::string json = R"({"S":"x"})";
    for (int i = 0; i < levels; ++i) json = R"({"L":[)" + json + "]}";
    return R"({"a":)" + json + "}";
  };
  const Item item = parsed(nested(31));
  EXPECT_EQ(item_nesting(item), 31);
  EXPECT_EQ(*get_item(stored_of(item)), item);
  EXPECT_NE(refusal(nested(32)).message.find("Nesting Levels have exceeded supported limits"), std::string::npos);
}

TEST(ItemTest, NamesHaveALength) {
  const std::string longest(65'535, 'n');
  EXPECT_EQ(parsed(R"({")" + longest + R"(":{"S":"x"}})").size(), 1u);
  EXPECT_NE(refusal(R"({"n)" + longest + R"(":{"S":"x"}})").message.find("name is too large"), std::string::npos);
  EXPECT_NE(refusal(R"({"":{"S":"x"}})").message.find("Empty attribute name"), std::string::npos);
  EXPECT_NE(refusal(R"({"a":{"M":{"":{"S":"x"}}}})").message.find("Empty attribute name"), std::string::npos);
}

TEST(ItemTest, ARefusedBlobIsQuotedInWholeCharacters) {
  EXPECT_EQ(refusal(R"({"a":{"B":"😀"}})").message.find("length"), std::string::npos);
  EXPECT_NE(refusal(R"({"a":{"B":"😀"}})").message.find("'😀'"), std::string::npos);
}

TEST(ItemTest, EqualItemsHaveEqualBytes) {
  EXPECT_EQ(stored_of(parsed(R"({"a":{"N":"1.0"},"b":{"SS":["y","x"]}})")),
            stored_of(parsed(R"({"b":{"SS":["x","y"]},"a":{"N":"1"}})")));
}

TEST(ItemTest, LastOfRepeatedNamesCounts) {
  EXPECT_EQ(parsed(R"({"b":{"S":"1"},"a":{"S":"2"},"b":{"S":"3"}})"), (Item{{"a", "2"}, {"b", "3"}}));
}

}  // namespace
}  // namespace millrace::table
