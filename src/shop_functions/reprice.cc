#include "shop_functions/reprice.h"

#include <simdjson.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "client/api.h"
#include "client/runtime_client.h"
#include "table/item_json.h"
#include "table/number.h"

namespace millrace::shop_functions {

namespace {

constexpr std::string_view catalog_table = "ProductCatalog";
constexpr std::string_view history_table = "PriceHistory";
constexpr size_t batch_get_keys_max = 100;  // as DynamoDB has it

const table::AttributeValue* find(const table::Item& item, std::string_view name) {
  const auto found = item.find(name);
  return found == item.end() ? nullptr : &found->second;
}

std::optional<int64_t> whole(const table::Item& item, std::string_view name) {
  const auto* const value = find(item, name);
  const auto* const number = value == nullptr ? nullptr : value->number();
  return number == nullptr ? std::nullopt : number->to_int64();
}

double real(const table::Item& item, std::string_view name) {
  const auto* const value = find(item, name);
  const auto* const number = value == nullptr ? nullptr : value->number();
  return number == nullptr ? 0 : number->to_double();
}

std::optional<int64_t> cents(const table::Item& item, std::string_view name) {
  constexpr int64_t cents_max = 1'000'000'000'000;  // far from what multiplication could make overflow
  const auto* const value = find(item, name);
  const auto* const number = value == nullptr ? nullptr : value->number();
  const auto decimal = number == nullptr ? std::nullopt : number->to_decimal(2);
  if (!decimal || *decimal < 0 || *decimal > cents_max) return std::nullopt;
  return static_cast<int64_t>(*decimal);
}

// nullopt also for an amount that is not in whole cents.
std::optional<int64_t> exact_cents(const table::Item& item, std::string_view name) {
  const auto rounded = cents(item, name);
  if (!rounded || *find(item, name)->number() != table::Number(*rounded, 2)) return std::nullopt;
  return rounded;
}

std::optional<std::string> text(const table::Item& item, std::string_view name) {
  const auto* const value = find(item, name);
  const auto* const string = value == nullptr ? nullptr : value->string();
  return string == nullptr ? std::nullopt : std::optional(*string);
}

table::AttributeValue money(int64_t cents) {
  return table::Number(cents, 2);
}

// Figures for people: six digits are enough, and what is no number any more is shown as 0.
table::AttributeValue figure(double value) {
  constexpr double figure_max = 1e15;
  if (!std::isfinite(value)) value = 0;
  const auto number = table::Number::parse(fmt::format("{:.6g}", std::clamp(value, -figure_max, figure_max)));
  return number ? *number : table::Number();
}

pricing::Signals signals_of(const table::Item& image) {
  pricing::Signals signals;
  signals.fast = {real(image, "views"), real(image, "cart_adds"), real(image, "units")};
  signals.slow = {real(image, "slow_views"), real(image, "slow_cart_adds"), real(image, "slow_units")};
  signals.first_event_ms = whole(image, "first_event_ms").value_or(0);
  signals.last_event_ms = whole(image, "last_event_ms").value_or(0);
  signals.list_price_cents = cents(image, "list_price").value_or(0);
  signals.stock = whole(image, "stock");
  return signals;
}

// Adds the items of a page of a Scan; the key to go on from, "" at the end.
Result<std::string> add_page(std::string answer, std::vector<table::Item>& items) {
  simdjson::padded_string padded(answer);
  simdjson::ondemand::parser parser;
  simdjson::ondemand::document document;
  simdjson::ondemand::array page;
  const auto unreadable = [] { return fail(ErrorKind::internal, "Scan answered what cannot be read"); };
  if (parser.iterate(padded).get(document) || document["Items"].get_array().get(page)) return unreadable();
  for (auto element : page) {
    simdjson::ondemand::object item;
    if (element.get_object().get(item)) return unreadable();
    TRY_ASSIGN(items.emplace_back(), table::item_from_json(item));
  }
  simdjson::ondemand::object key;
  std::string_view raw;
  if (document["LastEvaluatedKey"].get_object().get(key)) return std::string();
  if (key.raw_json().get(raw)) return unreadable();
  return std::string(raw);
}

// Adds the items of a BatchGetItem answer; what is to be asked again goes to `unprocessed`, as the next RequestItems.
Result<void> add_items(std::string answer, std::vector<table::Item>& items, std::string& unprocessed) {
  simdjson::padded_string padded(answer);
  simdjson::ondemand::parser parser;
  simdjson::ondemand::document document;
  simdjson::ondemand::object object;
  const auto unreadable = [] { return fail(ErrorKind::internal, "BatchGetItem answered what cannot be read"); };
  if (parser.iterate(padded).get(document) || document.get_object().get(object)) return unreadable();
  for (auto field : object) {
    std::string_view key;
    if (field.unescaped_key().get(key)) return unreadable();
    simdjson::ondemand::object value;
    if (field.value().get_object().get(value)) continue;
    if (key == "UnprocessedKeys") {
      std::string_view raw;
      bool empty = true;
      if (value.is_empty().get(empty) || value.raw_json().get(raw)) return unreadable();
      if (!empty) unprocessed = raw;
    } else if (key == "Responses") {
      simdjson::ondemand::array array;
      if (value[catalog_table].get_array().get(array)) continue;
      for (auto element : array) {
        simdjson::ondemand::object item;
        if (element.get_object().get(item)) return unreadable();
        TRY_ASSIGN(items.emplace_back(), table::item_from_json(item));
      }
    }
  }
  return {};
}

// ProductCatalog by the API, as any client would read it.
class CatalogReader {
 public:
  explicit CatalogReader(const client::Endpoint& endpoint) : api_(endpoint) {}

