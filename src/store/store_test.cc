#include "store/store.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <map>
#include <random>
#include <thread>

#include "base/file.h"
#include "log/log.h"
#include "store/test_directory.h"

namespace millrace::store {
namespace {

constexpr Keyspace space{16};
using Model = std::map<std::string, std::string>;
using Rows = std::vector<std::pair<std::string, std::string>>;

Bytes bytes(std::string text) {
  return std::make_shared<const std::string>(std::move(text));
}

std::unique_ptr<Store> open_store(const Store::Options& options) {
  auto store = Store::open(options);
  EXPECT_TRUE(store) << store.error().message;
  (*store)->add_keyspace(space);
  return std::move(*store);
}

std::optional<std::string> get(Store& store, std::string_view key, Keyspace in = space) {
  const auto read = store.get(in, key);
  EXPECT_TRUE(read);
  return read->value ? std::optional(*read->value) : std::nullopt;
}

Rows scan(Store& store, ScanOptions options = {}, Keyspace in = space) {
  Rows rows;
  EXPECT_TRUE(store.scan(in, options, [&](const Entry& entry) {
    rows.emplace_back(entry.key, *entry.value);
    return true;
  }));
  return rows;
}

CommitId put(Store& store, std::string_view key, std::string value, Keyspace in = space) {
  const auto transaction = store.begin();
  EXPECT_TRUE(transaction->put(in, key, bytes(std::move(value))));
  const auto commit = transaction->commit();
  EXPECT_TRUE(commit);
  return *commit;
}

void wait_until(const std::function<bool()>& holds) {
  for (int i = 0; i < 10000 && !holds(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_TRUE(holds());
}

void for_each_change(Store& store, Keyspace in, const std::function<void(std::string_view, const ChangeView&)>& each) {
  SequenceNumber from(0);
  for (;;) {
    const auto blocks = store.journal().read(in, from, size_t{4} << 20);
    ASSERT_TRUE(blocks);
    if (blocks->empty()) return;
    for (const auto& block : *blocks) {
      log::for_each_record(*block, from, [&](const log::Record& record) {
        const auto change = get_change(record.data);
        ASSERT_TRUE(change);
        each(record.key, *change);
      });
      from = block->end();
    }
  }
}

// The records of a keyspace's shard, as "key: old -> new".
std::vector<std::string> changes(Store& store, Keyspace in = space) {
  std::vector<std::string> result;
  for_each_change(store, in, [&](std::string_view key, const ChangeView& change) {
    result.push_back(fmt::format("{}: {}{} -> {}", key, change.existed ? "+" : "-", change.old_value.value_or(""),
                                 change.new_value.value_or("(erased)")));
  });
  return result;
}

class StoreTest : public testing::Test {
 protected:
  StoreTest() {
    options_.directory = directory_.path() + "/data";
    options_.segment_bytes = size_t{4} << 20;
    reopen();
  }
  void reopen() {
    store_.reset();
    store_ = open_store(options_);
  }

  TestDirectory directory_;
  base::ManualClock clock_;
  Store::Options options_;
  std::unique_ptr<Store> store_;
};

TEST_F(StoreTest, a_committed_row_is_read_at_once_and_after_reopening) {
  put(*store_, "a", "1");
  EXPECT_EQ(get(*store_, "a"), "1");
  EXPECT_EQ(get(*store_, "b"), std::nullopt);
  reopen();
  EXPECT_EQ(get(*store_, "a"), "1");
}

TEST_F(StoreTest, a_transaction_without_commit_leaves_nothing) {
  {
    const auto transaction = store_->begin();
    ASSERT_TRUE(transaction->put(space, "a", bytes("1")));
    EXPECT_EQ(**transaction->get(space, "a"), "1");
    EXPECT_EQ(get(*store_, "a"), std::nullopt);
  }
  EXPECT_EQ(get(*store_, "a"), std::nullopt);
  put(*store_, "b", "2");  // the lock is free again
}

TEST_F(StoreTest, several_writes_of_one_key_are_one_change) {
  put(*store_, "a", "0");
  const auto transaction = store_->begin();
  ASSERT_TRUE(transaction->put(space, "a", bytes("1")));
  ASSERT_TRUE(transaction->put(space, "b", bytes("1")));
  ASSERT_TRUE(transaction->erase(space, "a"));
  EXPECT_EQ(*transaction->get(space, "a"), nullptr);
  ASSERT_TRUE(transaction->put(space, "a", bytes("2"), true));
  ASSERT_TRUE(transaction->put(space, "c", bytes("1")));
  ASSERT_TRUE(transaction->erase(space, "c"));
  ASSERT_TRUE(transaction->erase(space, "never"));
  store_->journal().wait_durable(*transaction->commit());
  EXPECT_EQ(changes(*store_), (std::vector<std::string>{"a: - -> 0", "a: +0 -> 2", "b: - -> 1"}));
}

TEST_F(StoreTest, a_transaction_knows_how_many_bytes_its_commit_takes) {
  const size_t mib = size_t{1} << 20;
  put(*store_, "a", std::string(3 * mib, 'a'));
  const auto transaction = store_->begin();
  EXPECT_EQ(transaction->bytes(), 0u);
  ASSERT_TRUE(transaction->put(space, "a", bytes(std::string(mib, 'b'))));
  EXPECT_EQ(transaction->bytes() / mib, 1u);
  // The old value comes with the record; what a later write of the key replaced does not.
  ASSERT_TRUE(transaction->put(space, "a", bytes(std::string(2 * mib, 'c')), true));
  EXPECT_EQ(transaction->bytes() / mib, 5u);
  ASSERT_TRUE(transaction->erase(space, "a"));
  EXPECT_EQ(transaction->bytes() / mib, 3u);
  ASSERT_TRUE(transaction->put(records_keyspace, "r", bytes(std::string(4 * mib, 'r'))));
  EXPECT_EQ(transaction->bytes() / mib, 7u);
  ASSERT_TRUE(transaction->erase_range(records_keyspace, "a", "z"));
  EXPECT_EQ(transaction->bytes() / mib, 3u);
}

TEST_F(StoreTest, a_commit_of_nothing_waits_for_nothing) {
  const auto transaction = store_->begin();
  EXPECT_EQ(*transaction->commit(), CommitId(0));
  EXPECT_EQ(store_->statistics().commits, 0u);
}

TEST_F(StoreTest, a_read_depends_on_a_commit_until_it_is_durable) {
  const CommitId commit = put(*store_, "a", "1");
  EXPECT_EQ(store_->get(space, "a")->depends_on, commit);
  EXPECT_EQ(*store_->scan(space, {}, [](const Entry&) { return true; }), commit);
  {
    const auto transaction = store_->begin();
    ASSERT_TRUE(transaction->get(space, "a"));
    EXPECT_EQ(transaction->depends_on(), commit);
  }
  store_->journal().wait_durable(commit);
  EXPECT_EQ(store_->get(space, "a")->depends_on, CommitId(0));
  EXPECT_EQ(*store_->scan(space, {}, [](const Entry&) { return true; }), CommitId(0));

  const auto transaction = store_->begin();
  ASSERT_TRUE(transaction->erase(space, "a"));
  const CommitId erased = *transaction->commit();
  EXPECT_EQ(store_->get(space, "a")->value, nullptr);
  EXPECT_EQ(store_->get(space, "a")->depends_on, erased);
}

TEST_F(StoreTest, the_same_row_is_the_same_pointer_while_it_is_in_memory) {
  store_->journal().wait_durable(put(*store_, "a", "1"));
  const Bytes first = store_->get(space, "a")->value;
  put(*store_, "b", "1");
  EXPECT_EQ(store_->get(space, "a")->value, first);
  put(*store_, "a", "1");
  EXPECT_NE(store_->get(space, "a")->value, first);
}

TEST_F(StoreTest, scans_go_both_ways_and_stop_when_told) {
  for (const char* key : {"a", "b", "c", "d"}) put(*store_, key, key);
  EXPECT_EQ(scan(*store_, {.from = "b", .to = "d"}), (Rows{{"b", "b"}, {"c", "c"}}));
  EXPECT_EQ(scan(*store_, {.from = "b", .reverse = true}), (Rows{{"d", "d"}, {"c", "c"}, {"b", "b"}}));
  EXPECT_EQ(scan(*store_, {.from = "d", .to = "b"}), Rows{});
  int seen = 0;
  EXPECT_TRUE(store_->scan(space, {}, [&](const Entry&) { return ++seen < 2; }));
  EXPECT_EQ(seen, 2);
}

TEST_F(StoreTest, a_range_of_records_is_erased_as_one) {
  for (int i = 0; i < 10; ++i) put(*store_, "job/a/" + std::to_string(i), "x", records_keyspace);
  put(*store_, "job/b", "x", records_keyspace);
  store_->journal().flush();
  wait_until([&] { return store_->statistics().overlay_bytes == 0; });
  {
    const auto transaction = store_->begin();
    ASSERT_TRUE(transaction->put(records_keyspace, "job/a/early", bytes("x")));
    ASSERT_TRUE(transaction->erase_range(records_keyspace, "job/a/", "job/a0"));
    EXPECT_EQ(*transaction->get(records_keyspace, "job/a/1"), nullptr);
    EXPECT_EQ(*transaction->get(records_keyspace, "job/a/early"), nullptr);
    ASSERT_TRUE(transaction->put(records_keyspace, "job/a/late", bytes("y")));
    EXPECT_EQ(**transaction->get(records_keyspace, "job/a/late"), "y");
    ASSERT_TRUE(transaction->commit());
  }
  const Rows expected{{"job/a/late", "y"}, {"job/b", "x"}};
  EXPECT_EQ(scan(*store_, {}, records_keyspace), expected);
  EXPECT_EQ(get(*store_, "job/a/1", records_keyspace), std::nullopt);
  reopen();
  EXPECT_EQ(scan(*store_, {}, records_keyspace), expected);

  EXPECT_FALSE(store_->begin()->erase_range(space, "a", "b"));
}

TEST_F(StoreTest, a_dropped_keyspace_is_empty_and_has_no_change_records) {
  const Keyspace other{17};
  store_->add_keyspace(other);
  put(*store_, "a", "1");
  put(*store_, "a", "1", other);
  const auto dropped = store_->drop_keyspace(space);
  ASSERT_TRUE(dropped);
  store_->journal().wait_durable(*dropped);
  EXPECT_EQ(get(*store_, "a"), std::nullopt);
  EXPECT_EQ(scan(*store_), Rows{});
  EXPECT_EQ(changes(*store_), std::vector<std::string>{"a: - -> 1"});
  reopen();
  EXPECT_EQ(scan(*store_), Rows{});
  EXPECT_EQ(scan(*store_, {}, other), (Rows{{"a", "1"}}));
}

TEST_F(StoreTest, a_full_overlay_throttles_and_makes_begin_wait) {
  options_.overlay_bytes_max = size_t{256} << 10;
  reopen();
  // Nothing can be applied while it is not durable, and nobody flushes.
  bool throttled = false;
  for (int i = 0; i < 1000 && !throttled; ++i) {
    auto transaction = store_->try_begin();
    if (!transaction) {
      EXPECT_EQ(transaction.error().kind, ErrorKind::throttled);
      throttled = true;
      break;
    }
    ASSERT_TRUE((*transaction)->put(space, "key" + std::to_string(i % 100), bytes(std::string(8000, 'x'))));
    ASSERT_TRUE((*transaction)->commit());
  }
  EXPECT_TRUE(throttled);
  put(*store_, "after", "1");  // waits, and goes on
  EXPECT_EQ(get(*store_, "after"), "1");
  wait_until([&] { return store_->try_begin().has_value(); });
}

TEST_F(StoreTest, reads_do_not_wait_for_a_long_transaction) {
  put(*store_, "a", "1");
  const auto transaction = store_->begin();
  ASSERT_TRUE(transaction->put(space, "a", bytes("2")));
  std::thread reader([&] {
    EXPECT_EQ(get(*store_, "a"), "1");
    EXPECT_EQ(get(*store_, "absent"), std::nullopt);
    EXPECT_EQ(scan(*store_).size(), 1u);
  });
  reader.join();
}

TEST_F(StoreTest, scans_beside_writers_see_whole_transactions_in_key_order) {
  std::atomic<bool> done{false};
  std::thread writer([&] {
    for (int round = 0; round < 100; ++round) {
      const auto transaction = store_->begin();
      for (int key = 0; key < 400; ++key) {
        ASSERT_TRUE(transaction->put(space, "key" + std::to_string(1000 + key), bytes(std::to_string(round))));
      }
      ASSERT_TRUE(transaction->commit());
      store_->journal().flush();
    }
    done = true;
  });
  int scans = 0;
  for (bool last = false; !last; ++scans) {
    last = done;
    const Rows rows = scan(*store_, {.reverse = scans % 2 == 1});
    if (rows.empty()) continue;
    ASSERT_EQ(rows.size(), 400u);
    for (const auto& [key, value] : rows) ASSERT_EQ(value, rows.front().second) << key;
    ASSERT_TRUE(scans % 2 == 1 ? std::ranges::is_sorted(rows, std::greater()) : std::ranges::is_sorted(rows));
  }
  writer.join();
  EXPECT_EQ(get(*store_, "key1000"), "99");
}

// A counter that several threads raise: a read-modify-write is never lost.
TEST_F(StoreTest, transactions_exclude_each_other) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) {
        const auto transaction = store_->begin();
        const Bytes old = *transaction->get(space, "counter");
        ASSERT_TRUE(transaction->put(space, "counter", bytes(std::to_string(old ? std::stoi(*old) + 1 : 1))));
        ASSERT_TRUE(transaction->commit());
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(get(*store_, "counter"), "2000");
  reopen();
  EXPECT_EQ(get(*store_, "counter"), "2000");
}

TEST_F(StoreTest, random_operations_match_a_map_over_reopenings) {
  const uint64_t seed = std::random_device()();
  std::printf("seed %lu\n", static_cast<unsigned long>(seed));
  std::mt19937_64 random(seed);
  const auto below = [&](uint64_t n) { return random() % n; };
  const auto random_key = [&] { return "k" + std::to_string(100 + below(400)); };
  options_.row_cache_bytes_max = size_t{64} << 10;
  reopen();
  std::map<uint32_t, Model> models;
  for (int step = 0; step < 2000; ++step) {
    const Keyspace in = below(2) ? space : records_keyspace;
    Model& model = models[in.value];
    const uint64_t action = below(1000);
    if (action < 500) {
      const auto transaction = store_->begin();
      Model changed = model;
      for (size_t i = 0, n = 1 + below(action < 10 ? 500 : 5); i < n; ++i) {
        const std::string key = random_key();
        const uint64_t kind = below(100);
        if (kind < 60) {
          changed[key] = std::to_string(random());
          ASSERT_TRUE(transaction->put(in, key, bytes(changed[key]), below(2)));
        } else if (kind < 90) {
          changed.erase(key);
          ASSERT_TRUE(transaction->erase(in, key, below(2)));
        } else if (kind < 95 && in == records_keyspace) {
          changed.erase(changed.lower_bound(key), changed.lower_bound(key + "~"));
          ASSERT_TRUE(transaction->erase_range(in, key, key + "~"));
        } else {
          const Bytes value = *transaction->get(in, key);
          ASSERT_EQ(value ? std::optional(*value) : std::nullopt,
                    changed.contains(key) ? std::optional(changed[key]) : std::nullopt);
        }
      }
      if (below(10) > 0) {
        ASSERT_TRUE(transaction->commit());
        model = std::move(changed);
      }
    } else if (action < 700) {
      const std::string key = random_key();
      ASSERT_EQ(get(*store_, key, in), model.contains(key) ? std::optional(model[key]) : std::nullopt);
    } else if (action < 900) {
      ScanOptions options{.from = random_key(), .to = random_key(), .reverse = below(2) == 1};
      if (below(4) == 0) options.to = std::nullopt;
      Rows expected;
      if (!options.to || options.from <= *options.to) {
        expected.assign(model.lower_bound(options.from), options.to ? model.lower_bound(*options.to) : model.end());
      }
      if (options.reverse) std::reverse(expected.begin(), expected.end());
      ASSERT_EQ(scan(*store_, options, in), expected) << "step " << step;
    } else if (action < 990) {
      store_->journal().flush();
      if (below(10) == 0) wait_until([&] { return store_->statistics().overlay_bytes == 0; });
    } else if (action < 993) {
      reopen();
    }
  }
  reopen();
  for (auto& [in, model] : models) ASSERT_EQ(scan(*store_, {}, Keyspace(in)), Rows(model.begin(), model.end()));
}

TEST_F(StoreTest, what_is_not_millraces_is_refused) {
  const std::string directory = directory_.path() + "/photos";
  std::filesystem::create_directory(directory);
  std::ofstream(directory + "/cat.jpg") << "meow";
  const auto store = Store::open({.directory = directory});
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().kind, ErrorKind::invalid_argument);
  EXPECT_NE(store.error().message.find("empty or a new directory"), std::string::npos) << store.error().message;
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory), {}), 1);
}

