#include "function/functions.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <filesystem>
#include <future>

#include "base/file.h"
#include "function/mapping.h"
#include "function/worker.h"
#include "table/definition.h"

namespace millrace::function {

namespace {

constexpr size_t batch_records_limit = 10'000;  // as Lambda has it
constexpr std::chrono::seconds stop_wait_max{10};

bool is_name(std::string_view name) {
  constexpr size_t name_bytes_max = 64;
  return !name.empty() && name.size() <= name_bytes_max && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

template <class Definition>
Result<void> check_names(std::string_view what, const std::vector<Definition>& definitions) {
  for (size_t i = 0; i < definitions.size(); ++i) {
    const std::string& name = definitions[i].name;
    if (!is_name(name)) {
      return fail(ErrorKind::invalid_argument, "{} `{}`: a name has 1 to 64 letters, digits, - or _", what, name);
    }
    for (size_t j = 0; j < i; ++j) {
      if (definitions[j].name == name) return fail(ErrorKind::invalid_argument, "there are two {}s `{}`", what, name);
    }
  }
  return {};
}

Result<void> check_failure_table(const MappingDefinition& mapping) {
  if (mapping.on_failure_table.empty()) return {};
  if (mapping.on_failure_table == mapping.table) {
    return fail(ErrorKind::invalid_argument,
                "mapping `{}`: on_failure_table is its own source, so a failed batch would come back to it",
                mapping.name);
  }
  if (const auto good = table::check_definition(failure_table(mapping)); !good) {
    return std::unexpected(good.error().within(fmt::format("mapping `{}`: on_failure_table", mapping.name)));
  }
  return {};
}

Result<void> check(const std::vector<FunctionDefinition>& functions, const std::vector<MappingDefinition>& mappings) {
  TRY(check_names("function", functions));
  TRY(check_names("mapping", mappings));
  for (const FunctionDefinition& function : functions) {
    if (function.command.empty() || function.command.front().empty()) {
      return fail(ErrorKind::invalid_argument, "function `{}` has no command", function.name);
    }
    if (function.timeout_ms < 1 || function.timeout_ms > 900'000) {
      return fail(ErrorKind::invalid_argument, "function `{}`: timeout_ms must be 1 to 900000", function.name);
    }
  }
  for (const MappingDefinition& mapping : mappings) {
    if (std::ranges::find(functions, mapping.function, &FunctionDefinition::name) == functions.end()) {
      return fail(ErrorKind::invalid_argument, "mapping `{}`: there is no function `{}`", mapping.name,
                  mapping.function);
    }
    if (mapping.stream.empty() == mapping.table.empty()) {
      return fail(ErrorKind::invalid_argument, "mapping `{}` needs either a stream or a table", mapping.name);
    }
    TRY(check_failure_table(mapping));
    if (mapping.batch_records_max < 1 || mapping.batch_records_max > batch_records_limit) {
      return fail(ErrorKind::invalid_argument, "mapping `{}`: batch_records_max must be 1 to {}", mapping.name,
                  batch_records_limit);
    }
    if (mapping.batch_bytes_max < 1'000 || mapping.batch_bytes_max > MappingDefinition().batch_bytes_max) {
      return fail(ErrorKind::invalid_argument, "mapping `{}`: batch_bytes_max must be 1000 to {}", mapping.name,
                  MappingDefinition().batch_bytes_max);
    }
    if (mapping.batch_window_ms < 0 || mapping.batch_window_ms > 300'000 || mapping.retries_max < -1 ||
        mapping.retries_max > 10'000) {
      return fail(ErrorKind::invalid_argument,
                  "mapping `{}`: batch_window_ms must be 0 to 300000, retries_max -1 to 10000", mapping.name);
    }
  }
  return {};
}

class RunningFunctions final : public Functions {
 public:
  RunningFunctions(const Environment& environment, std::vector<FunctionDefinition> functions,
                   std::vector<MappingDefinition> mappings)
      : environment_(environment) {
    for (auto& function : functions) workers_.push_back(std::make_shared<Worker>(environment_, std::move(function)));
    for (auto& mapping : mappings) {
      const auto worker = std::ranges::find(workers_, mapping.function,
                                            [](const auto& candidate) { return candidate->definition().name; });
      mappings_.push_back(std::make_shared<Mapping>(environment_, std::move(mapping), **worker));
    }
  }
  ~RunningFunctions() override { stop(); }

  void begin() {
    on_reactor([this] {
      if (stopped_) return;
      for (const auto& worker : workers_) worker->start();
      for (const auto& mapping : mappings_) mapping->start();
    });
  }

  void stop() override {
    if (stop_called_.exchange(true)) return;
    if (environment_.reactor->on_thread()) return stop_here();
    // The tasks hold the state, should the reactor be past running them.
    auto stopped = std::make_shared<std::promise<void>>();
    environment_.reactor->post([this, alive = std::weak_ptr(alive_), stopped] {
      if (alive.lock()) stop_here();
      stopped->set_value();
    });
    if (stopped->get_future().wait_for(stop_wait_max) == std::future_status::ready) return;
    // The reactor does not run any more, so nothing runs beside us.
    alive_.reset();
    stop_here();
  }

  void sources_changed() override {
    on_reactor([this] {
      if (stopped_) return;
      for (const auto& mapping : mappings_) mapping->sources_changed();
    });
  }

  std::vector<FunctionStatus> functions() const override {
    std::vector<FunctionStatus> statuses;
    for (const auto& worker : workers_) statuses.push_back(worker->status());
    return statuses;
  }
  std::vector<MappingStatus> mappings() const override {
    std::vector<MappingStatus> statuses;
    for (const auto& mapping : mappings_) statuses.push_back(mapping->status());
    return statuses;
  }

 private:
  template <class Task>
  void on_reactor(Task task) {
    environment_.reactor->post([alive = std::weak_ptr(alive_), task] {
      if (alive.lock()) task();
    });
  }

  void stop_here() {
    stopped_ = true;
    for (const auto& mapping : mappings_) mapping->stop();
    for (const auto& worker : workers_) worker->stop();
  }

  const Environment environment_;
  std::vector<std::shared_ptr<Worker>> workers_;
  std::vector<std::shared_ptr<Mapping>> mappings_;
  bool stopped_ = false;  // the reactor's thread
  std::atomic<bool> stop_called_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace

std::vector<std::string> problems(const std::vector<FunctionStatus>& functions,
                                  const std::vector<MappingStatus>& mappings) {
  std::vector<std::string> all;
  for (const FunctionStatus& function : functions) {
    if (function.state == failing) all.push_back(fmt::format("function {}: {}", function.name, function.last_error));
  }
  for (const MappingStatus& mapping : mappings) {
    if (mapping.state != "retrying") continue;
    all.push_back(fmt::format("mapping {}: {} records wait, the oldest for {:.1f} s: {}", mapping.name,
                              mapping.lag_records, static_cast<double>(mapping.oldest_waiting_ms) / 1000,
                              mapping.last_error));
  }
  return all;
}

Result<std::unique_ptr<Functions>> Functions::start(const Environment& environment,
                                                    std::vector<FunctionDefinition> functions,
                                                    std::vector<MappingDefinition> mappings) {
  TRY(check(functions, mappings));
  for (const MappingDefinition& mapping : mappings) {
    if (mapping.retries_max >= 0 || mapping.on_failure_table.empty()) continue;
    spdlog::warn(
        "mapping {}: a batch that fails is tried again for ever, so nothing comes into {}; give `retries_max`, such as "
        "10, to have failed batches there",
        mapping.name, mapping.on_failure_table);
  }
  if (!environment.log_directory.empty()) {
    if (const auto made = base::make_directories(environment.log_directory); !made) {
      return std::unexpected(made.error().within("the directory for what functions print"));
    }
  }
  auto running = std::make_unique<RunningFunctions>(environment, std::move(functions), std::move(mappings));
  running->begin();
  return std::unique_ptr<Functions>(std::move(running));
}

}  // namespace millrace::function
