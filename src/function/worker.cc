#include "function/worker.h"

#include <simdjson.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <utility>

#include "base/json_string.h"
#include "function/error_text.h"
#include "function/process_tree.h"
#include "table/item_json.h"

namespace millrace::function {

namespace {

constexpr std::string_view json_type = "application/json";
constexpr std::string_view api_root = "/2018-06-01/runtime/";

http::Response accepted() {
  return {.status = 202, .content_type = json_type, .headers = {}, .body = "{\"status\":\"OK\"}\n"};
}

http::Response refused(int status, std::string_view type, std::string_view message) {
  std::string body = R"({"errorMessage":)";
  base::append_json_string(body, message);
  body += R"(,"errorType":)";
  base::append_json_string(body, type);
  body += '}';
  return {.status = status, .content_type = json_type, .headers = {}, .body = std::move(body)};
}

// "Type: message" out of {"errorType": ..., "errorMessage": ...}; what is no such JSON is given as it is.
std::string describe_error(std::string_view body) {
  simdjson::ondemand::parser parser;
  std::string type;
  std::string message;
  simdjson::ondemand::document document;
  simdjson::ondemand::object object;
  if (!parser.iterate(body.data(), body.size(), body.size() + simdjson::SIMDJSON_PADDING).get(document) &&
      !document.get_object().get(object)) {
    for (auto field : object) {
      std::string_view key;
      std::string_view value;
      if (field.unescaped_key().get(key)) break;
      const bool is_type = key == "errorType";
      if (!is_type && key != "errorMessage") continue;
      if (field.value().get_string().get(value)) continue;
      (is_type ? type : message) = readable(value);
    }
  }
  if (type.empty() && message.empty()) return fmt::format("the function failed: {}", readable(body));
  return type.empty() ? message : fmt::format("{}: {}", type, message);
}

// The most that it has had; 0: not known.
int memory_used_mb(pid_t process) {
  std::ifstream status(fmt::format("/proc/{}/status", process));
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return (std::atoi(line.c_str() + std::strlen("VmHWM:")) + 1'023) / 1'024;
  }
  return 0;
}

}  // namespace

Worker::Worker(const Functions::Environment& environment, FunctionDefinition definition)
    : environment_(environment),
      definition_(std::move(definition)),
      output_(environment.log_directory.empty() ? "" : environment.log_directory + "/" + definition_.name + ".log"),
      random_(std::random_device()()) {
  status_.name = definition_.name;
  status_.state = "starting";
}

void Worker::start() {
  if (environment_.control_groups && !environment_.log_directory.empty()) {
    group_ = ControlGroup::make(environment_.log_directory, definition_.name);
  }
  if (group_) {
    std::set<pid_t> left_by_an_earlier_server;
    group_->kill(left_by_an_earlier_server);
    if (!left_by_an_earlier_server.empty()) {
      spdlog::warn("function {}: ended {} processes that an earlier server has left", definition_.name,
                   left_by_an_earlier_server.size());
    }
  }
  start_process();
}

void Worker::stop() {
  stopped_ = true;
  if (running_ && running_->timer != 0) environment_.reactor->cancel(running_->timer);
  environment_.reactor->cancel(start_timer_);
  stop_expecting_request();
  waiting_.clear();
  running_.reset();
  server_.reset();
  idle_.reset();
  process_.reset();
  group_.reset();
  revoke_access_key();
  const std::lock_guard lock(status_mutex_);
  status_.process_id = 0;
}

void Worker::invoke(std::string event, std::weak_ptr<const void> caller, std::function<void(const Outcome&)> done) {
  drop_unwanted();
  waiting_.push_back({std::move(event), std::move(caller), std::move(done)});
  deliver();
}

void Worker::restart(std::string_view reason) {
  if (process_ == nullptr || condemned_ || stopped_) return;
  spdlog::warn("function {}: restarted: {}", definition_.name, reason);
  condemned_ = true;
  idle_.reset();
  set_state("restarting");
  process_->kill();
}

FunctionStatus Worker::status() const {
  const std::lock_guard lock(status_mutex_);
  return status_;
}

void Worker::set_state(std::string_view state) {
  const std::lock_guard lock(status_mutex_);
  status_.state = state;
}

void Worker::start_process() {
  start_timer_ = 0;
  if (const auto started = try_start_process(); !started) {
    spdlog::error("function {}: {}", definition_.name, started.error().message);
    {
      const std::lock_guard lock(status_mutex_);
      status_.last_error = started.error().message;
    }
    server_.reset();
    revoke_access_key();
    schedule_start();
  }
}

Result<void> Worker::try_start_process() {
  if (status().state != failing) set_state("starting");
  condemned_ = false;
  initialised_ = false;
  process_started_ns_ = environment_.clock->monotonic_ns();
  first_output_.clear();
  http::ServerLimits limits;
  limits.body_bytes_max = payload_bytes_max;
  // Between an event and its answer the connection is idle.
  limits.idle_ms_max = std::max(definition_.timeout_ms, initialisation_ms_max) + 60'000;
  limits.refusal = [this](int status, std::string_view reason) {
    if (status != 413) return refused(status, "InvalidRequest", reason);
    const std::string message = fmt::format("Exceeded maximum allowed payload size ({} bytes).", payload_bytes_max);
    // The connection answers this one: what follows happens when it has.
    environment_.reactor->post([weak = weak_from_this(), message] {
      const auto self = weak.lock();
      if (!self || !self->running_) return;
      self->fail_running("Function.ResponseSizeTooLarge: " + message);
      self->expect_request(self->definition_.timeout_ms);
    });
    return refused(413, "RequestEntityTooLarge", message);
  };
  limits.admit = [this](std::string_view peer) { return admit(peer); };
  TRY_ASSIGN(
      server_,
      http::Server::listen(
          *environment_.reactor, "127.0.0.1", 0,
          [this](const http::Request& request, http::Reply reply) { handle(request, std::move(reply)); }, limits));
  Process::Events events;
  events.printed = [this](std::string_view output) { printed(output); };
  events.ended = [weak = weak_from_this()](const std::string& how) {
    if (const auto self = weak.lock()) self->process_ended(how);
  };
  if (environment_.access_keys != nullptr) {
    TRY_ASSIGN(access_key_, environment_.access_keys->issue());
  }
  TRY_ASSIGN(process_, Process::start(*environment_.reactor, command(), std::move(events)));
  expect_request(initialisation_ms_max);
  const std::lock_guard lock(status_mutex_);
  status_.process_id = process_->id();
  return {};
}

// Runtime clients keep nothing of the address but host and port, so it can hold no secret: who asks is looked at
// instead.
bool Worker::admit(std::string_view peer) {
  if (process_ && holds_connection(process_->id(), peer, server_->port())) return true;
  if (std::has_single_bit(++refused_connections_)) {  // less and less often
    spdlog::warn("function {}: refused a connection from {}: it is none of the function's processes ({} so far)",
                 definition_.name, peer, refused_connections_);
  }
  return false;
}

// https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
Process::Command Worker::command() const {
  Process::Command command;
  command.words = definition_.command;
  std::map<std::string, std::string>& variables = command.environment;
  variables = {
      {"AWS_LAMBDA_RUNTIME_API", fmt::format("127.0.0.1:{}", server_->port())},
      {"AWS_LAMBDA_FUNCTION_NAME", definition_.name},
      {"AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"},
      {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE", std::to_string(memory_mb)},
      {"AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/" + definition_.name},
      {"AWS_LAMBDA_LOG_STREAM_NAME", definition_.name + ".log"},
      {"AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"},
      // As Lambda names a program that brings its own runtime.
      {"AWS_EXECUTION_ENV", "AWS_Lambda_provided.al2023"},
      {"LAMBDA_RUNTIME_DIR", "/var/runtime"},
      {"AWS_REGION", environment_.region},
      {"AWS_DEFAULT_REGION", environment_.region},
      {"AWS_ENDPOINT_URL", environment_.endpoint_url},
      {"_HANDLER", definition_.command.back()},
      {"TZ", ":UTC"},
  };
  if (access_key_) {
    variables.emplace("AWS_ACCESS_KEY_ID", access_key_->id);
    variables.emplace("AWS_SECRET_ACCESS_KEY", access_key_->secret);
    // Code that signs by itself asks for one; it goes with the key and is not checked.
    variables.emplace("AWS_SESSION_TOKEN", "of-" + access_key_->id);
  }
  std::error_code error;
  variables.emplace("LAMBDA_TASK_ROOT", std::filesystem::current_path(error).string());
  for (const char* const name : {"PATH", "HOME", "LANG", "LD_LIBRARY_PATH", "TMPDIR"}) {
    if (const char* const value = std::getenv(name)) variables.emplace(name, value);
  }
  for (const auto& [name, value] : definition_.environment) variables[name] = value;
  command.mark = "AWS_LAMBDA_RUNTIME_API=" + variables.at("AWS_LAMBDA_RUNTIME_API");
  command.group = group_.get();
  return command;
}

void Worker::revoke_access_key() {
  if (access_key_) environment_.access_keys->revoke(access_key_->id);
  access_key_.reset();
}

void Worker::printed(std::string_view output) {
  output_.write(output);
  if (initialised_) return;
  first_output_ += output.substr(output.size() - std::min(output.size(), output_kept_bytes_max));
  if (first_output_.size() > output_kept_bytes_max) {
    first_output_.erase(0, first_output_.size() - output_kept_bytes_max);
  }
}

void Worker::process_ended(std::string_view how) {
  std::string error = fmt::format("Runtime.ExitError: the process ended: {}", how);
  if (!initialised_) {
    error += ", before it asked for an event";
    while (first_output_.ends_with('\n')) first_output_.pop_back();
    if (!first_output_.empty()) error += "; it printed: " + readable(first_output_);
  }
  spdlog::warn("function {}: {}", definition_.name, error);
  stop_expecting_request();
  server_.reset();
  idle_.reset();
  process_.reset();
  revoke_access_key();
  {
    const std::lock_guard lock(status_mutex_);
    status_.process_id = 0;
    if (!condemned_) status_.last_error = error;
    ++status_.restarts;
  }
  schedule_start();
  fail_running(error);
}

void Worker::schedule_start() {
  set_state(initialised_ ? "restarting" : failing);
  // At once after a useful life, else 50 ms, 100 ms, 200 ms and so on.
  const int64_t pause_ms =
      fruitless_starts_ == 0 ? 0 : std::min(restart_pause_ms_max, int64_t{25} << std::min(fruitless_starts_, 10));
  ++fruitless_starts_;
  start_timer_ = environment_.reactor->after_ms(pause_ms, [this] { start_process(); });
}

void Worker::handle(const http::Request& request, http::Reply reply) {
  if (condemned_) return reply.send(refused(403, "InvalidStateTransition", "the function is being restarted"));
  std::string_view path = request.path;
  if (!path.starts_with(api_root)) return reply.send(refused(404, "NotFound", "no such path"));
  path.remove_prefix(api_root.size());
  if (path == "invocation/next") {
    if (request.method != "GET") return reply.send(refused(405, "MethodNotAllowed", "use GET"));
    return on_next(std::move(reply));
  }
  if (request.method != "POST") return reply.send(refused(405, "MethodNotAllowed", "use POST"));
  if (path == "init/error") return on_initialisation_error(request, std::move(reply));
  constexpr std::string_view invocation = "invocation/";
  if (path.starts_with(invocation)) {
    path.remove_prefix(invocation.size());
    const size_t slash = path.find('/');
    const std::string_view id = path.substr(0, slash);
    const std::string_view what = slash == std::string_view::npos ? "" : path.substr(slash + 1);
    if (what == "response") return on_answer(id, false, request, std::move(reply));
    if (what == "error") return on_answer(id, true, request, std::move(reply));
  }
  reply.send(refused(404, "NotFound", "no such path"));
}

void Worker::on_next(http::Reply reply) {
  stop_expecting_request();
  if (idle_) {
    http::Reply older = std::move(*idle_);
    idle_.reset();
    older.send(refused(403, "InvalidStateTransition", "another request waits for the next event"));
  }
  idle_ = std::move(reply);
  if (!initialised_) {
    initialisation_ms_ = static_cast<double>(environment_.clock->monotonic_ns() - process_started_ns_) / 1e6;
  }
  initialised_ = true;
  set_state("ready");
  if (running_) fail_running("Runtime.NoAnswer: the function asked for the next event without answering the last");
  deliver();
}

void Worker::expect_request(int64_t within_ms) {
  stop_expecting_request();
  request_timer_ = environment_.reactor->after_ms(within_ms, [this, within_ms] {
    request_timer_ = 0;
    const std::string error =
        fmt::format("it did not ask for an event within {:.2f} seconds", static_cast<double>(within_ms) / 1000);
    {
      const std::lock_guard lock(status_mutex_);
      status_.last_error = error;
    }
    restart(error);
  });
}

void Worker::stop_expecting_request() {
  environment_.reactor->cancel(request_timer_);
  request_timer_ = 0;
}

void Worker::drop_unwanted() {
  std::erase_if(waiting_, [](const Waiting& waiting) { return waiting.caller.expired(); });
}

void Worker::deliver() {
  drop_unwanted();
  if (running_ || !idle_ || waiting_.empty()) return;
  http::Reply reply = std::move(*idle_);
  idle_.reset();
  if (reply.client_gone()) return expect_request(initialisation_ms_max);
  Waiting next = std::move(waiting_.front());
  waiting_.pop_front();
  running_ = Running{make_request_id(), std::move(next.done), 0, environment_.clock->monotonic_ns(),
                     std::exchange(initialisation_ms_, 0)};
  if (definition_.log_invocations) output_.write(fmt::format("START RequestId: {} Version: $LATEST\n", running_->id));
  running_->timer = environment_.reactor->after_ms(definition_.timeout_ms, [this] {
    running_->timer = 0;
    const double seconds = static_cast<double>(definition_.timeout_ms) / 1000;
    const std::string error = fmt::format("Sandbox.Timedout: Task timed out after {:.2f} seconds", seconds);
    restart(error);
    fail_running(error);
  });
  {
    const std::lock_guard lock(status_mutex_);
    status_.state = "busy";
    ++status_.invocations;
  }
  const int64_t now_ms = environment_.clock->now().value;
  http::Response response;
  response.content_type = json_type;
  response.headers = {
      {"Lambda-Runtime-Aws-Request-Id", running_->id},
      {"Lambda-Runtime-Deadline-Ms", std::to_string(now_ms + definition_.timeout_ms)},
      {"Lambda-Runtime-Invoked-Function-Arn",
       fmt::format("arn:aws:lambda:{}:000000000000:function:{}", environment_.region, definition_.name)},
      {"Lambda-Runtime-Trace-Id",
       fmt::format("Root=1-{:08x}-{:024x};Parent={:016x};Sampled=0", now_ms / 1000, random_() >> 1, random_())},
  };
  response.body = std::move(next.event);
  reply.send(std::move(response));
}

void Worker::on_answer(std::string_view id, bool is_error, const http::Request& request, http::Reply reply) {
  if (!running_ || running_->id != id) {
    if (id == last_answered_) {
      return reply.send(refused(403, "InvalidStateTransition", "State transition is not allowed"));
    }
    return reply.send(refused(400, "InvalidRequestID", "Invalid request ID"));
  }
  last_answered_ = id;
  if (!is_error) {
    fruitless_starts_ = 0;
    finish({.succeeded = true, .body = request.body, .error = {}, .took_ms = 0});
  } else {
    std::string error = describe_error(request.body);
    if (request.body.empty()) error = readable(request.header("lambda-runtime-function-error-type"));
    finish({.succeeded = false, .body = {}, .error = std::move(error), .took_ms = 0});
  }
  reply.send(accepted());
  // What it was asked for is done, yet who does not come back holds up all that wait.
  expect_request(definition_.timeout_ms);
}

void Worker::on_initialisation_error(const http::Request& request, http::Reply reply) {
  const std::string error = describe_error(request.body);
  {
    const std::lock_guard lock(status_mutex_);
    status_.last_error = error;
    ++status_.errors;
  }
  reply.send(accepted());
  restart("it could not initialise: " + error);
}

void Worker::fail_running(std::string error) {
  if (running_) finish({.succeeded = false, .body = {}, .error = std::move(error), .took_ms = 0});
}

void Worker::finish(Outcome outcome) {
  Running running = std::move(*running_);
  running_.reset();
  if (running.timer != 0) environment_.reactor->cancel(running.timer);
  outcome.took_ms = static_cast<double>(environment_.clock->monotonic_ns() - running.started_ns) / 1e6;
  if (definition_.log_invocations) log_end(running, outcome);
  {
    const std::lock_guard lock(status_mutex_);
    if (!outcome.succeeded) {
      ++status_.errors;
      status_.last_error = outcome.error;
    }
    if (status_.state == "busy") status_.state = "ready";
  }
  running.done(outcome);
}

// https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html
void Worker::log_end(const Running& running, const Outcome& outcome) {
  if (process_) process_->read_output();  // so that it stands before
  std::string lines;
  const auto out = std::back_inserter(lines);
  if (!outcome.succeeded) fmt::format_to(out, "RequestId: {} Error: {}\n", running.id, outcome.error);
  fmt::format_to(out, "END RequestId: {}\n", running.id);
  fmt::format_to(out,
                 "REPORT RequestId: {}\tDuration: {:.2f} ms\tBilled Duration: {:.0f} ms\tMemory Size: {} MB\t"
                 "Max Memory Used: {} MB\t",
                 running.id, outcome.took_ms, std::ceil(outcome.took_ms), memory_mb,
                 process_ ? memory_used_mb(process_->id()) : 0);
  if (running.initialised_ms > 0) fmt::format_to(out, "Init Duration: {:.2f} ms\t", running.initialised_ms);
  if (outcome.error.starts_with("Sandbox.Timedout")) lines += "Status: timeout";
  if (outcome.error.starts_with("Runtime.ExitError")) lines += "Status: error\tError Type: Runtime.ExitError";
  lines += '\n';
  output_.write(lines);
}

std::string Worker::make_request_id() {
  const uint64_t high = random_();
  const uint64_t low = random_();
  return fmt::format("{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}", high >> 32, (high >> 16) & 0xffff, high & 0xfff,
                     0x8000 | (low >> 50), low & 0xffffffffffff);
}

}  // namespace millrace::function
