#include "table/index.h"

#include <map>
#include <random>
#include <thread>

#include "table/item_writer.h"
#include "table/keys.h"
#include "table/test_tables.h"

namespace millrace::table {
namespace {

using Kind = WriteRequest::Kind;

IndexDefinition global(std::string name, KeyAttribute hash, std::optional<KeyAttribute> range = {},
                       Projection projection = Projection::all, std::vector<std::string> included = {}) {
  IndexDefinition index{.name = std::move(name), .hash_key = {std::move(hash)}};
  if (range) index.range_key = {std::move(*range)};
  index.projection = projection;
  index.included = std::move(included);
  return index;
}

class IndexTest : public TablesTest {
 protected:
  TablePtr create_with(std::vector<IndexDefinition> indexes, const std::string& name = "Orders") {
    TableDefinition definition{.name = name, .hash_key = {"id"}, .range_key = KeyAttribute{"moment", KeyType::number}};
    definition.indexes = std::move(indexes);
    const auto table = tables_->create(std::move(definition));
    CHECK(table, "{}", table.error().message);
    return *table;
  }
  void add_index(IndexDefinition index, const std::string& name = "Orders") {
    const auto updated = tables_->update(name, [&](TableDefinition& table) -> Result<void> {
      table.indexes.push_back(std::move(index));
      return {};
    });
    ASSERT_TRUE(updated) << updated.error().message;
  }
  void drop_index(std::string_view name) {
    ASSERT_TRUE(tables_->update("Orders", [&](TableDefinition& table) -> Result<void> {
      std::erase_if(table.indexes, [&](const auto& index) { return index.name == name; });
      return {};
    }));
  }
  void wait_until_filled() {
    tables_->flush();
    while (std::ranges::any_of((*tables_->find("Orders"))->indexes, &IndexDefinition::backfilling)) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }

