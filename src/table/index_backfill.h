#pragma once
// Enters the items of tables into indexes that were added to them, on a thread of its own, in pieces: each is one short
// transaction, which also notes how far it has come, so a restart goes on there. Writes meanwhile enter what they write
// themselves. One index at a time; the thread is started when there is one.
//
// Failure: a full disk, or one that is behind, is waited for; what else fails is logged, and tried again after the
// other indexes had their turn.

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "table/catalog.h"
#include "table/table.h"

namespace millrace::table {

class IndexBackfill {
 public:
  // Called on the thread when all items are in: takes the mark `backfilling` from the index.
  using Complete = std::function<Result<void>(const TableDefinition& table, store::Keyspace index)>;

  IndexBackfill(store::Store& store, Catalog& catalog, Complete complete);
  ~IndexBackfill();  // stops between two pieces

  void wake();  // looks for indexes that are to be filled
  void stop();

 private:
  // The index that is being filled.
  struct Work {
    TableStatePtr table;
    size_t index = 0;
    std::string next;  // the first key of the table that is not entered yet
    bool at_end = false;

    store::Keyspace keyspace() const { return table->definition->indexes[index].keyspace; }
  };
  // Durable commits, as the journal tells them; outlives this.
  struct Durable;

  void run();
  std::vector<Work> to_fill() const;
  Result<void> begin(Work& work);
  Result<bool> fill_piece(Work& work);  // false: the index is gone
  Result<void> fill(Work& work);
  bool wait_durable(CommitId commit);
  bool stopping() const;
  bool pause();  // before trying again; false: stopped

  store::Store& store_;
  Catalog& catalog_;
  const Complete complete_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool woken_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace millrace::table
