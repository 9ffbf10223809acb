#include "stream/reader.h"

#include <algorithm>

#include "log/log.h"

namespace millrace::stream {

Reader::Reader(ShardSource source, SequenceNumber position)
    : source_(std::move(source)), next_(position), committed_(position.value) {}

const log::Record* Reader::decode() {
  for (; block_ < blocks_.size(); ++block_, opened_ = false) {
    const log::Block& block = *blocks_[block_];
    if (block.end() <= next_) continue;
    if (!opened_) {
      in_ = base::ByteReader(block.payload);
      number_ = 0;
      opened_ = true;
    }
    while (number_ < block.count) {
      record_ = log::next_record(in_, block, number_++);
      if (record_.sequence < next_) continue;
      shown_ = true;
      return &record_;
    }
  }
  return nullptr;
}

void Reader::pop() {
  CHECK(shown_, "nothing was shown");
  next_ = record_.sequence.next();
  arrived_ = record_.time;
  shown_ = false;
}

Result<bool> Reader::read(size_t bytes_max) {
  const SequenceNumber from = blocks_.empty() ? next_ : std::max(next_, blocks_.back()->end());
  TRY_ASSIGN(const auto blocks, source_.log->read(source_.id, from, bytes_max));
  blocks_.insert(blocks_.end(), blocks.begin(), blocks.end());
  return !blocks.empty();
}

void Reader::forget() {
  while (!blocks_.empty() && blocks_.front()->end() <= next_) {
    blocks_.pop_front();
    if (block_ > 0) {
      --block_;
    } else {
      opened_ = false;
    }
  }
}

void Reader::seek(SequenceNumber position) {
  if (position == next_) return;
  shown_ = false;
  opened_ = false;
  next_ = position;
  arrived_ = ProcessingTime(0);
  const auto found = std::ranges::find_if(blocks_, [&](const log::BlockPtr& block) { return block->end() > position; });
  if (found == blocks_.end() || (*found)->first > position) {
    blocks_.clear();
    block_ = 0;
    return;
  }
  block_ = static_cast<size_t>(found - blocks_.begin());
  // Nothing between the record before and this one came later.
  arrived_ = (*found)->time;
}

void Reader::commit() {
  committed_arrival_.store(arrived_.value, std::memory_order_relaxed);
  committed_.store(next_.value, std::memory_order_relaxed);
}

Reader::Lag Reader::lag(ProcessingTime now) const {
  const auto range = source_.log->range(source_.id);
  const SequenceNumber committed = this->committed();
  if (!range || range->end <= committed) return {};
  Lag lag{range->end.value - std::max(committed, range->oldest).value, 0};
  const int64_t arrival = committed_arrival_.load(std::memory_order_relaxed);
  if (arrival > 0) lag.ms = std::max<int64_t>(now.value - arrival, 0);
  return lag;
}

}  // namespace millrace::stream
