#include "api/dynamodb.h"
#include "log/log.h"

#include <gtest/gtest.h>
#include <simdjson.h>

#include <filesystem>
#include <random>
#include <thread>

#include "api/dynamodb_capacity.h"
#include "api/dynamodb_streams.h"
#include "http/client.h"
#include "http/reactor.h"
#include "http/server.h"
#include "store/store.h"

namespace millrace::api {
namespace {

TEST(CapacityTest, CountsUnitsAsDynamoDbDoes) {
  EXPECT_EQ(read_units(0, true), 1);
  EXPECT_EQ(read_units(4096, true), 1);
  EXPECT_EQ(read_units(4097, true), 2);
  EXPECT_EQ(read_units(4097, false), 1);
  EXPECT_EQ(read_units(1, false), 0.5);
  EXPECT_EQ(write_units(0, 0), 1);
  EXPECT_EQ(write_units(1024, 1), 1);
  EXPECT_EQ(write_units(1, 1025), 2);
  EXPECT_EQ(write_units(5000, 1), 5);
}

TEST(CapacityTest, IsWrittenAsAsked) {
  std::string total;
  append_capacity(total, "Products", 2.5, CapacityWanted::total);
  EXPECT_EQ(total, R"({"TableName":"Products","CapacityUnits":2.5})");
  std::string indexes;
  append_capacity(indexes, "Products", 3, CapacityWanted::indexes);
  EXPECT_EQ(indexes, R"({"TableName":"Products","CapacityUnits":3.0,"Table":{"CapacityUnits":3.0}})");
  EXPECT_EQ(*capacity_wanted_from("NONE"), CapacityWanted::none);
  EXPECT_FALSE(capacity_wanted_from("total").has_value());
}

// Tables and their feeds behind a real socket, with a clock that the test moves.
class DynamoDbTest : public testing::Test {
 protected:
  DynamoDbTest() {
    directory_ = std::filesystem::temp_directory_path() / fmt::format("millrace-dynamodb-{:x}", std::random_device()());
    reactor_ = std::move(http::Reactor::make().value());
    io_ = std::move(log::make_io_driver().value());
    reactor_->watch(io_->event_fd(), [this] { io_->reap(); });
    store::Store::Options options;
    options.directory = directory_.string();
    options.segment_bytes = size_t{1} << 20;
    options.clock = &clock_;
    options.io = io_.get();
    store_ = std::move(store::Store::open(options).value());
    tables_ = std::move(table::Tables::open(*store_, clock_).value());
    reactor_->at_end_of_turn([this] { tables_->flush(); });
    service_ = std::make_unique<aws::Service>(aws::ServiceOptions{.clock = &clock_});
    dynamodb_ = std::make_unique<DynamoDb>(*tables_, DynamoDbOptions());
    dynamodb_->add_to(*service_);
    streams_ = std::make_unique<DynamoDbStreams>(*tables_, DynamoDbStreamsOptions{.clock = &clock_});
    streams_->add_to(*service_);
    server_ = std::move(
        http::Server::listen(*reactor_, "127.0.0.1", 0, [this](const http::Request& request, http::Reply reply) {
          service_->handle(request, std::move(reply));
        }).value());
    thread_ = std::thread([this] { reactor_->run(); });
    client_ = std::make_unique<http::Client>("127.0.0.1", server_->port());
  }
  ~DynamoDbTest() override {
    reactor_->stop();
    thread_.join();
    server_.reset();
    streams_.reset();
    dynamodb_.reset();
    service_.reset();
    io_->start_thread();
    tables_.reset();
    store_.reset();
    reactor_->unwatch(io_->event_fd());
    std::filesystem::remove_all(directory_);
  }

  std::string call(std::string_view target, std::string_view body) {
    const auto answer = client_->request(
        "POST", "/", {{"X-Amz-Target", std::string(target)}, {"Content-Type", "application/x-amz-json-1.0"}}, body);
    EXPECT_TRUE(answer.has_value());
    return answer ? answer->body : "";
  }
  std::string db(std::string_view operation, std::string_view body) {
    return call(fmt::format("DynamoDB_20120810.{}", operation), body);
  }
  std::string feed(std::string_view operation, std::string_view body) {
    return call(fmt::format("DynamoDBStreams_20120810.{}", operation), body);
  }

  void create_products() {
    const std::string answer = db("CreateTable", R"({"TableName":"Products","BillingMode":"PAY_PER_REQUEST",
        "AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}],
        "KeySchema":[{"AttributeName":"id","KeyType":"HASH"}],
        "StreamSpecification":{"StreamEnabled":true,"StreamViewType":"NEW_IMAGE"}})");
    arn_ = member(answer, "LatestStreamArn");
    shard_ = member(feed("DescribeStream", fmt::format(R"({{"StreamArn":"{}"}})", arn_)), "ShardId");
  }
  std::string put(std::string_view id, size_t size = 1) {
    return db("PutItem", fmt::format(R"({{"TableName":"Products","Item":{{"id":{{"S":"{}"}},"x":{{"S":"{}"}}}}}})", id,
                                     std::string(size, 'x')));
  }
  std::string iterator(std::string_view type, std::string_view more = "") {
    return feed("GetShardIterator", fmt::format(R"({{"StreamArn":"{}","ShardId":"{}","ShardIteratorType":"{}"{}}})",
                                                arn_, shard_, type, more));
  }
  std::string records(const std::string& iterator_answer) {
    return feed("GetRecords", fmt::format(R"({{"ShardIterator":"{}"}})", member(iterator_answer, "ShardIterator")));
  }

