#pragma once
// UNION ALL: rows of all inputs as they come; the watermark is the minimum over the inputs that are not idle.
// Thread and failure: operator.h.

#include "engine/operator.h"

namespace millrace::engine {

class Union final : public Operator {
 public:
  explicit Union(size_t inputs) : minimum_(inputs) {}

  Result<void> process(int, const data::Batch& batch) override { return emit(batch); }
  Result<void> advance(int input, Watermark watermark) override;

  bool has_changes() const override { return changed_; }
  void put_state(std::string& out, bool only_changed) const override;
  Result<void> get_state(base::ByteReader& in) override;
  void clear_changes() override { changed_ = false; }

 private:
  WatermarkMinimum minimum_;
  size_t ended_ = 0;
  bool changed_ = false;
};

}  // namespace millrace::engine
