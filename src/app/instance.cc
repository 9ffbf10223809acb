#include "app/instance.h"

#include <fmt/ranges.h>
#include <spdlog/spdlog.h>
#include <sys/random.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <future>
#include <thread>

#include "api/dynamodb.h"
#include "api/dynamodb_streams.h"
#include "api/function_operations.h"
#include "api/job_operations.h"
#include "api/kinesis.h"
#include "api/sts.h"
#include "app/backup_operations.h"
#include "app/project_files.h"
#include "app/tls.h"
#include "aws/credentials.h"
#include "aws/service.h"
#include "base/address.h"
#include "base/descriptors.h"
#include "base/file.h"
#include "connector/server_io.h"
#include "engine/jobs.h"
#include "http/browser_guard.h"
#include "http/cross_origin.h"
#include "http/server.h"
#include "log/log.h"
#include "page/dashboard.h"
#include "pricing/pricing.h"
#include "store/store.h"
#include "stream/streams.h"
#include "table/table.h"

namespace millrace::app {
namespace {

constexpr int64_t housekeeping_ms = 60'000;

// Where a process of this machine finds what listens on `host`.
std::string_view reachable(std::string_view host) {
  if (host == "0.0.0.0") return "127.0.0.1";
  return host == "[::]" ? "[::1]" : host;
}

// A directory that is missing, empty or Millrace's; lost+found is the file system's.
Result<void> check_data_directory(const std::string& directory) {
  static constexpr std::array<std::string_view, 6> known = {"lock",      "streams", "tables",
                                                            "functions", "tls",     "lost+found"};
  const auto names = base::list_directory(directory);
  if (!names) return {};  // missing, or opening it says what is wrong
  const auto foreign = std::ranges::find_if(
      *names, [](const std::string& name) { return std::ranges::find(known, name) == known.end(); });
  if (foreign == names->end() || std::filesystem::exists(directory + "/tables/STORE")) return {};
  return fail(ErrorKind::invalid_argument,
              "--data: {} holds {}, which is not Millrace's; name an empty or a new directory for the data", directory,
              *foreign);
}

class JobEnvironment final : public engine::Environment {
 public:
  JobEnvironment(stream::Streams& streams, table::Tables& tables, base::Clock& clock)
      : io_(streams, tables), clock_(clock) {}

  const connector::Registry& connectors() override { return io_.connectors; }
  connector::Storage& storage() override { return io_.storage; }
  base::Clock& clock() override { return clock_; }

 private:
  connector::ServerIo io_;
  base::Clock& clock_;
};

// What functions sign with: no key of the configuration, so that whoever sees one of theirs has it no longer than they.
class FunctionKeys final : public function::AccessKeys {
 public:
  explicit FunctionKeys(aws::Credentials& credentials) : credentials_(credentials) {}

  Result<Key> issue() override {
    constexpr size_t id_bytes = 8;  // 20 characters in all, as on AWS
    constexpr size_t secret_bytes = 20;
    Key key{"MRFN" + random_text<id_bytes>(), random_text<secret_bytes>()};
    TRY(credentials_.add({key.id, key.secret}));
    return key;
  }
  void revoke(std::string_view id) override { credentials_.remove(id); }

 private:
  template <size_t bytes>
  static std::string random_text() {
    std::array<uint8_t, bytes> random;
    CHECK(::getrandom(random.data(), random.size(), 0) == static_cast<ssize_t>(random.size()), "getrandom");
    return fmt::format("{:02X}", fmt::join(random, ""));
  }

  aws::Credentials& credentials_;
};

// Of the function `millrace reprice` as it is configured, so that the page and the prices agree on what is usual. Rules
// that contradict each other keep the function from starting, and there are no prices to agree with.
pricing::Policy policy_of(const std::vector<function::FunctionDefinition>& functions) {
  for (const auto& function : functions) {
    const auto& command = function.command;
    if (command.size() < 2 || command[0] != "millrace" || command[1] != "reprice") continue;
    const auto rules = pricing::rules_of_environment(function.environment);
    if (rules) return rules->policy;
  }
  return {};
}

class RunningInstance final : public Instance {
 public:
  explicit RunningInstance(const Configuration& configuration) : configuration_(configuration) {}
  ~RunningInstance() override { stop(); }

