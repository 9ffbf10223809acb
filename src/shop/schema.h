#pragma once
// What the shop keeps in a server, said once: its stream, its tables with their keys, and the attributes that more than
// one program reads. The pipeline (examples/shop/pricing.sql) and the live page (web/store.js) spell them in languages
// of their own; schema_test.cc holds the pipeline to these. Values.

#include <array>
#include <string_view>

namespace millrace::shop {

inline constexpr std::string_view click_stream = "clickstream";
inline constexpr std::string_view pricing_job = "pricing";

struct Key {
  std::string_view name;
  char type = 'S';  // S or N
};
struct Table {
  std::string_view name;
  Key hash;
  Key range = {};  // no name: the table has none
};

// A click, JSON in the stream, and an order, an item.
namespace event {
inline constexpr std::string_view event_id = "event_id";
inline constexpr std::string_view event_type = "event_type";  // "view", "cart", "purchase"
inline constexpr std::string_view visitor_id = "visitor_id";
inline constexpr std::string_view event_ms = "event_ms";
inline constexpr std::string_view order_id = "order_id";
inline constexpr std::string_view quantity = "quantity";
inline constexpr std::string_view unit_price = "unit_price";
inline constexpr std::string_view ordered_ms = "ordered_ms";
}  // namespace event

namespace product {
inline constexpr std::string_view id = "product_id";  // the key of all that is about a product
inline constexpr std::string_view name = "name";
inline constexpr std::string_view category = "category";
inline constexpr std::string_view list_price = "list_price";
inline constexpr std::string_view stock = "stock";
// What the function `reprice` writes:
inline constexpr std::string_view price = "price";
inline constexpr std::string_view policy_price = "policy_price";
inline constexpr std::string_view price_version = "price_version";
inline constexpr std::string_view price_reason = "price_reason";
inline constexpr std::string_view price_override = "price_override";
inline constexpr std::string_view price_override_since_ms = "price_override_since_ms";
inline constexpr std::string_view price_baseline = "price_baseline";
inline constexpr std::string_view price_baseline_ms = "price_baseline_ms";
inline constexpr std::string_view priced_ms = "priced_ms";
inline constexpr std::string_view caused_by_event_ms = "caused_by_event_ms";
}  // namespace product

// Decayed counts as of last_event_ms; the slow ones say what is usual.
namespace demand {
inline constexpr std::string_view views = "views";
inline constexpr std::string_view cart_adds = "cart_adds";
inline constexpr std::string_view units = "units";
inline constexpr std::string_view slow_views = "slow_views";
inline constexpr std::string_view slow_cart_adds = "slow_cart_adds";
inline constexpr std::string_view slow_units = "slow_units";
inline constexpr std::string_view first_event_ms = "first_event_ms";
inline constexpr std::string_view last_event_ms = "last_event_ms";
}  // namespace demand

namespace window {
inline constexpr std::string_view start = "window_start";
inline constexpr std::string_view end = "window_end";
inline constexpr std::string_view views = "views";
inline constexpr std::string_view cart_adds = "cart_adds";
inline constexpr std::string_view visitors = "visitors";
inline constexpr std::string_view units = "units";
inline constexpr std::string_view revenue = "revenue";
}  // namespace window

namespace history {
inline constexpr std::string_view version = "version";
inline constexpr std::string_view price_before = "price_before";
inline constexpr std::string_view price_after = "price_after";
}  // namespace history

inline constexpr Table product_catalog = {"ProductCatalog", {product::id}};
inline constexpr Table orders = {"Orders", {event::order_id}};
inline constexpr Table product_demand = {"ProductDemand", {product::id}};
inline constexpr Table product_windows = {"ProductWindows", {product::id}, {window::start, 'N'}};
inline constexpr Table price_history = {"PriceHistory", {product::id}, {history::version, 'N'}};
inline constexpr Table flagged_visitors = {"FlaggedVisitors", {event::visitor_id}};
inline constexpr std::array tables = {product_catalog, orders,        product_demand,
                                      product_windows, price_history, flagged_visitors};

}  // namespace millrace::shop
