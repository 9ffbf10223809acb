#include "connector/attribute.h"

#include "data/text.h"
#include "table/item_json.h"

namespace millrace::connector {

using data::Column;
using data::TypeKind;
using table::AttributeValue;
using table::KeyType;
using table::Number;

namespace {

// The fraction is cut, as of a number in JSON.
std::optional<int64_t> whole_of(const Number& number) {
  if (const auto v = number.to_int64()) return v;
  const int cut = -number.exponent();
  if (cut <= 0) return std::nullopt;
  const table::UInt128 whole =
      cut > 38 ? 0 : number.coefficient() / static_cast<table::UInt128>(data::power_of_ten(cut));
  if (whole > static_cast<table::UInt128>(INT64_MAX)) return std::nullopt;
  return number.negative() ? -static_cast<int64_t>(whole) : static_cast<int64_t>(whole);
}

bool set_from_number(Column& column, size_t row, const Number& number, data::StringArena& arena) {
  switch (column.type.kind) {
    case TypeKind::integer:
    case TypeKind::bigint: {
      const auto v = whole_of(number);
      if (!v || (column.type.kind == TypeKind::integer && (*v > INT32_MAX || *v < INT32_MIN))) return false;
      column.integers()[row] = *v;
      return true;
    }
    case TypeKind::timestamp: {
      const auto v = number.to_int64();
      if (!v || !data::is_timestamp(*v)) return false;
      column.integers()[row] = *v;
      return true;
    }
    case TypeKind::real:
      column.reals()[row] = number.to_double();
      return true;
    case TypeKind::decimal: {
      const auto v = number.to_decimal(column.type.scale);
      if (!v || *v >= data::power_of_ten(column.type.precision) || *v <= -data::power_of_ten(column.type.precision)) {
        return false;
      }
      column.decimals()[row] = *v;
      return true;
    }
    case TypeKind::string:
      column.strings()[row] = arena.copy(number.to_string());
      return true;
    case TypeKind::boolean:
      break;
  }
  return false;
}

bool set_from_text(Column& column, size_t row, const std::string& text, data::StringArena& arena) {
  const std::string_view word = data::trimmed(text);
  switch (column.type.kind) {
    case TypeKind::string:
      column.strings()[row] = arena.copy(text);
      return true;
    case TypeKind::timestamp: {
      const auto v = data::parse_timestamp(word);
      if (v) column.integers()[row] = *v;
      return v.has_value();
    }
    case TypeKind::boolean:
      if (word != "true" && word != "false") return false;
      column.booleans()[row] = word == "true";
      return true;
    default: {
      const auto number = Number::parse(word);
      if (!number || (column.type.is_integer() && !number->to_int64())) return false;
      return set_from_number(column, row, *number, arena);
    }
  }
}

}  // namespace

bool set_from_attribute(Column& column, size_t row, const AttributeValue& value, data::StringArena& arena) {
  column.set_null(row);
  bool good = false;
  if (std::holds_alternative<table::Null>(value.value)) return true;
  if (const Number* number = value.number()) {
    good = set_from_number(column, row, *number, arena);
  } else if (const std::string* text = value.string()) {
    good = set_from_text(column, row, *text, arena);
  } else if (const bool* flag = std::get_if<bool>(&value.value)) {
    if (column.type.kind == TypeKind::boolean) {
      column.booleans()[row] = *flag;
      good = true;
    } else if (column.type.kind == TypeKind::string) {
      column.strings()[row] = *flag ? "true" : "false";
      good = true;
    }
  } else if (column.type.kind == TypeKind::string) {
    // Lists, maps, sets and bytes come as their JSON.
    std::string json;
    table::put_json(json, value);
    column.strings()[row] = arena.copy(json);
    good = true;
  }
  column.valid[row] = good;
  return good;
}

bool does_not_fit(const data::Type& type, const AttributeValue& value) {
  if (!type.is_numeric()) return false;
  if (value.number() != nullptr) return true;
  const std::string* const text = value.string();
  if (text == nullptr) return false;
  const auto number = Number::parse(data::trimmed(*text));
  // In a text a whole number is asked for, so another one is none.
  return number && !(type.is_integer() && number->exponent() < 0);
}

bool put_attribute(table::ItemWriter& out, std::string_view name, const Column& column, size_t row) {
  if (column.is_null(row)) {
    out.null(name);
    return true;
  }
  switch (column.type.kind) {
    case TypeKind::boolean:
      out.boolean(name, column.booleans()[row] != 0);
      break;
    case TypeKind::integer:
    case TypeKind::bigint:
    case TypeKind::timestamp:
      out.number(name, Number(column.integers()[row]));
      break;
    case TypeKind::real: {
      const auto number = Number::from_double(column.reals()[row]);
      if (!number) {
        out.null(name);
        return false;
      }
      out.number(name, *number);
      break;
    }
    case TypeKind::decimal:
      out.number(name, Number(column.decimals()[row], column.type.scale));
      break;
    case TypeKind::string:
      out.text(name, column.strings()[row]);
      break;
  }
  return true;
}

bool can_be_key(const data::Type& type, KeyType key) {
  if (key == KeyType::string) return type.kind == TypeKind::string || type.kind == TypeKind::timestamp;
  return key == KeyType::number && (type.is_numeric() || type.kind == TypeKind::timestamp);
}

}  // namespace millrace::connector
