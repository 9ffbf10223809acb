// Calls of Kinesis, DynamoDB and DynamoDB Streams: the operation on the first line ("DynamoDB_20120810.GetItem", or
// "Kinesis_20131202.PutRecord cbor"), the body behind it. Each is answered, in its coding, and never with an error of
// the server's own. What calls have written is there for the next ones, until all begins anew after `calls_max`: a
// finding that does not repeat by itself needs the inputs before it.

#include <simdjson.h>

#include <chrono>
#include <future>

#include "api/dynamodb.h"
#include "api/dynamodb_streams.h"
#include "api/kinesis.h"
#include "aws/cbor.h"
#include "aws/service.h"
#include "directory.h"
#include "http/connection.h"
#include "input.h"
#include "log/log.h"
#include "store/store.h"
#include "stream/streams.h"
#include "table/table.h"

namespace millrace::fuzz {
namespace {

constexpr int calls_max = 2000;
constexpr size_t padding_bytes = 64;

class Caught final : public http::Reply::Target {
 public:
  void send(http::Response response) override { response_.set_value(std::move(response)); }
  void drop() override { response_.set_value({.status = 500}); }
  bool gone() const override { return false; }
  std::shared_ptr<http::Reply::Stream> stream(http::Response, std::function<void()>) override { return nullptr; }

  std::future<http::Response> response() { return response_.get_future(); }

 private:
  std::promise<http::Response> response_;
};

class Server {
 public:
  Server() {
    io_ = std::move(log::make_io_driver(log::IoMode::blocking).value());
    store::Store::Options options;
    options.directory = directory_.path() + "/tables";
    options.segment_bytes = size_t{1} << 20;
    options.durable = false;
    options.clock = &clock_;
    options.io = io_.get();
    store_ = std::move(store::Store::open(options).value());
    tables_ = std::move(table::Tables::open(*store_, clock_).value());
    stream::StreamsOptions stream_options;
    stream_options.directory = directory_.path() + "/streams";
    stream_options.io = io_.get();
    stream_options.clock = &clock_;
    stream_options.durable = false;
    stream_options.segment_bytes = size_t{1} << 20;
    stream_options.streams_max = 4;
    streams_ = std::move(stream::Streams::open(stream_options).value());
    CHECK(streams_->ensure("clicks", 2).has_value());
    CHECK(tables_->create({.name = "Products",
                           .hash_key = {"id", table::KeyType::string},
                           .range_key = table::KeyAttribute{"version", table::KeyType::number},
                           .change_feed = table::ViewType::new_and_old_images}));
    kinesis_ = std::make_unique<api::Kinesis>(*streams_, api::KinesisOptions{.clock = &clock_});
    dynamodb_ = std::make_unique<api::DynamoDb>(*tables_, api::DynamoDbOptions());
    feeds_ = std::make_unique<api::DynamoDbStreams>(*tables_, api::DynamoDbStreamsOptions{.clock = &clock_});
    kinesis_->add_to(service_);
    dynamodb_->add_to(service_);
    feeds_->add_to(service_);
  }

  http::Response call(std::string_view operation, aws::Coding coding, std::string_view body) {
    const Exact padded(body, padding_bytes);
    const http::Header headers[] = {{"X-Amz-Target", operation}, {"Content-Type", aws::content_type(coding)}};
    http::Request request;
    request.method = "POST";
    request.target = request.path = "/";
    request.headers = headers;
    request.body = padded.view();
    const auto caught = std::make_shared<Caught>();
    auto response = caught->response();
    service_.handle(request, http::Reply(caught));
    tables_->flush();
    streams_->flush_all();
    CHECK(response.wait_for(std::chrono::seconds(15)) == std::future_status::ready, "no answer");
    return response.get();
  }

 private:
  Directory directory_;
  base::ManualClock clock_;
  std::unique_ptr<log::IoDriver> io_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<table::Tables> tables_;
  std::unique_ptr<stream::Streams> streams_;
  aws::Service service_{aws::ServiceOptions{.clock = &clock_}};
  std::unique_ptr<api::Kinesis> kinesis_;
  std::unique_ptr<api::DynamoDb> dynamodb_;
  std::unique_ptr<api::DynamoDbStreams> feeds_;
};

}  // namespace
}  // namespace millrace::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace;
  // Never destroyed: at the end of the process what it needs is gone already.
  static auto& server = *new std::unique_ptr<fuzz::Server>;
  static int calls = 0;
  if (calls++ % fuzz::calls_max == 0) {
    server.reset();
    server = std::make_unique<fuzz::Server>();
  }
  fuzz::Input input(data, size);
  std::string_view operation = input.line();
  constexpr std::string_view in_cbor = " cbor";
  auto coding = aws::Coding::json_1_0;
  if (operation.ends_with(in_cbor)) {
    operation.remove_suffix(in_cbor.size());
    coding = aws::Coding::cbor_1_1;
  }
  const http::Response response = server->call(operation, coding, input.rest());
  CHECK(response.status < 500, "{} {}", response.status, response.body);
  if (response.body.empty()) return 0;
  if (response.content_type == aws::content_type(aws::Coding::cbor_1_1)) {
    aws::cbor::Reader reader(response.body);
    reader.skip(reader.next());
    CHECK(reader.is_done(), "an answer that is not CBOR");
    return 0;
  }
  simdjson::dom::parser parser;
  simdjson::dom::element element;
  const auto code = parser.parse(response.body).get(element);
  CHECK(code == simdjson::SUCCESS, "{}: {}", simdjson::error_message(code), response.body);
  return 0;
}
