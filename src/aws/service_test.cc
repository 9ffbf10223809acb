#include "aws/service.h"
#include "base/json_string.h"
#include "log/log.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

#include <filesystem>
#include <future>
#include <random>
#include <thread>

#include "api/kinesis.h"
#include "aws/event_stream.h"
#include "client/signed_client.h"
#include "stream/streams.h"

namespace millrace::aws {
namespace {

TEST(ErrorMapping, KinesisHasBareNames) {
  const auto error = to_aws_error(kinesis_protocol, {ErrorKind::not_found, "no \"such\" stream"});
  EXPECT_EQ(error.status, 400);
  EXPECT_EQ(error_body(kinesis_protocol, Coding::json_1_1, error),
            R"({"__type":"ResourceNotFoundException","message":"no \"such\" stream"})");
}

TEST(ErrorMapping, what_is_no_utf_8_is_answered_as_json_all_the_same) {
  EXPECT_EQ(error_body(kinesis_protocol, Coding::json_1_1, {400, "Name", "caf\xc3\xa9"}),
            "{\"__type\":\"Name\",\"message\":\"caf\xc3\xa9\"}");
  EXPECT_EQ(error_body(kinesis_protocol, Coding::json_1_1, {400, "Name", "caf\xc3 \"x\""}),
            R"({"__type":"Name","message":"caf? \"x\""})");
}

TEST(ErrorMapping, DynamoDbHasThePrefixOfWhoeverRefuses) {
  auto type = [](const AwsError& error) {
    const std::string body = error_body(dynamodb_protocol, Coding::json_1_1, error);
    return body.substr(11, body.find('"', 11) - 11);
  };
  EXPECT_EQ(type(to_aws_error(dynamodb_protocol, {ErrorKind::not_found, ""})),
            "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException");
  EXPECT_EQ(type(to_aws_error(dynamodb_protocol, {ErrorKind::invalid_argument, ""})),
            "com.amazon.coral.validate#ValidationException");
  EXPECT_EQ(type({400, "SerializationException", ""}), "com.amazon.coral.service#SerializationException");
  EXPECT_EQ(
      error_body(dynamodb_protocol, Coding::json_1_1,
                 {400, "TransactionCanceledException", "m", R"("CancellationReasons":[])"}),
      R"({"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","message":"m","CancellationReasons":[]})");
}

TEST(ErrorMapping, EveryKindHasANameAndOnlyOurFaultsAreServerErrors) {
  for (int kind = 0; kind <= static_cast<int>(ErrorKind::internal); ++kind) {
    for (const Protocol* protocol :
         {&kinesis_protocol, &dynamodb_protocol, &dynamodb_streams_protocol, &millrace_protocol}) {
      const auto error = to_aws_error(*protocol, {static_cast<ErrorKind>(kind), "m"});
      EXPECT_FALSE(error.name.empty());
      const auto k = static_cast<ErrorKind>(kind);
      const bool ours = k == ErrorKind::disk_full || k == ErrorKind::corrupt || k == ErrorKind::io ||
                        k == ErrorKind::unavailable || k == ErrorKind::internal;
      EXPECT_EQ(error.status >= 500, ours) << name(k);
    }
  }
}

TEST(JsonString, EscapesWhatJsonWantsEscaped) {
  std::string out;
  base::append_json_string(out, std::string_view("a\"b\\c\n\r\t\x01\x1f\0ü/", 14));
  EXPECT_EQ(out, "\"a\\\"b\\\\c\\n\\r\\t\\u0001\\u001f\\u0000ü/\"");
}

// A server of the real kind, with Kinesis and a few operations of the test's own.
class ServiceTest : public testing::Test {
 protected:
  ServiceTest() {
    directory_ = std::filesystem::temp_directory_path() / fmt::format("millrace-aws-{:x}", std::random_device()());
    EXPECT_TRUE(credentials_.add({"millrace", "millrace-secret"}));
    start();
  }
  ~ServiceTest() override {
    stop();
    std::filesystem::remove_all(directory_);
  }