  Result<std::vector<table::Item>> read(std::span<const std::string> product_ids) {
    std::vector<table::Item> items;
    for (size_t from = 0; from < product_ids.size(); from += batch_get_keys_max) {
      const auto some = product_ids.subspan(from, std::min(batch_get_keys_max, product_ids.size() - from));
      std::string keys;
      for (const std::string& product_id : some) {
        keys += keys.empty() ? "" : ",";
        table::put_json(keys, table::Item{{"product_id", product_id}});
      }
      std::string request = fmt::format(R"({{"{}":{{"Keys":[{}],"ConsistentRead":true}}}})", catalog_table, keys);
      constexpr int calls_max = 20;
      for (int call = 0; !request.empty(); ++call) {
        if (call == calls_max) return fail(ErrorKind::throttled, "BatchGetItem keeps leaving keys unprocessed");
        TRY_ASSIGN(std::string answer,
                   client::call_dynamodb(api_, "BatchGetItem", R"({"RequestItems":)" + request + "}"));
        request.clear();
        TRY(add_items(std::move(answer), items, request));
      }
    }
    return items;
  }

  Result<std::vector<table::Item>> read_off_list() {
    std::vector<table::Item> items;
    std::string next;
    do {
      std::string request =
          fmt::format(R"({{"TableName":"{}","ConsistentRead":true,"FilterExpression":)"
                      R"("attribute_exists(policy_price) AND attribute_exists(price) AND price <> list_price"{}}})",
                      catalog_table, next.empty() ? "" : R"(,"ExclusiveStartKey":)" + next);
      TRY_ASSIGN(std::string answer, client::call_dynamodb(api_, "Scan", std::move(request)));
      TRY_ASSIGN(next, add_page(std::move(answer), items));
    } while (!next.empty() && items.size() < Repricer::products_max / 2);
    return items;
  }

