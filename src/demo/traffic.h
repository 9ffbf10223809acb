#pragma once
// The shop's shoppers on the wire: groups of them on threads of their own, whose clicks go to the stream in small
// batches, and whose orders go to the table `Orders` on a second thread per group, at the price that GetItem shows.
//
// Every click and order has an id that tells its group and number, so what was acknowledged is known without a list of
// all ids. What the server refuses for now is sent again; what nobody can know about (a lost connection) counts as not
// acknowledged.
//
// Threads: all public functions from one thread, the counters from any. Bounds: orders_waiting_max per group; a group
// that cannot keep up lets go of clicks that are older than debt_ms_max.

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "client/api.h"
#include "demo/ledger.h"
#include "demo/shop.h"

namespace millrace::demo {

struct TrafficOptions {
  client::Endpoint endpoint;
  std::string stream = "clickstream";
  uint64_t seed = 1;
  double rate = 2'000;  // clicks a second
  size_t shoppers = 20'000;
  size_t groups = 2;
  std::string id_prefix;  // tells runs on the same data apart
};

// What was acknowledged: the ids "<prefix>-<group>-<number>" with number < issued[group], except `lost`.
struct AcknowledgedIds {
  std::string prefix;
  std::vector<uint64_t> issued;
  std::set<std::string> lost;

  uint64_t count() const;
};

class DemoTraffic {
 public:
  static constexpr size_t orders_waiting_max = 512;
  static constexpr int64_t debt_ms_max = 500;

  DemoTraffic(TrafficOptions options, const ShopCatalog& catalog, const ShopPrices& prices, DemoLedger& ledger);
  ~DemoTraffic();

  void start();
  // Finishes what is under way. The error of a group that gave up.
  Result<void> stop();

  void set_rush(const ShopRush& rush);
  // When the first click of the rush that began last was acknowledged; 0: none yet.
  int64_t rush_acknowledged_ns() const { return rush_acknowledged_ns_; }

  uint64_t clicks_sent() const { return clicks_sent_; }
  uint64_t clicks_acknowledged() const { return clicks_acknowledged_; }
  uint64_t orders_sent() const { return orders_sent_; }
  uint64_t orders_acknowledged() const { return orders_acknowledged_; }
  // After stop():
  AcknowledgedIds clicks() const;
  AcknowledgedIds orders() const;

 private:
  struct Group {
    size_t index = 0;
    uint64_t clicks_issued = 0;
    uint64_t orders_issued = 0;
    std::set<std::string> clicks_lost;
    std::set<std::string> orders_lost;
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<ShopAction> orders;
    bool orders_ended = false;
    std::thread click_thread;
    std::thread order_thread;
  };
  struct Batch;

  void run_clicks(Group& group);
  void run_orders(Group& group);
  void add_click(Group& group, const ShopAction& action, Batch& batch) const;
  Result<void> send_clicks(client::Api& api, client::PutRecordsBody& body, Group& group, Batch& batch);
  Result<void> place_order(client::Api& api, Group& group, const ShopAction& order);
  void hand_over(Group& group, const ShopAction& order);
  void give_up(const Error& error);
  ShopRush rush() const;

  TrafficOptions options_;
  const ShopCatalog& catalog_;
  const ShopPrices& prices_;
  DemoLedger& ledger_;
  std::atomic<bool> stopping_ = false;
  std::atomic<int64_t> rush_product_ = -1;
  std::atomic<int64_t> rush_acknowledged_ns_ = 0;
  std::atomic<uint64_t> clicks_sent_ = 0;
  std::atomic<uint64_t> clicks_acknowledged_ = 0;
  std::atomic<uint64_t> orders_sent_ = 0;
  std::atomic<uint64_t> orders_acknowledged_ = 0;
  std::mutex failure_mutex_;
  std::optional<Error> failure_;
  std::vector<std::unique_ptr<Group>> groups_;
};

}  // namespace millrace::demo
