#include "demo/verify.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

#include "base/base64.h"
#include "client/items.h"
#include "client/shards.h"
#include "shop/schema.h"

namespace millrace::demo {

namespace {

constexpr size_t problems_max = 10;
constexpr long double tolerance = 1e-6L;

long double decayed(int64_t age_ms, int64_t half_life_ms) {
  return std::exp2(-static_cast<long double>(age_ms) / static_cast<long double>(half_life_ms));
}

bool near(double is, long double should_be) {
  return std::fabs(static_cast<long double>(is) - should_be) <= tolerance * std::max(1.0L, std::fabs(should_be));
}

}  // namespace

void NaiveShop::add(const std::string& product, std::string_view visitor, ShopEvent event) {
  const auto known = visitors_.try_emplace(std::string(visitor), static_cast<uint32_t>(visitors_.size()));
  event.visitor = known.first->second;
  events_of_[product].push_back(event);
}

std::vector<std::string> NaiveShop::products() const {
  std::vector<std::string> all;
  for (const auto& [product, events] : events_of_) all.push_back(product);
  return all;
}

NaiveDemand NaiveShop::demand(const std::string& product) const {
  NaiveDemand demand;
  const auto found = events_of_.find(product);
  if (found == events_of_.end()) return demand;
  demand.first_event_ms = std::numeric_limits<int64_t>::max();
  for (const ShopEvent& event : found->second) {
    demand.first_event_ms = std::min(demand.first_event_ms, event.ms);
    demand.last_event_ms = std::max(demand.last_event_ms, event.ms);
  }
  for (const ShopEvent& event : found->second) {
    const int64_t age_ms = demand.last_event_ms - event.ms;
    const long double fast = decayed(age_ms, half_life_ms);
    const long double slow = decayed(age_ms, slow_half_life_ms);
    switch (event.kind) {
      case ShopEvent::Kind::view:
        demand.views += fast;
        demand.slow_views += slow;
        break;
      case ShopEvent::Kind::cart:
        demand.cart_adds += fast;
        demand.slow_cart_adds += slow;
        break;
      case ShopEvent::Kind::order:
        demand.units += fast * static_cast<long double>(event.quantity);
        demand.slow_units += slow * static_cast<long double>(event.quantity);
        break;
    }
  }
  return demand;
}

NaiveWindow NaiveShop::window(const std::string& product, int64_t start_ms, int64_t end_ms) const {
  NaiveWindow window;
  const auto found = events_of_.find(product);
  if (found == events_of_.end()) return window;
  std::set<uint32_t> visitors;
  for (const ShopEvent& event : found->second) {
    if (event.ms < start_ms || event.ms >= end_ms) continue;
    window.empty = false;
    window.views += event.kind == ShopEvent::Kind::view;
    window.cart_adds += event.kind == ShopEvent::Kind::cart;
    if (event.kind == ShopEvent::Kind::order) {
      window.units += event.quantity;
      window.revenue_cents += event.quantity * event.unit_cents;
    }
    visitors.insert(event.visitor);
  }
  window.visitors = static_cast<int64_t>(visitors.size());
  return window;
}

IdsSeen::IdsSeen(const AcknowledgedIds& ids) : ids_(ids) {
  for (const uint64_t issued : ids.issued) seen_.emplace_back(issued, false);
}

void IdsSeen::see(std::string_view id) {
  if (!id.starts_with(ids_.prefix) || id.size() <= ids_.prefix.size() || id[ids_.prefix.size()] != '-') return;
  id.remove_prefix(ids_.prefix.size() + 1);
  size_t group = 0;
  uint64_t number = 0;
  const char* const end = id.data() + id.size();
  const auto [dash, bad_group] = std::from_chars(id.data(), end, group);
  if (bad_group != std::errc() || dash == end || *dash != '-' || group >= seen_.size()) return;
  const auto [rest, bad_number] = std::from_chars(dash + 1, end, number);
  if (bad_number == std::errc() && rest == end && number < seen_[group].size()) seen_[group][number] = true;
}

std::vector<std::string> IdsSeen::some_missing(size_t count) const {
  std::vector<std::string> all;
  for (size_t group = 0; group < seen_.size(); ++group) {
    for (size_t number = 0; number < seen_[group].size() && all.size() < count; ++number) {
      if (seen_[group][number]) continue;
      std::string id = fmt::format("{}-{}-{}", ids_.prefix, group, number);
      if (!ids_.lost.contains(id)) all.push_back(std::move(id));
    }
  }
  return all;
}

uint64_t IdsSeen::missing() const {
  return some_missing(std::numeric_limits<size_t>::max()).size();
}

namespace {

struct CatalogRow {
  std::string name, category;
  int64_t list_cents = 0, price_cents = 0, stock = 0, version = 0;
};

class Verifier {
 public:
  explicit Verifier(const VerifyOptions& options)
      : options_(options),
        api_(options.endpoint, options.stop),
        clicks_seen_(options.clicks),
        orders_seen_(options.orders) {}

