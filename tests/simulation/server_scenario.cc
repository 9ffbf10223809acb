// The server's core: clicks into a stream, a job that counts them into tables, other writers of tables, and followers
// of the change feeds; restarts, and files that are damaged on the shelf.
//
// What must hold: a click that was acknowledged is in the stream once, after every restart; a write of an item that was
// acknowledged is there, none is there twice, and conditions are honest; what a follower of a feed has seen stays as it
// is, and no value in a feed goes back; a window comes once and is whole; a commit has a bounded number of rows; in the
// end the tables that the job writes equal a recomputation of the stream, and a damaged stream is set aside untouched.

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

#include "base/bytes.h"
#include "io.h"
#include "scenario.h"
#include "server.h"
#include "threads.h"
#include "world.h"

namespace millrace::simulation {
namespace {

constexpr uint32_t shards = 2;
constexpr int item_keys = 4;
constexpr int64_t disorder_ms = 2'000;
// Of one commit: two pieces of a window's closing, and what an epoch may bring beside them.
constexpr uint64_t commit_rows_max = 2 * 4'096 + 2'000;

constexpr std::string_view tables_of_the_job = R"(
CREATE TABLE clicks (
  id BIGINT, product STRING, visitor STRING, ms BIGINT, ts AS TO_TIMESTAMP_LTZ(ms, 3), arrived AS PROCTIME(),
  WATERMARK FOR ts AS ts - INTERVAL '3' SECOND
) WITH ('connector' = 'kinesis', 'stream' = 'clicks', 'source.init.position' = 'TRIM_HORIZON', 'format' = 'json');
CREATE TABLE Counts (product STRING, n BIGINT, visitors BIGINT, PRIMARY KEY (product) NOT ENFORCED)
WITH ('connector' = 'dynamodb', 'table-name' = 'Counts');
CREATE TABLE Windows (product STRING, window_start TIMESTAMP(3), n BIGINT, visitors BIGINT,
                      PRIMARY KEY (product, window_start) NOT ENFORCED)
WITH ('connector' = 'dynamodb', 'table-name' = 'Windows');
CREATE VIEW once AS SELECT product, visitor, ts FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY id ORDER BY arrived ASC) AS copy FROM clicks
) WHERE copy = 1;
)";

// What one seed's job and clicks are like.
struct Shape {
  explicit Shape(Random& random) {
    mass = random.one_in(12);
    products = mass ? 200 : static_cast<int>(random.between(1, 20));
    slide_s = 1;
    size_s = mass ? 100 : random.between(1, 8);
    pace_ms = mass ? 2 : random.between(1, 900);
  }
  bool mass = false;  // very many windows, which one late click closes all at once
  int products = 0;
  int64_t slide_s = 0;
  int64_t size_s = 0;
  int64_t pace_ms = 0;  // of events, at most, from click to click

  std::string script() const {
    const std::string window = size_s == slide_s
                                   ? fmt::format("TUMBLE(TABLE once, DESCRIPTOR(ts), INTERVAL '{}' SECOND)", size_s)
                                   : fmt::format(
                                         "HOP(TABLE once, DESCRIPTOR(ts), INTERVAL '{}' SECOND, INTERVAL '{}' "
                                         "SECOND)",
                                         slide_s, size_s);
    return fmt::format(R"({}EXECUTE STATEMENT SET BEGIN
INSERT INTO Counts SELECT product, COUNT(*), COUNT(DISTINCT visitor) FROM once GROUP BY product;
INSERT INTO Windows SELECT product, window_start, COUNT(*), COUNT(DISTINCT visitor) FROM TABLE({})
GROUP BY product, window_start, window_end;
END;)",
                       tables_of_the_job, window);
  }
};

struct Click {
  uint64_t serial = 0;  // of the record
  uint64_t id = 0;      // of the click; some are sent twice
  int product = 0;
  int visitor = 0;
  int64_t ms = 0;

  std::string json() const {
    return fmt::format(R"({{"serial":{},"id":{},"product":"p{}","visitor":"v{}","ms":{}}})", serial, id, product,
                       visitor, ms);
  }
};

