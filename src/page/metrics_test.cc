#include "page/metrics.h"

#include <gtest/gtest.h>

#include "shop/latency_histogram.h"

namespace millrace::page {
namespace {

TEST(MetricsTextTest, writes_families_and_samples) {
  MetricsText text;
  text.family("millrace_uptime_seconds", MetricsText::Type::gauge, "Since the start.");
  text.sample(12.5);
  text.family("millrace_records_total", MetricsText::Type::counter, "Records in streams.");
  text.sample({{"stream", "clicks"}}, 3e9);
  text.sample({{"stream", "a \"b\"\\\n"}, {"shard", "1"}}, 0);
  EXPECT_EQ(text.take(),
            "# HELP millrace_uptime_seconds Since the start.\n"
            "# TYPE millrace_uptime_seconds gauge\n"
            "millrace_uptime_seconds 12.5\n"
            "# HELP millrace_records_total Records in streams.\n"
            "# TYPE millrace_records_total counter\n"
            "millrace_records_total{stream=\"clicks\"} 3000000000\n"
            "millrace_records_total{stream=\"a \\\"b\\\"\\\\\\n\",shard=\"1\"} 0\n");
}

TEST(LatencyHistogramTest, counts_up_to_each_bound) {
  shop::LatencyHistogram histogram;
  for (const double seconds : {0.0005, 0.001, 0.004, 10.0}) histogram.observe(seconds);
  const auto counts = histogram.cumulative();
  EXPECT_EQ(counts.front(), 2u);
  EXPECT_EQ(counts[3], 3u);
  EXPECT_EQ(counts[11], 3u);
  EXPECT_EQ(counts.back(), 4u);
  MetricsText text;
  text.family("t_seconds", MetricsText::Type::histogram, "Time.");
  text.histogram(shop::LatencyHistogram::bounds_s, counts, histogram.sum_s());
  const std::string written = text.take();
  EXPECT_NE(written.find("t_seconds_bucket{le=\"0.001\"} 2\n"), std::string::npos) << written;
  EXPECT_NE(written.find("t_seconds_bucket{le=\"+Inf\"} 4\n"), std::string::npos) << written;
  EXPECT_NE(written.find("t_seconds_sum 10.0055\n"), std::string::npos) << written;
  EXPECT_NE(written.find("t_seconds_count 4\n"), std::string::npos) << written;
}

}  // namespace
}  // namespace millrace::page
