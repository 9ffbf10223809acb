#pragma once
// Gathers the rows' arrivals while records become rows, in the order of the log. Values, one thread.

#include <memory>
#include <utility>

#include "data/batch.h"

namespace millrace::connector {

class Arrived {
 public:
  // A record follows; `rows`: how many have been made of those before it.
  void next(ProcessingTime time, size_t rows) {
    if (runs_.empty() || runs_.back().time != time) {
      if (!runs_.empty()) runs_.back().end = rows;
      runs_.push_back({0, time});
    }
  }
  // Null: all arrived together.
  std::shared_ptr<const data::Arrivals> done(size_t rows) {
    if (runs_.size() < 2) return nullptr;
    runs_.back().end = rows;
    return std::make_shared<const data::Arrivals>(std::move(runs_));
  }

 private:
  data::Arrivals runs_;
};

}  // namespace millrace::connector
