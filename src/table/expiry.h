#pragma once
// Time to live: removes items whose time has come, on a thread of its own. The tables keep a hidden index by that time,
// so an item costs something when it goes and none is looked at before; a step is a short transaction of a few items,
// so after a crash it goes on by itself. The thread is started when a table has such items.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/TTL.html
//
// Failure: a disk that is full or behind is waited for; what else fails is logged and tried again.

#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/clock.h"
#include "table/catalog.h"
#include "table/table.h"

namespace millrace::table {

// How often is looked for them; so long an item may outlive its time, plus what a busy disk takes.
inline constexpr int64_t expiry_interval_ms = 5'000;

class Expiry {
 public:
  Expiry(store::Store& store, Catalog& catalog, base::Clock& clock) : store_(store), catalog_(catalog), clock_(clock) {}
  ~Expiry();

  void wake();  // looks now
  void stop();

  // One step over all tables; gives how many items went. One table's failure holds up no other, and is told when
  // nothing went. For tests, too.
  Result<size_t> step();

 private:
  void run();
  Result<size_t> expire_some(const TableStatePtr& state, const IndexDefinition& index);

  store::Store& store_;
  Catalog& catalog_;
  base::Clock& clock_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool woken_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

// The index that the tables keep for a table's attribute of time to live.
IndexDefinition expiry_index(const TableDefinition& table);

}  // namespace millrace::table
