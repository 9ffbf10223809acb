#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "table/keys.h"
#include "table/test_tables.h"

namespace millrace::table {
namespace {

using Kind = WriteRequest::Kind;

WriteRequest with_condition(std::string condition, Item values = {}) {
  WriteRequest request;
  request.condition_expression = std::move(condition);
  request.substitutions.values = std::move(values);
  return request;
}
WriteRequest with_values(Item values, ReturnValues returned = ReturnValues::none) {
  WriteRequest request;
  request.substitutions.values = std::move(values);
  request.return_values = returned;
  return request;
}
WriteRequest returning(ReturnValues values) {
  return with_values({}, values);
}

std::string shown(const std::optional<Item>& item) {
  return item ? json(*item) : "none";
}

TEST_F(TablesTest, a_table_is_created_found_listed_and_dropped) {
  const auto orders = create("Orders", KeyAttribute{"at", KeyType::number}, ViewType::new_image);
  create("Catalog");
  EXPECT_EQ(orders->created, clock_.now());
  EXPECT_GE(orders->keyspace.value, 16u);
  const auto again = tables_->create({.name = "Orders", .hash_key = {"id"}});
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().kind, ErrorKind::already_exists);
  EXPECT_EQ(changes_, 2);
  reopen();
  ASSERT_EQ(tables_->list().size(), 2u);
  EXPECT_EQ(tables_->list()[0]->name, "Catalog");
  const auto found = *tables_->find("Orders");
  EXPECT_EQ(found->keyspace, orders->keyspace);
  EXPECT_EQ(found->range_key->name, "at");
  EXPECT_EQ(found->change_feed, ViewType::new_image);
  EXPECT_EQ(found->feed_label, orders->feed_label);

  put("Catalog", R"({"id":{"S":"a"}})");
  ASSERT_TRUE(tables_->drop("Catalog"));
  EXPECT_EQ(changes_, 3);
  EXPECT_EQ(tables_->find("Catalog").error().kind, ErrorKind::not_found);
  EXPECT_EQ(write(Kind::put, "Catalog", R"({"id":{"S":"a"}})").error().kind, ErrorKind::not_found);
  EXPECT_EQ(tables_->drop("Catalog").error().kind, ErrorKind::not_found);
  reopen();
  EXPECT_EQ(tables_->list().size(), 1u);
  // A table of the same name is another table.
  EXPECT_GT(create("Catalog")->keyspace, orders->keyspace);
  EXPECT_EQ(get("Catalog", R"({"id":{"S":"a"}})"), "none");
}

TEST_F(TablesTest, an_item_is_put_replaced_and_erased) {
  create("Catalog");
  put("Catalog", R"({"id":{"S":"a"},"price":{"N":"12.50"},"tags":{"SS":["x","y"]}})");
  EXPECT_EQ(get("Catalog", R"({"id":{"S":"a"}})"), R"({"id":{"S":"a"},"price":{"N":"12.5"},"tags":{"SS":["x","y"]}})");
  put("Catalog", R"({"id":{"S":"a"},"stock":{"N":"3"}})");
  reopen();
  EXPECT_EQ(get("Catalog", R"({"id":{"S":"a"}})"), R"({"id":{"S":"a"},"stock":{"N":"3"}})");
  erase("Catalog", R"({"id":{"S":"a"}})");
  EXPECT_EQ(get("Catalog", R"({"id":{"S":"a"}})"), "none");
}

TEST_F(TablesTest, a_condition_decides_whether_anything_is_written) {
  create("Catalog");
  const std::string key = R"({"id":{"S":"a"}})";
  EXPECT_TRUE(put("Catalog", key, with_condition("attribute_not_exists(id)")).condition_held);
  EXPECT_FALSE(
      put("Catalog", R"({"id":{"S":"a"},"x":{"N":"1"}})", with_condition("attribute_not_exists(id)")).condition_held);
  EXPECT_EQ(get("Catalog", key), key);

  put("Catalog", R"({"id":{"S":"a"},"x":{"N":"1"}})");
  EXPECT_FALSE(update("Catalog", key, "SET x = x + :one",
                      [] {
                        auto request = with_condition("x > :one");
                        request.substitutions.values.emplace(":one", 1);
                        return request;
                      }())
                   .condition_held);
  WriteRequest showing = with_condition("x > :one", {{":one", 1}});
  showing.return_old_on_failure = true;
  const auto failed = erase("Catalog", key, showing);
  EXPECT_FALSE(failed.condition_held);
  EXPECT_EQ(shown(failed.attributes), R"({"id":{"S":"a"},"x":{"N":"1"}})");
  EXPECT_TRUE(erase("Catalog", key, with_condition("x = :one", {{":one", 1}})).condition_held);
  EXPECT_EQ(get("Catalog", key), "none");
}

TEST_F(TablesTest, an_update_makes_or_changes_the_item) {
  create("Catalog");
  const std::string key = R"({"id":{"S":"a"}})";
  update("Catalog", key, "");
  EXPECT_EQ(get("Catalog", key), key);
  update("Catalog", key, "SET price = :p ADD seen :one", with_values({{":p", *Number::parse("9.99")}, {":one", 1}}));
  update("Catalog", key, "ADD seen :one REMOVE price", with_values({{":one", 1}}));
  EXPECT_EQ(get("Catalog", key), R"({"id":{"S":"a"},"seen":{"N":"2"}})");
  const auto refused = write(Kind::update, "Catalog", key, [] {
    auto request = with_values({{":x", "b"}});
    request.update_expression = "SET id = :x";
    return request;
  }());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::invalid_argument);
}

