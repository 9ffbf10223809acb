#pragma once
// Options that several connectors take. Pure.

#include <string>
#include <utility>
#include <vector>

#include "sql/connector.h"

namespace millrace::connector {

using sql::OptionDescription;

inline OptionDescription ignored(std::string key) {
  return {.key = std::move(key), .value = OptionDescription::Value::ignored};
}

// Of the server that runs the job: another one is refused until it can be reached.
inline OptionDescription endpoint() {
  return {.key = "aws.endpoint", .value = OptionDescription::Value::endpoint};
}

inline OptionDescription start_position(std::string key, std::string time_key) {
  return {.key = std::move(key),
          .value = OptionDescription::Value::choice,
          .meaning = OptionDescription::Meaning::start,
          .choices = {"TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"},
          .time_key = std::move(time_key)};
}

inline OptionDescription table_name() {
  return {.key = "table-name", .meaning = OptionDescription::Meaning::resource};
}
inline constexpr const char* table_name_example = "'table-name' = 'NAME', the table on the server";

inline OptionDescription idle_timeout() {
  return {.key = "scan.watermark.idle-timeout",
          .value = OptionDescription::Value::duration,
          .meaning = OptionDescription::Meaning::idle_timeout};
}

inline OptionDescription ahead_max() {
  return {.key = "scan.event-time.ahead-max",
          .value = OptionDescription::Value::duration_or_off,
          .meaning = OptionDescription::Meaning::ahead_max};
}

inline OptionDescription ignore_parse_errors() {
  return {.key = "json.ignore-parse-errors",
          .value = OptionDescription::Value::boolean,
          .meaning = OptionDescription::Meaning::ignore_parse_errors};
}

}  // namespace millrace::connector
