#include "shop/live_view.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "shop/schema.h"

namespace millrace::shop {

namespace {

constexpr std::array demand_columns = {demand::views,      demand::cart_adds,      demand::units,
                                       demand::slow_views, demand::slow_cart_adds, demand::slow_units};

int64_t integer_of(client::JsonItem item, std::string_view name, int64_t otherwise) {
  return client::integer_attribute(item, name).value_or(otherwise);
}
int64_t cents_of(client::JsonItem item, std::string_view name, int64_t otherwise) {
  const auto amount = client::real_attribute(item, name);
  return amount ? std::llround(*amount * 100) : otherwise;
}
std::string text_of(client::JsonItem item, std::string_view name) {
  return std::string(client::text_attribute(item, name).value_or(""));
}

}  // namespace

LiveProduct* LiveView::product_of(client::JsonItem item) {
  std::string id = text_of(item, product::id);
  if (id.empty()) return nullptr;
  const auto found = products_.find(id);
  if (found != products_.end()) return &found->second;
  if (products_.size() >= products_max) return nullptr;
  return &products_[std::move(id)];
}

void LiveView::take_product(client::JsonItem item, std::optional<int64_t> visible_ms) {
  LiveProduct* const known = product_of(item);
  if (known == nullptr) return take_other(item, visible_ms);
  std::string name = text_of(item, product::name);
  std::string category = text_of(item, product::category);
  const int64_t list_cents = cents_of(item, product::list_price, 0);
  const int64_t stock = integer_of(item, product::stock, 0);
  if (name != known->name || category != known->category || list_cents != known->list_cents || stock != known->stock) {
    known->name = std::move(name);
    known->category = std::move(category);
    known->list_cents = list_cents;
    known->stock = stock;
    known->changed |= LiveProduct::description;
  }
  const int64_t price_cents = cents_of(item, product::price, list_cents);
  const int64_t version = integer_of(item, product::price_version, 0);
  const bool first = known->price_cents == 0;
  if (price_cents == known->price_cents && version == known->version) return;
  const int64_t from_cents = known->price_cents;
  known->price_cents = price_cents;
  known->version = version;
  known->reason = text_of(item, product::price_reason);
  known->priced_ms = integer_of(item, product::priced_ms, 0);
  known->changed |= LiveProduct::price;
  if (!first && visible_ms && price_cents != from_cents) note_change(item, from_cents, price_cents, *visible_ms);
}

void LiveView::take_other(client::JsonItem item, std::optional<int64_t> visible_ms) {
  const std::string id = text_of(item, product::id);
  if (id.empty() || !visible_ms) return;
  const int64_t list_cents = cents_of(item, product::list_price, 0);
  const int64_t price_cents = cents_of(item, product::price, list_cents);
  const uint64_t hash = base::hash64(id);
  const auto known = others_.find(hash);
  if (known != others_.end()) {
    const int64_t from_cents = std::exchange(known->second, price_cents);
    if (from_cents != price_cents) note_change(item, from_cents, price_cents, *visible_ms);
    return;
  }
  if (others_.size() >= others_max) return;
  others_.emplace(hash, price_cents);
  const int64_t priced_ms = integer_of(item, product::priced_ms, 0);
  if (*visible_ms - priced_ms < just_before_ms) note_change(item, list_cents, price_cents, *visible_ms);
}

void LiveView::note_change(client::JsonItem item, int64_t from_cents, int64_t to_cents, int64_t visible_ms) {
  PriceChange price;
  price.product_id = text_of(item, product::id);
  price.reason = text_of(item, product::price_reason);
  price.from_cents = from_cents;
  price.to_cents = to_cents;
  price.at_ms = visible_ms;
  const int64_t cause_ms = integer_of(item, product::caused_by_event_ms, 0);
  if (cause_ms > 0) {
    price.latency_ms = static_cast<double>(std::max<int64_t>(price.at_ms - cause_ms, 0));
    if (latencies_.size() == latencies_max) latencies_.pop_front();
    latencies_.emplace_back(price.at_ms, static_cast<float>(price.latency_ms));
    histogram_.observe(price.latency_ms / 1000);
  }
  ++price_changes_;
  if (prices_.size() == changes_max) prices_.pop_front();
  prices_.push_back(std::move(price));
}

void LiveView::take_demand(client::JsonItem item) {
  LiveProduct* const known = product_of(item);
  if (known == nullptr) return;
  for (size_t i = 0; i < demand_columns.size(); ++i) {
    known->demand[i] = client::real_attribute(item, demand_columns[i]).value_or(0);
  }
  known->first_event_ms = integer_of(item, demand::first_event_ms, 0);
  known->last_event_ms = integer_of(item, demand::last_event_ms, 0);
  const auto& counts = known->demand;
  const pricing::Signals signals = {.fast = {counts[0], counts[1], counts[2]},
                                    .slow = {counts[3], counts[4], counts[5]},
                                    .first_event_ms = known->first_event_ms,
                                    .last_event_ms = known->last_event_ms};
  const pricing::Proposal proposal = pricing::propose(policy_, signals, {});
  known->ratio = proposal.ratio;
  known->score = proposal.score;
  known->changed |= LiveProduct::counts;
}

void LiveView::clear_changed() {
  for (auto& [id, product] : products_) product.changed = LiveProduct::nothing;
}

LiveView::Percentiles LiveView::recent_latency() {
  const int64_t old_ms = clock_.now().value - latencies_ms;
  while (!latencies_.empty() && latencies_.front().first < old_ms) latencies_.pop_front();
  Percentiles percentiles;
  percentiles.samples = latencies_.size();
  if (latencies_.empty()) return percentiles;
  std::vector<float> sorted;
  sorted.reserve(latencies_.size());
  for (const auto& [at_ms, latency_ms] : latencies_) sorted.push_back(latency_ms);
  std::sort(sorted.begin(), sorted.end());
  percentiles.p50_ms = sorted[(sorted.size() - 1) / 2];
  percentiles.p99_ms = sorted[(sorted.size() - 1) * 99 / 100];
  return percentiles;
}

}  // namespace millrace::shop