TEST_F(StoreTest, a_second_process_is_refused) {
  const auto second = Store::open(options_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, ErrorKind::in_use);
}

TEST_F(StoreTest, a_newer_layout_is_refused) {
  store_.reset();
  std::ofstream(options_.directory + "/STORE") << "millrace store 2\n";
  const auto store = Store::open(options_);
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().kind, ErrorKind::unsupported);
}

TEST_F(StoreTest, damaged_rows_are_reported_with_what_to_do) {
  put(*store_, "a", "1");
  store_.reset();
  std::ofstream(options_.directory + "/rocksdb/CURRENT") << "nonsense";
  const auto store = Store::open(options_);
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().kind, ErrorKind::corrupt) << store.error().message;
  EXPECT_NE(store.error().message.find("made again"), std::string::npos) << store.error().message;
}

TEST_F(StoreTest, rows_and_journal_of_different_times_are_refused) {
  for (int i = 0; i < 10; ++i) store_->journal().wait_durable(put(*store_, "a", std::to_string(i)));
  store_.reset();
  std::filesystem::remove_all(options_.directory + "/journal");
  const auto store = Store::open(options_);
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().kind, ErrorKind::corrupt);
}

TEST_F(StoreTest, rows_are_made_again_from_a_whole_journal) {
  put(*store_, "a", "1");
  store_.reset();
  std::filesystem::remove_all(options_.directory + "/rocksdb");
  store_ = open_store(options_);
  EXPECT_EQ(get(*store_, "a"), "1");
}