TEST_F(TablesTest, an_update_that_only_takes_away_makes_no_item) {
  create("Catalog", {}, ViewType::keys_only);
  const std::string key = R"({"id":{"S":"a"}})";
  EXPECT_EQ(
      shown(update("Catalog", key, "REMOVE price, maker.city, notes[0]", returning(ReturnValues::all_new)).attributes),
      "none");
  WriteRequest element;
  element.substitutions.values = {{":red", StringSet{"red"}}};
  update("Catalog", key, "DELETE colours :red REMOVE price", element);
  EXPECT_EQ(get("Catalog", key), "none");
  EXPECT_EQ(store_->statistics().commits, 1u);  // the table's creation
}

TEST_F(TablesTest, emptied_sets_go_from_the_places_they_had) {
  create("Catalog");
  const std::string key = R"({"id":{"S":"a"}})";
  put("Catalog", R"({"id":{"S":"a"},"l":{"L":[{"SS":["x"]},{"SS":["y"]},{"N":"5"}]}})");
  WriteRequest sets = with_values({{":x", StringSet{"x"}}, {":y", StringSet{"y"}}, {":one", 1}});
  update("Catalog", key, "DELETE l[0] :x, l[1] :y ADD l[2] :one", sets);
  EXPECT_EQ(get("Catalog", key), R"({"id":{"S":"a"},"l":{"L":[{"N":"6"}]}})");
}

TEST_F(TablesTest, an_update_cannot_nest_deeper_than_an_item_may) {
  create("Catalog");
  const std::string key = R"({"id":{"S":"a"}})";
  std::string nested = R"({"S":"x"})";
  std::string path = "a";
  for (int i = 0; i < 20; ++i) nested = R"({"M":{"a":)" + nested + "}}";
  for (int i = 0; i < 19; ++i) path += ".a";
  put("Catalog", R"({"id":{"S":"a"},"a":)" + nested + "}");
  WriteRequest request;
  request.update_expression = "SET " + path + " = a";
  const auto refused = write(Kind::update, "Catalog", key, request);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("Nesting Levels have exceeded"), std::string::npos);
  EXPECT_EQ(get("Catalog", key), R"({"a":)" + nested + R"(,"id":{"S":"a"}})");
}

