#pragma once
// `millrace demo`: a server, a shop on it, and what became of every click. Ends by itself or by a signal, checks every
// row that the job and the functions made, and reports. base::block_stop_signals() was called.

#include <cstdint>
#include <string>

namespace millrace::app {

struct DemoOptions {
  static constexpr size_t products_max = 100'000;
  static constexpr double rate_max = 1'000'000;

  int64_t for_ms = -1;  // below 0: until a signal comes
  bool json = false;    // the report on stdout
  uint64_t seed = 1;
  double rate = 2'000;  // clicks a second
  size_t products = 200;
  size_t shoppers = 0;                      // 0: ten for each click a second
  std::string data_directory;               // empty: a temporary one, removed at the end
  uint64_t disk_bytes_max = 8'000'000'000;  // of the data directory; then the shop closes, as at the end of its time
  std::string host = "127.0.0.1";
  uint16_t port = 4566;
  bool dashboard = true;
  std::string dashboard_host = "127.0.0.1";
  uint16_t dashboard_port = 8080;
};

// 0: nothing acknowledged is missing and every row is as it must be.
int run_demo(const DemoOptions& options);

}  // namespace millrace::app
