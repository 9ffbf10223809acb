#include "table/definition.h"

#include <gtest/gtest.h>

namespace millrace::table {
namespace {

TEST(Definition, comes_back_as_it_was_put) {
  const TableDefinition definition{.name = "Orders",
                                   .hash_key = {"id", KeyType::number},
                                   .range_key = KeyAttribute{"at", KeyType::binary},
                                   .change_feed = ViewType::new_and_old_images,
                                   .keyspace = store::Keyspace(17),
                                   .created = ProcessingTime(1'700'000'000'123),
                                   .feed_label = "2023-11-14T22:13:20.123"};
  std::string record;
  put_definition(record, definition);
  const auto read = get_definition(record);
  ASSERT_TRUE(read);
  std::string again;
  put_definition(again, *read);
  EXPECT_EQ(again, record);
  EXPECT_EQ(read->range_key->name, "at");
  EXPECT_EQ(read->range_key->type, KeyType::binary);
  EXPECT_EQ(read->change_feed, ViewType::new_and_old_images);
  for (size_t size = 0; size < record.size(); ++size) EXPECT_FALSE(get_definition(record.substr(0, size))) << size;
}

TEST(Definition, all_facts_come_back) {
  TableDefinition definition{.name = "Orders", .hash_key = {"id"}};
  IndexDefinition index{.name = "ByCity", .global = true, .hash_key = {{"city"}, {"zip", KeyType::number}}};
  index.range_key = {{"at", KeyType::binary}};
  index.projection = Projection::include;
  index.included = {"x", "y"};
  index.throughput = {5, 6};
  index.keyspace = store::Keyspace(0x80000011);
  index.backfilling = true;
  definition.indexes = {index, IndexDefinition{.name = "Other", .global = false, .hash_key = {{"id"}}}};
  definition.provisioned = true;
  definition.throughput = {1, 2};
  definition.billing_changed = ProcessingTime(7);
  definition.infrequent_access = true;
  definition.deletion_protected = true;
  definition.expiry_attribute = "expires";
  definition.tags = {{"team", "blue"}, {"empty", ""}};
  std::string record;
  put_definition(record, definition);
  const auto read = get_definition(record);
  ASSERT_TRUE(read);
  std::string again;
  put_definition(again, *read);
  EXPECT_EQ(again, record);
  EXPECT_EQ(read->indexes[0].included, index.included);
  EXPECT_EQ(read->indexes[0].keyspace, index.keyspace);
  EXPECT_TRUE(read->indexes[0].backfilling);
  EXPECT_FALSE(read->indexes[1].global);
  EXPECT_EQ(read->tags, definition.tags);
  EXPECT_EQ(read->expiry_attribute, "expires");
  for (size_t size = 0; size < record.size(); ++size) EXPECT_FALSE(get_definition(record.substr(0, size))) << size;
}

TEST(Definition, one_of_the_first_format_has_no_facts) {
  std::string record;
  put_definition(record, {.name = "Orders", .hash_key = {"id"}, .feed_label = "label"});
  ASSERT_EQ(record.front(), 2);
  record.front() = 1;
  record.pop_back();
  const auto read = get_definition(record);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->feed_label, "label");
  EXPECT_TRUE(read->indexes.empty());
}

TEST(Definition, names_follow_dynamodbs_rules) {
  const auto ok = [](std::string name) { return check_definition({.name = name, .hash_key = {"id"}}).has_value(); };
  EXPECT_TRUE(ok("abc"));
  EXPECT_TRUE(ok("a-b_c.D9"));
  EXPECT_FALSE(ok("ab"));
  EXPECT_FALSE(ok("with space"));
  EXPECT_FALSE(ok(std::string(256, 'a')));
  EXPECT_FALSE(check_definition({.name = "abc", .hash_key = {"id"}, .range_key = KeyAttribute{"id"}}));
  EXPECT_FALSE(check_definition({.name = "abc", .hash_key = {""}}));
}

TEST(Definition, the_label_of_a_feed_is_its_creation_time) {
  EXPECT_EQ(feed_label_of(ProcessingTime(1'700'000'000'007)), "2023-11-14T22:13:20.007");
}

}  // namespace
}  // namespace millrace::table
