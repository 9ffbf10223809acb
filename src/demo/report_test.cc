#include "demo/report.h"

#include <gtest/gtest.h>

namespace millrace::demo {
namespace {

TEST(DemoReportTest, is_one_json_object_in_the_documented_form) {
  DemoReport report;
  report.sent = 40'010;
  report.acknowledged = 40'000;
  report.processed = 40'700;
  report.events_per_s = 2000;
  report.orders = 700;
  report.price_changes = 321;
  report.click_to_price = {1.25, 4.5, 9, 300};
  report.rush_product = "p-0042";
  report.rush_before_cents = 1290;
  report.rush_peak_cents = 1905;
  report.rush_reaction_ms = 87.5;
  report.rows_checked = 900;
  EXPECT_EQ(json_of(report),
            R"({"events":{"sent":40010,"acknowledged":40000,"processed":40700},"events_per_s":2000.0,"orders":700,)"
            R"("price_changes":321,"click_to_price_ms":{"p50":1.250,"p99":4.500,"max":9.000,"samples":300},)"
            R"("rush":{"product_id":"p-0042","price_before":12.90,"price_peak":19.05,"reaction_ms":87.500},)"
            R"("verification":{"rows_checked":900,"mismatches":0}})");
}

TEST(DemoReportTest, says_null_where_there_was_nothing) {
  DemoReport report;
  EXPECT_NE(json_of(report).find(R"("rush":null)"), std::string::npos);
  EXPECT_NE(json_of(report).find(R"("click_to_price_ms":{"p50":null,"p99":null,"max":null,"samples":0})"),
            std::string::npos);
  report.rush_product = "p-0001";
  EXPECT_NE(json_of(report).find(R"("reaction_ms":null)"), std::string::npos);
}

}  // namespace
}  // namespace millrace::demo
