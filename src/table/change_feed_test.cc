#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <map>
#include <thread>

#include "table/test_tables.h"

namespace millrace::table {
namespace {

class ChangeFeedTest : public TablesTest {
 protected:
  // Inserts, modifies and removes an item, with writes between that change nothing.
  std::vector<std::string> life_of_an_item(std::optional<ViewType> view) {
    const auto table = create("Catalog", {}, view);
    put("Catalog", R"({"id":{"S":"a"},"x":{"N":"1"}})");
    put("Catalog", R"({"id":{"S":"a"},"x":{"N":"1.0"}})");
    WriteRequest values;
    values.substitutions.values.emplace(":x", 2);
    update("Catalog", R"({"id":{"S":"a"}})", "SET x = :x", values);
    update("Catalog", R"({"id":{"S":"a"}})", "SET x = :x", values);
    erase("Catalog", R"({"id":{"S":"b"}})");
    erase("Catalog", R"({"id":{"S":"a"}})");
    erase("Catalog", R"({"id":{"S":"a"}})");
    return changes(*table);
  }

  // The same as JSON on the wire.
  std::vector<std::string> wire(ViewType view) {
    const auto table = create("Wire", {}, view);
    put("Wire", R"({"id":{"S":"a"},"x":{"N":"1"}})");
    put("Wire", R"({"id":{"S":"a"},"x":{"N":"2"}})");
    erase("Wire", R"({"id":{"S":"a"}})");
    std::vector<std::string> lines;
    for_each_change(*table, [&](const log::Record& record) {
      std::string& line = lines.emplace_back();
      ASSERT_TRUE(put_change_json(line, *table, record, view));
      const std::string number = sequence_format(*table).text(record.sequence);
      const size_t at = line.find(number);
      ASSERT_NE(at, std::string::npos) << line;
      line.replace(at, number.size(), std::to_string(record.sequence.value));
    });
    return lines;
  }
};

const std::string key = R"({"id":{"S":"a"}})";
const std::string first = R"({"id":{"S":"a"},"x":{"N":"1"}})";
const std::string second = R"({"id":{"S":"a"},"x":{"N":"2"}})";

TEST_F(ChangeFeedTest, tells_each_change_once_and_nothing_else) {
  EXPECT_EQ(
      life_of_an_item(ViewType::new_and_old_images),
      (std::vector<std::string>{"INSERT " + key + " new " + first, "MODIFY " + key + " new " + second + " old " + first,
                                "REMOVE " + key + " old " + second}));
}

TEST_F(ChangeFeedTest, has_no_old_images_unless_the_view_asks_for_them) {
  EXPECT_EQ(life_of_an_item(std::nullopt),
            (std::vector<std::string>{"INSERT " + key + " new " + first, "MODIFY " + key + " new " + second,
                                      "REMOVE " + key}));
}

TEST_F(ChangeFeedTest, each_view_shows_its_images) {
  const auto line = [](std::string_view event, std::string images, int sequence, int bytes, std::string_view view) {
    return fmt::format(R"("eventName":"{}","dynamodb":{{"ApproximateCreationDateTime":1700000000,"Keys":{}{},)"
                       R"("SequenceNumber":"{}","SizeBytes":{},"StreamViewType":"{}"}})",
                       event, key, images, sequence, bytes, view);
  };
  const std::string new_first = R"(,"NewImage":)" + first, new_second = R"(,"NewImage":)" + second;
  const std::string old_first = R"(,"OldImage":)" + first, old_second = R"(,"OldImage":)" + second;
  // "id" and "a" are 3 bytes, "x" and its number 3 more.
  EXPECT_EQ(wire(ViewType::keys_only),
            (std::vector<std::string>{line("INSERT", "", 0, 3, "KEYS_ONLY"), line("MODIFY", "", 1, 3, "KEYS_ONLY"),
                                      line("REMOVE", "", 2, 3, "KEYS_ONLY")}));
  ASSERT_TRUE(tables_->drop("Wire"));
  EXPECT_EQ(wire(ViewType::new_image), (std::vector<std::string>{line("INSERT", new_first, 0, 9, "NEW_IMAGE"),
                                                                 line("MODIFY", new_second, 1, 9, "NEW_IMAGE"),
                                                                 line("REMOVE", "", 2, 3, "NEW_IMAGE")}));
  ASSERT_TRUE(tables_->drop("Wire"));
  EXPECT_EQ(wire(ViewType::old_image), (std::vector<std::string>{line("INSERT", "", 0, 3, "OLD_IMAGE"),
                                                                 line("MODIFY", old_first, 1, 9, "OLD_IMAGE"),
                                                                 line("REMOVE", old_second, 2, 9, "OLD_IMAGE")}));
  ASSERT_TRUE(tables_->drop("Wire"));
  EXPECT_EQ(wire(ViewType::new_and_old_images),
            (std::vector<std::string>{line("INSERT", new_first, 0, 9, "NEW_AND_OLD_IMAGES"),
                                      line("MODIFY", new_second + old_first, 1, 15, "NEW_AND_OLD_IMAGES"),
                                      line("REMOVE", old_second, 2, 9, "NEW_AND_OLD_IMAGES")}));
}

TEST_F(ChangeFeedTest, each_table_has_sequence_numbers_of_its_own) {
  const auto first = create("First", {}, ViewType::keys_only);
  const auto second = create("Second", {}, ViewType::keys_only);
  const std::string number = sequence_format(*first).text(SequenceNumber(42));
  EXPECT_EQ(sequence_format(*first).position(number), SequenceNumber(42));
  EXPECT_FALSE(sequence_format(*second).position(number));
}

TEST_F(ChangeFeedTest, bytes_that_are_no_change_are_corrupt) {
  const auto table = create("Catalog");
  EXPECT_EQ(decode_change(*table, {.data = "nonsense"}).error().kind, ErrorKind::corrupt);
  std::string erased;
  store::put_change(erased, {.existed = true});
  EXPECT_EQ(decode_change(*table, {.data = erased}).error().kind, ErrorKind::corrupt);
  std::string out;
  EXPECT_EQ(put_change_json(out, *table, {.data = "nonsense"}, ViewType::new_image).error().kind, ErrorKind::corrupt);
  EXPECT_EQ(put_change_json(out, *table, {.data = erased}, ViewType::new_image).error().kind, ErrorKind::corrupt);
}

// The feed, followed from its beginning, gives the table; before and after a kill.
TEST_F(ChangeFeedTest, is_the_same_after_the_process_was_killed) {
  const auto table = create("Catalog", {}, ViewType::new_and_old_images);
  const auto known = *table;
  tables_.reset();
  store_.reset();
  int pipes[2];
  ASSERT_EQ(pipe(pipes), 0);
  const pid_t child = fork();
  if (child == 0) {
    reopen();
    for (int i = 0;; ++i) {
      const auto id = fmt::format(R"({{"id":{{"S":"{}"}}}})", i % 37);
      if (i % 5 == 4) {
        erase("Catalog", id);
      } else {
        put("Catalog", fmt::format(R"({{"id":{{"S":"{}"}},"x":{{"N":"{}"}}}})", i % 37, i / 3));
      }
      if (i % 20 != 19) continue;
      const auto transaction = tables_->begin();
      (void)transaction->put_record("test/last", std::to_string(i));
      tables_->wait_durable(*transaction->commit());
      if (::write(pipes[1], &i, sizeof(i)) != sizeof(i)) _exit(1);
    }
  }
  close(pipes[1]);
  int last = 0;
  while (last < 2000 && read(pipes[0], &last, sizeof(last)) == sizeof(last)) {
  }
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  while (read(pipes[0], &last, sizeof(last)) == sizeof(last)) {
  }
  close(pipes[0]);

  reopen();
  EXPECT_GE(std::stoi(tables_->get_record("test/last")->value_or("0")), last);
  const auto follow = [&] {
    std::map<std::string, Item> items;
    for_each_change(known, [&](const log::Record& record) {
      const auto change = decode_change(known, record);
      ASSERT_TRUE(change);
      const auto at = items.find(json(change->keys));
      ASSERT_EQ(change->kind == Change::Kind::insert, at == items.end());
      ASSERT_EQ(change->old_image, at == items.end() ? std::nullopt : std::optional(at->second));
      ASSERT_NE(change->old_image, change->new_image);
      if (change->new_image) {
        items[json(change->keys)] = *change->new_image;
      } else {
        items.erase(at);
      }
    });
    return items;
  };
  const auto told = follow();
  const auto all = tables_->query({.table = "Catalog", .scan = true});
  ASSERT_TRUE(all);
  EXPECT_EQ(all->items.size(), told.size());
  for (const Item& found : all->items) {
    const auto at = told.find(json({{"id", found.at("id")}}));
    ASSERT_NE(at, told.end());
    EXPECT_EQ(at->second, found);
  }
  EXPECT_EQ(tables_->item_count(known), told.size());
  reopen();
  EXPECT_EQ(follow(), told);
}

}  // namespace
}  // namespace millrace::table
