#include "send/report.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "aws/protocol.h"
#include "base/clock.h"
#include "base/json_string.h"

namespace millrace::send {

namespace {

constexpr int64_t plain_progress_ns = 10'000'000'000;  // where there is no terminal
constexpr double wait_shown_s = 5;                     // in the line of the progress
constexpr double wait_said_s = 600;                    // with what can be done

double rate(const SendSummary& summary) {
  return summary.seconds > 0 ? static_cast<double>(summary.acknowledged) / summary.seconds : 0;
}

// As a word of a shell's command.
std::string quoted(const std::string& word) {
  constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-+=:@%,";
  if (!word.empty() && word.find_first_not_of(plain) == std::string::npos) return word;
  std::string out = "'";
  for (const char c : word) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out + "'";
}

std::string rows(uint64_t count) {
  return count == 1 ? "1 row" : fmt::format("{} rows", count);
}

// Of the rows behind the place that all have reached, when the server has failed.
std::string_view about_copies(const SendOptions& options, const SendSummary& summary) {
  if (!summary.uncertain) return "";
  if (std::ranges::find(options.files, "-") != options.files.end()) {
    return " (rows behind it may be there already; from the standard input they come again with another event_id, "
           "unless they have one of their own)";
  }
  return " (rows behind it may be there already; they come again with the same event_id)";
}

}  // namespace

std::string duration(double seconds) {
  const auto whole = static_cast<int64_t>(std::min(seconds, 1e15) + 0.5);
  if (whole >= 86'400) return fmt::format("{}d{:02}h", whole / 86'400, whole / 3600 % 24);
  if (whole >= 3600) return fmt::format("{}h{:02}m", whole / 3600, whole / 60 % 60);
  if (whole >= 60) return fmt::format("{}m{:02}s", whole / 60, whole % 60);
  return fmt::format("{}s", whole);
}

std::string going_on(const std::vector<std::string>& files, Place behind) {
  std::string options;
  for (size_t i = behind.file; behind.file > 0 && i < files.size(); ++i) {
    options += fmt::format("--file {} ", quoted(files[i]));
  }
  return options + fmt::format("--from-line {}", behind.line + 1);
}

std::string json_of(const SendSummary& summary, const std::vector<std::string>& files) {
  std::string file;
  base::append_json_string(file, files[summary.place.file]);
  return fmt::format(
      R"({{"rows":{},"acknowledged":{},"file":{},"line":{},"bad_rows":{},"retries":{},"resent":{},"seconds":{:.3f},)"
      R"("rows_per_s":{:.1f},"stopped":{}}})",
      summary.rows, summary.acknowledged, file, summary.place.line, summary.bad_rows, summary.retries, summary.resent,
      summary.seconds, rate(summary), summary.stopped);
}

Progress::Progress(const std::vector<std::string>& files)
    : files_(files),
      terminal_(isatty(STDERR_FILENO) == 1),
      next_ns_(base::system_clock().monotonic_ns() + (terminal_ ? 0 : plain_progress_ns)) {}

void Progress::say_wait(const SendSummary& summary) {
  if (summary.wait_seconds < wait_said_s || summary.next == waited_for_) return;
  waited_for_ = summary.next;
  end();
  fmt::print(stderr,
             "millrace: by its time the row at {}:{} is due in {}; a greater --speed makes that shorter; Ctrl-C and {} "
             "leaves the wait out\n",
             files_[summary.next.file], summary.next.line, duration(summary.wait_seconds),
             going_on(files_, {summary.next.file, summary.next.line - 1}));
}

void Progress::show(const SendSummary& summary) {
  say_wait(summary);
  const int64_t now_ns = base::system_clock().monotonic_ns();
  if (now_ns < next_ns_) return;
  next_ns_ = now_ns + (terminal_ ? 0 : plain_progress_ns);
  std::string line = fmt::format("{}, {:.0f} rows/s", rows(summary.acknowledged), rate(summary));
  if (summary.bad_rows > 0) line += fmt::format(", {} bad", summary.bad_rows);
  if (summary.fraction > 0 && summary.fraction < 1) line += fmt::format(", {:.0f} %", summary.fraction * 100);
  if (summary.left_seconds) line += fmt::format(", {} left", duration(*summary.left_seconds));
  if (summary.wait_seconds >= wait_shown_s) line += fmt::format(", next row in {}", duration(summary.wait_seconds));
  if (summary.retries > 0) line += fmt::format(", {} retries", summary.retries);
  fmt::print(stderr, "{}{}{}", terminal_ ? "\r\x1b[K" : "", line, terminal_ ? "" : "\n");
  std::fflush(stderr);
  shown_ = true;
}

void Progress::end() {
  if (terminal_ && shown_) fmt::print(stderr, "\r\x1b[K");
  shown_ = false;
}

void say_end(const SendOptions& options, const SendSummary& summary, const Result<void>& outcome) {
  const std::string next = going_on(options.files, summary.place);
  if (!outcome) {
    fmt::print(stderr, "millrace: {}\n", outcome.error().message);
    if (summary.bad_rows > 0 && !options.skip_bad && !summary.uncertain) {
      fmt::print(stderr,
                 "millrace: {} before it {} in the stream; once it is corrected, {} goes on with it; {} --skip-bad "
                 "passes over such rows\n",
                 rows(summary.acknowledged), summary.acknowledged == 1 ? "is" : "are", next, next);
    } else if (summary.rows > 0) {
      fmt::print(stderr, "millrace: {} {} in the stream, all of them up to line {} of {}; {} goes on there{}\n",
                 rows(summary.acknowledged), summary.acknowledged == 1 ? "is" : "are", summary.place.line,
                 options.files[summary.place.file], next, about_copies(options, summary));
    }
    return;
  }
  fmt::print(stderr, "millrace: {}{} in the stream `{}` in {:.1f} s, {:.0f} rows/s", summary.stopped ? "stopped: " : "",
             rows(summary.acknowledged), options.stream, summary.seconds, rate(summary));
  if (summary.stopped) {
    fmt::print(stderr, "; all of them up to line {} of {}; {} goes on there", summary.place.line,
               options.files[summary.place.file], next);
  }
  if (summary.bad_rows > 0) fmt::print(stderr, "; {} bad rows passed over", summary.bad_rows);
  if (summary.resent > 0) fmt::print(stderr, "; {} sent twice, perhaps (they have the same event_id)", summary.resent);
  fmt::print(stderr, "\n");
}

}  // namespace millrace::send
