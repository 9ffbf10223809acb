// Goal: a function's process is started, fed, timed, restarted and ended as Lambda's runtime API promises.
// Method: real processes (this program, started again as a function) against a worker on a real reactor.

#include "function/worker.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <thread>

#include "function/test_function.h"
#include "http/client.h"

namespace millrace::function {
namespace {

class NumberedKeys final : public AccessKeys {
 public:
  Result<Key> issue() override {
    const std::string number = std::to_string(++issued);
    good.insert("key-" + number);
    return Key{"key-" + number, "secret-" + number};
  }
  void revoke(std::string_view id) override { good.erase(std::string(id)); }

  int issued = 0;
  std::set<std::string> good;
};

class WorkerTest : public testing::Test {
 protected:
  WorkerTest() {
    directory_ = testing::TempDir() + "/millrace-worker-" + std::to_string(::getpid()) + "-" +
                 testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::create_directories(directory_);
    reactor_ = std::move(http::Reactor::make().value());
    thread_ = std::thread([this] { reactor_->run(); });
  }
  ~WorkerTest() override {
    on_reactor([this] {
      if (worker_) worker_->stop();
      worker_.reset();
    });
    reactor_->stop();
    thread_.join();
    std::filesystem::remove_all(directory_);
  }

  void given_function(std::vector<std::string> command, int64_t timeout_ms = 10'000) {
    environment_.reactor = reactor_.get();
    environment_.clock = &base::system_clock();
    environment_.region = "eu-west-1";
    environment_.endpoint_url = "http://127.0.0.1:4566";
    environment_.access_keys = &keys_;
    environment_.log_directory = directory_;
    FunctionDefinition definition;
    definition.name = "tested";
    definition.command = std::move(command);
    definition.environment = {{"OWN", "mine"}};
    definition.timeout_ms = timeout_ms;
    definition.log_invocations = log_invocations_;
    worker_ = std::make_shared<Worker>(environment_, definition);
    on_reactor([this] { worker_->start(); });
  }

  std::string marker() const { return directory_ + "/marker"; }

  // Runs on the reactor's thread and waits for it.
  void on_reactor(std::function<void()> task) {
    bool done = false;
    reactor_->post([&] {
      task();
      const std::lock_guard lock(mutex_);
      done = true;
      changed_.notify_all();
    });
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return done; });
  }

  struct Answer {
    bool succeeded = false;
    std::string body;
    std::string error;
  };
  Answer invoke(std::string event = R"({"Records":[]})") {
    std::optional<Answer> answer;
    reactor_->post([&, event] {
      worker_->invoke(event, worker_, [&](const Outcome& outcome) {
        const std::lock_guard lock(mutex_);
        answer = Answer{outcome.succeeded, std::string(outcome.body), outcome.error};
        changed_.notify_all();
      });
    });
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, std::chrono::seconds(20), [&] { return answer.has_value(); })) {
      ADD_FAILURE() << "no answer";
      std::abort();  // the callback refers to this frame
    }
    return *answer;
  }

  // Waits until the function has printed that line; answers all that it printed.
  std::string printed(const std::string& expected) {
    std::string all;
    for (int i = 0; i < 1'000 && all.find(expected) == std::string::npos; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      std::ifstream file(directory_ + "/tested.log");
      std::stringstream text;
      text << file.rdbuf();
      all = text.str();
    }
    EXPECT_NE(all.find(expected), std::string::npos) << all;
    return all;
  }

  template <class Condition>
  void wait_until(Condition condition) {
    for (int i = 0; i < 2'000 && !condition(worker_->status()); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    EXPECT_TRUE(condition(worker_->status())) << worker_->status().state << " " << worker_->status().last_error;
  }

  std::string directory_;
  bool log_invocations_ = false;
  NumberedKeys keys_;  // the reactor's
  Functions::Environment environment_;
  std::unique_ptr<http::Reactor> reactor_;
  std::thread thread_;
  std::shared_ptr<Worker> worker_;
  std::mutex mutex_;
  std::condition_variable changed_;
};

