#include "app/demo_command.h"

#include <fmt/format.h>
#include <stdlib.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <thread>

#include "app/configuration.h"
#include "app/instance.h"
#include "app/project_files.h"
#include "base/clock.h"
#include "base/stop_signals.h"
#include "client/items.h"
#include "demo/prices.h"
#include "demo/report.h"
#include "demo/rush.h"
#include "demo/screen.h"
#include "demo/setup.h"
#include "demo/traffic.h"
#include "demo/verify.h"
#include "function/functions.h"
#include "shop/schema.h"

namespace millrace::app {

namespace {

constexpr int64_t turn_ms = 20;
constexpr int64_t disk_look_ns = 2'000'000'000;
constexpr int64_t settle_ms_max = 30'000;
constexpr size_t shoppers_per_rate = 10;
constexpr size_t recent_samples = 1'000;

void say(std::string_view message) {
  fmt::print(stderr, "millrace: {}\n", message);
}

int64_t now_ns() {
  return base::system_clock().monotonic_ns();
}

// A directory of its own that goes with it.
class TemporaryDirectory {
 public:
  static Result<std::unique_ptr<TemporaryDirectory>> make() {
    // Not /tmp: it is memory on many systems, and then "durable" would not mean what it says.
    const char* const given = std::getenv("TMPDIR");
    std::string path = std::string(given && *given ? given : "/var/tmp") + "/millrace-demo-XXXXXX";
    if (mkdtemp(path.data()) == nullptr) return fail_errno(path, errno);
    return std::unique_ptr<TemporaryDirectory>(new TemporaryDirectory(std::move(path)));
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  explicit TemporaryDirectory(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

Result<Configuration> configuration_of(const DemoOptions& options, const std::string& data_directory) {
  constexpr std::string_view file = "examples/shop/millrace.toml";
  TRY_ASSIGN(const std::string toml, read_project_file(file));
  TRY_ASSIGN(Configuration configuration, parse_configuration(toml, file));
  configuration.data_directory = data_directory;
  configuration.host = options.host;
  configuration.port = options.port;
  configuration.dashboard = options.dashboard;
  configuration.dashboard_host = options.dashboard_host;
  configuration.dashboard_port = options.dashboard_port;
  return configuration;
}

// Of files that may come and go meanwhile.
uint64_t bytes_in(const std::string& directory) {
  uint64_t bytes = 0;
  std::error_code error;
  for (std::filesystem::recursive_directory_iterator at(directory, error), end; !error && at != end;
       at.increment(error)) {
    std::error_code gone;
    const bool is_file = at->is_regular_file(gone);
    const uint64_t size = is_file ? at->file_size(gone) : 0;
    if (!gone) bytes += size;
  }
  return bytes;
}

std::set<std::string> failure_tables(const Configuration& configuration) {
  std::set<std::string> tables;
  for (const auto& mapping : configuration.mappings) {
    if (!mapping.on_failure_table.empty()) tables.insert(mapping.on_failure_table);
  }
  return tables;
}

class Demo {
 public:
  Demo(const DemoOptions& options, bool temporary)
      : options_(options),
        temporary_(temporary),
        catalog_(options.seed, options.products),
        shown_(catalog_),
        plan_(options.for_ms),
        signals_([this](int) { stop(); }) {}

  Result<demo::DemoReport> run(const std::string& data_directory) {
    TRY(open_shop(data_directory));
    TRY(trade(data_directory));
    TRY(settle());
    TRY_ASSIGN(demo::DemoReport report, check());
    instance_->stop();
    return report;
  }

 private:
  Result<void> open_shop(const std::string& data_directory) {
    TRY_ASSIGN(const Configuration configuration, configuration_of(options_, data_directory));
    TRY_ASSIGN(const std::string script, read_project_file("examples/shop/pricing.sql"));
    TRY_ASSIGN(instance_, Instance::start(configuration));
    endpoint_.host = configuration.host;
    endpoint_.port = instance_->port();
    endpoint_.region = configuration.region;
    if (!configuration.credentials.empty()) {
      endpoint_.access_key = configuration.credentials.front().access_key;
      endpoint_.secret_key = configuration.credentials.front().secret_key;
    }
    api_.emplace(endpoint_, abandoned_.get_token());
    if (configuration.dashboard) {
      say(fmt::format("live page at http://{}:{}", configuration.dashboard_host, instance_->dashboard_port()));
    }
    say(fmt::format("Kinesis and DynamoDB at http://{}:{} (access key {}, secret key {})", endpoint_.host,
                    endpoint_.port, endpoint_.access_key, endpoint_.secret_key));
    TRY(demo::set_up_shop(*api_, failure_tables(configuration), catalog_, script));
    demo::TrafficOptions traffic;
    traffic.endpoint = endpoint_;
    traffic.stream = shop::click_stream;
    traffic.seed = options_.seed;
    traffic.rate = options_.rate;
    traffic.shoppers =
        options_.shoppers > 0 ? options_.shoppers : static_cast<size_t>(options_.rate * shoppers_per_rate) + 1;
    traffic.id_prefix = fmt::format("{:x}", base::system_clock().now().value);
    traffic_ = std::make_unique<demo::DemoTraffic>(traffic, catalog_, shown_, ledger_);
    TRY_ASSIGN(prices_, demo::DemoPrices::start(endpoint_, catalog_, shown_, [this](const demo::PriceSeen& price) {
                 ledger_.price_seen({price.product, price.cause}, price.seen_ns);
                 rush_.price_seen(price, traffic_->rush_acknowledged_ns());
               }));
    say(fmt::format("a shop with {} products and {} shoppers, {:.0f} clicks a second, seed {}", catalog_.size(),
                    traffic.shoppers, options_.rate, options_.seed));
    return {};
  }

  // A signal closes the shop while it is open; at any other time it ends the demo without a report.
  void stop() {
    if (trading_ && closed_.request_stop()) return;
    if (!abandoned_.request_stop()) std::_Exit(1);
  }

  // The shop is open, until the time is up or a signal comes.
  Result<void> trade(const std::string& data_directory) {
    demo::DemoScreen screen;
    const int64_t start_ns = now_ns();
    const auto passed_ms = [&] { return (now_ns() - start_ns) / 1'000'000; };
    traffic_->start();
    trading_ = true;
    int64_t next_look_ns = 0;
    while ((options_.for_ms < 0 || passed_ms() < options_.for_ms) && !closed_.stop_requested()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(turn_ms));
      steer_rush(passed_ms());
      if (now_ns() >= next_look_ns) {
        next_look_ns = now_ns() + disk_look_ns;
        disk_bytes_ = bytes_in(data_directory);
        if (disk_bytes_ >= options_.disk_bytes_max) {
          say(fmt::format("the data have come to {:.1f} GB, the most that --disk-max allows: the shop closes",
                          static_cast<double>(disk_bytes_) / 1e9));
          break;
        }
      }
      if (screen.due()) TRY(show(screen, passed_ms()));
    }
    trading_ = false;
    const auto stopped = traffic_->stop();
    seconds_ = static_cast<double>(now_ns() - start_ns) / 1e9;
    return stopped;
  }

  void steer_rush(int64_t ms) {
    const auto number = plan_.rush_at(ms);
    if (number == rush_number_) return;
    rush_number_ = number;
    if (!number) return traffic_->set_rush({});
    const size_t product = demo::rush_product(catalog_, options_.seed, *number);
    rush_.begin(product, shown_.cents(product));
    traffic_->set_rush({true, product});
  }

  Result<void> show(demo::DemoScreen& screen, int64_t ms) {
    demo::DemoView view;
    view.seconds = static_cast<double>(ms) / 1000;
    view.for_ms = options_.for_ms;
    view.acknowledged = traffic_->clicks_acknowledged();
    view.orders = traffic_->orders_acknowledged();
    view.price_changes = prices_->changes();
    view.disk_bytes = disk_bytes_;
    view.disk_bytes_max = options_.disk_bytes_max;
    view.latency = ledger_.recent_latency(recent_samples);
    TRY_ASSIGN(view.job, demo::view_job(*api_, shop::pricing_job));
    if (view.job.state == "failed") {
      return fail(ErrorKind::internal, "the job `{}` failed: {}", shop::pricing_job, view.job.reason);
    }
    view.rush_on = rush_number_.has_value();
    view.rush = rush_.view();
    view.rush_name = catalog_[view.rush.product].name;
    screen.show(view);
    return {};
  }

  // Waits until everything that was acknowledged has had its consequences.
  Result<void> settle() {
    const bool drained = temporary_;
    if (drained) {
      TRY(demo::drain_job(*api_, shop::pricing_job, settle_ms_max));
    } else {
      // The data stay for another run: the job must go on then, so its last windows stay open.
      TRY(wait_until("the job has come to the end of the stream", [this]() -> Result<bool> {
        TRY_ASSIGN(const demo::JobView job, demo::view_job(*api_, shop::pricing_job));
        return job.lag_records == 0;
      }));
    }
    TRY(wait_until("the functions have come to the end of their feeds", [this]() -> Result<bool> {
      uint64_t lag = 0;
      for (const auto& mapping : instance_->functions().mappings()) {
        if (mapping.state != "disabled") lag += mapping.lag_records;
      }
      return lag == 0;
    }));
    return prices_->stop();
  }

  // Twice in a row: what one stage has finished may be on its way to the next.
  Result<void> wait_until(std::string_view what, const std::function<Result<bool>()>& done) const {
    const int64_t until_ns = now_ns() + settle_ms_max * 1'000'000;
    for (int in_a_row = 0; in_a_row < 2;) {
      TRY_ASSIGN(const bool is_done, done());
      in_a_row = is_done ? in_a_row + 1 : 0;
      if (abandoned_.stop_requested()) return fail(ErrorKind::internal, "stopped by a signal");
      if (now_ns() > until_ns) {
        return fail(ErrorKind::unavailable, "waited {} s in vain until {}", settle_ms_max / 1000, what);
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(turn_ms));
    }
    return {};
  }

  Result<demo::DemoReport> check() {
    demo::DemoReport report;
    TRY_ASSIGN(const demo::JobView job, demo::view_job(*api_, shop::pricing_job));
    demo::VerifyOptions options;
    options.endpoint = endpoint_;
    options.stream = shop::click_stream;
    options.clicks = traffic_->clicks();
    options.orders = traffic_->orders();
    options.late_rows = job.late_rows;
    options.stop = abandoned_.get_token();
    TRY_ASSIGN(const demo::Verification verification, demo::verify(options));
    for (const std::string& problem : verification.problems) say(problem);
    report.sent = traffic_->clicks_sent() + traffic_->orders_sent();
    report.acknowledged = traffic_->clicks_acknowledged() + traffic_->orders_acknowledged();
    report.processed = job.rows_in;
    report.events_per_s = seconds_ > 0 ? static_cast<double>(report.acknowledged) / seconds_ : 0;
    report.orders = traffic_->orders_acknowledged();
    report.price_changes = prices_->changes();
    report.click_to_price = ledger_.latency();
    const demo::RushWatch::View rush = rush_.view();
    if (rush.begun) report.rush_product = catalog_[rush.product].id;
    report.rush_before_cents = rush.before_cents;
    report.rush_peak_cents = rush.peak_cents;
    report.rush_reaction_ms = rush.reaction_ms;
    report.rows_checked = verification.rows_checked;
    report.mismatches = verification.mismatches + verification.missing;
    return report;
  }

  const DemoOptions& options_;
  bool temporary_;
  demo::ShopCatalog catalog_;
  demo::ShopPrices shown_;
  demo::RushPlan plan_;
  demo::DemoLedger ledger_;
  demo::RushWatch rush_;
  std::optional<uint64_t> rush_number_;
  double seconds_ = 0;
  uint64_t disk_bytes_ = 0;  // of the data, some seconds ago
  client::Endpoint endpoint_;
  std::unique_ptr<Instance> instance_;
  std::optional<client::Api> api_;
  std::unique_ptr<demo::DemoTraffic> traffic_;
  std::unique_ptr<demo::DemoPrices> prices_;  // ends before what its listener uses
  std::atomic<bool> trading_ = false;
  std::stop_source closed_;
  std::stop_source abandoned_;
  const base::StopSignals signals_;  // ends first
};

}  // namespace

int run_demo(const DemoOptions& options) {
  if (options.products < 1 || options.products > DemoOptions::products_max) {
    say(fmt::format("--products is {}; a shop has 1 to {} of them", options.products, DemoOptions::products_max));
    return 2;
  }
  if (!(options.rate > 0 && options.rate <= DemoOptions::rate_max)) {
    say(fmt::format("--rate is {}; it may be above 0 and up to {:.0f} clicks a second", options.rate,
                    DemoOptions::rate_max));
    return 2;
  }
  std::unique_ptr<TemporaryDirectory> temporary;
  std::string data_directory = options.data_directory;
  if (data_directory.empty()) {
    auto made = TemporaryDirectory::make();
    if (!made) {
      say(made.error().message);
      return 1;
    }
    temporary = std::move(*made);
    data_directory = temporary->path();
  }
  Demo demo(options, temporary != nullptr);
  const auto report = demo.run(data_directory);
  if (!report) {
    say(report.error().message);
    return 1;
  }
  demo::print_report(*report);
  if (options.json) fmt::print("{}\n", demo::json_of(*report));
  return report->mismatches == 0 ? 0 : 1;
}

}  // namespace millrace::app
