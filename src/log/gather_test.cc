#include "log/gather.h"

#include <gtest/gtest.h>

#include "log/log.h"

namespace millrace::log {
namespace {

constexpr uint64_t life = 0x1234567890abcdef;

// The group's image, as it goes to the disk.
std::string build(const Gather& gather, uint64_t group) {
  std::string image(gather.bytes(), '\xff');
  GroupHeader header;
  header.life = life;
  header.group = group;
  gather.build(header, image.data());
  return image;
}

TEST(Gather, WhatIsAddedIsInTheImageByShardInOrder) {
  Gather gather;
  const std::string long_data(300, 'd');
  gather.add(0, 7, 100, "a", "1");
  gather.add(2, 9, 0, "", long_data);
  gather.add(0, 7, 101, "b", "");
  const std::string image = build(gather, 5);
  EXPECT_EQ(image.size() % frame_alignment, 0u);
  const auto group = parse_group(image, life);
  ASSERT_TRUE(group);
  EXPECT_TRUE(group->payloads_hold());
  EXPECT_EQ(group->header.group, 5u);
  ASSERT_EQ(group->blocks.size(), 2u);
  EXPECT_EQ(group->blocks[0].shard, 7u);
  EXPECT_EQ(group->blocks[0].first, 100u);
  EXPECT_EQ(group->blocks[1].count, 1u);
  Block block{.first = SequenceNumber(100), .count = 2, .payload = {group->payloads, group->blocks[0].bytes}};
  std::string seen;
  for_each_record(block, SequenceNumber(0), [&](const Record& record) {
    seen += fmt::format("{}:{}={};", record.sequence, record.key, record.data);
  });
  EXPECT_EQ(seen, "100:a=1;101:b=;");
}

TEST(Gather, IsEmptyAfterClearingAndTakesTheNextGroup) {
  Gather gather;
  gather.add(0, 7, 0, "a", "1");
  gather.clear();
  EXPECT_TRUE(gather.empty());
  EXPECT_EQ(gather.count(0), 0u);
  gather.add(0, 7, 1, "b", "2");
  const std::string image = build(gather, 2);
  const auto group = parse_group(image, life);
  ASSERT_TRUE(group);
  EXPECT_EQ(group->blocks[0].first, 1u);
  EXPECT_EQ(group->blocks[0].count, 1u);
}

TEST(Gather, GivesItsMemoryBackWhenItIsMuch) {
  Gather gather;
  const std::string large(Gather::kept_bytes_max + 1, 'x');
  gather.add(3, 3, 0, "", large);
  gather.clear();
  gather.add(3, 3, 1, "", "small again");
  EXPECT_EQ(gather.payload_bytes(), 13u);
}

TEST(Gather, LetsGoOfItsMemoryAndTakesTheNextGroup) {
  Gather gather;
  gather.add(3, 7, 0, "a", std::string(100'000, 'x'));
  gather.clear();
  EXPECT_GT(gather.kept_bytes(), 100'000u);
  gather.let_go();
  EXPECT_EQ(gather.kept_bytes(), 0u);
  gather.add(3, 7, 1, "b", "2");
  const std::string image = build(gather, 6);
  ASSERT_TRUE(parse_group(image, life));
  EXPECT_EQ(parse_group(image, life)->blocks[0].first, 1u);
}

TEST(Format, AGroupOfAnotherLifeOrWithAnyChangedByteIsNoGroup) {
  Gather gather;
  gather.add(0, 1, 0, "key", "data");
  const std::string image = build(gather, 1);
  EXPECT_FALSE(parse_group(image, life + 1));
  const size_t meaningful = sizeof(GroupHeader) + sizeof(BlockHeader) + gather.payload_bytes();
  for (size_t i = 0; i < meaningful; ++i) {
    std::string changed = image;
    changed[i] ^= 4;
    const auto group = parse_group(changed, life);
    EXPECT_FALSE(group && group->payloads_hold()) << "byte " << i;
  }
  for (size_t size = 0; size < sizeof(GroupHeader) + sizeof(BlockHeader); ++size) {
    EXPECT_FALSE(parse_group(std::string_view(image).substr(0, size), life));
  }
}

TEST(Format, AnOpeningCarriesTheShardsNumbers) {
  Opening opening;
  opening.life = life;
  opening.first_group = 42;
  const std::vector<OpeningShard> shards = {{1, 0, 10}, {8, 0, 1'000'000'000'000}};
  std::string bytes = encode_opening(opening, shards);
  const auto view = parse_opening(bytes, life);
  ASSERT_TRUE(view);
  EXPECT_EQ(view->header.first_group, 42u);
  ASSERT_EQ(view->shards.size(), 2u);
  EXPECT_EQ(view->shards[1].next, 1'000'000'000'000u);
  bytes[sizeof(Opening) + 8] ^= 1;
  EXPECT_FALSE(parse_opening(bytes, life));
}

}  // namespace
}  // namespace millrace::log
