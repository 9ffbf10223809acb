#include "engine/window_aggregate.h"

#include <algorithm>

#include "data/text.h"
#include "engine/group_rows.h"

namespace millrace::engine {

namespace {
// The running total keeps keys and values that no row has any more; when it is twice as large as the slices and this,
// it is made anew.
constexpr size_t total_waste_bytes_max = size_t{4} << 20;
// What closing a window without rows counts for beside emit_rows_max.
constexpr size_t window_work = 64;
// Far outside of the times that rows can have (data/text.h), and far from where sums with window sizes overflow.
constexpr int64_t time_max = int64_t{1} << 60;
// How many groups that join their slice count for as much as one row.
constexpr size_t groups_per_row = 8;
}  // namespace

Result<std::unique_ptr<WindowAggregate>> WindowAggregate::make(const sql::WindowAggregateNode& node,
                                                               const data::Schema& input, const data::Schema& output) {
  if (node.slide_ms <= 0 || node.size_ms <= 0 || node.size_ms % node.slide_ms != 0) {
    return millrace::fail(ErrorKind::invalid_argument, "a window's size must be a multiple of its slide");
  }
  TRY_ASSIGN(AggregateInputs inputs, AggregateInputs::make(node.aggregates));
  return std::unique_ptr<WindowAggregate>(new WindowAggregate(node, input, output, std::move(inputs)));
}

WindowAggregate::WindowAggregate(const sql::WindowAggregateNode& node, const data::Schema& input,
                                 const data::Schema& output, AggregateInputs inputs)
    : node_(node),
      output_(output),
      encoder_(types_of(node.keys, input)),
      inputs_(std::move(inputs)),
      fired_(no_watermark.value) {}

std::unique_ptr<Groups> WindowAggregate::make_groups(const Groups* like) const {
  return std::make_unique<Groups>(node_.aggregates, node_.retractable, like);
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
    Slices& slices = slices_for(part.start);
    const auto [at, added] = slices.try_emplace(part.start);
    auto& slice = at->second;
    if (added) slice = make_groups(at == slices.begin() ? nullptr : std::prev(at)->second.get());
    slice->add(encoder_.keys(), part.rows, inputs_.inputs(), weights);
    if (&slices == &slices_ && total_ && part.start < total_end_) {
      total_->add(encoder_.keys(), part.rows, inputs_.inputs(), weights);
    }
    changed_ = true;
  }
  return {};
}

int64_t WindowAggregate::late_limit() const {
  return pending() ? std::max(fired_, input_.time.value) : fired_;
}

WindowAggregate::Slices& WindowAggregate::slices_for(int64_t start) {
  return !closings_.empty() && start < closings_.back().end ? closings_.back().later : slices_;
}

WindowAggregate::Closing WindowAggregate::closing(int64_t until) const {
  const int64_t end = until == end_of_input.value ? until : slice_start(until + 1);
  return {until, end, {}};
}

bool WindowAggregate::blocks_input() const {
  return pending() && (closings_.size() >= closings_max || input_.time == end_of_input);
}

Result<void> WindowAggregate::advance(int, Watermark watermark) {
  input_ = watermark;
  if (!pending()) return fire_closed();
  // What waits for its commit goes on in resume().
  if (Closing next = closing(watermark.time.value); next.end > closings_.back().end) {
    closings_.push_back(std::move(next));
    changed_ = true;
  }
  return {};
}

Result<void> WindowAggregate::fire_closed() {
  size_t work = 0;
  for (;;) {
    const int64_t until = closings_.empty() ? input_.time.value : closings_.front().until;
    TRY_ASSIGN(bool all, fire_until(until, work));
    if (all && !closings_.empty()) all = merge_later(work);
    if (!all) {
      if (closings_.empty()) closings_.push_back(closing(until));
      return {};
    }
    if (!closings_.empty()) closings_.pop_front();
    if (until != end_of_input.value && until > fired_) {
      fired_ = until;
      changed_ = true;
    }
    TRY(emit(Watermark{EventTime(until), input_.idle}));
    if (until == input_.time.value) return {};
  }
}

Result<bool> WindowAggregate::fire_until(int64_t until, size_t& work) {
  while (!slices_.empty()) {
    // The first window that is still to be emitted and has rows begins with the oldest slice.
    int64_t window_end = slices_.begin()->first + node_.slide_ms;
    if (fired_ != no_watermark.value && window_end - 1 <= fired_) {
      window_end = slice_start(fired_ + 1) + node_.slide_ms;
    }
    if (window_end - 1 > until) break;
    if (work >= emit_rows_max) return false;
    changed_ = true;
    TRY_ASSIGN(const size_t rows, fire(window_end));
    work += rows + window_work;
    if (parts_ != 0) continue;
    fired_ = window_end - 1;
    drop_slices(window_end);
  }
  return true;
}

