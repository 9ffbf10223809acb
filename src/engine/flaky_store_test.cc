// A store that refuses commits for a while (a full disk, too much waiting): the job waits, says why, and loses nothing.

#include <gtest/gtest.h>

#include "engine/lane.h"
#include "engine/test_environment.h"

namespace millrace::engine {
namespace {

// The tables of the environment, but for try_begin().
class RefusingTables final : public table::Tables {
 public:
  explicit RefusingTables(table::Tables& real) : real_(real) {}
  int refusals = 0;  // how many more begins are refused
  int refused = 0;

  Result<std::unique_ptr<table::Transaction>> try_begin() override {
    if (refusals > 0) {
      --refusals;
      ++refused;
      return millrace::fail(ErrorKind::disk_full, "no space left on the device");
    }
    return real_.try_begin();
  }

  Result<table::TablePtr> create(table::TableDefinition d) override { return real_.create(std::move(d)); }
  Result<table::TablePtr> find(std::string_view name) const override { return real_.find(name); }
  std::vector<table::TablePtr> list() const override { return real_.list(); }
  Result<table::CommitId> drop(std::string_view name) override { return real_.drop(name); }
  uint64_t item_count(const table::TableDefinition& t) const override { return real_.item_count(t); }
  uint64_t size_bytes(const table::TableDefinition& t) const override { return real_.size_bytes(t); }
  Result<table::WriteResult> write(const table::WriteRequest& r) override { return real_.write(r); }
  Result<table::CommitId> write_batch(std::span<const table::WriteRequest> r) override { return real_.write_batch(r); }
  Result<table::GetResult> get(const table::GetRequest& r) override { return real_.get(r); }
  Result<store::ReadResult> get_stored(const table::TableDefinition& t, std::string_view k) override {
    return real_.get_stored(t, k);
  }
  Result<table::QueryResult> query(const table::QueryRequest& r) override { return real_.query(r); }
  std::unique_ptr<table::Transaction> begin() override { return real_.begin(); }
  Result<std::optional<std::string>> get_record(std::string_view key) override { return real_.get_record(key); }
  Result<void> scan_records(std::string_view prefix,
                            const std::function<bool(std::string_view, std::string_view)>& each) override {
    return real_.scan_records(prefix, each);
  }
  void when_durable(table::CommitId commit, std::function<void()> done) override {
    real_.when_durable(commit, std::move(done));
  }
  void wait_durable(table::CommitId commit) override { real_.wait_durable(commit); }
  void flush() override { real_.flush(); }
  log::Log& journal() override { return real_.journal(); }

 private:
  table::Tables& real_;
};

class RefusingEnvironment final : public Environment {
 public:
  explicit RefusingEnvironment(TestEnvironment& real) : refusing(real.tables()), real_(real) {}
  Result<Stream> stream(std::string_view name) override { return real_.stream(name); }
  table::Tables& tables() override { return refusing; }
  base::Clock& clock() override { return real_.clock(); }
  RefusingTables refusing;

 private:
  TestEnvironment& real_;
};

constexpr std::string_view script = R"(
CREATE TABLE clicks (product STRING)
WITH ('connector' = 'kinesis', 'stream' = 'clicks', 'source.init.position' = 'TRIM_HORIZON', 'format' = 'json');
CREATE TABLE Counts (product STRING, n BIGINT, PRIMARY KEY (product) NOT ENFORCED)
WITH ('connector' = 'dynamodb', 'table-name' = 'Counts');
INSERT INTO Counts SELECT product, COUNT(*) FROM clicks GROUP BY product;
)";

class RefusedCommits : public testing::Test {
 protected:
  RefusedCommits() {
    real_.add_stream("clicks", 1);
    real_.add_table("Counts", {"product"});
  }
  std::unique_ptr<Lane> start(LaneOptions options = {}) {
    options.retry_wait_ms = 1;
    const auto plan = sql::compile(script);
    CHECK(plan, "{}", plan.error().message);
    auto lane = Lane::make(*plan, "job", 1, environment_, options, [] {});
    CHECK(lane, "{}", lane.error().message);
    return std::move(*lane);
  }

