// What the language is told of connectors, and what programs have.

#include "connector/registry.h"

#include <gtest/gtest.h>

#include "connector/blackhole.h"
#include "connector/known.h"

namespace millrace::connector {
namespace {

using sql::ConnectorDescription;

// Takes rows and is nobody's.
class Printer final : public Connector {
 public:
  Result<std::unique_ptr<Sink>> sink(const sql::TableDefinition&, const sql::SinkNode&) override { return nullptr; }
};

TEST(RegistryTest, a_connector_that_is_added_can_be_named_in_scripts) {
  constexpr std::string_view script =
      "CREATE TABLE s (a STRING) WITH ('connector' = 'kinesis', 'stream' = 's', 'format' = 'json');"
      "CREATE TABLE o (a STRING) WITH ('connector' = 'print', 'sink.parallelism' = '2', 'print-identifier' = 'x');"
      "INSERT INTO o SELECT a FROM s;";
  const auto unknown = sql::compile(script, known_connectors());
  ASSERT_FALSE(unknown);
  EXPECT_NE(unknown.error().message.find("there is no connector 'print'"), std::string::npos);

  Registry registry;
  for (const ConnectorDescription& known : known_connectors()) registry.add(known, std::make_unique<Blackhole>());
  ConnectorDescription print{.name = "print", .label = "standard output", .sink = true};
  print.key = ConnectorDescription::Key::any;
  print.options = {{.key = "print-identifier"},
                   {.key = "sink.parallelism", .value = sql::OptionDescription::Value::count}};
  registry.add(print, std::make_unique<Printer>());
  const auto plan = sql::compile(script, registry.descriptions());
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_NE(sql::explain(*plan).find("Sink[o: standard output; a]"), std::string::npos);
  for (const sql::TableDefinition& table : plan->tables) EXPECT_TRUE(registry.find(table)) << table.connector;
}

TEST(RegistryTest, what_a_program_lacks_is_refused) {
  const Registry registry;
  EXPECT_EQ(registry.find({.name = "s", .connector = "kinesis"}).error().kind, ErrorKind::unsupported);
}

TEST(RegistryTest, a_connector_refuses_what_it_does_not_do) {
  Blackhole blackhole;
  EXPECT_EQ(blackhole.source({.name = "b"}, {}).error().message, "b cannot be read as a source");
  EXPECT_EQ(blackhole.lookup({.name = "b"}, {}).error().message, "b cannot be looked up");
}

}  // namespace
}  // namespace millrace::connector
