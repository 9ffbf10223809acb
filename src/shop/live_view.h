#pragma once
// What the live page shows of the shop: the products of ProductCatalog with their prices, the demand of ProductDemand,
// the latest price changes and how long each took. It is told of items, as they come by the API; who follows the tables
// is no business of its own. A shop of which nothing was told is one without products.
//
// Of the products beyond products_max only the price is kept, so that their changes are counted. Nobody reads what
// these cost at the beginning: the first change of one that is heard of counts if it answers an event of just before.
//
// One thread at a time. Bounds: products_max products, others_max beyond them, changes_max changes kept, latencies_max
// latencies.

#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "base/clock.h"
#include "client/items.h"
#include "pricing/pricing.h"
#include "shop/latency_histogram.h"

namespace millrace::shop {

struct LiveProduct {
  std::string name, category, reason;
  int64_t list_cents = 0, price_cents = 0, stock = 0, version = 0;
  int64_t priced_ms = 0;  // the time of the event that the price answers; 0: none
  // views, cart adds, units; the same with the slow half life: as of last_event_ms
  std::array<double, 6> demand{};
  double ratio = 1, score = 0;  // what pricing makes of them: pricing::Proposal
  int64_t first_event_ms = 0, last_event_ms = 0;
  enum Changed : uint8_t { nothing = 0, description = 1, price = 2, counts = 4 };
  uint8_t changed = nothing;  // since clear_changed()
};

struct PriceChange {
  std::string product_id, reason;
  int64_t from_cents = 0, to_cents = 0;
  int64_t at_ms = 0;       // when it became visible
  double latency_ms = -1;  // since the event that caused it; below 0: not known
};

class LiveView {
 public:
  static constexpr size_t products_max = 1'000;
  static constexpr size_t others_max = 1'000'000;
  static constexpr int64_t just_before_ms = 10'000;
  static constexpr size_t changes_max = 50;
  static constexpr size_t latencies_max = 20'000;
  static constexpr int64_t latencies_ms = 10'000;  // how long a latency counts for the percentiles

  // `policy` is that of the function that sets the prices.
  LiveView(const pricing::Policy& policy, base::Clock& clock) : policy_(policy), clock_(clock) {}

  // An item of ProductCatalog, and when it became visible; without that: it was there at the beginning.
  void take_product(client::JsonItem item, std::optional<int64_t> visible_ms);
  void take_demand(client::JsonItem item);  // of ProductDemand

  double fast_half_life_ms() const { return policy_.fast_half_life_ms; }
  double slow_half_life_ms() const { return policy_.slow_half_life_ms; }
  const std::map<std::string, LiveProduct>& products() const { return products_; }
  void clear_changed();
  const std::deque<PriceChange>& prices() const { return prices_; }  // newest last
  uint64_t price_changes() const { return price_changes_; }
  const LatencyHistogram& histogram() const { return histogram_; }

  struct Percentiles {
    double p50_ms = 0, p99_ms = 0;
    size_t samples = 0;
  };
  Percentiles recent_latency();

 private:
  LiveProduct* product_of(client::JsonItem item);
  void take_other(client::JsonItem item, std::optional<int64_t> visible_ms);
  void note_change(client::JsonItem item, int64_t from_cents, int64_t to_cents, int64_t visible_ms);

  const pricing::Policy policy_;
  base::Clock& clock_;
  std::map<std::string, LiveProduct> products_;
  boost::unordered_flat_map<uint64_t, int64_t> others_;  // by the hash of their ids: cents
  std::deque<PriceChange> prices_;
  std::deque<std::pair<int64_t, float>> latencies_;  // when, how long
  uint64_t price_changes_ = 0;
  LatencyHistogram histogram_;
};

}  // namespace millrace::shop
