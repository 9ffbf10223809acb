#pragma once
// What the live page knows of a shop: the products of `ProductCatalog` with their prices, the demand rows of
// `ProductDemand`, the latest price changes and how long each took. Follows both tables' change feeds in the process:
// a subscription notes when a change became visible, poll() reads what came.
//
// Threads: poll() and the accessors by one thread; the subscription's callback by the journal's. Bounds: products_max
// products, changes_max changes kept, latencies_max latencies, visible_max noted groups.
//
// A shop that is not there (yet) is a shop without products.

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "app/metrics.h"
#include "base/clock.h"
#include "pricing/pricing.h"
#include "stream/reader.h"
#include "table/table.h"

namespace millrace::app {

struct DashboardProduct {
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

struct DashboardPrice {
  std::string product_id, reason;
  int64_t from_cents = 0, to_cents = 0;
  int64_t at_ms = 0;       // when it became visible
  double latency_ms = -1;  // since the event that caused it; below 0: not known
};

class DashboardShop {
 public:
  static constexpr size_t products_max = 1'000;
  static constexpr size_t changes_max = 50;
  static constexpr size_t latencies_max = 20'000;
  static constexpr int64_t latencies_ms = 10'000;  // how long a latency counts for the percentiles
  static constexpr size_t visible_max = 4'096;

  // `policy` is that of the function that sets the prices. `changed` is called from any thread when there may be
  // something to poll.
  DashboardShop(table::Tables& tables, const pricing::Policy& policy, base::Clock& clock,
                std::function<void()> changed);
  ~DashboardShop();

  void poll();

  const pricing::Policy& policy() const { return policy_; }
  const std::map<std::string, DashboardProduct>& products() const { return products_; }
  void clear_changed();
  const std::deque<DashboardPrice>& prices() const { return prices_; }  // newest last
  uint64_t price_changes() const { return price_changes_; }
  const LatencyHistogram& histogram() const { return histogram_; }

  struct Percentiles {
    double p50_ms = 0, p99_ms = 0;
    size_t samples = 0;
  };
  Percentiles recent_latency() const;

 private:
  struct Feed {
    table::TablePtr table;
    std::optional<stream::Reader> reader;
  };
  struct Visible {
    GroupNumber group;
    int64_t at_ms;
  };

  bool open(std::string_view name, Feed& feed, const std::function<void(const table::Item&)>& take);
  static void read(Feed& feed, const std::function<void(const log::BlockPtr&, const log::Record&)>& each);
  DashboardProduct* product_of(const table::Item& item);
  void take_product(const table::Item& item, std::optional<GroupNumber> group);
  void take_demand(const table::Item& item);
  int64_t visible_ms(GroupNumber group) const;

  table::Tables& tables_;
  const pricing::Policy policy_;
  base::Clock& clock_;
  std::function<void()> changed_;
  Feed catalog_;
  Feed demand_;
  std::map<std::string, DashboardProduct> products_;
  std::deque<DashboardPrice> prices_;
  std::deque<std::pair<int64_t, float>> latencies_;  // when, how long
  uint64_t price_changes_ = 0;
  LatencyHistogram histogram_;
  mutable std::mutex visible_mutex_;
  std::deque<Visible> visible_;
  std::unique_ptr<log::Subscription> catalog_subscription_;
  std::unique_ptr<log::Subscription> demand_subscription_;
};

}  // namespace millrace::app