  Result<Verification> run() {
    TRY(read_log());
    TRY(read_orders());
    TRY(read_catalog());
    report_missing("click", clicks_seen_, fmt::format("the stream {}", options_.stream));
    report_missing("order", orders_seen_, "the table Orders");
    TRY(check_demand());
    TRY(check_windows());
    TRY(check_prices());
    return std::move(result_);
  }

 private:
  Result<void> read_log() {
    TRY_ASSIGN(const std::vector<client::ListedShard> shards, client::list_shards(api_, options_.stream));
    for (const client::ListedShard& shard : shards) {
      TRY_ASSIGN(const std::string answer,
                 api_.call(aws::kinesis_protocol, "GetShardIterator",
                           fmt::format(R"({{"StreamName":"{}","ShardId":"{}","ShardIteratorType":"TRIM_HORIZON"}})",
                                       options_.stream, shard.id)));
      simdjson::dom::parser parser;
      std::string_view iterator;
      if (parser.parse(answer)["ShardIterator"].get(iterator)) return broken("GetShardIterator");
      TRY(read_shard(std::string(iterator)));
    }
    return {};
  }

  Result<void> read_shard(std::string iterator) {
    simdjson::dom::parser parser;
    for (;;) {
      TRY_ASSIGN(const std::string answer,
                 api_.call(aws::kinesis_protocol, "GetRecords",
                           fmt::format(R"({{"ShardIterator":"{}","Limit":10000}})", iterator)));
      simdjson::dom::element root;
      simdjson::dom::array records;
      int64_t behind_ms = 0;
      if (parser.parse(answer).get(root) || root["Records"].get(records) || root["MillisBehindLatest"].get(behind_ms)) {
        return broken("GetRecords");
      }
      for (const simdjson::dom::element record : records) {
        std::string_view data;
        if (record["Data"].get(data)) return broken("GetRecords");
        const auto json = base::base64_decode(data);
        if (!json) return broken("GetRecords");
        read_click(*json);
      }
      std::string_view next;
      if (root["NextShardIterator"].get(next)) return {};  // the shard is closed
      if (records.size() == 0 && behind_ms == 0) return {};
      iterator = next;
    }
  }

  void read_click(const std::string& json) {
    simdjson::dom::element click;
    std::string_view id, type, product, visitor;
    ShopEvent event;
    if (click_parser_.parse(json).get(click) || click[shop::event::event_id].get(id) ||
        click[shop::event::event_type].get(type) || click[shop::product::id].get(product) ||
        click[shop::event::visitor_id].get(visitor) || click[shop::event::event_ms].get(event.ms)) {
      return problem("the stream {} holds a record that is no click: {}", options_.stream, json.substr(0, 100));
    }
    clicks_seen_.see(id);
    ++result_.log_events;
    if (type != "view" && type != "cart") return;  // of a purchase the order is the fact
    event.kind = type == "view" ? ShopEvent::Kind::view : ShopEvent::Kind::cart;
    shop_.add(std::string(product), visitor, event);
  }

  Result<void> read_orders() {
    return client::scan_table(api_, shop::orders.name, [&](client::JsonItem item) -> Result<void> {
      const auto id = client::attribute(item, "order_id");
      const auto product = client::attribute(item, "product_id");
      const auto visitor = client::attribute(item, "visitor_id");
      const auto quantity = client::integer_attribute(item, shop::event::quantity);
      const auto cents = client::cents_attribute(item, shop::event::unit_price);
      const auto ms = client::integer_attribute(item, shop::event::ordered_ms);
      if (!id || !product || !visitor || !quantity || !cents || !ms) {
        problem("the table Orders holds an item that is no order: {}", simdjson::minify(item));
        return {};
      }
      orders_seen_.see(*id);
      shop_.add(std::string(*product), *visitor,
                {.kind = ShopEvent::Kind::order, .ms = *ms, .quantity = *quantity, .unit_cents = *cents});
      return {};
    });
  }

