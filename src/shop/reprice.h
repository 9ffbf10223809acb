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
// A product that is off its resting price and has no event any more goes home with the events of others: the ones that
// are off are known from the catalog at the start, and from the decisions since.
//
// One thread.

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "client/items.h"
#include "pricing/pricing.h"

namespace millrace::shop {

class Repricer {
 public:
  static constexpr size_t products_max = 1'000'000;  // beyond it all are forgotten, and read again when they change

  static constexpr size_t returns_max = 100;  // products that go home in one answer

  static constexpr int64_t hand_price_recheck_ms = 5'000;  // by the server's clock: how soon a release is noticed

  struct Priced {
    pricing::CurrentPrice price;
    bool in_catalog = false;  // the item has a price of its own
    bool by_hand = false;
    pricing::Signals signals;  // of the last change of its demand; of one read from the catalog only what that knows
    bool recorded = false;     // as set by hand
    int64_t read_ms = 0;
    std::optional<int64_t> version;  // absent: the catalog's item has none
  };
  // Hands over the items of ProductCatalog that exist among these products.
  using Take = std::function<void(client::JsonItem)>;
  using ReadCatalog = std::function<Result<void>(std::span<const std::string> product_ids, const Take& take)>;
  // Those whose price was decided here and is not the list price.
  using ReadOffList = std::function<Result<void>(const Take& take)>;

  Repricer(pricing::Rules rules, ReadCatalog read_catalog, ReadOffList read_off_list, base::Clock& clock);

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
  Result<void> learn_off_list();
  std::optional<std::string> learn(client::JsonItem item);
  void note_traffic(std::vector<Demand>& demands);
  void put_decision(std::string& effects, const std::string& product_id, Priced& priced,
                    const pricing::Decision& decision, int64_t event_ms);
  void note_away(const std::string& product_id, const Priced& priced, bool away);
  void send_home(std::string& effects);

  const pricing::Rules rules_;
  const ReadCatalog read_catalog_;
  const ReadOffList read_off_list_;
  base::Clock& clock_;
  std::unordered_map<std::string, Priced> prices_;
  bool off_list_known_ = false;
  std::set<std::pair<int64_t, std::string>> away_;  // by the time of their last event
  std::optional<int64_t> newest_event_ms_;          // of the shop
  int64_t traffic_since_ms_ = 0;
};

// The command: Lambda's runtime API in, effects out, by the rules of its environment. The exit code.
int run_reprice();

}  // namespace millrace::shop
