#include "demo/report.h"

#include <fmt/format.h>

#include <cstdio>

#include "client/items.h"

namespace millrace::demo {

namespace {

void say(std::string_view message) {
  fmt::print(stderr, "millrace: {}\n", message);
}

}  // namespace

void print_report(const DemoReport& report) {
  say(fmt::format("{} events acknowledged ({:.0f}/s), {} of them orders; {} price changes", report.acknowledged,
                  report.events_per_s, report.orders, report.price_changes));
  const LatencySummary& latency = report.click_to_price;
  if (latency.samples > 0) {
    say(fmt::format("click to price p50 {:.2f} ms, p99 {:.2f} ms, longest {:.2f} ms, of {} samples", latency.p50_ms,
                    latency.p99_ms, latency.max_ms, latency.samples));
  }
  if (report.rush_peak_cents > report.rush_before_cents) {
    say(fmt::format("the rush on {} raised its price from {} to {}{}", report.rush_product,
                    client::cents_text(report.rush_before_cents), client::cents_text(report.rush_peak_cents),
                    report.rush_reaction_ms < 0
                        ? std::string()
                        : fmt::format(", for the first time after {:.0f} ms", report.rush_reaction_ms)));
  }
  say(fmt::format("{} rows computed again from the log: {} differ", report.rows_checked,
                  report.mismatches == 0 ? "none" : fmt::format("{}", report.mismatches)));
}

std::string json_of(const DemoReport& report) {
  std::string rush = "null";
  if (!report.rush_product.empty()) {
    rush =
        fmt::format(R"({{"product_id":"{}","price_before":{},"price_peak":{},"reaction_ms":{}}})", report.rush_product,
                    client::cents_text(report.rush_before_cents), client::cents_text(report.rush_peak_cents),
                    report.rush_reaction_ms < 0 ? "null" : fmt::format("{:.3f}", report.rush_reaction_ms));
  }
  const auto latency = [&](double ms) {
    return report.click_to_price.samples == 0 ? "null" : fmt::format("{:.3f}", ms);
  };
  return fmt::format(R"({{"events":{{"sent":{},"acknowledged":{},"processed":{}}},"events_per_s":{:.1f},"orders":{},)"
                     R"("price_changes":{},"click_to_price_ms":{{"p50":{},"p99":{},"max":{},"samples":{}}},"rush":{},)"
                     R"("verification":{{"rows_checked":{},"mismatches":{}}}}})",
                     report.sent, report.acknowledged, report.processed, report.events_per_s, report.orders,
                     report.price_changes, latency(report.click_to_price.p50_ms), latency(report.click_to_price.p99_ms),
                     latency(report.click_to_price.max_ms), report.click_to_price.samples, rush, report.rows_checked,
                     report.mismatches);
}

}  // namespace millrace::demo
