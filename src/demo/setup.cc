#include "demo/setup.h"

#include <simdjson.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "base/clock.h"
#include "base/json_string.h"
#include "client/items.h"
#include "shop/schema.h"

namespace millrace::demo {

namespace {

constexpr size_t batch_items_max = 25;
constexpr int64_t table_ready_ms_max = 10'000;

// Leaves `number` as it is if there is none of that name.
template <class T>
void read_number(simdjson::dom::element object, const char* name, T& number) {
  T found{};
  if (!object[name].get(found)) number = found;
}

Result<void> put_batch(client::Api& api, std::string_view puts) {
  std::string items = fmt::format(R"({{"{}":[{}]}})", shop::product_catalog.name, puts);
  for (client::Patience patience(table_ready_ms_max);;) {
    TRY_ASSIGN(const std::string answer,
               api.call(aws::dynamodb_protocol, "BatchWriteItem", fmt::format(R"({{"RequestItems":{}}})", items)));
    simdjson::dom::parser parser;
    simdjson::dom::object rest;
    if (parser.parse(answer)["UnprocessedItems"].get(rest) || rest.size() == 0) return {};
    if (!patience.next())
      return fail(ErrorKind::throttled, "the table {} takes no more items", shop::product_catalog.name);
    items = simdjson::minify(rest);
  }
}

Result<void> fill_catalog(client::Api& api, const ShopCatalog& catalog) {
  size_t there = 0;
  TRY(client::scan_table(api, shop::product_catalog.name, [&](client::JsonItem) -> Result<void> {
    ++there;
    return {};
  }));
  if (there > 0) return {};
  std::string puts;
  for (size_t i = 0; i < catalog.size(); ++i) {
    const ShopProduct& product = catalog[i];
    const std::string item = client::ItemText()
                                 .text(shop::product::id, product.id)
                                 .text(shop::product::name, product.name)
                                 .text(shop::product::category, product.category)
                                 .cents(shop::product::list_price, product.list_price_cents)
                                 .number(shop::product::stock, product.stock)
                                 .cents(shop::product::price, product.list_price_cents)
                                 .number(shop::product::price_version, 0)
                                 .text(shop::product::price_reason, "list price")
                                 .done();
    if (!puts.empty()) puts += ',';
    puts += fmt::format(R"({{"PutRequest":{{"Item":{}}}}})", item);
    if ((i + 1) % batch_items_max == 0 || i + 1 == catalog.size()) {
      TRY(put_batch(api, puts));
      puts.clear();
    }
  }
  return {};
}

}  // namespace

Result<void> ensure_table(client::Api& api, const shop::Table& table) {
  std::string attributes;
  std::string schema;
  for (const shop::Key& key : {table.hash, table.range}) {
    if (key.name.empty()) continue;
    if (!attributes.empty()) attributes += ',';
    attributes += fmt::format(R"({{"AttributeName":"{}","AttributeType":"{}"}})", key.name, key.type);
    schema += fmt::format(R"({}{{"AttributeName":"{}","KeyType":"{}"}})", schema.empty() ? "" : ",", key.name,
                          schema.empty() ? "HASH" : "RANGE");
  }
  const auto created = api.call(
      aws::dynamodb_protocol, "CreateTable",
      fmt::format(R"({{"TableName":"{}","BillingMode":"PAY_PER_REQUEST","AttributeDefinitions":[{}],"KeySchema":[{}],)"
                  R"("StreamSpecification":{{"StreamEnabled":true,"StreamViewType":"NEW_AND_OLD_IMAGES"}}}})",
                  table.name, attributes, schema));
  if (!created && created.error().kind != ErrorKind::already_exists) return std::unexpected(created.error());
  for (client::Patience patience(table_ready_ms_max);;) {
    TRY_ASSIGN(const std::string answer,
               api.call(aws::dynamodb_protocol, "DescribeTable", fmt::format(R"({{"TableName":"{}"}})", table.name)));
    simdjson::dom::parser parser;
    std::string_view status;
    if (parser.parse(answer)["Table"]["TableStatus"].get(status)) {
      return fail(ErrorKind::internal, "the answer to DescribeTable has no TableStatus");
    }
    if (status == "ACTIVE") return {};
    if (!patience.next()) return fail(ErrorKind::unavailable, "the table {} is still {}", table.name, status);
  }
}

Result<void> set_up_shop(client::Api& api, const std::set<std::string>& failure_tables, const ShopCatalog& catalog,
                         const std::string& script) {
  TRY(client::ensure_stream(api, shop::click_stream, demo_shards));
  for (const shop::Table& table : shop::tables) TRY(ensure_table(api, table));
  for (const std::string& name : failure_tables) TRY(ensure_table(api, {name, {"mapping"}, {"batch"}}));
  TRY(fill_catalog(api, catalog));

  std::string body = fmt::format(R"({{"Name":"{}","Script":)", shop::pricing_job);
  base::append_json_string(body, script);
  body += '}';
  const auto submitted = api.call(aws::millrace_protocol, "SubmitJob", body);
  if (!submitted && submitted.error().kind != ErrorKind::already_exists) return std::unexpected(submitted.error());
  return {};
}

Result<JobView> view_job(client::Api& api, std::string_view name) {
  TRY_ASSIGN(const std::string answer, api.call(aws::millrace_protocol, "ListJobs", "{}"));
  simdjson::dom::parser parser;
  simdjson::dom::array jobs;
  if (parser.parse(answer)["Jobs"].get(jobs)) return fail(ErrorKind::internal, "the answer to ListJobs has no Jobs");
  for (const simdjson::dom::element job : jobs) {
    std::string_view text;
    if (job["Name"].get(text) || text != name) continue;
    JobView view;
    if (!job["State"].get(text)) view.state = text;
    if (!job["Reason"].get(text)) view.reason = text;
    read_number(job, "LagRecords", view.lag_records);
    read_number(job, "RowsIn", view.rows_in);
    read_number(job, "LateRows", view.late_rows);
    read_number(job, "WatermarkDelayMs", view.watermark_delay_ms);
    read_number(job, "EventsPerSecond", view.events_per_s);
    return view;
  }
  return fail(ErrorKind::not_found, "there is no job `{}`", name);
}

Result<void> drain_job(client::Api& api, std::string_view name, int64_t wait_ms_max) {
  TRY(api.call(aws::millrace_protocol, "StopJob", fmt::format(R"({{"Name":"{}","Drain":true}})", name)));
  const int64_t until_ns = base::system_clock().monotonic_ns() + wait_ms_max * 1'000'000;
  for (;;) {
    TRY_ASSIGN(const JobView job, view_job(api, name));
    if (job.state == "finished") return {};
    if (job.state == "failed") return fail(ErrorKind::internal, "the job `{}` failed: {}", name, job.reason);
    if (base::system_clock().monotonic_ns() > until_ns) {
      return fail(ErrorKind::unavailable, "the job `{}` is still {} after {} s, {} records behind", name, job.state,
                  wait_ms_max / 1000, job.lag_records);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

}  // namespace millrace::demo
