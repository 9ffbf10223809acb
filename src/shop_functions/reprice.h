#pragma once
// The pricing function of the shop, `millrace reprice`: for each change of ProductDemand it decides with src/pricing,
// and answers effects on ProductCatalog (the price) and PriceHistory (the figures behind it), which the server commits
// with the position of the change: exactly once.
//
// Prices and versions are kept in memory; a product that is not known yet, as after a restart, is read from
// ProductCatalog. The update of a price is conditional on its version and on the price that was seen, so a memory that
// is wrong can change nothing: the effects are refused, the process starts anew and reads again.
//
// A price that is neither the list price nor the last one that was decided here was set by hand. It is left alone,
// which `price_override` and `price_override_since_ms` of the item record, until it is released: by removing `price`,
// or by setting it to the list price. A price that is no amount is left alone, too.
//
// One thread.

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "pricing/pricing.h"
#include "table/item.h"

namespace millrace::shop_functions {

class Repricer {
 public:
  static constexpr size_t products_max = 1'000'000;  // beyond it all are forgotten, and read again when they change

  static constexpr int64_t hand_price_recheck_ms = 5'000;  // by the server's clock: how soon a release is noticed

  struct Priced {
    pricing::CurrentPrice price;
    bool in_catalog = false;  // the item has a price of its own
    bool by_hand = false;
    bool recorded = false;  // as set by hand
    int64_t read_ms = 0;
    std::optional<int64_t> version;  // absent: the catalog's item has none
  };
  // The items of ProductCatalog that exist among these products.
  using ReadCatalog = std::function<Result<std::vector<table::Item>>(std::span<const std::string> product_ids)>;

  Repricer(pricing::Rules rules, ReadCatalog read_catalog, base::Clock& clock);

  // An event of the change feed of ProductDemand, followed by 64 readable bytes. The newest change of a product wins.
  // Without a changed price the answer is {}.
  Result<std::string> handle(std::string_view event);

 private:
  struct Demand {
    std::string product_id;
    pricing::Signals signals;
  };

  Result<std::vector<Demand>> read_event(std::string_view event) const;
  Result<void> learn_prices(std::span<const Demand> demands);

  const pricing::Rules rules_;
  const ReadCatalog read_catalog_;
  base::Clock& clock_;
  std::unordered_map<std::string, Priced> prices_;
};

// The command: Lambda's runtime API in, effects out, by the rules of its environment. The exit code.
int run_reprice();

}  // namespace millrace::shop_functions
