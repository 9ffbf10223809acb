#pragma once
// What the language has to know of a connector: what it may be in a script, which options it takes, and what they mean
// for the plan. Plain data, given by whoever has connectors (src/connector); a script is compiled against a list of
// them.

#include <string>
#include <vector>

#include "sql/plan.h"

namespace millrace::sql {

struct OptionDescription {
  enum class Value : uint8_t {
    text,      // not empty
    ignored,   // any value: taken so that a script for Flink runs unchanged, without effect
    endpoint,  // of this machine: the server that runs the job is the one that is read and written
    boolean,
    duration,
    duration_or_off,
    count,   // greater than 0
    choice,  // one of `choices`, in any capitals
  };
  enum class Meaning : uint8_t {
    none,
    resource,             // the stream or table on the server
    resource_arn,         // the same as an ARN, written as `example`
    start,                // TRIM_HORIZON, LATEST or AT_TIMESTAMP; at the time of the option `time_key`
    ignore_parse_errors,  // 'true'
    changelog_mode,       // 'all' or 'insert-only'
    idle_timeout,
    ahead_max,
  };
  std::string key;
  Value value = Value::text;
  Meaning meaning = Meaning::none;
  std::vector<std::string> choices = {};
  std::string example = {};
  std::string time_key = {};
  bool needed = false;  // with the value of `example`
};

struct ConnectorDescription {
  std::string name;   // 'connector' = '...'
  std::string label;  // of what it reads or writes, for EXPLAIN: "stream"
  // Where its tables may stand: FROM, INSERT INTO, JOIN ... FOR SYSTEM_TIME AS OF.
  bool source = false;
  bool sink = false;
  bool lookup = false;
  enum class Key : uint8_t {
    none,  // its rows have none
    item,  // one or two columns, not BOOLEAN; needed to be written
    any,
  };
  Key key = Key::none;
  bool retracts = false;         // its rows may be taken back, but with 'scan.changelog-mode' = 'insert-only'
  std::string resource_example;  // the option that names the resource, as it is written; empty: there is none
  std::string other_source;      // what reads the same, if this is no source
  ScanNode::Start start = ScanNode::Start::trim_horizon;  // unless an option says another
  std::vector<OptionDescription> options;                 // beside 'connector'
};

}  // namespace millrace::sql
