// The log alone: clients that append, readers that follow, retention, and restarts.
//
// What must hold: a record that was acknowledged or read is there after every restart, once, in its place and with its
// bytes; what is there is a prefix of the groups, over all shards; nothing younger than the retention is dropped,
// however the wall clock jumps; readers hear of every record; and there is an end to every wait.

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <set>
#include <thread>

#include "files.h"
#include "io.h"
#include "log/log.h"
#include "scenario.h"
#include "threads.h"
#include "world.h"

namespace millrace::simulation {
namespace {

constexpr uint32_t shards = 3;
constexpr int64_t hour_ns = int64_t{3'600} * 1'000'000'000;
const std::string directory = simulated_root + "/log";

struct Entry {
  uint64_t id = 0;  // 0: accepted by the log, and its client died before it knew
  uint64_t group = 0;
  int64_t at_ms = 0;
};

// What was promised of a shard, and what may be there.
struct Shard {
  explicit Shard(std::pmr::memory_resource* memory) : entries(memory), attempts(memory) {}
  std::pmr::vector<Entry> entries;  // by sequence number
  std::pmr::set<uint64_t> attempts;
  uint64_t promised = 0;  // acknowledged or read
};

std::string text_of(uint64_t id) {
  const uint64_t size = mix(id) % 16 == 0 ? mix(id) % 9'000 : mix(id) % 300;
  std::string text = fmt::format("{}:", id);
  for (uint64_t i = 0; i < size; ++i) text.push_back(static_cast<char>(mix(id + (i >> 3)) >> (i % 8 * 8)));
  return text;
}
uint64_t id_in(std::string_view text) {
  uint64_t id = 0;
  std::from_chars(text.data(), text.data() + text.size(), id);
  return id;
}

int64_t now_ms() {
  return world().now_ns / 1'000'000;
}

class LogScenario final : public Scenario {
 public:
  explicit LogScenario(std::pmr::memory_resource* memory) {
    for (uint32_t n = 0; n < shards; ++n) shards_[n].emplace(memory);
  }

  uint64_t operations_of_a_life() const override { return 250; }
  uint64_t capacity_bytes_least() const override { return 256 << 10; }

  void live(bool) override {
    Random& random = world().work;
    auto io = random.one_in(4) ? *log::make_io_driver(log::IoMode::blocking, limits()) : make_simulated_io(limits());
    log::LogOptions options;
    options.directory = directory;
    options.segment_bytes = 64 << 10;
    options.group_bytes_max = 32 << 10;
    options.pending_bytes_max = 48 << 10;
    options.tail_bytes_max = 16 << 10;
    options.io = io.get();
    auto opened = log::open_log(options);
    if (!opened) {
      if (is_excused(opened.error())) return;
      broken_because("the log does not open: " + opened.error().message);
    }
    log::Log& log = **opened;
    for (uint32_t n = 0; n < shards; ++n) log.add_shard(ShardId(n));
    check_recovered(log);
    check_records(log);

    following_ = true;
    std::vector<std::thread> readers;
    for (uint32_t n = 0; n < shards; ++n) readers.emplace_back([&, n] { follow(log, n); });
    std::vector<std::thread> clients;
    const uint64_t client_count = 1 + random.below(3);
    for (uint64_t n = 0; n < client_count; ++n) clients.emplace_back([&] { append_now_and_then(log); });
    clients.emplace_back([&] { keep_house(log); });
    for (std::thread& client : clients) client.join();
    {
      std::lock_guard lock(mutex_);
      following_ = false;
    }
    changed_.notify_all();
    for (std::thread& reader : readers) reader.join();
    check_records(log);
    log.close();
  }

 private:
  static log::IoLimits limits() { return {.cold_files_max = 2, .tail_bytes_max = 32 << 10}; }

  void check_recovered(log::Log& log) {
    const uint64_t group = log.durable_group().value;
    if (group < promised_group_) {
      broken_because(fmt::format("group {} was promised, and {} is the last one", promised_group_, group));
    }
    promised_group_ = group;
    for (uint32_t n = 0; n < shards; ++n) {
      Shard& shard = *shards_[n];
      const uint64_t end = log.range(ShardId(n))->end.value;
      if (end < shard.promised) {
        broken_because(fmt::format("shard {}: {} records were promised, {} are there", n, shard.promised, end));
      }
      if (end > shard.entries.size()) shard.entries.resize(end);  // of clients that died
      for (uint64_t i = 0; i < shard.entries.size(); ++i) {
        const Entry& entry = shard.entries[i];
        if (entry.id != 0 && (entry.group <= group) != (i < end)) {
          broken_because(fmt::format("shard {}: record {} is of group {}; the shard ends at {}, the log with group {}",
                                     n, i, entry.group, end, group));
        }
      }
      shard.entries.resize(end);
      shard.promised = end;
    }
  }

  // All that is there, against all that was written.
  void check_records(log::Log& log) {
    for (uint32_t n = 0; n < shards; ++n) {
      SequenceNumber at = log.range(ShardId(n))->oldest;
      check_oldest(n, at);
      const uint64_t end = log.range(ShardId(n))->end.value;
      at = read_on(log, n, at);
      if (at.value < end) broken_because(fmt::format("shard {}: reading ends at {} of {}", n, at, end));
    }
  }

  void check_oldest(uint32_t n, SequenceNumber oldest) const {
    const Shard& shard = *shards_[n];
    for (uint64_t i = 0; i < std::min<uint64_t>(oldest.value, shard.entries.size()); ++i) {
      if (shard.entries[i].at_ms > may_drop_before_ms_) {
        broken_because(fmt::format("shard {}: record {} of {} was dropped; only those before {} may go", n, i,
                                   shard.entries[i].at_ms, may_drop_before_ms_));
      }
    }
  }

  // Reads to the end; returns where that is.
  SequenceNumber read_on(log::Log& log, uint32_t n, SequenceNumber at) {
    Shard& shard = *shards_[n];
    for (;;) {
      const auto blocks = log.read(ShardId(n), at, 1 + world().work.below(8'000));
      if (!blocks) {
        if (blocks.error().kind == ErrorKind::trimmed) {
          const SequenceNumber oldest = log.range(ShardId(n))->oldest;
          if (oldest <= at) broken_because(fmt::format("shard {}: {} is said to be trimmed", n, at));
          check_oldest(n, oldest);
          at = oldest;
          continue;
        }
        if (!is_excused(blocks.error())) broken_because("a read fails: " + blocks.error().message);
        sleep_ns(1'000'000);
        if (++refused_reads_ > 1'000) return log.range(ShardId(n))->end;
        continue;
      }
      if (blocks->empty()) return at;
      for (const log::BlockPtr& block : *blocks) {
        if (block->end() <= at) broken_because(fmt::format("shard {}: a block before {}", n, at));
        log::for_each_record(*block, at, [&](const log::Record& record) {
          check_record(n, record);
          at = record.sequence.next();
        });
        promised_group_ = std::max(promised_group_, block->group.value);
      }
      shard.promised = std::max(shard.promised, at.value);
    }
  }

  void check_record(uint32_t n, const log::Record& record) {
    Shard& shard = *shards_[n];
    const uint64_t at = record.sequence.value;
    const uint64_t id = id_in(record.data);
    if (record.data != text_of(id)) broken_because(fmt::format("shard {}: record {} has other bytes", n, at));
    if (at >= shard.entries.size()) shard.entries.resize(at + 1);
    Entry& entry = shard.entries[at];
    if (entry.id == 0 && shard.attempts.erase(id) == 1) entry.id = id;
    if (entry.id != id) broken_because(fmt::format("shard {}: record {} is {} instead of {}", n, at, id, entry.id));
  }

  void follow(log::Log& log, uint32_t n) {
    bool woken = false;
    const auto subscription = log.subscribe(ShardId(n), [&] {
      {
        std::lock_guard lock(mutex_);
        woken = true;
      }
      changed_.notify_all();
    });
    SequenceNumber at = log.range(ShardId(n))->end;
    for (bool wanted = true; wanted;) {
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return woken || !following_; });
        wanted = following_ || woken;
        woken = false;
      }
      at = read_on(log, n, at);
    }
    if (at.value < shards_[n]->promised) broken_because(fmt::format("shard {}: its reader was not woken", n));
  }

  void append_now_and_then(log::Log& log) {
    Random& random = world().work;
    const uint64_t appends = 5 + random.below(40);
    std::mutex mutex;
    std::condition_variable durable;
    uint64_t outstanding = 0;
    for (uint64_t i = 0; i < appends; ++i) {
      struct Sent {
        uint32_t shard;
        uint64_t id;
        std::string text;
      };
      std::vector<Sent> sent(1 + random.below(5));
      std::vector<log::AppendRecord> records;
      for (Sent& each : sent) {
        each = {static_cast<uint32_t>(random.below(shards)), ++last_id_, text_of(last_id_)};
        shards_[each.shard]->attempts.insert(each.id);
      }
      for (const Sent& each : sent) records.push_back({ShardId(each.shard), "key", each.text});
      std::vector<SequenceNumber> sequences(sent.size());
      const int64_t at_ms = now_ms();
      const auto group = log.append(records, sequences);
      if (!group) {
        for (const Sent& each : sent) shards_[each.shard]->attempts.erase(each.id);
        // Too much waits for the disk, at any time.
        const bool waits = group.error().kind == ErrorKind::throttled;
        if (!is_excused(group.error()) && !waits) {
          broken_because("an append fails: " + group.error().message);
        }
        sleep_ns(1'000'000);
        continue;
      }
      for (size_t k = 0; k < sent.size(); ++k) {
        Shard& shard = *shards_[sent[k].shard];
        const uint64_t at = sequences[k].value;
        if (at >= shard.entries.size()) shard.entries.resize(at + 1);
        Entry& entry = shard.entries[at];
        if (entry.id != 0 && entry.id != sent[k].id) broken_because(fmt::format("{} was given twice", at));
        entry = {sent[k].id, group->value, at_ms};
        shard.attempts.erase(sent[k].id);
      }
      const auto acknowledge = [this, group = group->value, sent, sequences] {
        promised_group_ = std::max(promised_group_, group);
        for (size_t k = 0; k < sent.size(); ++k) {
          uint64_t& promised = shards_[sent[k].shard]->promised;
          promised = std::max(promised, sequences[k].value + 1);
        }
      };
      if (random.one_in(3)) {
        log.wait_durable(*group);
        acknowledge();
      } else {
        ++outstanding;
        log.when_durable(*group, [&, acknowledge] {
          acknowledge();
          std::lock_guard lock(mutex);
          --outstanding;
          durable.notify_all();
        });
        if (!random.one_in(4)) log.flush();
      }
      if (random.one_in(3)) sleep_ns(random.between(0, 3'000'000));
    }
    log.flush();
    std::unique_lock lock(mutex);
    durable.wait(lock, [&] { return outstanding == 0; });
  }

  // Retention, and somebody who sets the clock.
  void keep_house(log::Log& log) {
    Random& random = world().work;
    const uint64_t rounds = random.below(12);
    const int64_t retention_ms = random.between(1, 60);
    for (uint64_t i = 0; i < rounds; ++i) {
      sleep_ns(random.between(0, 20'000'000));
      // Once: after a restart nothing tells a second jump from the time that the first one was wrong.
      if (world().wall_ahead_ns == 0 && random.one_in(10)) world().wall_ahead_ns = random.between(-3, 3) * hour_ns;
      const int64_t wall_ms = now_ms() + world().wall_ahead_ns / 1'000'000;
      may_drop_before_ms_ = std::max(may_drop_before_ms_, now_ms() + 1 - retention_ms);
      const auto trimmed = log.trim(ProcessingTime(wall_ms - retention_ms), log.durable_group());
      if (!trimmed) broken_because("trim fails: " + trimmed.error().message);
    }
  }

  std::optional<Shard> shards_[shards];
  uint64_t promised_group_ = 0;
  uint64_t last_id_ = 0;
  int64_t may_drop_before_ms_ = 0;
  uint64_t refused_reads_ = 0;

  // Of one incarnation.
  std::mutex mutex_;
  std::condition_variable changed_;
  bool following_ = false;
};

}  // namespace

bool is_excused(const Error& error) {
  const World& w = world();
  if (w.refused && (error.kind == ErrorKind::disk_full || error.kind == ErrorKind::throttled)) return true;
  return w.disk_has_failed && error.kind == ErrorKind::io;
}

Scenario* make_log_scenario() {
  std::pmr::memory_resource* const memory = world().memory;
  return new (memory->allocate(sizeof(LogScenario), alignof(LogScenario))) LogScenario(memory);
}

}  // namespace millrace::simulation
