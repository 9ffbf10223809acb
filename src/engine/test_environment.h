#pragma once
// A store, tables and streams in a directory of their own, and short words for what jobs see. For tests only.

#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "connector/server_io.h"
#include "data/text.h"
#include "engine/environment.h"
#include "engine/lane.h"
#include "log/log.h"
#include "table/item_json.h"

namespace millrace::engine {

class TestEnvironment final : public Environment, public stream::Sources {
 public:
  TestEnvironment() {
    std::string pattern = testing::TempDir() + "engine_test_XXXXXX";
    root_ = mkdtemp(pattern.data());
    open();
  }
  // In a directory that somebody else made and will remove.
  explicit TestEnvironment(std::string root) : root_(std::move(root)), owned_(false) { open(); }
  ~TestEnvironment() override {
    close();
    if (owned_) std::filesystem::remove_all(root_);
  }

  Result<stream::Source> source(std::string_view name) override {
    std::lock_guard lock(streams_mutex_);
    const auto found = streams_.find(std::string(name));
    if (found == streams_.end()) return millrace::fail(ErrorKind::not_found, "there is no stream {}", name);
    const OpenStream& stream = found->second;
    return stream::Source{stream.id, stream.log.get(), stream.log, [set = stream.set] {
                            std::lock_guard lock(set->mutex);
                            return set->now;
                          }};
  }
  table::Tables& tables() { return *tables_; }
  const connector::Registry& connectors() override { return io_->connectors; }
  connector::Storage& storage() override { return io_->storage; }
  base::Clock& clock() override { return clock_; }

  void add_stream(const std::string& name, uint32_t shards) { add_stream(name, shards, next_id_++); }
  void add_stream(const std::string& name, uint32_t shards, uint64_t id) {
    add_stream(name, stream::ShardSet::equal(shards, clock_.now()), id);
  }
  void add_stream(const std::string& name, const stream::ShardSet& shards, uint64_t id) {
    OpenStream stream{id, open_log(name), std::make_shared<Shards>()};
    for (const stream::Shard& shard : shards.all()) stream.log->add_shard(shard.id);
    stream.set->now = std::make_shared<const stream::ShardSet>(shards);
    std::lock_guard lock(streams_mutex_);
    streams_[name] = std::move(stream);
  }
  // As stream::Streams does it: `edit` splits and merges.
  void change_shards(const std::string& name, const std::function<Result<void>(stream::ShardSet&)>& edit) {
    std::lock_guard lock(streams_mutex_);
    const OpenStream& stream = streams_.at(name);
    stream::ShardSet next = *stream.set->now;
    CHECK(edit(next));
    for (const stream::Shard& shard : std::vector(next.all())) {
      stream.log->add_shard(shard.id);
      if (shard.closed && !shard.end) next.set_end(shard.id, stream.log->range(shard.id)->end);
    }
    std::lock_guard shards_lock(stream.set->mutex);
    stream.set->now = std::make_shared<const stream::ShardSet>(std::move(next));
  }
  // A job may hold its log still.
  void remove_stream(const std::string& name) {
    std::lock_guard lock(streams_mutex_);
    streams_.at(name).log->close();
    std::filesystem::rename(directory_of(name), root_ + "/removed-" + std::to_string(next_id_++));
    streams_.erase(name);
  }
  void add_table(const std::string& name, table::KeyAttribute hash, std::optional<table::KeyAttribute> range = {},
                 std::optional<table::ViewType> feed = {}) {
    const auto made = tables_->create({.name = name, .hash_key = hash, .range_key = range, .change_feed = feed});
    CHECK(made, "{}", made.error().message);
  }

  // Appends durable records.
  void send(const std::string& stream, const std::vector<std::pair<uint32_t, std::string>>& records) {
    log::Log& log = *streams_.at(stream).log;
    std::vector<log::AppendRecord> appended;
    GroupNumber group;
    const auto flush = [&] {
      auto result = log.append(appended);
      while (!result && result.error().kind == ErrorKind::throttled) {
        log.wait_durable(group);
        result = log.append(appended);
      }
      CHECK(result, "{}", result.error().message);
      group = *result;
      appended.clear();
      log.flush();
    };
    for (const auto& [shard, json] : records) {
      appended.push_back({ShardId(shard), "k", json});
      if (appended.size() == 1000) flush();
    }
    if (!appended.empty()) flush();
    log.wait_durable(group);
  }
  void send(const std::string& stream, uint32_t shard, const std::string& json) { send(stream, {{shard, json}}); }

