#include "app/backup_operations.h"

#include "base/json_string.h"

#include <simdjson.h>
#include <spdlog/spdlog.h>

namespace millrace::app {
namespace {

Result<std::string> directory_from(std::string_view body) {
  simdjson::dom::parser parser;
  simdjson::dom::element document;
  std::string_view directory;
  if (parser.parse(body.data(), body.size()).get(document) || document["Directory"].get(directory)) {
    return fail(ErrorKind::invalid_argument, R"("Directory" is missing: the absolute path of a new directory)");
  }
  return std::string(directory);
}

}  // namespace

Result<void> BackupOperations::start(std::string directory) {
  std::lock_guard lock(mutex_);
  if (!directory_.empty() && !outcome_) {
    return fail(ErrorKind::in_use, "a backup to {} is under way", directory_);
  }
  directory_ = std::move(directory);
  outcome_.reset();
  thread_ = std::jthread([this, to = directory_](const std::stop_token& stop) {
    auto written = write_backup(streams_, store_, to, stop);
    if (written) {
      spdlog::info("backup: {} files, {} bytes in {}", written->files, written->bytes, to);
    } else {
      spdlog::error("backup to {}: {}", to, written.error().message);
    }
    std::lock_guard done(mutex_);
    outcome_ = std::move(written);
  });
  return {};
}

std::string BackupOperations::describe() const {
  std::lock_guard lock(mutex_);
  if (directory_.empty()) return R"({"State":"none"})";
  std::string out = R"({"Directory":)";
  base::append_json_string(out, directory_);
  if (!outcome_) {
    out += R"(,"State":"running"})";
  } else if (*outcome_) {
    out += fmt::format(R"(,"State":"finished","Files":{},"Bytes":{}}})", (*outcome_)->files, (*outcome_)->bytes);
  } else {
    // Whoever asks for a backup names its place, so its paths are no secret.
    out += R"(,"State":"failed","Reason":)";
    base::append_json_string(out, outcome_->error().message);
    out += '}';
  }
  return out;
}

void BackupOperations::add_to(aws::Service& service) {
  service.add({aws::millrace_protocol, "StartBackup", [this](aws::Call& call) {
                 auto directory = directory_from(call.body);
                 if (!directory) return call.answer.fail(directory.error());
                 const auto started = start(std::move(*directory));
                 started ? call.answer.ok("{}") : call.answer.fail(started.error());
               }});
  service.add({aws::millrace_protocol, "DescribeBackup", [this](aws::Call& call) { call.answer.ok(describe()); }});
}

}  // namespace millrace::app
