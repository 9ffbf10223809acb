#pragma once
// What may stand in WITH (...) and in SET: which connectors and options exist, what their values may be, and
// what they mean for the plan. An unknown option or a bad value is a located error that lists what is known.
// The names are Flink's: https://nightlies.apache.org/flink/flink-docs-stable/docs/connectors/table/kinesis/ and
// .../dynamodb/. Pure functions.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sql/plan.h"
#include "sql/syntax.h"

namespace millrace::sql {

inline constexpr int64_t ahead_max_default_ms = 60'000;

struct CheckedOptions {
  Connector connector = Connector::kinesis;
  std::string resource;
  ScanNode::Start start = ScanNode::Start::trim_horizon;
  int64_t start_ms = 0;
  bool ignore_parse_errors = false;
  bool retracts = false;
  std::optional<int64_t> idle_timeout_ms;
  std::optional<int64_t> ahead_max_ms = ahead_max_default_ms;  // nullopt: off
  std::map<std::string, std::string> options;
};

Result<CheckedOptions> check_options(const ParsedCreateTable& table);

std::string_view connector_name(Connector connector);

// "5 s", "500 ms", "1 min", as Flink writes durations; a number alone is milliseconds.
std::optional<int64_t> parse_duration(std::string_view text);

Result<> check_setting(const ParsedSet& set);

}  // namespace millrace::sql