 private:
  client::Api api_;
};

void put_price_update(std::string& out, const std::string& product_id, const Repricer::Priced& before,
                      const pricing::Decision& decision, int64_t event_ms, int64_t version) {
  table::Item values = {
      {":price", money(decision.price_cents)},
      {":version", version},
      {":reason", decision.reason},
      {":now", event_ms},
  };
  if (decision.held) {
    values.emplace(":usual", figure(decision.held->count));
    values.emplace(":since", decision.held->since_ms);
  }
  if (before.version) values.emplace(":before", *before.version);
  if (before.in_catalog) values.emplace(":seen", money(before.price.price_cents));
  out += R"({"Update":{"TableName":")";
  out += catalog_table;
  out += R"(","Key":)";
  table::put_json(out, table::Item{{"product_id", product_id}});
  out += R"(,"UpdateExpression":"SET price = :price, policy_price = :price, price_version = :version, )"
         R"(price_reason = :reason, priced_ms = :now, caused_by_event_ms = :now)";
  out += decision.held ? ", price_baseline = :usual, price_baseline_ms = :since REMOVE "
                       : " REMOVE price_baseline, price_baseline_ms, ";
  out += R"(price_override, price_override_since_ms","ConditionExpression":")";
  out += before.version ? "price_version = :before" : "attribute_not_exists(price_version)";
  out += before.in_catalog ? " AND price = :seen" : " AND attribute_not_exists(price)";
  out += R"(","ExpressionAttributeValues":)";
  table::put_json(out, values);
  out += "}}";
}

void put_override(std::string& out, const std::string& product_id, const Repricer::Priced& seen, int64_t event_ms) {
  const table::Item values = {
      {":seen", money(seen.price.price_cents)}, {":now", event_ms}, {":reason", "set by hand: left alone"}};
  out += R"({"Update":{"TableName":")";
  out += catalog_table;
  out += R"(","Key":)";
  table::put_json(out, table::Item{{"product_id", product_id}});
  out += R"(,"UpdateExpression":"SET price_override = :seen, price_override_since_ms = :now, price_reason = :reason",)"
         R"("ConditionExpression":"price = :seen","ExpressionAttributeValues":)";
  table::put_json(out, values);
  out += "}}";
}

void put_history(std::string& out, const std::string& product_id, const Repricer::Priced& before,
                 const pricing::Decision& decision, int64_t event_ms, int64_t version, int64_t now_ms) {
  table::List guardrails;
  for (const std::string_view guardrail : decision.guardrails) guardrails.emplace_back(std::string(guardrail));
  const pricing::Proposal& proposal = decision.proposal;
  const table::Item item = {
      {"product_id", product_id},
      {"version", version},
      {"price_before", money(before.price.price_cents)},
      {"price_after", money(decision.price_cents)},
      {"reason", decision.reason},
      {"demand", figure(proposal.demand)},
      {"baseline", figure(proposal.baseline)},
      {"score", figure(proposal.score)},
      {"multiplier", figure(proposal.multiplier)},
      {"proposed_price", money(proposal.price_cents)},
      {"guardrails", std::move(guardrails)},
      {"views", figure(before.signals.fast.views)},
      {"cart_adds", figure(before.signals.fast.cart_adds)},
      {"units", figure(before.signals.fast.units)},
      {"caused_by_event_ms", event_ms},
      {"decided_ms", now_ms},
  };
  out += R"({"Put":{"TableName":")";
  out += history_table;
  out += R"(","Item":)";
  table::put_json(out, item);
  out += "}}";
}

}  // namespace

Repricer::Repricer(pricing::Rules rules, ReadCatalog read_catalog, ReadOffList read_off_list, base::Clock& clock)
    : rules_(rules), read_catalog_(std::move(read_catalog)), read_off_list_(std::move(read_off_list)), clock_(clock) {}

Result<std::vector<Repricer::Demand>> Repricer::read_event(std::string_view event) const {
  const auto unreadable = [](std::string_view what) {
    return fail(ErrorKind::invalid_argument, "the event is none of a change feed: {}", what);
  };
  simdjson::ondemand::parser parser;
  simdjson::ondemand::document document;
  simdjson::ondemand::array records;
  if (parser.iterate(event.data(), event.size(), event.size() + simdjson::SIMDJSON_PADDING).get(document) ||
      document["Records"].get_array().get(records)) {
    return unreadable("no Records");
  }
  std::vector<Demand> demands;
  std::unordered_map<std::string, size_t> places;
  for (auto record : records) {
    simdjson::ondemand::object change;
    if (record["dynamodb"].get_object().get(change)) return unreadable("a record without `dynamodb`");
    simdjson::ondemand::object image;
    if (change["NewImage"].get_object().get(image)) continue;  // removed: nothing to price
    TRY_ASSIGN(const table::Item item, table::item_from_json(image));
    auto product_id = text(item, "product_id");
    if (!product_id) return unreadable("an item without product_id");
    const auto [place, is_new] = places.emplace(*product_id, demands.size());
    if (is_new) demands.push_back({std::move(*product_id), {}});
    demands[place->second].signals = signals_of(item);
  }
  std::erase_if(demands, [](const Demand& demand) { return demand.signals.list_price_cents <= 0; });
  return demands;
}

