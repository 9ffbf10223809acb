#include "send/send.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <zlib.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <future>
#include <map>
#include <memory>
#include <thread>

#include "api/kinesis.h"
#include "aws/service.h"
#include "http/server.h"
#include "log/log.h"

namespace millrace::send {
namespace {

// Kinesis on a reactor of its own; it can refuse calls, and go away.
class Server {
 public:
  explicit Server(const std::string& directory) {
    reactor_ = std::move(*http::Reactor::make());
    streams_ = std::move(*stream::Streams::open({.directory = directory, .segment_bytes = size_t{1} << 20}));
    kinesis_ = std::make_unique<api::Kinesis>(*streams_, api::KinesisOptions{});
    EXPECT_TRUE(credentials_.add({"millrace", "millrace-secret"}));
    service_ = std::make_unique<aws::Service>(aws::ServiceOptions{.credentials = &credentials_});
    kinesis_->add_to(*service_);
    reactor_->at_end_of_turn([this] { streams_->flush_all(); });
    listen();
    port_ = server_->port();
    thread_ = std::thread([this] { reactor_->run(); });
  }
  ~Server() {
    go_away();
    reactor_->stop();
    thread_.join();
  }

  void refuse_puts(int calls) { refusals_ = calls; }
  int refusals_left() const { return refusals_; }
  void go_away() {
    on_reactor([this] { server_.reset(); });
  }
  void come_back() {
    on_reactor([this] { listen(); });
  }
  uint16_t port() const { return port_; }

  // What each shard of the stream holds, in its order.
  std::vector<std::vector<std::string>> shards(std::string_view name) {
    const stream::StreamPtr stream = streams_->find(name);
    std::vector<std::vector<std::string>> all(stream->shard_count());
    for (uint32_t shard = 0; shard < stream->shard_count(); ++shard) {
      SequenceNumber next(0);
      for (;;) {
        const auto blocks = stream->log()->read(ShardId(shard), next, size_t{1} << 20);
        if (!blocks || blocks->empty()) break;
        for (const auto& block : *blocks) {
          log::for_each_record(*block, next, [&](const log::Record& record) { all[shard].emplace_back(record.data); });
          next = block->end();
        }
      }
    }
    return all;
  }

 private:
  void listen() {
    server_ = std::move(
        *http::Server::listen(*reactor_, "127.0.0.1", port_, [this](const http::Request& request, http::Reply reply) {
          if (request.header("X-Amz-Target").ends_with("PutRecords") && refusals_ > 0) {
            --refusals_;
            return reply.send({.status = 400,
                               .content_type = "application/x-amz-json-1.1",
                               .body = R"({"__type":"ProvisionedThroughputExceededException","message":"slow down"})"});
          }
          service_->handle(request, std::move(reply));
        }));
  }
  void on_reactor(const std::function<void()>& task) {
    std::promise<void> done;
    reactor_->post([&] {
      task();
      done.set_value();
    });
    done.get_future().wait();
  }

  std::unique_ptr<http::Reactor> reactor_;
  std::unique_ptr<stream::Streams> streams_;
  std::unique_ptr<api::Kinesis> kinesis_;
  aws::Credentials credentials_;
  std::unique_ptr<aws::Service> service_;
  std::unique_ptr<http::Server> server_;
  std::atomic<int> refusals_ = 0;
  uint16_t port_ = 0;
  std::thread thread_;
};

class SendTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/millrace-send-XXXXXX";
    directory_ = mkdtemp(name);
    server_ = std::make_unique<Server>(directory_ + "/streams");
    options_.files = {directory_ + "/events.csv"};
    options_.rows.key_column = "user";
    options_.rows.time_column = "at";
    options_.stream = "events";
    options_.create_shards = 3;
    options_.speed = 0;
    options_.retry_for_ms = 10'000;
    options_.endpoint.port = server_->port();
  }
  void TearDown() override {
    server_.reset();
    std::filesystem::remove_all(directory_);
  }

