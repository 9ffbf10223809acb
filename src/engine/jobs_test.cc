#include "engine/jobs.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <thread>

#include "engine/test_environment.h"
#include "stream/test_aggregated.h"

namespace millrace::engine {
namespace {

constexpr std::string_view counting_script = R"(
CREATE TABLE clicks (product STRING, ms BIGINT, ts AS TO_TIMESTAMP_LTZ(ms, 3), WATERMARK FOR ts AS ts - INTERVAL '1' SECOND)
WITH ('connector' = 'kinesis', 'stream' = 'clicks', 'source.init.position' = 'TRIM_HORIZON', 'format' = 'json');
CREATE TABLE Counts (product STRING, n BIGINT, PRIMARY KEY (product) NOT ENFORCED)
WITH ('connector' = 'dynamodb', 'table-name' = 'Counts');
CREATE TABLE Windows (product STRING, window_start TIMESTAMP(3), n BIGINT, PRIMARY KEY (product, window_start) NOT ENFORCED)
WITH ('connector' = 'dynamodb', 'table-name' = 'Windows');
EXECUTE STATEMENT SET BEGIN
INSERT INTO Counts SELECT product, COUNT(*) FROM clicks GROUP BY product;
INSERT INTO Windows SELECT product, window_start, COUNT(*)
FROM TABLE(HOP(TABLE clicks, DESCRIPTOR(ts), INTERVAL '1' SECOND, INTERVAL '5' SECOND))
GROUP BY product, window_start, window_end;
END;
)";

class JobsTest : public testing::Test {
 protected:
  void create_all() {
    environment_.add_stream("clicks", 2);
    environment_.add_table("Counts", {"product"});
    environment_.add_table("Windows", {"product"}, table::KeyAttribute{"window_start", table::KeyType::number});
  }
  void open() {
    jobs_.reset();
    Jobs::Options options;
    options.lane.commit_interval_ms = 1;
    auto jobs = Jobs::open(environment_, options);
    ASSERT_TRUE(jobs) << jobs.error().message;
    jobs_ = std::move(*jobs);
  }
  void click(const std::string& product, int64_t ms, uint32_t shard = 0) {
    environment_.send("clicks", shard, fmt::format(R"({{"product":"{}","ms":{}}})", product, ms));
  }
  // Waits until the job has read all that was sent and has said so.
  void await_rows(uint64_t rows) {
    for (int i = 0; i < 5000; ++i) {
      if (jobs_->status("job")->rows_in >= rows) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    FAIL() << "the job has read " << jobs_->status("job")->rows_in << " of " << rows
           << " rows: " << jobs_->status("job")->reason;
  }
  void await_state(JobState state) {
    for (int i = 0; i < 5000 && jobs_->status("job")->state != state; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    EXPECT_EQ(jobs_->status("job")->state, state) << jobs_->status("job")->reason;
  }
  std::string error_of(const Result<void>& result) { return result ? "none" : result.error().message; }

  TestEnvironment environment_;
  std::unique_ptr<Jobs> jobs_;
};

TEST_F(JobsTest, a_job_runs_stops_resumes_and_survives_a_restart) {
  create_all();
  open();
  ASSERT_EQ(error_of(jobs_->submit("job", counting_script)), "none");
  click("a", 1000);
  await_rows(1);
  ASSERT_EQ(error_of(jobs_->stop("job")), "none");
  EXPECT_EQ(jobs_->status("job")->state, JobState::stopped);
  EXPECT_EQ(environment_.rows("Counts"), std::vector<std::string>{R"({"n":{"N":"1"},"product":{"S":"a"}})"});

  click("a", 1000, 1);
  EXPECT_EQ(jobs_->status("job")->state, JobState::stopped);
  ASSERT_EQ(error_of(jobs_->resume("job")), "none");
  await_rows(2);
  EXPECT_EQ(jobs_->resume("job").error().kind, ErrorKind::in_use);

  // A running job runs again after a restart, and goes on where it was.
  jobs_.reset();
  environment_.reopen();
  open();
  EXPECT_EQ(jobs_->status("job")->state, JobState::running);
  click("a", 2000);
  await_rows(3);
  ASSERT_EQ(error_of(jobs_->stop("job", true)), "none");
  EXPECT_EQ(jobs_->status("job")->state, JobState::finished);
  EXPECT_EQ(jobs_->status("job")->rows_late, 0u);
  EXPECT_EQ(environment_.rows("Counts"), std::vector<std::string>{R"({"n":{"N":"3"},"product":{"S":"a"}})"});
  EXPECT_EQ(environment_.rows("Windows").size(), 6u);

  ASSERT_EQ(error_of(jobs_->remove("job")), "none");
  EXPECT_EQ(jobs_->list().size(), 0u);
  size_t left = 0;
  ASSERT_TRUE(
      environment_.tables().scan_records("engine/", [&](std::string_view, std::string_view) { return ++left; }));
  EXPECT_EQ(left, 0u);
}

TEST_F(JobsTest, user_records_of_aggregated_ones_are_rows_of_their_own) {
  create_all();
  open();
  ASSERT_EQ(error_of(jobs_->submit("job", counting_script)), "none");
  // Of more than a batch, in both of its bounds; "b" is of another shard, where the producer has put it, too.
  constexpr uint64_t third = 2'800;
  constexpr uint64_t many = 3 * third;
  static_assert(many > 2 * data::batch_rows_max);
  std::vector<stream::TestUserRecord> users;
  for (uint64_t n = 0; n < many; ++n) {
    users.push_back({n % 2 == 0 ? "a" : "c", fmt::format(R"({{"product":"p{}","ms":{}}})", n % 3, 1000 + n)});
  }
  users.push_back({"b", R"({"product":"p0","ms":1000})"});
  click("p0", 1000);
  environment_.send("clicks", 0, stream::make_aggregated(users));
  environment_.send("clicks", 0, stream::make_aggregated({{"b", "{}"}}));
  click("p1", 2000);
  environment_.send("clicks", 1, stream::make_aggregated({users.back()}));
  await_rows(many + 3);
  ASSERT_EQ(error_of(jobs_->stop("job")), "none");
  EXPECT_EQ(jobs_->status("job")->rows_in, many + 3);
  const auto counts = [this] {
    auto rows = environment_.rows("Counts");
    std::ranges::sort(rows);
    return rows;
  };
  const auto expected = [](uint64_t p0, uint64_t p1, uint64_t p2) {
    std::vector<std::string> rows;
    for (const auto& [product, n] : {std::pair("p0", p0), std::pair("p1", p1), std::pair("p2", p2)}) {
      rows.push_back(fmt::format(R"({{"n":{{"N":"{}"}},"product":{{"S":"{}"}}}})", n, product));
    }
    std::ranges::sort(rows);
    return rows;
  };
  EXPECT_EQ(counts(), expected(third + 2, third + 1, third));

  // A bad one is named by its record, and left out by itself.
  jobs_.reset();
  environment_.reopen();
  open();
  users = {{"a", R"({"product":"p2","ms":3000})"}, {"a", "no JSON"}, {"a", R"({"product":"p2","ms":3001})"}};
  environment_.send("clicks", 0, stream::make_aggregated(users));
  ASSERT_EQ(error_of(jobs_->resume("job")), "none");
  await_state(JobState::failed);
  EXPECT_NE(jobs_->status("job")->reason.find("record 4 of shard 0"), std::string::npos)
      << jobs_->status("job")->reason;
  ASSERT_EQ(error_of(jobs_->resume("job", 1)), "none");
  await_rows(many + 5);
  ASSERT_EQ(error_of(jobs_->stop("job")), "none");
  EXPECT_EQ(counts(), expected(third + 2, third + 1, third + 2));
}

TEST_F(JobsTest, a_failed_job_goes_on_after_the_bad_records_that_it_is_told_to_skip) {
  create_all();
  open();
  ASSERT_EQ(error_of(jobs_->submit("job", counting_script)), "none");
  click("a", 1000);
  environment_.send("clicks", 0, "no JSON");
  click("a", 1001);
  environment_.send("clicks", 0, R"({"product":"a","ms":"soon"})");
  click("a", 1002);
  await_state(JobState::failed);
  EXPECT_NE(jobs_->status("job")->reason.find("record 1 of shard 0"), std::string::npos);
  EXPECT_NE(jobs_->status("job")->reason.find("--skip 1"), std::string::npos);
  ASSERT_EQ(error_of(jobs_->resume("job")), "none");
  await_state(JobState::failed);

  ASSERT_EQ(error_of(jobs_->resume("job", 1)), "none");
  await_state(JobState::failed);
  EXPECT_NE(jobs_->status("job")->reason.find("record 3 of shard 0"), std::string::npos);
  // The first one comes again, for nothing was committed after it.
  EXPECT_NE(jobs_->status("job")->reason.find("--skip 2"), std::string::npos) << jobs_->status("job")->reason;
  ASSERT_EQ(error_of(jobs_->resume("job", 2)), "none");
  click("a", 1003);
  for (int i = 0; i < 5000 && jobs_->status("job")->lag_records > 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  ASSERT_EQ(error_of(jobs_->stop("job")), "none");
  EXPECT_EQ(environment_.rows("Counts"), std::vector<std::string>{R"({"n":{"N":"4"},"product":{"S":"a"}})"});
}

TEST_F(JobsTest, rows_that_come_after_a_drain_are_counted_after_resume) {
  create_all();
  open();
  ASSERT_EQ(error_of(jobs_->submit("job", counting_script)), "none");
  click("a", 1000);
  ASSERT_EQ(error_of(jobs_->stop("job", true)), "none");
  EXPECT_EQ(environment_.rows("Windows").size(), 5u);
  click("a", 1500);   // belongs to windows that the drain has closed
  click("b", 60000);  // does not
  ASSERT_EQ(error_of(jobs_->resume("job")), "none");
  ASSERT_EQ(error_of(jobs_->stop("job", true)), "none");
  EXPECT_EQ(jobs_->status("job")->rows_late, 1u);
  EXPECT_EQ(jobs_->status("job")->rows_in, 3u);
  EXPECT_EQ(environment_.rows("Counts"), (std::vector<std::string>{R"({"n":{"N":"1"},"product":{"S":"b"}})",
                                                                   R"({"n":{"N":"2"},"product":{"S":"a"}})"}));
  EXPECT_EQ(environment_.rows("Windows").size(), 10u);
}

TEST_F(JobsTest, what_is_missing_or_wrong_is_said_with_the_remedy) {
  open();
  EXPECT_EQ(error_of(jobs_->submit("no name", counting_script)),
            "a job's name has 1 to 128 letters, digits, '_', '-' or '.'");
  EXPECT_NE(error_of(jobs_->submit("job", "INSERT INTO nothing SELECT 1")).find("line 1"), std::string::npos);
  EXPECT_EQ(error_of(jobs_->submit("job", counting_script)), "there is no stream clicks");
  environment_.add_stream("clicks", 1);
  const std::string missing = error_of(jobs_->submit("job", counting_script));
  EXPECT_EQ(missing,
            "there is no table Counts; create it first: aws dynamodb create-table --table-name Counts "
            "--attribute-definitions AttributeName=product,AttributeType=S --key-schema "
            "AttributeName=product,KeyType=HASH --billing-mode PAY_PER_REQUEST");
  environment_.add_table("Counts", {"id"});
  EXPECT_NE(error_of(jobs_->submit("job", counting_script)).find("table Counts has the key (id)"), std::string::npos);
  EXPECT_EQ(jobs_->list().size(), 0u);
  EXPECT_EQ(jobs_->stop("job").error().kind, ErrorKind::not_found);
}

TEST_F(JobsTest, a_name_stands_for_one_script) {
  create_all();
  open();
  ASSERT_EQ(error_of(jobs_->submit("job", counting_script)), "none");
  ASSERT_EQ(error_of(jobs_->submit("job", counting_script)), "none");
  const auto other = jobs_->submit("job", std::string(counting_script) + "-- changed");
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().kind, ErrorKind::already_exists);
  ASSERT_EQ(error_of(jobs_->stop("job")), "none");
  ASSERT_EQ(error_of(jobs_->submit("job", counting_script)), "none");
  EXPECT_EQ(jobs_->status("job")->state, JobState::running);
}

TEST_F(JobsTest, state_without_a_job_is_not_taken_for_a_new_ones) {
  create_all();
  open();
  auto transaction = environment_.tables().begin();
  ASSERT_TRUE(transaction->put_record("engine/job/job/commit", "of a job that was never stored"));
  ASSERT_TRUE(transaction->commit());
  transaction.reset();
  ASSERT_EQ(error_of(jobs_->submit("job", counting_script)), "none");
  click("a", 1000);
  await_rows(1);
}

TEST_F(JobsTest, a_bad_record_fails_the_job_and_keeps_what_was_committed) {
  create_all();
  open();
  ASSERT_EQ(error_of(jobs_->submit("job", counting_script)), "none");
  click("a", 1000);
  await_rows(1);
  environment_.send("clicks", 1, "nonsense");
  await_state(JobState::failed);
  EXPECT_NE(jobs_->status("job")->reason.find("nonsense"), std::string::npos) << jobs_->status("job")->reason;
  EXPECT_EQ(environment_.rows("Counts").size(), 1u);

  // The failure is remembered.
  jobs_.reset();
  environment_.reopen();
  open();
  EXPECT_EQ(jobs_->status("job")->state, JobState::failed);
}

// The definition that a restart reads, in the words of docs/engine.md.
TEST_F(JobsTest, a_job_that_fails_at_once_is_not_stored_as_running) {
  create_all();
  open();
  environment_.send("clicks", 1, "nonsense");
  for (int n = 0; n < 20; ++n) {
    ASSERT_EQ(error_of(jobs_->submit("job", counting_script)), "none");
    await_state(JobState::failed);
    const auto definition = environment_.tables().get_record("engine/definition/job");
    ASSERT_TRUE(definition && *definition);
    EXPECT_EQ((**definition)[1], 4);
    ASSERT_EQ(error_of(jobs_->remove("job")), "none");
  }
}

TEST_F(JobsTest, a_job_whose_stream_is_deleted_fails_and_does_not_take_another_for_it) {
  create_all();
  open();
  ASSERT_EQ(error_of(jobs_->submit("job", counting_script)), "none");
  click("a", 1000);
  await_rows(1);
  environment_.remove_stream("clicks");
  jobs_->sources_changed();
  await_state(JobState::failed);
  EXPECT_EQ(
      jobs_->status("job")->reason,
      "stream clicks was deleted while the job read it; remove the job, and submit it again when there is another "
      "one");
  // What it had read is kept.
  EXPECT_EQ(environment_.rows("Counts"), std::vector<std::string>{R"({"n":{"N":"1"},"product":{"S":"a"}})"});

  environment_.add_stream("clicks", 2);
  click("b", 1000);
  click("b", 1000);
  const std::string another =
      "stream clicks is not the one that the job has read so far: that one was deleted; remove the job and submit it "
      "again to read the new one";
  EXPECT_EQ(error_of(jobs_->resume("job")), another);
  EXPECT_EQ(jobs_->status("job")->state, JobState::failed);
  EXPECT_EQ(jobs_->status("job")->reason, another);
  ASSERT_EQ(error_of(jobs_->remove("job")), "none");
  ASSERT_EQ(error_of(jobs_->submit("job", counting_script)), "none");
  await_rows(2);
}

TEST_F(JobsTest, a_stream_that_was_created_again_is_another_one) {
  create_all();
  open();
  ASSERT_EQ(error_of(jobs_->submit("job", counting_script)), "none");
  click("a", 1000);
  await_rows(1);
  // Nothing between the two was seen.
  environment_.remove_stream("clicks");
  environment_.add_stream("clicks", 2);
  jobs_->sources_changed();
  await_state(JobState::failed);
  EXPECT_NE(jobs_->status("job")->reason.find("is not the one that the job has read so far"), std::string::npos);

  ASSERT_EQ(error_of(jobs_->remove("job")), "none");
  ASSERT_EQ(error_of(jobs_->submit("job", counting_script)), "none");
  click("b", 1000);
  await_rows(1);
  jobs_.reset();
  environment_.remove_stream("clicks");
  environment_.add_stream("clicks", 2);
  click("c", 1000);
  click("c", 1000);
  open();
  await_state(JobState::failed);
  EXPECT_NE(jobs_->status("job")->reason.find("is not the one that the job has read so far"), std::string::npos);
}

TEST_F(JobsTest, a_stream_that_ends_before_the_jobs_position_is_refused) {
  create_all();
  environment_.remove_stream("clicks");
  environment_.add_stream("clicks", 2, 7);
  open();
  ASSERT_EQ(error_of(jobs_->submit("job", counting_script)), "none");
  click("a", 1000);
  await_rows(1);
  ASSERT_EQ(error_of(jobs_->stop("job")), "none");
  environment_.remove_stream("clicks");
  environment_.add_stream("clicks", 2, 7);
  EXPECT_EQ(error_of(jobs_->resume("job")),
            "stream clicks is not the one that the job has read so far: the job has come to record 1 of shard 0, which "
            "ends at 0; remove the job and submit it again");
}

TEST_F(JobsTest, a_job_whose_table_is_dropped_fails_and_does_not_take_another_for_it) {
  environment_.add_table("Orders", {"id"}, {}, table::ViewType::new_and_old_images);
  environment_.add_table("Buyers", {"buyer"});
  open();
  const auto submitted = jobs_->submit("job", R"(
CREATE TABLE Orders (id STRING, buyer STRING, PRIMARY KEY (id) NOT ENFORCED)
WITH ('connector' = 'dynamodb-streams', 'table-name' = 'Orders');
CREATE TABLE Buyers (buyer STRING, n BIGINT, PRIMARY KEY (buyer) NOT ENFORCED)
WITH ('connector' = 'dynamodb', 'table-name' = 'Buyers');
INSERT INTO Buyers SELECT buyer, COUNT(*) FROM Orders GROUP BY buyer;
)");
  ASSERT_EQ(error_of(submitted), "none");
  environment_.write(table::WriteRequest::Kind::put, "Orders", R"({"id":{"S":"1"},"buyer":{"S":"a"}})");
  await_rows(1);
  // Tables that it does not read come and go.
  environment_.add_table("Other", {"id"});
  jobs_->sources_changed();
  environment_.write(table::WriteRequest::Kind::put, "Orders", R"({"id":{"S":"2"},"buyer":{"S":"a"}})");
  await_rows(2);
  ASSERT_TRUE(environment_.tables().drop("Orders"));
  environment_.add_table("Orders", {"id"}, {}, table::ViewType::new_and_old_images);
  jobs_->sources_changed();
  await_state(JobState::failed);
  EXPECT_NE(error_of(jobs_->resume("job")).find("table Orders is not the one that the job has read so far"),
            std::string::npos);
}

TEST_F(JobsTest, a_job_whose_lookup_table_is_dropped_fails_and_goes_on_with_another) {
  create_all();
  const auto add_names = [&](const std::string& name) {
    environment_.add_table("Names", {"product"});
    environment_.write(table::WriteRequest::Kind::put, "Names",
                       fmt::format(R"({{"product":{{"S":"a"}},"name":{{"S":"{}"}}}})", name));
  };
  add_names("first");
  open();
  const auto submitted = jobs_->submit("job", R"(
CREATE TABLE clicks (product STRING, ms BIGINT, arrived AS PROCTIME())
WITH ('connector' = 'kinesis', 'stream' = 'clicks', 'source.init.position' = 'TRIM_HORIZON', 'format' = 'json');
CREATE TABLE Names (product STRING, name STRING, PRIMARY KEY (product) NOT ENFORCED)
WITH ('connector' = 'dynamodb', 'table-name' = 'Names');
CREATE TABLE Counts (product STRING, n BIGINT, least STRING, most STRING, PRIMARY KEY (product) NOT ENFORCED)
WITH ('connector' = 'dynamodb', 'table-name' = 'Counts');
INSERT INTO Counts SELECT c.product, COUNT(*), MIN(n.name), MAX(n.name) FROM clicks AS c
JOIN Names FOR SYSTEM_TIME AS OF c.arrived AS n ON n.product = c.product GROUP BY c.product;
)");
  ASSERT_EQ(error_of(submitted), "none");
  click("a", 1);
  await_rows(1);
  ASSERT_TRUE(environment_.tables().drop("Names"));
  click("a", 2);
  await_state(JobState::failed);
  EXPECT_EQ(jobs_->status("job")->reason,
            "table Names, which the job looks up, was deleted; create it again and resume the job");
  add_names("second");
  ASSERT_EQ(error_of(jobs_->resume("job")), "none");
  await_rows(2);
  ASSERT_EQ(error_of(jobs_->stop("job")), "none");
  EXPECT_EQ(
      environment_.rows("Counts"),
      std::vector<std::string>{R"({"least":{"S":"first"},"most":{"S":"second"},"n":{"N":"2"},"product":{"S":"a"}})"});
}

// What no item can have as its key (DynamoDB takes no empty text and none beyond 2,048 bytes) stops no job.
TEST_F(JobsTest, rows_that_can_be_no_item_are_counted_and_go_on) {
  create_all();
  environment_.add_table("Names", {"product"});
  environment_.write(table::WriteRequest::Kind::put, "Names", R"({"product":{"S":"a"},"name":{"S":"Anchor"}})");
  open();
  const auto submitted = jobs_->submit("job", R"(
CREATE TABLE clicks (product STRING, ms BIGINT, arrived AS PROCTIME())
WITH ('connector' = 'kinesis', 'stream' = 'clicks', 'source.init.position' = 'TRIM_HORIZON', 'format' = 'json');
CREATE TABLE Names (product STRING, name STRING, PRIMARY KEY (product) NOT ENFORCED)
WITH ('connector' = 'dynamodb', 'table-name' = 'Names');
CREATE TABLE Counts (product STRING, ms BIGINT, name STRING, PRIMARY KEY (product) NOT ENFORCED)
WITH ('connector' = 'dynamodb', 'table-name' = 'Counts');
INSERT INTO Counts SELECT c.product, c.ms, n.name FROM clicks AS c
LEFT JOIN Names FOR SYSTEM_TIME AS OF c.arrived AS n ON n.product = c.product;
)");
  ASSERT_EQ(error_of(submitted), "none");
  click("", 1);
  click(std::string(2049, 'x'), 2);
  environment_.send("clicks", 0, R"({"ms":3})");
  click("a", 4);
  click(std::string(2048, 'y'), 5);
  await_rows(5);
  ASSERT_EQ(error_of(jobs_->stop("job")), "none");
  EXPECT_EQ(jobs_->status("job")->row_errors, 3u);
  const auto rows = environment_.rows("Counts");
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0], R"({"ms":{"N":"4"},"name":{"S":"Anchor"},"product":{"S":"a"}})");
  EXPECT_TRUE(rows[1].starts_with(R"({"ms":{"N":"5"},"name":{"NULL":true},"product":{"S":"yyy)")) << rows[1];
}

}  // namespace
}  // namespace millrace::engine
