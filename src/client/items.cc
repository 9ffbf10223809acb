#include "client/items.h"

#include "base/json_string.h"

#include <charconv>
#include <cstdlib>

namespace millrace::client {

namespace {

std::optional<std::string_view> attribute_of(JsonItem item, std::string_view name, std::string_view types) {
  simdjson::dom::object value;
  if (item.at_key(name).get(value)) return std::nullopt;
  for (const auto field : value) {
    std::string_view text;
    if (field.key.size() != 1 || !types.contains(field.key[0]) || field.value.get(text)) return std::nullopt;
    return text;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string_view> attribute(JsonItem item, std::string_view name) {
  return attribute_of(item, name, "SN");
}

std::optional<std::string_view> text_attribute(JsonItem item, std::string_view name) {
  return attribute_of(item, name, "S");
}

std::optional<int64_t> integer_attribute(JsonItem item, std::string_view name) {
  const auto text = attribute_of(item, name, "N");
  if (!text) return std::nullopt;
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc() || end != text->data() + text->size()) return std::nullopt;
  return value;
}

std::optional<double> real_attribute(JsonItem item, std::string_view name) {
  const auto text = attribute_of(item, name, "N");
  if (!text) return std::nullopt;
  double value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc() || end != text->data() + text->size()) return std::nullopt;
  return value;
}

std::optional<int64_t> cents_attribute(JsonItem item, std::string_view name) {
  const auto text = attribute_of(item, name, "N");
  return text ? parse_cents(*text) : std::nullopt;
}

std::optional<int64_t> rounded_cents_attribute(JsonItem item, std::string_view name) {
  const auto text = attribute_of(item, name, "N");
  if (!text) return std::nullopt;
  constexpr size_t places = 2;
  const size_t point = text->find('.');
  const size_t next = point == std::string_view::npos ? text->size() : point + 1 + places;
  const auto cents = parse_cents(text->substr(0, next));
  if (!cents || next >= text->size() || (*text)[next] < '5') return cents;
  return text->starts_with('-') ? *cents - 1 : *cents + 1;
}

std::optional<int64_t> parse_cents(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  int64_t cents = 0;
  int places = -1;
  if (text.empty()) return std::nullopt;
  for (const char c : text) {
    if (c == '.') {
      if (places >= 0) return std::nullopt;
      places = 0;
      continue;
    }
    if (c < '0' || c > '9' || cents > int64_t{1} << 53) return std::nullopt;
    if (places >= 2 && c != '0') return std::nullopt;
    if (places < 2) cents = cents * 10 + (c - '0');
    if (places >= 0) ++places;
  }
  for (; places < 2; places = places < 0 ? 1 : places + 1) cents *= 10;
  return negative ? -cents : cents;
}

std::string cents_text(int64_t cents) {
  const int64_t whole = std::abs(cents);
  return fmt::format("{}{}.{:02}", cents < 0 ? "-" : "", whole / 100, whole % 100);
}

std::string& ItemText::begin(std::string_view name) {
  if (out_.size() > 1) out_ += ',';
  base::append_json_string(out_, name);
  return out_;
}

ItemText& ItemText::text(std::string_view name, std::string_view value) {
  base::append_json_string(begin(name) += R"(:{"S":)", value);
  out_ += '}';
  return *this;
}

ItemText& ItemText::number(std::string_view name, int64_t value) {
  begin(name) += fmt::format(R"(:{{"N":"{}"}})", value);
  return *this;
}

ItemText& ItemText::number(std::string_view name, std::string_view value) {
  begin(name) += fmt::format(R"(:{{"N":"{}"}})", value);
  return *this;
}

ItemText& ItemText::cents(std::string_view name, int64_t cents) {
  std::string text = cents_text(cents);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return number(name, text);
}

ItemText& ItemText::texts(std::string_view name, std::span<const std::string_view> values) {
  begin(name) += R"(:{"L":[)";
  for (const std::string_view& value : values) {
    out_ += &value == values.data() ? R"({"S":)" : R"(,{"S":)";
    base::append_json_string(out_, value);
    out_ += '}';
  }
  out_ += "]}";
  return *this;
}

Result<void> scan_table(Api& api, std::string_view table, const std::function<Result<void>(JsonItem)>& each) {
  std::string start;
  simdjson::dom::parser parser;
  for (;;) {
    std::string body = "{\"ConsistentRead\":true,\"TableName\":";
    base::append_json_string(body, table);
    if (!start.empty()) body += ",\"ExclusiveStartKey\":" + start;
    body += '}';
    TRY_ASSIGN(const std::string answer, api.call(aws::dynamodb_protocol, "Scan", body));
    simdjson::dom::element root;
    simdjson::dom::array items;
    if (parser.parse(answer).get(root) || root["Items"].get(items)) {
      return fail(ErrorKind::internal, "the answer to Scan has no Items");
    }
    for (const simdjson::dom::element element : items) {
      JsonItem item;
      if (element.get(item)) return fail(ErrorKind::internal, "the answer to Scan has an item that is no object");
      TRY(each(item));
    }
    simdjson::dom::element last;
    if (root["LastEvaluatedKey"].get(last)) return {};
    start = simdjson::minify(last);
  }
}

}  // namespace millrace::client