TEST_F(TablesTest, return_values_show_what_was_asked_for) {
  create("Catalog");
  const std::string key = R"({"id":{"S":"a"}})";
  EXPECT_EQ(shown(put("Catalog", key, returning(ReturnValues::all_old)).attributes), "none");
  EXPECT_EQ(shown(put("Catalog", R"({"id":{"S":"a"},"x":{"N":"1"},"y":{"N":"1"}})", returning(ReturnValues::all_old))
                      .attributes),
            key);
  const auto set_x = [&](int x, ReturnValues values) {
    return shown(update("Catalog", key, "SET x = :x", with_values({{":x", x}}, values)).attributes);
  };
  EXPECT_EQ(set_x(2, ReturnValues::updated_old), R"({"x":{"N":"1"}})");
  EXPECT_EQ(set_x(3, ReturnValues::updated_new), R"({"x":{"N":"3"}})");
  EXPECT_EQ(set_x(4, ReturnValues::all_old), R"({"id":{"S":"a"},"x":{"N":"3"},"y":{"N":"1"}})");
  EXPECT_EQ(set_x(5, ReturnValues::all_new), R"({"id":{"S":"a"},"x":{"N":"5"},"y":{"N":"1"}})");
  EXPECT_EQ(set_x(6, ReturnValues::none), "none");
  EXPECT_EQ(shown(update("Catalog", R"({"id":{"S":"new"}})", "SET x = :x",
                         with_values({{":x", 1}}, ReturnValues::updated_old))
                      .attributes),
            "none");
  EXPECT_EQ(shown(update("Catalog", key, "REMOVE z", returning(ReturnValues::updated_new)).attributes), "none");
  EXPECT_EQ(shown(erase("Catalog", key, returning(ReturnValues::all_old)).attributes),
            R"({"id":{"S":"a"},"x":{"N":"6"},"y":{"N":"1"}})");
  EXPECT_EQ(shown(erase("Catalog", key, returning(ReturnValues::all_old)).attributes), "none");
  EXPECT_FALSE(write(Kind::put, "Catalog", key, returning(ReturnValues::all_new)));
}

TEST_F(TablesTest, an_item_that_is_too_large_is_refused) {
  create("Catalog");
  const auto with_text = [](size_t bytes) {
    return R"({"id":{"S":"a"},"t":{"S":")" + std::string(bytes, 'x') + "\"}}";
  };
  EXPECT_TRUE(write(Kind::put, "Catalog", with_text(item_bytes_max - 4)));
  const auto refused = write(Kind::put, "Catalog", with_text(item_bytes_max - 3));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "Item size has exceeded the maximum allowed size");
  auto growing = with_values({{":x", "more"}});
  growing.update_expression = "SET more = :x";
  const auto grown = write(Kind::update, "Catalog", R"({"id":{"S":"a"}})", growing);
  ASSERT_FALSE(grown);
  EXPECT_EQ(grown.error().message, "Item size to update has exceeded the maximum allowed size");
  const auto table = *tables_->find("Catalog");
  const auto transaction = tables_->begin();
  std::string key;
  std::string bytes;
  ASSERT_TRUE(put_key(key, *table, {{"id", "a"}}));
  put_item(bytes, {{"id", "a"}, {"more", "x"}});
  EXPECT_EQ(transaction->merge(*table, key, bytes).error().kind, ErrorKind::limit_exceeded);
}

TEST_F(TablesTest, values_that_no_expression_uses_are_refused) {
  create("Catalog");
  EXPECT_FALSE(write(Kind::put, "Catalog", R"({"id":{"S":"a"}})", with_values({{":x", 1}})));
  EXPECT_FALSE(
      write(Kind::put, "Catalog", R"({"id":{"S":"a"}})", with_condition("attribute_not_exists(id)", {{":x", 1}})));
  EXPECT_FALSE(
      tables_->get({.table = "Catalog", .key = item(R"({"id":{"S":"a"}})"), .substitutions = {.values = {{":x", 1}}}}));
}

// What can never be right is told before the item is looked at.
TEST_F(TablesTest, a_wrong_update_is_refused_though_its_condition_fails) {
  create("Catalog");
  const auto update = [&](std::string text) {
    auto request = with_condition("attribute_exists(id)", {{":x", 1}, {":y", 2}});
    request.update_expression = std::move(text);
    return write(Kind::update, "Catalog", R"({"id":{"S":"a"}})", request);
  };
  const auto failed = update("SET x = :x, y = :y");
  ASSERT_TRUE(failed) << failed.error().message;
  EXPECT_FALSE(failed->condition_held);
  EXPECT_EQ(update("SET x = :x").error().message,
            "Value provided in ExpressionAttributeValues unused in expressions: keys: {:y}");
  EXPECT_FALSE(update("SET id = :x, y = :y"));
  EXPECT_FALSE(update("SET x = :x, x = :y"));
}

