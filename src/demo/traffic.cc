#include "demo/traffic.h"

#include <algorithm>
#include <chrono>

#include "base/clock.h"
#include "client/items.h"
#include "shop/schema.h"

namespace millrace::demo {

namespace {

constexpr auto tick = std::chrono::milliseconds(4);
constexpr size_t batch_records_max = 500;
constexpr int64_t retry_for_ms = 10'000;
constexpr size_t lost_max = 10'000;  // beyond it the run has failed anyway

int64_t now_ns() {
  return base::system_clock().monotonic_ns();
}

}  // namespace

struct DemoTraffic::Batch {
  std::vector<client::StreamRecord> records;
  std::vector<std::string> ids;
  std::vector<DemoLedger::Event> events;

  void clear() {
    records.clear();
    ids.clear();
    events.clear();
  }
};

uint64_t AcknowledgedIds::count() const {
  uint64_t all = 0;
  for (const uint64_t number : issued) all += number;
  return all - lost.size();
}

DemoTraffic::DemoTraffic(TrafficOptions options, const ShopCatalog& catalog, const ShopPrices& prices,
                         DemoLedger& ledger)
    : options_(std::move(options)), catalog_(catalog), prices_(prices), ledger_(ledger) {
  for (size_t i = 0; i < options_.groups; ++i) {
    groups_.push_back(std::make_unique<Group>());
    groups_.back()->index = i;
  }
}

DemoTraffic::~DemoTraffic() {
  (void)stop();
}

void DemoTraffic::start() {
  for (auto& group : groups_) {
    group->order_thread = std::thread([this, &group = *group] { run_orders(group); });
    group->click_thread = std::thread([this, &group = *group] { run_clicks(group); });
  }
}

Result<void> DemoTraffic::stop() {
  stopping_ = true;
  for (auto& group : groups_) {
    if (group->click_thread.joinable()) group->click_thread.join();
    {
      const std::lock_guard lock(group->mutex);
      group->orders_ended = true;
    }
    group->changed.notify_all();
    if (group->order_thread.joinable()) group->order_thread.join();
  }
  const std::lock_guard lock(failure_mutex_);
  if (failure_) return std::unexpected(*failure_);
  return {};
}

void DemoTraffic::give_up(const Error& error) {
  const std::lock_guard lock(failure_mutex_);
  if (!failure_) failure_ = error;
  stopping_ = true;
}

void DemoTraffic::set_rush(const ShopRush& rush) {
  if (rush.active) rush_acknowledged_ns_ = 0;
  rush_product_ = rush.active ? static_cast<int64_t>(rush.product) : -1;
}

ShopRush DemoTraffic::rush() const {
  const int64_t product = rush_product_;
  return product < 0 ? ShopRush{} : ShopRush{true, static_cast<size_t>(product)};
}

AcknowledgedIds DemoTraffic::clicks() const {
  AcknowledgedIds ids;
  ids.prefix = options_.id_prefix;
  for (const auto& group : groups_) {
    ids.issued.push_back(group->clicks_issued);
    ids.lost.insert(group->clicks_lost.begin(), group->clicks_lost.end());
  }
  return ids;
}

AcknowledgedIds DemoTraffic::orders() const {
  AcknowledgedIds ids;
  ids.prefix = options_.id_prefix;
  for (const auto& group : groups_) {
    ids.issued.push_back(group->orders_issued);
    ids.lost.insert(group->orders_lost.begin(), group->orders_lost.end());
  }
  return ids;
}

void DemoTraffic::run_clicks(Group& group) {
  client::Api api(options_.endpoint);
  client::PutRecordsBody body(options_.stream);
  Shoppers shoppers(catalog_, options_.seed, options_.shoppers, group.index, options_.groups);
  const double per_ns = options_.rate / static_cast<double>(options_.groups) / 1e9;
  const auto debt_max = std::max(1.0, per_ns * static_cast<double>(debt_ms_max) * 1e6);
  Batch batch;
  double due = 0;
  int64_t last_ns = now_ns();
  while (!stopping_) {
    std::this_thread::sleep_for(tick);
    do {
      const int64_t at_ns = now_ns();
      due = std::min(due + static_cast<double>(at_ns - last_ns) * per_ns, debt_max);
      last_ns = at_ns;
      batch.clear();
      const EventTime now(base::system_clock().now().value);
      while (due >= 1 && batch.records.size() < batch_records_max) {
        const ShopAction action = shoppers.next(now, prices_, rush());
        if (action.kind == ShopAction::Kind::order) {
          hand_over(group, action);
          continue;
        }
        due -= 1;
        add_click(group, action, batch);
      }
      if (batch.records.empty()) break;
      if (const auto sent = send_clicks(api, body, group, batch); !sent) return give_up(sent.error());
    } while (due >= batch_records_max && !stopping_);
  }
}

void DemoTraffic::add_click(Group& group, const ShopAction& action, Batch& batch) const {
  const ShopProduct& product = catalog_[action.product];
  std::string id = fmt::format("{}-{}-{}", options_.id_prefix, group.index, group.clicks_issued++);
  batch.records.push_back(
      {visitor_id(action),
       fmt::format(R"({{"{}":"{}","{}":"{}","{}":"{}","{}":"{}","{}":{},"{}":{}}})", shop::event::event_id, id,
                   shop::event::event_type, action.kind == ShopAction::Kind::cart ? "cart" : "view", shop::product::id,
                   product.id, shop::event::visitor_id, visitor_id(action), shop::event::event_ms, action.time.value,
                   shop::product::price, client::cents_text(prices_.cents(action.product)))});
  batch.ids.push_back(std::move(id));
  batch.events.push_back({action.product, action.time});
}

Result<void> DemoTraffic::send_clicks(client::Api& api, client::PutRecordsBody& body, Group& group, Batch& batch) {
  clicks_sent_ += batch.records.size();
  const auto lose_rest = [&] {
    for (std::string& id : batch.ids) {
      if (group.clicks_lost.size() < lost_max) group.clicks_lost.insert(std::move(id));
    }
  };
  for (client::Patience patience(retry_for_ms); !batch.records.empty();) {
    const auto failed = client::put_records(api, batch.records, body);
    const int64_t at_ns = now_ns();
    if (!failed && failed.error().kind != ErrorKind::throttled) {
      lose_rest();
      return std::unexpected(failed.error());
    }
    if (failed) {
      std::vector<bool> again(batch.records.size(), false);
      for (const size_t index : *failed) again[index] = true;
      std::vector<DemoLedger::Event> taken;
      Batch rest;
      for (size_t i = 0; i < batch.records.size(); ++i) {
        if (!again[i]) {
          taken.push_back(batch.events[i]);
          continue;
        }
        rest.records.push_back(std::move(batch.records[i]));
        rest.ids.push_back(std::move(batch.ids[i]));
        rest.events.push_back(batch.events[i]);
      }
      const int64_t rush_product = rush_product_;
      const bool rushed = std::any_of(taken.begin(), taken.end(), [&](const DemoLedger::Event& event) {
        return static_cast<int64_t>(event.product) == rush_product;
      });
      int64_t none = 0;
      if (rushed) rush_acknowledged_ns_.compare_exchange_strong(none, at_ns);
      ledger_.clicks_acknowledged(taken, at_ns);
      clicks_acknowledged_ += taken.size();
      batch = std::move(rest);
    }
    if (!batch.records.empty() && !patience.next()) {
      lose_rest();
      return fail(ErrorKind::throttled, "the stream `{}` refused clicks for {} s", options_.stream,
                  retry_for_ms / 1000);
    }
  }
  return {};
}

void DemoTraffic::hand_over(Group& group, const ShopAction& order) {
  std::unique_lock lock(group.mutex);
  group.changed.wait(lock, [&] { return stopping_ || group.orders.size() < orders_waiting_max; });
  group.orders.push_back(order);
  lock.unlock();
  group.changed.notify_all();
}

void DemoTraffic::run_orders(Group& group) {
  client::Api api(options_.endpoint);
  for (;;) {
    std::unique_lock lock(group.mutex);
    group.changed.wait(lock, [&] { return group.orders_ended || !group.orders.empty(); });
    if (group.orders.empty()) return;
    const ShopAction order = group.orders.front();
    group.orders.pop_front();
    lock.unlock();
    group.changed.notify_all();
    if (const auto placed = place_order(api, group, order); !placed) {
      give_up(placed.error());
      group.changed.notify_all();
      return;
    }
  }
}

Result<void> DemoTraffic::place_order(client::Api& api, Group& group, const ShopAction& order) {
  const ShopProduct& product = catalog_[order.product];
  const std::string get =
      fmt::format(R"({{"TableName":"{}","Key":{},"ConsistentRead":true}})", shop::product_catalog.name,
                  client::ItemText().text(shop::product::id, product.id).done());
  client::Patience patience(retry_for_ms);
  auto shown = api.call(aws::dynamodb_protocol, "GetItem", get);
  while (!shown && client::may_pass(shown.error()) && patience.next()) {
    shown = api.call(aws::dynamodb_protocol, "GetItem", get);
  }
  if (!shown) return std::unexpected(shown.error());
  simdjson::dom::parser parser;
  client::JsonItem item;
  std::optional<int64_t> cents;
  if (!parser.parse(*shown)["Item"].get(item)) cents = client::cents_attribute(item, shop::product::price);
  if (!cents) return fail(ErrorKind::internal, "ProductCatalog shows no price of {}", product.id);

  const std::string id = fmt::format("{}-{}-{}", options_.id_prefix, group.index, group.orders_issued++);
  ++orders_sent_;
  const std::string put = fmt::format(R"({{"TableName":"{}","Item":{}}})", shop::orders.name,
                                      client::ItemText()
                                          .text(shop::event::order_id, id)
                                          .text(shop::product::id, product.id)
                                          .text(shop::event::visitor_id, visitor_id(order))
                                          .number(shop::event::quantity, order.quantity)
                                          .cents(shop::event::unit_price, *cents)
                                          .number(shop::event::ordered_ms, base::system_clock().now().value)
                                          .done());
  // The id makes the order the same order however often it is placed.
  auto placed = api.call(aws::dynamodb_protocol, "PutItem", put);
  while (!placed && client::may_pass(placed.error()) && patience.next()) {
    placed = api.call(aws::dynamodb_protocol, "PutItem", put);
  }
  if (!placed) {
    group.orders_lost.insert(id);
    return std::unexpected(placed.error());
  }
  ++orders_acknowledged_;
  return {};
}

}  // namespace millrace::demo
