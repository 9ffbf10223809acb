#pragma once
// When rows are due, by their own times and a speed. One thread at a time.

#include <cstdint>

#include "base/ids.h"

namespace millrace::send {

class Pace {
 public:
  // 100: a hundred times as fast as it happened; 0: as fast as it goes.
  explicit Pace(double speed);

  // How long until a row of that time is due; 0: now. The first row is due at once.
  int64_t wait_ns(EventTime time);
  // The same for a row that comes later. Only after a first one, and not at speed 0.
  double seconds_until(EventTime time) const;
  // Rows go later than they are due: something else than their times holds them up.
  bool is_behind() const { return behind_; }

 private:
  int64_t due_in_ns(EventTime time) const;

  double speed_;
  int64_t start_ns_ = 0;
  EventTime first_;
  bool started_ = false;
  bool behind_ = false;
};

}  // namespace millrace::send
