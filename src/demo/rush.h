#pragma once
// The planted rush: when it is on, on which product, and how the price answers. Threads: any.

#include <cstdint>
#include <mutex>
#include <optional>

#include "demo/prices.h"
#include "demo/shop.h"

namespace millrace::demo {

// When the rushes are, from the start of the traffic: one, at 40 % of a run of known length, for a quarter of it; else
// one a minute, for 15 s, the first after 20 s.
class RushPlan {
 public:
  explicit RushPlan(int64_t for_ms) : for_ms_(for_ms) {}
  // The number of the rush that is on, from 0; nullopt: none.
  std::optional<uint64_t> rush_at(int64_t ms) const;

 private:
  int64_t for_ms_;
};

// A product of middling popularity, another one for each rush.
size_t rush_product(const ShopCatalog& catalog, uint64_t seed, uint64_t number);

class RushWatch {
 public:
  struct View {
    bool begun = false;
    size_t product = 0;
    int64_t before_cents = 0;
    int64_t peak_cents = 0;
    int64_t now_cents = 0;
    double reaction_ms = -1;  // from its first acknowledged click to the first raised price; below 0: none yet
  };

  void begin(size_t product, int64_t cents);
  // `acknowledged_ns`: of the rush's first click; 0: none yet.
  void price_seen(const PriceSeen& price, int64_t acknowledged_ns);
  View view() const;

 private:
  mutable std::mutex mutex_;
  View view_;
};

}  // namespace millrace::demo
