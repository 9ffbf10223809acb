#pragma once
// Follows the prices as any client of the shop can: the change feed of ProductCatalog by the DynamoDB Streams API, on a
// thread and a connection of its own, asked again half a millisecond after an empty answer.
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_GetRecords.html

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "client/api.h"
#include "demo/shop.h"

namespace millrace::demo {

struct PriceSeen {
  size_t product = 0;
  int64_t version = 0;
  int64_t before_cents = 0;
  int64_t cents = 0;
  std::string reason;
  EventTime cause;      // the newest event that the price knows of
  int64_t seen_ns = 0;  // monotonic: when the answer that carried it had come
};

class DemoPrices {
 public:
  using Listener = std::function<void(const PriceSeen&)>;  // on the follower's thread

  // Reads the current prices into `shown`, which the follower keeps up to date, and starts behind them.
  static Result<std::unique_ptr<DemoPrices>> start(const client::Endpoint& endpoint, const ShopCatalog& catalog,
                                                   ShopPrices& shown, Listener listener);
  ~DemoPrices();

  // Reads what is there, then ends. The error if reading failed.
  Result<void> stop();

  uint64_t changes() const { return changes_; }

 private:
  DemoPrices(const client::Endpoint& endpoint, const ShopCatalog& catalog, ShopPrices& shown, Listener listener);
  Result<void> open();
  Result<void> read_current();
  Result<void> run();
  Result<size_t> poll(std::string& iterator);

  client::Api api_;
  const ShopCatalog& catalog_;
  ShopPrices& shown_;
  Listener listener_;
  std::unordered_map<std::string, size_t> products_;  // by id
  std::vector<int64_t> versions_;
  std::map<std::string, std::string> iterators_;  // by shard
  std::atomic<uint64_t> changes_ = 0;
  std::atomic<bool> stopping_ = false;
  Result<void> outcome_;
  std::thread thread_;
};

}  // namespace millrace::demo
