#include "demo/screen.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "base/clock.h"
#include "client/items.h"

namespace millrace::demo {

namespace {

constexpr int64_t frame_ns = 250'000'000;
constexpr int64_t plain_ns = 5'000'000'000;

std::string grouped(double number) {
  std::string digits = fmt::format("{:.0f}", number);
  for (auto at = static_cast<int>(digits.size()) - 3; at > 0; at -= 3) digits.insert(static_cast<size_t>(at), 1, ',');
  return digits;
}

std::string rush_line(const DemoView& view) {
  if (!view.rush.begun) return "no rush yet";
  const double before = std::max(static_cast<double>(view.rush.before_cents), 1.0);
  const double change = 100 * (static_cast<double>(view.rush.now_cents) / before - 1);
  std::string line = fmt::format(
      "{}: {} -> {} ({:+.0f} %)",
      view.rush_on ? fmt::format("rush on {}", view.rush_name) : fmt::format("the rush on {} is over", view.rush_name),
      client::cents_text(view.rush.before_cents), client::cents_text(view.rush.now_cents), change);
  if (view.rush.reaction_ms >= 0) line += fmt::format(", first raised after {:.0f} ms", view.rush.reaction_ms);
  return line;
}

std::string latency_text(const LatencySummary& latency) {
  if (latency.samples == 0) return "no price has changed yet";
  return fmt::format("click to price p50 {:.2f} ms, p99 {:.2f} ms", latency.p50_ms, latency.p99_ms);
}

std::string disk_text(const DemoView& view) {
  return fmt::format("{:.0f} MB on the disk, at most {:.1f} GB", static_cast<double>(view.disk_bytes) / 1e6,
                     static_cast<double>(view.disk_bytes_max) / 1e9);
}

}  // namespace

DemoScreen::DemoScreen() {
  terminal_ = isatty(STDERR_FILENO) == 1;
  colour_ = terminal_ && std::getenv("NO_COLOR") == nullptr;
  due_ns_ = base::system_clock().monotonic_ns() + (terminal_ ? frame_ns : plain_ns);
}

bool DemoScreen::due() const {
  return base::system_clock().monotonic_ns() >= due_ns_;
}

void DemoScreen::show(const DemoView& view) {
  due_ns_ = base::system_clock().monotonic_ns() + (terminal_ ? frame_ns : plain_ns);
  const double passed = view.seconds - last_seconds_;
  const double rate = passed > 0 ? static_cast<double>(view.acknowledged - last_acknowledged_) / passed : 0;
  last_seconds_ = view.seconds;
  last_acknowledged_ = view.acknowledged;
  const std::string delay = view.job.watermark_delay_ms < 0
                                ? std::string("no watermark yet")
                                : fmt::format("watermark {:.1f} s behind", view.job.watermark_delay_ms / 1000.0);
  if (!terminal_) {
    fmt::print(stderr, "millrace: {:.0f} s: {} clicks/s, {} orders, {} price changes, {}, job lag {}, {}; {}; {}\n",
               view.seconds, grouped(rate), view.orders, view.price_changes, latency_text(view.latency),
               view.job.lag_records, delay, rush_line(view), disk_text(view));
    return;
  }
  if (lines_ > 0) fmt::print(stderr, "\x1b[{}A", lines_);
  const char* const strong = colour_ ? "\x1b[1m" : "";
  const char* const plain = colour_ ? "\x1b[0m" : "";
  fmt::print(stderr, "\x1b[K  clicks        {}{}{} a second, {} in all, {} orders\n", strong, grouped(rate), plain,
             grouped(static_cast<double>(view.acknowledged)), grouped(static_cast<double>(view.orders)));
  fmt::print(stderr, "\x1b[K  prices        {} changes; {}{}{}\n", grouped(static_cast<double>(view.price_changes)),
             strong, latency_text(view.latency), plain);
  fmt::print(stderr, "\x1b[K  job           {}, {} records behind, {}\n", view.job.state, view.job.lag_records, delay);
  fmt::print(stderr, "\x1b[K  demand        {}\n", rush_line(view));
  if (view.for_ms > 0) {
    fmt::print(stderr, "\x1b[K  {:.0f} of {:.0f} s; {}\n", view.seconds, static_cast<double>(view.for_ms) / 1000,
               disk_text(view));
  } else {
    fmt::print(stderr, "\x1b[K  {:.0f} s; Ctrl-C ends it; {}\n", view.seconds, disk_text(view));
  }
  std::fflush(stderr);
  lines_ = 5;
}

}  // namespace millrace::demo