  void start(bool with_authentication = true) {
    reactor_ = std::move(http::Reactor::make().value());
    io_ = std::move(log::make_io_driver().value());
    reactor_->watch(io_->event_fd(), [this] { io_->reap(); });
    streams_ = std::move(stream::Streams::open({.directory = (directory_ / "streams").string(),
                                                .io = io_.get(),
                                                .clock = &clock_,
                                                .segment_bytes = size_t{1} << 20})
                             .value());
    service_ = std::make_unique<Service>(
        ServiceOptions{.credentials = with_authentication ? &credentials_ : nullptr, .clock = &clock_});
    kinesis_ = std::make_unique<api::Kinesis>(*streams_, api::KinesisOptions{.clock = &clock_});
    kinesis_->add_to(*service_);
    service_->add({millrace_protocol, "Echo", [](Call& call) {
                     call.answer.ok(fmt::format(R"({{"who":"{}","region":"{}","body":{}}})", call.access_key_id,
                                                call.region, call.body));
                   }});
    service_->add({dynamodb_protocol, "Later", [this](Call& call) {
                     auto answer = std::make_shared<Answer>(std::move(call.answer));
                     later_ = std::thread([answer] { answer->ok("{\"later\":true}"); });
                   }});
    service_->add({dynamodb_protocol, "Fail", [](Call& call) {
                     call.answer.fail(Error{ErrorKind::condition_failed, "The conditional request failed"});
                   }});
    service_->add({dynamodb_protocol, "Forget", [](Call&) {}});
    service_->add({kinesis_protocol, "Events", [this](Call& call) {
                     later_ = std::thread([events = call.answer.events({})] {
                       EXPECT_TRUE(events->send("Some", "{\"n\":1}"));
                       EXPECT_TRUE(events->send("Some", "{\"n\":2}"));
                       events->fail(Error{ErrorKind::not_found, "it is gone"});
                     });
                   }});
    reactor_->at_end_of_turn([this] { streams_->flush_all(); });
    server_ = std::move(
        http::Server::listen(*reactor_, "127.0.0.1", 0, [this](const http::Request& request, http::Reply reply) {
          service_->handle(request, std::move(reply));
        }).value());
    port_ = server_->port();
    thread_ = std::thread([this] { reactor_->run(); });
  }

  void stop() {
    reactor_->stop();
    thread_.join();
    if (later_.joinable()) later_.join();
    server_.reset();
    kinesis_.reset();
    service_.reset();
    streams_.reset();
    reactor_->unwatch(io_->event_fd());
    io_.reset();
    reactor_.reset();
  }

  client::SignedClient client(std::string secret = "millrace-secret") {
    return client::SignedClient({.port = port_, .credential = {"millrace", std::move(secret)}, .clock = &clock_});
  }

  // An unsigned call by HTTP/1.0, whose answer ends with the connection: head and body as they come.
  std::string call_plainly(const Protocol& protocol, std::string_view operation, std::string_view body) const {
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port_);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    const std::string request = fmt::format("POST / HTTP/1.0\r\nX-Amz-Target: {}{}\r\nContent-Length: {}\r\n\r\n{}",
                                            protocol.target_prefix, operation, body.size(), body);
    EXPECT_EQ(::send(fd, request.data(), request.size(), MSG_NOSIGNAL), static_cast<ssize_t>(request.size()));
    std::string answer;
    char bytes[4096];
    for (ssize_t n = 0; (n = ::recv(fd, bytes, sizeof(bytes), 0)) > 0;) answer.append(bytes, static_cast<size_t>(n));
    ::close(fd);
    return answer;
  }

  std::string call(const Protocol& protocol, std::string_view operation, std::string_view body) {
    auto c = client();
    auto answer = c.call_raw(protocol, operation, body);
    return answer ? *answer : answer.error().name;
  }

  std::filesystem::path directory_;
  Credentials credentials_;
  base::ManualClock clock_{base::system_clock().now()};
  std::unique_ptr<http::Reactor> reactor_;
  std::unique_ptr<log::IoDriver> io_;
  std::unique_ptr<stream::Streams> streams_;
  std::unique_ptr<Service> service_;
  std::unique_ptr<api::Kinesis> kinesis_;
  std::unique_ptr<http::Server> server_;
  std::thread thread_;
  std::thread later_;
  uint16_t port_ = 0;
};