TEST_F(WorkerTest, invokes_a_process_that_stays_warm) {
  given_function(test_function("count"));
  EXPECT_EQ(invoke().body, R"({"effects":[]})");
  const int process = worker_->status().process_id;
  EXPECT_TRUE(invoke().succeeded);
  EXPECT_EQ(worker_->status().process_id, process);
  EXPECT_EQ(worker_->status().invocations, 2U);
  EXPECT_EQ(worker_->status().restarts, 0U);
}

TEST_F(WorkerTest, gives_the_process_the_environment_of_lambda_and_nothing_of_its_own) {
  ::setenv("SECRET", "of the server", 1);
  given_function(test_function("show-environment"));
  EXPECT_TRUE(invoke().succeeded);
  const std::string lines = printed("SECRET=none");
  for (const char* const line :
       {"AWS_LAMBDA_FUNCTION_NAME=tested\n", "AWS_REGION=eu-west-1\n", "AWS_ENDPOINT_URL=http://127.0.0.1:4566\n",
        "AWS_ACCESS_KEY_ID=key-1\n", "AWS_SECRET_ACCESS_KEY=secret-1\n", "AWS_SESSION_TOKEN=of-key-1\n",
        "AWS_EXECUTION_ENV=AWS_Lambda_provided.al2023\n", "LAMBDA_RUNTIME_DIR=/var/runtime\n",
        "_HANDLER=show-environment\n", "OWN=mine\n"}) {
    EXPECT_NE(lines.find(line), std::string::npos) << line << lines;
  }
  EXPECT_NE(lines.find("LAMBDA_TASK_ROOT=" + std::filesystem::current_path().string() + "\n"), std::string::npos)
      << lines;
  EXPECT_EQ(lines.find("no header"), std::string::npos);
}

TEST_F(WorkerTest, each_process_has_an_access_key_of_its_own_that_ends_with_it) {
  const auto good = [this] {
    std::set<std::string> now;
    on_reactor([&] { now = keys_.good; });
    return now;
  };
  given_function(test_function("die-once", {marker()}));
  EXPECT_EQ(good(), std::set<std::string>{"key-1"});
  EXPECT_FALSE(invoke().succeeded);
  EXPECT_TRUE(invoke().succeeded);
  EXPECT_EQ(good(), std::set<std::string>{"key-2"});
  on_reactor([this] { worker_->stop(); });
  EXPECT_TRUE(good().empty());
  given_function({"/no/such/program"});
  wait_until([](const FunctionStatus& status) { return status.state == failing; });
  EXPECT_LE(good().size(), 1U);
}

TEST_F(WorkerTest, an_event_whose_caller_is_gone_is_dropped) {
  given_function(test_function("count"));
  on_reactor([this] {
    const auto caller = std::make_shared<int>();
    worker_->invoke("{}", worker_, [](const Outcome&) {});
    worker_->invoke("{}", caller, [](const Outcome&) { ADD_FAILURE(); });
  });
  EXPECT_TRUE(invoke().succeeded);
  EXPECT_EQ(worker_->status().invocations, 2U);
}

TEST_F(WorkerTest, reports_the_error_that_a_function_answers) {
  given_function(test_function("fail"));
  const Answer answer = invoke();
  EXPECT_FALSE(answer.succeeded);
  EXPECT_EQ(answer.error, "Test.Error: no \"way\"");
  EXPECT_EQ(worker_->status().errors, 1U);
  EXPECT_EQ(worker_->status().restarts, 0U);
}

TEST_F(WorkerTest, a_process_that_is_killed_fails_its_invocation_and_comes_back) {
  given_function(test_function("die-once", {marker()}));
  const Answer first = invoke();
  EXPECT_FALSE(first.succeeded);
  EXPECT_EQ(first.error, "Runtime.ExitError: the process ended: signal 9 (Killed)");
  EXPECT_TRUE(invoke().succeeded);
  EXPECT_EQ(worker_->status().restarts, 1U);
}