  Result<void> read_catalog() {
    return client::scan_table(api_, shop::product_catalog.name, [&](client::JsonItem item) -> Result<void> {
      CatalogRow row;
      row.name = client::attribute(item, "name").value_or("");
      row.category = client::attribute(item, "category").value_or("");
      row.list_cents = client::cents_attribute(item, shop::product::list_price).value_or(-1);
      row.price_cents = client::cents_attribute(item, shop::product::price).value_or(-1);
      row.stock = client::integer_attribute(item, shop::product::stock).value_or(-1);
      row.version = client::integer_attribute(item, shop::product::price_version).value_or(0);
      catalog_.emplace(std::string(client::attribute(item, "product_id").value_or("")), std::move(row));
      return {};
    });
  }

  Result<void> check_demand() {
    std::set<std::string> found;
    TRY(client::scan_table(api_, shop::product_demand.name, [&](client::JsonItem item) -> Result<void> {
      const std::string product(client::attribute(item, "product_id").value_or(""));
      ++result_.rows_checked;
      found.insert(product);
      const uint64_t before = differences_;
      const NaiveDemand expected = shop_.demand(product);
      expect_near(item, product, shop::demand::views, expected.views);
      expect_near(item, product, shop::demand::cart_adds, expected.cart_adds);
      expect_near(item, product, shop::demand::units, expected.units);
      expect_near(item, product, shop::demand::slow_views, expected.slow_views);
      expect_near(item, product, shop::demand::slow_cart_adds, expected.slow_cart_adds);
      expect_near(item, product, shop::demand::slow_units, expected.slow_units);
      expect_integer(item, product, shop::demand::first_event_ms, expected.first_event_ms);
      expect_integer(item, product, shop::demand::last_event_ms, expected.last_event_ms);
      const auto in_catalog = catalog_.find(product);
      if (in_catalog == catalog_.end()) {
        result_.mismatches += differences_ > before;
        return {};
      }
      const CatalogRow& row = in_catalog->second;
      expect_text(item, product, shop::product::name, row.name);
      expect_text(item, product, shop::product::category, row.category);
      expect_integer(item, product, shop::product::stock, row.stock);
      if (client::cents_attribute(item, shop::product::list_price) != row.list_cents) {
        differ("ProductDemand of {}: list_price is {}, expected {}", product,
               client::attribute(item, "list_price").value_or("missing"), client::cents_text(row.list_cents));
      }
      result_.mismatches += differences_ > before;
      return {};
    }));
    for (const std::string& product : shop_.products()) {
      if (found.contains(product)) continue;
      ++result_.mismatches;
      differ("ProductDemand has no row of {}, which had events", product);
    }
    return {};
  }

  Result<void> check_windows() {
    std::set<std::pair<int64_t, int64_t>> spans;
    std::set<std::pair<std::string, int64_t>> found;
    TRY(client::scan_table(api_, shop::product_windows.name, [&](client::JsonItem item) -> Result<void> {
      const std::string product(client::attribute(item, "product_id").value_or(""));
      const int64_t start_ms = client::integer_attribute(item, shop::window::start).value_or(0);
      const int64_t end_ms = client::integer_attribute(item, shop::window::end).value_or(0);
      spans.emplace(start_ms, end_ms);
      found.emplace(product, start_ms);
      ++result_.rows_checked;
      NaiveWindow is;
      is.views = client::integer_attribute(item, shop::window::views).value_or(0);
      is.cart_adds = client::integer_attribute(item, shop::window::cart_adds).value_or(0);
      is.visitors = client::integer_attribute(item, shop::window::visitors).value_or(0);
      is.units = client::integer_attribute(item, shop::window::units).value_or(0);
      is.revenue_cents = client::cents_attribute(item, shop::window::revenue).value_or(0);
      const NaiveWindow expected = shop_.window(product, start_ms, end_ms);
      is.empty = expected.empty;
      if (is == expected) return {};
      ++result_.mismatches;
      differ("ProductWindows of {} from {}: {}, expected {}", product, start_ms, text_of(is), text_of(expected));
      return {};
    }));
    for (const auto& [start_ms, end_ms] : spans) {
      for (const std::string& product : shop_.products()) {
        if (found.contains({product, start_ms}) || shop_.window(product, start_ms, end_ms).empty) continue;
        ++result_.mismatches;
        differ("ProductWindows has no row of {} from {}, which had events", product, start_ms);
      }
    }
    if (options_.late_rows > 0 && result_.mismatches > 0) {
      problem("the job dropped {} late rows from its windows, which explains windows with too little",
              options_.late_rows);
    }
    return {};
  }