  Result<void> open() {
    TRY(check());
    TRY_ASSIGN(reactor_, http::Reactor::make());
    descriptors_ = base::raise_descriptor_limit();
    TRY_ASSIGN(io_, log::make_io_driver(log::IoMode::automatic, {.cold_files_max = descriptors_.cold_files}));
    reactor_->watch(io_->event_fd(), [this] { io_->reap(); });
    reactor_->at_end_of_turn([this] {
      if (!ready_) return;
      streams_->flush_all();
      tables_->flush();
    });
    for (const Credential& credential : configuration_.credentials) {
      TRY(credentials_.add({credential.access_key, credential.secret_key}));
    }
    service_ = std::make_unique<aws::Service>(aws::ServiceOptions{
        .credentials = configuration_.authenticate ? &credentials_ : nullptr, .region = configuration_.region});
    // The ports first: a port that is taken leaves no trace on the disk. Until all is open they answer 503.
    TRY(listen());
    warn_of_known_credential();
    reactor_thread_ = std::thread([this] { reactor_->run(); });
    TRY(open_data());
    TRY(start_work());
    ready_ = true;
    reactor_->post([this] {
      sources_watched_ = true;
      tell_of_sources();
      keep_house();
    });
    return {};
  }

  void stop() override {
    if (stopped_) return;
    stopped_ = true;
    const bool running = reactor_thread_.joinable();
    const auto on_reactor = [&](const std::function<void()>& task) {
      if (!running) return task();
      std::promise<void> done;
      reactor_->post([&] {
        task();
        done.set_value();
      });
      done.get_future().wait();
    };
    // Writers first, each while what it writes to still runs; the reactor last, for it completes their commits.
    if (functions_) functions_->stop();
    if (jobs_) jobs_->close();
    on_reactor([this] {
      sources_watched_ = false;
      server_.reset();
      dashboard_server_.reset();
      dashboard_.reset();
    });
    functions_.reset();
    backups_.reset();
    job_operations_.reset();
    jobs_.reset();
    // What a call left behind is written; nobody appends any more.
    on_reactor([this] {
      if (streams_) streams_->flush_all();
      ready_ = false;
    });
    service_.reset();
    kinesis_.reset();
    dynamodb_.reset();
    dynamodb_streams_.reset();
    job_environment_.reset();
    streams_.reset();
    tables_.reset();
    store_.reset();
    if (running) {
      reactor_->stop();
      reactor_thread_.join();
    }
    if (reactor_ && io_) reactor_->unwatch(io_->event_fd());
  }

  const Configuration& configuration() const override { return configuration_; }
  uint16_t port() const override { return server_->port(); }
  uint16_t dashboard_port() const override { return dashboard_server_ ? dashboard_server_->port() : 0; }
  stream::Streams& streams() override { return *streams_; }
  store::Store& store() override { return *store_; }
  table::Tables& tables() override { return *tables_; }
  engine::Jobs& jobs() override { return *jobs_; }
  function::Functions& functions() override { return *functions_; }

 private:
  Result<void> check() const {
    if (!configuration_.authenticate && !base::is_loopback(configuration_.host)) {
      return fail(ErrorKind::invalid_argument,
                  "--auth none lets everyone in, so it goes with a loopback address only: --listen 127.0.0.1:{}",
                  configuration_.port);
    }
    return check_data_directory(configuration_.data_directory);
  }

  // The key that stands in the documentation, if it is one of this server's.
  const Credential* known_credential() const {
    static const std::vector<Credential> published = Configuration().credentials;
    const auto known = std::ranges::find_first_of(
        configuration_.credentials, published, [](const Credential& ours, const Credential& other) {
          return ours.access_key == other.access_key && ours.secret_key == other.secret_key;
        });
    return known == configuration_.credentials.end() ? nullptr : &*known;
  }

  void warn_of_known_credential() const {
    const Credential* known = known_credential();
    if (!configuration_.authenticate || base::is_loopback(configuration_.host) || known == nullptr) return;
    spdlog::warn(
        "the API at {}:{} is open to the network with credentials that everyone knows ({} / {}): whoever reaches it "
        "may read and change everything. Set others in the file of --config: [[credential]] with access_key and "
        "secret_key",
        configuration_.host, server_->port(), known->access_key, known->secret_key);
  }

