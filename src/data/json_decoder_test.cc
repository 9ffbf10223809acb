#include "data/json_decoder.h"

#include <gtest/gtest.h>
#include <simdjson.h>

#include "data/text.h"

namespace millrace::data {
namespace {

const Type string_type{TypeKind::string};
const Type bigint_type{TypeKind::bigint};
const Type int_type{TypeKind::integer};
const Type double_type{TypeKind::real};
const Type price_type{TypeKind::decimal, 10, 2};
const Type boolean_type{TypeKind::boolean};
const Type time_type{TypeKind::timestamp};

// Records with the readable bytes behind them that the log's blocks have too.
class Padded {
 public:
  explicit Padded(std::string text) : size_(text.size()), bytes_(std::move(text)) {
    bytes_.append(simdjson::SIMDJSON_PADDING, '\0');
  }
  std::string_view view() const { return {bytes_.data(), size_}; }

 private:
  size_t size_;
  std::string bytes_;
};

// One record, one column "v": what becomes of it.
std::string decoded(Type type, const std::string& record, bool ignore_parse_errors = false) {
  JsonDecoder decoder({{"v", type}}, {ignore_parse_errors});
  const Padded padded(record);
  if (auto added = decoder.add(padded.view()); !added) return "error";
  const Batch batch = decoder.take();
  if (batch.rows == 0) return "skipped";
  if (type.kind == TypeKind::timestamp && !batch.columns[0]->is_null(0)) {
    std::string text;
    put_timestamp(text, batch.columns[0]->integers()[0]);
    return text;
  }
  return to_string(batch.columns[0]->get(0), type);
}

TEST(JsonDecoder, coerces_values_as_flink_does) {
  struct Case {
    Type type;
    const char* record;
    const char* expected;
  };
  const Case cases[] = {
      {string_type, R"({"v":"a"})", "a"},
      {string_type, R"({"v":""})", ""},
      {string_type, R"({"v":"a\"b\u00e9"})", "a\"b\u00e9"},
      {string_type, R"({"v" : "spaced"  })", "spaced"},
      {string_type, R"({"v":12.50})", "12.50"},
      {string_type, R"({"v":true})", "true"},
      {string_type, R"({"v":{"a":[1,2]},"w":1})", R"({"a":[1,2]})"},
      {string_type, R"({"v":[1, "x"]})", R"([1, "x"])"},
      {string_type, R"({"v":{"a": 1 } })", R"({"a": 1 })"},
      {string_type, "{\"v\":[1] \n, \"w\":1}", "[1]"},
      {bigint_type, R"({"v":42})", "42"},
      {bigint_type, R"({"v":-42 })", "-42"},
      {bigint_type, R"({"v":"42"})", "42"},
      {bigint_type, R"({"v":" 42 "})", "42"},
      {bigint_type, R"({"v":9223372036854775807})", "9223372036854775807"},
      {bigint_type, R"({"v":-9223372036854775808})", "-9223372036854775808"},
      {bigint_type, R"({"v":9223372036854775808})", "NULL"},
      {bigint_type, R"({"v":1.9})", "1"},
      {bigint_type, R"({"v":-1.9})", "-1"},
      {bigint_type, R"({"v":1e3})", "1000"},
      {bigint_type, R"({"v":01})", "error"},
      {bigint_type, R"({"v":"1.9"})", "error"},
      {bigint_type, R"({"v":true})", "error"},
      {bigint_type, R"({"v":{}})", "error"},
      {int_type, R"({"v":2147483647})", "2147483647"},
      {int_type, R"({"v":2147483648})", "NULL"},
      {double_type, R"({"v":1.5})", "1.5"},
      {double_type, R"({"v":"1.5"})", "1.5"},
      {double_type, R"({"v":1.})", "error"},
      {price_type, R"({"v":19.99})", "19.99"},
      {price_type, R"({"v":"19.995"})", "20.00"},
      {price_type, R"({"v":90071992.47})", "90071992.47"},
      {price_type, R"({"v":123456789})", "NULL"},
      {boolean_type, R"({"v":true})", "TRUE"},
      {boolean_type, R"({"v":"false"})", "FALSE"},
      {boolean_type, R"({"v":1})", "FALSE"},
      {time_type, R"({"v":"2019-10-01 00:00:00"})", "2019-10-01 00:00:00"},
      {time_type, R"({"v":"2019-10-01T00:00:00.5Z"})", "2019-10-01 00:00:00.500"},
      {time_type, R"({"v":1569888000000})", "error"},
      {bigint_type, R"({"v":null})", "NULL"},
      {bigint_type, R"({"w":1})", "NULL"},
      {bigint_type, R"({})", "NULL"},
      {bigint_type, R"({"v":1,"v":2})", "2"},
      {bigint_type, R"({"v":1,"v":null})", "NULL"},
      {bigint_type, R"({"\u0076":7})", "7"},
      {bigint_type, R"({"a":{"v":1},"v":2})", "2"},
      {bigint_type, R"({"v":1)", "error"},
      {bigint_type, R"({"v":1} x)", "1"},
      {bigint_type, R"({"v":1}{"v":2})", "1"},
      {bigint_type, R"({"v":1}})", "1"},
      {bigint_type, "\xef\xbb\xbf{\"v\":1}", "1"},
      {bigint_type, "\xef\xbb\xbf{\"v\":1,\"w\":\"a\tb\"}}", "1"},
      {string_type, R"({"v":"a}\"}"} x)", R"(a}"})"},
      {bigint_type, R"(x {"v":1})", "error"},
      {bigint_type, R"(}{"v":1})", "error"},
      {bigint_type, R"([1])", "error"},
      {bigint_type, R"(17)", "error"},
      {bigint_type, "", "error"},
      {bigint_type, "hello", "error"},
      // Numbers that do not fit: NULL. They do not stop a job, in no column.
      {bigint_type, R"({"v":12345678901234567890123})", "NULL"},
      {bigint_type, R"({"v":"12345678901234567890123"})", "NULL"},
      {bigint_type, R"({"v":1e400})", "NULL"},
      {bigint_type, R"({"v":"1e400"})", "error"},
      {price_type, R"({"v":1e400})", "NULL"},
      {price_type, R"({"v":"1234567890.5"})", "NULL"},
      {price_type, R"({"v":"a lot"})", "error"},
      {double_type, R"({"v":1e400})", "Infinity"},
      {string_type, R"({"v":12345678901234567890123})", "12345678901234567890123"},
      {bigint_type, R"({"w":12345678901234567890123,"v":1})", "1"},
      {bigint_type, R"({"w":1e400,"v":1})", "1"},
      {boolean_type, R"({"v":"TRUE"})", "TRUE"},
      {boolean_type, R"({"v":" True "})", "TRUE"},
      {boolean_type, R"({"v":"yes"})", "FALSE"},
      {boolean_type, R"({"v":[true]})", "error"},
      {time_type, R"({"v":"2024-1-5 8:03:09"})", "2024-01-05 08:03:09"},
      {time_type, R"({"v":"2024-1-5"})", "2024-01-05 00:00:00"},
      {time_type, R"({"v":"24-1-5 8:03:09"})", "error"},
      // What Jackson reads and simdjson refuses.
      {string_type, "{\"v\":\"red\tshoes\"}", "red\tshoes"},
      {string_type, "{\"w\":\"red\tshoes\",\"v\":\"a\"}", "a"},
      {bigint_type, "{\"w\":\"\x01\",\"v\":7}", "7"},
      {string_type, R"({"v":"red shoes \ud83d"})", "red shoes ?"},
      {string_type, R"({"v":"\ude00 \ud83d\ude00 \ud83d\ud83d\ude00"})", "? \xf0\x9f\x98\x80 ?\xf0\x9f\x98\x80"},
      {string_type, R"({"v":"\\ud83d"})", R"(\ud83d)"},
      {string_type, R"({"w\ud83d":1,"v":"a"})", "a"},
      {string_type, "{\"v\":\"a\tb\"", "error"},
      {string_type, "{\t\"v\":\"a\"}", "a"},
      {string_type, "{\"v\":\"\xff\"}", "error"},
      {string_type, "{\"v\":\"a", "error"},
  };
  for (const Case& c : cases) EXPECT_EQ(decoded(c.type, c.record), c.expected) << c.record;
}

