#include "log/journal.h"

#include "log/copy.h"

#include <fcntl.h>
#include <poll.h>

#include <algorithm>

namespace millrace::log {
namespace {

constexpr size_t low_shards_max = 4096;
constexpr size_t padding_bytes = 64;

size_t last_segment_bytes(const Recovered& recovered) {
  return recovered.segments.empty() ? 0 : recovered.segments.back().segment->groups_end;
}

}  // namespace

Journal::Journal(const LogOptions& options, std::unique_ptr<IoDriver> own_io, base::DirectoryLock lock,
                 Recovered recovered)
    : options_(options),
      own_io_(std::move(own_io)),
      io_(static_cast<DiskIo&>(own_io_ ? *own_io_ : *options.io)),
      clock_(options.clock != nullptr ? *options.clock : base::system_clock()),
      directory_lock_(std::move(lock)),
      history_(options.tail_bytes_max, io_.tails()),
      next_group_(recovered.next_group),
      durable_(recovered.next_group - 1),
      last_time_(recovered.last_time),
      trusted_time_(recovered.segments.empty() ? clock_.now() : ProcessingTime(recovered.last_time),
                    clock_.monotonic_ns()),
      store_({.directory = options.directory,
              .segment_bytes = options.segment_bytes,
              .next_id = recovered.next_id,
              .last_segment_bytes = last_segment_bytes(recovered),
              .free_files = recovered.free_files,
              .on_ready =
                  [this] {
                    Lock lock(mutex_);
                    if (waits_for_spare_) pump(lock);
                  },
              .on_closed = [this](const SegmentPtr& segment) { history_.closed(segment); }},
             io_.files(), io_.keeper()) {
  Lock guard(mutex_);
  for (const auto& [segment, spans] : recovered.segments) history_.restore(segment, spans);
  for (const auto& [shard, next] : recovered.next_sequences) add_shard_locked(ShardId(shard), next);
}

Journal::~Journal() {
  close();
}

Result<void> Journal::wait_for_first_segment() {
  TRY(store_.reserve(1));
  store_.wait_ready();
  return {};
}

size_t Journal::place_of(ShardId shard) const {
  if (shard.value < low_places_.size()) return low_places_[shard.value] - size_t{1};  // 0 becomes no_place
  if (shard.value < low_shards_max) return no_place;
  const auto found = high_places_.find(shard.value);
  return found == high_places_.end() ? no_place : found->second;
}

void Journal::add_shard_locked(ShardId shard, uint64_t next) {
  if (place_of(shard) != no_place) return;
  const auto place = static_cast<uint32_t>(shards_.size());
  shards_.push_back({shard, next});
  if (next > 0) numbered_shards_ += 1;
  if (shard.value < low_shards_max) {
    if (shard.value >= low_places_.size()) low_places_.resize(shard.value + 1);
    low_places_[shard.value] = place + 1;
  } else {
    high_places_[shard.value] = place;
  }
  history_.add_shard(shard, SequenceNumber(next));
}

class Journal::ShardsHold final : public Hold {
 public:
  ShardsHold(Journal& journal, GroupNumber from) : journal_(journal), from_(from) {}
  ~ShardsHold() override {
    for (const auto& [shard, end] : ends_) journal_.history_.release(shard, end);
    std::vector<ShardId> shards;
    for (const auto& [shard, end] : ends_) shards.push_back(shard);
    journal_.subscribers_.wake(shards);
  }
  GroupNumber from() const override { return from_; }
  void add(ShardId shard, SequenceNumber end) {
    if (journal_.history_.hold(shard, end)) ends_.emplace_back(shard, end);
  }

