#include "send/send.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <stop_token>
#include <thread>

#include "base/clock.h"
#include "base/stop_signals.h"
#include "send/lanes.h"
#include "send/pace.h"
#include "send/report.h"
#include "send/series.h"

namespace millrace::send {

namespace {

constexpr int64_t progress_ns = 250'000'000;
constexpr int64_t nap_ns_max = 100'000'000;
constexpr int64_t long_wait_ns = 1'000'000'000;  // is told at once
constexpr double fraction_min = 0.01;            // below it nothing is concluded from how long it took

int64_t now_ns() {
  return base::system_clock().monotonic_ns();
}

Result<client::ShardMap> find_shards(client::Api& api, const SendOptions& options) {
  const auto created =
      options.create_shards > 0 ? client::ensure_stream(api, options.stream, options.create_shards) : Result<void>();
  auto shards = created ? client::ShardMap::load(api, options.stream) : std::unexpected(created.error());
  if (shards) return shards;
  const Error& error = shards.error();
  if (error.kind == ErrorKind::not_found) {
    return fail(error.kind, "there is no stream `{}`; --create-shards 2 creates it on the way", options.stream);
  }
  if (error.kind == ErrorKind::unavailable) {
    return fail(error.kind, "{}; is `millrace serve` running there? --endpoint names another server", error.message);
  }
  return shards;
}

// What a file's end in the middle means for who wants to go on from there.
Error end_of_damaged(const Error& error, int64_t lines) {
  if (error.kind != ErrorKind::corrupt) return error;
  return {error.kind,
          fmt::format("{} after line {}, the last complete one; the rows up to it were sent", error.message, lines)};
}

}  // namespace

Result<void> send_file(const SendOptions& options, SendSummary& summary,
                       const std::function<void(const SendSummary&)>& progress) {
  summary.place = {0, options.from_line - 1};
  const auto stopped = [&] { return summary.stopped = options.stop.stop_requested(); };
  SendLanes* to_flush = nullptr;
  auto opened = RowSeries::open(options.rows, options.files, options.from_line, {options.stop, [&to_flush] {
                                                                                   if (to_flush) to_flush->flush();
                                                                                 }});
  if (!opened && stopped()) return {};
  TRY_ASSIGN(const auto rows, std::move(opened));
  client::Api api(options.endpoint, options.stop);
  TRY_ASSIGN(client::ShardMap shards, find_shards(api, options));
  SendLanes lanes(options.endpoint, options.stream, std::move(shards), static_cast<size_t>(options.connections),
                  options.retry_for_ms, options.stop);
  to_flush = &lanes;

  const int64_t start_ns = now_ns();
  int64_t progress_due_ns = start_ns + progress_ns;
  Pace pace(options.speed);
  const auto last_time = options.speed > 0 ? rows->last_time() : std::nullopt;
  double first_fraction = 0;
  const auto left_seconds = [&]() -> std::optional<double> {
    if (summary.rows == 0) return std::nullopt;
    std::optional<double> by_work;
    const double done = summary.fraction - first_fraction;
    if (done > fraction_min) by_work = summary.seconds * (1 - summary.fraction) / done;
    if (!last_time) return by_work;
    const double by_times = pace.seconds_until(*last_time);
    return pace.is_behind() ? std::max(by_times, by_work.value_or(0)) : by_times;
  };
  const auto update = [&] {
    summary.acknowledged = lanes.acknowledged();
    summary.place = std::max(summary.place, lanes.acknowledged_to());
    summary.retries = lanes.retries();
    summary.resent = lanes.resent();
    summary.seconds = static_cast<double>(now_ns() - start_ns) / 1e9;
    summary.fraction = rows->fraction();
    summary.left_seconds = left_seconds();
  };
  const auto tick = [&] {
    if (now_ns() < progress_due_ns) return;
    progress_due_ns = now_ns() + progress_ns;
    update();
    progress(summary);
  };

  Result<void> outcome;
  bool bad = false;
  SendRow row;
  while (!options.stop.stop_requested()) {
    const auto found = rows->next(row);
    bad = !found && found.error().kind == ErrorKind::invalid_argument;
    if (bad) {
      ++summary.bad_rows;
      if (options.skip_bad) continue;
      outcome = std::unexpected(found.error().within(fmt::format("{}:{}", rows->file(), rows->place().line)));
      break;
    }
    if (!found && !options.stop.stop_requested()) {
      outcome = std::unexpected(end_of_damaged(found.error(), rows->lines_read()));
    }
    if (!found || !*found) break;
    if (summary.rows == 0) first_fraction = rows->fraction();
    summary.next = rows->place();
    if (pace.wait_ns(row.time) > long_wait_ns) progress_due_ns = 0;
    while (const int64_t wait_ns = pace.wait_ns(row.time)) {
      lanes.flush();
      if (options.stop.stop_requested()) break;
      summary.wait_seconds = static_cast<double>(wait_ns) / 1e9;
      tick();
      std::this_thread::sleep_for(std::chrono::nanoseconds(std::min(wait_ns, nap_ns_max)));
    }
    summary.wait_seconds = 0;
    if (options.stop.stop_requested()) break;
    ++summary.rows;
    outcome = lanes.put(std::move(row.key), std::move(row.json), rows->place());
    if (!outcome) break;
    tick();
  }
  const auto finished = lanes.finish();
  update();
  summary.uncertain = !finished;
  stopped();
  TRY(finished);
  if (bad && !options.skip_bad) summary.place = {rows->place().file, rows->place().line - 1};
  return outcome;
}

int run_send(SendOptions options) {
  std::stop_source stop;
  options.stop = stop.get_token();
  const base::StopSignals signals([&stop](int count) {
    if (count > 1) std::_Exit(1);
    stop.request_stop();
  });
  SendSummary summary;
  Progress progress(options.files);
  const auto sent = send_file(options, summary, [&](const SendSummary& now) { progress.show(now); });
  progress.end();
  say_end(options, summary, sent);
  if (options.json && (sent || summary.stopped)) fmt::print("{}\n", json_of(summary, options.files));
  return sent && !summary.stopped ? 0 : 1;
}

}  // namespace millrace::send
