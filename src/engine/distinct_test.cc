// Distinct values against a naive count: tables added to a total, rows that come to both afterwards, tables taken away.

#include "engine/distinct.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "engine/aggregate.h"

namespace millrace::engine {
namespace {

const data::Type bigint{data::TypeKind::bigint};
const data::Type text{data::TypeKind::string};

struct Row {
  std::string key;
  std::string value;
  int weight;
};

sql::Aggregate count_distinct() {
  auto argument = std::make_shared<sql::Expression>();
  argument->kind = sql::Expression::Kind::column;
  argument->type = text;
  sql::Aggregate aggregate;
  aggregate.function = sql::AggregateFunction::count;
  aggregate.argument = std::move(argument);
  aggregate.distinct = true;
  aggregate.type = bigint;
  return aggregate;
}

void add(Groups& groups, const std::vector<Row>& rows) {
  auto values = std::make_shared<data::Column>(text, rows.size());
  std::vector<std::string_view> keys;
  std::vector<uint32_t> places;
  std::vector<int8_t> weights;
  for (size_t n = 0; n < rows.size(); ++n) {
    keys.push_back(rows[n].key);
    places.push_back(static_cast<uint32_t>(n));
    weights.push_back(static_cast<int8_t>(rows[n].weight));
    values->strings()[n] = rows[n].value;
    values->valid[n] = 1;
  }
  AggregateInput input;
  input.included.assign(rows.size(), 1);
  input.argument = {std::move(values), ~size_t{0}};
  groups.add(keys, places, {input}, weights.data());
}

std::map<std::string, int64_t> result(const Groups& groups) {
  std::map<std::string, int64_t> counts;
  data::Column out(bigint, 1);
  for (uint32_t group = 0; group < groups.size(); ++group) {
    groups.result(group, 0, out, 0);
    if (out.integers()[0] != 0) counts[std::string(groups.key(group))] = out.integers()[0];
  }
  return counts;
}

std::map<std::string, int64_t> naive(const std::vector<std::vector<Row>>& tables) {
  std::map<std::pair<std::string, std::string>, int64_t> multiplicities;
  for (const auto& rows : tables) {
    for (const Row& row : rows) multiplicities[{row.key, row.value}] += row.weight;
  }
  std::map<std::string, int64_t> counts;
  for (const auto& [pair, multiplicity] : multiplicities) counts[pair.first] += multiplicity > 0;
  std::erase_if(counts, [](const auto& entry) { return entry.second == 0; });
  return counts;
}

TEST(Distinct, a_total_follows_the_tables_that_come_and_go) {
  for (uint64_t seed = 0; seed < 40; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    const auto some_rows = [&](std::vector<Row>& kept) {
      std::vector<Row> rows;
      for (size_t n = random() % 300; n > 0; --n) {
        if (!kept.empty() && random() % 4 == 0) {
          Row taken_back = kept[random() % kept.size()];
          taken_back.weight = -taken_back.weight;
          rows.push_back(taken_back);
        } else {
          rows.push_back({fmt::format("k{}", random() % 9), fmt::format("value {}", random() % 70), 1});
        }
        kept.push_back(rows.back());
      }
      return rows;
    };
    const std::vector<sql::Aggregate> aggregates{count_distinct()};
    Groups total(aggregates, true);
    std::vector<std::unique_ptr<Groups>> tables;
    std::vector<std::vector<Row>> rows;
    for (int step = 0; step < 30; ++step) {
      const size_t action = random() % 3;
      if (action == 0 || tables.empty()) {
        tables.push_back(std::make_unique<Groups>(aggregates, true, tables.empty() ? nullptr : tables.back().get()));
        rows.emplace_back();
        add(*tables.back(), some_rows(rows.back()));
        total.merge(*tables.back(), 1);
      } else if (action == 1) {
        const size_t which = random() % tables.size();
        const std::vector<Row> more = some_rows(rows[which]);
        add(*tables[which], more);
        add(total, more);
      } else {
        const size_t which = random() % tables.size();
        total.merge(*tables[which], -1);
        tables.erase(tables.begin() + static_cast<int64_t>(which));
        rows.erase(rows.begin() + static_cast<int64_t>(which));
      }
      ASSERT_EQ(result(total), naive(rows)) << "step " << step;
    }
  }
}

TEST(Distinct, a_stored_pair_of_an_unknown_group_is_damage) {
  Groups groups({count_distinct()}, false);
  add(groups, {{"a", "x", 1}});
  std::string stored;
  groups.put(stored, false);
  base::ByteReader in(stored);
  for (int n = 0; n < 2; ++n) in.varint();  // the first new key, and how many there are
  in.bytes();
  for (int n = 0; n < 3; ++n) in.varint();  // one group, its number, its rows
  for (int n = 0; n < 2; ++n) in.varint();  // the values in the same way
  in.bytes();
  for (int n = 0; n < 2; ++n) in.varint();  // the pairs
  const size_t group_at = stored.size() - in.remaining();
  ASSERT_EQ(stored[group_at], 0);

  const auto read = [&] {
    Groups restored({count_distinct()}, false);
    base::ByteReader bytes(stored);
    return restored.get(bytes).has_value();
  };
  EXPECT_TRUE(read());
  stored[group_at] = 1;
  EXPECT_FALSE(read());
}

TEST(Distinct, pairs_are_numbered_in_order_of_arrival) {
  PairTable table;
  table.reserve(3);
  std::vector<uint32_t> numbers;
  std::vector<uint64_t> pairs;
  for (uint64_t n = 0; n < 1'000; ++n) pairs.push_back(n * n << 20);
  table.add_all(pairs, numbers);
  table.add_all({pairs[7], 5, pairs[999], 5}, numbers);
  EXPECT_EQ(numbers, (std::vector<uint32_t>{7, 1'000, 999, 1'000}));
  EXPECT_EQ(table.pair(999), pairs[999]);
  EXPECT_EQ(table.size(), 1'001u);
}

}  // namespace
}  // namespace millrace::engine
