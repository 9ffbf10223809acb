#include "shop/reprice.h"

#include <simdjson.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>

#include "client/api.h"
#include "client/runtime_client.h"
#include "shop/schema.h"

namespace millrace::shop {

namespace {

using client::ItemText;
using client::JsonItem;

constexpr size_t batch_get_keys_max = 100;  // as DynamoDB has it

// Not negative, and far from what multiplication could make overflow.
std::optional<int64_t> amount(std::optional<int64_t> cents) {
  constexpr int64_t cents_max = 1'000'000'000'000;
  return cents && *cents >= 0 && *cents <= cents_max ? cents : std::nullopt;
}

std::optional<int64_t> cents(JsonItem item, std::string_view name) {
  return amount(client::rounded_cents_attribute(item, name));
}

double real(JsonItem item, std::string_view name) {
  return client::real_attribute(item, name).value_or(0);
}

// Figures for people: six digits are enough, and what is no number any more is shown as 0.
std::string figure(double value) {
  constexpr double figure_max = 1e15;
  constexpr double figure_min = 1e-100;
  if (!std::isfinite(value) || std::abs(value) < figure_min) return "0";
  return fmt::format("{:.6g}", std::clamp(value, -figure_max, figure_max));
}

pricing::Signals signals_of(JsonItem image) {
  pricing::Signals signals;
  signals.fast = {real(image, demand::views), real(image, demand::cart_adds), real(image, demand::units)};
  signals.slow = {real(image, demand::slow_views), real(image, demand::slow_cart_adds),
                  real(image, demand::slow_units)};
  signals.first_event_ms = client::integer_attribute(image, demand::first_event_ms).value_or(0);
  signals.last_event_ms = client::integer_attribute(image, demand::last_event_ms).value_or(0);
  signals.list_price_cents = cents(image, product::list_price).value_or(0);
  signals.stock = client::integer_attribute(image, product::stock);
  return signals;
}

// Hands over the items of a BatchGetItem answer; what is to be asked again, as the next RequestItems, or nothing.
Result<std::string> take_items(const std::string& answer, const Repricer::Take& take) {
  const auto unreadable = [] { return fail(ErrorKind::internal, "BatchGetItem answered what cannot be read"); };
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  if (parser.parse(answer).get(root) || !root.is_object()) return unreadable();
  simdjson::dom::array items;
  if (!root["Responses"][product_catalog.name].get(items)) {
    for (const simdjson::dom::element element : items) {
      JsonItem item;
      if (element.get(item)) return unreadable();
      take(item);
    }
  }
  simdjson::dom::object unprocessed;
  if (root["UnprocessedKeys"].get(unprocessed) || unprocessed.size() == 0) return "";
  return simdjson::minify(unprocessed);
}

// Hands over the items of a page of a Scan; the key to go on from, "" at the end.
Result<std::string> take_page(const std::string& answer, const Repricer::Take& take) {
  const auto unreadable = [] { return fail(ErrorKind::internal, "Scan answered what cannot be read"); };
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  simdjson::dom::array page;
  if (parser.parse(answer).get(root) || root["Items"].get(page)) return unreadable();
  for (const simdjson::dom::element element : page) {
    JsonItem item;
    if (element.get(item)) return unreadable();
    take(item);
  }
  simdjson::dom::object key;
  if (root["LastEvaluatedKey"].get(key)) return "";
  return simdjson::minify(key);
}

// ProductCatalog by the API, as any client would read it.
class CatalogReader {
 public:
  explicit CatalogReader(const client::Endpoint& endpoint) : api_(endpoint) {}

  Result<void> read(std::span<const std::string> product_ids, const Repricer::Take& take) {
    for (size_t from = 0; from < product_ids.size(); from += batch_get_keys_max) {
      const auto some = product_ids.subspan(from, std::min(batch_get_keys_max, product_ids.size() - from));
      std::string keys;
      for (const std::string& product_id : some) {
        keys += keys.empty() ? "" : ",";
        keys += ItemText().text(product::id, product_id).done();
      }
      std::string request =
          fmt::format(R"({{"{}":{{"Keys":[{}],"ConsistentRead":true}}}})", product_catalog.name, keys);
      constexpr int calls_max = 20;
      for (int call = 0; !request.empty(); ++call) {
        if (call == calls_max) return fail(ErrorKind::throttled, "BatchGetItem keeps leaving keys unprocessed");
        TRY_ASSIGN(const std::string answer,
                   client::call_dynamodb(api_, "BatchGetItem", R"({"RequestItems":)" + request + "}"));
        TRY_ASSIGN(request, take_items(answer, take));
      }
    }
    return {};
  }

