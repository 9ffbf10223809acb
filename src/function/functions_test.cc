// Goal: every record of a stream and of a change feed reaches its function in order, its effects happen exactly once
// whatever dies on the way, and a batch that nobody can handle ends up where it can be found.
// Method: real processes (this program, started again as a function, see test_function_test.cc), a real log and real
// tables, on one reactor as in a server.

#include "function/functions.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include "function/error_text.h"
#include "function/test_function.h"
#include "log/log.h"
#include "store/store.h"
#include "table/table.h"

namespace millrace::function {
namespace {

class FunctionsTest : public testing::Test, public stream::Sources {
 protected:
  FunctionsTest() {
    directory_ = testing::TempDir() + "/millrace-functions-" + std::to_string(::getpid()) + "-" +
                 testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::create_directories(directory_);
    open();
    for (const char* const name : {"Seen", "Latest"}) {
      EXPECT_TRUE(tables_->create({.name = name, .hash_key = {"id"}}));
    }
  }
  // Not in the destructor: until then the reactor's thread asks this object for its streams.
  void TearDown() override {
    close();
    std::filesystem::remove_all(directory_);
  }

  void open() {
    reactor_ = std::move(http::Reactor::make().value());
    io_ = std::move(log::make_io_driver().value());
    reactor_->watch(io_->event_fd(), [this] { io_->reap(); });
    thread_ = std::thread([this] { reactor_->run(); });
    open_stream();
    store_ = std::move(
        store::Store::open({.directory = directory_ + "/store", .segment_bytes = size_t{4} << 20, .io = io_.get()})
            .value());
    tables_ = std::move(table::Tables::open(*store_, base::system_clock()).value());
  }
  void open_stream() {
    log::LogOptions options;
    options.directory = directory_ + "/stream";
    options.segment_bytes = size_t{4} << 20;
    options.io = io_.get();
    log_ = std::move(log::open_log(options).value());
    for (uint32_t shard = 0; shard < shards; ++shard) log_->add_shard(ShardId(shard));
  }
  // While no mapping reads it.
  void empty_stream() {
    log_.reset();
    std::filesystem::remove_all(directory_ + "/stream");
    open_stream();
  }
  void recreate_stream() {
    empty_stream();
    ++stream_id_;
  }
  void close() {
    functions_.reset();
    tables_.reset();
    store_.reset();
    log_.reset();
    reactor_->stop();
    thread_.join();
    io_.reset();
    reactor_.reset();
  }

  Result<stream::Source> source(std::string_view name) override {
    if (!name.starts_with("clicks") || !stream_exists_) return fail(ErrorKind::not_found, "no stream {}", name);
    return stream::fixed_source(stream_id_, log_.get(), stream::ShardSet::equal(shards, ProcessingTime(0)));
  }

  static FunctionDefinition a_function(const std::string& kind, const std::vector<std::string>& arguments = {}) {
    FunctionDefinition definition;
    definition.name = "tested";
    definition.command = test_function(kind, arguments);
    definition.timeout_ms = 10'000;
    return definition;
  }
  static MappingDefinition from_stream() {
    MappingDefinition definition;
    definition.name = "clicks-to-tested";
    definition.function = "tested";
    definition.stream = "clicks";
    definition.on_failure_table = "FailedBatches";
    return definition;
  }
  static MappingDefinition from_table(const std::string& table) {
    MappingDefinition definition = from_stream();
    definition.name = "changes-to-tested";
    definition.stream.clear();
    definition.table = table;
    return definition;
  }

  void start(FunctionDefinition function, MappingDefinition mapping) {
    function_ = function;
    mapping_ = mapping;
    Functions::Environment environment;
    environment.reactor = reactor_.get();
    environment.tables = tables_.get();
    environment.streams = this;
    environment.clock = &base::system_clock();
    environment.region = "us-east-1";
    environment.log_directory = directory_;
    auto started = Functions::start(environment, {std::move(function)}, {std::move(mapping)});
    ASSERT_TRUE(started) << started.error().message;
    functions_ = std::move(*started);
  }

  void restart_server() {
    close();
    open();
    start(function_, mapping_);
  }

  std::string marker() const { return directory_ + "/marker"; }

