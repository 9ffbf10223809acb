#pragma once
// The types of columns and the values of literals. The names are Flink's:
// https://nightlies.apache.org/flink/flink-docs-stable/docs/dev/table/types/

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace millrace::data {

__extension__ using Int128 = __int128;

enum class TypeKind : uint8_t {
  boolean,
  integer,    // INT, 32 bits; held as int64
  bigint,     // BIGINT
  real,       // DOUBLE
  decimal,    // DECIMAL(precision, scale), precision <= 38; held as the unscaled Int128
  string,     // STRING, VARCHAR(n): UTF-8
  timestamp,  // TIMESTAMP(3) and TIMESTAMP_LTZ(3): milliseconds since 1970-01-01 00:00 UTC, held as int64
};

struct Type {
  TypeKind kind = TypeKind::string;
  uint8_t precision = 0;  // of a decimal
  uint8_t scale = 0;
  bool nullable = true;

  bool operator==(const Type&) const = default;
  bool is_integer() const { return kind == TypeKind::integer || kind == TypeKind::bigint; }
  bool is_numeric() const { return is_integer() || kind == TypeKind::real || kind == TypeKind::decimal; }
};

std::string to_string(const Type& type);  // "DECIMAL(10, 2) NOT NULL"

// One value: null, or as the type's kind says (boolean -> bool; integer, bigint, timestamp -> int64_t).
using Value = std::variant<std::monostate, bool, int64_t, double, Int128, std::string>;
std::string to_string(const Value& value, const Type& type);

struct Field {
  std::string name;
  Type type;
};
using Schema = std::vector<Field>;

}  // namespace millrace::data
