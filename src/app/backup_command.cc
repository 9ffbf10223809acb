#include "app/backup_command.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "app/backup.h"
#include "app/server_call.h"
#include "base/json_string.h"

namespace millrace::app {
namespace {

int refuse(const Error& error) {
  fmt::print(stderr, "millrace: {}\n", error.message);
  return 1;
}

std::string size_text(const BackupSize& size) {
  return fmt::format("{} files, {:.1f} MB", size.files, static_cast<double>(size.bytes) / 1e6);
}

Result<BackupSize> wait_for_backup(const client::Endpoint& endpoint) {
  constexpr auto pause = std::chrono::milliseconds(100);
  for (;;) {
    TRY_ASSIGN(const std::string answer, call_server(endpoint, "DescribeBackup", "{}"));
    simdjson::dom::parser parser;
    simdjson::dom::element backup;
    std::string_view state;
    if (parser.parse(answer).get(backup) || backup["State"].get(state)) {
      return fail(ErrorKind::internal, "the server's answer tells of no backup: {}", answer);
    }
    if (state == "failed") {
      std::string_view reason;
      if (backup["Reason"].get(reason)) reason = "the server does not say why it failed";
      return fail(ErrorKind::unavailable, "{}", reason);
    }
    if (state == "finished") {
      BackupSize size;
      if (backup["Files"].get(size.files) || backup["Bytes"].get(size.bytes)) break;
      return size;
    }
    if (state != "running") return fail(ErrorKind::unavailable, "the server has started anew, without a backup");
    std::this_thread::sleep_for(pause);
  }
  return fail(ErrorKind::internal, "the server's answer does not say how large the backup is");
}

}  // namespace

int run_backup(const BackupOptions& options) {
  // The server writes it, so it gets the whole path.
  const std::string directory = std::filesystem::absolute(options.directory).lexically_normal().string();
  std::string body = "{\"Directory\":";
  base::append_json_string(body, directory);
  body += '}';
  if (auto started = call_server(options.endpoint, "StartBackup", body); !started) return refuse(started.error());
  fmt::print(stderr, "millrace: the server writes a backup to {}\n", directory);
  const auto size = wait_for_backup(options.endpoint);
  if (!size) return refuse(size.error());
  fmt::print(stderr, "millrace: {}; `millrace restore {} --data DIR` makes a data directory of it\n", size_text(*size),
             directory);
  return 0;
}

int run_restore(const RestoreOptions& options) {
  const auto size = restore_backup(options.directory, options.data);
  if (!size) return refuse(size.error());
  fmt::print(stderr, "millrace: {}; `millrace serve --data {}` serves them\n", size_text(*size), options.data);
  return 0;
}

}  // namespace millrace::app