// The number behind `"name":` or `"name":"x`; the scenario's own clicks only.
int64_t number_in(std::string_view json, std::string_view name) {
  const size_t at = json.find(fmt::format("\"{}\":", name));
  if (at == std::string_view::npos) return -1;
  std::string_view rest = json.substr(at + name.size() + 3);
  rest.remove_prefix(std::min(rest.find_first_of("0123456789"), rest.size()));
  int64_t number = -1;
  std::from_chars(rest.data(), rest.data() + rest.size(), number);
  return number;
}
Click click_in(std::string_view json) {
  return {.serial = static_cast<uint64_t>(number_in(json, "serial")),
          .id = static_cast<uint64_t>(number_in(json, "id")),
          .product = static_cast<int>(number_in(json, "product")),
          .visitor = static_cast<int>(number_in(json, "visitor")),
          .ms = number_in(json, "ms")};
}

int64_t number_of(const table::Item& item, std::string_view name) {
  const auto found = item.find(name);
  if (found == item.end() || found->second.number() == nullptr) return -1;
  return std::stoll(found->second.number()->to_string());
}
std::string text_of(const table::Item& item, std::string_view name) {
  const auto found = item.find(name);
  return found == item.end() || found->second.string() == nullptr ? "" : *found->second.string();
}

// A result of the job: of a product, or of a product and a window.
using Key = std::pair<std::string, int64_t>;
struct Counted {
  int64_t n = 0;
  int64_t visitors = 0;
  bool operator==(const Counted&) const = default;
};
using Results = std::map<Key, Counted>;

class ServerScenario final : public Scenario {
 public:
  explicit ServerScenario(std::pmr::memory_resource* memory)
      : shape_(world().work), clicks_(memory), definition_(memory), feeds_{Feed(memory), Feed(memory), Feed(memory)} {
    event_ms_ = world().now_ns / 1'000'000 - int64_t{24} * 3'600'000;
  }

  uint64_t operations_of_a_life() const override { return 400; }
  uint64_t capacity_bytes_least() const override { return 6 << 20; }

  void live(bool last) override {
    Random& random = world().work;
    auto server = std::make_unique<Server>();
    if (const auto opened = server->open(make_simulated_io({.cold_files_max = 4}), lane_options()); !opened) {
      if (is_excused(opened.error())) return;
      broken_because("the server does not open: " + opened.error().message);
    }
    server_ = server.get();
    if (damaged_) return check_damaged();
    // A disk that fails while a stream is opened has it set aside, too.
    if (!server->streams().damaged().empty() && world().disk_has_failed) return;
    if (const auto ready = make_what_is_missing(); !ready) {
      if (is_excused(ready.error())) return;
      broken_because("the server cannot be prepared: " + ready.error().message);
    }
    check_clicks();
    check_items();

    working_ = true;
    std::vector<std::thread> followers;
    for (Feed& feed : feeds_) followers.emplace_back([this, &feed] { follow(feed); });
    followers.emplace_back([this] { watch_commits(); });
    std::vector<std::thread> clients;
    clients.emplace_back([this] { click_for_a_while(); });
    for (uint64_t n = random.below(3); n > 0; --n) clients.emplace_back([this] { write_items(); });
    // In half of the lives the job has much to catch up with at their end.
    const bool catches_up = random.one_in(2) && stop();
    if (!catches_up && random.one_in(2)) clients.emplace_back([this] { stop_and_resume(); });
    for (std::thread& client : clients) client.join();
    if (catches_up) {
      // Where a commit may be in several transactions a kill says most.
      if (!last && random.one_in(2)) world().faults.kill_at_operation = world().operations + 1 + random.below(30);
      resume();
    }
    if (random.one_in(2)) sleep_ns(random.between(0, 50'000'000));
    if (last) finish_job();
    check_job(last);
    {
      std::lock_guard lock(mutex_);
      working_ = false;
    }
    changed_.notify_all();
    for (std::thread& follower : followers) follower.join();
    check_clicks();
    check_items();
    if (last) check_results();
    server_ = nullptr;
    server.reset();
  }

