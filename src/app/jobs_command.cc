#include "app/jobs_command.h"

#include <simdjson.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>
#include <thread>

#include "app/server_call.h"
#include "base/json_string.h"
#include "connector/known.h"
#include "sql/plan.h"

namespace millrace::app {
namespace {

int refuse(const Error& error) {
  fmt::print(stderr, "millrace: {}\n", error.message);
  return 1;
}

Result<std::string> read_script(const std::string& file) {
  std::ostringstream content;
  if (file == "-") {
    content << std::cin.rdbuf();
  } else {
    std::ifstream in(file);
    if (!in) return fail(ErrorKind::not_found, "{}: cannot be read; -f takes the path of a SQL script, or - ", file);
    content << in.rdbuf();
  }
  return content.str();
}

std::string text_of(simdjson::dom::element job, const char* name) {
  std::string_view text;
  if (job[name].get(text) != simdjson::SUCCESS) return {};
  return std::string(text);
}

double number_of(simdjson::dom::element job, const char* name) {
  double number = 0;
  return job[name].get(number) == simdjson::SUCCESS ? number : 0;
}

// "1.2 s", "-" for none.
std::string duration(double ms) {
  if (ms < 0) return "-";
  if (ms < 1000) return fmt::format("{:.0f} ms", ms);
  return ms < 120'000 ? fmt::format("{:.1f} s", ms / 1000) : fmt::format("{:.0f} min", ms / 60'000);
}

// "-": not known.
std::string lag_of(simdjson::dom::element job) {
  return job["LagRecords"].is_null() ? "-" : fmt::format("{:.0f}", number_of(job, "LagRecords"));
}

// "1200 (3.5 %)": how many rows, and their share of all that came in.
std::string share_of(simdjson::dom::element job, const char* name) {
  const double rows = number_of(job, name);
  const double all = number_of(job, "RowsIn");
  return rows == 0 || all == 0 ? fmt::format("{:.0f}", rows) : fmt::format("{:.0f} ({:.2g} %)", rows, rows / all * 100);
}

void print_table(simdjson::dom::array jobs) {
  fmt::print("{:<20} {:<10} {:>10} {:>9} {:>10} {:>12} {:>12} {:>14} {:>14} {:>8} {:>8} {:>10}\n", "NAME", "STATE",
             "LAG", "BEHIND", "EVENTS/S", "ROWS IN", "ROWS OUT", "LATE", "AHEAD", "BAD", "ERRORS", "WATERMARK");
  for (const auto job : jobs) {
    const auto watermark = static_cast<int64_t>(number_of(job, "WatermarkDelayMs"));
    fmt::print("{:<20} {:<10} {:>10} {:>9} {:>10.0f} {:>12.0f} {:>12.0f} {:>14} {:>14} {:>8.0f} {:>8.0f} {:>10}\n",
               text_of(job, "Name"), text_of(job, "State"), lag_of(job), duration(number_of(job, "LagMs")),
               number_of(job, "EventsPerSecond"), number_of(job, "RowsIn"), number_of(job, "RowsOut"),
               share_of(job, "LateRows"), share_of(job, "AheadRows"), number_of(job, "BadRows"),
               number_of(job, "RowErrors"),
               watermark < 0 ? "none" : fmt::format("-{}", duration(static_cast<double>(watermark))));
    if (const std::string reason = text_of(job, "Reason"); !reason.empty()) fmt::print("  {}\n", reason);
  }
}

// Why it does not get on, below its line; what went wrong before and is over is left to --json.
void print_error(simdjson::dom::element status, bool gets_on) {
  if (const std::string error = text_of(status, "LastError"); !gets_on && !error.empty()) fmt::print("  {}\n", error);
}

void print_functions(simdjson::dom::array functions, simdjson::dom::array mappings) {
  fmt::print("{:<20} {:<21} {:>11} {:>8} {:>8}\n", "FUNCTION", "STATE", "INVOCATIONS", "ERRORS", "RESTARTS");
  for (const auto function : functions) {
    const std::string state = text_of(function, "State");
    fmt::print("{:<20} {:<21} {:>11.0f} {:>8.0f} {:>8.0f}\n", text_of(function, "Name"), state,
               number_of(function, "Invocations"), number_of(function, "Errors"), number_of(function, "Restarts"));
    print_error(function, state == "ready" || state == "busy");
  }
  fmt::print("\n{:<20} {:<21} {:>11} {:>8} {:>8} {:>11} {:>11} {:>8}\n", "MAPPING", "STATE", "LAG", "BEHIND", "RETRIES",
             "RECORDS", "EFFECTS", "GIVEN UP");
  for (const auto mapping : mappings) {
    const std::string state = text_of(mapping, "State");
    fmt::print("{:<20} {:<21} {:>11.0f} {:>8} {:>8.0f} {:>11.0f} {:>11.0f} {:>8.0f}\n", text_of(mapping, "Name"), state,
               number_of(mapping, "LagRecords"), duration(number_of(mapping, "OldestWaitingMs")),
               number_of(mapping, "Retries"), number_of(mapping, "Records"), number_of(mapping, "Effects"),
               number_of(mapping, "FailedBatches"));
    print_error(mapping, state == "running");
  }
}

Result<void> wait_for_drain(const JobsOptions& options) {
  constexpr auto pause = std::chrono::milliseconds(50);
  for (;;) {
    TRY_ASSIGN(const std::string answer, call_server(options.endpoint, "ListJobs", "{}"));
    simdjson::dom::parser parser;
    simdjson::dom::array jobs;
    if (parser.parse(answer)["Jobs"].get(jobs) != simdjson::SUCCESS) {
      return fail(ErrorKind::internal, "the server's answer is no list of jobs: {}", answer);
    }
    for (const auto job : jobs) {
      if (text_of(job, "Name") != options.name) continue;
      const std::string state = text_of(job, "State");
      if (state == "finished") return {};
      if (state == "failed" || state == "stopped") {
        return fail(ErrorKind::unavailable, "job `{}` is {} before its windows were closed: {}", options.name, state,
                    text_of(job, "Reason"));
      }
    }
    std::this_thread::sleep_for(pause);
  }
}

}  // namespace

