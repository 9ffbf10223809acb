#include "demo/rush.h"

#include <algorithm>
#include <random>

namespace millrace::demo {

namespace {
constexpr int64_t every_ms = 60'000;
constexpr int64_t first_ms = 20'000;
constexpr int64_t lasts_ms = 15'000;
}  // namespace

std::optional<uint64_t> RushPlan::rush_at(int64_t ms) const {
  if (for_ms_ > 0) {
    const bool on = ms >= for_ms_ * 40 / 100 && ms < for_ms_ * 65 / 100;
    return on ? std::optional<uint64_t>(0) : std::nullopt;
  }
  const int64_t since_first = ms - first_ms;
  if (since_first < 0 || since_first % every_ms >= lasts_ms) return std::nullopt;
  return static_cast<uint64_t>(since_first / every_ms);
}

size_t rush_product(const ShopCatalog& catalog, uint64_t seed, uint64_t number) {
  const size_t middle = catalog.size() / 4;
  const size_t span = std::max<size_t>(catalog.size() / 4, 1);
  std::mt19937_64 random(seed ^ (number + 1) * 0x9E3779B97F4A7C15ull);
  return catalog.by_popularity(std::min(middle + random() % span, catalog.size() - 1));
}

void RushWatch::begin(size_t product, int64_t cents) {
  const std::lock_guard lock(mutex_);
  view_ = {.begun = true, .product = product, .before_cents = cents, .peak_cents = cents, .now_cents = cents};
}

void RushWatch::price_seen(const PriceSeen& price, int64_t acknowledged_ns) {
  const std::lock_guard lock(mutex_);
  if (!view_.begun || price.product != view_.product) return;
  view_.now_cents = price.cents;
  view_.peak_cents = std::max(view_.peak_cents, price.cents);
  if (view_.reaction_ms < 0 && acknowledged_ns > 0 && price.seen_ns >= acknowledged_ns &&
      price.cents > price.before_cents) {
    view_.reaction_ms = static_cast<double>(price.seen_ns - acknowledged_ns) / 1e6;
  }
}

RushWatch::View RushWatch::view() const {
  const std::lock_guard lock(mutex_);
  return view_;
}

}  // namespace millrace::demo