TEST_F(WorkerTest, a_process_that_is_killed_while_it_waits_comes_back) {
  given_function(test_function("count"));
  EXPECT_TRUE(invoke().succeeded);
  const int process = worker_->status().process_id;
  ::kill(process, SIGKILL);
  wait_until([&](const FunctionStatus& status) { return status.state == "ready" && status.process_id != process; });
  EXPECT_TRUE(invoke().succeeded);
}

TEST_F(WorkerTest, an_invocation_that_takes_too_long_fails_and_costs_the_process_its_life) {
  given_function(test_function("sleep-once", {marker()}), 200);
  const Answer first = invoke();
  EXPECT_FALSE(first.succeeded);
  EXPECT_EQ(first.error, "Sandbox.Timedout: Task timed out after 0.20 seconds");
  EXPECT_TRUE(invoke().succeeded);
  EXPECT_EQ(worker_->status().restarts, 1U);
}

TEST_F(WorkerTest, a_process_that_answers_and_never_asks_again_is_replaced) {
  given_function(test_function("answer-and-hang-once", {marker()}), 1'000);
  EXPECT_TRUE(invoke().succeeded);
  EXPECT_TRUE(invoke().succeeded);
  EXPECT_EQ(worker_->status().restarts, 1U);
  EXPECT_EQ(worker_->status().last_error, "it did not ask for an event within 1.00 seconds");
}

TEST_F(WorkerTest, a_second_answer_and_an_unknown_invocation_are_refused) {
  given_function(test_function("answer-twice"));
  EXPECT_EQ(invoke().body, "null");
  const std::string lines = printed("second");
  EXPECT_NE(lines.find("unknown 400\nfirst 202\nsecond 403\n"), std::string::npos) << lines;
}

TEST_F(WorkerTest, an_answer_over_the_limit_is_refused) {
  given_function(test_function("answer-too-much"));
  const Answer answer = invoke();
  EXPECT_FALSE(answer.succeeded);
  EXPECT_NE(answer.error.find("Function.ResponseSizeTooLarge"), std::string::npos) << answer.error;
  printed("large 413");
}

TEST_F(WorkerTest, a_function_that_asks_for_the_next_event_without_an_answer_has_failed) {
  given_function(test_function("keep-silent"));
  EXPECT_NE(invoke().error.find("Runtime.NoAnswer"), std::string::npos);
}

TEST_F(WorkerTest, a_function_that_cannot_initialise_is_started_again_and_again) {
  given_function(test_function("cannot-start"));
  wait_until([](const FunctionStatus& status) { return status.restarts >= 2; });
}

TEST_F(WorkerTest, a_program_that_does_not_exist_is_said_so) {
  given_function({"/no/such/program"});
  wait_until([](const FunctionStatus& status) {
    return status.last_error.find("cannot execute `/no/such/program`") != std::string::npos;
  });
  EXPECT_EQ(worker_->status().state, failing);
}

TEST_F(WorkerTest, a_process_that_ends_at_once_is_failing_and_what_it_printed_is_said) {
  given_function({"/bin/sh", "-c", "echo starting; echo no such module >&2; exit 7"});
  wait_until([](const FunctionStatus& status) { return status.state == failing && status.restarts >= 3; });
  EXPECT_EQ(worker_->status().last_error,
            "Runtime.ExitError: the process ended: exit status 7, before it asked for an event; it printed: starting\n"
            "no such module");
}

TEST_F(WorkerTest, a_bad_interpreter_is_said_so) {
  std::ofstream(marker()) << "#!/no/such/interpreter\n";
  std::filesystem::permissions(marker(), std::filesystem::perms::owner_all);
  given_function({marker()});
  wait_until([](const FunctionStatus& status) {
    return status.state == failing && status.last_error.find("cannot execute") != std::string::npos;
  });
}

TEST_F(WorkerTest, a_function_that_fails_no_more_is_ready) {
  given_function(
      {"/bin/sh", "-c",
       "[ -e " + marker() + " ] || exit 1; exec /proc/" + std::to_string(::getpid()) + "/exe --function count"});
  wait_until([](const FunctionStatus& status) { return status.state == failing; });
  std::ofstream(marker()) << "";
  wait_until([](const FunctionStatus& status) { return status.state == "ready"; });
  EXPECT_TRUE(invoke().succeeded);
}

TEST_F(WorkerTest, its_log_tells_of_each_invocation_as_lambdas_does) {
  log_invocations_ = true;
  given_function(test_function("show-environment"));
  EXPECT_TRUE(invoke().succeeded);
  const std::string lines = printed("REPORT ");
  const std::string id = "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}";
  EXPECT_TRUE(std::regex_search(
      lines, std::regex("^START RequestId: (" + id +
                        ") Version: \\$LATEST\n(.*\n)+SECRET=.*\nEND RequestId: \\1\n"
                        "REPORT RequestId: \\1\tDuration: [0-9]+\\.[0-9]{2} ms\tBilled Duration: [0-9]+ ms\t"
                        "Memory Size: 1024 MB\tMax Memory Used: [1-9][0-9]* MB\tInit Duration: [0-9.]+ ms\t\n$")))
      << lines;
}

TEST_F(WorkerTest, its_log_tells_why_an_invocation_failed) {
  log_invocations_ = true;
  given_function(test_function("sleep-once", {marker()}), 200);
  EXPECT_FALSE(invoke().succeeded);
  std::string lines = printed("Status: timeout");
  EXPECT_NE(lines.find(" Error: Sandbox.Timedout: Task timed out after 0.20 seconds\nEND "), std::string::npos)
      << lines;
  EXPECT_TRUE(invoke().succeeded);
}

TEST_F(WorkerTest, what_a_function_prints_is_bounded) {
  given_function(test_function("shout"));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(invoke().body, "\"done\"");
  on_reactor([this] { worker_->stop(); });
  uintmax_t bytes = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory_)) bytes += entry.file_size();
  EXPECT_GT(bytes, uintmax_t{4} << 20);
  EXPECT_LE(bytes, 2 * OutputFile::output_bytes_max);
}