int run_sql(const SqlOptions& options) {
  auto script = read_script(options.file);
  if (!script) return refuse(script.error());
  // Compiled here first, so that a mistake is shown with the file's name and without a server.
  auto plan = sql::compile(*script, connector::known_connectors());
  if (!plan) return refuse(plan.error().within(options.file));
  if (options.explain) {
    fmt::print("{}", sql::explain(*plan));
    return 0;
  }
  std::string name = options.name;
  if (name.empty()) {
    const auto named = plan->settings.find("pipeline.name");
    name = named != plan->settings.end() ? named->second : std::filesystem::path(options.file).stem().string();
  }
  std::string body = "{\"Name\":";
  base::append_json_string(body, name);
  body += ",\"Script\":";
  base::append_json_string(body, *script);
  body += "}";
  auto answer = call_server(options.endpoint, "SubmitJob", body);
  if (!answer) return refuse(answer.error().within(options.file));
  fmt::print(stderr, "millrace: job `{}` runs; `millrace jobs` shows how it does, `millrace jobs stop {}` ends it\n",
             name, name);
  return 0;
}

int run_jobs(const JobsOptions& options) {
  if (options.action == JobsOptions::Action::list) {
    auto answer = call_server(options.endpoint, "ListJobs", "{}");
    if (!answer) return refuse(answer.error());
    if (options.json) {
      fmt::print("{}\n", *answer);
      return 0;
    }
    simdjson::dom::parser parser;
    simdjson::dom::array jobs;
    if (parser.parse(*answer)["Jobs"].get(jobs) != simdjson::SUCCESS) {
      return refuse({ErrorKind::internal, fmt::format("the server's answer is no list of jobs: {}", *answer)});
    }
    if (jobs.size() == 0) {
      fmt::print(stderr, "millrace: no jobs; `millrace sql -f FILE` starts one\n");
      return 0;
    }
    print_table(jobs);
    return 0;
  }
  std::string body = "{\"Name\":";
  base::append_json_string(body, options.name);
  if (options.drain) body += ",\"Drain\":true";
  if (options.force) body += ",\"Force\":true";
  if (options.skip > 0) body += fmt::format(",\"SkipBadRecords\":{}", options.skip);
  body += "}";
  const bool stop = options.action == JobsOptions::Action::stop;
  const bool resume = options.action == JobsOptions::Action::resume;
  auto answer = call_server(options.endpoint, stop ? "StopJob" : resume ? "ResumeJob" : "RemoveJob", body);
  if (!answer) return refuse(answer.error());
  std::string_view outcome = resume ? "runs" : "is removed";
  if (stop) outcome = "is stopped; `millrace jobs resume` goes on where it was";
  if (stop && options.drain) {
    if (auto drained = wait_for_drain(options); !drained) return refuse(drained.error());
    outcome = "took in what was there, closed its windows and is finished";
  }
  fmt::print(stderr, "millrace: job `{}` {}\n", options.name, outcome);
  return 0;
}

int run_functions(const FunctionsOptions& options) {
  auto answer = call_server(options.endpoint, "ListFunctions", "{}");
  if (!answer) return refuse(answer.error());
  if (options.json) {
    fmt::print("{}\n", *answer);
    return 0;
  }
  simdjson::dom::parser parser;
  simdjson::dom::element document;
  simdjson::dom::array functions;
  simdjson::dom::array mappings;
  if (parser.parse(*answer).get(document) != simdjson::SUCCESS ||
      document["Functions"].get(functions) != simdjson::SUCCESS ||
      document["Mappings"].get(mappings) != simdjson::SUCCESS) {
    return refuse({ErrorKind::internal, fmt::format("the server's answer is no list of functions: {}", *answer)});
  }
  if (functions.size() == 0) {
    fmt::print(stderr, "millrace: no functions; [[function]] in the file of `millrace serve --config` makes one\n");
    return 0;
  }
  print_functions(functions, mappings);
  return 0;
}

}  // namespace millrace::app