TEST_F(ServiceTest, ASignedCallReachesItsOperation) {
  EXPECT_EQ(call(millrace_protocol, "Echo", "{\"a\":1}"), R"({"who":"millrace","region":"us-east-1","body":{"a":1}})");
  EXPECT_EQ(service_->calls(), 1u);
  EXPECT_EQ(service_->errors(), 0u);
}

TEST_F(ServiceTest, AnAnswerMayComeFromAnotherThread) {
  EXPECT_EQ(call(dynamodb_protocol, "Later", "{}"), "{\"later\":true}");
}

TEST_F(ServiceTest, an_answer_may_be_a_stream_of_events) {
  stop();
  start(false);
  const std::string answer = call_plainly(kinesis_protocol, "Events", "{}");
  const size_t head_bytes = answer.find("\r\n\r\n") + 4;
  const std::string head = answer.substr(0, head_bytes);
  EXPECT_TRUE(head.starts_with("HTTP/1.1 200 ")) << head;
  EXPECT_NE(head.find("Content-Type: application/vnd.amazon.eventstream\r\n"), std::string::npos) << head;
  EXPECT_NE(head.find("x-amzn-RequestId: "), std::string::npos) << head;
  EXPECT_NE(head.find("x-amz-id-2: "), std::string::npos) << head;
  std::string expected;
  append_initial_response(expected, "application/x-amz-json-1.1", "{}");
  append_event(expected, "Some", "application/x-amz-json-1.1", "{\"n\":1}");
  append_event(expected, "Some", "application/x-amz-json-1.1", "{\"n\":2}");
  append_exception(expected, "ResourceNotFoundException", "application/x-amz-json-1.1",
                   R"({"__type":"ResourceNotFoundException","message":"it is gone"})");
  EXPECT_EQ(answer.substr(head_bytes), expected);
}

TEST_F(ServiceTest, ErrorsComeBackAsTheirKind) {
  auto c = client();
  const auto failed = c.call(dynamodb_protocol, "Fail", "{}");
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().kind, ErrorKind::condition_failed);
  EXPECT_EQ(failed.error().message, "ConditionalCheckFailedException: The conditional request failed");
  EXPECT_EQ(c.call(dynamodb_protocol, "Unheard", "{}").error().kind, ErrorKind::unsupported);
  EXPECT_EQ(c.call(dynamodb_protocol, "Forget", "{}").error().kind, ErrorKind::io);
  EXPECT_EQ(client("wrong").call(millrace_protocol, "Echo", "{}").error().kind, ErrorKind::unauthenticated);
  EXPECT_EQ(call(millrace_protocol, "Echo", "{}").substr(0, 6), "{\"who\"");
}

TEST_F(ServiceTest, RepliesHaveTheHeadersOfTheirService) {
  http::Client plain("127.0.0.1", port_);
  const auto kinesis =
      plain
          .request("POST", "/",
                   {{"X-Amz-Target", "Kinesis_20131202.ListStreams"}, {"Content-Type", "application/x-amz-json-1.1"}},
                   "{}")
          .value();
  EXPECT_EQ(kinesis.status, 400);
  EXPECT_EQ(kinesis.header("content-type"), "application/x-amz-json-1.1");
  EXPECT_EQ(kinesis.header("x-amzn-requestid").size(), 36u);
  EXPECT_FALSE(kinesis.header("x-amz-id-2").empty());
  EXPECT_EQ(kinesis.header("x-amzn-errortype"), "MissingAuthenticationTokenException");
  const auto dynamodb =
      plain
          .request("POST", "/",
                   {{"X-Amz-Target", "DynamoDB_20120810.GetItem"}, {"Content-Type", "application/x-amz-json-1.0"}},
                   "{}")
          .value();
  EXPECT_EQ(dynamodb.header("content-type"), "application/x-amz-json-1.0");
  EXPECT_EQ(dynamodb.header("x-amz-crc32"),
            std::to_string(crc32_z(0, reinterpret_cast<const Bytef*>(dynamodb.body.data()), dynamodb.body.size())));
  EXPECT_NE(dynamodb.body.find("com.amazon.coral.service#MissingAuthenticationTokenException"), std::string::npos);
  for (const auto path : {"/", "/health"}) EXPECT_EQ(plain.request("GET", path, {}, "").value().status, 200);
  EXPECT_EQ(plain.request("GET", "/nothing", {}, "").value().status, 404);
  EXPECT_EQ(plain.request("POST", "/", {}, "{}").value().status, 404);
}