TEST_F(TablesTest, a_projection_leaves_what_it_names) {
  create("Catalog");
  put("Catalog", R"({"id":{"S":"a"},"x":{"N":"1"},"y":{"M":{"z":{"N":"2"}}}})");
  const auto result =
      tables_->get({.table = "Catalog", .key = item(R"({"id":{"S":"a"}})"), .projection_expression = "y.z"});
  ASSERT_TRUE(result);
  EXPECT_EQ(shown(result->projected), R"({"y":{"M":{"z":{"N":"2"}}}})");
  const auto absent =
      tables_->get({.table = "Catalog", .key = item(R"({"id":{"S":"b"}})"), .projection_expression = "y"});
  EXPECT_FALSE(absent->projected);
  EXPECT_FALSE(tables_->get({.table = "Catalog", .key = item(R"({"id":{"N":"1"}})")}));
}

TEST_F(TablesTest, upserts_keep_the_other_attributes) {
  const auto table = create("Demand");
  std::string key;
  ASSERT_TRUE(put_key(key, *table, {{"id", "a"}}));
  const auto merge = [&](const Item& attributes) {
    std::string bytes;
    put_item(bytes, attributes);
    const auto transaction = tables_->begin();
    EXPECT_TRUE(transaction->merge(*table, key, bytes));
    return *transaction->commit();
  };
  merge({{"id", "a"}, {"views", 1}});
  merge({{"id", "a"}, {"carts", 2}, {"views", 3}});
  EXPECT_EQ(get("Demand", R"({"id":{"S":"a"}})"), R"({"carts":{"N":"2"},"id":{"S":"a"},"views":{"N":"3"}})");
  const auto before = tables_->get_stored(*table, key)->value;
  const auto commits = store_->statistics().commits;
  merge({{"id", "a"}, {"views", 3}});
  merge({{"id", "a"}, {"carts", 2}, {"views", 3}});
  EXPECT_EQ(store_->statistics().commits, commits);
  EXPECT_EQ(tables_->get_stored(*table, key)->value, before);
  {
    const auto transaction = tables_->begin();
    ASSERT_TRUE(transaction->erase(*table, key));
    ASSERT_TRUE(transaction->commit());
  }
  EXPECT_EQ(tables_->get_stored(*table, key)->value, nullptr);
  ASSERT_TRUE(tables_->drop("Demand"));
  std::string bytes;
  put_item(bytes, {{"id", "a"}});
  EXPECT_EQ(tables_->begin()->merge(*table, key, bytes).error().kind, ErrorKind::not_found);
}

TEST_F(TablesTest, attributes_are_taken_out_and_the_last_one_takes_the_item_along) {
  const auto table = create("Demand", {}, ViewType::new_and_old_images);
  std::string key;
  ASSERT_TRUE(put_key(key, *table, {{"id", "a"}}));
  const auto erase = [&](std::vector<std::string_view> names) {
    const auto transaction = tables_->begin();
    EXPECT_TRUE(transaction->erase_attributes(*table, key, names));
    return *transaction->commit();
  };
  put("Demand", R"({"id":{"S":"a"},"carts":{"N":"2"},"title":{"S":"x"},"views":{"N":"3"}})");
  erase({"views", "absent"});
  EXPECT_EQ(get("Demand", R"({"id":{"S":"a"}})"), R"({"carts":{"N":"2"},"id":{"S":"a"},"title":{"S":"x"}})");
  const auto commits = store_->statistics().commits;
  erase({"views", "absent"});
  EXPECT_EQ(store_->statistics().commits, commits);
  erase({"carts", "title"});
  EXPECT_EQ(tables_->get_stored(*table, key)->value, nullptr);
  erase({"carts", "title"});
  EXPECT_EQ(store_->statistics().commits, commits + 1);
}