  // Every price change happened once: versions without gaps, each from where the one before it had come.
  Result<void> check_prices() {
    struct Step {
      int64_t before = 0, after = 0;
    };
    std::map<std::string, std::map<int64_t, Step>> history;
    TRY(client::scan_table(api_, shop::price_history.name, [&](client::JsonItem item) -> Result<void> {
      const std::string product(client::attribute(item, "product_id").value_or(""));
      const int64_t version = client::integer_attribute(item, shop::history::version).value_or(-1);
      history[product][version] = {client::cents_attribute(item, shop::history::price_before).value_or(-1),
                                   client::cents_attribute(item, shop::history::price_after).value_or(-1)};
      return {};
    }));
    for (const auto& [product, row] : catalog_) {
      ++result_.rows_checked;
      const uint64_t before = differences_;
      int64_t version = 0;
      int64_t price = row.list_cents;
      for (const auto& [number, step] : history[product]) {
        if (number != version + 1)
          differ("PriceHistory of {}: version {} follows version {}", product, number, version);
        if (step.before != price) {
          differ("PriceHistory of {}, version {}: starts from {}, but the price was {}", product, number,
                 client::cents_text(step.before), client::cents_text(price));
        }
        version = number;
        price = step.after;
      }
      if (version != row.version || price != row.price_cents) {
        differ("ProductCatalog shows {} for {} as version {}, but PriceHistory ends with {} as version {}",
               client::cents_text(row.price_cents), product, row.version, client::cents_text(price), version);
      }
      result_.mismatches += differences_ > before;
    }
    return {};
  }

  void expect_near(client::JsonItem item, const std::string& product, std::string_view name, long double expected) {
    const auto is = client::real_attribute(item, name);
    if (is && near(*is, expected)) return;
    differ("ProductDemand of {}: {} is {}, expected {:.9f}", product, name,
           client::attribute(item, name).value_or("missing"), static_cast<double>(expected));
  }
  void expect_integer(client::JsonItem item, const std::string& product, std::string_view name, int64_t expected) {
    if (client::integer_attribute(item, name) == expected) return;
    differ("ProductDemand of {}: {} is {}, expected {}", product, name,
           client::attribute(item, name).value_or("missing"), expected);
  }
  void expect_text(client::JsonItem item, const std::string& product, std::string_view name,
                   std::string_view expected) {
    if (client::attribute(item, name).value_or("") == expected) return;
    differ("ProductDemand of {}: {} is `{}`, expected `{}`", product, name,
           client::attribute(item, name).value_or("missing"), expected);
  }

  void report_missing(std::string_view what, const IdsSeen& seen, std::string_view where) {
    const uint64_t missing = seen.missing();
    if (missing == 0) return;
    result_.missing += missing;
    problem("{} acknowledged {}s are not in {}, such as {}", missing, what, where,
            fmt::join(seen.some_missing(3), ", "));
  }

  static std::string text_of(const NaiveWindow& window) {
    return fmt::format("{} views, {} cart adds, {} visitors, {} units, revenue {}", window.views, window.cart_adds,
                       window.visitors, window.units, client::cents_text(window.revenue_cents));
  }

  static std::unexpected<Error> broken(std::string_view operation) {
    return fail(ErrorKind::internal, "the answer to {} is not as AWS documents it", operation);
  }

  template <class... Args>
  void differ(fmt::format_string<Args...> text, Args&&... args) {
    ++differences_;
    problem(text, std::forward<Args>(args)...);
  }
  template <class... Args>
  void problem(fmt::format_string<Args...> text, Args&&... args) {
    if (result_.problems.size() < problems_max)
      result_.problems.push_back(fmt::format(text, std::forward<Args>(args)...));
  }

  const VerifyOptions& options_;
  client::Api api_;
  simdjson::dom::parser click_parser_;
  NaiveShop shop_;
  IdsSeen clicks_seen_;
  IdsSeen orders_seen_;
  std::map<std::string, CatalogRow> catalog_;
  uint64_t differences_ = 0;
  Verification result_;
};

}  // namespace

Result<Verification> verify(const VerifyOptions& options) {
  return Verifier(options).run();
}

}  // namespace millrace::demo
