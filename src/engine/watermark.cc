#include "engine/watermark.h"

#include "stream/shard_set.h"

namespace millrace::engine {

namespace {

// Whatever the row and the delay are, the input has not ended.
EventTime less_delay(int64_t newest, int64_t delay_ms) {
  int64_t time = 0;
  if (__builtin_sub_overflow(newest, delay_ms, &time)) time = delay_ms > 0 ? no_watermark.value : end_of_input.value;
  return std::min(EventTime(time), EventTime(end_of_input.value - 1));
}

}  // namespace

WatermarkGenerator::WatermarkGenerator(const sql::WatermarkNode& node, size_t shards) : node_(node), minimum_(shards) {}

int64_t WatermarkGenerator::newest_time(const data::Batch& batch, std::vector<uint32_t>& ahead) const {
  const data::Column& times = *batch.columns[node_.time_column];
  const data::Integers& values = times.integers();
  int64_t newest = no_watermark.value;
  for (size_t i = 0; i < batch.rows; ++i) {
    if (times.valid[i]) newest = std::max(newest, values[i]);
  }
  if (!node_.ahead_max_ms) return newest;
  const auto latest = [&](ProcessingTime arrival) {
    int64_t time = 0;
    return __builtin_add_overflow(arrival.value, *node_.ahead_max_ms, &time) ? end_of_input.value : time;
  };
  // Arrivals never decrease within a shard: mostly the first one settles it for all rows.
  const data::Arrivals together{{batch.rows, batch.arrived}};
  const data::Arrivals& runs = batch.arrivals ? *batch.arrivals : together;
  if (newest <= latest(runs.front().time)) return newest;
  newest = no_watermark.value;
  size_t i = 0;
  for (const data::ArrivalRun& run : runs) {
    for (const int64_t limit = latest(run.time); i < run.end; ++i) {
      if (!times.valid[i]) continue;
      if (values[i] > limit) {
        ahead.push_back(static_cast<uint32_t>(i));
      } else {
        newest = std::max(newest, values[i]);
      }
    }
  }
  return newest;
}

Result<void> WatermarkGenerator::process(int, const data::Batch& batch) {
  std::vector<uint32_t> ahead;
  const int64_t newest = newest_time(batch, ahead);
  if (ahead.empty() || batch.weights) {
    TRY(emit(batch));
  } else {
    ahead_ += ahead.size();
    if (ahead.size() == batch.rows) return {};
    std::vector<uint32_t> kept;
    kept.reserve(batch.rows - ahead.size());
    for (uint32_t row = 0, at = 0; row < batch.rows; ++row) {
      if (at < ahead.size() && ahead[at] == row) {
        ++at;
      } else {
        kept.push_back(row);
      }
    }
    TRY(emit(gather(batch, kept)));
  }
  Watermark& shard = minimum_.input(batch.shard);
  if (shard.idle) {
    shard.idle = false;
    changed_ = true;
  }
  if (const EventTime time = less_delay(newest, node_.delay_ms); newest != no_watermark.value && time > shard.time) {
    shard.time = time;
    changed_ = true;
  }
  return update();
}

Result<void> WatermarkGenerator::advance(int, Watermark watermark) {
  // Not kept in the state: a job that is resumed after its end goes on from the shards' own watermarks.
  if (watermark.time == end_of_input) return emit(watermark);
  return {};
}

void WatermarkGenerator::begin(size_t shards) {
  std::vector<Watermark> inputs = minimum_.inputs();
  inputs.resize(shards, Watermark{no_watermark, false});
  minimum_.set_inputs(std::move(inputs));
}

Result<void> WatermarkGenerator::follow(const ShardsChange& change) {
  std::vector<Watermark> inputs;
  for (const size_t kept : change.kept) inputs.push_back(minimum_.input(kept));
  for (const std::vector<size_t>& parents : change.added) {
    Watermark added{no_watermark, false};
    for (const size_t parent : parents) {
      const EventTime time = minimum_.input(parent).time;
      if (time != no_watermark) added.time = added.time == no_watermark ? time : std::min(added.time, time);
    }
    inputs.push_back(added);
  }
  minimum_.set_inputs(std::move(inputs));
  changed_ = true;
  return update();
}

Result<std::optional<ProcessingTime>> WatermarkGenerator::tick(ProcessingTime now,
                                                               const std::vector<ShardActivity>& shards) {
  std::optional<ProcessingTime> next;
  bool fell_idle = false;
  for (size_t n = 0; n < shards.size(); ++n) {
    Watermark& shard = minimum_.input(n);
    if (shard.idle) continue;
    if (shards[n].finished) {
      shard.idle = true;
      fell_idle = true;
      continue;
    }
    if (!shards[n].at_end || node_.idle_timeout_ms <= 0) continue;
    const ProcessingTime due(shards[n].last_activity.value + node_.idle_timeout_ms);
    if (due <= now) {
      shard.idle = true;
      fell_idle = true;
    } else {
      next = next ? std::min(*next, due) : due;
    }
  }
  if (fell_idle) {
    changed_ = true;
    TRY(update());
  }
  return next;
}

Result<void> WatermarkGenerator::update() {
  if (!minimum_.update()) return {};
  return emit(minimum_.current());
}

void WatermarkGenerator::put_state(std::string& out, bool) const {
  base::put_varint(out, minimum_.inputs().size());
  for (const Watermark& shard : minimum_.inputs()) {
    base::put_signed_varint(out, shard.time.value);
    base::put_u8(out, shard.idle);
  }
}

Result<void> WatermarkGenerator::get_state(base::ByteReader& in) {
  // As many as the source's state has.
  const uint64_t shards = in.varint();
  if (shards > stream::ShardSet::shards_max)
    return millrace::fail(ErrorKind::corrupt, "a watermark of {} shards", shards);
  minimum_.set_inputs(std::vector<Watermark>(shards, Watermark{no_watermark, false}));
  for (size_t n = 0; n < shards; ++n) {
    minimum_.input(n).time = EventTime(in.signed_varint());
    minimum_.input(n).idle = in.u8() != 0;
  }
  if (!in.ok()) return millrace::fail(ErrorKind::corrupt, "a watermark's state record ends early");
  // Not emitted: the operators above restore their own watermark.
  minimum_.update();
  return {};
}

}  // namespace millrace::engine
