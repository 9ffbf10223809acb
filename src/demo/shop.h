#pragma once
// A simulated shop: its products and its shoppers, who browse, put into carts and buy. Popularity follows a power law;
// the dearer a product is against its list price, the fewer of those who look at it want it. A few bots click faster
// than people do, and a rush sends a part of all shoppers to one product for a while.
//
// Pure: the same seed gives the same products, and the same decisions as long as the prices shown are the same. The
// caller brings the time and sends what comes out. A Shoppers by one thread at a time; a Catalog is immutable.

#include <atomic>
#include <cstdint>
#include <queue>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"

namespace millrace::demo {

struct ShopProduct {
  std::string id;  // "p-0001"
  std::string name;
  std::string category;
  int64_t list_price_cents = 0;
  int64_t stock = 0;
};

class ShopCatalog {
 public:
  ShopCatalog(uint64_t seed, size_t products);

  size_t size() const { return products_.size(); }
  const ShopProduct& operator[](size_t index) const { return products_[index]; }
  const std::vector<ShopProduct>& products() const { return products_; }
  // The product at a place in the order of popularity, 0 being the most popular.
  size_t by_popularity(size_t rank) const { return ranks_[rank]; }
  // A product for 0 <= share < 1, by popularity.
  size_t pick(double share) const;

 private:
  std::vector<ShopProduct> products_;
  std::vector<size_t> ranks_;
  std::vector<double> cumulative_;  // over ranks
};

// The price of each product as the shop shows it, in cents. Any thread.
class ShopPrices {
 public:
  explicit ShopPrices(const ShopCatalog& catalog);
  int64_t cents(size_t product) const { return cents_[product].load(std::memory_order_relaxed); }
  void set(size_t product, int64_t cents) { cents_[product].store(cents, std::memory_order_relaxed); }

 private:
  std::vector<std::atomic<int64_t>> cents_;
};

struct ShopAction {
  enum class Kind : uint8_t { view, cart, order } kind = Kind::view;
  size_t product = 0;
  uint32_t visitor = 0;
  bool bot = false;
  int64_t quantity = 1;  // of an order
  EventTime time;
};
std::string visitor_id(const ShopAction& action);  // "v-000123", "bot-2"

struct ShopRush {
  bool active = false;
  size_t product = 0;
};

class Shoppers {
 public:
  static constexpr double rush_share = 0.25;      // of all views go to the rush's product
  static constexpr double bot_share = 0.01;       // of all views
  static constexpr size_t trends = 3;             // products that are talked about at any time,
  static constexpr double trend_share = 0.02;     // each with so much of all views,
  static constexpr int64_t trend_ms = 6'000;      // for so long
  static constexpr size_t bots = 1;               // per group
  static constexpr size_t pending_max = 100'000;  // shoppers who are about to use their cart

  // One group of the shoppers, of `groups`; each has its own visitors, so groups may run on threads of their own.
  Shoppers(const ShopCatalog& catalog, uint64_t seed, size_t shoppers, size_t group, size_t groups);

  // What happens next; the times never step back.
  ShopAction next(EventTime now, const ShopPrices& prices, const ShopRush& rush);

 private:
  struct Later {
    int64_t due_ms;
    uint64_t order;  // of two at the same time the one that was decided first
    ShopAction action;
    bool operator>(const Later& other) const {
      return due_ms != other.due_ms ? due_ms > other.due_ms : order > other.order;
    }
  };

  double uniform();
  size_t trending(size_t trend) const;
  ShopAction view(const ShopPrices& prices, const ShopRush& rush);
  void decide(const ShopAction& seen, const ShopPrices& prices);
  void later(ShopAction action, int64_t delay_ms);

  const ShopCatalog& catalog_;
  uint64_t seed_;
  size_t shoppers_;
  size_t group_;
  size_t groups_;
  std::mt19937_64 random_;
  int64_t start_ms_ = 0;  // of the first action
  int64_t now_ms_ = 0;
  uint64_t decided_ = 0;
  std::priority_queue<Later, std::vector<Later>, std::greater<>> pending_;
};

}  // namespace millrace::demo