TEST_F(TablesTest, a_transaction_commits_writes_and_records_together) {
  const auto table = create("Catalog", {}, ViewType::new_and_old_images);
  {
    const auto transaction = tables_->begin();
    WriteRequest request{.kind = Kind::put, .table = "Catalog", .item = item(R"({"id":{"S":"a"},"x":{"N":"1"}})")};
    ASSERT_TRUE(transaction->write(request));
    request.condition_expression = "attribute_not_exists(id)";
    EXPECT_FALSE(transaction->write(request)->condition_held);
    ASSERT_TRUE(transaction->put_record("engine/job/p/position", "7"));
    // Let go without a commit.
  }
  EXPECT_EQ(get("Catalog", R"({"id":{"S":"a"}})"), "none");
  EXPECT_EQ(*tables_->get_record("engine/job/p/position"), std::nullopt);
  {
    const auto transaction = tables_->begin();
    for (int x = 1; x <= 3; ++x) {
      ASSERT_TRUE(transaction->write({.kind = Kind::put, .table = "Catalog", .item = {{"id", "a"}, {"x", x}}}));
    }
    ASSERT_TRUE(transaction->put_record("engine/job/p/position", "7"));
    ASSERT_TRUE(transaction->put_record("engine/job/q/position", "8"));
    ASSERT_TRUE(transaction->commit());
  }
  EXPECT_EQ(get("Catalog", R"({"id":{"S":"a"}})"), R"({"id":{"S":"a"},"x":{"N":"3"}})");
  EXPECT_EQ(changes(*table),
            (std::vector<std::string>{R"(INSERT {"id":{"S":"a"}} new {"id":{"S":"a"},"x":{"N":"3"}})"}));
  {
    const auto transaction = tables_->begin();
    ASSERT_TRUE(transaction->erase_records("engine/job/p/"));
    EXPECT_FALSE(transaction->put_record("table/next_keyspace", "1"));
    EXPECT_FALSE(transaction->erase_records(""));
    ASSERT_TRUE(transaction->commit());
  }
  reopen();
  std::string found;
  ASSERT_TRUE(tables_->scan_records("engine/", [&](std::string_view key, std::string_view value) {
    found += std::string(key) + "=" + std::string(value) + " ";
    return true;
  }));
  EXPECT_EQ(found, "engine/job/q/position=8 ");
}

TEST_F(TablesTest, a_batch_is_one_commit_and_names_each_item_once) {
  create("Catalog");
  std::vector<WriteRequest> batch;
  for (const char* id : {"a", "b", "c"}) batch.push_back({.kind = Kind::put, .table = "Catalog", .item = {{"id", id}}});
  const auto commits = store_->statistics().commits;
  ASSERT_TRUE(tables_->write_batch(batch));
  EXPECT_EQ(store_->statistics().commits, commits + 1);
  batch.push_back({.kind = Kind::erase, .table = "Catalog", .item = {{"id", "a"}}});
  const auto twice = tables_->write_batch(batch);
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().message, "Provided list of item keys contains duplicates");
  EXPECT_NE(get("Catalog", R"({"id":{"S":"a"}})"), "none");
}

TEST_F(TablesTest, a_batch_may_be_larger_than_a_group_of_the_journal) {
  create("Catalog", {}, ViewType::new_and_old_images);
  for (const char letter : {'a', 'b'}) {
    std::vector<WriteRequest> batch;
    for (int i = 0; i < 25; ++i) {
      batch.push_back({.kind = Kind::put,
                       .table = "Catalog",
                       .item = {{"id", std::to_string(i)}, {"text", std::string(390 * 1024, letter)}}});
    }
    size_t written = 0;
    while (written < batch.size()) {  // the disk may be behind
      const auto result = tables_->write_batch(std::span(batch).subspan(written));
      ASSERT_TRUE(result) << result.error().message;
      ASSERT_GT(result->written, 0u);
      written += result->written;
      tables_->flush();
      tables_->wait_durable(result->commit);
    }
    const auto last = tables_->get({.table = "Catalog", .key = {{"id", "24"}}});
    EXPECT_EQ(get_item(*last->stored)->at("text"), AttributeValue(std::string(390 * 1024, letter)));
  }
  // What is wrong in the last of them leaves all unwritten.
  std::vector<WriteRequest> batch(2, {.kind = Kind::put, .table = "Catalog"});
  batch[0].item = {{"id", "new"}};
  batch[1].item = {{"id", "too large"}, {"text", std::string(401 * 1024, 'c')}};
  EXPECT_EQ(tables_->write_batch(batch).error().kind, ErrorKind::invalid_argument);
  EXPECT_EQ(get("Catalog", R"({"id":{"S":"new"}})"), "none");
}

TEST_F(TablesTest, a_dropped_tables_rows_are_not_just_absent) {
  const auto table = create("Catalog");
  put("Catalog", R"({"id":{"S":"a"}})");
  std::string key;
  ASSERT_TRUE(put_key(key, *table, item(R"({"id":{"S":"a"}})")));
  EXPECT_NE(tables_->get_stored(*table, key)->value, nullptr);
  ASSERT_TRUE(tables_->drop("Catalog"));
  EXPECT_EQ(tables_->get_stored(*table, key).error().kind, ErrorKind::not_found);
  create("Catalog");
  EXPECT_EQ(tables_->get_stored(*table, key).error().kind, ErrorKind::not_found);
}

