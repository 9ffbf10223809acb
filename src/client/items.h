#pragma once
// Items as they come by the API, read where they lie: {"price":{"N":"12.90"}}. Pure; any thread.

#include <simdjson.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "client/api.h"

namespace millrace::client {

using JsonItem = simdjson::dom::object;

// The text of an attribute of type S or N; nullopt if it is missing or of another type.
std::optional<std::string_view> attribute(JsonItem item, std::string_view name);
std::optional<int64_t> integer_attribute(JsonItem item, std::string_view name);
std::optional<double> real_attribute(JsonItem item, std::string_view name);
// "12.9" -> 1290; nullopt if it is missing or has a fraction of a cent.
std::optional<int64_t> cents_attribute(JsonItem item, std::string_view name);
std::optional<int64_t> parse_cents(std::string_view text);
std::string cents_text(int64_t cents);  // "12.90"

// Every item of a table, by Scan, page after page.
Result<void> scan_table(Api& api, std::string_view table, const std::function<Result<void>(JsonItem)>& each);

}  // namespace millrace::client