  // What a page in a browser may do with the API. A signature says more than a Host or an Origin, unless every page of
  // the internet can make it.
  http::Handler guarded_api(http::Handler api, const http::MakeRefusal& refusal) const {
    const std::vector<std::string>& hosts = configuration_.allowed_hosts;
    if (!configuration_.authenticate) return http::guarded(std::move(api), hosts, refusal);
    if (known_credential() == nullptr) return http::open_to_origins(std::move(api), http::every_origin());
    api = http::open_to_origins(std::move(api), http::origins_of_this_machine_and(hosts));
    return base::is_loopback(configuration_.host) ? http::guarded_by_host(std::move(api), hosts, refusal) : api;
  }

  Result<void> listen() {
    const auto refuse_for_now = [](http::Reply reply) {
      reply.send({.status = 503,
                  .content_type = "application/x-amz-json-1.1",
                  .body = R"({"__type":"ServiceUnavailableException","message":"the server is starting; try again"})"});
    };
    http::ServerLimits limits;
    limits.connections_max = std::min(limits.connections_max, descriptors_.sockets * 3 / 4);
    limits.refusal = [this](int status, std::string_view reason) { return service_->refusal(status, reason); };
    const http::MakeRefusal refusal = limits.refusal;
    http::Handler api = [this, refuse_for_now](const http::Request& request, http::Reply reply) {
      if (!ready_) return refuse_for_now(std::move(reply));
      service_->handle(request, std::move(reply));
    };
    auto server = http::Server::listen(*reactor_, configuration_.host, configuration_.port,
                                       guarded_api(std::move(api), refusal), limits);
    if (!server) return std::unexpected(server.error().within("--listen"));
    server_ = std::move(*server);
    if (!configuration_.dashboard) return {};
    http::ServerLimits page_limits;
    page_limits.connections_max = std::min(page_limits.connections_max, descriptors_.sockets / 4);
    auto page = http::Server::listen(*reactor_, configuration_.dashboard_host, configuration_.dashboard_port,
                                     http::guarded(
                                         [this, refuse_for_now](const http::Request& request, http::Reply reply) {
                                           if (!ready_) return refuse_for_now(std::move(reply));
                                           dashboard_->handle(request, std::move(reply));
                                         },
                                         configuration_.allowed_hosts),
                                     page_limits);
    if (!page) return std::unexpected(page.error().within("--dashboard"));
    dashboard_server_ = std::move(*page);
    if (!base::is_loopback(configuration_.dashboard_host)) {
      spdlog::warn(
          "the live page at {}:{} is open to the network and asks nobody who they are: whoever reaches it sees "
          "all figures; --dashboard 127.0.0.1:{} keeps it to this machine",
          configuration_.dashboard_host, dashboard_server_->port(), dashboard_server_->port());
    }
    return {};
  }

  Result<void> open_data() {
    const std::string& data = configuration_.data_directory;
    TRY(base::make_directories(data));
    TRY_ASSIGN(data_lock_, base::DirectoryLock::acquire(data));
    TRY_ASSIGN(const auto identity, open_identity(configuration_));
    reactor_->post([this, identity] {
      if (!identity) return;
      if (server_) http::serve_tls(*server_, identity);
      if (dashboard_server_) http::serve_tls(*dashboard_server_, identity);
    });
    base::Clock& clock = base::system_clock();
    const auto changed = [this] { reactor_->post([this] { tell_of_sources(); }); };
    TRY_ASSIGN(streams_, stream::Streams::open({.directory = data + "/streams",
                                                .io = io_.get(),
                                                .clock = &clock,
                                                .durable = configuration_.durable,
                                                .segment_bytes = configuration_.segment_bytes,
                                                .changed = changed}));
    TRY_ASSIGN(store_, store::Store::open({.directory = data + "/tables",
                                           .segment_bytes = configuration_.segment_bytes,
                                           .row_files_max = descriptors_.table_files,
                                           .durable = configuration_.durable,
                                           .clock = &clock,
                                           .io = io_.get()}));
    TRY_ASSIGN(tables_, table::Tables::open(*store_, clock, changed));
    job_environment_ = std::make_unique<JobEnvironment>(*streams_, *tables_, clock);
    return {};
  }

