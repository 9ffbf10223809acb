#include "app/stream_command.h"

#include <simdjson.h>

#include <algorithm>
#include <cstdio>
#include <optional>

#include "base/base64.h"
#include "base/json_string.h"
#include "base/stop_signals.h"
#include "base/suggest.h"
#include "client/stream_follower.h"
#include "data/text.h"
#include "stream/aggregated.h"

namespace millrace::app {
namespace {

constexpr int64_t poll_ms = 200;
constexpr int64_t retry_for_ms = 60'000;

std::string json_string(std::string_view text) {
  std::string out;
  base::append_json_string(out, text);
  return out;
}

std::string shown_time(int64_t ms) {
  std::string out;
  data::put_timestamp(out, ms, 'T');
  return out + 'Z';
}

std::string text_of(const simdjson::dom::element& from, const char* name) {
  std::string_view text;
  return from[name].get(text) == simdjson::SUCCESS ? std::string(text) : std::string("-");
}

// Calls of one command, with the advice that a command gives.
class Streams {
 public:
  explicit Streams(const StreamOptions& options) : options_(options), api_(options.endpoint) {}

  client::Api& api() { return api_; }

  Result<std::string> call(std::string_view operation, std::string_view body) {
    auto answer = api_.call(aws::kinesis_protocol, operation, body);
    if (!answer) return std::unexpected(explained(answer.error()));
    return answer;
  }

  Result<std::vector<std::string>> names() {
    std::vector<std::string> all;
    std::string body = "{}";
    for (;;) {
      TRY_ASSIGN(const std::string answer, call("ListStreams", body));
      simdjson::dom::parser parser;
      simdjson::dom::element document;
      simdjson::dom::array listed;
      bool more = false;
      if (parser.parse(answer).get(document) || document["StreamNames"].get(listed) ||
          document["HasMoreStreams"].get(more)) {
        return fail(ErrorKind::internal, "the server's answer is no list of streams: {}", answer);
      }
      for (const simdjson::dom::element name : listed) all.emplace_back(name.get_string().value_unsafe());
      if (!more || all.empty()) return all;
      body = fmt::format(R"({{"ExclusiveStartStreamName":{}}})", json_string(all.back()));
    }
  }

  // Of an error, what to do.
  Error explained(const Error& error) {
    const client::Endpoint& at = options_.endpoint;
    if (error.kind == ErrorKind::unavailable) {
      return {error.kind, fmt::format("no server answers at http://{}:{} ({}); start one with `millrace serve --data "
                                      "DIR`, or name another with --endpoint",
                                      at.host, at.port, error.message)};
    }
    if (error.kind != ErrorKind::not_found || asked_) return error;
    asked_ = true;
    const auto known = names();
    if (!known || std::ranges::find(*known, options_.name) != known->end()) return error;
    if (known->empty()) return {error.kind, "the server has no stream yet"};
    return {error.kind,
            fmt::format("there is no stream `{}`; {}", options_.name, base::suggestion(options_.name, *known))};
  }

