#include "table/item_json.h"

#include <array>

#include "base/base64.h"
#include "base/json_string.h"
#include "data/text.h"
#include "table/item_bytes.h"

namespace millrace::table {
namespace {

using base::ByteReader;
using simdjson::ondemand::json_type;

// ---- out

void put_number_json(std::string& out, const Number& number) {
  out.push_back('"');
  number.put_text(out);
  out.push_back('"');
}

void put_binary_json(std::string& out, std::string_view bytes) {
  out.push_back('"');
  base::append_base64(out, bytes);
  out.push_back('"');
}

// Puts a comma before each element but the first.
class Separator {
 public:
  void put(std::string& out) {
    if (!first_) out.push_back(',');
    first_ = false;
  }

 private:
  bool first_ = true;
};

struct PutJson {
  std::string& out;

  void operator()(const Null&) const { out.append(R"({"NULL":true})"); }
  void operator()(bool value) const { out.append(value ? R"({"BOOL":true})" : R"({"BOOL":false})"); }
  void operator()(const Number& number) const {
    out.append(R"({"N":)");
    put_number_json(out, number);
    out.push_back('}');
  }
  void operator()(const std::string& text) const {
    out.append(R"({"S":)");
    base::append_json_string(out, text);
    out.push_back('}');
  }
  void operator()(const Binary& binary) const {
    out.append(R"({"B":)");
    put_binary_json(out, binary.bytes);
    out.push_back('}');
  }
  void operator()(const List& list) const {
    put_elements(R"({"L":[)", list, [this](const AttributeValue& element) { put_json(out, element); });
  }
  void operator()(const Map& map) const {
    out.append(R"({"M":)");
    put_json(out, map);
    out.push_back('}');
  }
  void operator()(const StringSet& set) const {
    put_elements(R"({"SS":[)", set, [this](const std::string& element) { base::append_json_string(out, element); });
  }
  void operator()(const NumberSet& set) const {
    put_elements(R"({"NS":[)", set, [this](const Number& element) { put_number_json(out, element); });
  }
  void operator()(const BinarySet& set) const {
    put_elements(R"({"BS":[)", set, [this](const Binary& element) { put_binary_json(out, element.bytes); });
  }

