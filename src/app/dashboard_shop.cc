#include "app/dashboard_shop.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>
#include <unordered_map>

#include "log/log.h"

namespace millrace::app {

namespace {

constexpr size_t read_bytes_max = size_t{1} << 20;
constexpr std::array<std::string_view, 6> demand_columns = {"views",      "cart_adds",      "units",
                                                            "slow_views", "slow_cart_adds", "slow_units"};

const table::Number* number_of(const table::Item& item, std::string_view name) {
  const auto found = item.find(name);
  return found == item.end() ? nullptr : found->second.number();
}
int64_t integer_of(const table::Item& item, std::string_view name, int64_t otherwise) {
  const table::Number* number = number_of(item, name);
  return number == nullptr ? otherwise : number->to_int64().value_or(otherwise);
}
double real_of(const table::Item& item, std::string_view name) {
  const table::Number* number = number_of(item, name);
  return number == nullptr ? 0 : number->to_double();
}
int64_t cents_of(const table::Item& item, std::string_view name, int64_t otherwise) {
  const table::Number* number = number_of(item, name);
  return number == nullptr ? otherwise : std::llround(number->to_double() * 100);
}
std::string text_of(const table::Item& item, std::string_view name) {
  const auto found = item.find(name);
  const std::string* text = found == item.end() ? nullptr : found->second.string();
  return text == nullptr ? std::string() : *text;
}

}  // namespace

DashboardShop::DashboardShop(table::Tables& tables, const pricing::Policy& policy, base::Clock& clock,
                             std::function<void()> changed)
    : tables_(tables), policy_(policy), clock_(clock), changed_(std::move(changed)) {}

DashboardShop::~DashboardShop() = default;

// Follows the table from its end, after reading what it holds; true if it is followed. A table that was dropped and
// made again is another table.
bool DashboardShop::open(std::string_view name, Feed& feed, const std::function<void(const table::Item&)>& take) {
  const auto table = tables_.find(name);
  if (!table) {
    feed.table = nullptr;
    return false;
  }
  if (feed.table && feed.table->keyspace == (*table)->keyspace) return true;
  const auto range = tables_.journal().range((*table)->keyspace);
  feed.reader.emplace(stream::ShardSource{&tables_.journal(), (*table)->keyspace, nullptr},
                      range ? range->end : SequenceNumber(0));
  table::QueryRequest request;
  request.table = name;
  request.scan = true;
  for (size_t items = 0; items < products_max;) {
    const auto page = tables_.query(request);
    if (!page) return false;
    for (const table::Item& item : page->items) take(item);
    items += page->items.size();
    if (!page->last_evaluated_key) break;
    request.exclusive_start_key = page->last_evaluated_key;
  }
  feed.table = *table;
  return true;
}

void DashboardShop::read(Feed& feed, const std::function<void(const log::BlockPtr&, const log::Record&)>& each) {
  for (;;) {
    const auto more = feed.reader->read(read_bytes_max);
    if (!more) feed.table = nullptr;  // trimmed while nobody looked: begin again with what the table holds
    if (!more || !*more) return;
    while (const log::Record* const record = feed.reader->peek()) {
      each(feed.reader->block(), *record);
      feed.reader->pop();
    }
    feed.reader->forget();
  }
}

void DashboardShop::poll() {
  log::Log& journal = tables_.journal();
  const auto followed_catalog = catalog_.table;
  if (open("ProductCatalog", catalog_, [this](const table::Item& item) { take_product(item, std::nullopt); })) {
    if (catalog_.table != followed_catalog) {
      catalog_subscription_ = journal.subscribe(catalog_.table->keyspace, [this, &journal] {
        {
          const std::lock_guard lock(visible_mutex_);
          if (visible_.size() == visible_max) visible_.pop_front();
          visible_.push_back({journal.durable_group(), clock_.now().value});
        }
        changed_();
      });
    }
    read(catalog_, [this](const log::BlockPtr& block, const log::Record& record) {
      const auto change = table::decode_change(*catalog_.table, record);
      if (change && change->new_image) take_product(*change->new_image, block->group);
    });
  }

  const auto followed_demand = demand_.table;
  if (open("ProductDemand", demand_, [this](const table::Item& item) { take_demand(item); })) {
    if (demand_.table != followed_demand) {
      demand_subscription_ = journal.subscribe(demand_.table->keyspace, changed_);
    }
    // Many changes of one row come between two frames: only the newest is decoded.
    std::unordered_map<std::string, std::pair<log::BlockPtr, log::Record>> newest;
    read(demand_, [&newest](const log::BlockPtr& block, const log::Record& record) {
      newest.insert_or_assign(std::string(record.key), std::pair(block, record));
    });
    for (const auto& [key, found] : newest) {
      if (!demand_.table) break;
      const auto change = table::decode_change(*demand_.table, found.second);
      if (change && change->new_image) take_demand(*change->new_image);
    }
  }

  const int64_t old_ms = clock_.now().value - latencies_ms;
  while (!latencies_.empty() && latencies_.front().first < old_ms) latencies_.pop_front();
}

DashboardProduct* DashboardShop::product_of(const table::Item& item) {
  std::string id = text_of(item, "product_id");
  if (id.empty()) return nullptr;
  const auto found = products_.find(id);
  if (found != products_.end()) return &found->second;
  if (products_.size() >= products_max) return nullptr;
  return &products_[std::move(id)];
}

void DashboardShop::take_product(const table::Item& item, std::optional<GroupNumber> group) {
  DashboardProduct* const product = product_of(item);
  if (product == nullptr) return;
  std::string name = text_of(item, "name");
  std::string category = text_of(item, "category");
  const int64_t list_cents = cents_of(item, "list_price", 0);
  const int64_t stock = integer_of(item, "stock", 0);
  if (name != product->name || category != product->category || list_cents != product->list_cents ||
      stock != product->stock) {
    product->name = std::move(name);
    product->category = std::move(category);
    product->list_cents = list_cents;
    product->stock = stock;
    product->changed |= DashboardProduct::description;
  }
  const int64_t price_cents = cents_of(item, "price", list_cents);
  const int64_t version = integer_of(item, "price_version", 0);
  const bool first = product->price_cents == 0;
  if (price_cents == product->price_cents && version == product->version) return;
  const int64_t from_cents = product->price_cents;
  product->price_cents = price_cents;
  product->version = version;
  product->reason = text_of(item, "price_reason");
  product->priced_ms = integer_of(item, "priced_ms", 0);
  product->changed |= DashboardProduct::price;
  if (first || !group || price_cents == from_cents) return;

  DashboardPrice price;
  price.product_id = text_of(item, "product_id");
  price.reason = product->reason;
  price.from_cents = from_cents;
  price.to_cents = price_cents;
  price.at_ms = visible_ms(*group);
  const int64_t cause_ms = integer_of(item, "caused_by_event_ms", 0);
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

void DashboardShop::take_demand(const table::Item& item) {
  DashboardProduct* const product = product_of(item);
  if (product == nullptr) return;
  for (size_t i = 0; i < demand_columns.size(); ++i) product->demand[i] = real_of(item, demand_columns[i]);
  product->first_event_ms = integer_of(item, "first_event_ms", 0);
  product->last_event_ms = integer_of(item, "last_event_ms", 0);
  const auto& demand = product->demand;
  const pricing::Signals signals = {.fast = {demand[0], demand[1], demand[2]},
                                    .slow = {demand[3], demand[4], demand[5]},
                                    .first_event_ms = product->first_event_ms,
                                    .last_event_ms = product->last_event_ms};
  const pricing::Proposal proposal = pricing::propose(policy_, signals, {});
  product->ratio = proposal.ratio;
  product->score = proposal.score;
  product->changed |= DashboardProduct::counts;
}

int64_t DashboardShop::visible_ms(GroupNumber group) const {
  const std::lock_guard lock(visible_mutex_);
  const auto found =
      std::lower_bound(visible_.begin(), visible_.end(), group,
                       [](const Visible& visible, GroupNumber wanted) { return visible.group < wanted; });
  return found == visible_.end() ? clock_.now().value : found->at_ms;
}

void DashboardShop::clear_changed() {
  for (auto& [id, product] : products_) product.changed = DashboardProduct::nothing;
}

DashboardShop::Percentiles DashboardShop::recent_latency() const {
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

}  // namespace millrace::app
