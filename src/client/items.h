#pragma once
// Items as they come by the API, read where they lie, and written as it takes them: {"price":{"N":"12.90"}}. Numbers
// are in plain notation, as servers answer them. Pure; any thread.

#include <simdjson.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "client/api.h"

namespace millrace::client {

using JsonItem = simdjson::dom::object;

// The text of an attribute of type S or N; nullopt if it is missing or of another type.
std::optional<std::string_view> attribute(JsonItem item, std::string_view name);
std::optional<std::string_view> text_attribute(JsonItem item, std::string_view name);  // of type S only
// Of type N only; nullopt if it is missing, of another type, or not such a number.
std::optional<int64_t> integer_attribute(JsonItem item, std::string_view name);
std::optional<double> real_attribute(JsonItem item, std::string_view name);
std::optional<int64_t> cents_attribute(JsonItem item, std::string_view name);          // without a fraction of a cent
std::optional<int64_t> rounded_cents_attribute(JsonItem item, std::string_view name);  // half a cent away from 0
// "12.9" -> 1290; nullopt if it has a fraction of a cent.
std::optional<int64_t> parse_cents(std::string_view text);
std::string cents_text(int64_t cents);  // "12.90"

// Writes an item, attribute by attribute, each name once.
class ItemText {
 public:
  ItemText& text(std::string_view name, std::string_view value);
  ItemText& number(std::string_view name, int64_t value);
  ItemText& number(std::string_view name, std::string_view value);  // as it stands
  ItemText& cents(std::string_view name, int64_t cents);            // 1290 -> "12.9"
  ItemText& texts(std::string_view name, std::span<const std::string_view> values);
  std::string done() { return std::move(out_) + "}"; }

 private:
  std::string& begin(std::string_view name);

  std::string out_ = "{";
};

// Every item of a table, by Scan, page after page.
Result<void> scan_table(Api& api, std::string_view table, const std::function<Result<void>(JsonItem)>& each);

}  // namespace millrace::client
