// Snapshots replace changes, and whatever is left over from an unfinished commit is not read.

#include "engine/state_log.h"

#include <gtest/gtest.h>

#include "connector/known.h"
#include "engine/lane.h"
#include "engine/test_environment.h"

namespace millrace::engine {
namespace {

constexpr std::string_view script = R"(
CREATE TABLE clicks (product STRING, note STRING)
WITH ('connector' = 'kinesis', 'stream' = 'clicks', 'source.init.position' = 'TRIM_HORIZON', 'format' = 'json');
CREATE TABLE Notes (product STRING, n BIGINT, newest BIGINT, PRIMARY KEY (product) NOT ENFORCED)
WITH ('connector' = 'dynamodb', 'table-name' = 'Notes');
INSERT INTO Notes SELECT product, COUNT(*), CHAR_LENGTH(MAX(note)) FROM clicks GROUP BY product;
)";

class StateLogTest : public testing::Test {
 protected:
  StateLogTest() {
    environment_.add_stream("clicks", 1);
    environment_.add_table("Notes", {"product"});
  }
  Result<std::unique_ptr<Lane>> start(uint64_t plan_hash = 1) {
    const auto plan = sql::compile(script, connector::known_connectors());
    CHECK(plan, "{}", plan.error().message);
    return make_lane(*plan, "job", plan_hash, environment_);
  }
  std::vector<std::string> records() {
    std::vector<std::string> keys;
    CHECK(environment_.tables().scan_records("engine/job/job/state/", [&](std::string_view key, std::string_view) {
      keys.emplace_back(key);
      return true;
    }));
    return keys;
  }
  TestEnvironment environment_;
};

TEST_F(StateLogTest, a_snapshot_takes_the_place_of_the_changes_before_it) {
  auto lane = start();
  ASSERT_TRUE(lane);
  // Each click changes about half a megabyte of state, always of the same group.
  const std::string note(500'000, 'x');
  for (int n = 0; n < 40; ++n) {
    environment_.send("clicks", 0, fmt::format(R"({{"product":"a","note":"{}{:02}"}})", note, n));
    work(**lane);
    EXPECT_LE(records().size(), 22u);
  }
  EXPECT_EQ((*lane)->figures().totals.rows_in, 40u);
  EXPECT_NE(records().front().substr(0, 38), "engine/job/job/state/0000000000000000/");

  *lane = nullptr;
  environment_.reopen();
  auto restored = start();
  ASSERT_TRUE(restored) << restored.error().message;
  environment_.send("clicks", 0, R"({"product":"a","note":"a"})");
  work(**restored);
  const auto rows = environment_.rows("Notes");
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_NE(rows[0].find(R"("n":{"N":"41"})"), std::string::npos);
}

TEST_F(StateLogTest, pieces_without_a_header_are_erased_by_the_next_commit) {
  auto lane = start();
  ASSERT_TRUE(lane);
  environment_.send("clicks", 0, R"({"product":"a"})");
  work(**lane);
  *lane = nullptr;
  const size_t before = records().size();
  auto transaction = environment_.tables().begin();
  ASSERT_TRUE(transaction->put_record("engine/job/job/state/0000000000000000/00000000000000ff.000000", "unfinished"));
  ASSERT_TRUE(transaction->put_record("engine/job/job/state/0000000000000001/0000000000000100.000000", "unfinished"));
  ASSERT_TRUE(transaction->commit());
  transaction.reset();
  lane = start();
  ASSERT_TRUE(lane) << lane.error().message;
  EXPECT_EQ(records().size(), before + 2);
  environment_.send("clicks", 0, R"({"product":"a"})");
  work(**lane);
  EXPECT_EQ(records().size(), before + 1);
  EXPECT_NE(environment_.rows("Notes")[0].find(R"("n":{"N":"2"})"), std::string::npos);
}

TEST_F(StateLogTest, state_of_another_version_is_refused) {
  auto lane = start();
  ASSERT_TRUE(lane);
  work(**lane);
  *lane = nullptr;
  auto transaction = environment_.tables().begin();
  ASSERT_TRUE(transaction->put_record("engine/job/job/commit", std::string(1, 1)));
  ASSERT_TRUE(transaction->commit());
  transaction.reset();
  const auto other = start();
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().message,
            "the job's state is of version 1, this program keeps version 2; remove the job and submit it again");
}

TEST_F(StateLogTest, state_of_another_script_is_refused) {
  auto lane = start(1);
  ASSERT_TRUE(lane);
  work(**lane);
  *lane = nullptr;
  const auto other = start(2);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().kind, ErrorKind::invalid_argument);
}

}  // namespace
}  // namespace millrace::engine
