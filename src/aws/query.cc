#include "aws/query.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <optional>

#include "aws/coding.h"
#include "base/base64.h"

namespace millrace::aws {
namespace {

std::unexpected<AwsError> refuse(std::string message) {
  return std::unexpected(AwsError{400, "MalformedInput", std::move(message)});
}

std::optional<int> hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return std::nullopt;
}

std::optional<std::string> decoded(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '%') {
      out += text[at] == '+' ? ' ' : text[at];
      continue;
    }
    if (at + 2 >= text.size()) return std::nullopt;
    const auto high = hex_digit(text[at + 1]);
    const auto low = hex_digit(text[at + 2]);
    if (!high || !low) return std::nullopt;
    out += static_cast<char>(*high << 4 | *low);
    at += 2;
  }
  return out;
}

template <class T>
std::optional<T> number_in(std::string_view text) {
  T number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

std::expected<Form, AwsError> Form::parse(std::string_view body) {
  Form form;
  while (!body.empty()) {
    const size_t end = std::min(body.find('&'), body.size());
    const std::string_view pair = body.substr(0, end);
    body.remove_prefix(std::min(end + 1, body.size()));
    if (pair.empty()) continue;
    const size_t equals = std::min(pair.find('='), pair.size());
    auto name = decoded(pair.substr(0, equals));
    auto value = decoded(pair.substr(std::min(equals + 1, pair.size())));
    if (!name || !value) return refuse("The body is not the form that it should be.");
    form.pairs_.insert_or_assign(std::move(*name), std::move(*value));
    if (form.pairs_.size() > pairs_max) return refuse(fmt::format("The form has more than {} values.", pairs_max));
  }
  return form;
}

std::string_view Form::find(std::string_view name) const {
  const auto found = pairs_.find(name);
  return found == pairs_.end() ? std::string_view() : found->second;
}

bool Form::has_below(const std::string& prefix) const {
  const auto next = pairs_.lower_bound(prefix);
  if (next == pairs_.end() || !next->first.starts_with(prefix)) return false;
  if (next->first.size() == prefix.size() || next->first[prefix.size()] == '.') return true;
  const auto below = pairs_.lower_bound(prefix + '.');
  return below != pairs_.end() && below->first.starts_with(prefix + '.');
}

std::expected<Value, AwsError> Form::read(const Shape& shape) const {
  return read("", shape, 0);
}

// Null: there is nothing of it.
std::expected<Value, AwsError> Form::read(const std::string& prefix, const Shape& shape, int depth) const {
  if (depth > RequestReader::depth_max) return refuse("The form is nested more deeply than anything it could mean.");
  if (!prefix.empty() && !has_below(prefix)) return Value();
  if (shape.kind == ShapeKind::structure) {
    Value::Members members;
    for (const ShapeMember& member : shape.members) {
      std::string name = prefix.empty() ? std::string(member.name) : fmt::format("{}.{}", prefix, member.name);
      auto value = read(name, *member.shape, depth + 1);
      if (!value) return value;
      if (!value->is_null()) members.emplace_back(member.name, std::move(*value));
    }
    return Value(std::move(members));
  }
  if (shape.kind == ShapeKind::list) {
    Value::List list;
    for (size_t number = 1;; ++number) {
      auto value = read(fmt::format("{}.member.{}", prefix, number), *shape.element, depth + 1);
      if (!value) return value;
      if (value->is_null()) break;
      list.push_back(std::move(*value));
    }
    return Value(std::move(list));
  }
  if (shape.kind == ShapeKind::map) {
    Value::Members members;
    for (size_t number = 1;; ++number) {
      const std::string entry = fmt::format("{}.entry.{}", prefix, number);
      if (!has_below(entry)) break;
      auto value = read(entry + ".value", *shape.element, depth + 1);
      if (!value) return value;
      members.emplace_back(std::string(find(entry + ".key")), std::move(*value));
    }
    return Value(std::move(members));
  }
  return read_scalar(prefix, shape);
}

std::expected<Value, AwsError> Form::read_scalar(const std::string& name, const Shape& shape) const {
  const std::string_view text = find(name);
  const auto wrong = [&](std::string_view type) { return refuse(fmt::format("{} must be {}.", name, type)); };
  switch (shape.kind) {
    case ShapeKind::text:
      return Value(std::string(text));
    case ShapeKind::boolean:
      if (text != "true" && text != "false") return wrong("true or false");
      return Value(text == "true");
    case ShapeKind::integer: {
      const auto number = number_in<int32_t>(text);
      if (!number) return wrong("a whole number");
      return Value(int64_t{*number});
    }
    case ShapeKind::long_integer: {
      const auto number = number_in<int64_t>(text);
      if (!number) return wrong("a whole number");
      return Value(*number);
    }
    case ShapeKind::floating: {
      const auto number = number_in<double>(text);
      if (!number) return wrong("a number");
      return Value(*number);
    }
    case ShapeKind::blob: {
      auto bytes = base::base64_decode(text);
      if (!bytes) return wrong("base64");
      return Value(Blob{std::move(*bytes)});
    }
    default:
      return wrong("a value that is understood here");
  }
}

void append_xml_text(std::string& out, std::string_view text) {
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '\r':
        out += "&#xD;";
        break;
      default:
        // XML has no way to spell the other control characters.
        out += static_cast<unsigned char>(c) < ' ' && c != '\n' && c != '\t' ? '?' : c;
    }
  }
}

std::string query_answer(const Protocol& protocol, std::string_view operation, std::string_view result,
                         std::string_view request_id) {
  const std::string content = result.empty() ? "" : fmt::format("<{0}Result>{1}</{0}Result>", operation, result);
  return fmt::format(
      "<{0}Response xmlns=\"{1}\">{2}<ResponseMetadata><RequestId>{3}</RequestId></ResponseMetadata></{0}Response>\n",
      operation, protocol.query_namespace, content, request_id);
}

std::string query_error(const Protocol& protocol, const AwsError& error, std::string_view request_id) {
  std::string out = fmt::format("<ErrorResponse xmlns=\"{}\"><Error><Type>{}</Type><Code>", protocol.query_namespace,
                                error.status < 500 ? "Sender" : "Receiver");
  append_xml_text(out, error.name);
  out += "</Code><Message>";
  append_xml_text(out, error.message);
  out += fmt::format("</Message></Error><RequestId>{}</RequestId></ErrorResponse>\n", request_id);
  return out;
}

AwsError in_query_words(const AwsError& error) {
  struct Words {
    std::string_view others;
    int status;
    std::string_view ours;
  };
  static constexpr std::array<Words, 8> words = {{
      {"UnrecognizedClientException", 403, "InvalidClientTokenId"},
      {"InvalidSignatureException", 403, "SignatureDoesNotMatch"},
      {"MissingAuthenticationTokenException", 403, "MissingAuthenticationToken"},
      {"IncompleteSignatureException", 400, "IncompleteSignature"},
      {"AccessDeniedException", 403, "AccessDenied"},
      {"UnknownOperationException", 400, "InvalidAction"},
      {"ValidationException", 400, "ValidationError"},
      {"SerializationException", 400, "MalformedInput"},
  }};
  for (const Words& each : words) {
    if (each.others == error.name) return {each.status, std::string(each.ours), error.message};
  }
  return error;
}

}  // namespace millrace::aws