  void put_order(const std::string& id, int at, const std::string& more) {
    put("Orders",
        fmt::format(R"({{"id":{{"S":"{}"}},"moment":{{"N":"{}"}}{}{}}})", id, at, more.empty() ? "" : ",", more));
  }
  static QueryRequest by(std::string index, std::string condition, std::string_view values) {
    QueryRequest request{.table = "Orders", .index = std::move(index)};
    request.key_condition_expression = std::move(condition);
    request.substitutions.values = item(values);
    return request;
  }
  static QueryRequest whole(std::string index) {
    QueryRequest request{.table = "Orders", .index = std::move(index)};
    request.scan = true;
    return request;
  }
  std::string run(const QueryRequest& request) {
    const auto result = tables_->query(request);
    EXPECT_TRUE(result) << result.error().message;
    std::string out;
    if (!result) return out;
    for (const Item& each : result->items) out += (out.empty() ? "" : " ") + json(each);
    return out;
  }
  // "id/at" of each item.
  std::string ids(const QueryRequest& request) {
    const auto result = tables_->query(request);
    EXPECT_TRUE(result) << result.error().message;
    std::string out;
    if (!result) return out;
    for (const Item& each : result->items) {
      out += fmt::format("{}{}/{}", out.empty() ? "" : " ", *each.at("id").string(),
                         each.at("moment").number()->to_string());
    }
    return out;
  }
  std::string refusal(const QueryRequest& request) {
    const auto result = tables_->query(request);
    EXPECT_FALSE(result);
    return result ? "" : result.error().message;
  }
  std::string refused_put(std::string_view item_json) {
    const auto result = write(Kind::put, "Orders", item_json);
    EXPECT_FALSE(result);
    return result ? "" : result.error().message;
  }
};

TEST_F(IndexTest, has_the_items_that_have_its_key_in_its_order) {
  create_with({global("ByCity", {"city"}, KeyAttribute{"amount", KeyType::number})});
  put_order("a", 1, R"("city":{"S":"Rome"},"amount":{"N":"30"})");
  put_order("b", 1, R"("city":{"S":"Rome"},"amount":{"N":"-5"})");
  put_order("c", 1, R"("city":{"S":"Oslo"},"amount":{"N":"7"})");
  put_order("d", 1, R"("city":{"S":"Rome"})");
  put_order("e", 1, R"("amount":{"N":"7"})");
  auto rome = by("ByCity", "city = :c", R"({":c":{"S":"Rome"}})");
  EXPECT_EQ(ids(rome), "b/1 a/1");
  rome.forward = false;
  EXPECT_EQ(ids(rome), "a/1 b/1");
  EXPECT_EQ(tables_->query(whole("ByCity"))->count, 3u);
  EXPECT_EQ(tables_->counts(**tables_->find("Orders"), (*tables_->find("Orders"))->indexes[0]).items, 3u);
}

TEST_F(IndexTest, follows_every_kind_of_write) {
  const auto table = create_with({global("ByCity", {"city"})});
  const auto rome = by("ByCity", "city = :c", R"({":c":{"S":"Rome"}})");
  const auto oslo = by("ByCity", "city = :c", R"({":c":{"S":"Oslo"}})");
  put_order("a", 1, R"("city":{"S":"Rome"})");
  update("Orders", R"({"id":{"S":"a"},"moment":{"N":"1"}})", "SET city = :c",
         {.substitutions = {.names = {}, .values = item(R"({":c":{"S":"Oslo"}})")}});
  EXPECT_EQ(ids(rome), "");
  EXPECT_EQ(ids(oslo), "a/1");
  update("Orders", R"({"id":{"S":"a"},"moment":{"N":"1"}})", "REMOVE city");
  EXPECT_EQ(ids(oslo), "");

  std::vector<WriteRequest> batch(2);
  for (int i = 0; i < 2; ++i) {
    batch[i].table = "Orders";
    batch[i].item = item(fmt::format(R"({{"id":{{"S":"b"}},"moment":{{"N":"{}"}},"city":{{"S":"Oslo"}}}})", i));
  }
  ASSERT_TRUE(tables_->write_batch(batch));
  EXPECT_EQ(ids(oslo), "b/0 b/1");
  erase("Orders", R"({"id":{"S":"b"},"moment":{"N":"0"}})");
  EXPECT_EQ(ids(oslo), "b/1");

  // A job's upserts, and what it takes back.
  std::string key;
  ASSERT_TRUE(put_key(key, *table, KeyValue("b"), KeyValue(Number(1))));
  std::string attributes;
  ItemWriter writer(attributes, 3);
  writer.text("city", "Rome");
  writer.text("id", "b");
  writer.number("moment", Number(1));
  auto transaction = tables_->begin();
  ASSERT_TRUE(transaction->merge(*table, key, attributes));
  ASSERT_TRUE(transaction->commit());
  EXPECT_EQ(ids(oslo), "");
  EXPECT_EQ(ids(rome), "b/1");
  transaction = tables_->begin();
  const std::array<std::string_view, 1> names = {"city"};
  ASSERT_TRUE(transaction->erase_attributes(*table, key, names));
  ASSERT_TRUE(transaction->commit());
  EXPECT_EQ(ids(rome), "");
  EXPECT_EQ(tables_->counts(*table, table->indexes[0]).items, 0u);
  EXPECT_EQ(tables_->counts(*table, table->indexes[0]).bytes, 0u);
}

TEST_F(IndexTest, is_sparse_for_what_a_job_writes_that_is_no_key) {
  const auto table = create_with({global("ByCity", {"city"})});
  std::string key;
  ASSERT_TRUE(put_key(key, *table, KeyValue("b"), KeyValue(Number(1))));
  std::string attributes;
  ItemWriter writer(attributes, 3);
  writer.number("city", Number(7));
  writer.text("id", "b");
  writer.number("moment", Number(1));
  const auto transaction = tables_->begin();
  ASSERT_TRUE(transaction->merge(*table, key, attributes));
  ASSERT_TRUE(transaction->commit());
  EXPECT_EQ(ids(whole("ByCity")), "");
  // Another attribute may be changed all the same.
  update("Orders", R"({"id":{"S":"b"},"moment":{"N":"1"}})", "SET x = id");
}

TEST_F(IndexTest, projects_what_it_was_told_to) {
  create_with({global("Keys", {"city"}, {}, Projection::keys_only),
               global("Some", {"city"}, {}, Projection::include, {"amount"}), global("All", {"city"})});
  put_order("a", 1, R"("city":{"S":"Rome"},"amount":{"N":"3"},"note":{"S":"x"})");
  const auto of = [](std::string index) { return by(std::move(index), "city = :c", R"({":c":{"S":"Rome"}})"); };
  EXPECT_EQ(run(of("Keys")), R"({"city":{"S":"Rome"},"id":{"S":"a"},"moment":{"N":"1"}})");
  EXPECT_EQ(run(of("Some")), R"({"amount":{"N":"3"},"city":{"S":"Rome"},"id":{"S":"a"},"moment":{"N":"1"}})");
  EXPECT_EQ(run(of("All")),
            R"({"amount":{"N":"3"},"city":{"S":"Rome"},"id":{"S":"a"},"moment":{"N":"1"},"note":{"S":"x"}})");
  update("Orders", R"({"id":{"S":"a"},"moment":{"N":"1"}})", "SET amount = amount + moment REMOVE note");
  EXPECT_EQ(run(of("Some")), R"({"amount":{"N":"4"},"city":{"S":"Rome"},"id":{"S":"a"},"moment":{"N":"1"}})");

  auto request = of("Some");
  request.projection_expression = "id, note";
  EXPECT_EQ(refusal(request),
            "One or more parameter values were invalid: Global secondary index Some does not project [note]");
  request.projection_expression = "id";
  EXPECT_EQ(run(request), R"({"id":{"S":"a"}})");
  request.filter_expression = "note = :c";
  EXPECT_EQ(refusal(request),
            "One or more parameter values were invalid: Secondary index Some does not project one or more filter "
            "attributes: [note]");
  request = of("Some");
  request.all_attributes = true;
  EXPECT_EQ(refusal(request),
            "One or more parameter values were invalid: Select type ALL_ATTRIBUTES is not supported for global "
            "secondary index Some because its projection type is not ALL");
}

TEST_F(IndexTest, a_local_one_reads_the_items_for_what_it_lacks) {
  IndexDefinition local = global("ByTotal", {"id"}, KeyAttribute{"amount", KeyType::number}, Projection::keys_only);
  local.global = false;
  create_with({local});
  put_order("a", 1, R"("amount":{"N":"9"},"note":{"S":"x"})");
  put_order("a", 2, R"("amount":{"N":"3"},"note":{"S":"y"})");
  put_order("a", 3, R"("note":{"S":"z"})");
  auto request = by("ByTotal", "id = :i AND amount < :t", R"({":i":{"S":"a"},":t":{"N":"10"}})");
  request.consistent = true;
  EXPECT_EQ(ids(request), "a/2 a/1");
  request.projection_expression = "note";
  EXPECT_EQ(run(request), R"({"note":{"S":"y"}} {"note":{"S":"x"}})");
  request.projection_expression.clear();
  request.all_attributes = true;
  request.limit = 1;
  EXPECT_EQ(run(request), R"({"amount":{"N":"3"},"id":{"S":"a"},"moment":{"N":"2"},"note":{"S":"y"}})");
}

TEST_F(IndexTest, compares_ranges_of_text_and_numbers) {
  create_with({global("ByText", {"kind"}, KeyAttribute{"word"}),
               global("ByNumber", {"kind"}, KeyAttribute{"moment", KeyType::number})});
  int at = 0;
  for (const char* text : {"a", "a\\u0000b", "aa", "ab", "b"}) {
    put_order("o", ++at, fmt::format(R"("kind":{{"S":"k"}},"word":{{"S":"{}"}})", text));
  }
  const auto words = [&](const std::string& comparison, const std::string& values) {
    return ids(by("ByText", "kind = :k AND " + comparison, R"({":k":{"S":"k"},)" + values + "}"));
  };
  EXPECT_EQ(words("word = :a", R"(":a":{"S":"a"})"), "o/1");
  EXPECT_EQ(words("word < :a", R"(":a":{"S":"aa"})"), "o/1 o/2");
  EXPECT_EQ(words("word <= :a", R"(":a":{"S":"aa"})"), "o/1 o/2 o/3");
  EXPECT_EQ(words("word > :a", R"(":a":{"S":"a"})"), "o/2 o/3 o/4 o/5");
  EXPECT_EQ(words("word >= :a", R"(":a":{"S":"ab"})"), "o/4 o/5");
  EXPECT_EQ(words("word BETWEEN :a AND :b", R"(":a":{"S":"aa"},":b":{"S":"ab"})"), "o/3 o/4");
  EXPECT_EQ(words("begins_with(word, :a)", R"(":a":{"S":"a"})"), "o/1 o/2 o/3 o/4");
  const auto numbers = [&](const std::string& comparison, const std::string& values) {
    return ids(by("ByNumber", "kind = :k AND " + comparison, R"({":k":{"S":"k"},)" + values + "}"));
  };
  EXPECT_EQ(numbers("moment > :a", R"(":a":{"N":"3"})"), "o/4 o/5");
  EXPECT_EQ(numbers("moment BETWEEN :a AND :b", R"(":a":{"N":"2"},":b":{"N":"3"})"), "o/2 o/3");
}

TEST_F(IndexTest, pages_go_on_after_a_key_of_both) {
  create_with({global("ByCity", {"city"}, KeyAttribute{"amount", KeyType::number}, Projection::keys_only)});
  for (int i = 0; i < 7; ++i) put_order("o", i, R"("city":{"S":"Rome"},"amount":{"N":"1"})");
  for (const bool scan : {false, true}) {
    auto request = by("ByCity", "city = :c", R"({":c":{"S":"Rome"}})");
    if (scan) request = whole("ByCity");
    request.limit = 2;
    std::string seen;
    for (int pages = 0; pages < 10; ++pages) {
      const auto result = tables_->query(request);
      ASSERT_TRUE(result) << result.error().message;
      for (const Item& each : result->items) seen += each.at("moment").number()->to_string();
      if (!result->last_evaluated_key) break;
      EXPECT_EQ(result->last_evaluated_key->size(), 4u);
      request.exclusive_start_key = result->last_evaluated_key;
    }
    EXPECT_EQ(seen, "0123456");
  }
  auto request = by("ByCity", "city = :c", R"({":c":{"S":"Rome"}})");
  request.exclusive_start_key = item(R"({"id":{"S":"o"},"moment":{"N":"1"}})");
  EXPECT_EQ(refusal(request), "The provided starting key is invalid");
  request.exclusive_start_key = item(R"({"id":{"S":"o"},"moment":{"N":"1"},"city":{"S":"Oslo"},"amount":{"N":"1"}})");
  EXPECT_EQ(refusal(request), "The provided starting key is outside query boundaries based on provided conditions");
}

TEST_F(IndexTest, a_key_may_have_several_attributes) {
  IndexDefinition index{.name = "Deep"};
  index.hash_key = {{"country"}, {"city"}};
  index.range_key = {{"street"}, {"house", KeyType::number}};
  create_with({index});
  int at = 0;
  for (const char* street : {"Elm", "Oak"}) {
    for (const int house : {2, 10}) {
      put_order(
          "o", ++at,
          fmt::format(R"("country":{{"S":"IT"}},"city":{{"S":"Rome"}},"street":{{"S":"{}"}},"house":{{"N":"{}"}})",
                      street, house));
    }
  }
  const auto with = [&](const std::string& condition, const std::string& values) {
    return by("Deep", condition, R"({":n":{"S":"IT"})" + values + "}");
  };
  const std::string city = "country = :n AND city = :c";
  const std::string rome = R"(,":c":{"S":"Rome"})";
  EXPECT_EQ(ids(with(city, rome)), "o/1 o/2 o/3 o/4");
  EXPECT_EQ(ids(with(city + " AND street = :s", rome + R"(,":s":{"S":"Oak"})")), "o/3 o/4");
  EXPECT_EQ(ids(with(city + " AND street = :s AND house > :h", rome + R"(,":s":{"S":"Oak"},":h":{"N":"2"})")), "o/4");
  EXPECT_EQ(ids(with(city + " AND begins_with(street, :s)", rome + R"(,":s":{"S":"E"})")), "o/1 o/2");
  EXPECT_EQ(refusal(with("country = :n", "")), "Query condition missed key schema element: city");
  EXPECT_EQ(refusal(with(city + " AND house = :h", rome + R"(,":h":{"N":"2"})")),
            "Query condition missed key schema element: street");
  EXPECT_EQ(refusal(with(city + " AND street > :s AND house = :h", rome + R"(,":s":{"S":"Oak"},":h":{"N":"2"})")),
            "Query key condition not supported");
}

TEST_F(IndexTest, refuses_in_dynamodbs_words) {
  create_with({global("ByCity", {"city"})});
  EXPECT_EQ(refused_put(R"({"id":{"S":"a"},"moment":{"N":"1"},"city":{"N":"1"}})"),
            "One or more parameter values were invalid: Type mismatch for Index Key city Expected: S Actual: N "
            "IndexName: ByCity");
  EXPECT_EQ(refused_put(R"({"id":{"S":"a"},"moment":{"N":"1"},"city":{"S":""}})"),
            "One or more parameter values are not valid. A value specified for a secondary index key is not supported. "
            "The AttributeValue for a key attribute cannot contain an empty string value. IndexName: ByCity, IndexKey: "
            "city");
  const auto refused_update = [&](std::string_view values) {
    WriteRequest request{.update_expression = "SET city = :c"};
    request.substitutions.values = item(values);
    const auto result = write(Kind::update, "Orders", R"({"id":{"S":"a"},"moment":{"N":"1"}})", std::move(request));
    EXPECT_FALSE(result);
    return result ? "" : result.error().message;
  };
  EXPECT_EQ(refused_update(R"({":c":{"NULL":true}})"),
            "The update expression attempted to update the secondary index key to unsupported type");
  EXPECT_EQ(refused_update(R"({":c":{"S":""}})"),
            "One or more parameter values are not valid. The update expression attempted to update a secondary index "
            "key to a value that is not supported. The AttributeValue for a key attribute cannot contain an empty "
            "string value.");
  EXPECT_EQ(refused_update(fmt::format(R"({{":c":{{"S":"{}"}}}})", std::string(2049, 'x'))),
            "The update expression attempted to update the secondary index key beyond allowed size limits");

  EXPECT_EQ(refusal(whole("Other")), "The table does not have the specified index: Other");
  auto request = whole("ByCity");
  request.consistent = true;
  EXPECT_EQ(refusal(request), "Consistent reads are not supported on global secondary indexes");
  request = by("ByCity", "city = :c", R"({":c":{"S":"Rome"}})");
  request.filter_expression = "city = :c";
  EXPECT_EQ(refusal(request),
            "Filter Expression can only contain non-primary key attributes: Primary key attribute: city");
  EXPECT_EQ(refusal(by("ByCity", "id = :c", R"({":c":{"S":"a"}})")), "Query condition missed key schema element: city");
}

TEST_F(IndexTest, definitions_are_checked) {
  const auto refused = [&](std::vector<IndexDefinition> indexes,
                           std::optional<KeyAttribute> range = KeyAttribute{"moment"}) {
    TableDefinition table{.name = "Orders", .hash_key = {"id"}, .range_key = std::move(range)};
    table.indexes = std::move(indexes);
    const auto checked = check_indexes(table);
    return checked ? "" : checked.error().message;
  };
  const auto index = global("One", {"city"});
  EXPECT_EQ(refused({index}), "");
  EXPECT_EQ(refused({index, index}), "One or more parameter values were invalid: Duplicate index name: One");
  IndexDefinition local = global("Two", {"id"}, KeyAttribute{"x"});
  local.global = false;
  EXPECT_EQ(refused({local}), "");
  EXPECT_EQ(refused({local}, std::nullopt),
            "One or more parameter values were invalid: Table KeySchema does not have a range key, which is required "
            "when specifying a LocalSecondaryIndex");
  local.hash_key = {{"y"}};
  EXPECT_EQ(refused({local}),
            "One or more parameter values were invalid: Index KeySchema does not have the same leading hash key as "
            "table KeySchema for index: Two. index hash key: y, table hash key: id");
  EXPECT_EQ(refused({global("One", {"city"}, {}, Projection::include)}),
            "One or more parameter values were invalid: ProjectionType is INCLUDE, but NonKeyAttributes is not "
            "specified");
  std::vector<IndexDefinition> many;
  for (size_t i = 0; i <= global_indexes_max; ++i) many.push_back(global(fmt::format("I{:03}", i), {"city"}));
  EXPECT_EQ(refused(many),
            "One or more parameter values were invalid: GlobalSecondaryIndex count exceeds the per-table limit of 20");
}

TEST_F(IndexTest, one_that_is_added_gets_the_items_that_are_there) {
  create("Orders", KeyAttribute{"moment", KeyType::number});
  for (int i = 0; i < 500; ++i) put_order("o", i, fmt::format(R"("city":{{"S":"c{}"}})", i % 3));
  put_order("odd", 0, R"("city":{"N":"1"})");  // is no key of the index, and stays out of it
  add_index(global("ByCity", {"city"}, {}, Projection::keys_only));
  for (int i = 500; i < 600; ++i) put_order("o", i, fmt::format(R"("city":{{"S":"c{}"}})", i % 3));
  wait_until_filled();
  const auto table = *tables_->find("Orders");
  EXPECT_EQ(tables_->query(whole("ByCity"))->count, 600u);
  EXPECT_EQ(tables_->counts(*table, table->indexes[0]).items, 600u);
  reopen();
  EXPECT_EQ(tables_->query(whole("ByCity"))->count, 600u);

  drop_index("ByCity");
  EXPECT_EQ(refusal(whole("ByCity")), "The table does not have the specified index: ByCity");
  add_index(global("ByCity", {"city"}, {}, Projection::keys_only));
  wait_until_filled();
  EXPECT_EQ(tables_->query(whole("ByCity"))->count, 600u);
}

TEST_F(IndexTest, one_that_cannot_be_filled_holds_up_no_other) {
  const auto damaged = create("Damaged", KeyAttribute{"moment", KeyType::number});
  create("Orders", KeyAttribute{"moment", KeyType::number});
  put("Damaged", R"({"id":{"S":"a"},"moment":{"N":"1"},"city":{"S":"Rome"}})");
  put_order("a", 1, R"("city":{"S":"Rome"})");
  damage(damaged->keyspace);
  add_index(global("ByCity", {"city"}), "Damaged");
  add_index(global("ByCity", {"city"}));
  wait_until_filled();
  EXPECT_EQ(tables_->query(whole("ByCity"))->count, 1u);
  EXPECT_TRUE((*tables_->find("Damaged"))->indexes[0].backfilling);
}

TEST_F(IndexTest, goes_with_its_table) {
  const auto table = create_with({global("ByCity", {"city"})});
  put_order("a", 1, R"("city":{"S":"Rome"})");
  ASSERT_TRUE(tables_->drop("Orders"));
  size_t left = 0;
  ASSERT_TRUE(store_->scan(table->indexes[0].keyspace, {}, [&](const store::Entry&) {
    ++left;
    return true;
  }));
  EXPECT_EQ(left, 0u);
}

// Random writes by every way against what a map says, with indexes that come and go and restarts in between.
class IndexModelTest : public IndexTest {
 protected:
  using Model = std::map<std::string, std::map<std::string, std::string>>;  // by id: attributes as JSON

