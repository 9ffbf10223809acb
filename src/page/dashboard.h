#pragma once
// The live page and what it talks to: server-sent events of what changes, the state as JSON, /metrics, /health.
// docs/http-api.md describes the answers.
//
// A thread of its own follows the feeds, counts and builds the frames, at most four a second, and only the finished
// text goes through the reactor.
//
// Threads: made on any thread; handle() and the destructor on the reactor's (or when it does not run). The parts
// outlive this. Bounds: watchers_max open pages, requests_max answers under way (then 503). A page that does not read
// is dropped by its connection's own bound.

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "http/reactor.h"
#include "http/server.h"
#include "page/files.h"
#include "page/status.h"
#include "page/table_feed.h"
#include "shop/live_view.h"

namespace millrace::page {

class Dashboard {
 public:
  static constexpr size_t watchers_max = 64;
  static constexpr size_t requests_max = 64;
  static constexpr int64_t frame_ms = 250;
  static constexpr int64_t quiet_frame_ms = 1'000;  // when nothing changes

  // Begins to follow the feeds. Without the page's files everything else is served all the same. `shop` is shown as it
  // becomes here.
  Dashboard(const Parts& parts, Result<PageFiles> files, std::unique_ptr<shop::LiveView> shop, http::Reactor& reactor,
            base::Clock& clock);
  ~Dashboard();

  void handle(const http::Request& request, http::Reply reply);

 private:
  struct Watcher {
    std::shared_ptr<http::Reply::Stream> stream;
    bool fresh = true;  // has not been sent the state
  };
  // Lives as long as the reactor may still hold a frame.
  struct Watchers {
    std::vector<Watcher> all;  // the reactor's
  };
  enum class Wanted { state, metrics };
  struct Pending {
    Wanted wanted;
    http::Reply reply;
  };

  void watch(http::Reply reply);
  void ask(Wanted wanted, http::Reply reply);
  void wake();
  void run();
  bool wait_for_turn();
  void take_turn();
  void send_frame(const std::shared_ptr<const std::string>& state, const std::shared_ptr<const std::string>& frame);
  std::string state_json(const StatusSample& status);
  std::string frame_json(const StatusSample& status);
  std::string metrics_text(const StatusSample& status) const;
  void append_status(std::string& out, const StatusSample& status) const;
  void append_prices(std::string& out, uint64_t after) const;

  const Parts parts_;
  http::Reactor& reactor_;
  base::Clock& clock_;
  const Result<PageFiles> files_;
  std::shared_ptr<Watchers> watchers_ = std::make_shared<Watchers>();

  std::mutex mutex_;
  std::condition_variable changed_;
  bool dirty_ = false;
  bool stopping_ = false;
  size_t watching_ = 0;  // pages, as the reactor counted them last
  size_t fresh_ = 0;     // of them without the state
  std::vector<Pending> pending_;
  std::thread thread_;

  // The thread's:
  std::unique_ptr<shop::LiveView> shop_;
  TableFeed catalog_;
  TableFeed demand_;
  int64_t started_ms_ = 0;
  int64_t last_turn_ms_ = 0;
  int64_t last_frame_ms_ = 0;
  uint64_t prices_sent_ = 0;  // of shop_->price_changes()
  uint64_t rate_events_ = 0;
  int64_t rate_ms_ = 0;
  double events_per_s_ = 0;
};

}  // namespace millrace::page
