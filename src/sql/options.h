#pragma once
// What stands in WITH (...), checked against the descriptions of connectors (connector.h) and brought to what it means
// for the plan; and what may stand in SET. An unknown option or a bad value is a located error that lists what is
// known. Pure functions.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sql/connector.h"
#include "sql/syntax.h"

namespace millrace::sql {

inline constexpr int64_t ahead_max_default_ms = 60'000;

struct CheckedOptions {
  const ConnectorDescription* connector = nullptr;
  std::string resource;
  ScanNode::Start start = ScanNode::Start::trim_horizon;
  int64_t start_ms = 0;
  bool ignore_parse_errors = false;
  bool retracts = false;
  std::optional<int64_t> idle_timeout_ms;
  std::optional<int64_t> ahead_max_ms = ahead_max_default_ms;  // nullopt: off
  std::map<std::string, std::string> options;
};

Result<CheckedOptions> check_options(const ParsedCreateTable& table,
                                     const std::vector<ConnectorDescription>& connectors);

// "5 s", "500 ms", "1 min", as Flink writes durations; a number alone is milliseconds.
std::optional<int64_t> parse_duration(std::string_view text);

Result<> check_setting(const ParsedSet& set);

}  // namespace millrace::sql
