// Rows that are too large for an item: they are left out and counted, the others are written.

#include <gtest/gtest.h>

#include "connector/known.h"
#include "engine/lane.h"
#include "engine/test_environment.h"
#include "table/item.h"

namespace millrace::engine {
namespace {

constexpr std::string_view script = R"(
CREATE TABLE notes (id STRING, text STRING)
WITH ('connector' = 'kinesis', 'stream' = 'notes', 'source.init.position' = 'TRIM_HORIZON', 'format' = 'json');
CREATE TABLE Notes (id STRING, text STRING, size INT, PRIMARY KEY (id) NOT ENFORCED)
WITH ('connector' = 'dynamodb', 'table-name' = 'Notes');
INSERT INTO Notes (id, text) SELECT id, text FROM notes;
INSERT INTO Notes (id, size) SELECT id, CHAR_LENGTH(text) FROM notes;
)";

TEST(OversizedRow, is_left_out_and_counted) {
  TestEnvironment environment;
  environment.add_stream("notes", 1);
  environment.add_table("Notes", {"id", table::KeyType::string});
  const auto plan = sql::compile(script, connector::known_connectors());
  ASSERT_TRUE(plan) << plan.error().message;
  const auto make = [&] {
    auto lane = make_lane(*plan, "test", 1, environment);
    EXPECT_TRUE(lane) << lane.error().message;
    return std::move(*lane);
  };
  auto lane = make();
  const auto note = [](const std::string& id, size_t size) {
    return fmt::format(R"({{"id":"{}","text":"{}"}})", id, std::string(size, 'x'));
  };
  environment.send("notes", {{0, note("a", 1)}, {0, note("large", table::item_bytes_max)}, {0, note("b", 2)}});
  work(*lane);
  const std::vector<std::string> expected = {R"({"id":{"S":"a"},"size":{"N":"1"},"text":{"S":"x"}})",
                                             R"({"id":{"S":"b"},"size":{"N":"2"},"text":{"S":"xx"}})",
                                             R"({"id":{"S":"large"},"size":{"N":"409600"}})"};
  EXPECT_EQ(environment.rows("Notes"), expected);
  EXPECT_EQ(lane->figures().totals.row_errors, 1U);
  EXPECT_EQ(lane->figures().totals.rows_out, 5U);

  // The count is committed, too.
  lane = make();
  work(*lane);
  EXPECT_EQ(lane->figures().totals.row_errors, 1U);
  EXPECT_EQ(lane->figures().totals.rows_out, 5U);
}

}  // namespace
}  // namespace millrace::engine