  Result<void> start_work() {
    TRY_ASSIGN(jobs_, engine::Jobs::open(*job_environment_, {}));
    kinesis_ = std::make_unique<api::Kinesis>(*streams_, api::KinesisOptions{});
    kinesis_->add_to(*service_);
    dynamodb_ = std::make_unique<api::DynamoDb>(*tables_, api::DynamoDbOptions{});
    dynamodb_->add_to(*service_);
    dynamodb_streams_ = std::make_unique<api::DynamoDbStreams>(*tables_, api::DynamoDbStreamsOptions{});
    dynamodb_streams_->add_to(*service_);
    job_operations_ = std::make_unique<api::JobOperations>(*jobs_, base::system_clock());
    job_operations_->add_to(*service_);
    backups_ = std::make_unique<BackupOperations>(*streams_, *store_);
    backups_->add_to(*service_);
    function::Functions::Environment environment;
    environment.reactor = reactor_.get();
    environment.tables = tables_.get();
    environment.streams = streams_.get();
    environment.clock = &base::system_clock();
    environment.region = configuration_.region;
    environment.endpoint_url = fmt::format("http://{}:{}", reachable(configuration_.host), server_->port());
    environment.access_keys = &function_keys_;
    environment.log_directory = configuration_.data_directory + "/functions";
    TRY_ASSIGN(functions_, function::Functions::start(environment, configuration_.functions, configuration_.mappings));
    api::add_function_operations(*service_, *functions_);
    api::add_sts_operations(*service_);
    if (configuration_.dashboard) {
      base::Clock& clock = base::system_clock();
      dashboard_ = std::make_unique<page::Dashboard>(
          page::Parts{*streams_, *store_, *tables_, *jobs_, *functions_}, page::PageFiles::load(read_project_file),
          std::make_unique<shop::LiveView>(policy_of(configuration_.functions), clock), *reactor_, clock);
    }
    return {};
  }

  void keep_house() {
    if (!ready_) return;
    streams_->trim();
    reactor_->after_ms(housekeeping_ms, [this] { keep_house(); });
  }

  // A mapping may wait for a stream or a table that is made now; a mapping or a job may follow one that is gone.
  void tell_of_sources() {
    if (!sources_watched_) return;
    functions_->sources_changed();
    jobs_->sources_changed();
  }

  const Configuration configuration_;
  std::atomic<bool> ready_ = false;
  bool stopped_ = false;
  bool sources_watched_ = false;  // the reactor's
  base::DescriptorBudget descriptors_;
  std::unique_ptr<http::Reactor> reactor_;
  std::unique_ptr<log::IoDriver> io_;
  std::optional<base::DirectoryLock> data_lock_;
  aws::Credentials credentials_;
  FunctionKeys function_keys_{credentials_};
  std::unique_ptr<stream::Streams> streams_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<table::Tables> tables_;
  std::unique_ptr<JobEnvironment> job_environment_;
  std::unique_ptr<engine::Jobs> jobs_;
  std::unique_ptr<api::JobOperations> job_operations_;
  std::unique_ptr<BackupOperations> backups_;
  std::unique_ptr<function::Functions> functions_;
  std::unique_ptr<api::Kinesis> kinesis_;
  std::unique_ptr<api::DynamoDb> dynamodb_;
  std::unique_ptr<api::DynamoDbStreams> dynamodb_streams_;
  std::unique_ptr<aws::Service> service_;
  std::unique_ptr<page::Dashboard> dashboard_;
  std::unique_ptr<http::Server> server_;
  std::unique_ptr<http::Server> dashboard_server_;
  std::thread reactor_thread_;
};

}  // namespace

Result<std::unique_ptr<Instance>> Instance::start(const Configuration& configuration) {
  // What a library makes (RocksDB) is for this user alone, too.
  ::umask(S_IRWXG | S_IRWXO);
  auto instance = std::make_unique<RunningInstance>(configuration);
  TRY(instance->open());
  return instance;
}

}  // namespace millrace::app
