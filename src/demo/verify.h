#pragma once
// Computes naively what the demo's job and its functions must have concluded, from nothing but the events in the log
// and the orders in their table, read by the API; and compares every row. Shares no code with the engine.
//
// The decayed count of events at times t with half life h, as of the newest event T of the product, is the sum of
// 2^(-(T - t) / h): here in long double, one event after the other. It may differ by 1e-6, of the value or of one
// event, whichever is more; everything else must be equal.
//
// Pure, except verify(), which blocks on a connection of its own. One thread at a time. Memory grows with the events:
// about 40 bytes each.

#include <cstdint>
#include <map>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "client/api.h"
#include "demo/traffic.h"

namespace millrace::demo {

// What the shop's pipeline counts.
struct ShopEvent {
  enum class Kind : uint8_t { view, cart, order } kind = Kind::view;
  int64_t ms = 0;
  uint32_t visitor = 0;  // a number for each visitor_id
  int64_t quantity = 0;  // of an order
  int64_t unit_cents = 0;
};

struct NaiveDemand {
  long double views = 0, cart_adds = 0, units = 0;
  long double slow_views = 0, slow_cart_adds = 0, slow_units = 0;
  int64_t first_event_ms = 0;
  int64_t last_event_ms = 0;
};
struct NaiveWindow {
  int64_t views = 0, cart_adds = 0, visitors = 0, units = 0, revenue_cents = 0;
  bool empty = true;
  bool operator==(const NaiveWindow&) const = default;
};

class NaiveShop {
 public:
  static constexpr int64_t half_life_ms = 5'000;
  static constexpr int64_t slow_half_life_ms = 60'000;

  void add(const std::string& product, std::string_view visitor, ShopEvent event);
  std::vector<std::string> products() const;
  NaiveDemand demand(const std::string& product) const;
  NaiveWindow window(const std::string& product, int64_t start_ms, int64_t end_ms) const;

 private:
  std::map<std::string, std::vector<ShopEvent>, std::less<>> events_of_;
  std::map<std::string, uint32_t, std::less<>> visitors_;
};

// Which of the acknowledged ids have come by.
class IdsSeen {
 public:
  explicit IdsSeen(const AcknowledgedIds& ids);
  void see(std::string_view id);
  uint64_t missing() const;
  std::vector<std::string> some_missing(size_t count) const;

 private:
  const AcknowledgedIds& ids_;
  std::vector<std::vector<bool>> seen_;
};

struct VerifyOptions {
  client::Endpoint endpoint;
  std::string stream = "clickstream";
  AcknowledgedIds clicks;
  AcknowledgedIds orders;
  std::stop_token stop;
  uint64_t late_rows = 0;  // that the job dropped from windows: their windows are not compared
};

struct Verification {
  uint64_t rows_checked = 0;
  uint64_t mismatches = 0;
  uint64_t missing = 0;  // acknowledged, and not in the log or table
  uint64_t log_events = 0;
  std::vector<std::string> problems;  // the first ones, in words
};

// An error: something could not be read at all.
Result<Verification> verify(const VerifyOptions& options);

}  // namespace millrace::demo
