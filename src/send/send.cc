#include "send/send.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <stop_token>
#include <thread>

#include "base/clock.h"
#include "base/stop_signals.h"
#include "send/lanes.h"

namespace millrace::send {

namespace {

constexpr int64_t progress_ns = 250'000'000;
constexpr int64_t plain_progress_ns = 10'000'000'000;  // where there is no terminal
constexpr int64_t nap_ns_max = 100'000'000;

int64_t now_ns() {
  return base::system_clock().monotonic_ns();
}

std::string duration(double seconds) {
  const auto whole = static_cast<int64_t>(seconds + 0.5);
  if (whole >= 3600) return fmt::format("{}h{:02}m", whole / 3600, whole / 60 % 60);
  if (whole >= 60) return fmt::format("{}m{:02}s", whole / 60, whole % 60);
  return fmt::format("{}s", whole);
}

double rate(const SendSummary& summary) {
  return summary.seconds > 0 ? static_cast<double>(summary.acknowledged) / summary.seconds : 0;
}

// Waits until the moment comes at which a row of that time is due; the first row is due at once.
class Pace {
 public:
  explicit Pace(double speed) : speed_(speed), start_ns_(now_ns()) {}

  // 0: due; else how long to sleep before asking again.
  int64_t wait_ns(EventTime time) {
    if (speed_ <= 0) return 0;
    if (!started_) first_ = time;
    started_ = true;
    const double since_first_ns = static_cast<double>(time.value - first_.value) * 1e6 / speed_;
    const double wait = since_first_ns - static_cast<double>(now_ns() - start_ns_);
    return wait <= 0 ? 0 : static_cast<int64_t>(std::min(wait, static_cast<double>(nap_ns_max)));
  }

 private:
  double speed_;
  int64_t start_ns_;
  EventTime first_;
  bool started_ = false;
};

class Progress {
 public:
  Progress() : terminal_(isatty(STDERR_FILENO) == 1), next_ns_(now_ns() + (terminal_ ? 0 : plain_progress_ns)) {}

  void show(const SendSummary& summary) {
    if (now_ns() < next_ns_) return;
    next_ns_ = now_ns() + (terminal_ ? 0 : plain_progress_ns);
    std::string line = fmt::format("{} rows, {:.0f} rows/s", summary.acknowledged, rate(summary));
    if (summary.bad_rows > 0) line += fmt::format(", {} bad", summary.bad_rows);
    if (summary.fraction > 0.01 && summary.fraction < 1) {
      line += fmt::format(", {:.0f} %, {} left", summary.fraction * 100,
                          duration(summary.seconds * (1 - summary.fraction) / summary.fraction));
    }
    if (summary.retries > 0) line += fmt::format(", {} retries", summary.retries);
    fmt::print(stderr, "{}{}{}", terminal_ ? "\r\x1b[K" : "", line, terminal_ ? "" : "\n");
    std::fflush(stderr);
    shown_ = true;
  }
  void end() {
    if (terminal_ && shown_) fmt::print(stderr, "\r\x1b[K");
  }

 private:
  bool terminal_;
  int64_t next_ns_;
  bool shown_ = false;
};

Result<ShardMap> find_shards(Api& api, const SendOptions& options) {
  const auto created =
      options.create_shards > 0 ? ensure_stream(api, options.stream, options.create_shards) : Result<void>();
  auto shards = created ? ShardMap::load(api, options.stream) : std::unexpected(created.error());
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

std::string json_of(const SendSummary& summary) {
  return fmt::format(
      R"({{"rows":{},"acknowledged":{},"line":{},"bad_rows":{},"retries":{},"resent":{},"seconds":{:.3f},)"
      R"("rows_per_s":{:.1f},"stopped":{}}})",
      summary.rows, summary.acknowledged, summary.line, summary.bad_rows, summary.retries, summary.resent,
      summary.seconds, rate(summary), summary.stopped);
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
  TRY_ASSIGN(const auto rows, RowReader::open(options.rows));
  Api api(options.endpoint, options.stop);
  TRY_ASSIGN(ShardMap shards, find_shards(api, options));
  SendLanes lanes(options.endpoint, options.stream, std::move(shards), static_cast<size_t>(options.connections),
                  options.retry_for_ms, options.stop);

  const int64_t start_ns = now_ns();
  int64_t progress_due_ns = start_ns + progress_ns;
  const auto update = [&] {
    summary.acknowledged = lanes.acknowledged();
    summary.line = lanes.acknowledged_line();
    summary.retries = lanes.retries();
    summary.resent = lanes.resent();
    summary.seconds = static_cast<double>(now_ns() - start_ns) / 1e9;
    summary.fraction = rows->fraction();
  };
  const auto tick = [&] {
    if (now_ns() < progress_due_ns) return;
    progress_due_ns = now_ns() + progress_ns;
    update();
    progress(summary);
  };

  Result<void> outcome;
  Pace pace(options.speed);
  SendRow row;
  while (!options.stop.stop_requested()) {
    const auto found = rows->next(row);
    if (!found && found.error().kind == ErrorKind::invalid_argument) {
      ++summary.bad_rows;
      if (options.skip_bad) continue;
      outcome = std::unexpected(found.error().within(fmt::format("{}:{}", options.rows.file, rows->line())));
      break;
    }
    if (!found) outcome = std::unexpected(end_of_damaged(found.error(), rows->lines_read()));
    if (!found || !*found) break;
    while (const int64_t wait_ns = pace.wait_ns(row.time)) {
      lanes.flush();
      if (options.stop.stop_requested()) break;
      std::this_thread::sleep_for(std::chrono::nanoseconds(wait_ns));
      tick();
    }
    if (options.stop.stop_requested()) break;
    ++summary.rows;
    outcome = lanes.put(std::move(row.key), std::move(row.json), rows->line());
    if (!outcome) break;
    tick();
  }
  const auto finished = lanes.finish();
  update();
  summary.stopped = options.stop.stop_requested();
  TRY(finished);
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
  Progress progress;
  const auto sent = send_file(options, summary, [&](const SendSummary& now) { progress.show(now); });
  progress.end();
  if (!sent) {
    fmt::print(stderr, "millrace: {}\n", sent.error().message);
    if (summary.bad_rows > 0 && !options.skip_bad) {
      fmt::print(stderr,
                 "millrace: the {} rows before it are in the stream; correct the row, or pass over such rows with "
                 "--skip-bad\n",
                 summary.acknowledged);
    } else if (summary.rows > 0) {
      fmt::print(stderr, "millrace: {} rows are in the stream, all of them up to line {}\n", summary.acknowledged,
                 summary.line);
    }
    if (options.json && summary.stopped) fmt::print("{}\n", json_of(summary));
    return 1;
  }
  fmt::print(stderr, "millrace: {}{} rows in the stream `{}` in {:.1f} s, {:.0f} rows/s",
             summary.stopped ? "stopped: " : "", summary.acknowledged, options.stream, summary.seconds, rate(summary));
  if (summary.stopped) fmt::print(stderr, "; all of them up to line {} of {}", summary.line, options.rows.file);
  if (summary.bad_rows > 0) fmt::print(stderr, "; {} bad rows passed over", summary.bad_rows);
  if (summary.resent > 0) fmt::print(stderr, "; {} sent twice, perhaps (they have the same event_id)", summary.resent);
  fmt::print(stderr, "\n");
  if (options.json) fmt::print("{}\n", json_of(summary));
  return summary.stopped ? 1 : 0;
}

}  // namespace millrace::send