 private:
  Journal& journal_;
  const GroupNumber from_;
  std::vector<std::pair<ShardId, SequenceNumber>> ends_;
};

std::unique_ptr<Hold> Journal::hold(std::span<const ShardId> shards, std::optional<GroupNumber> from) {
  if (from) {
    auto hold = std::make_unique<ShardsHold>(*this, *from);
    for (const ShardId shard : shards) {
      // Where it cannot be found, nothing can be read either, and the reader is told why.
      if (const auto end = history_.first_of(shard, *from)) hold->add(shard, *end);
    }
    return hold;
  }
  Lock lock(mutex_);
  auto hold = std::make_unique<ShardsHold>(*this, GroupNumber(next_group_));
  for (const ShardId shard : shards) {
    const size_t place = place_of(shard);
    if (place != no_place) hold->add(shard, SequenceNumber(shards_[place].next - gathering_->count(place)));
  }
  return hold;
}

void Journal::add_shard(ShardId shard) {
  Lock lock(mutex_);
  add_shard_locked(shard, 0);
}

bool Journal::fits_active(const Need& need) const {
  return active_ &&
         active_end_ + need.bytes + footer_bytes(need.shards, active_groups_ + 1, active_blocks_ + need.blocks) <=
             active_->capacity;
}

size_t Journal::bytes_in_fresh(const Need& need) {
  return header_page_bytes + opening_bytes(need.shards) + need.bytes + footer_bytes(need.shards, 1, need.blocks);
}

Result<GroupNumber> Journal::append(std::span<const AppendRecord> records, std::span<SequenceNumber> sequences) {
  CHECK(sequences.empty() || sequences.size() == records.size());
  size_t payload_bytes = 0;
  for (const AppendRecord& record : records) payload_bytes += Gather::record_bytes(record.key, record.data);

  Lock lock(mutex_);
  TRY(accept(records, payload_bytes, lock));
  for (size_t i = 0; i < records.size(); ++i) {
    const AppendRecord& record = records[i];
    const size_t place = place_of(record.shard);
    Shard& shard = shards_[place];
    if (shard.next == 0) numbered_shards_ += 1;
    const uint64_t sequence = shard.next++;
    gathering_->add(place, record.shard.value, sequence, record.key, record.data);
    if (!sequences.empty()) sequences[i] = SequenceNumber(sequence);
  }
  return GroupNumber(gathering_->empty() ? next_group_ - 1 : next_group_);
}

// Returns when the records have their place in the group that gathers, in memory and on the disk; nothing that
// this takes from others is lost when it fails.
Result<void> Journal::accept(std::span<const AppendRecord> records, size_t payload_bytes, Lock& lock) {
  for (;;) {
    if (closed_) return fail(ErrorKind::unavailable, "the log {} is closed", options_.directory);
    append_count_ += 1;
    size_t new_blocks = 0;
    size_t shard_count = 0;
    for (const AppendRecord& record : records) {
      const size_t place = place_of(record.shard);
      if (place == no_place) {
        return fail(ErrorKind::invalid_argument, "the log {} has no shard {}", options_.directory, record.shard);
      }
      Shard& shard = shards_[place];
      if (shard.counted_by == append_count_) continue;
      shard.counted_by = append_count_;
      shard_count += 1;
      if (gathering_->count(place) == 0) new_blocks += 1;
    }
    if (const size_t alone = group_bytes(shard_count, payload_bytes); alone > options_.group_bytes_max) {
      return fail(ErrorKind::limit_exceeded, "an append of {} bytes: a group takes {}", alone,
                  options_.group_bytes_max);
    }
    Need need;
    need.blocks = gathering_->block_count() + new_blocks;
    need.bytes = group_bytes(need.blocks, gathering_->payload_bytes() + payload_bytes);
    need.shards = std::min(shards_.size(), numbered_shards_ + new_blocks);
    if (need.bytes + in_flight_bytes_ > options_.pending_bytes_max && (in_flight_ || !gathering_->empty())) {
      return fail(ErrorKind::throttled, "{} bytes wait for the disk", in_flight_bytes_ + gathering_->bytes());
    }
    if (need.bytes > options_.group_bytes_max) {
      // The group is full: it goes, if it can, and the records open the next one.
      flush_wanted_ = true;
      pump(lock);
      if (!gathering_->empty() && (in_flight_ || waits_for_spare_)) {
        return fail(ErrorKind::throttled, "{} bytes wait for the disk", in_flight_bytes_ + gathering_->bytes());
      }
      continue;
    }
    const size_t fresh_bytes = bytes_in_fresh(need);
    if (fits_active(need) || store_.reserved() >= fresh_bytes) return {};
    lock.unlock();
    const auto reserved = store_.reserve(fresh_bytes);
    lock.lock();
    TRY(reserved);
  }
}

void Journal::flush() {
  Lock lock(mutex_);
  if (gathering_->empty()) return;
  flush_wanted_ = true;
  pump(lock);
}

// Hands the gathered group to the disk if it is wanted there and nothing is on its way.
void Journal::pump(Lock& lock) {
  waits_for_spare_ = false;
  if (in_flight_ || !flush_wanted_ || gathering_->empty()) return;
  Need need;
  need.blocks = gathering_->block_count();
  need.bytes = gathering_->bytes();
  need.shards = numbered_shards_;
  std::string opening;
  if (!fits_active(need)) {
    SegmentPtr spare = store_.take();
    if (!spare && io_.uses_io_uring()) {
      waits_for_spare_ = true;  // the store's on_ready comes back here
      return;
    }
    while (!spare) {
      in_flight_ = true;
      lock.unlock();
      store_.wait_ready();
      lock.lock();
      in_flight_ = false;
      spare = store_.take();
      need.blocks = gathering_->block_count();
      need.bytes = gathering_->bytes();
    }
    opening = switch_to(std::move(spare));
  }
  flush_wanted_ = false;
  in_flight_ = true;
  in_flight_bytes_ = need.bytes;
  std::swap(gathering_, building_);
  GroupHeader header;
  header.life = active_->life;
  header.group = next_group_++;
  header.time = last_time_ = std::max(last_time_, clock_.now().value);
  header.flags = options_.durable && opening.empty() ? after_sync : 0;
  const uint64_t begin = active_end_;
  active_end_ += opening.size() + need.bytes;
  active_groups_ += 1;
  active_blocks_ += need.blocks;
  lock.unlock();

  opening_bytes_ = opening.size();
  image_bytes_ = opening.size() + need.bytes;
  image_ = io_.buffers().take(image_bytes_ + padding_bytes);
  std::memcpy(image_.get(), opening.data(), opening.size());
  building_->build(header, image_.get() + opening.size());
  std::memset(image_.get() + image_bytes_, 0, padding_bytes);
  building_->clear();

  DiskWrite::descriptor = active_->writing->descriptor();
  DiskWrite::bytes = {image_.get(), image_bytes_};
  DiskWrite::offset = begin;
  DiskWrite::sync = options_.durable;
  DiskWrite::path = active_->path;
  io_.submit(*this);
  lock.lock();
}

// Makes the spare the segment that is written; returns its opening.
std::string Journal::switch_to(SegmentPtr spare) {
  std::vector<OpeningShard> shards;
  for (size_t place = 0; place < shards_.size(); ++place) {
    const uint64_t next = shards_[place].next - gathering_->count(place);
    if (next == 0) continue;
    shards.push_back({shards_[place].id.value, 0, next});
  }
  if (active_) store_.close(std::move(active_), shards);
  Opening opening;
  opening.life = spare->life;
  opening.first_group = next_group_;
  opening.last_time = last_time_;
  // What an earlier run has written was synced when the log was opened.
  opening.flags = options_.durable || !active_written_ ? after_sync : 0;
  active_written_ = true;
  active_ = std::move(spare);
  active_end_ = header_page_bytes;
  active_groups_ = 0;
  active_blocks_ = 0;
  return encode_opening(opening, shards);
}

void Journal::on_written() {
  // A view into the image, so that the blocks share its memory.
  const auto group = parse_group({image_.get() + opening_bytes_, image_bytes_ - opening_bytes_}, active_->life);
  CHECK(group.has_value(), "the group that was just written");
  const auto offset = static_cast<uint32_t>(DiskWrite::offset + opening_bytes_);
  history_.publish(active_, offset, *group, std::shared_ptr<const char[]>(image_), image_bytes_);
  std::vector<ShardId> shards;
  if (!subscribers_.empty()) {
    for (const BlockHeader& block : group->blocks) shards.emplace_back(block.shard);
  }
  const uint64_t number = group->header.group;
  image_ = nullptr;

  Lock lock(mutex_);
  finishing_ += 1;
  in_flight_ = false;
  in_flight_bytes_ = 0;
  durable_ = number;
  woken_.insert(woken_.end(), shards.begin(), shards.end());
  while (!waiters_.empty() && waiters_.front().group <= number) {
    due_.push_back(std::move(waiters_.front().done));
    waiters_.pop_front();
  }
  // Before anybody is told, so that the disk works meanwhile.
  pump(lock);
  changed_.notify_all();
  announce(lock);
  finishing_ -= 1;
  changed_.notify_all();
}

// One thread at a time, so that nobody hears of a later group first.
void Journal::announce(Lock& lock) {
  if (announcing_) return;
  announcing_ = true;
  while (!due_.empty() || !woken_.empty()) {
    const auto due = std::exchange(due_, {});
    auto woken = std::exchange(woken_, {});
    lock.unlock();
    for (const auto& done : due) done();
    if (!woken.empty()) {
      std::ranges::sort(woken);
      woken.erase(std::ranges::unique(woken).begin(), woken.end());
      subscribers_.wake(woken);
    }
    lock.lock();
  }
  announcing_ = false;
}

GroupNumber Journal::appended_group() const {
  Lock lock(mutex_);
  return GroupNumber(gathering_->empty() ? next_group_ - 1 : next_group_);
}

void Journal::when_durable(GroupNumber group, std::function<void()> done) {
  {
    Lock lock(mutex_);
    if (group.value > durable_) {
      const auto at = std::ranges::upper_bound(waiters_, group.value, {}, &Waiter::group);
      waiters_.insert(at, {group.value, std::move(done)});
      return;
    }
  }
  done();
}

void Journal::wait_durable(GroupNumber group) {
  if (group.value <= durable_) return;
  Lock lock(mutex_);
  const auto reached = [&] { return durable_ >= group.value; };
  if (!gathering_->empty()) flush_wanted_ = true;
  pump(lock);
  if (io_.attended() || !io_.uses_io_uring()) {
    changed_.wait(lock, reached);
  } else {
    reap_until(reached, lock);
  }
}

void Journal::reap_until(const std::function<bool()>& done, Lock& lock) {
  while (!done()) {
    lock.unlock();
    // A completion that another thread reaps shows within the timeout.
    constexpr int timeout_ms = 5;
    pollfd wait{io_.event_descriptor(), POLLIN, 0};
    ::poll(&wait, 1, timeout_ms);
    io_.reap();
    lock.lock();
  }
}

Result<std::vector<BlockPtr>> Journal::read(ShardId shard, SequenceNumber from, size_t bytes_max) const {
  return history_.read(shard, from, bytes_max);
}

Result<ShardRange> Journal::range(ShardId shard) const {
  return history_.range(shard);
}

Result<SequenceNumber> Journal::find(ShardId shard, ProcessingTime time) const {
  return history_.find(shard, time);
}

Result<void> Journal::replay(GroupNumber after,
                             const std::function<Result<void>(GroupNumber, std::span<const BlockPtr>)>& apply) const {
  return history_.replay(after, apply);
}

std::unique_ptr<Subscription> Journal::subscribe(std::optional<ShardId> shard, std::function<void()> wake) {
  return subscribers_.add(shard, std::move(wake));
}

Result<void> Journal::trim(ProcessingTime before, GroupNumber group) {
  {
    Lock lock(mutex_);
    if (next_group_ == group_at_last_trim_ && gathering_->empty() && !in_flight_) {
      gathering_->let_go();
      building_->let_go();
    }
    group_at_last_trim_ = next_group_;
    const ProcessingTime wall = clock_.now();
    const int64_t age_ms = std::max<int64_t>(wall.value - before.value, 0);
    const ProcessingTime trusted = trusted_time_.at(wall, clock_.monotonic_ns(), age_ms);
    before = ProcessingTime(before.value - std::max<int64_t>(wall.value - trusted.value, 0));
  }
  auto segments = history_.trim(before, group);
  if (!segments.empty()) store_.remove(std::move(segments));
  return {};
}

Result<void> Journal::copy_to(const std::string& directory, const std::stop_token& stop) const {
  const auto extents = history_.extents();
  TRY(copy_segments(extents, directory, stop));
  // Of a log that has nothing yet, one that has nothing: with its first segment, as any.
  if (extents.empty()) TRY(open_log({.directory = directory, .segment_bytes = options_.segment_bytes}));
  return {};
}

void Journal::close() {
  {
    Lock lock(mutex_);
    if (closed_) return;
    closed_ = true;
    if (!gathering_->empty()) flush_wanted_ = true;
    pump(lock);
    reap_until([this] { return gathering_->empty() && !in_flight_ && finishing_ == 0; }, lock);
  }
  store_.stop();
  directory_lock_.release();
}

Result<std::unique_ptr<Log>> open_log(const LogOptions& options) {
  // Offsets in a segment are 32 bits wide.
  constexpr size_t bytes_max = size_t{1} << 30;
  if (options.segment_bytes > bytes_max || options.group_bytes_max > bytes_max) {
    return fail(ErrorKind::invalid_argument, "a segment and a group take at most {} bytes", bytes_max);
  }
  TRY(base::make_directories(options.directory));
  TRY_ASSIGN(auto lock, base::DirectoryLock::acquire(options.directory));
  std::unique_ptr<IoDriver> own_io;
  if (options.io == nullptr) {
    TRY_ASSIGN(own_io, make_io_driver());
    own_io->start_thread();
  }
  // Every IoDriver is made by make_io_driver().
  const DiskIo& io = static_cast<DiskIo&>(own_io ? *own_io : *options.io);
  TRY_ASSIGN(auto recovered, recover(options.directory, io.files()));
  const bool is_new = recovered.next_id == 1;
  if (is_new && options.made) {
    return fail(ErrorKind::corrupt, "{}: the log's segments (segment-*.log) are gone", options.directory);
  }
  auto journal = std::make_unique<Journal>(options, std::move(own_io), std::move(lock), std::move(recovered));
  if (is_new) TRY(journal->wait_for_first_segment());
  return journal;
}

}  // namespace millrace::log
