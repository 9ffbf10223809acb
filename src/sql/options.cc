#include "sql/options.h"

#include <algorithm>
#include <charconv>

#include "base/address.h"
#include "data/text.h"
#include "sql/lexer.h"
#include "sql/names.h"

namespace millrace::sql {
namespace {

using Value = OptionDescription::Value;
using Meaning = OptionDescription::Meaning;

std::string lower_of(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

Result<> check_one_of(const ParsedOption& option, const std::vector<std::string>& values) {
  const std::string value = lower_of(option.value.text);
  for (const std::string& known : values) {
    if (value == lower_of(known)) return {};
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

Result<> check_value(const ParsedOption& option, const OptionDescription& description) {
  const std::string& value = option.value.text;
  switch (description.value) {
    case Value::ignored:
      return {};
    case Value::endpoint:
      if (is_this_machine(value)) return {};
      return fail_at(
          option.value.position,
          "'{}' names another server, '{}'; a job reads and writes the streams and tables of the server that "
          "runs it: leave the option out",
          option.key.text, value);
    case Value::text:
      if (value.empty()) return fail_at(option.value.position, "'{}' must not be empty", option.key.text);
      return {};
    case Value::boolean:
      return check_one_of(option, {"true", "false"});
    case Value::choice:
      return check_one_of(option, description.choices);
    case Value::duration:
      if (!parse_duration(value)) {
        return fail_at(option.value.position, "'{}' is no duration; write '5 s', '500 ms' or '1 min'", value);
      }
      return {};
    case Value::duration_or_off:
      if (lower_of(value) != "off" && !parse_duration(value)) {
        return fail_at(option.value.position, "'{}' is no duration; write '1 min', '5 s' or 'off'", value);
      }
      return {};
    case Value::count: {
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

// The first option of that meaning that is given.
const ParsedOption* find(const ParsedCreateTable& table, const ConnectorDescription& connector, Meaning meaning) {
  for (const OptionDescription& option : connector.options) {
    if (option.meaning != meaning) continue;
    if (const ParsedOption* given = find(table, option.key)) return given;
  }
  return nullptr;
}

Result<const ConnectorDescription*> connector_of(const ParsedCreateTable& table,
                                                 const std::vector<ConnectorDescription>& connectors) {
  std::vector<std::string> names;
  for (const ConnectorDescription& connector : connectors) names.push_back(connector.name);
  const ParsedOption* option = find(table, "connector");
  if (option == nullptr) {
    return fail_at(table.name.position, "the table {} has no 'connector'; there are: {}", table.name.text, join(names));
  }
  for (const ConnectorDescription& connector : connectors) {
    if (option->value.text == connector.name) return &connector;
  }
  return fail_at(option->value.position, "there is no connector '{}'{}", option->value.text,
                 suggestion(option->value.text, names, "there are"));
}

// Epoch seconds with a fraction, or a time with an offset, as Flink's connector takes them.
std::optional<int64_t> parse_start(std::string_view text) {
  if (const auto time = data::parse_timestamp(text)) return time;
  const auto seconds = data::parse_decimal(text, 18, 3);
  if (!seconds || *seconds < 0) return std::nullopt;
  return static_cast<int64_t>(*seconds);
}

Result<> check_start(const ParsedCreateTable& table, CheckedOptions& checked) {
  checked.start = checked.connector->start;
  const ParsedOption* position = nullptr;
  const OptionDescription* said = nullptr;
  for (const OptionDescription& option : checked.connector->options) {
    if (option.meaning != Meaning::start) continue;
    if (said == nullptr) said = &option;
    const ParsedOption* given = find(table, option.key);
    if (given == nullptr) continue;
    if (position != nullptr) {
      return fail_at(position->key.position, "'{}' and '{}' say the same; give one of them", position->key.text,
                     given->key.text);
    }
    position = given;
    said = &option;
  }
  if (said == nullptr) return {};
  const std::string& position_key = said->key;
  const std::string& time_key = said->time_key;
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

// Its last part, after the part that tells the kind in the example: "arn:aws:kinesis:...:stream/NAME".
Result<std::string> name_in_arn(const ParsedOption& option, const OptionDescription& description) {
  const std::string& text = option.value.text;
  const std::string& example = description.example;
  const std::string kind = example.substr(example.rfind(':'), example.rfind('/') + 1 - example.rfind(':'));
  const size_t at = text.find(kind);
  if (text.starts_with("arn:") && at != std::string::npos && at + kind.size() < text.size()) {
    return text.substr(at + kind.size());
  }
  return fail_at(option.value.position, "'{}' is no {}'s ARN; write '{}'", text, kind.substr(1, kind.size() - 2),
                 example);
}

Result<std::string> resource_of(const ParsedCreateTable& table, const ConnectorDescription& connector) {
  if (connector.resource_example.empty()) return std::string();
  const ParsedOption* const plain = find(table, connector, Meaning::resource);
  std::optional<std::string> name;
  for (const OptionDescription& option : connector.options) {
    if (option.meaning != Meaning::resource_arn) continue;
    const ParsedOption* const arn = find(table, option.key);
    if (arn == nullptr) continue;
    TRY_ASSIGN(name, name_in_arn(*arn, option));
    if (plain != nullptr && plain->value.text != *name) {
      return fail_at(plain->value.position, "'{}' names {} and '{}' names {}; one of them is enough", plain->key.text,
                     plain->value.text, arn->key.text, *name);
    }
  }
  if (name) return *name;
  if (plain != nullptr) return plain->value.text;
  return fail_at(table.name.position, "the table {} needs {}", table.name.text, connector.resource_example);
}

}  // namespace

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

Result<CheckedOptions> check_options(const ParsedCreateTable& table,
                                     const std::vector<ConnectorDescription>& connectors) {
  CheckedOptions checked;
  TRY_ASSIGN(checked.connector, connector_of(table, connectors));
  const ConnectorDescription& connector = *checked.connector;
  std::vector<std::string> known{"connector"};
  for (const OptionDescription& option : connector.options) known.push_back(option.key);
  for (const ParsedOption& option : table.options) {
    const auto found = std::ranges::find(connector.options, option.key.text, &OptionDescription::key);
    if (found != connector.options.end()) {
      TRY(check_value(option, *found));
    } else if (option.key.text != "connector") {
      return fail_at(option.key.position, "the connector {} has no option '{}'{}", connector.name, option.key.text,
                     suggestion(option.key.text, known, "it has"));
    }
    if (!checked.options.emplace(option.key.text, option.value.text).second) {
      return fail_at(option.key.position, "the option '{}' is given twice", option.key.text);
    }
  }
  if (const ParsedOption* idle = find(table, connector, Meaning::idle_timeout)) {
    checked.idle_timeout_ms = parse_duration(idle->value.text);
  }
  if (const ParsedOption* ahead = find(table, connector, Meaning::ahead_max)) {
    checked.ahead_max_ms = parse_duration(ahead->value.text);
  }
  if (const ParsedOption* ignore = find(table, connector, Meaning::ignore_parse_errors)) {
    checked.ignore_parse_errors = lower_of(ignore->value.text) == "true";
  }
  const ParsedOption* mode = find(table, connector, Meaning::changelog_mode);
  checked.retracts = connector.retracts && (mode == nullptr || lower_of(mode->value.text) == "all");
  TRY_ASSIGN(checked.resource, resource_of(table, connector));
  for (const OptionDescription& option : connector.options) {
    if (!option.needed || find(table, option.key) != nullptr) continue;
    return fail_at(table.name.position, "the table {} needs '{}' = '{}'", table.name.text, option.key, option.example);
  }
  TRY(check_start(table, checked));
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
