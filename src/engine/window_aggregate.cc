#include "engine/window_aggregate.h"

#include "data/text.h"
#include "engine/group_rows.h"

namespace millrace::engine {

namespace {
// The running total keeps keys and values that no row has any more; when it is twice as large as the slices and this,
// it is made anew.
constexpr size_t total_waste_bytes_max = size_t{4} << 20;
// What closing a window without rows counts for beside emit_rows_max.
constexpr size_t window_work = 64;
}  // namespace

Result<std::unique_ptr<WindowAggregate>> WindowAggregate::make(const sql::WindowAggregateNode& node,
                                                               const data::Schema& input, const data::Schema& output,
                                                               bool retracts) {
  if (node.slide_ms <= 0 || node.size_ms <= 0 || node.size_ms % node.slide_ms != 0) {
    return millrace::fail(ErrorKind::invalid_argument, "a window's size must be a multiple of its slide");
  }
  TRY_ASSIGN(AggregateInputs inputs, AggregateInputs::make(node.aggregates));
  return std::unique_ptr<WindowAggregate>(new WindowAggregate(node, input, output, retracts, std::move(inputs)));
}

WindowAggregate::WindowAggregate(const sql::WindowAggregateNode& node, const data::Schema& input,
                                 const data::Schema& output, bool retracts, AggregateInputs inputs)
    : node_(node),
      output_(output),
      retracts_(retracts),
      encoder_(types_of(node.keys, input)),
      inputs_(std::move(inputs)),
      fired_(no_watermark.value) {}

std::unique_ptr<Groups> WindowAggregate::make_groups(const Groups* like) const {
  return std::make_unique<Groups>(node_.aggregates, retracts_, like);
}

int64_t WindowAggregate::slice_start(int64_t time) const {
  return data::floor_divide(time - node_.offset_ms, node_.slide_ms) * node_.slide_ms + node_.offset_ms;
}

void WindowAggregate::sort_into_slices(const data::Batch& batch) {
  const data::Column& times = *batch.columns[node_.time_column];
  slice_rows_used_ = 0;
  SliceRows* current = nullptr;
  for (uint32_t i = 0; i < batch.rows; ++i) {
    const int64_t time = times.integers()[i];
    if (!times.valid[i]) {
      ++late_;
      continue;
    }
    if (current == nullptr || time < current->start || time >= current->start + node_.slide_ms) {
      const int64_t start = slice_start(time);
      current = nullptr;
      for (size_t n = 0; n < slice_rows_used_; ++n) {
        if (slice_rows_[n].start == start) current = &slice_rows_[n];
      }
      if (current == nullptr) {
        if (slice_rows_used_ == slice_rows_.size()) slice_rows_.emplace_back();
        current = &slice_rows_[slice_rows_used_++];
        current->start = start;
        current->rows.clear();
      }
    }
    current->rows.push_back(i);
  }
}

Result<void> WindowAggregate::process(int, const data::Batch& batch) {
  data::StringArena arena;
  inputs_.evaluate(batch, arena);
  std::vector<const data::Column*> columns;
  for (int key : node_.keys) columns.push_back(batch.columns[key].get());
  encoder_.encode(columns, batch.rows);
  arrived_ = std::max(arrived_, batch.arrived);
  sort_into_slices(batch);
  const int8_t* weights = batch.weights ? batch.weights->data() : nullptr;
  for (size_t n = 0; n < slice_rows_used_; ++n) {
    const SliceRows& part = slice_rows_[n];
    const int64_t last_window_end = part.start + node_.size_ms;
    if (last_window_end - 1 <= late_limit()) {
      late_ += part.rows.size();
      continue;
    }
    const auto [at, added] = slices_.try_emplace(part.start);
    auto& slice = at->second;
    if (added) slice = make_groups(at == slices_.begin() ? nullptr : std::prev(at)->second.get());
    slice->add(encoder_.keys(), part.rows, inputs_.inputs(), weights);
    if (total_ && part.start < total_end_ && part.start >= total_end_ - node_.size_ms) {
      total_->add(encoder_.keys(), part.rows, inputs_.inputs(), weights);
    }
    changed_ = true;
  }
  return {};
}

int64_t WindowAggregate::late_limit() const {
  return pending_ ? std::max(fired_, input_.time.value) : fired_;
}

bool WindowAggregate::blocks_input() const {
  return pending_ && (node_.size_ms != node_.slide_ms || input_.time == end_of_input);
}

Result<void> WindowAggregate::advance(int, Watermark watermark) {
  input_ = watermark;
  // What waits for its commit goes on in resume().
  return pending_ ? Result<void>() : fire_closed();
}

Result<void> WindowAggregate::fire_closed() {
  size_t work = 0;
  pending_ = false;
  while (!slices_.empty()) {
    // The first window that is still to be emitted and has rows begins with the oldest slice.
    int64_t window_end = slices_.begin()->first + node_.slide_ms;
    if (fired_ != no_watermark.value && window_end - 1 <= fired_) {
      window_end = slice_start(fired_ + 1) + node_.slide_ms;
    }
    if (window_end - 1 > input_.time.value) break;
    if (work >= emit_rows_max) {
      pending_ = true;
      return {};
    }
    changed_ = true;
    TRY_ASSIGN(const size_t rows, fire(window_end));
    work += rows + window_work;
    if (parts_ != 0) continue;
    fired_ = window_end - 1;
    drop_slices(window_end);
  }
  if (input_.time != end_of_input && input_.time.value > fired_) {
    fired_ = input_.time.value;
    changed_ = true;
  }
  return emit(input_);
}

// Emits the window, or one part of it: parts_ is 0 when it is done.
Result<size_t> WindowAggregate::fire(int64_t window_end) {
  const Groups& groups = node_.size_ms == node_.slide_ms ? *slices_.begin()->second : window_of(window_end);
  if (parts_ == 0) parts_ = std::max<uint64_t>(1, (groups.size() + emit_rows_max - 1) / emit_rows_max);
  TRY_ASSIGN(const size_t rows, emit_window(groups, window_end));
  if (++part_ == parts_) parts_ = part_ = 0;
  return rows;
}

Groups& WindowAggregate::window_of(int64_t window_end) {
  if (part_ > 0 && total_ && total_end_ == window_end) return *total_;
  int64_t from = window_end - node_.size_ms;
  if (total_ && total_->invertible()) {
    size_t live = 0;
    for (const auto& [start, slice] : slices_) live += slice->bytes();
    if (total_->bytes() <= 2 * live + total_waste_bytes_max) from = std::max(from, total_end_);
  }
  if (from < total_end_ || !total_ || !total_->invertible()) {
    total_ = make_groups();
    from = window_end - node_.size_ms;
  }
  for (auto at = slices_.lower_bound(from); at != slices_.end() && at->first < window_end; ++at) {
    total_->merge(*at->second, 1);
  }
  total_end_ = window_end;
  return *total_;
}

void WindowAggregate::drop_slices(int64_t window_end) {
  while (!slices_.empty() && slices_.begin()->first + node_.size_ms <= window_end) {
    if (total_ && total_->invertible()) total_->merge(*slices_.begin()->second, -1);
    slices_.erase(slices_.begin());
  }
  if (slices_.empty()) total_.reset();
}

Result<size_t> WindowAggregate::emit_window(const Groups& groups, int64_t window_end) {
  std::vector<uint32_t> numbers;
  size_t rows = 0;
  const auto flush = [&]() -> Result<void> {
    std::vector<std::shared_ptr<data::Column>> columns;
    data::Batch batch = rows_of_groups(groups, numbers, encoder_, output_, node_.keys.size(), 3, columns);
    batch.arrived = arrived_;
    const int64_t times[] = {window_end - node_.size_ms, window_end, window_end - 1};
    for (size_t n = 0; n < 3; ++n) {
      data::Column& column = *columns[node_.keys.size() + n];
      column.integers().assign(numbers.size(), times[n]);
      column.valid.assign(numbers.size(), 1);
    }
    rows += numbers.size();
    numbers.clear();
    return emit(batch);
  };
  for (uint32_t group = 0; group < groups.size(); ++group) {
    if (groups.rows_of(group) <= 0) continue;
    if (parts_ > 1 && base::hash64(groups.key(group)) % parts_ != part_) continue;
    numbers.push_back(group);
    if (numbers.size() == data::batch_rows_max) TRY(flush());
  }
  if (!numbers.empty()) TRY(flush());
  return rows;
}

void WindowAggregate::put_state(std::string& out, bool only_changed) const {
  base::put_signed_varint(out, fired_);
  base::put_varint(out, slices_.size());
  for (const auto& [start, slice] : slices_) {
    base::put_signed_varint(out, start);
    const bool written = !only_changed || slice->has_changes();
    base::put_u8(out, written);
    if (written) slice->put(out, only_changed);
  }
  base::put_u8(out, pending_);
  if (!pending_) return;
  base::put_signed_varint(out, input_.time.value);
  base::put_varint(out, parts_);
  base::put_varint(out, part_);
}

Result<void> WindowAggregate::get_state(base::ByteReader& in) {
  // A piece names all slices that live: the others have been dropped.
  fired_ = in.signed_varint();
  const uint64_t count = in.varint();
  std::map<int64_t, std::unique_ptr<Groups>> kept;
  for (uint64_t n = 0; n < count && in.ok(); ++n) {
    const int64_t start = in.signed_varint();
    std::unique_ptr<Groups> slice;
    if (const auto old = slices_.find(start); old != slices_.end()) slice = std::move(old->second);
    if (!slice) slice = make_groups();
    if (in.u8()) TRY(slice->get(in));
    kept[start] = std::move(slice);
  }
  // A piece of an earlier program ends here.
  pending_ = !in.done() && in.u8() != 0;
  if (pending_) input_ = {EventTime(in.signed_varint()), false};
  parts_ = pending_ ? in.varint() : 0;
  part_ = pending_ ? in.varint() : 0;
  if (!in.ok()) return millrace::fail(ErrorKind::corrupt, "a window's state record ends early");
  slices_ = std::move(kept);
  total_.reset();
  return {};
}

void WindowAggregate::clear_changes() {
  for (auto& [start, slice] : slices_) {
    if (slice->has_changes()) slice->clear_changes();
  }
  changed_ = false;
}

size_t WindowAggregate::state_bytes() const {
  size_t bytes = total_ ? total_->bytes() : 0;
  for (const auto& [start, slice] : slices_) bytes += slice->bytes();
  return bytes;
}

void WindowAggregate::count(Counters& counters) const {
  counters.late += late_;
  counters.row_errors += inputs_.row_errors();
}

}  // namespace millrace::engine
