#include "client/items.h"

#include <gtest/gtest.h>

namespace millrace::client {
namespace {

class ItemsTest : public testing::Test {
 protected:
  JsonItem item(const std::string& text) {
    simdjson::dom::object object;
    EXPECT_FALSE(parser_.parse(text).get(object)) << text;
    return object;
  }
  JsonItem price(const std::string& number) { return item(R"({"price":{"N":")" + number + R"("}})"); }

  simdjson::dom::parser parser_;
};

TEST_F(ItemsTest, an_attribute_of_another_type_is_none) {
  const JsonItem mixed = item(R"({"text":{"S":"7"},"number":{"N":"8"},"list":{"L":[]}})");
  EXPECT_EQ(attribute(mixed, "text"), "7");
  EXPECT_EQ(attribute(mixed, "number"), "8");
  EXPECT_EQ(attribute(mixed, "list"), std::nullopt);
  EXPECT_EQ(text_attribute(mixed, "text"), "7");
  EXPECT_EQ(text_attribute(mixed, "number"), std::nullopt);
  EXPECT_EQ(integer_attribute(mixed, "number"), 8);
  EXPECT_EQ(integer_attribute(mixed, "text"), std::nullopt);
  EXPECT_EQ(real_attribute(mixed, "text"), std::nullopt);
  EXPECT_EQ(cents_attribute(mixed, "text"), std::nullopt);
  EXPECT_EQ(integer_attribute(mixed, "missing"), std::nullopt);
}

TEST_F(ItemsTest, amounts_are_exact_or_rounded) {
  struct Case {
    const char* text;
    std::optional<int64_t> exact;
    std::optional<int64_t> rounded;
  };
  for (const Case& each : std::vector<Case>{{"12.9", 1290, 1290},
                                            {"0", 0, 0},
                                            {"-3", -300, -300},
                                            {"1.234", std::nullopt, 123},
                                            {"1.235", std::nullopt, 124},
                                            {"0.0049", std::nullopt, 0},
                                            {"0.995", std::nullopt, 100},
                                            {"-0.005", std::nullopt, -1},
                                            {"79.9900", 7999, 7999},
                                            {"123456789012345678901", std::nullopt, std::nullopt}}) {
    EXPECT_EQ(cents_attribute(price(each.text), "price"), each.exact) << each.text;
    EXPECT_EQ(rounded_cents_attribute(price(each.text), "price"), each.rounded) << each.text;
  }
}

TEST_F(ItemsTest, are_written_as_the_api_takes_them) {
  const std::vector<std::string_view> parts = {"a", "b"};
  EXPECT_EQ(ItemText()
                .text("name", "A \"lamp\"")
                .number("version", 3)
                .number("demand", "1.5")
                .cents("price", 1290)
                .cents("list", 10000)
                .texts("parts", parts)
                .texts("none", {})
                .done(),
            R"({"name":{"S":"A \"lamp\""},"version":{"N":"3"},"demand":{"N":"1.5"},"price":{"N":"12.9"},)"
            R"("list":{"N":"100"},"parts":{"L":[{"S":"a"},{"S":"b"}]},"none":{"L":[]}})");
}

}  // namespace
}  // namespace millrace::client
