#include "api/dynamodb_capacity.h"

#include <algorithm>

#include "aws/protocol.h"
#include "base/json_string.h"

namespace millrace::api {
namespace {

constexpr size_t read_unit_bytes = 4096;
constexpr size_t write_unit_bytes = 1024;

double units_of(size_t bytes, size_t unit) {
  return static_cast<double>(std::max<size_t>((bytes + unit - 1) / unit, 1));
}

}  // namespace

Result<CapacityWanted> capacity_wanted_from(std::string_view text) {
  if (text == "NONE") return CapacityWanted::none;
  if (text == "TOTAL") return CapacityWanted::total;
  if (text == "INDEXES") return CapacityWanted::indexes;
  return fail(
      ErrorKind::invalid_argument,
      "1 validation error detected: Value '{}' at 'returnConsumedCapacity' failed to satisfy constraint: Member "
      "must satisfy enum value set: [INDEXES, TOTAL, NONE]",
      text);
}

double read_units(size_t bytes, bool consistent) {
  return units_of(bytes, read_unit_bytes) / (consistent ? 1 : 2);
}

double write_units(size_t old_bytes, size_t new_bytes) {
  return units_of(std::max(old_bytes, new_bytes), write_unit_bytes);
}

void append_capacity(std::string& out, std::string_view table, double units, CapacityWanted wanted,
                     const IndexCapacity& index) {
  const auto put = std::back_inserter(out);
  out += "{\"TableName\":";
  base::append_json_string(out, table);
  fmt::format_to(put, ",\"CapacityUnits\":{:.1f}", units);
  if (wanted == CapacityWanted::indexes) {
    fmt::format_to(put, ",\"Table\":{{\"CapacityUnits\":{:.1f}}}", index.name.empty() ? units : 0.0);
    if (!index.name.empty()) {
      fmt::format_to(put, ",\"{}SecondaryIndexes\":{{", index.global ? "Global" : "Local");
      base::append_json_string(out, index.name);
      fmt::format_to(put, ":{{\"CapacityUnits\":{:.1f}}}}}", units);
    }
  }
  out += '}';
}

}  // namespace millrace::api
