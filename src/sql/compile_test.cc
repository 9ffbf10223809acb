// The examples compile, and no text, however broken, does more than give an error.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <random>
#include <sstream>

#include "connector/known.h"
#include "sql/plan.h"

namespace millrace::sql {
namespace {

Result<Plan> compile(std::string_view script) {
  return sql::compile(script, connector::known_connectors());
}

std::filesystem::path repository() {
  return std::filesystem::path(__FILE__).parent_path().parent_path().parent_path();
}

std::string example(const std::string& name) {
  std::ifstream file(repository() / "examples" / name);
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_GT(text.str().size(), 100u) << name;
  return text.str();
}

std::vector<std::string> sinks_of(const Plan& plan) {
  std::vector<std::string> names;
  for (const Node& node : plan.nodes) {
    if (const auto* sink = std::get_if<SinkNode>(&node.detail)) {
      names.push_back(plan.tables[static_cast<size_t>(sink->table)].resource);
    }
  }
  return names;
}

TEST(Examples, ShopKeepsDemandAndWindows) {
  const auto plan = compile(example("shop/pricing.sql"));
  ASSERT_TRUE(plan.has_value()) << plan.error().message;
  EXPECT_EQ(sinks_of(*plan), (std::vector<std::string>{"ProductDemand", "ProductWindows"}));
  int scans = 0;
  for (const Node& node : plan->nodes) scans += std::holds_alternative<ScanNode>(node.detail) ? 1 : 0;
  EXPECT_EQ(scans, 2) << "both INSERTs share the sources\n" << explain(*plan);
}

TEST(Examples, Rees46CountsWindows) {
  const auto plan = compile(example("rees46/windows.sql"));
  ASSERT_TRUE(plan.has_value()) << plan.error().message;
  EXPECT_EQ(sinks_of(*plan), std::vector<std::string>{"Rees46Windows"});
}

// Every node's columns exist below it; what the engine relies on.
void check_plan(const Plan& plan) {
  for (size_t i = 0; i < plan.nodes.size(); ++i) {
    const Node& node = plan.nodes[i];
    const auto width = [&](NodeId input) {
      EXPECT_LT(input, static_cast<NodeId>(i)) << "inputs come first";
      return static_cast<int>(plan.nodes[static_cast<size_t>(input)].schema.size());
    };
    const std::function<void(const ExpressionPtr&, int)> check = [&](const ExpressionPtr& expression, int columns) {
      if (!expression) return;
      if (expression->kind == Expression::Kind::column) {
        EXPECT_GE(expression->column, 0);
        EXPECT_LT(expression->column, columns);
      }
      for (const auto& argument : expression->arguments) check(argument, columns);
    };
    if (const auto* calc = std::get_if<CalcNode>(&node.detail)) {
      EXPECT_EQ(calc->projections.size(), node.schema.size());
      check(calc->filter, width(calc->input));
      for (const auto& projection : calc->projections) check(projection, width(calc->input));
    } else if (const auto* sink = std::get_if<SinkNode>(&node.detail)) {
      for (const auto& projection : sink->projections) check(projection, width(sink->input));
    } else if (const auto* lookup = std::get_if<LookupJoinNode>(&node.detail)) {
      EXPECT_EQ(static_cast<int>(node.schema.size()), width(lookup->input) + static_cast<int>(lookup->columns.size()));
      for (const auto& [column, expression] : lookup->keys) check(expression, width(lookup->input));
      check(lookup->condition, static_cast<int>(node.schema.size()));
    } else if (const auto* aggregate = std::get_if<GroupAggregateNode>(&node.detail)) {
      EXPECT_EQ(node.schema.size(), aggregate->keys.size() + aggregate->aggregates.size());
    } else if (const auto* window = std::get_if<WindowAggregateNode>(&node.detail)) {
      EXPECT_EQ(node.schema.size(), window->keys.size() + 3 + window->aggregates.size());
    } else if (const auto* all = std::get_if<UnionNode>(&node.detail)) {
      for (const NodeId input : all->inputs) EXPECT_EQ(width(input), static_cast<int>(node.schema.size()));
    }
  }
}

// Cuts, doubles, swaps and replaces pieces of a script, mostly whole words, so that much of it still parses.
std::string mutated(const std::string& script, const std::vector<std::string>& words, std::mt19937_64& random) {
  const auto below = [&](size_t limit) { return static_cast<size_t>(random() % limit); };
  std::string text = script;
  for (size_t edits = 1 + below(3); edits > 0; --edits) {
    const size_t at = below(text.size());
    const size_t word = text.find_first_of(" \n(),", at);
    const size_t end = word == std::string::npos ? text.size() : text.find_first_of(" \n(),", word + 1);
    const size_t length = word == std::string::npos || end == std::string::npos ? 1 : end - word - 1;
    switch (below(6)) {
      case 0:
        text.erase(at, 1 + below(20));
        break;
      case 1:
        text.insert(at, std::string(1, static_cast<char>(below(256))));
        break;
      case 2:
        text.insert(at, text.substr(below(text.size()), below(200)));
        break;
      case 3:
        text[at] = static_cast<char>(random() % 128);
        break;
      default:
        if (word != std::string::npos) text.replace(word + 1, length, words[below(words.size())]);
        break;
    }
    if (text.empty()) text = " ";
  }
  return text;
}

TEST(Compile, BrokenScriptsGiveLocatedErrors) {
  constexpr uint64_t seed = 20191001;
  constexpr int rounds = 2'000;
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  int compiled = 0;
  for (const char* name : {"shop/pricing.sql", "rees46/windows.sql"}) {
    const std::string script = example(name);
    std::vector<std::string> words;
    std::stringstream stream(script);
    for (std::string word; stream >> word;) words.push_back(word);
    for (int round = 0; round < rounds; ++round) {
      const std::string text = mutated(script, words, random);
      const auto plan = compile(text);
      if (plan) {
        ++compiled;
        check_plan(*plan);
        EXPECT_FALSE(explain(*plan).empty());
      } else {
        EXPECT_EQ(plan.error().kind, ErrorKind::invalid_argument);
        EXPECT_TRUE(plan.error().message.starts_with("line ")) << plan.error().message;
      }
      if (testing::Test::HasFailure()) FAIL() << "round " << round << " of " << name << ":\n" << text;
    }
  }
  EXPECT_GT(compiled, 100) << "too few mutations reach the planner";
}

TEST(Compile, DeepNestingIsRefused) {
  const auto nested = [](const std::string& open, const std::string& close, int times) {
    std::string text =
        "CREATE TABLE t (a INT) WITH ('connector' = 'kinesis', 'stream' = 's', 'format' = 'json');"
        "CREATE TABLE o (a INT) WITH ('connector' = 'blackhole'); INSERT INTO o SELECT ";
    for (int i = 0; i < times; ++i) text += open;
    text += "a";
    for (int i = 0; i < times; ++i) text += close;
    return text + " FROM t";
  };
  EXPECT_TRUE(compile(nested("(", ")", 20)).has_value());
  EXPECT_TRUE(compile(nested("", "+1", 400)).has_value());
  for (const auto& text :
       {nested("(", ")", 100'000), nested("- ", "", 100'000), nested("NOT ", "", 100'000), nested("", "+1", 100'000),
        nested("ABS(", ")", 100'000), nested("CASE WHEN ", "", 100'000), nested("(SELECT ", "", 100'000)}) {
    const auto plan = compile(text);
    ASSERT_FALSE(plan.has_value());
    EXPECT_TRUE(plan.error().message.starts_with("line 1, column ")) << plan.error().message.substr(0, 200);
  }
}

TEST(Compile, nodes_say_what_their_rows_do_to_those_before_them) {
  const auto plan = compile(
      "CREATE TABLE feed (a INT, t TIMESTAMP(3), WATERMARK FOR t AS t) WITH ('connector' = 'dynamodb-streams', "
      "'table-name' = 'T');"
      "CREATE TABLE s (a INT) WITH ('connector' = 'kinesis', 'stream' = 's', 'format' = 'json');"
      "CREATE TABLE o (a INT, n BIGINT, PRIMARY KEY (a) NOT ENFORCED) WITH ('connector' = 'dynamodb', 'table-name' = "
      "'o');"
      "CREATE TABLE b (a INT) WITH ('connector' = 'blackhole');"
      "CREATE VIEW w AS SELECT a, COUNT(*) AS n FROM TABLE(TUMBLE(TABLE feed, DESCRIPTOR(t), INTERVAL '1' SECOND)) "
      "GROUP BY a, window_start, window_end;"
      "EXECUTE STATEMENT SET BEGIN "
      "INSERT INTO o SELECT a, MIN(n) FROM w GROUP BY a; INSERT INTO o SELECT a, MIN(a) FROM s GROUP BY a; "
      "INSERT INTO b SELECT a FROM s UNION ALL SELECT a FROM feed; END;");
  ASSERT_TRUE(plan.has_value()) << plan.error().message;
  std::vector<std::pair<Changelog, bool>> groups;
  for (const Node& node : plan->nodes) {
    if (const auto* scan = std::get_if<ScanNode>(&node.detail)) {
      const bool feed = plan->tables[static_cast<size_t>(scan->table)].name == "feed";
      EXPECT_EQ(node.changelog, feed ? Changelog::retractions : Changelog::inserts);
    } else if (std::holds_alternative<UnionNode>(node.detail)) {
      EXPECT_EQ(node.changelog, Changelog::retractions);
    } else if (const auto* window = std::get_if<WindowAggregateNode>(&node.detail)) {
      EXPECT_EQ(node.changelog, Changelog::inserts);
      EXPECT_TRUE(window->retractable);
    } else if (const auto* group = std::get_if<GroupAggregateNode>(&node.detail)) {
      groups.emplace_back(node.changelog, group->retractable);
    }
  }
  // What lies in the store of a group above a window above a feed.
  EXPECT_EQ(groups, (std::vector<std::pair<Changelog, bool>>{{Changelog::upserts, true}, {Changelog::upserts, false}}));
}

std::string repeated(int times, const std::function<std::string(int)>& part) {
  std::string text;
  for (int i = 0; i < times; ++i) text += part(i);
  return text;
}

TEST(Compile, LargeScriptsAreBounded) {
  const std::string tables =
      "CREATE TABLE v0 (a INT, p AS PROCTIME()) WITH ('connector' = 'kinesis', 'stream' = 's', 'format' = 'json');"
      "CREATE TABLE k (a INT PRIMARY KEY NOT ENFORCED) WITH ('connector' = 'dynamodb', 'table-name' = 'k');"
      "CREATE TABLE o (a INT) WITH ('connector' = 'blackhole');";
  const auto message = [&](const std::string& script) {
    const auto plan = compile(tables + script);
    return plan ? explain(*plan).substr(0, 100) : plan.error().message;
  };
  const auto view = [](int i, const std::string& items, const std::string& where) {
    return "CREATE VIEW v" + std::to_string(i + 1) + " AS SELECT " + items + " FROM v" + std::to_string(i) + where +
           ";";
  };
  EXPECT_NE(message(repeated(20, [&](int i) { return view(i, "*, *", ""); })).find("at most 1000 columns"),
            std::string::npos);
  EXPECT_NE(message(repeated(5'000, [&](int i) { return view(i, "a + 1 AS a", ""); })).find("more than 500 steps"),
            std::string::npos);
  EXPECT_NE(message("INSERT INTO o SELECT v0.a FROM v0 " + repeated(5'000,
                                                                    [](int i) {
                                                                      const std::string k = "k" + std::to_string(i);
                                                                      return "JOIN k FOR SYSTEM_TIME AS OF v0.p AS " +
                                                                             k + " ON v0.a = " + k + ".a ";
                                                                    }))
                .find("more than 500 steps"),
            std::string::npos);
  EXPECT_NE(message("INSERT INTO o SELECT a FROM v0 WHERE a IN (a" + repeated(50'000, [](int) { return ", a"; }) + ")")
                .find("at most 100 values"),
            std::string::npos);
  // Values that double from view to view are not computed again and again.
  EXPECT_TRUE(
      message(repeated(60, [&](int i) { return view(i, "a + a AS a", ""); }) + "INSERT INTO o SELECT a FROM v60")
          .starts_with("#"));
  EXPECT_TRUE(message("INSERT INTO o SELECT a FROM v0 WHERE a IN (1" +
                      repeated(50'000, [](int i) { return "," + std::to_string(i); }) + ")")
                  .starts_with("#"));
  // Many conditions, all of which meet in one place.
  const std::string many = " WHERE a > 0" + repeated(400, [](int i) { return " AND a <> " + std::to_string(i); });
  EXPECT_TRUE(message(repeated(50, [&](int i) { return view(i, "a", many); }) + "INSERT INTO o SELECT a FROM v50")
                  .starts_with("#"));
}

}  // namespace
}  // namespace millrace::sql
