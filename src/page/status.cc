#include "page/status.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "base/clock.h"
#include "base/json_string.h"
#include "base/storage_failures.h"
#include "engine/jobs.h"
#include "log/log.h"
#include "stream/streams.h"
#include "table/item_json.h"

namespace millrace::page {

namespace {

uint64_t resident_bytes() {
  std::FILE* const file = std::fopen("/proc/self/statm", "r");
  if (file == nullptr) return 0;
  unsigned long size = 0;
  unsigned long resident = 0;
  const int read = std::fscanf(file, "%lu %lu", &size, &resident);
  std::fclose(file);
  return read == 2 ? resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE)) : 0;
}

double cpu_s() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

StreamSample sample(const stream::Stream& stream) {
  StreamSample sample;
  sample.name = stream.name;
  sample.shards = stream.shard_count();
  log::Log* const log = stream.log();
  if (log == nullptr) return sample;
  const auto definition = stream.definition();
  sample.records = definition->records_let_go;
  for (const stream::Shard& shard : definition->shards.all()) {
    if (const auto range = log->range(shard.id)) sample.records += range->end.value;
  }
  return sample;
}

JobSample sample(const engine::JobStatus& job, int64_t now_ms) {
  JobSample sample;
  sample.name = job.name;
  sample.state = engine::name(job.state);
  sample.reason = job.reason;
  sample.rows_in = job.rows_in;
  sample.rows_out = job.rows_out;
  sample.late_rows = job.rows_late;
  sample.ahead_rows = job.rows_ahead;
  sample.bad_rows = job.rows_bad;
  sample.row_errors = job.row_errors;
  if (job.state == engine::JobState::running || job.state == engine::JobState::draining) {
    sample.lag_records = job.lag_records;
    sample.lag_ms = job.lag_ms;
  }
  if (job.watermark) sample.watermark_delay_ms = std::max<int64_t>(now_ms - job.watermark->value, 0);
  sample.events_per_s = job.rows_per_second;
  return sample;
}

}  // namespace

uint64_t StatusSample::events() const {
  uint64_t all = 0;
  for (const StreamSample& stream : streams) all += stream.records;
  return all;
}

StatusSample sample_status(const Parts& parts) {
  StatusSample status;
  const int64_t now_ms = base::system_clock().now().value;
  for (const stream::StreamPtr& stream : parts.streams.list()) status.streams.push_back(sample(*stream));
  for (const engine::JobStatus& job : parts.jobs.list()) status.jobs.push_back(sample(job, now_ms));
  status.functions = parts.functions.functions();
  status.mappings = parts.functions.mappings();
  status.store = parts.store.statistics();
  status.storage_failures = base::storage_failures();
  status.resident_bytes = resident_bytes();
  status.cpu_s = cpu_s();
  return status;
}

std::string health_json(const Parts& parts) {
  auto problems = function::problems(parts.functions.functions(), parts.functions.mappings());
  for (const auto& stream : parts.streams.damaged()) {
    problems.push_back(
        fmt::format("stream {} is damaged and not served; the server's log says what to do", stream.name));
  }
  for (const engine::JobStatus& job : parts.jobs.list()) {
    if (job.state == engine::JobState::failed)
      problems.push_back(fmt::format("job {} has failed: {}", job.name, job.reason));
  }
  if (const uint64_t failures = base::storage_failures(); failures > 0) {
    problems.push_back(
        fmt::format("stored data was damaged or could not be read or written {} time{} since the start; the server's "
                    "log says where",
                    failures, failures == 1 ? "" : "s"));
  }
  if (problems.empty()) return "{\"status\":\"ok\"}\n";
  std::string out = R"({"status":"degraded","problems":[)";
  for (const std::string& problem : problems) {
    if (&problem != &problems.front()) out += ',';
    base::append_json_string(out, problem);
  }
  return out += "]}\n";
}

}  // namespace millrace::page