  Result<void> read_off_list(const Repricer::Take& take) {
    size_t items = 0;
    std::string next;
    do {
      const std::string request =
          fmt::format(R"({{"TableName":"{}","ConsistentRead":true,"FilterExpression":)"
                      R"("attribute_exists({}) AND attribute_exists({}) AND {} <> {}"{}}})",
                      product_catalog.name, product::policy_price, product::price, product::price, product::list_price,
                      next.empty() ? "" : R"(,"ExclusiveStartKey":)" + next);
      TRY_ASSIGN(const std::string answer, client::call_dynamodb(api_, "Scan", request));
      TRY_ASSIGN(next, take_page(answer, [&](JsonItem item) {
                   ++items;
                   take(item);
                 }));
    } while (!next.empty() && items < Repricer::products_max / 2);
    return {};
  }

 private:
  client::Api api_;
};

// An update of a product's item, up to its expressions.
std::string begin_update(const std::string& product_id) {
  return fmt::format(R"({{"Update":{{"TableName":"{}","Key":{},)", product_catalog.name,
                     ItemText().text(product::id, product_id).done());
}

void put_price_update(std::string& out, const std::string& product_id, const Repricer::Priced& before,
                      const pricing::Decision& decision, int64_t event_ms, int64_t version) {
  ItemText values;
  values.cents(":price", decision.price_cents)
      .number(":version", version)
      .text(":reason", decision.reason)
      .number(":now", event_ms);
  if (decision.held) values.number(":usual", figure(decision.held->count)).number(":since", decision.held->since_ms);
  if (before.version) values.number(":before", *before.version);
  if (before.in_catalog) values.cents(":seen", before.price.price_cents);
  out += begin_update(product_id);
  out += fmt::format(R"("UpdateExpression":"SET {0} = :price, {1} = :price, {2} = :version, {3} = :reason, )"
                     R"({4} = :now, {5} = :now)",
                     product::price, product::policy_price, product::price_version, product::price_reason,
                     product::priced_ms, product::caused_by_event_ms);
  out += decision.held
             ? fmt::format(", {} = :usual, {} = :since REMOVE ", product::price_baseline, product::price_baseline_ms)
             : fmt::format(" REMOVE {}, {}, ", product::price_baseline, product::price_baseline_ms);
  out += fmt::format(R"({}, {}",)", product::price_override, product::price_override_since_ms);
  out += fmt::format(R"("ConditionExpression":"{} AND {}","ExpressionAttributeValues":{}}}}})",
                     before.version ? fmt::format("{} = :before", product::price_version)
                                    : fmt::format("attribute_not_exists({})", product::price_version),
                     before.in_catalog ? fmt::format("{} = :seen", product::price)
                                       : fmt::format("attribute_not_exists({})", product::price),
                     values.done());
}

void put_override(std::string& out, const std::string& product_id, const Repricer::Priced& seen, int64_t event_ms) {
  ItemText values;
  values.cents(":seen", seen.price.price_cents).number(":now", event_ms).text(":reason", "set by hand: left alone");
  out += begin_update(product_id);
  out += fmt::format(
      R"("UpdateExpression":"SET {} = :seen, {} = :now, {} = :reason","ConditionExpression":"{} = :seen",)"
      R"("ExpressionAttributeValues":{}}}}})",
      product::price_override, product::price_override_since_ms, product::price_reason, product::price, values.done());
}

void put_history(std::string& out, const std::string& product_id, const Repricer::Priced& before,
                 const pricing::Decision& decision, int64_t event_ms, int64_t version, int64_t now_ms) {
  const pricing::Proposal& proposal = decision.proposal;
  ItemText item;
  item.text(product::id, product_id)
      .number(history::version, version)
      .cents(history::price_before, before.price.price_cents)
      .cents(history::price_after, decision.price_cents)
      .text("reason", decision.reason)
      .number("demand", figure(proposal.demand))
      .number("baseline", figure(proposal.baseline))
      .number("score", figure(proposal.score))
      .number("multiplier", figure(proposal.multiplier))
      .cents("proposed_price", proposal.price_cents)
      .texts("guardrails", decision.guardrails)
      .number(demand::views, figure(before.signals.fast.views))
      .number(demand::cart_adds, figure(before.signals.fast.cart_adds))
      .number(demand::units, figure(before.signals.fast.units))
      .number(product::caused_by_event_ms, event_ms)
      .number("decided_ms", now_ms);
  out += fmt::format(R"({{"Put":{{"TableName":"{}","Item":{}}}}})", price_history.name, item.done());
}

}  // namespace