Result<void> Repricer::learn_prices(std::span<const Demand> demands) {
  if (prices_.size() + demands.size() > products_max) {
    prices_.clear();
    away_.clear();
    off_list_known_ = false;
    TRY(learn_off_list());
  }
  std::vector<std::string> unknown;
  const int64_t now_ms = clock_.now().value;
  for (const Demand& demand : demands) {
    const auto known = prices_.find(demand.product_id);
    if (known == prices_.end() || (known->second.by_hand && now_ms - known->second.read_ms >= hand_price_recheck_ms)) {
      unknown.push_back(demand.product_id);
    }
  }
  if (unknown.empty()) return {};
  TRY_ASSIGN(const std::vector<table::Item> items, read_catalog_(unknown));
  for (const table::Item& item : items) learn(item);
  return {};
}

// The product's id; nullopt: the item has none.
std::optional<std::string> Repricer::learn(const table::Item& item) {
  auto product_id = text(item, "product_id");
  if (!product_id) return std::nullopt;
  Priced priced;
  // A product without a price is sold at its list price.
  const std::optional<int64_t> list = cents(item, "list_price");
  // Not rounded: the update's condition names the price as it stands.
  const std::optional<int64_t> price = exact_cents(item, "price");
  const std::optional<int64_t> decided = cents(item, "policy_price");
  priced.price.price_cents = price.value_or(list.value_or(0));
  priced.in_catalog = find(item, "price") != nullptr;
  priced.by_hand = priced.in_catalog && (!price || (decided && price != decided && price != list));
  priced.recorded = !price || cents(item, "price_override") == price;
  priced.read_ms = clock_.now().value;
  priced.price.priced_ms = whole(item, "priced_ms");
  if (const auto since_ms = whole(item, "price_baseline_ms"); since_ms && find(item, "price_baseline") != nullptr) {
    priced.price.held = {real(item, "price_baseline"), *since_ms};
  }
  priced.version = whole(item, "price_version");
  priced.signals.list_price_cents = list.value_or(0);
  priced.signals.stock = whole(item, "stock");
  priced.signals.last_event_ms = priced.price.priced_ms.value_or(0);
  prices_.insert_or_assign(*product_id, std::move(priced));
  return product_id;
}

// Once, so that what an earlier process has left off its list price comes home, too.
Result<void> Repricer::learn_off_list() {
  if (off_list_known_) return {};
  TRY_ASSIGN(const std::vector<table::Item> items, read_off_list_());
  for (const table::Item& item : items) {
    const auto product_id = learn(item);
    if (!product_id) continue;
    const Priced& priced = prices_.at(*product_id);
    note_away(*product_id, priced, !priced.by_hand);
  }
  off_list_known_ = true;
  return {};
}

// A process that starts does not know how long there have been events, so for it they begin with the first one it sees.
void Repricer::note_traffic(std::vector<Demand>& demands) {
  std::vector<int64_t> times;
  for (const Demand& demand : demands) times.push_back(demand.signals.last_event_ms);
  std::ranges::sort(times);
  for (const int64_t time_ms : times) {
    if (!newest_event_ms_ || time_ms - *newest_event_ms_ > rules_.guardrails.traffic_gap_ms)
      traffic_since_ms_ = time_ms;
    newest_event_ms_ = std::max(newest_event_ms_.value_or(time_ms), time_ms);
  }
  for (Demand& demand : demands) demand.signals.traffic_since_ms = traffic_since_ms_;
}

