#include "client/api.h"

#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <thread>

#include "base/clock.h"
#include "base/json_string.h"

namespace millrace::client {

namespace {

constexpr int64_t pause_ms_first = 20;
constexpr int64_t pause_ms_max = 1'000;
constexpr int64_t stream_ready_ms_max = 10'000;

std::string json_string(std::string_view text) {
  std::string out;
  base::append_json_string(out, text);
  return out;
}

}  // namespace

Result<Endpoint> parse_endpoint(std::string_view url, Endpoint defaults) {
  std::string_view rest = url;
  if (rest.starts_with("http://")) rest.remove_prefix(7);
  if (rest.ends_with('/')) rest.remove_suffix(1);
  const size_t colon = rest.rfind(':');
  const std::string_view port = colon == std::string_view::npos ? std::string_view("80") : rest.substr(colon + 1);
  const std::string_view host = rest.substr(0, colon);
  const bool in_brackets = host.starts_with('[') && host.ends_with(']');
  uint16_t number = 0;
  if (host.find(':') != std::string_view::npos && !in_brackets) {
    return fail(ErrorKind::invalid_argument,
                "`{}` is not an endpoint; an IPv6 address is written in brackets, such as http://[::1]:4566", url);
  }
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (error != std::errc() || end != port.data() + port.size() || number == 0 || host.empty() ||
      host.find('/') != std::string_view::npos) {
    return fail(ErrorKind::invalid_argument, "`{}` is not an endpoint; http://127.0.0.1:4566 would be", url);
  }
  defaults.host = host;
  defaults.port = number;
  return defaults;
}

Api::Api(const Endpoint& endpoint, std::stop_token stop)
    : client_({.host = endpoint.host,
               .port = endpoint.port,
               .credential = {endpoint.access_key, endpoint.secret_key},
               .region = endpoint.region}),
      stop_(std::move(stop)) {}

Result<std::string> Api::call(const aws::Protocol& protocol, std::string_view operation, std::string_view body) {
  if (stop_.stop_requested()) return fail(ErrorKind::internal, "stopped by a signal");
  return client_.call(protocol, operation, body);
}

bool may_pass(const Error& error) {
  return error.kind == ErrorKind::throttled || error.kind == ErrorKind::unavailable || error.kind == ErrorKind::io;
}

bool Patience::next() {
  const int64_t now_ms = base::system_clock().monotonic_ns() / 1'000'000;
  if (started_ms_ == 0) {
    started_ms_ = now_ms;
    pause_ms_ = pause_ms_first;
  }
  if (now_ms - started_ms_ >= retry_for_ms_) return false;
  std::this_thread::sleep_for(std::chrono::milliseconds(pause_ms_));
  pause_ms_ = std::min(pause_ms_ * 2, pause_ms_max);
  return true;
}

Result<void> ensure_stream(Api& api, std::string_view stream, int shards) {
  const auto created = api.call(aws::kinesis_protocol, "CreateStream",
                                fmt::format(R"({{"StreamName":{},"ShardCount":{}}})", json_string(stream), shards));
  if (!created && created.error().kind != ErrorKind::already_exists) return std::unexpected(created.error());
  for (Patience patience(stream_ready_ms_max);;) {
    TRY_ASSIGN(const std::string answer, api.call(aws::kinesis_protocol, "DescribeStreamSummary",
                                                  fmt::format(R"({{"StreamName":{}}})", json_string(stream))));
    simdjson::dom::parser parser;
    std::string_view status;
    if (parser.parse(answer)["StreamDescriptionSummary"]["StreamStatus"].get(status)) {
      return fail(ErrorKind::internal, "the answer to DescribeStreamSummary has no StreamStatus");
    }
    if (status == "ACTIVE") return {};
    if (!patience.next()) return fail(ErrorKind::unavailable, "the stream `{}` is still {}", stream, status);
  }
}

Result<std::vector<size_t>> put_records(Api& api, std::span<const StreamRecord> records, PutRecordsBody& body) {
  body.clear();
  for (const StreamRecord& record : records) body.add(record.key, record.data);
  TRY_ASSIGN(const std::string answer, api.call(aws::kinesis_protocol, "PutRecords", body.finish()));

  simdjson::dom::parser parser;
  simdjson::dom::element root;
  uint64_t failed_count = 0;
  if (parser.parse(answer).get(root) || root["FailedRecordCount"].get(failed_count)) {
    return fail(ErrorKind::internal, "the answer to PutRecords has no FailedRecordCount");
  }
  std::vector<size_t> failed;
  if (failed_count == 0) return failed;
  simdjson::dom::array results;
  if (root["Records"].get(results)) return fail(ErrorKind::internal, "the answer to PutRecords has no Records");
  size_t index = 0;
  for (const simdjson::dom::element result : results) {
    std::string_view code;
    if (!result["ErrorCode"].get(code)) failed.push_back(index);
    ++index;
  }
  return failed;
}

}  // namespace millrace::client