TEST_F(ServiceTest, WithoutAuthenticationNothingIsChecked) {
  stop();
  start(false);
  http::Client plain("127.0.0.1", port_);
  const auto answer = plain.request("POST", "/", {{"X-Amz-Target", "Kinesis_20131202.ListStreams"}}, "{}").value();
  EXPECT_EQ(answer.status, 200);
  const auto cbor = [&](std::string_view target) {
    return plain
        .request("POST", "/", {{"X-Amz-Target", std::string(target)}, {"Content-Type", "application/x-amz-cbor-1.1"}},
                 "\xbf\xff")
        .value();
  };
  const auto listed = cbor("Kinesis_20131202.ListStreams");
  EXPECT_EQ(listed.status, 200);
  EXPECT_EQ(listed.header("content-type"), "application/x-amz-cbor-1.1");
  EXPECT_TRUE(listed.body.starts_with("\xbf\x6bStreamNames\x9f\xff")) << listed.body;
  const auto unknown = cbor("Kinesis_20131202.Unheard");
  EXPECT_EQ(unknown.status, 400);
  EXPECT_TRUE(unknown.body.starts_with("\xbf\x66__type\x78\x19UnknownOperationException\x67message")) << unknown.body;
  EXPECT_EQ(cbor("DynamoDB_20120810.Fail").status, 415);
}

TEST_F(ServiceTest, RecordsPutAreReadBackAcrossARestart) {
  EXPECT_EQ(call(kinesis_protocol, "CreateStream", R"({"StreamName":"clicks","ShardCount":1})"), "");
  client::PutRecordsBody body("clicks");
  for (int round = 0; round < 2; ++round) {
    body.clear();
    for (int i = 0; i < 3; ++i) body.add(fmt::format("visitor \"{}\"", i), fmt::format("click {}.{}", round, i));
    EXPECT_TRUE(body.fits("k", "d"));
    EXPECT_EQ(body.count(), 3u);
    EXPECT_NE(call(kinesis_protocol, "PutRecords", body.finish()).find("\"FailedRecordCount\":0"), std::string::npos);
  }
  EXPECT_EQ(kinesis_->counters().records_in, 6u);
  stop();
  start();
  const auto stream = streams_->find("clicks");
  ASSERT_NE(stream, nullptr);
  std::vector<std::string> found;
  const auto blocks = stream->log()->read(ShardId(0), SequenceNumber(0), 1 << 20).value();
  for (const auto& block : blocks) {
    log::for_each_record(*block, SequenceNumber(0), [&](const log::Record& record) {
      found.push_back(fmt::format("{}|{}", record.key, record.data));
    });
  }
  EXPECT_EQ(found, (std::vector<std::string>{"visitor \"0\"|click 0.0", "visitor \"1\"|click 0.1",
                                             "visitor \"2\"|click 0.2", "visitor \"0\"|click 1.0",
                                             "visitor \"1\"|click 1.1", "visitor \"2\"|click 1.2"}));
}