  // Appends a click and waits until it is durable.
  void click(uint32_t shard, const std::string& key, const std::string& data = "data") { clicks(shard, {{key, data}}); }
  void clicks(uint32_t shard, const std::vector<std::pair<std::string, std::string>>& all) {
    std::vector<log::AppendRecord> records;
    for (const auto& [key, data] : all) records.push_back({ShardId(shard), key, data});
    const auto group = log_->append(records);
    ASSERT_TRUE(group) << group.error().message;
    log_->wait_durable(*group);
  }
  void many_clicks(int count) {
    for (int i = 0; i < count; i += 50) {
      std::vector<std::pair<std::string, std::string>> some;
      for (int j = i; j < i + 50 && j < count; ++j) some.emplace_back("key" + std::to_string(j % 7), "data");
      // A key stays in its shard.
      for (uint32_t shard = 0; shard < shards; ++shard) {
        auto of_shard = some;
        std::erase_if(of_shard, [&](const auto& click) { return click.first.back() % shards != shard; });
        if (!of_shard.empty()) clicks(shard, of_shard);
      }
    }
  }

  void put(const std::string& table, const std::string& id, int64_t value) {
    table::WriteRequest request;
    request.table = table;
    request.item = {{"id", id}, {"value", value}};
    const auto written = tables_->write(request);
    ASSERT_TRUE(written) << written.error().message;
    tables_->flush();
    tables_->wait_durable(written->commit);
  }