  TestEnvironment real_;
  RefusingEnvironment environment_{real_};
};

TEST_F(RefusedCommits, are_tried_again_until_they_succeed) {
  auto lane = start();
  work(*lane);
  real_.send("clicks", 0, R"({"product":"a"})");
  environment_.refusing.refusals = 5;
  work(*lane);
  EXPECT_EQ(environment_.refusing.refused, 5);
  EXPECT_EQ(lane->figures().waiting, "");
  EXPECT_EQ(real_.rows("Counts"), std::vector<std::string>{R"({"n":{"N":"1"},"product":{"S":"a"}})"});
}

TEST_F(RefusedCommits, are_given_up_when_the_job_is_stopped_and_made_again_by_the_next_run) {
  auto lane = start();
  work(*lane);
  real_.send("clicks", 0, R"({"product":"a"})");
  environment_.refusing.refusals = 1'000'000;
  lane->give_up();
  const auto step = lane->step();
  // The first step reads; the one after it commits.
  const auto commit = step ? lane->step() : step;
  ASSERT_FALSE(commit);
  EXPECT_EQ(commit.error().kind, ErrorKind::unavailable);
  EXPECT_EQ(lane->figures().waiting, "no space left on the device");
  EXPECT_TRUE(real_.rows("Counts").empty());
  lane.reset();
  environment_.refusing.refusals = 0;
  lane = start();
  work(*lane);
  EXPECT_EQ(real_.rows("Counts"), std::vector<std::string>{R"({"n":{"N":"1"},"product":{"S":"a"}})"});
}

TEST_F(RefusedCommits, that_are_too_large_for_one_transaction_go_in_parts) {
  LaneOptions options;
  options.transaction_bytes_max = 500;
  auto lane = start(options);
  std::vector<std::pair<uint32_t, std::string>> records;
  for (int n = 0; n < 300; ++n) records.emplace_back(0, fmt::format(R"({{"product":"p{}"}})", n));
  real_.send("clicks", records);
  environment_.refusing.refusals = 1;
  work(*lane);
  EXPECT_EQ(real_.rows("Counts").size(), 300u);
  lane.reset();
  // All of it is in the state that the next run restores.
  lane = start();
  EXPECT_EQ(lane->figures().totals.rows_in, 300u);
  real_.send("clicks", 0, R"({"product":"p7"})");
  work(*lane);
  const auto rows = real_.rows("Counts");
  EXPECT_EQ(std::count(rows.begin(), rows.end(), R"({"n":{"N":"2"},"product":{"S":"p7"}})"), 1);
  EXPECT_EQ(rows.size(), 300u);
}

// A row is upserted into an item that may be much larger, and the change feed shows the old one too.
TEST_F(RefusedCommits, of_large_items_are_divided_by_what_the_journal_takes) {
  constexpr int items = 40;
  real_.add_table("Large", {"product"}, {}, table::ViewType::new_and_old_images);
  std::vector<std::pair<uint32_t, std::string>> records;
  for (int n = 0; n < items; ++n) {
    real_.write(table::WriteRequest::Kind::put, "Large",
                fmt::format(R"({{"product":{{"S":"p{}"}},"text":{{"S":"{}"}}}})", n, std::string(300'000, 'x')));
    records.emplace_back(0, fmt::format(R"({{"product":"p{}"}})", n));
  }
  real_.send("clicks", records);
  std::string counting(script);
  const std::string table_name = "'table-name' = 'Counts'";
  counting.replace(counting.find(table_name), table_name.size(), "'table-name' = 'Large'");
  const auto plan = sql::compile(counting);
  ASSERT_TRUE(plan) << plan.error().message;
  auto lane = Lane::make(*plan, "job", 1, environment_, {}, [] {});
  ASSERT_TRUE(lane) << lane.error().message;
  work(**lane);
  const auto rows = real_.rows("Large");
  EXPECT_EQ(std::ranges::count_if(rows, [](const auto& row) { return row.starts_with(R"({"n":{"N":"1"},)"); }), items);
}

}  // namespace
}  // namespace millrace::engine