  static std::string cell(const std::map<std::string, std::string>& row, const std::string& name) {
    const auto at = row.find(name);
    return at == row.end() ? "" : at->second;
  }

  void check(const Model& model) {
    for (const IndexDefinition& index : (*tables_->find("Orders"))->indexes) {
      std::multiset<std::pair<std::string, std::string>> wanted;
      for (const auto& [id, row] : model) {
        std::string key = cell(row, index.hash_key.front().name);
        if (key.empty()) continue;
        if (!index.range_key.empty()) {
          const std::string range = cell(row, index.range_key.front().name);
          if (range.empty()) continue;
          key += "|" + range;
        }
        std::string value = id;
        if (index.projection == Projection::all) {
          for (const auto& [name, text] : row) value += "," + name + text;
        }
        wanted.emplace(key, value);
      }
      std::multiset<std::pair<std::string, std::string>> found;
      auto request = whole(index.name);
      for (;;) {
        const auto result = tables_->query(request);
        ASSERT_TRUE(result) << result.error().message;
        for (const Item& each : result->items) {
          const auto text = [&](const std::string& name) {
            const auto at = each.find(name);
            return at == each.end() ? std::string() : json({{name, at->second}});
          };
          std::string key = text(index.hash_key.front().name);
          if (!index.range_key.empty()) key += "|" + text(index.range_key.front().name);
          std::string value = *each.at("id").string();
          if (index.projection == Projection::all) {
            for (const char* name : {"a", "b", "c"}) {
              if (each.contains(name)) value += std::string(",") + name + text(name);
            }
          }
          found.emplace(key, value);
        }
        if (!result->last_evaluated_key) break;
        request.exclusive_start_key = result->last_evaluated_key;
        request.limit = 7;
      }
      EXPECT_EQ(found, wanted) << index.name;
      const auto table = *tables_->find("Orders");
      EXPECT_EQ(tables_->counts(*table, index).items, wanted.size()) << index.name;
    }
  }
};

TEST_F(IndexModelTest, equals_the_items_whatever_is_written) {
  const auto seed = std::random_device()();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937 random(seed);
  const auto any = [&](int below) { return std::uniform_int_distribution<>(0, below - 1)(random); };
  ASSERT_TRUE(tables_->create({.name = "Orders", .hash_key = {"id"}}));
  const std::vector<IndexDefinition> kinds = {
      global("ByA", {"a"}, {}, Projection::keys_only),
      global("ByB", {"b", KeyType::number}, KeyAttribute{"a"}),
      global("ByC", {"c"}, KeyAttribute{"b", KeyType::number}, Projection::include, {"a"}),
  };
  Model model;
  for (int step = 0; step < 1500; ++step) {
    const std::string id = fmt::format("i{}", any(40));
    const std::string key = fmt::format(R"({{"id":{{"S":"{}"}}}})", id);
    const int action = any(100);
    if (action < 90) {
      const bool replaces = action < 50;
      if (replaces) model.erase(id);
      auto& row = model[id];
      std::string text = fmt::format(R"({{"id":{{"S":"{}"}})", id);
      WriteRequest updates;
      for (const char* name : {"a", "b", "c"}) {
        if (any(3) == 0) continue;
        const AttributeValue value = *name == 'b' ? AttributeValue(any(4)) : AttributeValue(fmt::format("v{}", any(4)));
        row[name] = json({{name, value}});
        text += "," + row[name].substr(1, row[name].size() - 2);
        updates.update_expression +=
            fmt::format("{}{} = :{}", updates.update_expression.empty() ? "SET " : ", ", name, name);
        updates.substitutions.values.emplace(fmt::format(":{}", name), value);
      }
      if (replaces) {
        put("Orders", text + "}");
      } else {
        ASSERT_TRUE(write(Kind::update, "Orders", key, std::move(updates)));
      }
    } else if (action < 96) {
      erase("Orders", key);
      model.erase(id);
    } else if (action < 98) {
      const auto& index = kinds[static_cast<size_t>(any(3))];
      const auto table = *tables_->find("Orders");
      if (std::ranges::find(table->indexes, index.name, &IndexDefinition::name) == table->indexes.end()) {
        add_index(index);
        if (any(2) == 0) wait_until_filled();
      } else {
        drop_index(index.name);
      }
    } else if (action < 99) {
      reopen();
    } else {
      wait_until_filled();
      check(model);
    }
    if (HasFailure()) return;
  }
  wait_until_filled();
  check(model);
}

}  // namespace
}  // namespace millrace::table
