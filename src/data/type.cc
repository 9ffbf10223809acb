#include "data/type.h"

#include <fmt/format.h>

#include "data/text.h"

namespace millrace::data {
std::string to_string(const Type& type) {
  std::string text;
  switch (type.kind) {
    case TypeKind::boolean:
      text = "BOOLEAN";
      break;
    case TypeKind::integer:
      text = "INT";
      break;
    case TypeKind::bigint:
      text = "BIGINT";
      break;
    case TypeKind::real:
      text = "DOUBLE";
      break;
    case TypeKind::decimal:
      text = fmt::format("DECIMAL({}, {})", type.precision, type.scale);
      break;
    case TypeKind::string:
      text = "STRING";
      break;
    case TypeKind::timestamp:
      text = "TIMESTAMP(3)";
      break;
  }
  if (!type.nullable) text += " NOT NULL";
  return text;
}

std::string to_string(const Value& value, const Type& type) {
  if (std::holds_alternative<std::monostate>(value)) return "NULL";
  if (const auto* boolean = std::get_if<bool>(&value)) return *boolean ? "TRUE" : "FALSE";
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  std::string out;
  if (const auto* real = std::get_if<double>(&value)) {
    put_double(out, *real);
  } else if (const auto* decimal = std::get_if<Int128>(&value)) {
    put_decimal(out, *decimal, type.scale);
  } else if (type.kind == TypeKind::timestamp) {
    put_timestamp(out, std::get<int64_t>(value));
  } else {
    put_int64(out, std::get<int64_t>(value));
  }
  return out;
}

}  // namespace millrace::data
