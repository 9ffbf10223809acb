#include "page/dashboard.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

#include "aws/protocol.h"
#include "base/json_string.h"
#include "page/metrics.h"
#include "shop/schema.h"

namespace millrace::page {

namespace {

constexpr int64_t rate_window_ms = 1'000;
constexpr std::string_view json_type = "application/json";
constexpr std::string_view metrics_type = "text/plain; version=0.0.4; charset=utf-8";

// "a","b": begins every member with a comma but the first.
class Members {
 public:
  explicit Members(std::string& out) : out_(out) {}
  std::string& next() {
    if (!std::exchange(first_, false)) out_ += ',';
    return out_;
  }

 private:
  std::string& out_;
  bool first_ = true;
};

void append_text(std::string& out, std::string_view name, std::string_view text) {
  out += fmt::format("\"{}\":", name);
  base::append_json_string(out, text);
}

http::Response plain(int status, std::string_view text) {
  http::Response response;
  response.status = status;
  response.content_type = "text/plain; charset=utf-8";
  response.body = text;
  add_security_headers(response);
  return response;
}

http::Response document(std::string_view content_type, std::string body) {
  http::Response response;
  response.content_type = content_type;
  response.headers = {{"Cache-Control", "no-store"}};
  add_security_headers(response);
  response.body = std::move(body);
  return response;
}

void append_latency(std::string& out, const shop::LiveView::Percentiles& latency) {
  if (latency.samples == 0) {
    out += R"({"p50":null,"p99":null,"samples":0})";
  } else {
    out += fmt::format("{{\"p50\":{:.0f},\"p99\":{:.0f},\"samples\":{}}}", latency.p50_ms, latency.p99_ms,
                       latency.samples);
  }
}

void append_product(std::string& out, const std::string& id, const shop::LiveProduct& product, uint8_t parts) {
  base::append_json_string(out, id);
  out += ":{";
  Members members(out);
  if (parts & shop::LiveProduct::description) {
    append_text(members.next(), "name", product.name);
    append_text(members.next(), "category", product.category);
    members.next() += fmt::format("\"list\":{},\"stock\":{}", product.list_cents, product.stock);
  }
  if (parts & shop::LiveProduct::price) {
    members.next() += fmt::format("\"price\":{},\"version\":{},\"priced_ms\":{}", product.price_cents, product.version,
                                  product.priced_ms);
    append_text(members.next(), "reason", product.reason);
  }
  if (parts & shop::LiveProduct::counts) {
    const auto& demand = product.demand;
    members.next() += fmt::format(
        "\"demand\":[{:.4g},{:.4g},{:.4g},{:.4g},{:.4g},{:.4g}],\"ratio\":{:.4g},\"score\":{:.4g},\"first\":{},"
        "\"last\":{}",
        demand[0], demand[1], demand[2], demand[3], demand[4], demand[5], product.ratio, product.score,
        product.first_event_ms, product.last_event_ms);
  }
  out += '}';
}

}  // namespace

Dashboard::Dashboard(const Parts& parts, Result<PageFiles> files, std::unique_ptr<shop::LiveView> shop,
                     http::Reactor& reactor, base::Clock& clock)
    : parts_(parts),
      reactor_(reactor),
      clock_(clock),
      files_(std::move(files)),
      shop_(std::move(shop)),
      catalog_(parts.tables, clock, shop::product_catalog.name, TableFeed::Changes::all, [this] { wake(); }),
      demand_(parts.tables, clock, shop::product_demand.name, TableFeed::Changes::newest_of_each_item,
              [this] { wake(); }),
      started_ms_(clock.now().value) {
  thread_ = std::thread([this] { run(); });
}

Dashboard::~Dashboard() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Dashboard::wake() {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(dirty_, true)) return;
  }
  changed_.notify_one();
}

