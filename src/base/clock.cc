#include "base/clock.h"

#include <chrono>

namespace millrace::base {
namespace {

class SystemClock final : public Clock {
 public:
  ProcessingTime now() const override {
    using namespace std::chrono;
    return ProcessingTime(duration_cast<milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count());
  }
  int64_t monotonic_ns() const override {
    using namespace std::chrono;
    return duration_cast<nanoseconds>(steady_clock::now().time_since_epoch()).count();
  }
};

}  // namespace

Clock& system_clock() {
  static SystemClock clock;
  return clock;
}

}  // namespace millrace::base