  template <class Elements, class Put>
  void put_elements(std::string_view begin, const Elements& elements, Put put) const {
    out.append(begin);
    Separator separator;
    for (const auto& element : elements) {
      separator.put(out);
      put(element);
    }
    out.append("]}");
  }
};

// Appends the JSON of what the reader is at; false: damaged bytes (the reader may still look well).
bool put_stored_value(std::string& out, ByteReader& in, int depth);

bool put_stored_members(std::string& out, ByteReader& in, int depth) {
  out.push_back('{');
  Separator separator;
  const uint64_t count = in.varint();
  for (uint64_t i = 0; i < count; ++i) {
    separator.put(out);
    base::append_json_string(out, in.bytes());
    out.push_back(':');
    if (!in.ok() || !put_stored_value(out, in, depth)) return false;
  }
  out.push_back('}');
  return in.ok();
}

template <class Put>
bool put_stored_elements(std::string& out, ByteReader& in, std::string_view begin, Put put) {
  in.fixed<uint32_t>();
  out.append(begin);
  Separator separator;
  const uint64_t count = in.varint();
  for (uint64_t i = 0; i < count; ++i) {
    separator.put(out);
    if (!put() || !in.ok()) return false;
  }
  out.append("]}");
  return in.ok();
}

bool put_stored_value(std::string& out, ByteReader& in, int depth) {
  if (depth > stored_nesting_max) return false;
  const auto put_number = [&] {
    const auto number = read_number(in);
    if (number) put_number_json(out, *number);
    return number.has_value();
  };
  switch (static_cast<Tag>(in.u8())) {
    case Tag::null:
      out.append(R"({"NULL":true})");
      return in.ok();
    case Tag::boolean_false:
      out.append(R"({"BOOL":false})");
      return true;
    case Tag::boolean_true:
      out.append(R"({"BOOL":true})");
      return true;
    case Tag::number:
      out.append(R"({"N":)");
      if (!put_number()) return false;
      out.push_back('}');
      return true;
    case Tag::string:
      out.append(R"({"S":)");
      base::append_json_string(out, in.bytes());
      out.push_back('}');
      return in.ok();
    case Tag::binary:
      out.append(R"({"B":)");
      put_binary_json(out, in.bytes());
      out.push_back('}');
      return in.ok();
    case Tag::list:
      return put_stored_elements(out, in, R"({"L":[)", [&] { return put_stored_value(out, in, depth + 1); });
    case Tag::map:
      in.fixed<uint32_t>();
      out.append(R"({"M":)");
      if (!put_stored_members(out, in, depth + 1)) return false;
      out.push_back('}');
      return true;
    case Tag::string_set:
      return put_stored_elements(out, in, R"({"SS":[)", [&] {
        base::append_json_string(out, in.bytes());
        return true;
      });
    case Tag::number_set:
      return put_stored_elements(out, in, R"({"NS":[)", put_number);
    case Tag::binary_set:
      return put_stored_elements(out, in, R"({"BS":[)", [&] {
        put_binary_json(out, in.bytes());
        return true;
      });
  }
  return false;
}

// ---- in

constexpr std::string_view malformed_json = "The request body is not valid JSON";

std::unexpected<Error> refuse(std::string_view text) {
  return fail(ErrorKind::invalid_argument, "{}", text);
}

std::unexpected<Error> refuse_parameter(std::string_view text) {
  return fail(ErrorKind::invalid_argument, "One or more parameter values were invalid: {}", text);
}

std::unexpected<Error> malformed(simdjson::error_code code) {
  return std::unexpected(wrong_json(code));
}

// What AWS says of a JSON value where one of another type belongs.
std::unexpected<Error> wrong_type(simdjson::ondemand::value value, std::string_view wanted) {
  json_type type;
  if (const auto code = value.type().get(type)) return malformed(code);
  switch (type) {
    case json_type::array:
      return refuse("Start of list found where not expected");
    case json_type::object:
      return refuse("Start of structure or map found where not expected.");
    case json_type::number:
      return fail(ErrorKind::invalid_argument, "NUMBER_VALUE cannot be converted to {}", wanted);
    case json_type::string:
      return fail(ErrorKind::invalid_argument, "STRING_VALUE cannot be converted to {}", wanted);
    case json_type::boolean: {
      bool is_true = false;
      if (const auto code = value.get_bool().get(is_true)) return malformed(code);
      return fail(ErrorKind::invalid_argument, "{} cannot be converted to {}", is_true ? "TRUE_VALUE" : "FALSE_VALUE",
                  wanted);
    }
    case json_type::null:
      return fail(ErrorKind::invalid_argument, "NULL_VALUE cannot be converted to {}", wanted);
  }
  return refuse(malformed_json);
}

Result<simdjson::ondemand::array> array_from_json(simdjson::ondemand::value value) {
  simdjson::ondemand::array array;
  const auto code = value.get_array().get(array);
  if (code == simdjson::INCORRECT_TYPE) return wrong_type(value, "List");
  if (code) return malformed(code);
  return array;
}

Result<Number> number_from_json(simdjson::ondemand::value value) {
  TRY_ASSIGN(const std::string_view text, string_from_json(value));
  return Number::parse(text);
}

template <class... Args>
std::unexpected<Error> not_a_blob(std::string_view text, fmt::format_string<Args...> why, Args&&... args) {
  return fail(ErrorKind::invalid_argument, "'{}' can not be converted to a Blob: {}", text,
              fmt::format(why, std::forward<Args>(args)...));
}

Result<Binary> binary_from_json(simdjson::ondemand::value value) {
  TRY_ASSIGN(const std::string_view text, string_from_json(value));
  if (text.size() % 4 != 0) {
    return not_a_blob(text, "Base64 encoded length is expected a multiple of 4 bytes but found: {}", text.size());
  }
  const std::string_view digits = text.substr(0, text.find_last_not_of('=') + 1);
  auto bytes = base::base64_decode(text);
  if (!bytes) {
    const size_t foreign = digits.find_first_not_of(base::base64_alphabet);
    return not_a_blob(text, "Invalid Base64 character: '{}'",
                      foreign == digits.npos ? "=" : data::first_character(text.substr(foreign)));
  }
  // The decoder drops what stands behind the last byte; AWS wants zeros there.
  const size_t padding = text.size() - digits.size();
  if (padding > 0 && (base::base64_alphabet.find(digits.back()) & (padding == 2 ? 15 : 3)) != 0) {
    return not_a_blob(text, "Invalid last non-pad Base64 character dectected");
  }
  return Binary{*std::move(bytes)};
}

Result<std::string> owned_string_from_json(simdjson::ondemand::value value) {
  TRY_ASSIGN(const std::string_view text, string_from_json(value));
  return std::string(text);
}

std::string listed(std::span<const std::string> texts) {
  std::string out = "[";
  for (const auto& text : texts) {
    if (out.size() > 1) out.append(", ");
    out.append(text);
  }
  out.push_back(']');
  return out;
}

template <class Element, class Read>
Result<AttributeValue> set_from_json(simdjson::ondemand::value value, std::string_view empty, Read read) {
  TRY_ASSIGN(auto array, array_from_json(value));
  std::set<Element> set;
  std::vector<std::string> texts;  // for the message
  bool duplicates = false;
  for (auto element : array) {
    simdjson::ondemand::value each;
    if (const auto code = element.get(each)) return malformed(code);
    TRY_ASSIGN(Element one, read(each));
    if constexpr (std::is_same_v<Element, std::string>) texts.push_back(one);
    if (!set.insert(std::move(one)).second) duplicates = true;
  }
  if (duplicates) {
    if constexpr (std::is_same_v<Element, std::string>) {
      return refuse_parameter(fmt::format("Input collection {} contains duplicates.", listed(texts)));
    }
    return refuse_parameter("Input collection contains duplicates.");
  }
  if (set.empty()) return refuse_parameter(empty);
  return AttributeValue(std::move(set));
}

Result<AttributeValue> value_from_json(simdjson::ondemand::value value, int depth);

Result<Map> map_from_json(simdjson::ondemand::object object, int depth) {
  Map map;
  for (auto field : object) {
    std::string_view name;
    if (const auto code = field.unescaped_key().get(name)) return malformed(code);
    if (name.empty()) return refuse_parameter("Empty attribute name");
    if (name.size() > attribute_name_bytes_max) {
      return refuse_parameter("Attribute name is too large, must be less than 65536 bytes");
    }
    simdjson::ondemand::value typed;
    if (const auto code = field.value().get(typed)) return malformed(code);
    TRY_ASSIGN(AttributeValue value, value_from_json(typed, depth));
    if (map.empty() || map.rbegin()->first < name) {
      map.emplace_hint(map.end(), name, std::move(value));
    } else {
      map.insert_or_assign(std::string(name), std::move(value));
    }
  }
  return map;
}

template <class T>
Result<AttributeValue> as_attribute_value(Result<T> typed) {
  if (!typed) return std::unexpected(std::move(typed).error());
  return AttributeValue(std::move(*typed));
}

Result<AttributeValue> typed_value_from_json(std::string_view type, simdjson::ondemand::value value, int depth) {
  if (type == "S") return as_attribute_value(owned_string_from_json(value));
  if (type == "N") return as_attribute_value(number_from_json(value));
  if (type == "BOOL") return as_attribute_value(boolean_from_json(value));
  if (type == "M") {
    if (depth >= nesting_max) return refuse(nested_too_deep);
    TRY_ASSIGN(auto object, object_from_json(value));
    return as_attribute_value(map_from_json(object, depth + 1));
  }
  if (type == "L") {
    if (depth >= nesting_max) return refuse(nested_too_deep);
    TRY_ASSIGN(auto array, array_from_json(value));
    List list;
    for (auto element : array) {
      simdjson::ondemand::value each;
      if (const auto code = element.get(each)) return malformed(code);
      TRY_ASSIGN(AttributeValue one, value_from_json(each, depth + 1));
      list.push_back(std::move(one));
    }
    return AttributeValue(std::move(list));
  }
  if (type == "B") return as_attribute_value(binary_from_json(value));
  if (type == "NULL") {
    TRY_ASSIGN(const bool is_null, boolean_from_json(value));
    if (!is_null) return refuse_parameter("Null attribute value types must have the value of true");
    return AttributeValue();
  }
  if (type == "SS") {
    return set_from_json<std::string>(value, "An string set  may not be empty", owned_string_from_json);
  }
  if (type == "NS") return set_from_json<Number>(value, "An number set  may not be empty", number_from_json);
  return set_from_json<Binary>(value, "Binary sets should not be empty", binary_from_json);
}

bool is_type_name(std::string_view name) {
  switch (name.size()) {
    case 1:
      return name == "S" || name == "N" || name == "M" || name == "L" || name == "B";
    case 2:
      return name == "SS" || name == "NS" || name == "BS";
    default:
      return name == "BOOL" || name == "NULL";
  }
}

Result<AttributeValue> value_from_json(simdjson::ondemand::value value, int depth) {
  TRY_ASSIGN(auto object, object_from_json(value));
  std::optional<AttributeValue> found;
  for (auto field : object) {
    std::string_view type;
    if (const auto code = field.unescaped_key().get(type)) return malformed(code);
    simdjson::ondemand::value typed;
    if (const auto code = field.value().get(typed)) return malformed(code);
    if (!is_type_name(type)) continue;
    bool is_null = false;
    if (const auto code = typed.is_null().get(is_null); code && code != simdjson::INCORRECT_TYPE)
      return malformed(code);
    if (is_null) continue;  // absent, to AWS
    if (found) {
      return refuse(
          "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported "
          "datatypes");
    }
    TRY_ASSIGN(AttributeValue one, typed_value_from_json(type, typed, depth));
    found.emplace(std::move(one));
  }
  if (!found) {
    return refuse("Supplied AttributeValue is empty, must contain exactly one of the supported datatypes");
  }
  return std::move(*found);
}

}  // namespace

void put_json(std::string& out, const AttributeValue& value) {
  std::visit(PutJson{out}, value.value);
}

void put_json(std::string& out, const Item& item) {
  out.push_back('{');
  Separator separator;
  for (const auto& [name, value] : item) {
    separator.put(out);
    base::append_json_string(out, name);
    out.push_back(':');
    put_json(out, value);
  }
  out.push_back('}');
}

Result<void> put_json_of_stored(std::string& out, std::string_view bytes) {
  ByteReader in(bytes);
  if (in.u8() != item_format || !put_stored_members(out, in, 0) || !in.done()) {
    return std::unexpected(damaged_item());
  }
  return {};
}

Error wrong_json(simdjson::error_code code) {
  if (code == simdjson::INCORRECT_TYPE) return {ErrorKind::invalid_argument, "Unexpected value type in payload"};
  return {ErrorKind::invalid_argument, fmt::format("{}: {}", malformed_json, simdjson::error_message(code))};
}

bool is_wrong_json(const Error& error) {
  if (error.kind != ErrorKind::invalid_argument) return false;
  const std::string_view text = error.message;
  // A message with a client's own words in it begins with ours, so none of these can be forged into another meaning.
  return text.starts_with(malformed_json) || text.find("_VALUE cannot be converted to ") < sizeof("STRING") ||
         text.starts_with("Start of list found") || text.starts_with("Start of structure or map found") ||
         text.starts_with("Unexpected value type in payload") ||
         (text.starts_with('\'') && text.find("' can not be converted to a Blob: ") != std::string_view::npos);
}

Result<std::string_view> string_from_json(simdjson::ondemand::value value) {
  std::string_view text;
  const auto code = value.get_string().get(text);
  if (code == simdjson::INCORRECT_TYPE) return wrong_type(value, "String");
  if (code) return malformed(code);
  return text;
}

Result<bool> boolean_from_json(simdjson::ondemand::value value) {
  bool result = false;
  const auto code = value.get_bool().get(result);
  if (code == simdjson::INCORRECT_TYPE) return wrong_type(value, "Boolean");
  if (code) return malformed(code);
  return result;
}

Result<simdjson::ondemand::object> object_from_json(simdjson::ondemand::value value) {
  simdjson::ondemand::object object;
  const auto code = value.get_object().get(object);
  if (code == simdjson::INCORRECT_TYPE) return wrong_type(value, "Map");
  if (code) return malformed(code);
  return object;
}

Result<Item> item_from_json(simdjson::ondemand::object object) {
  return map_from_json(object, 0);
}

Result<AttributeValue> value_from_json(simdjson::ondemand::value value) {
  return value_from_json(value, 0);
}

}  // namespace millrace::table
