#pragma once
// Follows one shard from a position: what jobs, mappings and the live page read by. It reads on in the log, hands out
// the records in order where they lie, goes back for a second attempt, and says how far the shard has run ahead.
//
// Three places in the shard, in this order: committed(), where a restart would go on; the oldest record in memory; and
// next(), the record that peek() shows. What read() brought stays in memory, whatever retention does to the log, until
// forget().
//
// Threads: one at a time, except committed() and lag(), which any thread may call meanwhile. Bounds: as much as read()
// is told, and at least a block.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>

#include "base/bytes.h"
#include "base/error.h"
#include "base/ids.h"
#include "log/block.h"
#include "stream/source.h"

namespace millrace::stream {

class Reader {
 public:
  explicit Reader(ShardSource source, SequenceNumber position = {});

  const ShardSource& source() const { return source_; }

  // The next record if it is in memory; null: read() on. Valid until the next call of this object, what it points to as
  // long as its block.
  const log::Record* peek() { return shown_ ? &record_ : decode(); }
  // Goes on behind the record that peek() shows.
  void pop();
  const log::BlockPtr& block() const { return blocks_[block_]; }  // of the record that peek() shows
  SequenceNumber next() const { return next_; }

  // Brings about `bytes_max` more from the log; false: there is nothing more now. Errors as of log::Log::read(), after
  // which nothing has changed. trimmed: retention has passed next(); seek() to what the log still holds, or give up.
  Result<bool> read(size_t bytes_max);
  // Lets go what lies before next().
  void forget();
  // Goes to another record. One that is in memory still is taken from there.
  void seek(SequenceNumber position);

  // What lies before next() is done with, for good.
  void commit();
  SequenceNumber committed() const { return SequenceNumber(committed_.load(std::memory_order_relaxed)); }

  // Behind what is committed.
  struct Lag {
    uint64_t records = 0;  // that the log holds still
    int64_t ms = 0;  // how long they have been there: since the newest committed one came; 0: none was committed yet
  };
  Lag lag(ProcessingTime now) const;

 private:
  const log::Record* decode();

  const ShardSource source_;
  SequenceNumber next_;
  ProcessingTime arrived_{0};  // of the newest record before next_; 0: none was read

  std::deque<log::BlockPtr> blocks_;  // in memory, in order, without gaps
  size_t block_ = 0;                  // in blocks_: where next_ is, or will be
  bool opened_ = false;               // in_ and number_ are of that block
  base::ByteReader in_{std::string_view()};
  uint32_t number_ = 0;  // of the record in the block at which in_ stands
  log::Record record_;
  bool shown_ = false;  // record_ is the one at next_

  std::atomic<uint64_t> committed_;
  std::atomic<int64_t> committed_arrival_{0};
};

}  // namespace millrace::stream
