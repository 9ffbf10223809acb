// A store that refuses commits for a while (a full disk, too much waiting): the job waits, says why, and loses nothing.

#include <gtest/gtest.h>

#include <thread>

#include "connector/known.h"
#include "engine/jobs.h"
#include "engine/test_environment.h"
#include "log/log.h"

namespace millrace::engine {
namespace {

// Its commit finds the disk full.
class FullDiskTransaction final : public table::Transaction {
 public:
  Result<table::WriteResult> write(const table::WriteRequest&) override { return table::WriteResult(); }
  Result<void> merge(const table::TableDefinition&, std::string_view, std::string_view) override { return {}; }
  Result<void> erase_attributes(const table::TableDefinition&, std::string_view,
                                std::span<const std::string_view>) override {
    return {};
  }
  Result<void> erase(const table::TableDefinition&, std::string_view) override { return {}; }
  Result<void> put_record(std::string_view, std::string) override { return {}; }
  Result<void> erase_record(std::string_view) override { return {}; }
  Result<void> erase_records(std::string_view) override { return {}; }
  size_t bytes() const override { return 0; }
  Result<table::CommitId> commit() override {
    return millrace::fail(ErrorKind::disk_full, "no space left on the device");
  }
};

// The tables of the environment, but for begin() and try_begin().
class RefusingTables final : public table::Tables {
 public:
  explicit RefusingTables(table::Tables& real) : real_(real) {}
  int refusals = 0;  // how many more begins are refused
  int refused = 0;
  std::optional<int> allowed;       // begins, before all are refused
  std::function<void()> beginning;  // called before each
  std::atomic<bool> full = false;
  std::atomic<bool> slow = false;  // a job's state is not given before this falls

