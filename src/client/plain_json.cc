#include "client/plain_json.h"

#include "base/json_string.h"

namespace millrace::client {

namespace {

using simdjson::ondemand::json_type;

constexpr int depth_max = 32;  // as DynamoDB's

std::unexpected<Error> no_object(simdjson::error_code error) {
  return fail(ErrorKind::invalid_argument, "not a JSON object ({})", simdjson::error_message(error));
}

bool is_number(std::string_view text) {
  simdjson::dom::parser parser;
  const simdjson::padded_string padded(text);
  simdjson::dom::element element;
  const bool is_json = parser.parse(padded).get(element) == simdjson::SUCCESS;
  // Beyond 64 bits simdjson has its own errors; what else a number may look like is the server's to say.
  return (is_json && element.is_number()) ||
         (!is_json && !text.empty() && text.find_first_not_of("0123456789+-.eE") == std::string_view::npos);
}

Result<void> put_value(std::string& out, simdjson::ondemand::value value, int depth);

Result<void> put_members(std::string& out, simdjson::ondemand::object object, int depth) {
  bool first = true;
  out += '{';
  for (auto field : object) {
    std::string_view name;
    simdjson::ondemand::value value;
    if (const auto error = field.unescaped_key().get(name)) return no_object(error);
    if (const auto error = field.value().get(value)) return no_object(error);
    if (!first) out += ',';
    first = false;
    base::append_json_string(out, name);
    out += ':';
    TRY(put_value(out, value, depth + 1));
  }
  out += '}';
  return {};
}

std::string_view trimmed(std::string_view token) {
  while (!token.empty() && static_cast<unsigned char>(token.back()) <= ' ') token.remove_suffix(1);
  return token;
}

Result<void> put_value(std::string& out, simdjson::ondemand::value value, int depth) {
  if (depth > depth_max) return fail(ErrorKind::invalid_argument, "it is nested deeper than {} levels", depth_max);
  json_type type{};
  if (const auto error = value.type().get(type)) return no_object(error);
  switch (type) {
    case json_type::object: {
      simdjson::ondemand::object object;
      if (const auto error = value.get_object().get(object)) return no_object(error);
      out += "{\"M\":";
      TRY(put_members(out, object, depth));
      break;
    }
    case json_type::array: {
      simdjson::ondemand::array array;
      if (const auto error = value.get_array().get(array)) return no_object(error);
      out += "{\"L\":[";
      bool first = true;
      for (auto element : array) {
        simdjson::ondemand::value each;
        if (const auto error = element.get(each)) return no_object(error);
        if (!first) out += ',';
        first = false;
        TRY(put_value(out, each, depth + 1));
      }
      out += ']';
      break;
    }
    case json_type::string: {
      std::string_view text;
      if (const auto error = value.get_string().get(text)) return no_object(error);
      out += "{\"S\":";
      base::append_json_string(out, text);
      break;
    }
    case json_type::number:
      out += fmt::format("{{\"N\":\"{}\"", trimmed(value.raw_json_token()));
      break;
    case json_type::boolean: {
      bool flag = false;
      if (const auto error = value.get_bool().get(flag)) return no_object(error);
      out += fmt::format("{{\"BOOL\":{}", flag);
      break;
    }
    case json_type::null:
      if (trimmed(value.raw_json_token()) != "null") return no_object(simdjson::N_ATOM_ERROR);
      out += "{\"NULL\":true";
      break;
  }
  out += '}';
  return {};
}

// {"Item": {...}} and nothing else: what is in it.
bool is_item(std::string_view json, std::string& item) {
  simdjson::dom::parser parser;
  simdjson::dom::object object;
  simdjson::dom::object inner;
  if (parser.parse(json.data(), json.size(), false).get(object) || object.size() != 1) return false;
  if (object["Item"].get(inner)) return false;
  for (const auto& [name, value] : inner) {
    simdjson::dom::object typed;
    if (value.get(typed) || typed.size() != 1) return false;
  }
  item = simdjson::minify(inner);
  return true;
}

}  // namespace

Result<std::string> value_of_text(std::string_view text, char type) {
  std::string out;
  if (type == 'N') {
    if (!is_number(text)) return fail(ErrorKind::invalid_argument, "`{}` is no number", text.substr(0, 60));
    return fmt::format(R"({{"N":"{}"}})", text);
  }
  out = type == 'B' ? "{\"B\":" : "{\"S\":";
  base::append_json_string(out, text);
  return out + '}';
}

Result<std::string> item_of_plain(std::string_view json, const AttributeTypes& types) {
  std::string out;
  if (json.find("\"Item\"") != std::string_view::npos && is_item(json, out)) return out;
  simdjson::ondemand::parser parser;
  simdjson::ondemand::document document;
  if (const auto error =
          parser.iterate(json.data(), json.size(), json.size() + simdjson::SIMDJSON_PADDING).get(document)) {
    return no_object(error);
  }
  simdjson::ondemand::object object;
  if (const auto error = document.get_object().get(object)) return no_object(error);
  out = "{";
  for (auto field : object) {
    std::string_view name;
    simdjson::ondemand::value value;
    if (const auto error = field.unescaped_key().get(name)) return no_object(error);
    if (const auto error = field.value().get(value)) return no_object(error);
    if (out.size() > 1) out += ',';
    base::append_json_string(out, name);
    out += ':';
    const auto type = types.find(name);
    json_type kind{};
    if (type == types.end() || value.type().get(kind) || kind != json_type::string) {
      TRY(put_value(out, value, 1));
      continue;
    }
    std::string_view text;
    if (const auto error = value.get_string().get(text)) return no_object(error);
    auto typed = value_of_text(text, type->second);
    if (!typed) return std::unexpected(typed.error().within(name));
    out += *typed;
  }
  if (document.current_location().error() == simdjson::SUCCESS) {
    return fail(ErrorKind::invalid_argument, "something follows the JSON object");
  }
  return out + '}';
}

namespace {

void append_value(std::string& out, simdjson::dom::element value) {
  simdjson::dom::object typed;
  if (value.get(typed) || typed.size() != 1) {
    out += simdjson::minify(value);
    return;
  }
  const auto [type, inner] = *typed.begin();
  simdjson::dom::array list;
  simdjson::dom::object map;
  std::string_view text;
  if (type == "N" && !inner.get(text)) {
    out += text;
  } else if (type == "NULL") {
    out += "null";
  } else if (type == "M" && !inner.get(map)) {
    append_plain(out, map);
  } else if ((type == "L" || type == "SS" || type == "NS" || type == "BS") && !inner.get(list)) {
    out += '[';
    bool first = true;
    for (const simdjson::dom::element each : list) {
      if (!first) out += ',';
      first = false;
      if (type == "L") {
        append_value(out, each);
      } else if (type == "NS" && !each.get(text)) {
        out += text;
      } else {
        out += simdjson::minify(each);
      }
    }
    out += ']';
  } else {
    out += simdjson::minify(inner);
  }
}

}  // namespace

void append_plain(std::string& out, JsonItem item) {
  out += '{';
  bool first = true;
  for (const auto& [name, value] : item) {
    if (!first) out += ',';
    first = false;
    base::append_json_string(out, name);
    out += ':';
    append_value(out, value);
  }
  out += '}';
}

std::string cell_of(simdjson::dom::element value) {
  std::string_view text;
  if (value["S"].get(text) == simdjson::SUCCESS) return std::string(text);
  std::string out;
  append_value(out, value);
  return out == "null" ? std::string() : out;
}

}  // namespace millrace::client