TEST_F(TablesTest, an_answer_depends_on_what_it_shows) {
  create("Catalog");
  const CommitId written = put("Catalog", R"({"id":{"S":"a"}})").commit;
  EXPECT_NE(written, CommitId(0));
  EXPECT_EQ(tables_->get({.table = "Catalog", .key = {{"id", "a"}}})->commit, written);
  EXPECT_EQ(tables_->query({.table = "Catalog", .scan = true})->commit, written);
  // A failed condition and a write that changes nothing show what is there, too.
  EXPECT_EQ(put("Catalog", R"({"id":{"S":"a"}})", with_condition("attribute_not_exists(id)")).commit, written);
  EXPECT_EQ(put("Catalog", R"({"id":{"S":"a"}})").commit, written);
  bool durable = false;
  tables_->when_durable(CommitId(0), [&] { durable = true; });
  EXPECT_TRUE(durable);
  tables_->wait_durable(written);
  EXPECT_EQ(tables_->get({.table = "Catalog", .key = {{"id", "a"}}})->commit, CommitId(0));
}

TEST_F(TablesTest, items_and_bytes_are_counted) {
  const auto table = create("Catalog");
  for (int i = 0; i < 600; ++i) put("Catalog", fmt::format(R"({{"id":{{"S":"{}"}}}})", i % 300));
  for (int i = 0; i < 100; ++i) erase("Catalog", fmt::format(R"({{"id":{{"S":"{}"}}}})", i));
  erase("Catalog", R"({"id":{"S":"absent"}})");
  EXPECT_EQ(tables_->item_count(*table), 200u);
  const uint64_t bytes = tables_->size_bytes(*table);
  EXPECT_GT(bytes, 200u * 4);
  reopen();
  EXPECT_EQ(tables_->item_count(*table), 200u);
  EXPECT_EQ(tables_->size_bytes(*table), bytes);
}

// A saved count that was not saved would be wrong after the next start, for good.
TEST_F(TablesTest, a_refused_commit_leaves_the_counts_to_be_saved) {
  const auto table = create("Catalog");
  put("Catalog", R"({"id":{"S":"first"}})");
  reopen();  // the counts are written down
  for (int i = 0; i < 10; ++i) put("Catalog", fmt::format(R"({{"id":{{"S":"{}"}}}})", i));
  {
    const auto transaction = tables_->begin();
    const Item large = item(fmt::format(R"({{"text":{{"S":"{}"}}}})", std::string(100'000, 'x')));
    for (int i = 0; i < 300; ++i) {  // more than a group of the journal may hold
      WriteRequest request{.kind = WriteRequest::Kind::put, .table = "Catalog", .item = large};
      request.item.emplace("id", fmt::format("large {}", i));
      ASSERT_TRUE(transaction->write(request));
    }
    ASSERT_FALSE(transaction->commit());
  }
  EXPECT_EQ(tables_->item_count(*table), 11u);
  reopen();
  EXPECT_EQ(tables_->item_count(*table), 11u);
}

TEST_F(TablesTest, how_an_earlier_version_said_that_it_is_billed_goes_with_a_table) {
  const auto table = create("Catalog");
  const std::string key = fmt::format("aws/billing/{}", table->keyspace);
  const auto transaction = tables_->begin();
  ASSERT_TRUE(transaction->put_record(key, std::string("\x01\x02\x04", 3)));
  ASSERT_TRUE(transaction->commit());
  reopen();
  EXPECT_TRUE((*tables_->find("Catalog"))->provisioned);
  ASSERT_TRUE(tables_->drop("Catalog"));
  EXPECT_EQ(tables_->get_record(key).value(), std::nullopt);
}

TEST_F(TablesTest, writers_of_one_item_lose_no_update) {
  create("Counters");
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 250; ++i) update("Counters", R"({"id":{"S":"c"}})", "ADD n :one", with_values({{":one", 1}}));
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(get("Counters", R"({"id":{"S":"c"}})"), R"({"id":{"S":"c"},"n":{"N":"1000"}})");
}

}  // namespace
}  // namespace millrace::table