// Official clients keep only host and port of the runtime API's address, which everybody can find.
TEST_F(WorkerTest, a_foreign_process_gets_no_event_and_answers_none) {
  given_function(test_function("answer-when-told", {marker()}));
  printed("127.0.0.1:");  // the function's address, in its log
  std::ifstream log(directory_ + "/tested.log");
  std::string address;
  std::getline(log, address);
  const auto port = static_cast<uint16_t>(std::stoi(address.substr(address.find(':') + 1)));
  http::Client foreign("127.0.0.1", port, 1'000);
  EXPECT_FALSE(foreign.request("GET", "/2018-06-01/runtime/invocation/next", {}, ""));
  std::thread asks([&] { EXPECT_EQ(invoke().body, "\"its own\""); });
  // The id of the invocation is known to the foreigner, too.
  const std::string lines = printed("id ");
  const std::string id = lines.substr(lines.find("id ") + 3, 36);
  EXPECT_FALSE(foreign.request("POST", "/2018-06-01/runtime/invocation/" + id + "/response", {}, "\"stolen\""));
  std::ofstream(marker()) << "";
  asks.join();
}

// As a wrapper in shell and a runtime that calls curl have it.
TEST_F(WorkerTest, the_children_of_a_function_are_served) {
  const std::string self = "/proc/" + std::to_string(::getpid()) + "/exe";
  given_function({"/bin/sh", "-c", self + " --function count; true"});
  EXPECT_TRUE(invoke().succeeded);
  // One that has left the group and the session, and whose parent is gone.
  on_reactor([this] { worker_->stop(); });
  given_function({"/bin/sh", "-c", "(setsid " + self + " --function count &); sleep 1000"});
  EXPECT_TRUE(invoke().succeeded);
}

TEST_F(WorkerTest, stop_ends_the_process) {
  given_function(test_function("count"));
  EXPECT_TRUE(invoke().succeeded);
  const int process = worker_->status().process_id;
  EXPECT_EQ(::kill(process, 0), 0);
  on_reactor([this] { worker_->stop(); });
  EXPECT_NE(::kill(process, 0), 0);
}

// With control groups, where they may be made, and without.
class Daemons : public WorkerTest, public testing::WithParamInterface<bool> {
 protected:
  void SetUp() override { environment_.control_groups = GetParam(); }

  // A function that starts one process that has left its group and session, and one whose parent is gone, too.
  std::vector<std::string> with_daemons(const std::string& kind) const {
    const std::string self = "/proc/" + std::to_string(::getpid()) + "/exe";
    return {"/bin/sh", "-c",
            "setsid sleep 987 & echo $! > " + marker() + ".1; (setsid sh -c 'echo $$ > " + marker() +
                ".2; exec sleep 986' &); while ! [ -s " + marker() + ".2 ]; do sleep 0.01; done; exec " + self +
                " --function " + kind + " " + marker()};
  }
  std::vector<int> daemons() const {
    std::vector<int> all(2);
    std::ifstream(marker() + ".1") >> all[0];
    std::ifstream(marker() + ".2") >> all[1];
    return all;
  }
  static void expect_gone(const std::vector<int>& processes) {
    for (const int process : processes) {
      ASSERT_GT(process, 1);
      for (int i = 0; i < 4'000 && ::kill(process, 0) == 0; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
      }
      EXPECT_NE(::kill(process, 0), 0) << process;
    }
  }
};

TEST_P(Daemons, end_when_the_worker_stops) {
  given_function(with_daemons("count"));
  EXPECT_TRUE(invoke().succeeded);
  const auto all = daemons();
  for (const int process : all) EXPECT_EQ(::kill(process, 0), 0);
  on_reactor([this] { worker_->stop(); });
  expect_gone(all);
}

TEST_P(Daemons, end_with_a_function_that_takes_too_long) {
  given_function(with_daemons("sleep-once"), 200);
  EXPECT_FALSE(invoke().succeeded);
  expect_gone(daemons());
}

TEST_P(Daemons, end_with_a_function_that_dies_by_itself) {
  given_function(with_daemons("die-once"));
  EXPECT_FALSE(invoke().succeeded);
  expect_gone(daemons());
}

TEST_P(Daemons, that_drop_their_environment_end_too_where_there_are_control_groups) {
  if (!GetParam() || !ControlGroup::make(directory_, "tried")) GTEST_SKIP() << "no control group may be made here";
  given_function({"/bin/sh", "-c",
                  "env -i setsid sh -c 'echo $$ > " + marker() + ".1; exec sleep 984' & while ! [ -s " + marker() +
                      ".1 ]; do sleep 0.01; done; exec /proc/" + std::to_string(::getpid()) +
                      "/exe --function die-once " + marker()});
  EXPECT_FALSE(invoke().succeeded);
  expect_gone({daemons()[0]});
}

// A child of this process that is no function's: the program that became a server by exec may have left some.
TEST_P(Daemons, are_told_from_the_children_of_others) {
  const pid_t other = ::fork();
  if (other == 0) ::execl("/bin/sleep", "sleep", "985", nullptr);
  given_function(test_function("die-once", {marker()}));
  EXPECT_FALSE(invoke().succeeded);
  EXPECT_TRUE(invoke().succeeded);
  EXPECT_EQ(::kill(other, SIGKILL), 0);
  EXPECT_EQ(::waitpid(other, nullptr, 0), other);
}

INSTANTIATE_TEST_SUITE_P(control_groups, Daemons, testing::Bool(), testing::PrintToStringParamName());

// The thread that started the process stands for the server: when it is gone, however that came, so is the process.
TEST_F(WorkerTest, the_process_does_not_outlive_the_server) {
  auto reactor = std::move(http::Reactor::make().value());
  std::unique_ptr<Process> process;
  std::thread([&] {
    const Process::Command command{{"/bin/sleep", "1000"}, {}};
    process = std::move(Process::start(*reactor, command, {[](auto) {}, [](auto) {}}).value());
    EXPECT_EQ(::kill(process->id(), 0), 0);
  }).join();
  siginfo_t how{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(process->id()), &how, WEXITED | WNOWAIT), 0);
  EXPECT_EQ(how.si_status, SIGKILL);
}

}  // namespace
}  // namespace millrace::function