  void put_large(const std::string& id) {
    table::WriteRequest request;
    request.table = "Large";
    request.item = {{"id", id}, {"text", std::string(350'000, 'x')}};
    const auto written = tables_->write(request);
    ASSERT_TRUE(written) << written.error().message;
    tables_->flush();
    tables_->wait_durable(written->commit);
  }

  std::vector<table::Item> scan(const std::string& table) {
    table::QueryRequest request;
    request.table = table;
    request.scan = true;
    std::vector<table::Item> items;
    do {
      auto page = tables_->query(request);
      if (!page) return items;
      std::ranges::move(page->items, std::back_inserter(items));
      request.exclusive_start_key = std::move(page->last_evaluated_key);
    } while (request.exclusive_start_key);
    return items;
  }

  static int64_t number(const table::Item& item, std::string_view name) {
    const auto found = item.find(name);
    return found == item.end() || found->second.number() == nullptr ? -1
                                                                    : found->second.number()->to_int64().value_or(-1);
  }
  static std::string text(const table::Item& item, std::string_view name) {
    const auto found = item.find(name);
    return found == item.end() || found->second.string() == nullptr ? "" : *found->second.string();
  }

  // Waits for a status of the mapping.
  template <class Condition>
  MappingStatus wait_until(Condition condition) {
    MappingStatus status;
    for (int i = 0; i < 4'000; ++i) {
      status = functions_->mappings().front();
      if (condition(status)) return status;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    ADD_FAILURE() << status.state << ", " << status.records << " records, lag " << status.lag_records << ": "
                  << status.last_error;
    return status;
  }
  MappingStatus wait_until_caught_up() {
    return wait_until([](const MappingStatus& status) { return status.state == "running" && status.lag_records == 0; });
  }

  void expect_seen_once(size_t records) {
    const auto seen = scan("Seen");
    EXPECT_EQ(seen.size(), records);
    for (const table::Item& item : seen) EXPECT_EQ(number(item, "times"), 1) << text(item, "id");
  }

  static constexpr uint32_t shards = 2;

  std::string directory_;
  std::unique_ptr<http::Reactor> reactor_;
  std::unique_ptr<log::IoDriver> io_;
  std::thread thread_;
  std::unique_ptr<log::Log> log_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<table::Tables> tables_;
  std::unique_ptr<Functions> functions_;
  std::atomic<bool> stream_exists_ = true;
  uint64_t stream_id_ = 1;
  FunctionDefinition function_;
  MappingDefinition mapping_;
};

// The sequence numbers of two shards are alike, so `Seen` of these tests counts one shard's records.
TEST_F(FunctionsTest, a_stream_reaches_its_function_record_by_record_in_order) {
  start(a_function("count"), from_stream());
  for (int i = 0; i < 20; ++i) {
    std::vector<std::pair<std::string, std::string>> some;
    for (int j = 0; j < 50; ++j) some.emplace_back("key" + std::to_string(j % 7), "data");
    clicks(0, some);
  }
  const MappingStatus status = wait_until_caught_up();
  EXPECT_EQ(status.records, 1'000U);
  EXPECT_EQ(status.effects, 2'000U);
  EXPECT_EQ(status.retries, 0U);
  EXPECT_GT(status.invocation_ms, 0);
  expect_seen_once(1'000);
}

TEST_F(FunctionsTest, the_shards_share_the_function) {
  start(a_function("count"), from_stream());
  many_clicks(500);
  EXPECT_EQ(wait_until_caught_up().records, 500U);
  EXPECT_EQ(scan("Latest").size(), 7U);
  EXPECT_EQ(functions_->functions().front().restarts, 0U);
}

TEST_F(FunctionsTest, a_change_feed_reaches_its_function_by_the_same_way) {
  ASSERT_TRUE(tables_->create({.name = "Source", .hash_key = {"id"}}));
  start(a_function("count"), from_table("Source"));
  for (int i = 0; i < 100; ++i) put("Source", "p" + std::to_string(i % 9), i);
  EXPECT_EQ(wait_until_caught_up().records, 100U);
  expect_seen_once(100);
  EXPECT_EQ(scan("Latest").size(), 9U);
}

TEST_F(FunctionsTest, a_function_that_dies_in_a_batch_gets_it_again_and_takes_effect_once) {
  start(a_function("die-once", {marker()}), from_stream());
  for (int i = 0; i < 30; ++i) click(0, "key");
  const MappingStatus status = wait_until_caught_up();
  EXPECT_EQ(status.records, 30U);
  EXPECT_GE(status.retries, 1U);
  EXPECT_EQ(functions_->functions().front().restarts, 1U);
  expect_seen_once(30);
}

TEST_F(FunctionsTest, killing_the_function_again_and_again_loses_and_doubles_nothing) {
  MappingDefinition mapping = from_stream();
  mapping.batch_records_max = 20;
  mapping.retries_max = -1;
  start(a_function("count"), mapping);
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  int kills = 0;
  for (int i = 0; i < 40; ++i) {
    std::vector<std::pair<std::string, std::string>> some;
    for (int j = 0; j < 50; ++j) some.emplace_back("key" + std::to_string(j % 3), "data");
    clicks(0, some);
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 20'000));
    const int process = functions_->functions().front().process_id;
    if (process > 0) kills += ::kill(process, SIGKILL) == 0;
  }
  EXPECT_EQ(wait_until_caught_up().records, 2'000U);
  EXPECT_GE(kills, 1);
  expect_seen_once(2'000);
  EXPECT_TRUE(scan("FailedBatches").empty());
}

TEST_F(FunctionsTest, a_function_that_takes_too_long_is_replaced) {
  FunctionDefinition function = a_function("sleep-once", {marker()});
  function.timeout_ms = 200;
  start(function, from_stream());
  click(0, "key");
  wait_until_caught_up();
  expect_seen_once(1);
  EXPECT_NE(functions_->mappings().front().last_error.find("timed out after 0.20 seconds"), std::string::npos);
}

TEST_F(FunctionsTest, an_error_is_tried_again) {
  start(a_function("fail-once", {marker()}), from_stream());
  click(0, "key");
  const MappingStatus status = wait_until_caught_up();
  EXPECT_EQ(status.retries, 1U);
  EXPECT_EQ(status.failed_batches, 0U);
  EXPECT_EQ(functions_->functions().front().restarts, 0U);
  expect_seen_once(1);
}

// As in Lambda: nothing is given up unless it is asked for, and what holds up the shard is seen.
TEST_F(FunctionsTest, a_batch_that_fails_holds_its_shard_for_ever_unless_told_otherwise) {
  EXPECT_EQ(MappingDefinition().retries_max, -1);
  start(a_function("fail"), from_stream());
  clicks(0, {{"a", "first"}, {"b", "second"}});
  // The fifth retry comes after 3.1 s: by default batches were given up after 0.7 s.
  const MappingStatus status = wait_until([](const MappingStatus& now) { return now.retries >= 5; });
  EXPECT_EQ(status.state, "retrying");
  EXPECT_EQ(status.last_error, "Test.Error: no \"way\"");
  EXPECT_EQ(status.failed_batches, 0U);
  EXPECT_EQ(status.lag_records, 2U);
  EXPECT_GE(status.oldest_waiting_ms, 1'500);
  EXPECT_TRUE(scan("FailedBatches").empty());
  const auto found = problems(functions_->functions(), {status});
  ASSERT_EQ(found.size(), 1U);
  EXPECT_TRUE(found[0].starts_with("mapping clicks-to-tested: 2 records wait, the oldest for ")) << found[0];
  EXPECT_TRUE(found[0].ends_with(" s: Test.Error: no \"way\"")) << found[0];
}

TEST_F(FunctionsTest, a_function_that_cannot_start_is_seen_in_its_mapping) {
  FunctionDefinition function = a_function("count");
  function.command = {"/no/such/program"};
  start(function, from_stream());
  click(0, "key");
  const MappingStatus status =
      wait_until([](const MappingStatus& now) { return now.state == "function cannot start"; });
  EXPECT_TRUE(status.last_error.starts_with("cannot execute `/no/such/program`")) << status.last_error;
  EXPECT_EQ(status.lag_records, 1U);
  const auto found = problems(functions_->functions(), functions_->mappings());
  ASSERT_EQ(found.size(), 1U);
  EXPECT_TRUE(found[0].starts_with("function tested: cannot execute")) << found[0];
}

TEST_F(FunctionsTest, an_answer_that_was_nearly_meant_as_effects_fails_the_batch) {
  start(a_function("misspelt-once", {marker()}), from_stream());
  click(0, "key");
  const MappingStatus status = wait_until_caught_up();
  EXPECT_EQ(status.retries, 1U);
  EXPECT_EQ(status.last_error, "the answer has `Effects`, which means nothing here; did you mean `effects`?");
  expect_seen_once(1);
}

TEST_F(FunctionsTest, a_batch_that_fails_for_good_is_put_where_it_can_be_found) {
  MappingDefinition mapping = from_stream();
  mapping.retries_max = 1;
  start(a_function("fail"), mapping);
  clicks(1, {{"a", "first"}, {"b", "second"}, {"c", "third"}});
  const MappingStatus status = wait_until([](const MappingStatus& now) { return now.failed_batches == 1; });
  EXPECT_EQ(status.retries, 1U);
  EXPECT_EQ(status.records, 0U);
  const auto failed = scan("FailedBatches");
  ASSERT_EQ(failed.size(), 1U);
  EXPECT_EQ(text(failed[0], "mapping"), "clicks-to-tested");
  EXPECT_EQ(text(failed[0], "function"), "tested");
  EXPECT_EQ(text(failed[0], "error"), "Test.Error: no \"way\"");
  const base::SequenceFormat numbers(ShardId(1), stream_id_);
  EXPECT_EQ(numbers.position(text(failed[0], "first_sequence")), SequenceNumber(0));
  EXPECT_EQ(numbers.position(text(failed[0], "last_sequence")), SequenceNumber(2));
  EXPECT_EQ(number(failed[0], "attempts"), 2);
  EXPECT_EQ(number(failed[0], "records_left_out"), 0);
  const std::string records = text(failed[0], "records");
  EXPECT_TRUE(records.starts_with(R"([{"kinesis":{"kinesisSchemaVersion":"1.0","partitionKey":"a")")) << records;
  EXPECT_TRUE(records.ends_with("]")) << records;
  // The mapping has moved on, and stays there after a restart.
  restart_server();
  EXPECT_EQ(wait_until_caught_up().failed_batches, 0U);
  EXPECT_EQ(scan("FailedBatches").size(), 1U);
}

TEST_F(FunctionsTest, a_failed_batch_fits_its_item_whatever_its_size) {
  MappingDefinition mapping = from_stream();
  mapping.retries_max = 0;
  start(a_function("fail"), mapping);
  clicks(0, {{"large", std::string(600'000, 'x')}});
  wait_until([](const MappingStatus& now) { return now.failed_batches == 1; });
  clicks(0, {{"a", std::string(200'000, 'x')}, {"b", std::string(200'000, 'x')}});
  wait_until([](const MappingStatus& now) { return now.failed_batches == 2; });
  const auto failed = scan("FailedBatches");
  ASSERT_EQ(failed.size(), 2U);
  EXPECT_EQ(text(failed[0], "records"), "[]");
  EXPECT_EQ(number(failed[0], "records_left_out"), 1);
  EXPECT_GT(text(failed[1], "records").size(), 200'000U);
  EXPECT_EQ(number(failed[1], "records_left_out"), 1);
}

TEST_F(FunctionsTest, a_failed_batch_fits_its_item_whatever_is_said_about_it) {
  MappingDefinition mapping = from_stream();
  mapping.retries_max = 0;
  start(a_function("long-error"), mapping);
  clicks(0, {{"large", std::string(250'000, 'x')}});
  wait_until([](const MappingStatus& now) { return now.failed_batches == 1; });
  const auto failed = scan("FailedBatches");
  ASSERT_EQ(failed.size(), 1U);
  EXPECT_EQ(text(failed[0], "error").size(), error_text_bytes_max);
  EXPECT_EQ(number(failed[0], "records_left_out"), 0);
}

TEST_F(FunctionsTest, a_table_with_other_keys_takes_no_failed_batches) {
  ASSERT_TRUE(tables_->create({.name = "FailedBatches", .hash_key = {"id"}}));
  MappingDefinition mapping = from_stream();
  mapping.retries_max = 0;
  start(a_function("fail"), mapping);
  click(0, "key");
  wait_until([](const MappingStatus& now) {
    return now.last_error ==
           "on_failure_table: the keys of FailedBatches must be `mapping` (S) and `batch` (S); delete it, and it is "
           "made "
           "anew";
  });
  ASSERT_TRUE(tables_->drop("FailedBatches"));
  wait_until([](const MappingStatus& now) { return now.failed_batches == 1; });
  EXPECT_EQ(scan("FailedBatches").size(), 1U);
}

TEST_F(FunctionsTest, failed_batches_of_a_stream_and_of_its_successor_are_kept_apart) {
  MappingDefinition mapping = from_stream();
  mapping.retries_max = 0;
  start(a_function("fail"), mapping);
  click(0, "key");
  wait_until([](const MappingStatus& now) { return now.failed_batches == 1; });
  functions_.reset();
  recreate_stream();
  click(0, "key");
  start(a_function("fail"), mapping);
  wait_until([](const MappingStatus& now) { return now.failed_batches == 1; });
  EXPECT_EQ(scan("FailedBatches").size(), 2U);
}

TEST_F(FunctionsTest, a_batch_whose_effects_are_too_large_for_a_commit_is_halved) {
  constexpr size_t items = 60;
  ASSERT_TRUE(tables_->create({.name = "Large", .hash_key = {"id"}}));
  std::vector<std::pair<std::string, std::string>> all;
  for (size_t i = 0; i < items; ++i) {
    all.emplace_back("p" + std::to_string(i), "data");
    put_large(all.back().first);
  }
  MappingDefinition mapping = from_stream();
  mapping.retries_max = 0;
  start(a_function("touch-large"), mapping);
  clicks(0, all);
  EXPECT_EQ(wait_until_caught_up().records, items);
  EXPECT_TRUE(scan("FailedBatches").empty());
  for (const table::Item& item : scan("Large")) EXPECT_EQ(number(item, "times"), 1) << text(item, "id");
}

TEST_F(FunctionsTest, one_record_whose_effects_are_too_large_for_a_commit_fails) {
  constexpr int items = 60;
  ASSERT_TRUE(tables_->create({.name = "Large", .hash_key = {"id"}}));
  for (int i = 0; i < items; ++i) put_large("p" + std::to_string(i));
  MappingDefinition mapping = from_stream();
  mapping.retries_max = 0;
  start(a_function("touch-many", {std::to_string(items)}), mapping);
  clicks(0, {{"a", "data"}, {"b", "data"}});
  wait_until([](const MappingStatus& now) { return now.failed_batches == 2; });
  EXPECT_TRUE(text(scan("FailedBatches").at(0), "error").starts_with("the effects of one record, 4000"));
  for (const table::Item& item : scan("Large")) EXPECT_EQ(number(item, "times"), -1) << text(item, "id");
}

TEST_F(FunctionsTest, one_record_whose_effects_are_too_large_is_named_while_it_is_tried_again) {
  constexpr int items = 60;
  ASSERT_TRUE(tables_->create({.name = "Large", .hash_key = {"id"}}));
  for (int i = 0; i < items; ++i) put_large("p" + std::to_string(i));
  start(a_function("touch-many", {std::to_string(items)}), from_stream());
  clicks(0, {{"a", "data"}, {"b", "data"}});
  const MappingStatus status = wait_until([](const MappingStatus& now) { return now.retries >= 2; });
  EXPECT_EQ(status.state, "retrying");
  EXPECT_TRUE(status.last_error.starts_with(
      fmt::format("the effects of one record, {}, are more than one commit takes (over 16777216 bytes)",
                  base::SequenceFormat(ShardId(0), stream_id_).text(SequenceNumber(0)))))
      << status.last_error;
  EXPECT_EQ(status.lag_records, 2U);
}

TEST_F(FunctionsTest, effects_are_refused_as_a_whole) {
  MappingDefinition mapping = from_stream();
  mapping.retries_max = 0;
  start(a_function("failed-condition"), mapping);
  click(0, "key");
  wait_until([](const MappingStatus& now) { return now.failed_batches == 1; });
  EXPECT_TRUE(scan("Seen").empty());
  EXPECT_NE(text(scan("FailedBatches").at(0), "error").find("attribute_exists(id)"), std::string::npos);
}

TEST_F(FunctionsTest, effects_on_a_table_that_does_not_exist_are_refused) {
  MappingDefinition mapping = from_stream();
  mapping.retries_max = 0;
  mapping.on_failure_table.clear();
  start(a_function("unknown-table"), mapping);
  click(0, "key");
  EXPECT_NE(wait_until([](const MappingStatus& now) { return now.failed_batches == 1; }).last_error.find("Nowhere"),
            std::string::npos);
  EXPECT_EQ(functions_->mappings().front().lag_records, 0U);
}

TEST_F(FunctionsTest, a_function_whose_effects_were_refused_forgets_what_it_remembers) {
  start(a_function("refuse-once", {marker()}), from_stream());
  click(0, "key");
  wait_until_caught_up();
  const auto seen = scan("Seen");
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(number(seen[0], "batches"), 1);
}

TEST_F(FunctionsTest, a_function_can_name_the_first_record_that_it_could_not_handle) {
  MappingDefinition mapping = from_stream();
  mapping.retries_max = 1;
  start(a_function("pick"), mapping);
  clicks(0, {{"a", "ok"}, {"a", "ok"}, {"a", "bad"}, {"a", "ok"}});
  const MappingStatus status = wait_until([](const MappingStatus& now) { return now.failed_batches == 1; });
  EXPECT_EQ(status.records, 2U);
  expect_seen_once(2);
  const base::SequenceFormat numbers(ShardId(0), stream_id_);
  EXPECT_EQ(numbers.position(text(scan("FailedBatches").at(0), "first_sequence")), SequenceNumber(2));
  EXPECT_EQ(numbers.position(text(scan("FailedBatches").at(0), "last_sequence")), SequenceNumber(3));
  click(0, "a", "ok");
  EXPECT_EQ(wait_until_caught_up().records, 3U);
}

TEST_F(FunctionsTest, a_restart_continues_from_the_position) {
  start(a_function("count"), from_stream());
  for (int i = 0; i < 10; ++i) click(0, "key");
  wait_until_caught_up();
  restart_server();
  for (int i = 0; i < 10; ++i) click(0, "key");
  EXPECT_EQ(wait_until_caught_up().records, 10U);
  expect_seen_once(20);
}

TEST_F(FunctionsTest, a_stop_in_the_middle_of_a_batch_delivers_it_again) {
  start(a_function("sleep-once", {marker()}), from_stream());
  click(0, "key");
  for (int i = 0; i < 1'000 && !std::filesystem::exists(marker()); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  restart_server();
  EXPECT_EQ(wait_until_caught_up().records, 1U);
  expect_seen_once(1);
}

TEST_F(FunctionsTest, a_mapping_waits_for_its_source) {
  stream_exists_ = false;
  start(a_function("count"), from_stream());
  wait_until([](const MappingStatus& now) { return now.state == "waiting for its source"; });
  click(0, "key");
  stream_exists_ = true;
  functions_->sources_changed();
  EXPECT_EQ(wait_until_caught_up().records, 1U);
}

TEST_F(FunctionsTest, a_mapping_lets_go_of_a_deleted_stream) {
  start(a_function("count"), from_stream());
  click(0, "key");
  wait_until_caught_up();
  stream_exists_ = false;
  functions_->sources_changed();
  wait_until([](const MappingStatus& now) { return now.state == "waiting for its source"; });
}

TEST_F(FunctionsTest, a_stream_that_was_created_anew_is_read_from_its_beginning) {
  for (const auto begin : {MappingDefinition::Start::trim_horizon, MappingDefinition::Start::latest}) {
    MappingDefinition mapping = from_stream();
    mapping.name += begin == MappingDefinition::Start::latest ? "-latest" : "";
    mapping.start = begin;
    start(a_function("show-environment"), mapping);
    wait_until_caught_up();
    for (int i = 0; i < 10; ++i) click(0, "old");
    EXPECT_EQ(wait_until_caught_up().records, 10U);
    functions_.reset();
    recreate_stream();
    for (int i = 0; i < 15; ++i) click(0, "new");
    start(a_function("show-environment"), mapping);
    EXPECT_EQ(wait_until_caught_up().records, 15U);
    // It remembers which one it follows now.
    restart_server();
    click(0, "new");
    EXPECT_EQ(wait_until_caught_up().records, 1U);
    functions_.reset();
    empty_stream();
    stream_id_ = 1;
  }
}

TEST_F(FunctionsTest, a_table_that_was_created_anew_is_read_from_its_beginning) {
  ASSERT_TRUE(tables_->create({.name = "Source", .hash_key = {"id"}}));
  MappingDefinition mapping = from_table("Source");
  mapping.start = MappingDefinition::Start::latest;
  start(a_function("show-environment"), mapping);
  wait_until_caught_up();
  put("Source", "p", 1);
  EXPECT_EQ(wait_until_caught_up().records, 1U);
  functions_.reset();
  ASSERT_TRUE(tables_->drop("Source"));
  ASSERT_TRUE(tables_->create({.name = "Source", .hash_key = {"id"}}));
  put("Source", "p", 1);
  put("Source", "p", 2);
  start(a_function("show-environment"), mapping);
  EXPECT_EQ(wait_until_caught_up().records, 2U);
}

TEST_F(FunctionsTest, a_mapping_that_is_given_another_stream_starts_there_as_it_is_told) {
  MappingDefinition mapping = from_stream();
  start(a_function("show-environment"), mapping);
  for (int i = 0; i < 10; ++i) click(0, "key");
  EXPECT_EQ(wait_until_caught_up().records, 10U);
  functions_.reset();
  mapping.stream = "clicks-of-others";
  start(a_function("show-environment"), mapping);
  EXPECT_EQ(wait_until_caught_up().records, 10U);
  functions_.reset();
  mapping.stream = "clicks";
  mapping.start = MappingDefinition::Start::latest;
  start(a_function("show-environment"), mapping);
  wait_until_caught_up();
  click(0, "key");
  EXPECT_EQ(wait_until_caught_up().records, 1U);
}

TEST_F(FunctionsTest, what_a_stream_that_is_not_synced_lost_was_delivered) {
  start(a_function("show-environment"), from_stream());
  for (int i = 0; i < 10; ++i) click(0, "key");
  EXPECT_EQ(wait_until_caught_up().records, 10U);
  functions_.reset();
  empty_stream();
  for (int i = 0; i < 8; ++i) click(0, "key");
  start(a_function("show-environment"), from_stream());
  EXPECT_EQ(wait_until_caught_up().records, 0U);
  functions_.reset();
  for (int i = 0; i < 5; ++i) click(0, "key");
  start(a_function("show-environment"), from_stream());
  EXPECT_EQ(wait_until_caught_up().records, 5U);
}

TEST_F(FunctionsTest, the_position_of_an_older_version_goes_on) {
  const auto transaction = tables_->begin();
  ASSERT_TRUE(transaction->put_record("function/mapping/clicks-to-tested/0", "3"));
  ASSERT_TRUE(transaction->commit());
  for (int i = 0; i < 8; ++i) click(0, "key");
  start(a_function("show-environment"), from_stream());
  EXPECT_EQ(wait_until_caught_up().records, 5U);
}

TEST_F(FunctionsTest, latest_begins_at_the_end_and_remembers_where_that_was) {
  click(0, "old");
  MappingDefinition mapping = from_stream();
  mapping.start = MappingDefinition::Start::latest;
  start(a_function("count"), mapping);
  wait_until_caught_up();
  functions_.reset();
  click(0, "new");
  start(a_function("count"), mapping);
  EXPECT_EQ(wait_until_caught_up().records, 1U);
  ASSERT_EQ(scan("Latest").size(), 1U);
  EXPECT_EQ(text(scan("Latest")[0], "id"), "new");
}

TEST_F(FunctionsTest, a_window_gathers_fuller_batches) {
  MappingDefinition mapping = from_stream();
  mapping.batch_window_ms = 400;
  start(a_function("count"), mapping);
  for (int i = 0; i < 10; ++i) click(0, "key");
  const MappingStatus status = wait_until_caught_up();
  EXPECT_EQ(status.records, 10U);
  EXPECT_LE(status.batches, 3U);
}

TEST_F(FunctionsTest, batches_keep_to_their_bounds) {
  MappingDefinition mapping = from_stream();
  mapping.batch_bytes_max = 10'000;
  mapping.batch_records_max = 30;
  std::vector<std::pair<std::string, std::string>> small(100, {"key", "x"});
  std::vector<std::pair<std::string, std::string>> large(10, {"key", std::string(6'000, 'x')});
  clicks(0, small);
  clicks(1, large);
  start(a_function("show-environment"), mapping);
  const MappingStatus status = wait_until_caught_up();
  EXPECT_EQ(status.records, 110U);
  EXPECT_GE(status.batches, 10U + 4U);
}

TEST_F(FunctionsTest, a_disabled_mapping_reads_nothing) {
  MappingDefinition mapping = from_stream();
  mapping.enabled = false;
  click(0, "key");
  start(a_function("count"), mapping);
  EXPECT_EQ(functions_->mappings().front().state, "disabled");
  EXPECT_TRUE(scan("Seen").empty());
}

TEST_F(FunctionsTest, definitions_that_make_no_sense_are_refused) {
  const auto refused = [&](auto change) {
    FunctionDefinition function = a_function("count");
    MappingDefinition mapping = from_stream();
    change(function, mapping);
    Functions::Environment environment;
    environment.reactor = reactor_.get();
    const auto started = Functions::start(environment, {function}, {mapping});
    EXPECT_FALSE(started);
    return started ? "" : started.error().message;
  };
  EXPECT_EQ(refused([](auto&, auto& mapping) { mapping.function = "other"; }),
            "mapping `clicks-to-tested`: there is no function `other`");
  EXPECT_EQ(refused([](auto&, auto& mapping) { mapping.table = "Source"; }),
            "mapping `clicks-to-tested` needs either a stream or a table");
  EXPECT_EQ(refused([](auto&, auto& mapping) { mapping.stream.clear(); }),
            "mapping `clicks-to-tested` needs either a stream or a table");
  EXPECT_EQ(refused([](auto& function, auto& mapping) { function.name = mapping.function = "../up"; }),
            "function `../up`: a name has 1 to 64 letters, digits, - or _");
  EXPECT_EQ(refused([](auto& function, auto&) { function.command.clear(); }), "function `tested` has no command");
  EXPECT_EQ(refused([](auto&, auto& mapping) { mapping.batch_records_max = 0; }),
            "mapping `clicks-to-tested`: batch_records_max must be 1 to 10000");
  EXPECT_EQ(refused([](auto&, auto& mapping) {
              mapping.stream.clear();
              mapping.table = mapping.on_failure_table;
            }),
            "mapping `clicks-to-tested`: on_failure_table is its own source, so a failed batch would come back to it");
  EXPECT_TRUE(refused([](auto&, auto& mapping) {
                mapping.on_failure_table = "failed batches";
              }).starts_with("mapping `clicks-to-tested`: on_failure_table: "));
}

}  // namespace
}  // namespace millrace::function
