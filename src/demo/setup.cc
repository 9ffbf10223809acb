#include "demo/setup.h"

#include <simdjson.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "base/clock.h"
#include "client/items.h"

namespace millrace::demo {

namespace {

constexpr size_t batch_items_max = 25;
constexpr int64_t table_ready_ms_max = 10'000;

const std::vector<TableToMake> shop_tables = {
    {"ProductCatalog", {{"product_id"}}},
    {"Orders", {{"order_id"}}},
    {"ProductDemand", {{"product_id"}}},
    {"ProductWindows", {{"product_id"}, {"window_start", 'N'}}},
    {"PriceHistory", {{"product_id"}, {"version", 'N'}}},
    {"FlaggedVisitors", {{"visitor_id"}}},
};

// Leaves `number` as it is if there is none of that name.
template <class T>
void read_number(simdjson::dom::element object, const char* name, T& number) {
  T found{};
  if (!object[name].get(found)) number = found;
}

Result<void> put_batch(client::Api& api, std::string_view puts) {
  std::string items = fmt::format(R"({{"ProductCatalog":[{}]}})", puts);
  for (client::Patience patience(table_ready_ms_max);;) {
    TRY_ASSIGN(const std::string answer,
               api.call(aws::dynamodb_protocol, "BatchWriteItem", fmt::format(R"({{"RequestItems":{}}})", items)));
    simdjson::dom::parser parser;
    simdjson::dom::object rest;
    if (parser.parse(answer)["UnprocessedItems"].get(rest) || rest.size() == 0) return {};
    if (!patience.next()) return fail(ErrorKind::throttled, "the table ProductCatalog takes no more items");
    items = simdjson::minify(rest);
  }
}

Result<void> fill_catalog(client::Api& api, const ShopCatalog& catalog) {
  size_t there = 0;
  TRY(client::scan_table(api, "ProductCatalog", [&](client::JsonItem) -> Result<void> {
    ++there;
    return {};
  }));
  if (there > 0) return {};
  std::string puts;
  for (size_t i = 0; i < catalog.size(); ++i) {
    const ShopProduct& product = catalog[i];
    const std::string price = client::cents_text(product.list_price_cents);
    std::string name;
    std::string category;
    aws::append_json_string(name, product.name);
    aws::append_json_string(category, product.category);
    if (!puts.empty()) puts += ',';
    puts += fmt::format(
        R"({{"PutRequest":{{"Item":{{"product_id":{{"S":"{}"}},"name":{{"S":{}}},"category":{{"S":{}}},)"
        R"("list_price":{{"N":"{}"}},"stock":{{"N":"{}"}},"price":{{"N":"{}"}},"price_version":{{"N":"0"}},)"
        R"("price_reason":{{"S":"list price"}}}}}}}})",
        product.id, name, category, price, product.stock, price);
    if ((i + 1) % batch_items_max == 0 || i + 1 == catalog.size()) {
      TRY(put_batch(api, puts));
      puts.clear();
    }
  }
  return {};
}

}  // namespace

Result<void> ensure_table(client::Api& api, const TableToMake& table) {
  std::string attributes;
  std::string schema;
  for (const TableKey& key : table.key) {
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
  TRY(client::ensure_stream(api, demo_stream, demo_shards));
  for (const TableToMake& table : shop_tables) TRY(ensure_table(api, table));
  for (const std::string& name : failure_tables) TRY(ensure_table(api, {name, {{"mapping"}, {"batch"}}}));
  TRY(fill_catalog(api, catalog));

  std::string body = fmt::format(R"({{"Name":"{}","Script":)", demo_job);
  aws::append_json_string(body, script);
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