  Result<std::unique_ptr<table::Transaction>> try_begin() override {
    if (beginning) beginning();
    if (full) return std::make_unique<FullDiskTransaction>();
    if (allowed && (*allowed)-- <= 0) refusals = 1;
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
  Result<table::TablePtr> update(std::string_view name,
                                 const std::function<Result<void>(table::TableDefinition&)>& change) override {
    return real_.update(name, change);
  }
  Counts counts(const table::TableDefinition& t) const override { return real_.counts(t); }
  Counts counts(const table::TableDefinition& t, const table::IndexDefinition& i) const override {
    return real_.counts(t, i);
  }
  Result<table::WriteResult> write(const table::WriteRequest& r) override { return real_.write(r); }
  Result<table::BatchResult> write_batch(std::span<const table::WriteRequest> r) override {
    return real_.write_batch(r);
  }
  Result<table::GetResult> get(const table::GetRequest& r) override { return real_.get(r); }
  Result<store::ReadResult> get_stored(const table::TableDefinition& t, std::string_view k) override {
    return real_.get_stored(t, k);
  }
  Result<table::QueryResult> query(const table::QueryRequest& r) override { return real_.query(r); }
  std::unique_ptr<table::Transaction> begin() override {
    if (full) return std::make_unique<FullDiskTransaction>();
    return real_.begin();
  }
  Result<std::optional<std::string>> get_record(std::string_view key) override { return real_.get_record(key); }
  Result<void> scan_records(std::string_view prefix,
                            const std::function<bool(std::string_view, std::string_view)>& each) override {
    while (slow && prefix.find("/job/job/state/") != prefix.npos)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
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
  const connector::Registry& connectors() override { return io_.connectors; }
  connector::Storage& storage() override { return io_.storage; }
  base::Clock& clock() override { return real_.clock(); }
  RefusingTables refusing;

 private:
  TestEnvironment& real_;
  connector::ServerIo io_{real_, refusing};
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
    const auto plan = sql::compile(script, connector::known_connectors());
    CHECK(plan, "{}", plan.error().message);
    auto lane = make_lane(*plan, "job", 1, environment_, options);
    CHECK(lane, "{}", lane.error().message);
    return std::move(*lane);
  }

  TestEnvironment real_;
  RefusingEnvironment environment_{real_};
};

// A server with large jobs answers while their state is being read.
TEST_F(RefusedCommits, jobs_are_open_before_their_state_is_restored) {
  const auto open = [&] {
    auto jobs = Jobs::open(environment_, {});
    CHECK(jobs, "{}", jobs.error().message);
    return std::move(*jobs);
  };
  const auto await = [&](Jobs& jobs, uint64_t rows) {
    for (int i = 0; i < 5000 && jobs.status("job")->rows_in < rows; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return jobs.status("job")->rows_in;
  };
  auto jobs = open();
  ASSERT_TRUE(jobs->submit("job", script));
  real_.send("clicks", 0, R"({"product":"a"})");
  ASSERT_EQ(await(*jobs, 1), 1u);
  jobs.reset();

  environment_.refusing.slow = true;
  jobs = open();
  EXPECT_EQ(jobs->status("job")->state, JobState::running);
  EXPECT_EQ(jobs->status("job")->reason, "its state is being restored");
  EXPECT_GT(jobs->status("job")->lag_records, 0u);
  EXPECT_EQ(jobs->status("job")->rows_in, 1u);
  ASSERT_TRUE(jobs->submit("other", script));  // waits for nobody
  real_.send("clicks", 0, R"({"product":"a"})");
  environment_.refusing.slow = false;
  EXPECT_EQ(await(*jobs, 2), 2u);
  EXPECT_EQ(jobs->status("job")->reason, "");
  ASSERT_TRUE(jobs->remove("other"));

  // What takes long for one job keeps nobody from changing another.
  ASSERT_TRUE(jobs->submit("other", script));
  ASSERT_TRUE(jobs->stop("job"));
  environment_.refusing.slow = true;
  std::atomic<bool> resumed = false;
  std::thread resuming([&] {
    EXPECT_TRUE(jobs->resume("job"));
    resumed = true;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_TRUE(jobs->stop("other"));
  EXPECT_TRUE(jobs->remove("other"));
  EXPECT_FALSE(resumed);
  environment_.refusing.slow = false;
  resuming.join();

  // Told to stop meanwhile, it does; and it is where it was.
  environment_.refusing.slow = true;
  jobs = nullptr;
  jobs = open();
  std::thread stopping([&] { EXPECT_TRUE(jobs->stop("job")); });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  environment_.refusing.slow = false;
  stopping.join();
  EXPECT_EQ(jobs->status("job")->state, JobState::stopped);
  real_.send("clicks", 0, R"({"product":"a"})");
  ASSERT_TRUE(jobs->resume("job"));
  EXPECT_EQ(await(*jobs, 3), 3u);
  EXPECT_EQ(real_.rows("Counts"), std::vector<std::string>{R"({"n":{"N":"3"},"product":{"S":"a"}})"});
}

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

// Whoever follows the table's feed: a commit in several transactions, a crash after any of them, and a next run that
// cuts its commits otherwise. No value goes back, none comes twice, and the rows are right at the end.
TEST_F(RefusedCommits, of_several_transactions_are_finished_by_the_next_run_wherever_they_stopped) {
  constexpr int products = 40;
  constexpr int rounds = 5;
  LaneOptions at_once;
  at_once.transaction_bytes_max = 150;
  LaneOptions round_by_round = at_once;
  round_by_round.read_bytes_max = 1;
  round_by_round.epoch_rows_max = 1;
  int stopped = 0;
  for (int transactions = 1;; ++transactions) {
    SCOPED_TRACE(fmt::format("a crash after {} transactions", transactions));
    TestEnvironment real;
    RefusingEnvironment environment(real);
    real.add_stream("clicks", 1);
    real.add_table("Counts", {"product"}, {}, table::ViewType::new_image);
    const auto plan = sql::compile(script, connector::known_connectors());
    ASSERT_TRUE(plan);
    const auto run = [&](LaneOptions options) {
      options.retry_wait_ms = 1;
      auto lane = make_lane(*plan, "job", 1, environment, options);
      CHECK(lane, "{}", lane.error().message);
      return std::move(*lane);
    };
    // Followers see the large commit, a row of each product, whole or not at all.
    const auto table = *real.tables().find("Counts");
    log::Log& journal = real.tables().journal();
    const auto seen = [&] { return static_cast<int>(journal.range(table->keyspace)->end.value); };
    const auto expect_whole = [&] {
      journal.wait_durable(*journal.append({}));  // the newest group
      EXPECT_TRUE(seen() == 0 || seen() == products) << seen();
      EXPECT_EQ(journal.read(table->keyspace, SequenceNumber(0), 1)->empty(), seen() == 0);
    };
    work(*run(at_once));  // the first commit: where the job begins
    for (int round = 0; round < rounds; ++round) {
      std::vector<std::pair<uint32_t, std::string>> records;
      for (int n = 0; n < products; ++n) records.emplace_back(0, fmt::format(R"({{"product":"p{}"}})", n));
      real.send("clicks", records);
    }
    auto lane = run(at_once);
    environment.refusing.allowed = transactions;
    environment.refusing.beginning = expect_whole;
    lane->give_up();
    bool crashed = false;
    for (int n = 0; n < 10 && !crashed; ++n) crashed = !lane->step();
    environment.refusing.allowed.reset();
    if (!crashed) {
      ASSERT_TRUE(lane->finish());
    }
    environment.refusing.refusals = 0;
    expect_whole();
    lane.reset();
    // A job that is stopped before its first step has written them, too.
    if (crashed) {
      auto next_run = run(round_by_round);
      expect_whole();
      ASSERT_TRUE(next_run->finish());
      expect_whole();
      size_t aside = 0;
      ASSERT_TRUE(real.tables().scan_records("engine/job/job/rows/", [&](std::string_view key, std::string_view) {
        aside += key.ends_with("written");
        return true;
      }));
      EXPECT_EQ(aside, 0u);
    }
    environment.refusing.beginning = {};
    lane = run(round_by_round);
    do {
      work(*lane);
    } while (lane->figures().lag_records > 0);

    std::map<std::string, int> counts;
    SequenceNumber next(0);
    const auto follow = [&] {
      const auto blocks = journal.read(table->keyspace, next, 1 << 20);
      ASSERT_TRUE(blocks);
      for (const auto& block : *blocks) {
        log::for_each_record(*block, next, [&](const log::Record& record) {
          next = record.sequence.next();
          const auto change = table::decode_change(*table, record);
          ASSERT_TRUE(change);
          const int count = std::stoi(change->new_image->at("n").number()->to_string());
          int& before = counts[*change->new_image->at("product").string()];
          EXPECT_GT(count, before);
          before = count;
        });
      }
    };
    // A hold ends a little after the commit's last group is durable.
    const auto all = [&] {
      return counts.size() == products && std::ranges::all_of(counts, [](auto& c) { return c.second == rounds; });
    };
    for (int tries = 0; tries < 5000 && !all() && !HasFailure(); ++tries) {
      if (tries > 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      follow();
    }
    EXPECT_EQ(counts.size(), static_cast<size_t>(products));
    for (const auto& [product, count] : counts) EXPECT_EQ(count, rounds) << product;
    if (HasFailure()) return;
    stopped += crashed;
    if (!crashed) break;
  }
  EXPECT_GT(stopped, 10);
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
  const auto plan = sql::compile(counting, connector::known_connectors());
  ASSERT_TRUE(plan) << plan.error().message;
  auto lane = make_lane(*plan, "job", 1, environment_);
  ASSERT_TRUE(lane) << lane.error().message;
  work(**lane);
  const auto rows = real_.rows("Large");
  EXPECT_EQ(std::ranges::count_if(rows, [](const auto& row) { return row.starts_with(R"({"n":{"N":"1"},)"); }), items);
}

TEST_F(RefusedCommits, leave_pieces_that_a_restart_on_a_full_disk_does_not_read) {
  auto lane = start();
  real_.send("clicks", 0, R"({"product":"a"})");
  work(*lane);
  lane.reset();
  const std::string left_over = "engine/job/job/state/0000000000000000/00000000000000ff.000000";
  auto transaction = real_.tables().begin();
  ASSERT_TRUE(transaction->put_record(left_over, "unfinished"));
  ASSERT_TRUE(transaction->commit());
  transaction.reset();
  environment_.refusing.full = true;
  lane = start();
  environment_.refusing.full = false;
  EXPECT_TRUE(*real_.tables().get_record(left_over));
  real_.send("clicks", 0, R"({"product":"a"})");
  work(*lane);
  EXPECT_FALSE(*real_.tables().get_record(left_over));
  EXPECT_EQ(real_.rows("Counts"), std::vector<std::string>{R"({"n":{"N":"2"},"product":{"S":"a"}})"});
}

class JobsOnAFullDisk : public RefusedCommits {
 protected:
  JobsOnAFullDisk() {
    open();
    CHECK(jobs_->submit("job", script));
  }
  ~JobsOnAFullDisk() override { environment_.refusing.full = false; }
  void open() {
    Jobs::Options options;
    options.lane.retry_wait_ms = 1;
    options.lane.retry_wait_ms_max = 1;
    auto jobs = Jobs::open(environment_, options);
    CHECK(jobs, "{}", jobs.error().message);
    jobs_ = std::move(*jobs);
  }
  void await(const std::function<bool(const JobStatus&)>& holds) {
    for (int i = 0; i < 5000 && !holds(*jobs_->status("job")); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    EXPECT_TRUE(holds(*jobs_->status("job"))) << jobs_->status("job")->reason;
  }
  void fill_disk() {
    await([](const JobStatus& job) { return job.commits > 0; });
    environment_.refusing.full = true;
    real_.send("clicks", 0, R"({"product":"a"})");
    await([](const JobStatus& job) { return job.reason == "no space left on the device"; });
  }
  void expect_that_nothing_is_lost() {
    await([](const JobStatus& job) { return job.rows_in == 1; });
    ASSERT_TRUE(jobs_->stop("job"));
    EXPECT_EQ(real_.rows("Counts"), std::vector<std::string>{R"({"n":{"N":"1"},"product":{"S":"a"}})"});
  }
  std::unique_ptr<Jobs> jobs_;
};

TEST_F(JobsOnAFullDisk, are_stopped_and_not_failed) {
  fill_disk();
  const auto stopped = jobs_->stop("job");
  // It is, but the next start of the server does not know.
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().kind, ErrorKind::disk_full);
  EXPECT_EQ(jobs_->status("job")->state, JobState::stopped);
  const auto resumed = jobs_->resume("job");
  ASSERT_FALSE(resumed);
  EXPECT_EQ(resumed.error().kind, ErrorKind::disk_full);
  EXPECT_EQ(jobs_->status("job")->state, JobState::stopped);
  environment_.refusing.full = false;
  ASSERT_TRUE(jobs_->resume("job"));
  expect_that_nothing_is_lost();
}

TEST_F(JobsOnAFullDisk, run_again_after_a_restart) {
  fill_disk();
  jobs_.reset();
  environment_.refusing.full = false;
  open();
  EXPECT_EQ(jobs_->status("job")->state, JobState::running);
  expect_that_nothing_is_lost();
}

TEST_F(JobsOnAFullDisk, are_not_removed_but_stopped) {
  fill_disk();
  const auto removed = jobs_->remove("job");
  ASSERT_FALSE(removed);
  EXPECT_EQ(removed.error().kind, ErrorKind::disk_full);
  EXPECT_EQ(jobs_->status("job")->state, JobState::stopped);
  EXPECT_EQ(jobs_->stop("job").error().kind, ErrorKind::invalid_argument);
  environment_.refusing.full = false;
  ASSERT_TRUE(jobs_->resume("job"));
  expect_that_nothing_is_lost();
  ASSERT_TRUE(jobs_->remove("job"));
}

TEST_F(JobsOnAFullDisk, are_drained_until_somebody_stops_them) {
  fill_disk();
  Result<void> drained;
  std::thread drain([&] { drained = jobs_->stop("job", true); });
  await([](const JobStatus& job) {
    return job.state == JobState::draining && job.reason == "no space left on the device";
  });
  EXPECT_EQ(jobs_->resume("job").error().kind, ErrorKind::in_use);
  EXPECT_EQ(jobs_->stop("job").error().kind, ErrorKind::disk_full);
  drain.join();
  ASSERT_FALSE(drained);
  EXPECT_EQ(drained.error().message, "job job was stopped before it had worked off what was there");
  environment_.refusing.full = false;
  ASSERT_TRUE(jobs_->resume("job"));
  expect_that_nothing_is_lost();
}

TEST_F(JobsOnAFullDisk, are_drained_until_the_server_stops) {
  fill_disk();
  ASSERT_TRUE(jobs_->drain("job"));
  jobs_.reset();
  environment_.refusing.full = false;
  open();
  expect_that_nothing_is_lost();
}

}  // namespace
}  // namespace millrace::engine