  void given_rows(int rows, std::string_view more = "") {
    std::ofstream file(options_.files[0]);
    file << "user,at,number\n";
    for (int i = 0; i < rows; ++i) file << fmt::format("u{},{},{}\n", i % 97, 1'700'000'000 + i / 10, i);
    file << more;
  }
  Result<void> send() {
    return send_file(options_, summary_, [](const SendSummary&) {});
  }
  static int number_of(const std::string& json) {
    const size_t at = json.find("\"number\":\"");
    return std::atoi(json.c_str() + at + 10);
  }
  // Every row at least once, and in each shard in the order of the file, counting the first of each.
  void expect_all_in_order(int rows, bool exactly_once) {
    std::map<int, int> times;
    for (const auto& shard : server_->shards("events")) {
      EXPECT_FALSE(shard.empty());
      int last = -1;
      for (const std::string& json : shard) {
        const int number = number_of(json);
        if (times[number]++ > 0) continue;
        EXPECT_GT(number, last);
        last = number;
      }
    }
    EXPECT_EQ(times.size(), static_cast<size_t>(rows));
    if (!exactly_once) return;
    for (const auto& [number, count] : times) EXPECT_EQ(count, 1) << number;
  }

  std::string directory_;
  std::unique_ptr<Server> server_;
  SendOptions options_;
  SendSummary summary_;
};

TEST_F(SendTest, every_shard_gets_its_rows_in_the_order_of_the_file) {
  given_rows(5'000);
  const auto sent = send();
  ASSERT_TRUE(sent) << sent.error().message;
  EXPECT_EQ(summary_.acknowledged, 5'000u);
  EXPECT_EQ(summary_.retries, 0u);
  expect_all_in_order(5'000, true);
}

TEST_F(SendTest, sends_again_what_is_refused_for_now) {
  given_rows(3'000);
  server_->refuse_puts(5);
  const auto sent = send();
  ASSERT_TRUE(sent) << sent.error().message;
  EXPECT_EQ(summary_.acknowledged, 3'000u);
  EXPECT_EQ(summary_.retries, 5u);
  EXPECT_EQ(summary_.resent, 0u);
  expect_all_in_order(3'000, true);
}

TEST_F(SendTest, waits_for_a_server_that_went_away) {
  given_rows(4'000);
  options_.speed = 1'000;  // 400 s of events in 0.4 s
  std::thread trouble([&] {
    for (int i = 0; i < 2; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(80));
      server_->go_away();
      std::this_thread::sleep_for(std::chrono::milliseconds(60));
      server_->come_back();
    }
  });
  const auto sent = send();
  trouble.join();
  ASSERT_TRUE(sent) << sent.error().message;
  EXPECT_EQ(summary_.acknowledged, 4'000u);
  EXPECT_GT(summary_.retries, 0u);
  expect_all_in_order(4'000, false);
}

TEST_F(SendTest, gives_up_in_the_end) {
  given_rows(10);
  options_.retry_for_ms = 100;
  ASSERT_TRUE(send());
  server_->refuse_puts(1'000'000);
  const auto sent = send();
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().kind, ErrorKind::throttled);
}

TEST_F(SendTest, stops_at_a_bad_row_after_the_good_ones_before_it) {
  given_rows(700, "u1,1700000000\nu2,1700000001,700\n");
  const auto sent = send();
  ASSERT_FALSE(sent);
  EXPECT_TRUE(sent.error().message.starts_with(options_.files[0] + ":702: 2 fields")) << sent.error().message;
  EXPECT_EQ(summary_.acknowledged, 700u);
  options_.skip_bad = true;
  options_.stream = "other";
  ASSERT_TRUE(send());
  EXPECT_EQ(summary_.bad_rows, 2u);  // of both
  EXPECT_EQ(summary_.acknowledged, 701u);
}

TEST_F(SendTest, sends_what_can_be_read_of_a_gzip_file_that_is_cut_off) {
  const std::string name = options_.files[0] + ".gz";
  gzFile file = gzopen(name.c_str(), "wb");
  gzputs(file, "user,at,number\n");
  for (int i = 0; i < 50'000; ++i) {
    const std::string row = fmt::format("u{},{},{}\n", i * 7919 % 10007, 1'700'000'000 + i, i);
    gzputs(file, row.c_str());
  }
  gzclose(file);
  std::filesystem::resize_file(name, std::filesystem::file_size(name) / 2);
  options_.files = {name};
  const auto sent = send();
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().kind, ErrorKind::corrupt);
  EXPECT_GT(summary_.acknowledged, 10'000u);
  EXPECT_EQ(summary_.place.line, static_cast<int64_t>(summary_.acknowledged) + 1);
  EXPECT_EQ(
      sent.error().message,
      fmt::format("{}: the gzip data is cut off after line {}, the last complete one; the rows up to it were sent",
                  name, summary_.place.line));
}

TEST_F(SendTest, says_how_far_it_came_when_it_is_stopped) {
  given_rows(1'000);
  options_.speed = 1e-6;  // the eleventh row is due in eleven days
  std::stop_source stop;
  options_.stop = stop.get_token();
  const auto sent = send_file(options_, summary_, [&](const SendSummary& now) {
    if (now.acknowledged == 10) stop.request_stop();
  });
  ASSERT_TRUE(sent) << sent.error().message;
  EXPECT_TRUE(summary_.stopped);
  EXPECT_EQ(summary_.acknowledged, 10u);
  EXPECT_EQ(summary_.place.line, 11);
}

TEST_F(SendTest, goes_on_from_a_line_without_a_copy_or_a_gap) {
  given_rows(700, "u1,1700000000\nu2,1700000001,701\n");
  ASSERT_FALSE(send());
  EXPECT_EQ(summary_.place, (Place{0, 701}));
  given_rows(700, "u1,1700000000,700\nu2,1700000001,701\n");
  options_.from_line = summary_.place.line + 1;
  const auto sent = send();
  ASSERT_TRUE(sent) << sent.error().message;
  expect_all_in_order(702, true);
}

TEST_F(SendTest, sends_several_files_and_says_where_in_them_it_is) {
  given_rows(100);
  options_.files.push_back(directory_ + "/more.csv");
  std::ofstream(options_.files[1]) << "number,at,user\n100,1700000100,u\n101,never,u\n";
  const auto sent = send();
  ASSERT_FALSE(sent);
  EXPECT_TRUE(sent.error().message.starts_with(options_.files[1] + ":3: ")) << sent.error().message;
  EXPECT_EQ(summary_.place, (Place{1, 2}));
  expect_all_in_order(101, true);
}

TEST_F(SendTest, tells_the_time_that_is_left_by_the_recorded_times) {
  given_rows(1'000);
  options_.speed = 50;  // 99 s of events, so 1.98 s
  std::vector<double> errors;
  const auto start = std::chrono::steady_clock::now();
  const auto sent = send_file(options_, summary_, [&](const SendSummary& now) {
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start;
    errors.push_back(std::abs(now.left_seconds.value_or(1e9) + passed.count() - 1.98));
  });
  ASSERT_TRUE(sent);
  ASSERT_GT(errors.size(), 2u);
  std::ranges::sort(errors);
  EXPECT_LT(errors[errors.size() / 2], 0.7);
}

TEST_F(SendTest, tells_how_long_the_next_row_is_waited_for) {
  given_rows(1, "u,1700864000,1\n");
  options_.create_shards = 1;
  options_.speed = 1;
  std::stop_source stop;
  options_.stop = stop.get_token();
  SendSummary first;
  const auto sent = send_file(options_, summary_, [&](const SendSummary& now) {
    first = now;
    stop.request_stop();
  });
  ASSERT_TRUE(sent);
  EXPECT_NEAR(first.wait_seconds, 864'000, 10);
  EXPECT_NEAR(first.left_seconds.value_or(0), 864'000, 10);
  EXPECT_EQ(first.next, (Place{0, 3}));
  EXPECT_EQ(summary_.place, (Place{0, 2}));
}

TEST_F(SendTest, a_stop_ends_the_wait_for_a_server_that_went_away) {
  given_rows(5'000);
  options_.create_shards = 1;
  options_.retry_for_ms = 1'000'000;
  std::stop_source stop;
  options_.stop = stop.get_token();
  ASSERT_TRUE(send());
  server_->refuse_puts(1'000'000);
  std::thread stopper([&] {
    while (server_->refusals_left() > 999'998) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    stop.request_stop();
  });
  summary_ = {};
  const auto sent = send();
  stopper.join();
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().kind, ErrorKind::throttled);
  EXPECT_TRUE(summary_.stopped);
  EXPECT_EQ(summary_.place.line, 1);  // the header's: no row is acknowledged
}

TEST_F(SendTest, says_that_a_stream_is_missing) {
  given_rows(1);
  options_.create_shards = 0;
  const auto sent = send();
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().kind, ErrorKind::not_found);
}

}  // namespace
}  // namespace millrace::send
