#include "demo/shop.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <unordered_map>

#include "base/error.h"

namespace millrace::demo {

namespace {

constexpr double popularity_exponent = 0.9;
constexpr double cart_share = 0.12;        // of those who look at a product at its list price
constexpr double buy_share = 0.35;         // of those who have it in their cart
constexpr double price_sensitivity = 2.5;  // twice the price: e^-2.5 = 8 % of the interest
constexpr size_t rank_shift = 3;           // flattens the very top, so that one product is not a tenth of the shop

struct Line {
  std::string_view category;
  double cents_low;
  double cents_high;
  std::array<std::string_view, 6> nouns;
};

constexpr std::array<Line, 10> lines = {{
    {"Coffee & Tea", 690, 4900, {"Espresso Beans", "Filter Coffee", "Green Tea", "Moka Pot", "Hand Grinder", "Teapot"}},
    {"Kitchen", 990, 12900, {"Chef's Knife", "Cast-Iron Pan", "Cutting Board", "Salad Bowl", "Scale", "Casserole"}},
    {"Lighting", 1900, 19900, {"Desk Lamp", "Floor Lamp", "Pendant Light", "Night Light", "Lantern", "Wall Light"}},
    {"Outdoor", 1490, 24900, {"Rucksack", "Tent", "Sleeping Bag", "Water Bottle", "Rain Jacket", "Camp Stove"}},
    {"Audio", 2900, 34900, {"Headphones", "Turntable", "Speaker", "Earbuds", "Microphone", "Radio"}},
    {"Desk", 490, 14900, {"Notebook", "Fountain Pen", "Keyboard", "Monitor Stand", "Calendar", "Desk Mat"}},
    {"Bath & Home", 790, 8900, {"Towel Set", "Bath Mat", "Candle", "Blanket", "Cushion", "Laundry Basket"}},
    {"Bicycle", 890, 29900, {"Helmet", "Front Light", "Saddle", "Pannier", "Lock", "Floor Pump"}},
    {"Toys & Games", 990, 7900, {"Puzzle", "Card Game", "Building Blocks", "Kite", "Chess Set", "Train Set"}},
    {"Garden", 590, 15900, {"Secateurs", "Watering Can", "Planter", "Seed Box", "Bird Feeder", "Hammock"}},
}};

constexpr std::array<std::string_view, 24> makers = {
    "Aldermoor", "Birkholt", "Castell", "Dunmere",   "Elmsworth", "Fjordlund", "Greystoke",  "Havenly",
    "Islay",     "Juniper",  "Kestrel", "Lindqvist", "Marlowe",   "Norrby",    "Oakhurst",   "Pellworm",
    "Quillon",   "Rosedale", "Solvang", "Thornbury", "Umbra",     "Verdant",   "Westerholt", "Yarrow",
};

double uniform_of(std::mt19937_64& random) {
  return static_cast<double>(random() >> 11) * 0x1.0p-53;
}

// 12.90, 49.00, 199.00: what price tags look like.
int64_t price_tag(double cents) {
  if (cents < 5000) return static_cast<int64_t>(cents / 100) * 100 + 90;
  return static_cast<int64_t>(cents / 500) * 500 + 400;
}

}  // namespace

ShopCatalog::ShopCatalog(uint64_t seed, size_t products) {
  CHECK(products > 0);
  std::mt19937_64 random(seed);
  std::unordered_map<std::string, size_t> times_named;
  for (size_t i = 0; i < products; ++i) {
    const Line& line = lines[random() % lines.size()];
    const std::string_view noun = line.nouns[random() % line.nouns.size()];
    const std::string_view maker = makers[random() % makers.size()];
    const double cents = line.cents_low * std::pow(line.cents_high / line.cents_low, uniform_of(random));
    ShopProduct product;
    product.id = fmt::format("p-{:04}", i + 1);
    product.category = line.category;
    product.name = fmt::format("{} {}", maker, noun);
    const size_t same = ++times_named[product.name];
    if (same > 1) product.name += fmt::format(" No. {}", same);
    product.list_price_cents = price_tag(cents);
    product.stock = 20 + static_cast<int64_t>(random() % 480);
    products_.push_back(std::move(product));
  }
  ranks_.resize(products);
  std::iota(ranks_.begin(), ranks_.end(), size_t{0});
  for (size_t i = products; i > 1; --i) std::swap(ranks_[i - 1], ranks_[random() % i]);
  double sum = 0;
  for (size_t rank = 0; rank < products; ++rank) {
    sum += std::pow(static_cast<double>(rank + rank_shift), -popularity_exponent);
    cumulative_.push_back(sum);
  }
}

size_t ShopCatalog::pick(double share) const {
  const auto rank = std::upper_bound(cumulative_.begin(), cumulative_.end(), share * cumulative_.back());
  return ranks_[std::min<size_t>(static_cast<size_t>(rank - cumulative_.begin()), ranks_.size() - 1)];
}

ShopPrices::ShopPrices(const ShopCatalog& catalog) : cents_(catalog.size()) {
  for (size_t i = 0; i < catalog.size(); ++i) set(i, catalog[i].list_price_cents);
}

std::string visitor_id(const ShopAction& action) {
  return action.bot ? fmt::format("bot-{}", action.visitor) : fmt::format("v-{:06}", action.visitor);
}

Shoppers::Shoppers(const ShopCatalog& catalog, uint64_t seed, size_t shoppers, size_t group, size_t groups)
    : catalog_(catalog),
      seed_(seed),
      shoppers_(std::max<size_t>(shoppers / groups, 1)),
      group_(group),
      groups_(groups),
      random_(seed * 1'000'003 + group + 1) {}

double Shoppers::uniform() {
  return uniform_of(random_);
}

ShopAction Shoppers::next(EventTime now, const ShopPrices& prices, const ShopRush& rush) {
  if (start_ms_ == 0) start_ms_ = now.value;
  now_ms_ = std::max(now_ms_, now.value);
  ShopAction action;
  if (!pending_.empty() && pending_.top().due_ms <= now_ms_) {
    action = pending_.top().action;
    pending_.pop();
  } else {
    action = view(prices, rush);
  }
  action.time = EventTime(now_ms_);
  return action;
}

// The trends begin one after the other, evenly; all groups of a shop talk about the same products.
size_t Shoppers::trending(size_t trend) const {
  const int64_t shifted_ms =
      now_ms_ - start_ms_ + static_cast<int64_t>(trend) * trend_ms / static_cast<int64_t>(trends);
  const auto number = static_cast<uint64_t>(shifted_ms / trend_ms);
  std::mt19937_64 random(seed_ ^ (number * trends + trend + 1) * 0x9E3779B97F4A7C15ull);
  const size_t popular = catalog_.size() / 10;
  return catalog_.by_popularity(popular + random() % std::max<size_t>(catalog_.size() - popular, 1));
}

ShopAction Shoppers::view(const ShopPrices& prices, const ShopRush& rush) {
  // As many draws whatever comes of them: a price changes one decision, not all that follow.
  const double which = uniform();
  const double visitor = uniform();
  const double product = uniform();
  ShopAction action;
  action.bot = which < bot_share;
  const size_t people = action.bot ? bots : shoppers_;
  action.visitor = static_cast<uint32_t>(static_cast<size_t>(visitor * static_cast<double>(people)) * groups_ + group_);
  const size_t trend = action.bot ? trends : static_cast<size_t>((which - bot_share) / trend_share);
  if (rush.active && which >= 1 - rush_share) {
    action.product = rush.product;
  } else if (trend < trends) {
    action.product = trending(trend);
  } else {
    action.product = catalog_.pick(product);
  }
  decide(action, prices);
  return action;
}

void Shoppers::decide(const ShopAction& seen, const ShopPrices& prices) {
  const double cart = uniform();
  const double buy = uniform();
  const double pause = uniform();
  if (seen.bot || pending_.size() + 2 > pending_max) return;
  const double list = static_cast<double>(catalog_[seen.product].list_price_cents);
  const double dearer = static_cast<double>(prices.cents(seen.product)) / list - 1;
  const double interest = std::exp(-price_sensitivity * dearer);
  if (cart >= cart_share * interest) return;
  ShopAction action = seen;
  action.kind = ShopAction::Kind::cart;
  const auto cart_ms = 150 + static_cast<int64_t>(pause * 1'200);
  later(action, cart_ms);
  if (buy >= buy_share * interest) return;
  action.kind = ShopAction::Kind::order;
  action.quantity = pause < 0.8 ? 1 : pause < 0.95 ? 2 : 3;
  later(action, cart_ms + 200 + static_cast<int64_t>(pause * 1'500));
}

void Shoppers::later(ShopAction action, int64_t delay_ms) {
  pending_.push(Later{now_ms_ + delay_ms, decided_++, action});
}

}  // namespace millrace::demo
