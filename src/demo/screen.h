#pragma once
// The demo in a terminal: a few lines that change in place; where there is no terminal, one plain line now and then.
// Everything goes to stderr. One thread.

#include <cstdint>
#include <string>

#include "demo/ledger.h"
#include "demo/rush.h"
#include "demo/setup.h"

namespace millrace::demo {

struct DemoView {
  double seconds = 0;
  int64_t for_ms = -1;
  uint64_t acknowledged = 0;
  uint64_t orders = 0;
  uint64_t price_changes = 0;
  uint64_t disk_bytes = 0;
  uint64_t disk_bytes_max = 0;
  LatencySummary latency;  // recent
  JobView job;
  bool rush_on = false;
  RushWatch::View rush;
  std::string rush_name;  // of its product
};

class DemoScreen {
 public:
  DemoScreen();
  bool due() const;
  void show(const DemoView& view);

 private:
  bool terminal_;
  bool colour_;
  int lines_ = 0;
  int64_t due_ns_ = 0;
  double last_seconds_ = 0;
  uint64_t last_acknowledged_ = 0;
};

}  // namespace millrace::demo