TEST_F(ServiceTest, AnIteratorExpiresAndAnEmptyReadMakesAFreshOne) {
  ASSERT_EQ(call(kinesis_protocol, "CreateStream", R"({"StreamName":"clicks","ShardCount":1})"), "");
  auto member = [](std::string_view json, std::string_view name) {
    const size_t at = json.find(fmt::format("\"{}\":\"", name)) + name.size() + 4;
    return std::string(json.substr(at, json.find('"', at) - at));
  };
  const std::string first =
      member(call(kinesis_protocol, "GetShardIterator",
                  R"({"StreamName":"clicks","ShardId":"shardId-000000000000","ShardIteratorType":"LATEST"})"),
             "ShardIterator");
  clock_.advance_ms(200'000);
  const std::string answer = call(kinesis_protocol, "GetRecords", fmt::format(R"({{"ShardIterator":"{}"}})", first));
  const std::string fresh = member(answer, "NextShardIterator");
  EXPECT_NE(fresh, first);
  clock_.advance_ms(200'000);
  EXPECT_EQ(call(kinesis_protocol, "GetRecords", fmt::format(R"({{"ShardIterator":"{}"}})", first)),
            "ExpiredIteratorException");
  EXPECT_EQ(call(kinesis_protocol, "GetRecords", fmt::format(R"({{"ShardIterator":"{}"}})", fresh)).substr(0, 13),
            "{\"Records\":[]");
}

TEST_F(ServiceTest, StreamsHaveBounds) {
  EXPECT_EQ(call(kinesis_protocol, "CreateStream", R"({"StreamName":"wide","ShardCount":501})"),
            "LimitExceededException");
  EXPECT_EQ(call(kinesis_protocol, "CreateStream", R"({"StreamName":"a b"})"), "ValidationException");
  EXPECT_EQ(call(kinesis_protocol, "CreateStream", R"({})"), "ValidationException");
  EXPECT_EQ(call(kinesis_protocol, "CreateStream", R"({"StreamName":"wide","ShardCount":300})"), "");
  EXPECT_EQ(call(kinesis_protocol, "CreateStream", R"({"StreamName":"more","ShardCount":201})"),
            "LimitExceededException");
  const stream::Streams::Totals totals = streams_->totals();
  EXPECT_EQ(totals.streams, 1u);
  EXPECT_EQ(totals.shards, 300u);
}

TEST_F(ServiceTest, WhatACrashLeftHalfDoneIsRemoved) {
  ASSERT_TRUE(streams_->ensure("kept", 2));
  stop();
  std::filesystem::create_directories(directory_ / "streams" / "half-created");
  std::filesystem::create_directories(directory_ / "streams" / ".deleted-0123456789abcdef");
  start();
  EXPECT_FALSE(std::filesystem::exists(directory_ / "streams" / "half-created"));
  EXPECT_FALSE(std::filesystem::exists(directory_ / "streams" / ".deleted-0123456789abcdef"));
  ASSERT_EQ(streams_->list().size(), 1u);
  EXPECT_EQ(streams_->list()[0]->name, "kept");
  EXPECT_EQ(streams_->list()[0]->shard_count(), 2u);
}

TEST_F(ServiceTest, ADamagedDefinitionIsNamed) {
  ASSERT_TRUE(streams_->ensure("kept", 1));
  stop();
  std::filesystem::resize_file(directory_ / "streams" / "kept" / "stream.json", 10);
  const auto opened = stream::Streams::open({.directory = (directory_ / "streams").string()});
  ASSERT_TRUE(opened) << opened.error().message;
  ASSERT_EQ((*opened)->damaged().size(), 1u);
  EXPECT_NE((*opened)->damaged()[0].reason.find("kept/stream.json"), std::string::npos);
  std::filesystem::remove_all(directory_ / "streams");
  start();
}

TEST_F(ServiceTest, ADeletedStreamTakesNothingMoreAndLeavesNoFile) {
  const auto held = streams_->ensure("short-lived", 1).value();
  ASSERT_NE(call(kinesis_protocol, "PutRecord", R"({"StreamName":"short-lived","Data":"eA==","PartitionKey":"k"})")
                .find("SequenceNumber"),
            std::string::npos);
  EXPECT_EQ(call(kinesis_protocol, "DeleteStream", R"({"StreamName":"short-lived"})"), "");
  EXPECT_EQ(streams_->find("short-lived"), nullptr);
  EXPECT_TRUE(std::filesystem::is_empty(directory_ / "streams"));
  const log::AppendRecord record{ShardId(0), "k", "too late"};
  const auto appended = held->log()->append({&record, 1});
  ASSERT_FALSE(appended);
  EXPECT_EQ(appended.error().kind, ErrorKind::unavailable);
}

}  // namespace
}  // namespace millrace::aws