  // The first string member of that name, at any depth.
  static std::string member(const std::string& json, std::string_view name) {
    const std::string begin = fmt::format("\"{}\":\"", name);
    const size_t at = json.find(begin);
    if (at == std::string::npos) {
      ADD_FAILURE() << "no " << name << " in " << json;
      return "";
    }
    return json.substr(at + begin.size(), json.find('"', at + begin.size()) - at - begin.size());
  }
  static size_t count(const std::string& text, std::string_view part) {
    size_t found = 0;
    for (size_t at = 0; (at = text.find(part, at)) != std::string::npos; ++at) ++found;
    return found;
  }

  base::ManualClock clock_;
  std::filesystem::path directory_;
  std::unique_ptr<http::Reactor> reactor_;
  std::unique_ptr<log::IoDriver> io_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<table::Tables> tables_;
  std::unique_ptr<aws::Service> service_;
  std::unique_ptr<DynamoDb> dynamodb_;
  std::unique_ptr<DynamoDbStreams> streams_;
  std::unique_ptr<http::Server> server_;
  std::thread thread_;
  std::unique_ptr<http::Client> client_;
  std::string arn_;
  std::string shard_;
};

TEST_F(DynamoDbTest, AnswersAreDurable) {
  create_products();
  EXPECT_EQ(put("p1"), "{}");
  // What was acknowledged is in the journal that readers see.
  const auto range = tables_->journal().range((*tables_->find("Products"))->keyspace).value();
  EXPECT_EQ(range.end.value - range.oldest.value, 1u);
  EXPECT_EQ(db("GetItem", R"({"TableName":"Products","Key":{"id":{"S":"p1"}}})"),
            R"({"Item":{"id":{"S":"p1"},"x":{"S":"x"}}})");
  EXPECT_EQ(db("GetItem", R"({"TableName":"Products","Key":{"id":{"S":"p2"}}})"), "{}");
  EXPECT_EQ(dynamodb_->counters().items_written, 1u);
  EXPECT_EQ(dynamodb_->counters().items_read, 2u);
}

TEST_F(DynamoDbTest, NothingIsDoneForABodyThatGoesOn) {
  create_products();
  const std::string answer = db("PutItem", R"({"TableName":"Products","Item":{"id":{"S":"p1"}}} {})");
  EXPECT_NE(answer.find("SerializationException"), std::string::npos) << answer;
  EXPECT_EQ(db("GetItem", R"({"TableName":"Products","Key":{"id":{"S":"p1"}}})"), "{}");
}

TEST_F(DynamoDbTest, SurvivesAnyDamageToARequest) {
  create_products();
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  const std::string good =
      R"({"TableName":"Products","Key":{"id":{"S":"p1"}},"UpdateExpression":"SET a = :a, b[0] = :b",)"
      R"("ExpressionAttributeValues":{":a":{"L":[{"N":"1e5"},{"M":{}}]},":b":{"B":"AAEC"}}})";
  for (int i = 0; i < 500; ++i) {
    std::string body = good;
    for (size_t changes = 1 + random() % 3; changes > 0; --changes) {
      const size_t at = random() % body.size();
      if (random() % 2 == 0) {
        body.erase(at, 1 + random() % 8);
      } else {
        body[at] = R"({}[]":,x1\)"[random() % 10];
      }
      if (body.empty()) body = "{";
    }
    const std::string answer = db("UpdateItem", body);
    simdjson::dom::parser parser;
    EXPECT_EQ(parser.parse(answer).error(), simdjson::SUCCESS) << body << "\n" << answer;
    EXPECT_EQ(answer.find("InternalServerError"), std::string::npos) << body << "\n" << answer;
  }
}

TEST_F(DynamoDbTest, IteratorsExpireAfterFifteenMinutes) {
  create_products();
  put("p1");
  const std::string horizon = iterator("TRIM_HORIZON");
  clock_.advance_ms(DynamoDbStreams::iterator_life_ms);
  EXPECT_EQ(count(records(horizon), "\"eventName\":\"INSERT\""), 1u);
  clock_.advance_ms(1);
  EXPECT_NE(records(horizon).find("#ExpiredIteratorException"), std::string::npos);
  EXPECT_EQ(count(records(iterator("TRIM_HORIZON")), "\"eventName\""), 1u);
}

TEST_F(DynamoDbTest, WhatRetentionTookIsAnErrorAndNotAGap) {
  create_products();
  put("p0");
  const std::string horizon = iterator("TRIM_HORIZON");
  const std::string first = member(records(horizon), "SequenceNumber");
  for (int i = 0; i < 12; ++i) put(fmt::format("p{}", i), 300'000);
  ASSERT_TRUE(tables_->journal().trim(ProcessingTime(clock_.now().value + 1), tables_->journal().durable_group()));

  EXPECT_NE(records(horizon).find("#TrimmedDataAccessException"), std::string::npos);
  const std::string old = fmt::format(R"(,"SequenceNumber":"{}")", first);
  EXPECT_NE(iterator("AT_SEQUENCE_NUMBER", old).find("#TrimmedDataAccessException"), std::string::npos);
  const std::string left = records(iterator("TRIM_HORIZON"));
  EXPECT_GT(count(left, "\"eventName\""), 0u);
  EXPECT_GT(member(left, "SequenceNumber"), first);
}

}  // namespace
}  // namespace millrace::api
