#include "store/overlay.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <thread>

#include "store/test_directory.h"

namespace millrace::store {
namespace {

using Model = std::map<std::string, std::string>;

Bytes bytes(std::string text) {
  return std::make_shared<const std::string>(std::move(text));
}

// An overlay and RocksDB below it; what a reader sees is the one merged over the other.
class OverlayTest : public testing::Test {
 protected:
  OverlayTest() {
    auto opened = Rows::open({.directory = directory_.path() + "/rocksdb"});
    EXPECT_TRUE(opened) << opened.error().message;
    rows_ = std::move(*opened);
  }

  void commit(const std::vector<OverlayWrite>& writes, uint64_t group) { overlay_.commit(writes, GroupNumber(group)); }
  void put(const std::string& key, const std::string& value, uint64_t group) {
    commit({{key, bytes(value), {}}}, group);
  }
  void erase(const std::string& key, uint64_t group) { commit({{key, nullptr, {}}}, group); }

  bool apply(uint64_t limit, size_t bytes_max = size_t{1} << 20) {
    const auto batch = rows_->make_batch();
    const auto position = overlay_.take(GroupNumber(limit), bytes_max, *batch);
    if (!position) return false;
    EXPECT_TRUE(rows_->write(*batch, *position));
    overlay_.applied();
    return true;
  }

  std::optional<std::string> get(const std::string& key) {
    if (const auto found = overlay_.get(key)) return found->value ? std::optional(*found->value) : std::nullopt;
    const auto row = rows_->get(key);
    EXPECT_TRUE(row);
    return *row ? std::optional(**row) : std::nullopt;
  }

  static std::vector<std::pair<std::string, std::string>> walk(OverlayCursor& cursor, bool reverse) {
    std::vector<std::pair<std::string, std::string>> result;
    RowCursor& rows = cursor.rows();
    while (cursor.valid() || rows.valid()) {
      bool from_overlay = !rows.valid();
      if (cursor.valid() && rows.valid()) {
        from_overlay = reverse ? cursor.row().row_key >= rows.key() : cursor.row().row_key <= rows.key();
      }
      if (from_overlay) {
        if (rows.valid() && rows.key() == cursor.row().row_key) rows.move();
        if (cursor.row().value) result.emplace_back(cursor.row().row_key, *cursor.row().value);
        cursor.move();
      } else {
        if (!cursor.hides(rows.key())) result.emplace_back(rows.key(), rows.value());
        rows.move();
      }
    }
    return result;
  }