TEST(JsonDecoder, when_told_to_ignore_errors_nulls_values_and_skips_records) {
  EXPECT_EQ(decoded(bigint_type, R"({"v":"x"})", true), "NULL");
  EXPECT_EQ(decoded(bigint_type, "nonsense", true), "skipped");

  JsonDecoder decoder({{"v", bigint_type}, {"w", string_type}}, {true});
  const Padded good(R"({"v":1,"w":"one"})");
  const Padded broken(R"({"w":"lost","v":2,)");
  const Padded odd(R"({"v":"x","w":"kept"})");
  ASSERT_TRUE(decoder.add(good.view()));
  ASSERT_TRUE(decoder.add(broken.view()));
  ASSERT_TRUE(decoder.add(odd.view()));
  const Batch batch = decoder.take();
  ASSERT_EQ(batch.rows, 2u);
  EXPECT_EQ(batch.columns[1]->strings()[1], "kept");
  EXPECT_TRUE(batch.columns[0]->is_null(1));
  EXPECT_EQ(decoder.bad_records(), 1u);
  EXPECT_EQ(decoder.bad_values(), 1u);
}

TEST(JsonDecoder, follows_changing_orders_of_keys) {
  JsonDecoder decoder({{"a", bigint_type}, {"b", bigint_type}}, {});
  const Padded records[] = {Padded(R"({"a":1,"b":2})"), Padded(R"({"b":2,"a":1})"),
                            Padded(R"({"x":0,"ab":9,"a":1,"b":2})"), Padded(R"({"a":1,"b":2})")};
  for (const Padded& record : records) ASSERT_TRUE(decoder.add(record.view()));
  const Batch batch = decoder.take();
  ASSERT_EQ(batch.rows, 4u);
  EXPECT_EQ(batch.columns[0]->integers(), (Integers{1, 1, 1, 1}));
  EXPECT_EQ(batch.columns[1]->integers(), (Integers{2, 2, 2, 2}));
}

TEST(JsonDecoder, starts_a_new_batch_after_take) {
  JsonDecoder decoder({{"v", string_type}}, {});
  const Padded record(R"({"v":"line\nbreak"})");
  ASSERT_TRUE(decoder.add(record.view()));
  const Batch first = decoder.take();
  ASSERT_TRUE(decoder.add(record.view()));
  ASSERT_TRUE(decoder.add(record.view()));
  const Batch second = decoder.take();
  EXPECT_EQ(first.rows, 1u);
  EXPECT_EQ(second.rows, 2u);
  EXPECT_EQ(first.columns[0]->strings()[0], "line\nbreak");
  EXPECT_EQ(second.columns[0]->strings()[1], "line\nbreak");
}

}  // namespace
}  // namespace millrace::data
