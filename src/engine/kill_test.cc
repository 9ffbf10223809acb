// A job in a process that is killed again and again gives, in the end, exactly the rows of one that was left alone.

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <random>

#include "engine/jobs.h"
#include "engine/test_environment.h"

namespace millrace::engine {
namespace {

constexpr std::string_view script = R"(
SET 'table.exec.state.ttl' = '1 min';
CREATE TABLE clicks (
  id STRING, product STRING, visitor STRING, price DECIMAL(10, 2), ms BIGINT,
  ts AS TO_TIMESTAMP_LTZ(ms, 3), arrived AS PROCTIME(), WATERMARK FOR ts AS ts - INTERVAL '3' SECOND
) WITH ('connector' = 'kinesis', 'stream' = 'clicks', 'source.init.position' = 'TRIM_HORIZON', 'format' = 'json');
CREATE TABLE Demand (product STRING, n BIGINT, faded DOUBLE, revenue DECIMAL(38, 2), PRIMARY KEY (product) NOT ENFORCED)
WITH ('connector' = 'dynamodb', 'table-name' = 'Demand');
CREATE TABLE Windows (
  product STRING, window_start TIMESTAMP(3), n BIGINT, visitors BIGINT, cheapest DECIMAL(10, 2),
  PRIMARY KEY (product, window_start) NOT ENFORCED
) WITH ('connector' = 'dynamodb', 'table-name' = 'Windows');
CREATE VIEW once AS
  SELECT product, visitor, price, ts FROM (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY id ORDER BY arrived ASC) AS copy FROM clicks
  ) WHERE copy = 1;
EXECUTE STATEMENT SET BEGIN
INSERT INTO Demand SELECT product, COUNT(*), DECAYED_COUNT(ts, INTERVAL '2' SECOND), SUM(price) FROM once GROUP BY product;
INSERT INTO Windows SELECT product, window_start, COUNT(*), COUNT(DISTINCT visitor), MIN(price)
FROM TABLE(HOP(TABLE once, DESCRIPTOR(ts), INTERVAL '1' SECOND, INTERVAL '4' SECOND))
GROUP BY product, window_start, window_end;
END;
)";

class KillTest : public testing::Test {
 protected:
  KillTest() {
    std::string pattern = testing::TempDir() + "kill_test_XXXXXX";
    root_ = mkdtemp(pattern.data());
  }
  ~KillTest() override { std::filesystem::remove_all(root_); }

  static Jobs::Options options() {
    Jobs::Options options;
    options.lane.commit_interval_ms = 1;
    options.lane.catch_up_interval_ms = 2;
    options.lane.epoch_rows_max = 3000;
    options.lane.read_bytes_max = 64 << 10;
    return options;
  }

  void prepare(const std::string& directory, const std::vector<std::pair<uint32_t, std::string>>& records) {
    TestEnvironment environment(directory);
    environment.add_stream("clicks", 3);
    environment.add_table("Demand", {"product"});
    environment.add_table("Windows", {"product"}, table::KeyAttribute{"window_start", table::KeyType::number});
    environment.send("clicks", records);
  }

  struct Outcome {
    std::vector<std::string> demand;
    std::vector<std::string> windows;
    JobTotals totals;
  };
  Outcome finish(const std::string& directory) {
    TestEnvironment environment(directory);
    environment.add_stream("clicks", 3);
    auto jobs = Jobs::open(environment, options());
    CHECK(jobs, "{}", jobs.error().message);
    if (const auto before = (*jobs)->status("job")) {
      fmt::print("{} of the rows were committed by killed servers\n", before->rows_in);
    }
    const auto submitted = (*jobs)->submit("job", script);
    EXPECT_TRUE(submitted) << submitted.error().message;
    const auto stopped = (*jobs)->stop("job", true);
    EXPECT_TRUE(stopped) << stopped.error().message;
    const auto status = (*jobs)->status("job");
    return {environment.rows("Demand"),
            environment.rows("Windows"),
            {.rows_in = status->rows_in,
             .rows_late = status->rows_late,
             .rows_duplicate = status->rows_duplicate,
             .commits = status->commits}};
  }

  // A server in a process of its own, killed after that time.
  void run_and_kill(const std::string& directory, int64_t after_ms) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      TestEnvironment environment(directory);
      environment.add_stream("clicks", 3);
      auto jobs = Jobs::open(environment, options());
      if (!jobs || !(*jobs)->submit("job", script)) _exit(1);
      for (;;) pause();
    }
    usleep(static_cast<useconds_t>(after_ms * 1000));
    kill(child, SIGKILL);
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status)) << "the server ended by itself";
  }

  std::string root_;
};

TEST_F(KillTest, a_killed_job_gives_the_same_rows) {
  const uint64_t seed = 20261122;
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937_64 random(seed);
  std::vector<std::pair<uint32_t, std::string>> records;
  for (size_t n = 0; n < 60'000; ++n) {
    // Up to two seconds of disorder, less than the watermark's three; every twentieth record is sent twice.
    const int64_t ms = static_cast<int64_t>(1'000'000 + n / 2 - random() % 2000);
    const std::string json = fmt::format(R"({{"id":"{}","product":"p{}","visitor":"v{}","price":{}.{:02},"ms":{}}})", n,
                                         random() % 40, random() % 500, random() % 100, random() % 100, ms);
    records.emplace_back(random() % 3, json);
    if (random() % 20 == 0) records.emplace_back(random() % 3, json);
  }
  prepare(root_ + "/undisturbed", records);
  prepare(root_ + "/killed", records);
  const Outcome expected = finish(root_ + "/undisturbed");
  ASSERT_FALSE(HasFailure());
  EXPECT_EQ(expected.totals.rows_in, records.size());
  EXPECT_EQ(expected.totals.rows_late, 0u);
  EXPECT_GT(expected.windows.size(), 100u);

  for (int round = 0; round < 6; ++round) run_and_kill(root_ + "/killed", 60 + static_cast<int64_t>(random() % 120));
  const Outcome actual = finish(root_ + "/killed");
  EXPECT_EQ(actual.totals.rows_in, expected.totals.rows_in);
  EXPECT_EQ(actual.totals.rows_duplicate, expected.totals.rows_duplicate);
  EXPECT_EQ(actual.totals.rows_late, 0u);
  EXPECT_EQ(actual.demand, expected.demand);
  EXPECT_EQ(actual.windows, expected.windows);
}

}  // namespace
}  // namespace millrace::engine