void Dashboard::handle(const http::Request& request, http::Reply reply) {
  if (request.method != "GET" && request.method != "HEAD") {
    http::Response response = plain(405, "only GET is possible here\n");
    response.headers.emplace_back("Allow", "GET, HEAD");
    return reply.send(std::move(response));
  }
  if (request.path == "/health") return reply.send(document(json_type, health_json(parts_)));
  if (request.path == "/metrics") return ask(Wanted::metrics, std::move(reply));
  if (request.path == "/api/state") return ask(Wanted::state, std::move(reply));
  if (request.path == "/api/live") return watch(std::move(reply));
  if (files_ && files_->has(request.path)) return reply.send(files_->respond(request, request.path));
  if (request.path == "/" && !files_) {
    return reply.send(plain(503, fmt::format("There is no live page: {}\n", files_.error().message)));
  }
  reply.send(plain(404, "There is /, /api/live, /api/state, /metrics and /health.\n"));
}

void Dashboard::watch(http::Reply reply) {
  if (watchers_->all.size() >= watchers_max) {
    return reply.send(plain(503, fmt::format("{} pages are open already\n", watchers_max)));
  }
  http::Response head;
  head.content_type = "text/event-stream";
  head.headers = {{"Cache-Control", "no-store"}};
  add_security_headers(head);
  auto stream = reply.stream(std::move(head));
  if (!stream || !stream->write("retry: 1000\n\n")) return;
  watchers_->all.push_back({std::move(stream)});
  {
    const std::lock_guard lock(mutex_);
    watching_ = watchers_->all.size();
    ++fresh_;
    dirty_ = true;
  }
  changed_.notify_one();
}

void Dashboard::ask(Wanted wanted, http::Reply reply) {
  {
    const std::lock_guard lock(mutex_);
    if (!stopping_ && pending_.size() < requests_max) {
      pending_.push_back({wanted, std::move(reply)});
      changed_.notify_one();
      return;
    }
  }
  reply.send(plain(503, "too many requests are under way\n"));
}

void Dashboard::run() {
  while (wait_for_turn()) take_turn();
}

// Questions are answered at once; changes wait until the last frame is old enough.
bool Dashboard::wait_for_turn() {
  using std::chrono::milliseconds;
  std::unique_lock lock(mutex_);
  const auto urgent = [&] { return stopping_ || !pending_.empty(); };
  changed_.wait_for(lock, milliseconds(quiet_frame_ms), [&] { return urgent() || dirty_; });
  const int64_t rest_ms = last_turn_ms_ + frame_ms - clock_.now().value;
  if (rest_ms > 0) changed_.wait_for(lock, milliseconds(std::min(rest_ms, frame_ms)), urgent);
  return !stopping_;
}

void Dashboard::take_turn() {
  std::vector<Pending> pending;
  size_t watching = 0;
  size_t fresh = 0;
  {
    const std::lock_guard lock(mutex_);
    pending.swap(pending_);
    watching = watching_;
    fresh = fresh_;
    dirty_ = false;
  }
  catalog_.poll(shop::LiveView::products_max, [this](client::JsonItem item, std::optional<int64_t> visible_ms) {
    shop_->take_product(item, visible_ms);
  });
  demand_.poll(shop::LiveView::products_max,
               [this](client::JsonItem item, std::optional<int64_t>) { shop_->take_demand(item); });
  const StatusSample status = sample_status(parts_);
  const int64_t now_ms = clock_.now().value;
  if (now_ms - rate_ms_ >= rate_window_ms) {
    const uint64_t events = status.events();
    const bool known = rate_ms_ > 0 && events >= rate_events_;
    events_per_s_ =
        known ? 1000.0 * static_cast<double>(events - rate_events_) / static_cast<double>(now_ms - rate_ms_) : 0;
    rate_events_ = events;
    rate_ms_ = now_ms;
  }
  for (Pending& each : pending) {
    each.reply.send(each.wanted == Wanted::metrics ? document(metrics_type, metrics_text(status))
                                                   : document(json_type, state_json(status)));
  }
  last_turn_ms_ = now_ms;
  if (now_ms - last_frame_ms_ < frame_ms) return;
  last_frame_ms_ = now_ms;
  if (watching > 0) {
    const auto frame =
        std::make_shared<const std::string>(fmt::format("event: frame\ndata: {}\n\n", frame_json(status)));
    std::shared_ptr<const std::string> state;
    if (fresh > 0) {
      state = std::make_shared<const std::string>(fmt::format("event: state\ndata: {}\n\n", state_json(status)));
    }
    send_frame(state, frame);
  }
  shop_->clear_changed();
  prices_sent_ = shop_->price_changes();
}

