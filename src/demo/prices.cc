#include "demo/prices.h"

#include <chrono>

#include "base/clock.h"
#include "client/items.h"
#include "shop/schema.h"

namespace millrace::demo {

namespace {

constexpr auto pause_when_empty = std::chrono::microseconds(500);
constexpr std::string_view table = shop::product_catalog.name;

Result<std::string> text_at(std::string_view operation, simdjson::simdjson_result<simdjson::dom::element> value) {
  std::string_view text;
  if (value.get(text)) return fail(ErrorKind::internal, "the answer to {} lacks something", operation);
  return std::string(text);
}

}  // namespace

DemoPrices::DemoPrices(const client::Endpoint& endpoint, const ShopCatalog& catalog, ShopPrices& shown,
                       Listener listener)
    : api_(endpoint), catalog_(catalog), shown_(shown), listener_(std::move(listener)), versions_(catalog.size(), 0) {
  for (size_t i = 0; i < catalog.size(); ++i) products_.emplace(catalog[i].id, i);
}

Result<std::unique_ptr<DemoPrices>> DemoPrices::start(const client::Endpoint& endpoint, const ShopCatalog& catalog,
                                                      ShopPrices& shown, Listener listener) {
  std::unique_ptr<DemoPrices> prices(new DemoPrices(endpoint, catalog, shown, std::move(listener)));
  TRY(prices->open());
  TRY(prices->read_current());
  prices->thread_ = std::thread([&self = *prices] { self.outcome_ = self.run(); });
  return prices;
}

DemoPrices::~DemoPrices() {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
}

Result<void> DemoPrices::stop() {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
  return outcome_;
}

Result<void> DemoPrices::open() {
  simdjson::dom::parser parser;
  TRY_ASSIGN(const std::string streams,
             api_.call(aws::dynamodb_streams_protocol, "ListStreams", fmt::format(R"({{"TableName":"{}"}})", table)));
  TRY_ASSIGN(const std::string arn, text_at("ListStreams", parser.parse(streams)["Streams"].at(0)["StreamArn"]));
  TRY_ASSIGN(const std::string described,
             api_.call(aws::dynamodb_streams_protocol, "DescribeStream", fmt::format(R"({{"StreamArn":"{}"}})", arn)));
  simdjson::dom::array shards;
  if (parser.parse(described)["StreamDescription"]["Shards"].get(shards)) {
    return fail(ErrorKind::internal, "the answer to DescribeStream has no Shards");
  }
  std::vector<std::string> ids;
  for (const simdjson::dom::element shard : shards) {
    TRY_ASSIGN(ids.emplace_back(), text_at("DescribeStream", shard["ShardId"]));
  }
  for (const std::string& id : ids) {
    TRY_ASSIGN(const std::string answer,
               api_.call(aws::dynamodb_streams_protocol, "GetShardIterator",
                         fmt::format(R"({{"StreamArn":"{}","ShardId":"{}","ShardIteratorType":"LATEST"}})", arn, id)));
    TRY_ASSIGN(iterators_[id], text_at("GetShardIterator", parser.parse(answer)["ShardIterator"]));
  }
  return {};
}

Result<void> DemoPrices::read_current() {
  return client::scan_table(api_, table, [&](client::JsonItem item) -> Result<void> {
    const auto id = client::attribute(item, "product_id");
    const auto cents = client::cents_attribute(item, shop::product::price);
    const auto product = id ? products_.find(std::string(*id)) : products_.end();
    if (product == products_.end() || !cents) return {};
    shown_.set(product->second, *cents);
    versions_[product->second] = client::integer_attribute(item, shop::product::price_version).value_or(0);
    return {};
  });
}

Result<void> DemoPrices::run() {
  for (;;) {
    const bool last_round = stopping_;
    size_t found = 0;
    for (auto& [shard, iterator] : iterators_) {
      auto got = poll(iterator);
      for (client::Patience patience(10'000); !got && client::may_pass(got.error()) && patience.next();)
        got = poll(iterator);
      if (!got) return std::unexpected(got.error());
      found += *got;
    }
    if (found > 0) continue;
    if (last_round) return {};
    std::this_thread::sleep_for(pause_when_empty);
  }
}

Result<size_t> DemoPrices::poll(std::string& iterator) {
  TRY_ASSIGN(const std::string answer, api_.call(aws::dynamodb_streams_protocol, "GetRecords",
                                                 fmt::format(R"({{"ShardIterator":"{}"}})", iterator)));
  const int64_t seen_ns = base::system_clock().monotonic_ns();
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  simdjson::dom::array records;
  if (parser.parse(answer).get(root) || root["Records"].get(records)) {
    return fail(ErrorKind::internal, "the answer to GetRecords has no Records");
  }
  TRY_ASSIGN(iterator, text_at("GetRecords", root["NextShardIterator"]));
  size_t count = 0;
  for (const simdjson::dom::element record : records) {
    ++count;
    client::JsonItem item;
    if (record["dynamodb"]["NewImage"].get(item)) continue;
    const auto id = client::attribute(item, "product_id");
    const auto cents = client::cents_attribute(item, shop::product::price);
    const auto version = client::integer_attribute(item, shop::product::price_version);
    const auto product = id ? products_.find(std::string(*id)) : products_.end();
    if (product == products_.end() || !cents || !version) continue;
    int64_t& known = versions_[product->second];
    if (*version <= known) continue;
    known = *version;
    PriceSeen seen;
    seen.product = product->second;
    seen.version = *version;
    seen.before_cents = shown_.cents(product->second);
    seen.cents = *cents;
    seen.reason = client::attribute(item, "price_reason").value_or("");
    seen.cause = EventTime(client::integer_attribute(item, shop::product::caused_by_event_ms).value_or(0));
    seen.seen_ns = seen_ns;
    shown_.set(product->second, *cents);
    ++changes_;
    listener_(seen);
  }
  return count;
}

}  // namespace millrace::demo
