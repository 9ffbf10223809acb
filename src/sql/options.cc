#include "sql/options.h"

#include <algorithm>
#include <charconv>

#include "base/address.h"
#include "data/text.h"
#include "sql/lexer.h"
#include "sql/names.h"

namespace millrace::sql {
namespace {

enum class Kind : uint8_t {
  text,      // not empty
  ignored,   // any value: taken so that a script for Flink runs unchanged, without effect
  endpoint,  // of this machine: the server that runs the job is the one that is read and written
  boolean,
  duration,
  duration_or_off,
  count,
  json,      // 'json'
  position,  // TRIM_HORIZON, LATEST, AT_TIMESTAMP
  changelog_mode,
  timestamp_standard,
};

struct Option {
  std::string key;
  Kind kind = Kind::text;
};

const std::vector<Option>& options_of(Connector connector) {
  static const std::vector<Option> kinesis = {
      {"connector", Kind::text},
      {"stream.arn", Kind::text},
      {"stream", Kind::text},
      {"aws.region", Kind::ignored},
      {"aws.endpoint", Kind::endpoint},
      {"aws.credentials.provider", Kind::ignored},
      {"aws.credentials.basic.accesskeyid", Kind::ignored},
      {"aws.credentials.basic.secretkey", Kind::ignored},
      {"source.init.position", Kind::position},
      {"source.init.timestamp", Kind::text},
      {"scan.stream.initpos", Kind::position},
      {"scan.stream.initpos-timestamp", Kind::text},
      {"source.reader.type", Kind::ignored},
      {"source.reader.empty-records-fetch-interval", Kind::ignored},
      {"source.shard.discovery.interval", Kind::ignored},
      {"source.efo.consumer.name", Kind::ignored},
      {"source.efo.lifecycle", Kind::ignored},
      {"scan.watermark.idle-timeout", Kind::duration},
      {"scan.event-time.ahead-max", Kind::duration_or_off},
      {"format", Kind::json},
      {"json.ignore-parse-errors", Kind::boolean},
      {"json.timestamp-format.standard", Kind::timestamp_standard},
  };
  static const std::vector<Option> dynamodb_streams = {
      {"connector", Kind::text},
      {"table-name", Kind::text},
      {"aws.region", Kind::ignored},
      {"aws.endpoint", Kind::endpoint},
      {"scan.changelog-mode", Kind::changelog_mode},
      {"source.init.position", Kind::position},
      {"source.init.timestamp", Kind::text},
      {"scan.watermark.idle-timeout", Kind::duration},
      {"scan.event-time.ahead-max", Kind::duration_or_off},
      {"json.ignore-parse-errors", Kind::boolean},
  };
  static const std::vector<Option> dynamodb = {
      {"connector", Kind::text},
      {"table-name", Kind::text},
      {"aws.region", Kind::ignored},
      {"aws.endpoint", Kind::endpoint},
      {"aws.credentials.provider", Kind::ignored},
      {"aws.credentials.basic.accesskeyid", Kind::ignored},
      {"aws.credentials.basic.secretkey", Kind::ignored},
      {"sink.batch.max-size", Kind::count},
      {"sink.requests.max-inflight", Kind::count},
      {"sink.requests.max-buffered", Kind::count},
      {"sink.flush-buffer.size", Kind::count},
      {"sink.flush-buffer.timeout", Kind::count},
      {"sink.fail-on-error", Kind::boolean},
      {"sink.ignore-nulls", Kind::boolean},
  };
  static const std::vector<Option> blackhole = {{"connector", Kind::text}};
  switch (connector) {
    case Connector::kinesis:
      return kinesis;
    case Connector::dynamodb_streams:
      return dynamodb_streams;
    case Connector::dynamodb:
      return dynamodb;
    case Connector::blackhole:
      return blackhole;
  }
  return blackhole;
}

const std::vector<std::string> connector_names = {"kinesis", "dynamodb-streams", "dynamodb", "blackhole"};

std::string lower_of(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

Result<> check_one_of(const ParsedOption& option, const std::vector<std::string>& values, bool capitals) {
  const std::string value = capitals ? capitals_of(option.value.text) : lower_of(option.value.text);
  for (const std::string& known : values) {
    if (value == (capitals ? capitals_of(known) : lower_of(known))) return {};
  }
  return fail_at(option.value.position, "'{}' cannot be '{}'{}", option.key.text, option.value.text,
                 suggestion(option.value.text, values, "it can be"));
}

// Of "http://localhost:4566/", "localhost" and so on: whether that is this machine.
bool is_this_machine(std::string_view url) {
  if (const size_t scheme = url.find("://"); scheme != std::string_view::npos) url.remove_prefix(scheme + 3);
  url = url.substr(0, url.find('/'));
  const std::string_view host = base::host_of(url);
  return base::is_loopback(host) || host == "0.0.0.0";
}

Result<> check_value(const ParsedOption& option, Kind kind) {
  const std::string& value = option.value.text;
  switch (kind) {
    case Kind::ignored:
      return {};
    case Kind::endpoint:
      if (is_this_machine(value)) return {};
      return fail_at(
          option.value.position,
          "'{}' names another server, '{}'; a job reads and writes the streams and tables of the server that "
          "runs it: leave the option out",
          option.key.text, value);
    case Kind::text:
      if (value.empty()) return fail_at(option.value.position, "'{}' must not be empty", option.key.text);
      return {};
    case Kind::boolean:
      return check_one_of(option, {"true", "false"}, false);
    case Kind::json:
      return check_one_of(option, {"json"}, false);
    case Kind::position:
      return check_one_of(option, {"TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"}, true);
    case Kind::changelog_mode:
      return check_one_of(option, {"all", "insert-only"}, false);
    case Kind::timestamp_standard:
      return check_one_of(option, {"SQL", "ISO-8601"}, true);
    case Kind::duration:
      if (!parse_duration(value)) {
        return fail_at(option.value.position, "'{}' is no duration; write '5 s', '500 ms' or '1 min'", value);
      }
      return {};
    case Kind::duration_or_off:
      if (lower_of(value) != "off" && !parse_duration(value)) {
        return fail_at(option.value.position, "'{}' is no duration; write '1 min', '5 s' or 'off'", value);
      }
      return {};
    case Kind::count: {
      const auto number = data::parse_int64(value);
      if (!number || *number <= 0) {
        return fail_at(option.value.position, "'{}' must be a whole number greater than 0", option.key.text);
      }
      return {};
    }
  }
  return {};
}

const ParsedOption* find(const ParsedCreateTable& table, std::string_view key) {
  for (const ParsedOption& option : table.options) {
    if (option.key.text == key) return &option;
  }
  return nullptr;
}

Result<Connector> connector_of(const ParsedCreateTable& table) {
  const ParsedOption* option = find(table, "connector");
  if (option == nullptr) {
    return fail_at(table.name.position, "the table {} has no 'connector'; there are: {}", table.name.text,
                   join(connector_names));
  }
  for (size_t i = 0; i < connector_names.size(); ++i) {
    if (option->value.text == connector_names[i]) return static_cast<Connector>(i);
  }
  return fail_at(option->value.position, "there is no connector '{}'{}", option->value.text,
                 suggestion(option->value.text, connector_names, "there are"));
}

// Epoch seconds with a fraction, or a time with an offset, as Flink's connector takes them.
std::optional<int64_t> parse_start(std::string_view text) {
  if (const auto time = data::parse_timestamp(text)) return time;
  const auto seconds = data::parse_decimal(text, 18, 3);
  if (!seconds || *seconds < 0) return std::nullopt;
  return static_cast<int64_t>(*seconds);
}

Result<> check_start(const ParsedCreateTable& table, std::string_view position_key, std::string_view time_key,
                     CheckedOptions& checked) {
  const ParsedOption* position = find(table, position_key);
  const ParsedOption* time = find(table, time_key);
  if (position != nullptr) {
    const std::string value = capitals_of(position->value.text);
    checked.start = value == "LATEST"         ? ScanNode::Start::latest
                    : value == "AT_TIMESTAMP" ? ScanNode::Start::at_timestamp
                                              : ScanNode::Start::trim_horizon;
  }
  if (checked.start == ScanNode::Start::at_timestamp && position != nullptr && time == nullptr) {
    return fail_at(position->value.position, "AT_TIMESTAMP needs '{}' = '2024-01-31T12:00:00Z'", time_key);
  }
  if (time == nullptr) return {};
  if (checked.start != ScanNode::Start::at_timestamp) {
    return fail_at(time->key.position, "'{}' has a meaning only with '{}' = 'AT_TIMESTAMP'", time_key, position_key);
  }
  const auto start_ms = parse_start(time->value.text);
  if (!start_ms) {
    return fail_at(time->value.position, "'{}' is no time; write '2024-01-31T12:00:00Z' or seconds since 1970",
                   time->value.text);
  }
  checked.start_ms = *start_ms;
  return {};
}

Result<std::string> stream_of(const ParsedCreateTable& table) {
  const ParsedOption* arn = find(table, "stream.arn");
  const ParsedOption* stream = find(table, "stream");
  if (arn == nullptr && stream == nullptr) {
    return fail_at(table.name.position,
                   "the table {} needs 'stream.arn' = 'arn:aws:kinesis:...:stream/NAME' or 'stream' = "
                   "'NAME'",
                   table.name.text);
  }
  if (arn == nullptr) return stream->value.text;
  const std::string& text = arn->value.text;
  const size_t slash = text.find(":stream/");
  if (!text.starts_with("arn:") || slash == std::string::npos || slash + 8 == text.size()) {
    return fail_at(arn->value.position,
                   "'{}' is no stream's ARN; write 'arn:aws:kinesis:us-east-1:000000000000:stream/NAME'", text);
  }
  std::string name = text.substr(slash + 8);
  if (stream != nullptr && stream->value.text != name) {
    return fail_at(stream->value.position, "'stream' names {} and 'stream.arn' names {}; one of them is enough",
                   stream->value.text, name);
  }
  return name;
}

}  // namespace

std::string_view connector_name(Connector connector) {
  return connector_names[static_cast<size_t>(connector)];
}

std::optional<int64_t> parse_duration(std::string_view text) {
  text = data::trimmed(text);
  int64_t count = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc() || count < 0) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(rest - text.data()));
  const std::string unit = lower_of(data::trimmed(text));
  struct Unit {
    std::string_view name;
    int64_t ms;
  };
  static constexpr Unit units[] = {
      {"", 1},           {"ms", 1},           {"milli", 1},
      {"millis", 1},     {"millisecond", 1},  {"milliseconds", 1},
      {"s", 1000},       {"sec", 1000},       {"secs", 1000},
      {"second", 1000},  {"seconds", 1000},   {"m", 60'000},
      {"min", 60'000},   {"minute", 60'000},  {"minutes", 60'000},
      {"h", 3'600'000},  {"hour", 3'600'000}, {"hours", 3'600'000},
      {"d", 86'400'000}, {"day", 86'400'000}, {"days", 86'400'000},
  };
  for (const Unit& known : units) {
    int64_t ms = 0;
    if (unit == known.name) return __builtin_mul_overflow(count, known.ms, &ms) ? std::nullopt : std::optional(ms);
  }
  return std::nullopt;
}

Result<CheckedOptions> check_options(const ParsedCreateTable& table) {
  CheckedOptions checked;
  TRY_ASSIGN(checked.connector, connector_of(table));
  std::vector<std::string> known;
  for (const Option& option : options_of(checked.connector)) known.push_back(option.key);
  for (const ParsedOption& option : table.options) {
    const auto& all = options_of(checked.connector);
    const auto found = std::find_if(all.begin(), all.end(), [&](const Option& o) { return o.key == option.key.text; });
    if (found == all.end()) {
      return fail_at(option.key.position, "the connector {} has no option '{}'{}", connector_name(checked.connector),
                     option.key.text, suggestion(option.key.text, known, "it has"));
    }
    TRY(check_value(option, found->kind));
    if (!checked.options.emplace(option.key.text, option.value.text).second) {
      return fail_at(option.key.position, "the option '{}' is given twice", option.key.text);
    }
  }
  if (const ParsedOption* idle = find(table, "scan.watermark.idle-timeout")) {
    checked.idle_timeout_ms = parse_duration(idle->value.text);
  }
  if (const ParsedOption* ahead = find(table, "scan.event-time.ahead-max")) {
    checked.ahead_max_ms = parse_duration(ahead->value.text);
  }
  const auto parse_errors = checked.options.find("json.ignore-parse-errors");
  checked.ignore_parse_errors = parse_errors != checked.options.end() && lower_of(parse_errors->second) == "true";
  switch (checked.connector) {
    case Connector::kinesis: {
      TRY_ASSIGN(checked.resource, stream_of(table));
      if (find(table, "format") == nullptr) {
        return fail_at(table.name.position, "the table {} needs 'format' = 'json'", table.name.text);
      }
      checked.start = ScanNode::Start::latest;  // Flink's default
      const bool legacy = find(table, "scan.stream.initpos") != nullptr;
      const ParsedOption* both = find(table, "source.init.position");
      if (legacy && both != nullptr) {
        return fail_at(both->key.position,
                       "'source.init.position' and 'scan.stream.initpos' say the same; give one of them");
      }
      TRY(legacy ? check_start(table, "scan.stream.initpos", "scan.stream.initpos-timestamp", checked)
                 : check_start(table, "source.init.position", "source.init.timestamp", checked));
      return checked;
    }
    case Connector::dynamodb_streams: {
      const auto mode = checked.options.find("scan.changelog-mode");
      checked.retracts = mode == checked.options.end() || lower_of(mode->second) == "all";
      TRY(check_start(table, "source.init.position", "source.init.timestamp", checked));
      break;
    }
    case Connector::dynamodb:
      break;
    case Connector::blackhole:
      return checked;
  }
  const auto name = checked.options.find("table-name");
  if (name == checked.options.end()) {
    return fail_at(table.name.position, "the table {} needs 'table-name' = 'NAME', the table on the server",
                   table.name.text);
  }
  checked.resource = name->second;
  return checked;
}

Result<> check_setting(const ParsedSet& set) {
  static const std::vector<std::string> known = {"pipeline.name", "table.exec.state.ttl",
                                                 "table.exec.source.idle-timeout", "table.local-time-zone",
                                                 "execution.runtime-mode"};
  const std::string& key = set.key.text;
  if (std::find(known.begin(), known.end(), key) == known.end()) {
    return fail_at(set.key.position, "there is no setting '{}'{}", key, suggestion(key, known, "there are"));
  }
  if (key == "table.exec.state.ttl" || key == "table.exec.source.idle-timeout") {
    if (!parse_duration(set.value.text)) {
      return fail_at(set.value.position, "'{}' is no duration; write '5 s', '500 ms' or '1 h'", set.value.text);
    }
  }
  if (key == "table.local-time-zone" && set.value.text != "UTC") {
    return fail_at(set.value.position, "timestamps are in UTC; '{}' can only be 'UTC'", key);
  }
  if (key == "execution.runtime-mode" && lower_of(set.value.text) != "streaming") {
    return fail_at(set.value.position, "a job reads streams; '{}' can only be 'streaming'", key);
  }
  if (key == "pipeline.name" && set.value.text.empty())
    return fail_at(set.value.position, "the name must not be empty");
  return {};
}

}  // namespace millrace::sql
