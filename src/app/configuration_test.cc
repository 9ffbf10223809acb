#include "app/configuration.h"

#include <gtest/gtest.h>

namespace millrace::app {
namespace {

std::string error_of(std::string_view toml) {
  auto read = parse_configuration(toml, "millrace.toml");
  return read ? "no error" : read.error().message;
}

TEST(Configuration, ReadsEveryKey) {
  auto read = parse_configuration(R"(
data = "/var/lib/millrace"
listen = "0.0.0.0:4567"
dashboard = "off"
auth = "sigv4"
durability = "memory"
region = "eu-central-1"
segment_bytes = 1048576
tls_certificate = "server.pem"
tls_key = "server-key.pem"

[[credential]]
access_key = "a"
secret_key = "b"

[[function]]
name = "reprice"
command = ["millrace", "reprice"]
timeout_ms = 500
log_invocations = true

[function.environment]
MOOD = "calm"

[[mapping]]
name = "reprice"
function = "reprice"
table = "ProductDemand"
start = "latest"
batch_records_max = 7
retries_max = -1
on_failure_table = "FailedBatches"
)",
                                  "millrace.toml");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->data_directory, "/var/lib/millrace");
  EXPECT_EQ(read->host, "0.0.0.0");
  EXPECT_EQ(read->port, 4567);
  EXPECT_FALSE(read->dashboard);
  EXPECT_FALSE(read->durable);
  EXPECT_EQ(read->segment_bytes, 1048576u);
  EXPECT_EQ(read->tls_certificate, "server.pem");
  EXPECT_EQ(read->tls_key, "server-key.pem");
  ASSERT_EQ(read->credentials.size(), 1u);
  EXPECT_EQ(read->credentials[0].secret_key, "b");
  ASSERT_EQ(read->functions.size(), 1u);
  EXPECT_EQ(read->functions[0].command[1], "reprice");
  EXPECT_EQ(read->functions[0].environment.at("MOOD"), "calm");
  EXPECT_TRUE(read->functions[0].log_invocations);
  ASSERT_EQ(read->mappings.size(), 1u);
  EXPECT_EQ(read->mappings[0].table, "ProductDemand");
  EXPECT_EQ(read->mappings[0].start, function::MappingDefinition::Start::latest);
  EXPECT_EQ(read->mappings[0].retries_max, -1);
}

TEST(Configuration, NamesTheLineAndTheNearestKey) {
  EXPECT_EQ(error_of("data = \"d\"\nlistn = \"127.0.0.1:1\"\n"),
            "millrace.toml:2: unknown key `listn`; did you mean `listen`?");
  EXPECT_EQ(error_of("\n[[mapping]]\nname = \"m\"\nbatch_record_max = 3\n"),
            "millrace.toml:4: unknown key `batch_record_max` in [[mapping]]; did you mean `batch_records_max`?");
}

TEST(Configuration, SaysWhatAValueMayBe) {
  EXPECT_EQ(error_of("listen = \"4566\"\n"),
            "millrace.toml:1: `listen` \"4566\" is no address; write HOST:PORT, such as 127.0.0.1:4566");
  EXPECT_EQ(error_of("listen = 4566\n"), "millrace.toml:1: `listen` must be a text such as \"127.0.0.1:4566\"");
  EXPECT_EQ(error_of("auth = \"basic\"\n"), "millrace.toml:1: `auth` is \"basic\"; it may be \"sigv4\" or \"none\"");
  EXPECT_EQ(error_of("tls_certificate = \"server.pem\"\n"),
            "millrace.toml:1: `tls_certificate` and `tls_key` go together: two files in PEM");
  EXPECT_EQ(error_of("segment_bytes = 5\n"),
            "millrace.toml:1: `segment_bytes` must be a whole number from 1048576 to 1073741824");
  EXPECT_EQ(error_of("[[mapping]]\nname = \"m\"\nfunction = \"f\"\n"),
            "millrace.toml:1: [[mapping]] needs `name`, `function` and either `stream` or `table`");
  EXPECT_EQ(error_of("[mapping]\n"), "millrace.toml:1: `mapping` is written with double brackets: [[...]]");
}

TEST(Configuration, AnAddressOfIpv6StandsInBrackets) {
  std::string host;
  uint16_t port = 0;
  ASSERT_TRUE(parse_address("[::1]:4566", host, port));
  EXPECT_EQ(host, "[::1]");
  EXPECT_EQ(port, 4566);
  EXPECT_EQ(error_of("listen = \"::1:4566\"\n"),
            "millrace.toml:1: `listen` \"::1:4566\" is no address; an IPv6 address is written in brackets, such as "
            "[::1]:4566");
}

TEST(Configuration, ARegionIsOneOfArns) {
  EXPECT_EQ(
      error_of("region = \"bad region\"\n"),
      "millrace.toml:1: `region` \"bad region\" is no region; one has small letters, digits and hyphens: us-east-1");
}

TEST(Configuration, ASyntaxErrorHasItsLine) {
  EXPECT_TRUE(error_of("data = \"d\"\nlisten = \n").starts_with("millrace.toml:2: "));
}

}  // namespace
}  // namespace millrace::app