void Dashboard::send_frame(const std::shared_ptr<const std::string>& state,
                           const std::shared_ptr<const std::string>& frame) {
  reactor_.post([this, watchers = std::weak_ptr(watchers_), state, frame] {
    const auto alive = watchers.lock();
    if (!alive) return;
    std::erase_if(alive->all, [&](Watcher& watcher) {
      if (!watcher.fresh) return !watcher.stream->write(*frame);
      if (!state) return false;  // came after this frame was built; the next one has the state
      watcher.fresh = false;
      return !watcher.stream->write(*state);
    });
    const std::lock_guard lock(mutex_);
    watching_ = alive->all.size();
    fresh_ = static_cast<size_t>(
        std::count_if(alive->all.begin(), alive->all.end(), [](const Watcher& watcher) { return watcher.fresh; }));
  });
}

void Dashboard::append_status(std::string& out, const StatusSample& status) const {
  out += fmt::format(
      "\"time_ms\":{},\"uptime_ms\":{},\"events\":{{\"total\":{},\"per_s\":{:.1f}}},\"price_changes\":{},"
      "\"half_life_ms\":[{:.0f},{:.0f}],\"click_to_price_ms\":",
      clock_.now().value, clock_.now().value - started_ms_, status.events(), events_per_s_, shop_->price_changes(),
      shop_->fast_half_life_ms(), shop_->slow_half_life_ms());
  append_latency(out, shop_->recent_latency());
  out += ",\"jobs\":[";
  Members jobs(out);
  for (const JobSample& job : status.jobs) {
    append_text(jobs.next() += '{', "name", job.name);
    append_text(out += ',', "state", job.state);
    if (!job.reason.empty()) append_text(out += ',', "reason", job.reason);
    out += fmt::format(
        ",\"lag_records\":{},\"lag_ms\":{},\"watermark_delay_ms\":{},\"late_rows\":{},\"ahead_rows\":{},\"bad_rows\":{}"
        ","
        "\"row_errors\":{},\"rows_in\":{},\"rows_out\":{},\"events_per_s\":{:.1f}}}",
        job.lag_records ? fmt::format("{}", *job.lag_records) : "null", job.lag_ms, job.watermark_delay_ms,
        job.late_rows, job.ahead_rows, job.bad_rows, job.row_errors, job.rows_in, job.rows_out, job.events_per_s);
  }
  out += "],\"mappings\":[";
  Members mappings(out);
  for (const auto& mapping : status.mappings) {
    append_text(mappings.next() += '{', "name", mapping.name);
    append_text(out += ',', "state", mapping.state);
    if (!mapping.last_error.empty()) append_text(out += ',', "last_error", mapping.last_error);
    out += fmt::format(
        ",\"lag_records\":{},\"oldest_waiting_ms\":{},\"records\":{},\"batches\":{},\"effects\":{},\"retries\":{},"
        "\"failed_batches\":{},\"invocation_ms\":{:.3f}}}",
        mapping.lag_records, mapping.oldest_waiting_ms, mapping.records, mapping.batches, mapping.effects,
        mapping.retries, mapping.failed_batches, mapping.invocation_ms);
  }
  out += "],\"functions\":[";
  Members functions(out);
  for (const auto& function : status.functions) {
    append_text(functions.next() += '{', "name", function.name);
    append_text(out += ',', "state", function.state);
    if (!function.last_error.empty()) append_text(out += ',', "last_error", function.last_error);
    out += fmt::format(",\"invocations\":{},\"errors\":{},\"restarts\":{}}}", function.invocations, function.errors,
                       function.restarts);
  }
  out += "]";
}

