#include "http/reply_stream.h"

#include <string>
#include <utility>

namespace millrace::http {

void StreamState::set_unsent(size_t bytes) {
  const bool moves = unsent.exchange(bytes) > 0 && bytes == 0;
  if (moves && posted == 0 && moved) moved();
}

void StreamState::set_gone() {
  if (!gone.exchange(true) && moved) moved();
}

namespace {

class StreamWriter final : public Reply::Stream {
 public:
  StreamWriter(std::shared_ptr<StreamSink> sink, std::shared_ptr<StreamState> state, size_t pending_bytes_max,
               const EpollReactor* reactor, std::shared_ptr<TaskQueue> tasks)
      : sink_(std::move(sink)),
        state_(std::move(state)),
        pending_bytes_max_(pending_bytes_max),
        reactor_(reactor),
        tasks_(std::move(tasks)) {}

  ~StreamWriter() override {
    if (state_->gone) return;
    if (EpollReactor::runs_here(reactor_)) {
      sink_->end_stream();
    } else {
      tasks_->post([sink = sink_] { sink->end_stream(); });
    }
  }

  bool write(std::string_view chunk) override {
    if (state_->gone) return false;
    if (chunk.empty()) return true;
    const size_t pending = state_->pending();
    if (pending > 0 && pending + chunk.size() > pending_bytes_max_) return false;
    if (EpollReactor::runs_here(reactor_)) {
      sink_->write_chunk(chunk);
      return !state_->gone;
    }
    state_->posted += chunk.size();
    tasks_->post([sink = sink_, state = state_, copy = std::string(chunk)] {
      // It is seen in one of the two at any time.
      state->unsent += copy.size();
      state->posted -= copy.size();
      sink->write_chunk(copy);
    });
    return true;
  }

  size_t pending() const override { return state_->pending(); }
  bool gone() const override { return state_->gone; }

 private:
  std::shared_ptr<StreamSink> sink_;
  std::shared_ptr<StreamState> state_;
  size_t pending_bytes_max_;
  const EpollReactor* reactor_;
  std::shared_ptr<TaskQueue> tasks_;
};

}  // namespace

std::shared_ptr<Reply::Stream> make_reply_stream(std::shared_ptr<StreamSink> sink, std::shared_ptr<StreamState> state,
                                                 size_t pending_bytes_max, const EpollReactor* reactor,
                                                 std::shared_ptr<TaskQueue> tasks) {
  return std::make_shared<StreamWriter>(std::move(sink), std::move(state), pending_bytes_max, reactor,
                                        std::move(tasks));
}

}  // namespace millrace::http