  // The stream's definition: a bit flips in it, or it is gone; the life after that has it again from a copy.
  std::string damage() override {
    Disk& disk = world().disk;
    const auto folder = find(disk, {"data", "streams", "clicks"});
    if (damaged_) {
      if (!folder || files_of(disk) != files_) return "the files of a damaged stream were touched";
      const auto node = disk.find(*folder, "stream.json");
      const Disk::Node restored = node ? *node : disk.make(*folder, "stream.json", false);
      disk.write(restored, definition_, 0);
      disk.sync(restored);
      disk.sync(*folder);
      damaged_ = false;
      return "";
    }
    if (!stream_made_ || !world().disasters.one_in(10)) return "";
    const auto node = folder ? disk.find(*folder, "stream.json") : std::nullopt;
    if (!node) return "the definition of a stream that was acknowledged is missing";
    disk.sync_all();
    definition_.resize(disk.size(*node));
    disk.read(*node, definition_.data(), definition_.size(), 0);
    // Without it and without a record a folder is what a crash leaves of a creation.
    const bool has_records = std::ranges::any_of(clicks_, &Sent::acknowledged);
    if (!has_records || world().disasters.one_in(2)) {
      disk.flip_bit(*node, world().disasters.below(definition_.size() * 8));
    } else {
      disk.remove(*folder, "stream.json");
      disk.sync(*folder);
    }
    damaged_ = true;
    files_ = files_of(disk);
    return "";
  }

 private:
  // A table whose feed somebody follows, and what was seen of it.
  struct Feed {
    explicit Feed(std::pmr::memory_resource* memory) : seen(memory) {}
    std::string_view table;
    std::pmr::vector<uint64_t> seen;  // hashes, by sequence number
  };