  TestDirectory directory_;
  std::unique_ptr<Rows> rows_;
  Overlay overlay_;
};

TEST_F(OverlayTest, a_row_is_known_until_it_is_applied) {
  put("a", "1", 1);
  EXPECT_EQ(overlay_.get("a")->group, GroupNumber(1));
  EXPECT_GT(overlay_.bytes(), 0u);

  EXPECT_FALSE(apply(0));
  EXPECT_TRUE(apply(1));
  EXPECT_FALSE(overlay_.get("a"));
  EXPECT_EQ(get("a"), "1");
  EXPECT_EQ(overlay_.bytes(), 0u);
  EXPECT_EQ(rows_->position(), GroupNumber(1));
}

TEST_F(OverlayTest, an_erased_row_hides_what_rocksdb_holds) {
  put("a", "1", 1);
  apply(1);
  erase("a", 2);
  EXPECT_FALSE(get("a"));
  apply(2);
  EXPECT_FALSE(get("a"));
}

TEST_F(OverlayTest, a_batch_takes_whole_groups_only) {
  for (int i = 0; i < 10; ++i) put("key" + std::to_string(i), std::string(100, 'x'), 1 + i / 5);
  EXPECT_TRUE(apply(2, 1));
  EXPECT_EQ(rows_->position(), GroupNumber(1));
  EXPECT_TRUE(apply(2, 1));
  EXPECT_EQ(rows_->position(), GroupNumber(2));
}

TEST_F(OverlayTest, a_row_that_is_written_again_durably_is_applied_once) {
  put("a", "1", 1);
  put("a", "2", 2);
  put("a", "3", 3);
  EXPECT_TRUE(apply(2));
  EXPECT_EQ(**rows_->get("a"), "2");
  EXPECT_EQ(get("a"), "3");
}

TEST_F(OverlayTest, a_range_is_hidden_and_rows_written_after_it_are_not) {
  put("a", "1", 1);
  put("b", "1", 1);
  put("c", "1", 1);
  apply(1);
  put("bb", "1", 2);
  commit({{"b", nullptr, "c"}, {"ba", bytes("2"), {}}}, 3);
  EXPECT_EQ(get("a"), "1");
  EXPECT_FALSE(get("b"));
  EXPECT_EQ(get("ba"), "2");
  EXPECT_FALSE(get("bb"));
  EXPECT_EQ(get("c"), "1");
  apply(3);
  EXPECT_FALSE(get("b"));
  EXPECT_EQ(get("ba"), "2");
  EXPECT_FALSE(get("bb"));
  EXPECT_EQ(overlay_.bytes(), 0u);
}

TEST_F(OverlayTest, a_large_commit_becomes_visible_as_one) {
  std::vector<std::string> keys;
  for (int i = 0; i < 2000; ++i) keys.push_back("key" + std::to_string(10000 + i));
  std::vector<OverlayWrite> first, second;
  for (const auto& key : keys) {
    first.push_back({key, bytes("1"), {}});
    second.push_back({key, bytes("2"), {}});
  }
  commit(first, 1);
  std::atomic<bool> done{false};
  std::thread writer([&] {
    commit(second, 2);
    done = true;
  });
  for (bool last = false; !last;) {
    last = done;
    const auto rows = walk(*overlay_.cursor(*rows_, "", "z", false), false);
    ASSERT_EQ(rows.size(), keys.size());
    EXPECT_EQ(rows.front().second, rows.back().second);
  }
  writer.join();
  EXPECT_EQ(get(keys.front()), "2");
}

// Random writes, applications and scans that stay open over them, against a map.
TEST_F(OverlayTest, every_scan_sees_the_rows_of_the_moment_it_began) {
  const uint64_t seed = std::random_device()();
  std::printf("seed %lu\n", static_cast<unsigned long>(seed));
  std::mt19937_64 random(seed);
  const auto below = [&](uint64_t n) { return random() % n; };
  const auto random_key = [&] { return "k" + std::to_string(1000 + below(1500)); };

  struct OpenScan {
    std::unique_ptr<OverlayCursor> cursor;
    bool reverse;
    std::vector<std::pair<std::string, std::string>> expected;
  };
  Model model;
  std::vector<OpenScan> scans;
  uint64_t group = 1;
  for (int step = 0; step < 2500; ++step) {
    const uint64_t action = below(100);
    if (action < 70) {
      const size_t size = action < 2 ? 600 : 1 + below(4);
      std::deque<std::string> keys;
      std::vector<OverlayWrite> writes;
      for (size_t i = 0; i < size; ++i) {
        const std::string& key = keys.emplace_back(random_key());
        const uint64_t kind = below(100);
        if (kind < 70) {
          const std::string value = std::to_string(random());
          writes.push_back({key, bytes(value), {}});
          model[key] = value;
        } else if (kind < 99) {
          writes.push_back({key, nullptr, {}});
          model.erase(key);
        } else {
          const std::string& to = keys.emplace_back(key + "~");
          writes.push_back({key, nullptr, to});
          model.erase(model.lower_bound(key), model.lower_bound(to));
        }
      }
      commit(writes, group);
      if (below(3) == 0) ++group;
    } else if (action < 80) {
      apply(group - below(std::min<uint64_t>(group, 4)) - 1, 1 + below(5000));
    } else if (action < 90 && scans.size() < 8) {
      std::string from = random_key(), to = random_key();
      if (to < from) std::swap(from, to);
      const bool reverse = below(2);
      OpenScan scan{overlay_.cursor(*rows_, from, to, reverse), reverse, {}};
      scan.expected.assign(model.lower_bound(from), model.lower_bound(to));
      if (reverse) std::ranges::reverse(scan.expected);
      scans.push_back(std::move(scan));
    } else if (!scans.empty()) {
      OpenScan scan = std::move(scans.front());
      scans.erase(scans.begin());
      ASSERT_EQ(walk(*scan.cursor, scan.reverse), scan.expected) << "step " << step;
    }
    const std::string key = random_key();
    const auto expected = model.find(key);
    ASSERT_EQ(get(key), expected == model.end() ? std::nullopt : std::optional(expected->second)) << "step " << step;
  }
  scans.clear();
  while (apply(group)) {
  }
  EXPECT_TRUE(overlay_.drop());
  EXPECT_EQ(overlay_.bytes(), 0u);
  const auto rows = walk(*overlay_.cursor(*rows_, "", "z", false), false);
  EXPECT_EQ(rows, (std::vector<std::pair<std::string, std::string>>(model.begin(), model.end())));
}

}  // namespace
}  // namespace millrace::store