 private:
  const StreamOptions& options_;
  client::Api api_;
  bool asked_ = false;
};

Result<void> list(Streams& streams, const StreamOptions& options) {
  TRY_ASSIGN(const auto names, streams.names());
  std::string json;
  if (!options.json) {
    fmt::print("{:<40} {:<9} {:<12} {:>7} {:>10}  {}\n", "NAME", "STATE", "MODE", "SHARDS", "RETENTION", "CREATED");
  }
  for (const std::string& name : names) {
    TRY_ASSIGN(const std::string answer,
               streams.call("DescribeStreamSummary", fmt::format(R"({{"StreamName":{}}})", json_string(name))));
    simdjson::dom::parser parser;
    simdjson::dom::element summary;
    if (parser.parse(answer)["StreamDescriptionSummary"].get(summary)) {
      return fail(ErrorKind::internal, "the server's answer is no description of a stream: {}", answer);
    }
    if (options.json) {
      json += fmt::format("{}{}", json.empty() ? "" : ",", simdjson::minify(summary));
      continue;
    }
    int64_t shards = 0, hours = 0;
    double created = 0;
    [[maybe_unused]] const bool missing = summary["OpenShardCount"].get(shards) != simdjson::SUCCESS ||
                                          summary["RetentionPeriodHours"].get(hours) != simdjson::SUCCESS ||
                                          summary["StreamCreationTimestamp"].get(created) != simdjson::SUCCESS;
    std::string mode = "-";
    if (simdjson::dom::element details; !summary["StreamModeDetails"].get(details)) {
      mode = text_of(details, "StreamMode");
    }
    fmt::print("{:<40} {:<9} {:<12} {:>7} {:>8} h  {}\n", name, text_of(summary, "StreamStatus"), mode, shards, hours,
               shown_time(static_cast<int64_t>(created * 1000)));
  }
  if (options.json) fmt::print("[{}]\n", json);
  return {};
}

Result<void> describe(Streams& streams, const StreamOptions& options) {
  std::string start;
  if (!options.json) {
    fmt::print("{:<22} {:<6} {:>40} {:>40}  {}\n", "SHARD", "STATE", "FIRST HASH KEY", "LAST HASH KEY", "PARENTS");
  }
  std::string json;
  for (;;) {
    TRY_ASSIGN(
        const std::string answer,
        streams.call("ListShards", start.empty() ? fmt::format(R"({{"StreamName":{}}})", json_string(options.name))
                                                 : fmt::format(R"({{"NextToken":{}}})", json_string(start))));
    simdjson::dom::parser parser;
    simdjson::dom::element document;
    simdjson::dom::array shards;
    if (parser.parse(answer).get(document) || document["Shards"].get(shards)) {
      return fail(ErrorKind::internal, "the server's answer is no list of shards: {}", answer);
    }
    for (const simdjson::dom::element shard : shards) {
      if (options.json) {
        json += fmt::format("{}{}", json.empty() ? "" : ",", simdjson::minify(shard));
        continue;
      }
      std::string_view end;
      const bool closed = shard["SequenceNumberRange"]["EndingSequenceNumber"].get(end) == simdjson::SUCCESS;
      std::string parents;
      for (const char* name : {"ParentShardId", "AdjacentParentShardId"}) {
        if (const std::string parent = text_of(shard, name); parent != "-") {
          parents += (parents.empty() ? "" : " ") + parent;
        }
      }
      simdjson::dom::element range;
      if (shard["HashKeyRange"].get(range)) return fail(ErrorKind::internal, "a shard without its range: {}", answer);
      fmt::print("{:<22} {:<6} {:>40} {:>40}  {}\n", text_of(shard, "ShardId"), closed ? "closed" : "open",
                 text_of(range, "StartingHashKey"), text_of(range, "EndingHashKey"), parents);
    }
    std::string_view token;
    if (document["NextToken"].get(token) != simdjson::SUCCESS) break;
    start = token;
  }
  if (options.json) fmt::print("[{}]\n", json);
  return {};
}

// For a terminal, which would obey control characters: those, and what is no UTF-8, as \x1b.
std::string readable(std::string_view bytes) {
  const bool is_text = simdjson::validate_utf8(bytes.data(), bytes.size());
  std::string out;
  out.reserve(bytes.size());
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < ' ' || byte == 0x7f || (byte >= 0x80 && !is_text)) {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  return out;
}

// `number`: among the user records of an aggregated one.
void print_record(const client::ReadRecord& record, std::optional<size_t> number, bool json) {
  if (!json) {
    fmt::print("{} {} {} {}\n", shown_time(record.arrived_ms), record.shard, readable(record.key),
               readable(record.data));
    return;
  }
  std::string line = fmt::format(R"({{"shard":"{}","sequence":"{}",{}"arrived_ms":{},"key":{})", record.shard,
                                 record.sequence, number ? fmt::format("\"sub_sequence\":{},", *number) : "",
                                 record.arrived_ms, json_string(record.key));
  if (simdjson::validate_utf8(record.data.data(), record.data.size())) {
    line += ",\"data\":" + json_string(record.data);
  } else {
    line += ",\"base64\":\"";
    base::append_base64(line, record.data);
    line += '"';
  }
  fmt::print("{}}}\n", line);
}

Result<client::StreamFollower::From> place_of(const StreamOptions& options) {
  using Start = client::StreamFollower::Start;
  client::StreamFollower::From from{.start = Start::latest, .at_ms = 0, .shards = options.shards};
  if (options.from == "latest") return from;
  if (options.from == "oldest") {
    from.start = Start::trim_horizon;
    return from;
  }
  const auto at = data::parse_timestamp(options.from);
  if (!at) {
    return fail(ErrorKind::invalid_argument,
                "--from is `{}`; it may be `latest`, `oldest`, or a time, such as 2026-01-31T12:00:00Z", options.from);
  }
  from.start = Start::at_timestamp;
  from.at_ms = *at;
  return from;
}

Result<void> tail(Streams& streams, const StreamOptions& options) {
  TRY_ASSIGN(const auto from, place_of(options));
  client::StreamFollower follower(streams.api(), options.name);
  if (auto started = follower.start(from); !started) return std::unexpected(streams.explained(started.error()));
  client::Patience patience(retry_for_ms);
  uint64_t printed = 0;
  const auto print_one = [&](const client::ReadRecord& record, std::optional<size_t> number) {
    if (!options.key.empty() && record.key != options.key) return true;
    if (!options.match.empty() && !record.data.contains(options.match)) return true;
    print_record(record, number, options.json);
    return ++printed != options.limit;
  };
  const auto print = [&](const client::ReadRecord& record) {
    const auto users = stream::open_aggregated(record.data, nullptr);
    if (!users) return print_one(record, std::nullopt);
    return std::ranges::all_of(*users, [&](const stream::UserRecord& user) {
      client::ReadRecord one = record;
      one.key = user.key;
      one.data = user.data;
      return print_one(one, user.number);
    });
  };
  for (;;) {
    const auto count = follower.read(print);
    std::fflush(stdout);
    if (options.limit > 0 && printed >= options.limit) return {};
    if (!count) {
      if (!client::may_pass(count.error()) || !patience.next())
        return std::unexpected(streams.explained(count.error()));
    } else {
      patience.reset();
      if (follower.finished() || (follower.at_end() && !options.follow)) return {};
    }
    const bool waits = !count || *count == 0;
    if (base::wait_for_stop(waits ? poll_ms : 0)) return {};
  }
}

}  // namespace

int run_stream(const StreamOptions& options) {
  Streams streams(options);
  const auto done = options.action == StreamOptions::Action::list       ? list(streams, options)
                    : options.action == StreamOptions::Action::describe ? describe(streams, options)
                                                                        : tail(streams, options);
  if (done) return 0;
  fmt::print(stderr, "millrace: {}\n", done.error().message);
  return done.error().kind == ErrorKind::invalid_argument ? 2 : 1;
}

}  // namespace millrace::app