  engine::LaneOptions lane_options() const {
    Random& random = world().work;
    engine::LaneOptions options;
    options.commit_interval_ms = random.between(1, 5);
    options.catch_up_interval_ms = random.between(1, 20);
    // A restart may go on in other steps than those in which the last life stopped.
    options.epoch_rows_max = static_cast<size_t>(random.one_in(2) ? random.between(1, 10) : 500);
    options.sink_rows_max = 1'000;
    options.read_bytes_max = random.one_in(2) ? 1 : 64 << 10;
    static constexpr size_t transactions[] = {200, 3'000, 1 << 20};
    options.transaction_bytes_max = transactions[shape_.mass ? 2 : random.below(3)];
    options.retry_wait_ms = 1;
    options.retry_wait_ms_max = 10;
    return options;
  }

  Result<void> make_what_is_missing() {
    stream::Streams& streams = server_->streams();
    if (!streams.damaged().empty()) broken_because("damaged, though nothing was: " + streams.damaged()[0].reason);
    if (stream_made_ && !streams.find("clicks")) broken_because("the stream is gone");
    TRY(streams.ensure("clicks", shards));
    stream_made_ = true;
    static constexpr std::string_view names[] = {"Counts", "Windows", "Items"};
    for (size_t n = 0; n < 3; ++n) {
      feeds_[n].table = names[n];
      const auto found = server_->tables().find(names[n]);
      if (found) continue;
      if (tables_made_ > n) broken_because(fmt::format("the table {} is gone", names[n]));
      table::TableDefinition definition{.name = std::string(names[n]), .hash_key = {n == 2 ? "id" : "product"}};
      definition.change_feed = table::ViewType::new_image;
      if (n == 1) definition.range_key = table::KeyAttribute{"window_start", table::KeyType::number};
      TRY_ASSIGN(const auto made, server_->tables().create(definition));
      server_->tables().wait_durable(made->commit);
    }
    tables_made_ = 3;
    engine::Jobs& jobs = server_->jobs();
    const auto status = jobs.status("job");
    if (!status && job_made_) broken_because("the job is gone");
    if (!status) {
      TRY(jobs.submit("job", shape_.script()));
    } else if (status->state != engine::JobState::running) {
      TRY(jobs.resume("job"));
    }
    job_made_ = true;
    return {};
  }

  // Clients.

  void click_for_a_while() {
    Random& random = world().work;
    const auto stream = server_->streams().find("clicks");
    log::Log& log = *stream->log();
    const uint64_t batches = shape_.mass ? random.between(10, 25) : random.between(1, 30);
    std::vector<Click> accepted;
    GroupNumber newest;
    for (uint64_t batch = 0; batch < batches; ++batch) {
      std::vector<Click> clicks(1 + random.below(20));
      for (Click& click : clicks) {
        click = next_click(accepted);
        clicks_.push_back({});
      }
      // Time passes for all, as in a night without customers.
      if (shape_.mass ? batch + 1 == batches : random.one_in(20)) event_ms_ += random.between(0, 3'600'000);
      std::vector<std::string> texts;
      std::vector<log::AppendRecord> records;
      for (const Click& click : clicks) texts.push_back(click.json());
      for (size_t n = 0; n < clicks.size(); ++n) {
        records.push_back({ShardId(static_cast<uint32_t>(random.below(shards))), "key", texts[n]});
      }
      const auto group = log.append(records);
      if (!group) {
        if (!is_excused(group.error()) && group.error().kind != ErrorKind::throttled) {
          broken_because("clicks are refused: " + group.error().message);
        }
        sleep_ns(5'000'000);
        continue;
      }
      log.flush();
      newest = *group;
      std::ranges::copy(clicks, std::back_inserter(accepted));
      const auto acknowledge = [this, clicks] {
        for (const Click& click : clicks) clicks_[click.serial].acknowledged = true;
      };
      if (random.one_in(2)) {
        log.wait_durable(*group);
        acknowledge();
      } else {
        log.when_durable(*group, acknowledge);
      }
      if (random.one_in(2)) sleep_ns(random.between(0, 10'000'000));
    }
    log.wait_durable(newest);
  }

  Click next_click(const std::vector<Click>& accepted) {
    Random& random = world().work;
    Click click{.serial = clicks_.size()};
    if (!accepted.empty() && random.one_in(15)) {
      // A retry of its sender.
      click = accepted[random.below(accepted.size())];
      click.serial = clicks_.size();
    } else {
      event_ms_ += random.between(0, shape_.pace_ms);
      click.id = click.serial;
      click.product = static_cast<int>(random.below(static_cast<uint64_t>(shape_.products)));
      click.visitor = static_cast<int>(random.below(30));
      click.ms = event_ms_ - random.between(0, disorder_ms - 1);
    }
    return click;
  }

  void write_items() {
    Random& random = world().work;
    table::Tables& tables = server_->tables();
    for (uint64_t left = 5 + random.below(40); left > 0; --left) {
      const size_t key = random.below(item_keys);
      const int64_t old_n = stored_n(key);
      table::WriteRequest request;
      request.kind =
          random.one_in(2) || old_n == 0 ? table::WriteRequest::Kind::put : table::WriteRequest::Kind::update;
      request.table = "Items";
      request.item["id"] = fmt::format("k{}", key);
      if (request.kind == table::WriteRequest::Kind::put) {
        request.item["n"] = old_n + 1;
        request.item["text"] = std::string(random.below(200), 'x');
      } else {
        request.update_expression = "SET n = :new";
        request.substitutions.values.emplace(":new", old_n + 1);
      }
      request.condition_expression = old_n == 0 ? "attribute_not_exists(id)" : "n = :old";
      if (old_n != 0) request.substitutions.values.emplace(":old", old_n);
      items_[key].tried = std::max(items_[key].tried, old_n + 1);
      if (random.one_in(3)) sleep_ns(random.between(0, 1'000'000));
      const auto written = tables.write(request);
      if (!written) {
        if (!is_excused(written.error()) && written.error().kind != ErrorKind::throttled) {
          broken_because("a write is refused: " + written.error().message);
        }
        sleep_ns(2'000'000);
        continue;
      }
      tables.flush();
      if (!written->condition_held) continue;
      const auto acknowledge = [this, key, n = old_n + 1] {
        items_[key].acknowledged = std::max(items_[key].acknowledged, n);
      };
      if (random.one_in(2)) {
        tables.wait_durable(written->commit);
        acknowledge();
      } else {
        tables.when_durable(written->commit, acknowledge);
      }
    }
  }

  int64_t stored_n(size_t key) {
    table::GetRequest request{.table = "Items", .key = {}};
    request.key["id"] = fmt::format("k{}", key);
    const auto found = server_->tables().get(request);
    if (!found) {
      if (is_excused(found.error())) return 0;
      broken_because("a read fails: " + found.error().message);
    }
    if (!found->stored) return 0;
    return number_of(*table::get_item(*found->stored), "n");
  }

  bool stop() {
    const auto stopped = server_->jobs().stop("job");
    if (!stopped) must_be_excused("stop", stopped.error());
    return stopped.has_value();
  }
  bool resume() {
    const auto resumed = server_->jobs().resume("job");
    if (!resumed) must_be_excused("resume", resumed.error());
    return resumed.has_value();
  }
  void stop_and_resume() {
    Random& random = world().work;
    for (uint64_t left = random.below(4); left > 0; --left) {
      sleep_ns(random.between(0, 30'000'000));
      if (!stop()) return;
      sleep_ns(random.between(0, 10'000'000));
      if (!resume()) return;
    }
  }
  void must_be_excused(std::string_view what, const Error& error) const {
    // A job that waits for a full disk says so when it is told to end.
    const bool waits = world().refused || world().disk_has_failed;
    if (!waits) broken_because(fmt::format("{} fails: {}", what, error.message));
  }

  // Followers.

  void follow(Feed& feed) {
    bool woken = true;
    table::Tables& tables = server_->tables();
    const table::TablePtr table = *tables.find(feed.table);
    const auto subscription = tables.journal().subscribe(table->keyspace, [&] {
      {
        std::lock_guard lock(mutex_);
        woken = true;
      }
      changed_.notify_all();
    });
    std::map<Key, int64_t> newest;
    SequenceNumber at(0);
    for (bool wanted = true; wanted;) {
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return woken || !working_; });
        wanted = working_;
        woken = false;
      }
      for (;;) {
        const auto blocks = tables.journal().read(table->keyspace, at, 64 << 10);
        if (!blocks) {
          if (!is_excused(blocks.error())) broken_because("the feed cannot be read: " + blocks.error().message);
          sleep_ns(1'000'000);
          break;
        }
        if (blocks->empty()) break;
        for (const log::BlockPtr& block : *blocks) {
          log::for_each_record(*block, at, [&](const log::Record& record) {
            check_change(feed, *table, record, newest);
            at = record.sequence.next();
          });
        }
      }
    }
    if (!world().refused && !world().disk_has_failed && at.value < feed.seen.size()) {
      broken_because(fmt::format("the feed of {} ends at {}; {} were seen of it", feed.table, at, feed.seen.size()));
    }
  }

  void check_change(Feed& feed, const table::TableDefinition& table, const log::Record& record,
                    std::map<Key, int64_t>& newest) const {
    const uint64_t hash = base::hash64(record.data, base::hash64(record.key));
    const uint64_t at = record.sequence.value;
    if (at == feed.seen.size()) feed.seen.push_back(hash);
    if (feed.seen[at] != hash) broken_because(fmt::format("record {} of the feed of {} has changed", at, feed.table));
    const auto change = table::decode_change(table, record);
    if (!change) broken_because("a change cannot be read: " + change.error().message);
    if (!change->new_image) broken_because(fmt::format("{}: nothing was ever deleted", feed.table));
    const table::Item& item = *change->new_image;
    const bool windows = feed.table == "Windows";
    const bool items = feed.table == "Items";
    const Key key{text_of(item, items ? "id" : "product"), windows ? number_of(item, "window_start") : 0};
    const int64_t n = number_of(item, "n");
    const auto [before, is_new] = newest.emplace(key, n);
    if (is_new && !items) return;
    if (windows) {
      broken_because(fmt::format("window {} of {} came twice: {}, then {}", key.second, key.first, before->second, n));
    }
    const int64_t least = is_new ? 1 : before->second + 1;
    if (n < least || (items && n != least)) {
      broken_because(fmt::format("{}: {} went from {} to {}", feed.table, key.first, is_new ? 0 : before->second, n));
    }
    before->second = n;
  }

  void watch_commits() {
    uint64_t commits = 0;
    uint64_t rows = 0;
    for (;;) {
      {
        std::unique_lock lock(mutex_);
        if (!working_) return;
      }
      if (const auto status = server_->jobs().status("job")) {
        if (commits > 0 && status->commits > commits && status->rows_out > rows) {
          const uint64_t bound = (status->commits - commits) * commit_rows_max;
          if (status->rows_out - rows > bound) {
            broken_because(
                fmt::format("{} commits of the job have {} rows", status->commits - commits, status->rows_out - rows));
          }
        }
        commits = status->commits;
        rows = status->rows_out;
      }
      sleep_ns(1'000'000);
    }
  }

  // Checks.

  void check_damaged() {
    const stream::Streams& streams = server_->streams();
    if (streams.find("clicks") || !streams.is_damaged("clicks")) {
      broken_because("a stream with a damaged definition is served, or forgotten");
    }
  }

  // All clicks of the stream, in the order of the shards.
  std::vector<Click> clicks_of_the_stream() {
    const auto stream = server_->streams().find("clicks");
    std::vector<Click> clicks;
    for (uint32_t n = 0; n < shards; ++n) {
      SequenceNumber at(0);
      for (;;) {
        const auto blocks = stream->log()->read(ShardId(n), at, 64 << 10);
        if (!blocks) {
          must_be_excused("reading the stream", blocks.error());
          return {};
        }
        if (blocks->empty()) break;
        for (const log::BlockPtr& block : *blocks) {
          log::for_each_record(*block, at, [&](const log::Record& record) {
            clicks.push_back(click_in(record.data));
            at = record.sequence.next();
          });
        }
      }
    }
    return clicks;
  }

  void check_clicks() {
    const auto clicks = clicks_of_the_stream();
    if (clicks.empty() && (world().refused || world().disk_has_failed)) return;
    std::vector<uint8_t> found(clicks_.size());
    for (const Click& click : clicks) {
      if (click.serial >= found.size()) broken_because("a click that nobody sent");
      if (found[click.serial]++ > 0) broken_because(fmt::format("click {} is there twice", click.serial));
      clicks_[click.serial].acknowledged = true;  // it was read
    }
    for (size_t serial = 0; serial < found.size(); ++serial) {
      if (clicks_[serial].acknowledged && found[serial] == 0) broken_because(fmt::format("click {} is lost", serial));
    }
  }

  void check_items() {
    for (size_t key = 0; key < item_keys; ++key) {
      const int64_t n = stored_n(key);
      if (n == 0 && (world().refused || world().disk_has_failed)) continue;
      if (n < items_[key].acknowledged || n > items_[key].tried) {
        broken_because(fmt::format("item k{} has {}; {} was acknowledged, {} tried", key, n, items_[key].acknowledged,
                                   items_[key].tried));
      }
    }
  }

  void check_job(bool last) {
    const auto status = server_->jobs().status("job");
    if (!status) broken_because("the job is gone");
    if (status->rows_late > 0) broken_because(fmt::format("{} rows were late, none is", status->rows_late));
    if (status->rows_bad + status->row_errors + status->rows_ahead > 0) broken_because("the job could not read a row");
    const bool excused = !last && (world().refused || world().disk_has_failed);
    if (status->state == engine::JobState::failed && !excused) broken_because("the job failed: " + status->reason);
  }

  // All windows are closed.
  void finish_job() {
    if (server_->jobs().status("job")->state != engine::JobState::running) {
      if (const auto resumed = server_->jobs().resume("job"); !resumed) {
        broken_because("the job does not go on: " + resumed.error().message);
      }
    }
    if (const auto drained = server_->jobs().stop("job", true); !drained) {
      broken_because("the job is not drained: " + drained.error().message);
    }
  }

  Results rows_of(std::string_view name) {
    Results results;
    table::QueryRequest request;
    request.table = name;
    request.scan = true;
    for (;;) {
      auto page = server_->tables().query(request);
      if (!page) broken_because("a scan fails: " + page.error().message);
      for (const table::Item& item : page->items) {
        const int64_t window = number_of(item, "window_start");
        results[{text_of(item, "product"), std::max<int64_t>(window, 0)}] = {number_of(item, "n"),
                                                                             number_of(item, "visitors")};
      }
      if (!page->last_evaluated_key) return results;
      request.exclusive_start_key = page->last_evaluated_key;
    }
  }

  // The tables, against a recomputation of the stream by other means.
  void check_results() {
    std::map<uint64_t, Click> once;
    for (const Click& click : clicks_of_the_stream()) once.emplace(click.id, click);
    std::map<Key, std::pair<int64_t, std::set<int>>> counts;
    const auto count = [&](const Click& click, int64_t window) {
      auto& [n, visitors] = counts[{fmt::format("p{}", click.product), window}];
      ++n;
      visitors.insert(click.visitor);
    };
    const auto compare = [&](std::string_view table) {
      Results expected;
      for (const auto& [key, counted] : counts) {
        expected[key] = {counted.first, static_cast<int64_t>(counted.second.size())};
      }
      const Results actual = rows_of(table);
      for (const auto& [key, counted] : expected) {
        const auto found = actual.find(key);
        const Counted there = found == actual.end() ? Counted() : found->second;
        if (there != counted) {
          broken_because(fmt::format("{} of {} from {}: {} by {} visitors; the stream has {} by {}", table, key.first,
                                     key.second, there.n, there.visitors, counted.n, counted.visitors));
        }
      }
      if (actual.size() != expected.size()) {
        broken_because(fmt::format("{} has {} rows; the stream gives {}", table, actual.size(), expected.size()));
      }
      counts.clear();
    };
    for (const auto& [id, click] : once) count(click, 0);
    compare("Counts");
    const int64_t slide_ms = shape_.slide_s * 1'000;
    for (const auto& [id, click] : once) {
      for (int64_t start = click.ms / slide_ms * slide_ms; start > click.ms - shape_.size_s * 1'000;
           start -= slide_ms) {
        count(click, start);
      }
    }
    compare("Windows");
  }

  // What the watching process sees.

  static std::optional<Disk::Node> find(const Disk& disk, std::initializer_list<std::string_view> path) {
    std::optional<Disk::Node> node = Disk::root;
    for (const std::string_view name : path) {
      if (node) node = disk.find(*node, name);
    }
    return node;
  }
  // A hash of the stream's files and what they hold; of its lock the holder changes.
  static uint64_t files_of(const Disk& disk) {
    const auto folder = find(disk, {"data", "streams", "clicks"});
    if (!folder) return 0;
    uint64_t hash = 1;
    for (const std::string& name : disk.names(*folder)) {
      if (name == "lock") continue;
      const Disk::Node node = *disk.find(*folder, name);
      std::string bytes(disk.size(node), '\0');
      disk.read(node, bytes.data(), bytes.size(), 0);
      hash = base::hash64(bytes, base::hash64(name, hash));
    }
    return hash;
  }

  struct Sent {
    bool acknowledged = false;
  };
  struct Stored {
    int64_t acknowledged = 0;
    int64_t tried = 0;
  };

  const Shape shape_;
  std::pmr::vector<Sent> clicks_;  // by serial
  int64_t event_ms_ = 0;
  Stored items_[item_keys];
  bool stream_made_ = false;
  size_t tables_made_ = 0;
  bool job_made_ = false;
  bool damaged_ = false;
  std::pmr::string definition_;
  uint64_t files_ = 0;
  Feed feeds_[3];

  // Of one incarnation.
  Server* server_ = nullptr;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool working_ = false;
};

}  // namespace

Scenario* make_server_scenario() {
  std::pmr::memory_resource* const memory = world().memory;
  return new (memory->allocate(sizeof(ServerScenario), alignof(ServerScenario))) ServerScenario(memory);
}

}  // namespace millrace::simulation
