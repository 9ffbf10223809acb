#include "table/expiry.h"

#include <thread>

#include "table/test_tables.h"

namespace millrace::table {
namespace {

class ExpiryTest : public TablesTest {
 protected:
  void set_attribute(const std::string& name) {
    const auto updated = tables_->update("Sessions", [&](TableDefinition& table) -> Result<void> {
      table.expiry_attribute = name;
      return {};
    });
    ASSERT_TRUE(updated) << updated.error().message;
    tables_->flush();
  }
  // Any change of the table makes the tables look at once.
  void look_now() {
    ASSERT_TRUE(tables_->update("Sessions", [&](TableDefinition& table) -> Result<void> {
      table.tags["looked"] = std::to_string(++looks_);
      return {};
    }));
  }
  void put_session(const std::string& id, const std::string& ends) {
    put("Sessions", fmt::format(R"({{"id":{{"S":"{}"}},"ends":{}}})", id, ends));
  }
  std::string at(int64_t seconds_from_now) {
    return fmt::format(R"({{"N":"{}"}})", clock_.now().value / 1000 + seconds_from_now);
  }
  bool is_there(const std::string& id) {
    return get("Sessions", fmt::format(R"({{"id":{{"S":"{}"}}}})", id)) != "none";
  }
  void wait_until_gone(const std::string& id) {
    while (is_there(id)) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }

  int looks_ = 0;
};

TEST_F(ExpiryTest, items_go_when_their_time_has_come) {
  const auto table = create("Sessions", {}, ViewType::keys_only);
  put_session("early", at(-10));
  put_session("late", at(100));
  put_session("odd", R"({"S":"soon"})");
  put_session("milliseconds", R"({"N":"1700000000000"})");
  put_session("ancient", R"({"N":"12"})");
  set_attribute("ends");
  wait_until_gone("early");
  EXPECT_TRUE(is_there("late"));
  clock_.advance_ms(100 * 1000);
  look_now();
  wait_until_gone("late");
  for (const char* id : {"odd", "milliseconds", "ancient"}) EXPECT_TRUE(is_there(id)) << id;

  put_session("extended", at(50));
  put_session("extended", at(5000));
  put_session("other", at(50));
  clock_.advance_ms(60 * 1000);
  reopen();
  wait_until_gone("other");
  EXPECT_TRUE(is_there("extended"));
}

TEST_F(ExpiryTest, the_change_says_that_nobody_asked_for_it) {
  const auto table = create("Sessions", {}, ViewType::keys_only);
  put_session("gone", at(-10));
  put_session("erased", at(1000));
  erase("Sessions", R"({"id":{"S":"erased"}})");
  set_attribute("ends");
  wait_until_gone("gone");
  std::map<std::string, std::string> removals;
  for_each_change(*table, [&](const log::Record& record) {
    const auto change = decode_change(*table, record);
    ASSERT_TRUE(change);
    std::string text;
    ASSERT_TRUE(put_change_json(text, *table, record, ViewType::keys_only));
    EXPECT_EQ(text.find("dynamodb.amazonaws.com") != std::string::npos, change->expired);
    if (change->kind == Change::Kind::remove) removals[json(change->keys)] = change->expired ? "expired" : "erased";
  });
  EXPECT_EQ(removals, (std::map<std::string, std::string>{{R"({"id":{"S":"gone"}})", "expired"},
                                                          {R"({"id":{"S":"erased"}})", "erased"}}));
}

TEST_F(ExpiryTest, nothing_goes_after_it_was_switched_off) {
  create("Sessions");
  set_attribute("ends");
  put_session("a", at(10));
  set_attribute("");
  clock_.advance_ms(20 * 1000);
  put_session("b", at(-10));
  look_now();
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_TRUE(is_there("a"));
  EXPECT_TRUE(is_there("b"));
  EXPECT_TRUE((*tables_->find("Sessions"))->indexes.empty());
}

TEST_F(ExpiryTest, a_table_that_cannot_be_read_holds_up_no_other) {
  const auto damaged = tables_->update((create("Damaged"))->name, [](TableDefinition& table) -> Result<void> {
    table.expiry_attribute = "ends";
    return {};
  });
  ASSERT_TRUE(damaged);
  put("Damaged", fmt::format(R"({{"id":{{"S":"a"}},"ends":{}}})", at(50)));
  damage((*damaged)->indexes.at(0).keyspace);
  create("Sessions");
  set_attribute("ends");
  put_session("a", at(50));
  clock_.advance_ms(60 * 1000);
  look_now();
  wait_until_gone("a");
}

TEST_F(ExpiryTest, many_go_in_steps) {
  const auto table = create("Sessions");
  set_attribute("ends");
  for (int i = 0; i < 300; ++i) put_session(fmt::format("s{}", i), at(i % 2 == 0 ? -1 - i : 1000));
  look_now();
  while (tables_->item_count(*table) > 150) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_EQ(tables_->item_count(*table), 150u);
}

}  // namespace
}  // namespace millrace::table
