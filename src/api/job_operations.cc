#include "api/job_operations.h"

#include "base/json_string.h"

#include <simdjson.h>

#include <memory>

namespace millrace::api {
namespace {

struct JobRequest {
  std::string name;
  std::string script;
  bool drain = false;
  bool force = false;
  uint64_t skip_bad_records = 0;
};

Result<JobRequest> parse_request(std::string_view body) {
  simdjson::dom::parser parser;
  simdjson::dom::object object;
  if (parser.parse(body.data(), body.size()).get(object) != simdjson::SUCCESS) {
    return fail(ErrorKind::invalid_argument, "the body is no JSON object");
  }
  JobRequest request;
  for (const auto [key, value] : object) {
    std::string_view text;
    bool good = true;
    if (key == "Name" || key == "Script") {
      good = value.get(text) == simdjson::SUCCESS;
      (key == "Name" ? request.name : request.script) = text;
    } else if (key == "Drain") {
      good = value.get(request.drain) == simdjson::SUCCESS;
    } else if (key == "Force") {
      good = value.get(request.force) == simdjson::SUCCESS;
    } else if (key == "SkipBadRecords") {
      good = value.get(request.skip_bad_records) == simdjson::SUCCESS;
    } else {
      return fail(ErrorKind::invalid_argument,
                  "unknown member \"{}\"; known are Name, Script, Drain, Force and SkipBadRecords", key);
    }
    if (!good) return fail(ErrorKind::invalid_argument, "\"{}\" has a value of the wrong type", key);
  }
  if (request.name.empty()) return fail(ErrorKind::invalid_argument, "\"Name\" is missing");
  return request;
}

bool is_active(engine::JobState state) {
  return state == engine::JobState::running || state == engine::JobState::draining;
}

void append_job(std::string& out, const engine::JobStatus& job, ProcessingTime now) {
  out += "{\"Name\":";
  base::append_json_string(out, job.name);
  out += ",\"State\":";
  base::append_json_string(out, engine::name(job.state));
  out += ",\"Reason\":";
  base::append_json_string(out, job.reason);
  // Nobody counts for a job that does not run.
  const bool lag_known = is_active(job.state);
  fmt::format_to(
      std::back_inserter(out),
      R"(,"LagRecords":{},"LagMs":{},"RowsIn":{},"RowsOut":{},"LateRows":{},"AheadRows":{},"BadRows":{},"DuplicateRows":{},)"
      R"("RowErrors":{},"EventsPerSecond":{:.1f},"Commits":{},"LastCommitMs":{:.3f},"StateBytes":{},)"
      R"("WatermarkMs":{},"WatermarkDelayMs":{}}})",
      lag_known ? fmt::format("{}", job.lag_records) : "null", lag_known ? job.lag_ms : -1, job.rows_in, job.rows_out,
      job.rows_late, job.rows_ahead, job.rows_bad, job.rows_duplicate, job.row_errors, job.rows_per_second, job.commits,
      job.commit_ms, job.state_bytes, job.watermark ? fmt::format("{}", job.watermark->value) : "null",
      job.watermark ? std::max<int64_t>(0, now.value - job.watermark->value) : -1);
}

}  // namespace

JobOperations::JobOperations(engine::Jobs& jobs, base::Clock& clock) : jobs_(jobs), clock_(clock) {
  for (size_t i = 0; i < at_once; ++i) threads_.emplace_back([this] { run(); });
}

JobOperations::~JobOperations() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void JobOperations::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [&] { return stopping_ || !tasks_.empty(); });
    if (stopping_) return;
    const auto task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    task();
    lock.lock();
  }
}

void JobOperations::later(aws::Call& call, std::function<void(aws::Answer&)> task) {
  std::lock_guard lock(mutex_);
  if (tasks_.size() >= waiting_max) {
    return call.answer.fail(Error{ErrorKind::throttled, "too many calls wait for the jobs; try again"});
  }
  auto answer = std::make_shared<aws::Answer>(std::move(call.answer));
  tasks_.push_back([answer, task = std::move(task)] { task(*answer); });
  wake_.notify_one();
}

void JobOperations::add_to(aws::Service& service) {
  const auto answer_with = [](aws::Answer& answer, const Result<void>& result) {
    result ? answer.ok("{}") : answer.fail(result.error());
  };
  using Change = std::function<Result<void>(const JobRequest&)>;
  const auto add = [&](std::string name, Change change) {
    service.add({aws::millrace_protocol, std::move(name), [this, change, answer_with](aws::Call& call) {
                   auto request = parse_request(call.body);
                   if (!request) return call.answer.fail(request.error());
                   later(call, [change, answer_with, request = std::move(*request)](aws::Answer& answer) {
                     answer_with(answer, change(request));
                   });
                 }});
  };
  add("SubmitJob", [this](const JobRequest& request) -> Result<void> {
    if (request.script.empty()) return fail(ErrorKind::invalid_argument, "\"Script\" is missing");
    return jobs_.submit(request.name, request.script);
  });
  add("ResumeJob", [this](const JobRequest& request) { return jobs_.resume(request.name, request.skip_bad_records); });
  add("RemoveJob", [this](const JobRequest& request) -> Result<void> {
    TRY_ASSIGN(const engine::JobStatus job, jobs_.status(request.name));
    if (is_active(job.state) && !request.force) {
      return fail(
          ErrorKind::in_use,
          "the job `{0}` is {1}, and its state would be lost: stop it first (`millrace jobs stop {0}`), or remove "
          "it all the same with --force (\"Force\": true)",
          request.name, engine::name(job.state));
    }
    return jobs_.remove(request.name);
  });
  service.add({aws::millrace_protocol, "StopJob", [this, answer_with](aws::Call& call) {
                 auto request = parse_request(call.body);
                 if (!request) return call.answer.fail(request.error());
                 later(call, [this, answer_with, request = std::move(*request)](aws::Answer& answer) {
                   answer_with(answer, request.drain ? jobs_.drain(request.name) : jobs_.stop(request.name));
                 });
               }});
  service.add({aws::millrace_protocol, "ListJobs", [this](aws::Call& call) {
                 const ProcessingTime now = clock_.now();
                 std::string out = "{\"Jobs\":[";
                 for (const engine::JobStatus& job : jobs_.list()) {
                   if (out.back() == '}') out += ',';
                   append_job(out, job, now);
                 }
                 out += "]}";
                 call.answer.ok(std::move(out));
               }});
}

}  // namespace millrace::api
