// How fast examples/shop/pricing.sql works through a log that is already full: clicks of 200 bytes over 2,000 products
// by a power law, 200,000 visitors, two shards, everything durable. Beside it, in the same run, the limit: a loop that
// reads the same blocks, decodes the same columns and counts per product, and keeps nothing. Prints one JSON object.
//
//   bench_job_throughput DIRECTORY [EVENTS]

#include <simdjson.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <boost/unordered/unordered_flat_map.hpp>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <thread>

#include "app/instance.h"
#include "app/project_files.h"
#include "base/clock.h"
#include "engine/jobs.h"
#include "log/log.h"
#include "stream/streams.h"
#include "table/table.h"

namespace millrace::bench {
namespace {

constexpr int products = 2'000;
constexpr int visitors = 200'000;
constexpr int events_per_ms = 20;  // of event time

template <class T>
T need(Result<T> result) {
  if (!result) {
    fmt::print(stderr, "bench_job_throughput: {}\n", result.error().message);
    std::exit(1);
  }
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

void make_table(table::Tables& tables, std::string name, std::string hash, std::string range = {}) {
  table::TableDefinition definition;
  definition.name = std::move(name);
  definition.hash_key = {std::move(hash), table::KeyType::string};
  if (!range.empty()) definition.range_key = table::KeyAttribute{std::move(range), table::KeyType::number};
  definition.change_feed = table::ViewType::new_image;
  tables.wait_durable(need(tables.create(definition))->commit);
}

void fill_catalog(table::Tables& tables) {
  for (int p = 0; p < products; ++p) {
    table::WriteRequest request;
    request.table = "ProductCatalog";
    request.item = {{"product_id", fmt::format("p{:05}", p)},
                    {"name", fmt::format("Product {}", p)},
                    {"category", fmt::format("category-{}", p % 20)},
                    {"list_price", need(table::Number::parse(fmt::format("{}.99", 5 + p % 200)))},
                    {"stock", int64_t{500}}};
    need(tables.write(request));
  }
  tables.flush();
}

void fill_log(log::Log& log, uint64_t events) {
  std::mt19937_64 random(7);
  std::uniform_real_distribution<double> uniform;
  std::vector<std::string> texts;
  std::vector<log::AppendRecord> records;
  constexpr size_t batch = 1'000;
  for (uint64_t done = 0; done < events; done += batch) {
    texts.clear();
    for (size_t i = 0; i < batch; ++i) {
      const int product = static_cast<int>(std::pow(products, uniform(random))) - 1;
      const uint64_t visitor = random() % visitors;
      texts.push_back(fmt::format(
          R"({{"event_id":"e-{:012}","event_type":"{}","product_id":"p{:05}","visitor_id":"visitor-{:08}",)"
          R"("event_ms":{},"price":{}.99,"session_id":"s-{:010}","page":"/products/p{:05}","referrer":"search"}})",
          done + i, uniform(random) < 0.9 ? "view" : "cart", product, visitor,
          1'764'000'000'000 + static_cast<int64_t>((done + i) / events_per_ms), 5 + product % 200, visitor * 31,
          product));
    }
    records.clear();
    for (const std::string& text : texts) records.push_back({ShardId(static_cast<uint32_t>(random() % 2)), "v", text});
    for (;;) {
      auto group = log.append(records);
      if (group) {
        log.flush();
        if (done % (batch * 20) == 0) log.wait_durable(*group);
        break;
      }
      if (group.error().kind != ErrorKind::throttled) need(std::move(group));
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  log.wait_durable(need(log.append({})));
}

double limit_events_per_s(log::Log& log) {
  struct Counts {
    uint64_t views = 0, carts = 0;
    int64_t last_ms = 0;
  };
  boost::unordered_flat_map<std::string, Counts> counts;
  simdjson::ondemand::parser parser;
  uint64_t events = 0;
  const int64_t start = base::system_clock().monotonic_ns();
  for (uint32_t shard = 0; shard < 2; ++shard) {
    SequenceNumber at;
    for (;;) {
      const auto blocks = need(log.read(ShardId(shard), at, size_t{1} << 20));
      if (blocks.empty()) break;
      for (const auto& block : blocks) {
        log::for_each_record(*block, at, [&](const log::Record& record) {
          simdjson::ondemand::document document;
          (void)parser.iterate(record.data.data(), record.data.size(), record.data.size() + simdjson::SIMDJSON_PADDING)
              .get(document);
          std::string_view type, product, visitor;
          int64_t ms = 0;
          (void)document["event_type"].get(type);
          (void)document["product_id"].get(product);
          (void)document["visitor_id"].get(visitor);
          (void)document["event_ms"].get(ms);
          Counts& count = counts[std::string(product)];
          (type == "view" ? count.views : count.carts) += 1;
          count.last_ms = std::max(count.last_ms, ms);
          ++events;
        });
        at = block->end();
      }
    }
  }
  return static_cast<double>(events) * 1e9 / static_cast<double>(base::system_clock().monotonic_ns() - start);
}

int run(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "usage: bench_job_throughput DIRECTORY [EVENTS]\n");
    return 2;
  }
  const uint64_t events = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 3'000'000;
  app::Configuration configuration;
  configuration.data_directory = argv[1];
  configuration.port = 0;
  configuration.dashboard = false;
  const auto instance = need(app::Instance::start(configuration));
  table::Tables& tables = instance->tables();
  make_table(tables, "Orders", "order_id");
  make_table(tables, "ProductCatalog", "product_id");
  make_table(tables, "ProductDemand", "product_id");
  make_table(tables, "ProductWindows", "product_id", "window_start");
  fill_catalog(tables);
  const auto stream = need(instance->streams().ensure("clickstream", 2));
  fill_log(*stream->log(), events);

  const double limit = limit_events_per_s(*stream->log());
  const int64_t start = base::system_clock().monotonic_ns();
  need(instance->jobs().submit("pricing", need(app::read_project_file("examples/shop/pricing.sql"))));
  engine::JobStatus status;
  do {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    status = instance->jobs().list().at(0);
    if (status.state == engine::JobState::failed) {
      fmt::print(stderr, "bench_job_throughput: {}\n", status.reason);
      return 1;
    }
  } while (status.rows_in < events || status.lag_records > 0);
  const double seconds = static_cast<double>(base::system_clock().monotonic_ns() - start) / 1e9;
  fmt::print(R"({{"mode":"job","events":{},"events_per_s":{:.0f},"limit_events_per_s":{:.0f},"rows_out":{}}})"
             "\n",
             events, static_cast<double>(events) / seconds, limit, status.rows_out);
  return 0;
}

}  // namespace
}  // namespace millrace::bench

int main(int argc, char** argv) {
  // The figures alone are printed.
  spdlog::set_default_logger(spdlog::stderr_color_mt("bench"));
  return millrace::bench::run(argc, argv);
}