Repricer::Repricer(pricing::Rules rules, ReadCatalog read_catalog, ReadOffList read_off_list, base::Clock& clock)
    : rules_(rules), read_catalog_(std::move(read_catalog)), read_off_list_(std::move(read_off_list)), clock_(clock) {}

Result<std::vector<Repricer::Demand>> Repricer::read_event(std::string_view event) const {
  const auto unreadable = [](std::string_view what) {
    return fail(ErrorKind::invalid_argument, "the event is none of a change feed: {}", what);
  };
  simdjson::dom::parser parser;
  simdjson::dom::array records;
  constexpr bool copy = false;  // it is followed by the bytes that the parser asks for
  if (parser.parse(event.data(), event.size(), copy)["Records"].get(records)) return unreadable("no Records");
  std::vector<Demand> demands;
  std::unordered_map<std::string, size_t> places;
  for (const simdjson::dom::element record : records) {
    simdjson::dom::object change;
    if (record["dynamodb"].get(change)) return unreadable("a record without `dynamodb`");
    JsonItem image;
    if (change["NewImage"].get(image)) continue;  // removed: nothing to price
    const auto product_id = client::text_attribute(image, product::id);
    if (!product_id) return unreadable("an item without product_id");
    const auto [place, is_new] = places.emplace(*product_id, demands.size());
    if (is_new) demands.push_back({place->first, {}});
    demands[place->second].signals = signals_of(image);
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
  return read_catalog_(unknown, [this](JsonItem item) { learn(item); });
}

// The product's id; nullopt: the item has none.
std::optional<std::string> Repricer::learn(JsonItem item) {
  const auto id = client::text_attribute(item, product::id);
  if (!id) return std::nullopt;
  std::string product_id(*id);
  Priced priced;
  // A product without a price is sold at its list price.
  const std::optional<int64_t> list = cents(item, product::list_price);
  // Not rounded: the update's condition names the price as it stands.
  const std::optional<int64_t> price = amount(client::cents_attribute(item, product::price));
  const std::optional<int64_t> decided = cents(item, product::policy_price);
  priced.price.price_cents = price.value_or(list.value_or(0));
  priced.in_catalog = !item.at_key(product::price).error();
  priced.by_hand = priced.in_catalog && (!price || (decided && price != decided && price != list));
  priced.recorded = !price || cents(item, product::price_override) == price;
  priced.read_ms = clock_.now().value;
  priced.price.priced_ms = client::integer_attribute(item, product::priced_ms);
  const auto since_ms = client::integer_attribute(item, product::price_baseline_ms);
  if (since_ms && !item.at_key(product::price_baseline).error()) {
    priced.price.held = {real(item, product::price_baseline), *since_ms};
  }
  priced.version = client::integer_attribute(item, product::price_version);
  priced.signals.list_price_cents = list.value_or(0);
  priced.signals.stock = client::integer_attribute(item, product::stock);
  priced.signals.last_event_ms = priced.price.priced_ms.value_or(0);
  prices_.insert_or_assign(product_id, priced);
  return product_id;
}

// Once, so that what an earlier process has left off its list price comes home, too.
Result<void> Repricer::learn_off_list() {
  if (off_list_known_) return {};
  TRY(read_off_list_([this](JsonItem item) {
    const auto product_id = learn(item);
    if (!product_id) return;
    const Priced& priced = prices_.at(*product_id);
    note_away(*product_id, priced, !priced.by_hand);
  }));
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
  if (priced.price.held) priced.price.held->count = std::strtod(figure(priced.price.held->count).c_str(), nullptr);
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
      *rules,
      [&](std::span<const std::string> product_ids, const Repricer::Take& take) {
        return catalog.read(product_ids, take);
      },
      [&](const Repricer::Take& take) { return catalog.read_off_list(take); }, base::system_clock());
  return client::run_event_loop([&](std::string_view event) { return repricer.handle(event); });
}

}  // namespace millrace::shop