void Repricer::note_away(const std::string& product_id, const Priced& priced, bool away) {
  const std::pair entry(priced.signals.last_event_ms, product_id);
  if (!away) {
    away_.erase(entry);
  } else if (away_.size() < products_max) {
    away_.insert(entry);
  }
}

void Repricer::put_decision(std::string& effects, const std::string& product_id, Priced& priced,
                            const pricing::Decision& decision, int64_t event_ms) {
  const int64_t version = priced.version.value_or(0) + 1;
  effects += effects.empty() ? "" : ",";
  put_price_update(effects, product_id, priced, decision, event_ms, version);
  effects += ',';
  put_history(effects, product_id, priced, decision, event_ms, version, clock_.now().value);
  priced.price = {decision.price_cents, event_ms, decision.held};
  // As the catalog keeps it, so that a process that reads it there decides alike.
  if (priced.price.held) priced.price.held->count = figure(priced.price.held->count).number()->to_double();
  priced.in_catalog = true;
  priced.version = version;
}

// Those whose last event is longest ago, and long enough.
void Repricer::send_home(std::string& effects) {
  if (!newest_event_ms_) return;
  const int64_t due_ms = *newest_event_ms_ - rules_.guardrails.return_after_ms;
  std::vector<std::string> due;
  for (const auto& [event_ms, product_id] : away_) {
    if (event_ms > due_ms || due.size() == returns_max) break;
    due.push_back(product_id);
  }
  for (const std::string& product_id : due) {
    Priced& priced = prices_.at(product_id);
    const auto decision = pricing::go_home(rules_, priced.signals, priced.price, *newest_event_ms_);
    if (decision.changed) put_decision(effects, product_id, priced, decision, *newest_event_ms_);
    note_away(product_id, priced, priced.price.price_cents != decision.proposal.rest_cents);
  }
}

Result<std::string> Repricer::handle(std::string_view event) {
  TRY_ASSIGN(std::vector<Demand> demands, read_event(event));
  TRY(learn_off_list());
  TRY(learn_prices(demands));
  note_traffic(demands);
  std::string effects;
  for (const Demand& demand : demands) {
    const auto known = prices_.find(demand.product_id);
    if (known == prices_.end()) continue;  // not in the catalog: there is nothing to sell
    Priced& priced = known->second;
    note_away(demand.product_id, priced, false);
    priced.signals = demand.signals;
    if (priced.by_hand) {
      if (!std::exchange(priced.recorded, true)) {
        effects += effects.empty() ? "" : ",";
        put_override(effects, demand.product_id, priced, demand.signals.last_event_ms);
      }
      continue;
    }
    const pricing::Decision decision = pricing::decide(rules_, demand.signals, priced.price);
    if (decision.changed) put_decision(effects, demand.product_id, priced, decision, demand.signals.last_event_ms);
    note_away(demand.product_id, priced,
              priced.price.price_cents != pricing::resting_price(rules_.policy, demand.signals));
  }
  send_home(effects);
  if (effects.empty()) return "{}";
  return R"({"effects":[)" + effects + "]}";
}

int run_reprice() {
  std::map<std::string, std::string> variables;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    const size_t equals = std::min(text.find('='), text.size());
    variables.emplace(text.substr(0, equals), text.substr(std::min(equals + 1, text.size())));
  }
  const auto rules = pricing::rules_of_environment(variables);
  if (!rules) {
    fmt::print(stderr, "millrace reprice: {}\n", rules.error().message);
    return 2;
  }
  const auto endpoint = client::endpoint_of_environment();
  if (!endpoint) {
    fmt::print(stderr, "millrace reprice: {}\n", endpoint.error().message);
    return 2;
  }
  CatalogReader catalog(*endpoint);
  Repricer repricer(
      *rules, [&](std::span<const std::string> product_ids) { return catalog.read(product_ids); },
      [&] { return catalog.read_off_list(); }, base::system_clock());
  return client::run_event_loop([&](std::string_view event) { return repricer.handle(event); });
}

}  // namespace millrace::shop_functions