TEST_F(StoreTest, the_journal_is_trimmed_by_retention_once_rocksdb_holds_the_rows) {
  options_.clock = &clock_;
  options_.segment_bytes = size_t{1} << 20;
  options_.feed_retention_ms = 1000;
  reopen();
  for (int i = 0; i < 40; ++i) {
    store_->journal().wait_durable(put(*store_, "key" + std::to_string(i), std::string(100'000, 'x')));
  }
  clock_.advance_ms(5000);
  reopen();
  wait_until([&] { return store_->journal().range(space)->oldest > SequenceNumber(20); });
  EXPECT_EQ(scan(*store_).size(), 40u);
}

// A child commits and tells each acknowledged commit through a pipe, until it is killed.
class KilledStoreTest : public testing::Test {
 protected:
  static constexpr int keys_per_commit = 5;

  // Commit n writes n to five rows, of two keyspaces, and to the record "last".
  void write_until_killed(int pipe, int first) {
    const auto store = open_store(options_);
    store->add_keyspace(Keyspace(17));
    for (int n = first;; ++n) {
      const auto transaction = store->begin();
      for (int i = 0; i < keys_per_commit; ++i) {
        const Keyspace in(i % 2 ? 17 : 16);
        (void)transaction->put(in, fmt::format("{}/{}", n % 500, i), bytes(std::to_string(n)), true);
      }
      (void)transaction->put(records_keyspace, "last", bytes(std::to_string(n)));
      const CommitId commit = *transaction->commit();
      store->journal().when_durable(commit, [pipe, n] {
        if (write(pipe, &n, sizeof(n)) != sizeof(n)) _exit(1);
      });
      if (n % 8 == 0) store->journal().wait_durable(commit);
    }
  }

  // Kills the child once it has told of that many commits, in the midst of the next ones. Returns the last one told.
  int run_and_kill(int first, int commits) {
    int pipes[2];
    CHECK(pipe(pipes) == 0);
    const pid_t child = fork();
    if (child == 0) {
      close(pipes[0]);
      write_until_killed(pipes[1], first);
    }
    close(pipes[1]);
    int acknowledged = first - 1;
    for (int n = 0; read(pipes[0], &n, sizeof(n)) == sizeof(n);) {
      acknowledged = std::max(acknowledged, n);
      if (n == first + commits) kill(child, SIGKILL);
    }
    close(pipes[0]);
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status));
    return acknowledged;
  }

  TestDirectory directory_;
  Store::Options options_{.directory = directory_.path() + "/data"};
};

TEST_F(KilledStoreTest, keeps_every_acknowledged_commit_and_only_whole_ones) {
  std::mt19937_64 random(std::random_device{}());
  int next = 1;
  for (int kill = 0; kill < 3; ++kill) {
    const int acknowledged = run_and_kill(next, 100 + static_cast<int>(random() % 3000));
    const auto store = open_store(options_);
    const auto record = get(*store, "last", records_keyspace);
    const int last = record ? std::stoi(*record) : 0;
    ASSERT_GE(last, acknowledged);
    // Every commit up to the last is there whole; none after it.
    for (int slot = 0; slot < 500; ++slot) {
      const int expected = last - ((last - slot) % 500 + 500) % 500;
      for (int i = 0; i < keys_per_commit; ++i) {
        const auto value = get(*store, fmt::format("{}/{}", slot, i), Keyspace(i % 2 ? 17 : 16));
        ASSERT_EQ(value, expected > 0 ? std::optional(std::to_string(expected)) : std::nullopt) << slot << "/" << i;
      }
    }
    // The feed tells the same story: each change follows the one before it.
    Model told;
    for_each_change(*store, space, [&](std::string_view key, const ChangeView& change) {
      std::string& value = told[std::string(key)];
      ASSERT_EQ(change.existed, !value.empty());
      ASSERT_EQ(change.old_value.value_or(""), value);
      value = change.new_value.value_or("");
    });
    EXPECT_EQ(scan(*store), Rows(told.begin(), told.end()));
    next = last + 1;
  }
}

// Mounting needs a right that not everybody has.
class FullDiskTest : public testing::Test {
 protected:
  void SetUp() override {
    mounted_ = mount("tmpfs", directory_.path().c_str(), "tmpfs", 0, "size=48m") == 0;
    if (!mounted_) GTEST_SKIP() << "cannot mount a small file system here";
    options_ = {.directory = directory_.path() + "/data",
                .segment_bytes = size_t{2} << 20,
                .overlay_bytes_max = size_t{8} << 20};
  }
  void TearDown() override {
    if (mounted_) umount2(directory_.path().c_str(), MNT_DETACH);
  }

  TestDirectory directory_;
  Store::Options options_;
  bool mounted_ = false;
};

TEST_F(FullDiskTest, refuses_writes_reads_on_and_loses_nothing) {
  int written = 0;
  {
    const auto store = open_store(options_);
    for (bool full = false; !full && written < 10000;) {
      const auto transaction = store->begin();
      std::string value(10'000, 'x');
      for (size_t i = 0; i < value.size(); ++i) value[i] = static_cast<char>('a' + (i * i + written) % 23);
      ASSERT_TRUE(transaction->put(space, "key" + std::to_string(written), bytes(std::move(value))));
      const auto commit = transaction->commit();
      if (commit) {
        if (written % 16 == 0) store->journal().wait_durable(*commit);
        ++written;
      } else {
        EXPECT_TRUE(commit.error().kind == ErrorKind::disk_full || commit.error().kind == ErrorKind::throttled)
            << commit.error().message;
        full = commit.error().kind == ErrorKind::disk_full;
      }
    }
    ASSERT_GT(written, 100);
    ASSERT_LT(written, 10000);
    EXPECT_TRUE(get(*store, "key0"));
    EXPECT_EQ(scan(*store).size(), static_cast<size_t>(written));
  }
  // With room again, everything is there.
  ASSERT_EQ(mount("tmpfs", directory_.path().c_str(), "tmpfs", MS_REMOUNT, "size=256m"), 0);
  const auto store = open_store(options_);
  EXPECT_EQ(scan(*store).size(), static_cast<size_t>(written));
  put(*store, "after", "1");
  EXPECT_EQ(get(*store, "after"), "1");
}

void damage_rows(const std::string& rows) {
  for (const auto& file : std::filesystem::directory_iterator(rows)) {
    if (file.path().filename().string().starts_with("MANIFEST")) std::ofstream(file.path()) << "damaged";
  }
}

TEST(Store, damaged_rows_are_made_again_from_a_journal_that_is_whole) {
  const TestDirectory directory;
  const Store::Options options{.directory = directory.path() + "/tables", .segment_bytes = size_t{1} << 20};
  const std::string rows = options.directory + "/rocksdb";
  Model model;
  {
    const auto store = open_store(options);
    for (int i = 0; i < 100; ++i) {
      const std::string key = fmt::format("key {}", i % 37);
      model[key] = fmt::format("value {}", i);
      put(*store, key, model[key]);
    }
  }
  const Rows before(model.begin(), model.end());
  damage_rows(rows);
  const auto refused = Store::open(options);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::corrupt);
  const std::string& advice = refused.error().message;
  EXPECT_NE(advice.find("move " + rows + " away"), std::string::npos) << advice;
  // As it advises.
  std::filesystem::rename(rows, directory.path() + "/away");
  const auto store = open_store(options);
  EXPECT_EQ(scan(*store), before);
}

TEST_F(StoreTest, damaged_rows_with_a_trimmed_journal_are_not_promised_to_come_back) {
  options_.clock = &clock_;
  options_.segment_bytes = size_t{1} << 20;
  options_.feed_retention_ms = 1000;
  reopen();
  for (int i = 0; i < 40; ++i) {
    store_->journal().wait_durable(put(*store_, "key" + std::to_string(i), std::string(100'000, 'x')));
  }
  clock_.advance_ms(5000);
  reopen();
  wait_until([&] {
    const auto names = base::list_directory(options_.directory + "/journal").value();
    return std::ranges::count_if(names, [](const auto& name) { return name.starts_with("segment-"); }) <= 2;
  });
  store_.reset();
  damage_rows(options_.directory + "/rocksdb");
  const auto refused = Store::open(options_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::corrupt);
  EXPECT_NE(refused.error().message.find("from a copy"), std::string::npos) << refused.error().message;
  // Whoever moves them away all the same does not get a part of them for the whole.
  std::filesystem::remove_all(options_.directory + "/rocksdb");
  const auto still_refused = Store::open(options_);
  ASSERT_FALSE(still_refused);
  EXPECT_EQ(still_refused.error().kind, ErrorKind::corrupt);
}

}  // namespace
}  // namespace millrace::store
