#pragma once
// `millrace demo`: a server, a shop on it, and what became of every click. Ends by itself or by a signal, checks every
// row that the job and the functions made, and reports.

#include <cstdint>
#include <string>

#include "app/demo_ledger.h"
#include "app/verify.h"

namespace millrace::app {

struct DemoOptions {
  int64_t for_ms = -1;  // below 0: until a signal comes
  bool json = false;    // the report on stdout
  uint64_t seed = 1;
  double rate = 2'000;  // clicks a second
  size_t products = 200;
  size_t shoppers = 0;         // 0: ten for each click a second
  std::string data_directory;  // empty: a temporary one, removed at the end
  std::string host = "127.0.0.1";
  uint16_t port = 4566;
  std::string dashboard_host = "127.0.0.1";
  uint16_t dashboard_port = 8080;
};

// 0: nothing acknowledged is missing and every row is as it must be.
int run_demo(const DemoOptions& options);

struct DemoReport {
  uint64_t sent = 0;  // clicks and orders
  uint64_t acknowledged = 0;
  uint64_t processed = 0;  // read by the job; more than acknowledged if the data are of several runs
  double events_per_s = 0;
  uint64_t orders = 0;
  uint64_t price_changes = 0;
  LatencySummary click_to_price;
  std::string rush_product;
  int64_t rush_before_cents = 0;
  int64_t rush_peak_cents = 0;
  double rush_reaction_ms = -1;  // below 0: no price was raised; null in JSON
  uint64_t rows_checked = 0;
  uint64_t mismatches = 0;
};
std::string json_of(const DemoReport& report);

}  // namespace millrace::app
