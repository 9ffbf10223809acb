// What the journal alone takes, without sockets, signatures or JSON: the limit for durable ingest on this disk. Batches
// of records are appended with a few under way at a time, as many as the load has connections. Prints one JSON object.
//
//   bench_log_limit DIRECTORY --batch 500 --bytes 200 --depth 4 --seconds 3

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/clock.h"
#include "log/log.h"

namespace millrace::bench {
namespace {

int run(int argc, char** argv) {
  int batch = 500, bytes = 200, depth = 4;
  double seconds = 3;
  if (argc < 2) {
    fmt::print(stderr, "usage: bench_log_limit DIRECTORY [--batch N] [--bytes N] [--depth N] [--seconds S]\n");
    return 2;
  }
  for (int i = 2; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    if (name == "--batch") batch = std::atoi(argv[i + 1]);
    if (name == "--bytes") bytes = std::atoi(argv[i + 1]);
    if (name == "--depth") depth = std::atoi(argv[i + 1]);
    if (name == "--seconds") seconds = std::atof(argv[i + 1]);
  }
  auto opened = log::open_log({.directory = argv[1]});
  if (!opened) {
    fmt::print(stderr, "bench_log_limit: {}\n", opened.error().message);
    return 1;
  }
  log::Log& log = **opened;
  const std::string data(static_cast<size_t>(bytes), 'x');
  std::vector<log::AppendRecord> records;
  for (int i = 0; i < batch; ++i) records.push_back({ShardId(static_cast<uint32_t>(i % 4)), "user-12345", data});
  for (uint32_t shard = 0; shard < 4; ++shard) log.add_shard(ShardId(shard));

  base::Clock& clock = base::system_clock();
  const int64_t end = clock.monotonic_ns() + static_cast<int64_t>(seconds * 1e9);
  const int64_t start = clock.monotonic_ns();
  std::vector<GroupNumber> under_way;
  uint64_t batches = 0;
  while (clock.monotonic_ns() < end) {
    if (static_cast<int>(under_way.size()) == depth) {
      log.wait_durable(under_way.front());
      std::erase_if(under_way, [&](GroupNumber group) { return group <= log.durable_group(); });
    }
    auto group = log.append(records);
    if (!group) {
      fmt::print(stderr, "bench_log_limit: {}\n", group.error().message);
      return 1;
    }
    log.flush();
    under_way.push_back(*group);
    ++batches;
  }
  for (const GroupNumber group : under_way) log.wait_durable(group);
  const double took = static_cast<double>(clock.monotonic_ns() - start) / 1e9;
  fmt::print(R"({{"mode":"log_limit","batch":{},"depth":{},"batches_per_s":{:.0f},"records_per_s":{:.0f}}})"
             "\n",
             batch, depth, static_cast<double>(batches) / took, static_cast<double>(batches) * batch / took);
  return 0;
}

}  // namespace
}  // namespace millrace::bench

int main(int argc, char** argv) {
  // The figures alone are printed.
  spdlog::set_default_logger(spdlog::stderr_color_mt("bench"));
  return millrace::bench::run(argc, argv);
}