// The windows of the oldest closing are out: the rows that came after it join the others.
bool WindowAggregate::merge_later(size_t& work) {
  Slices& later = closings_.front().later;
  while (!later.empty()) {
    if (work >= emit_rows_max) return false;
    const auto& [start, groups] = *later.begin();
    auto& slice = slices_[start];
    if (!slice) slice = make_groups();
    slice->absorb(*groups);
    if (total_ && start < total_end_) total_->absorb(*groups);
    work += 1 + groups->size() / groups_per_row;
    later.erase(later.begin());
    changed_ = true;
  }
  return true;
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

void WindowAggregate::put_slices(std::string& out, const Slices& slices, bool only_changed) {
  base::put_varint(out, slices.size());
  for (const auto& [start, slice] : slices) {
    base::put_signed_varint(out, start);
    const bool written = !only_changed || slice->has_changes();
    base::put_u8(out, written);
    if (written) slice->put(out, only_changed);
  }
}

// A piece names all slices that live: the others have been dropped.
Result<WindowAggregate::Slices> WindowAggregate::get_slices(base::ByteReader& in, Slices& old) const {
  Slices slices;
  const uint64_t count = in.varint();
  for (uint64_t n = 0; n < count && in.ok(); ++n) {
    const int64_t start = in.signed_varint();
    std::unique_ptr<Groups> slice;
    if (const auto known = old.find(start); known != old.end()) slice = std::move(known->second);
    if (!slice) slice = make_groups();
    if (in.u8()) TRY(slice->get(in));
    slices[start] = std::move(slice);
  }
  return slices;
}

void WindowAggregate::put_state(std::string& out, bool only_changed) const {
  base::put_signed_varint(out, fired_);
  put_slices(out, slices_, only_changed);
  base::put_u8(out, pending());
  if (!pending()) return;
  base::put_signed_varint(out, input_.time.value);
  base::put_varint(out, parts_);
  base::put_varint(out, part_);
  base::put_varint(out, closings_.size());
  for (const Closing& closing : closings_) {
    base::put_signed_varint(out, closing.until);
    put_slices(out, closing.later, only_changed);
  }
}

Result<void> WindowAggregate::get_state(base::ByteReader& in) {
  fired_ = in.signed_varint();
  TRY_ASSIGN(Slices slices, get_slices(in, slices_));
  // Pieces of earlier programs end here, or after the part.
  const bool is_pending = !in.done() && in.u8() != 0;
  if (is_pending) input_ = {EventTime(in.signed_varint()), false};
  parts_ = is_pending ? in.varint() : 0;
  part_ = is_pending ? in.varint() : 0;
  const bool lists_closings = is_pending && !in.done();
  const uint64_t count = lists_closings ? in.varint() : 0;
  std::deque<Closing> closings;
  const auto add_closing = [&](int64_t until) {
    const bool possible = until == end_of_input.value || (until > -time_max && until < time_max);
    if (possible) closings.push_back(closing(until));
    return possible;
  };
  for (uint64_t n = 0; n < count && in.ok(); ++n) {
    if (!add_closing(in.signed_varint())) break;
    Closing& next = closings.back();
    Slices none;
    const auto old = std::ranges::find(closings_, next.until, &Closing::until);
    TRY_ASSIGN(next.later, get_slices(in, old == closings_.end() ? none : old->later));
  }
  if (is_pending && !lists_closings) add_closing(input_.time.value);
  if (!in.ok() || closings.size() < count || closings.empty() == is_pending) {
    return millrace::fail(ErrorKind::corrupt, "a window's state record ends early");
  }
  slices_ = std::move(slices);
  closings_ = std::move(closings);
  total_.reset();
  return {};
}

void WindowAggregate::clear_changes() {
  const auto clear = [](Slices& slices) {
    for (auto& [start, slice] : slices) {
      if (slice->has_changes()) slice->clear_changes();
    }
  };
  clear(slices_);
  for (Closing& closing : closings_) clear(closing.later);
  changed_ = false;
}

size_t WindowAggregate::state_bytes() const {
  size_t bytes = total_ ? total_->bytes() : 0;
  for (const auto& [start, slice] : slices_) bytes += slice->bytes();
  for (const Closing& closing : closings_) {
    for (const auto& [start, slice] : closing.later) bytes += slice->bytes();
  }
  return bytes;
}

void WindowAggregate::count(Counters& counters) const {
  counters.late += late_;
  counters.row_errors += inputs_.row_errors();
}

}  // namespace millrace::engine