  void write(table::WriteRequest::Kind kind, const std::string& table, const std::string& item_json) {
    simdjson::ondemand::parser parser;
    const simdjson::padded_string text(item_json);
    auto document = parser.iterate(text);
    auto item = table::item_from_json(document.get_object().value());
    CHECK(item, "{}: {}", item_json, item.error().message);
    table::WriteRequest request;
    request.kind = kind;
    request.table = table;
    request.item = std::move(*item);
    const auto result = tables_->write(request);
    CHECK(result, "{}", result.error().message);
    tables_->wait_durable(result->commit);
  }

  // All items of a table as JSON lines, sorted.
  std::vector<std::string> rows(const std::string& table) {
    std::vector<std::string> lines;
    table::QueryRequest request;
    request.table = table;
    request.scan = true;
    for (;;) {
      auto page = tables_->query(request);
      CHECK(page, "{}", page.error().message);
      for (const table::Item& item : page->items) {
        std::string line;
        table::put_json(line, item);
        lines.push_back(std::move(line));
      }
      if (!page->last_evaluated_key) break;
      request.exclusive_start_key = page->last_evaluated_key;
    }
    std::sort(lines.begin(), lines.end());
    return lines;
  }

  // Closes and opens everything, as a restart of the server does.
  void reopen() {
    std::map<std::string, std::pair<uint64_t, stream::ShardSetPtr>> before;
    for (const auto& [name, stream] : streams_) before[name] = {stream.id, stream.set->now};
    close();
    open();
    for (const auto& [name, stream] : before) add_stream(name, *stream.second, stream.first);
  }

  const std::string& root() const { return root_; }

 private:
  struct Shards {
    std::mutex mutex;
    stream::ShardSetPtr now;
  };
  struct OpenStream {
    uint64_t id = 0;
    std::shared_ptr<log::Log> log;
    std::shared_ptr<Shards> set;
  };

  std::string directory_of(const std::string& stream) const { return root_ + "/streams/" + stream; }

  void open() {
    auto store = store::Store::open({.directory = root_ + "/tables", .segment_bytes = size_t{4} << 20});
    CHECK(store, "{}", store.error().message);
    store_ = std::move(*store);
    auto tables = table::Tables::open(*store_, base::system_clock());
    CHECK(tables, "{}", tables.error().message);
    tables_ = std::move(*tables);
    io_.emplace(*this, *tables_);
  }
  void close() {
    streams_.clear();
    io_.reset();
    tables_.reset();
    store_.reset();
  }
  std::unique_ptr<log::Log> open_log(const std::string& name) {
    log::LogOptions options;
    options.directory = directory_of(name);
    options.segment_bytes = size_t{4} << 20;
    options.group_bytes_max = size_t{2} << 20;
    std::filesystem::create_directories(options.directory);
    auto log = log::open_log(options);
    CHECK(log, "{}", log.error().message);
    return std::move(*log);
  }

  // Processing time that tests move; everything else runs on the machine's clock.
  class OffsetClock final : public base::Clock {
   public:
    ProcessingTime now() const override { return ProcessingTime(base::system_clock().now().value + offset_ms); }
    int64_t monotonic_ns() const override { return base::system_clock().monotonic_ns() + offset_ms * 1'000'000; }
    std::atomic<int64_t> offset_ms = 0;
  };

 public:
  void advance_ms(int64_t ms) { clock_.offset_ms += ms; }

 private:
  OffsetClock clock_;
  std::string root_;
  bool owned_ = true;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<table::Tables> tables_;
  std::optional<connector::ServerIo> io_;
  std::mutex streams_mutex_;  // jobs look them up
  std::map<std::string, OpenStream> streams_;
  uint64_t next_id_ = 1;
};

// A lane where its job's last commit left it.
inline Result<std::unique_ptr<Lane>> make_lane(const sql::Plan& plan, std::string_view job, uint64_t plan_hash,
                                               Environment& environment, const LaneOptions& options = {}) {
  TRY_ASSIGN(auto lane, Lane::make(plan, job, plan_hash, environment, options, [] {}));
  TRY(lane->restore());
  return lane;
}

// Runs a lane until it has nothing to do, and waits until all is durable.
inline void work(Lane& lane) {
  for (;;) {
    const auto step = lane.step();
    ASSERT_TRUE(step) << step.error().message;
    if (!step->again) break;
  }
  ASSERT_TRUE(lane.finish());
}

}  // namespace millrace::engine
