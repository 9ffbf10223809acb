#include "store/row_cache.h"

#include <gtest/gtest.h>

namespace millrace::store {
namespace {

constexpr Keyspace space{16};

Bytes bytes(std::string text) {
  return std::make_shared<const std::string>(std::move(text));
}

std::optional<std::string> find(RowCache& cache, std::string_view key, Keyspace in = space) {
  uint64_t version = 0;
  const auto found = cache.find(in, key, version);
  if (!found) return std::nullopt;
  return found->value ? *found->value : "(none)";
}

uint64_t miss(RowCache& cache, std::string_view key) {
  uint64_t version = 0;
  EXPECT_FALSE(cache.find(space, key, version));
  return version;
}

TEST(RowCache, gives_back_the_same_value_and_its_commit) {
  RowCache cache(size_t{1} << 20);
  const Bytes value = bytes("v");
  cache.write(space, "a", {value, GroupNumber(7)});
  uint64_t version = 0;
  const auto found = cache.find(space, "a", version);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->value, value);
  EXPECT_EQ(found->group, GroupNumber(7));
}

TEST(RowCache, keeps_that_there_is_no_row) {
  RowCache cache(size_t{1} << 20);
  cache.enter(space, "a", {nullptr, GroupNumber(0)}, miss(cache, "a"));
  EXPECT_EQ(find(cache, "a"), "(none)");
}

TEST(RowCache, a_reader_that_is_late_does_not_bring_back_an_old_value) {
  RowCache cache(size_t{1} << 20);
  const uint64_t version = miss(cache, "a");
  cache.write(space, "a", {bytes("new"), GroupNumber(2)});
  cache.enter(space, "a", {bytes("old"), GroupNumber(0)}, version);
  EXPECT_EQ(find(cache, "a"), "new");

  // Nor after the new value was pushed out.
  const uint64_t second = miss(cache, "b");
  cache.write(space, "b", {bytes("new"), GroupNumber(3)});
  cache.forget(space);
  cache.enter(space, "b", {bytes("old"), GroupNumber(0)}, second);
  EXPECT_EQ(find(cache, "b"), std::nullopt);
}

TEST(RowCache, forgets_one_keyspace_and_keeps_the_others) {
  RowCache cache(size_t{1} << 20);
  cache.write(Keyspace(16), "a", {bytes("1"), GroupNumber(1)});
  cache.write(Keyspace(17), "a", {bytes("2"), GroupNumber(1)});
  cache.forget(Keyspace(16));
  EXPECT_EQ(find(cache, "a", Keyspace(16)), std::nullopt);
  EXPECT_EQ(find(cache, "a", Keyspace(17)), "2");
}

TEST(RowCache, stays_within_its_bytes_and_keeps_what_is_read) {
  RowCache cache(size_t{256} << 10);
  cache.write(space, "hot", {bytes("h"), GroupNumber(1)});
  for (int i = 0; i < 20000; ++i) {
    cache.write(space, "cold" + std::to_string(i), {bytes(std::string(50, 'x')), GroupNumber(1)});
    ASSERT_EQ(find(cache, "hot"), "h");
  }
  EXPECT_LE(cache.statistics().bytes, size_t{256} << 10);
  EXPECT_GT(cache.statistics().bytes, size_t{128} << 10);
}

TEST(RowCache, a_value_larger_than_its_share_is_not_kept) {
  RowCache cache(size_t{64} << 10);
  cache.write(space, "large", {bytes(std::string(4096, 'x')), GroupNumber(1)});
  EXPECT_EQ(find(cache, "large"), std::nullopt);
  EXPECT_EQ(cache.statistics().bytes, 0u);
}

}  // namespace
}  // namespace millrace::store
