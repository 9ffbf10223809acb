#pragma once
// What became of a run of the demo, for people and as JSON. Pure, except print_report().

#include <cstdint>
#include <string>

#include "demo/ledger.h"

namespace millrace::demo {

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
// One JSON object; null where there was nothing.
std::string json_of(const DemoReport& report);
void print_report(const DemoReport& report);  // to stderr

}  // namespace millrace::demo