// The kept price changes with a number above `after`; they are numbered from 1 as they come.
void Dashboard::append_prices(std::string& out, uint64_t after) const {
  const auto& prices = shop_->prices();
  uint64_t number = shop_->price_changes() - prices.size();
  Members members(out);
  for (const shop::PriceChange& price : prices) {
    if (++number <= after) continue;
    append_text(members.next() += fmt::format("{{\"number\":{},", number), "product_id", price.product_id);
    out += fmt::format(",\"from\":{},\"to\":{},\"at_ms\":{},", price.from_cents, price.to_cents, price.at_ms);
    if (price.latency_ms >= 0) out += fmt::format("\"latency_ms\":{:.0f},", price.latency_ms);
    append_text(out, "reason", price.reason);
    out += '}';
  }
}

std::string Dashboard::state_json(const StatusSample& status) {
  std::string out = "{";
  append_status(out, status);
  out += ",\"products\":{";
  Members products(out);
  for (const auto& [id, product] : shop_->products()) {
    const bool has_counts = product.last_event_ms > 0;
    append_product(
        products.next(), id, product,
        shop::LiveProduct::description | shop::LiveProduct::price | (has_counts ? shop::LiveProduct::counts : 0));
  }
  out += "},\"prices\":[";
  append_prices(out, 0);
  out += "]}";
  return out;
}

std::string Dashboard::frame_json(const StatusSample& status) {
  std::string out = "{";
  append_status(out, status);
  out += ",\"products\":{";
  Members products(out);
  for (const auto& [id, product] : shop_->products()) {
    if (product.changed != shop::LiveProduct::nothing) append_product(products.next(), id, product, product.changed);
  }
  out += "},\"prices\":[";
  append_prices(out, prices_sent_);
  out += "]}";
  return out;
}

std::string Dashboard::metrics_text(const StatusSample& status) const {
  using Type = MetricsText::Type;
  MetricsText text;
  const auto value = [&](std::string_view name, Type type, std::string_view help, double number) {
    text.family(name, type, help);
    text.sample(number);
  };
  const auto of_each = [&](std::string_view name, Type type, std::string_view help, std::string_view label,
                           const auto& all, const auto& number) {
    text.family(name, type, help);
    for (const auto& each : all) text.sample({{label, each.name}}, static_cast<double>(number(each)));
  };
  value("millrace_uptime_seconds", Type::gauge, "Since the server started.",
        static_cast<double>(clock_.now().value - started_ms_) / 1000);
  value("process_resident_memory_bytes", Type::gauge, "Memory in use.", static_cast<double>(status.resident_bytes));
  value("process_cpu_seconds_total", Type::counter, "Processor time used.", status.cpu_s);

  of_each("millrace_stream_records_total", Type::counter, "Records put into the stream.", "stream", status.streams,
          [](const StreamSample& stream) { return stream.records; });
  of_each("millrace_stream_shards", Type::gauge, "Shards of the stream.", "stream", status.streams,
          [](const StreamSample& stream) { return stream.shards; });

  of_each("millrace_job_running", Type::gauge, "1: the job runs.", "job", status.jobs,
          [](const JobSample& job) { return job.state == "running" ? 1 : 0; });
  of_each("millrace_job_rows_in_total", Type::counter, "Rows read from the job's sources.", "job", status.jobs,
          [](const JobSample& job) { return job.rows_in; });
  of_each("millrace_job_rows_out_total", Type::counter, "Rows written by the job.", "job", status.jobs,
          [](const JobSample& job) { return job.rows_out; });
  of_each("millrace_job_late_rows_total", Type::counter, "Rows that came after their window had closed.", "job",
          status.jobs, [](const JobSample& job) { return job.late_rows; });
  of_each("millrace_job_ahead_rows_total", Type::counter,
          "Rows that were set aside because their time was far ahead of their arrival.", "job", status.jobs,
          [](const JobSample& job) { return job.ahead_rows; });
  of_each("millrace_job_bad_rows_total", Type::counter, "Records that could not be read.", "job", status.jobs,
          [](const JobSample& job) { return job.bad_rows; });
  of_each("millrace_job_row_errors_total", Type::counter, "Expressions that failed for a row and became NULL.", "job",
          status.jobs, [](const JobSample& job) { return job.row_errors; });
  of_each("millrace_job_lag_records", Type::gauge, "Records that the job has not read yet; NaN: it does not run.",
          "job", status.jobs, [](const JobSample& job) {
            return job.lag_records ? static_cast<double>(*job.lag_records) : std::numeric_limits<double>::quiet_NaN();
          });
  of_each("millrace_job_watermark_delay_seconds", Type::gauge, "How far the watermark is behind; -1: none yet.", "job",
          status.jobs, [](const JobSample& job) {
            return job.watermark_delay_ms < 0 ? -1.0 : static_cast<double>(job.watermark_delay_ms) / 1000;
          });

  of_each("millrace_mapping_records_total", Type::counter, "Records delivered to the function.", "mapping",
          status.mappings, [](const auto& mapping) { return mapping.records; });
  of_each("millrace_mapping_batches_total", Type::counter, "Batches delivered.", "mapping", status.mappings,
          [](const auto& mapping) { return mapping.batches; });
  of_each("millrace_mapping_effects_total", Type::counter, "Writes committed for the function.", "mapping",
          status.mappings, [](const auto& mapping) { return mapping.effects; });
  of_each("millrace_mapping_retries_total", Type::counter, "Batches tried again.", "mapping", status.mappings,
          [](const auto& mapping) { return mapping.retries; });
  of_each("millrace_mapping_failed_batches_total", Type::counter, "Batches given up.", "mapping", status.mappings,
          [](const auto& mapping) { return mapping.failed_batches; });
  of_each("millrace_mapping_lag_records", Type::gauge, "Records not delivered yet.", "mapping", status.mappings,
          [](const auto& mapping) { return mapping.lag_records; });
  of_each("millrace_mapping_oldest_waiting_seconds", Type::gauge,
          "Since the oldest record came that was not handled yet; 0: none waits.", "mapping", status.mappings,
          [](const auto& mapping) { return static_cast<double>(mapping.oldest_waiting_ms) / 1000; });
  of_each("millrace_function_invocations_total", Type::counter, "Calls of the function.", "function", status.functions,
          [](const auto& function) { return function.invocations; });
  of_each("millrace_function_errors_total", Type::counter, "Calls that failed.", "function", status.functions,
          [](const auto& function) { return function.errors; });
  of_each("millrace_function_restarts_total", Type::counter, "Processes started again.", "function", status.functions,
          [](const auto& function) { return function.restarts; });
  of_each("millrace_function_failing", Type::gauge, "1: the function cannot start.", "function", status.functions,
          [](const auto& function) { return function.state == "failing" ? 1 : 0; });

  value("millrace_storage_failures_total", Type::counter,
        "Times that stored data was found damaged, or could not be read or written.",
        static_cast<double>(status.storage_failures));
  value("millrace_store_commits_total", Type::counter, "Commits to the tables.",
        static_cast<double>(status.store.commits));
  value("millrace_store_overlay_bytes", Type::gauge, "Committed and not in RocksDB yet.",
        static_cast<double>(status.store.overlay_bytes));
  value("millrace_store_row_cache_bytes", Type::gauge, "Rows kept in memory.",
        static_cast<double>(status.store.row_cache_bytes));
  value("millrace_store_row_cache_hits_total", Type::counter, "Reads that found their row in memory.",
        static_cast<double>(status.store.row_cache_hits));
  value("millrace_store_row_cache_misses_total", Type::counter, "Reads that did not.",
        static_cast<double>(status.store.row_cache_misses));

  value("millrace_price_changes_total", Type::counter, "Changes of prices in ProductCatalog since the start.",
        static_cast<double>(shop_->price_changes()));
  text.family("millrace_click_to_price_seconds", Type::histogram,
              "From the time of an event to the moment the price that it caused was visible.");
  text.histogram(shop::LatencyHistogram::bounds_s, shop_->histogram().cumulative(), shop_->histogram().sum_s());
  return text.take();
}

}  // namespace millrace::page
