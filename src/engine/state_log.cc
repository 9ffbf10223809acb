#include "engine/state_log.h"

#include <algorithm>

namespace millrace::engine {

namespace {

constexpr uint8_t header_version = 2;

using Header = StateLog::Header;

std::string encode(const Header& header) {
  std::string out;
  base::put_u8(out, header_version);
  base::put_varint(out, header.generation);
  base::put_varint(out, header.number);
  base::put_varint(out, header.change_bytes);
  base::put_varint(out, header.snapshot_bytes);
  base::put_fixed(out, header.plan_hash);
  const JobTotals& totals = header.totals;
  for (uint64_t total : {totals.rows_in, totals.rows_out, totals.rows_late, totals.rows_bad, totals.rows_duplicate,
                         totals.row_errors, totals.commits, totals.rows_ahead}) {
    base::put_varint(out, total);
  }
  base::put_varint(out, header.row_records);
  return out;
}

Result<Header> decode(std::string_view bytes) {
  base::ByteReader in(bytes);
  if (const uint8_t version = in.u8(); in.ok() && version != header_version) {
    return millrace::fail(
        ErrorKind::unsupported,
        "the job's state is of version {}, this program keeps version {}; remove the job and submit it "
        "again",
        version, header_version);
  }
  Header header;
  header.generation = in.varint();
  header.number = in.varint();
  header.change_bytes = in.varint();
  header.snapshot_bytes = in.varint();
  header.plan_hash = in.fixed<uint64_t>();
  JobTotals& totals = header.totals;
  for (uint64_t* total : {&totals.rows_in, &totals.rows_out, &totals.rows_late, &totals.rows_bad,
                          &totals.rows_duplicate, &totals.row_errors, &totals.commits}) {
    *total = in.varint();
  }
  // These two came later than the others.
  if (!in.done()) totals.rows_ahead = in.varint();
  if (!in.done()) header.row_records = in.varint();
  if (!in.ok()) return millrace::fail(ErrorKind::corrupt, "a job's header ends early");
  return header;
}

Result<void> apply_piece(Pipeline& pipeline, std::string_view piece) {
  base::ByteReader in(piece);
  while (!in.done()) {
    const uint64_t id = in.varint();
    base::ByteReader state(in.bytes());
    if (!in.ok() || id >= pipeline.operators()) {
      return millrace::fail(ErrorKind::corrupt, "a job's state record does not fit its plan");
    }
    TRY(pipeline.at(id).get_state(state));
  }
  return {};
}

}  // namespace

StateLog::StateLog(connector::Storage& storage, std::string_view job) : storage_(storage), prefix_(prefix_of(job)) {}

std::string StateLog::prefix_of(std::string_view job) {
  return fmt::format("engine/job/{}/", job);
}

std::string StateLog::generation_prefix(uint64_t generation) const {
  return fmt::format("{}state/{:016x}/", prefix_, generation);
}

Result<bool> StateLog::open(uint64_t plan_hash, JobTotals& totals) {
  TRY_ASSIGN(const auto stored, storage_.get_record(prefix_ + "commit"));
  if (!stored) {
    TRY(find_left_over());
    return false;
  }
  TRY_ASSIGN(const Header header, decode(*stored));
  if (header.plan_hash != plan_hash) {
    return millrace::fail(ErrorKind::invalid_argument,
                          "the plan of the script is not the one that the state was made by; remove the job and submit "
                          "it again");
  }
  any_ = true;
  generation_ = header.generation;
  number_ = header.number;
  change_bytes_ = header.change_bytes;
  snapshot_bytes_ = header.snapshot_bytes;
  totals = header.totals;
  row_records_ = header.row_records;
  return true;
}

Result<void> StateLog::restore(Pipeline& pipeline, const std::atomic<bool>& give_up) {
  Result<void> applied;
  std::string piece;
  std::string piece_number;
  const std::string prefix = generation_prefix(generation_);
  const std::string last = fmt::format("{:016x}", number_);
  TRY(storage_.scan_records(prefix, [&](std::string_view key, std::string_view value) {
    const std::string_view number = key.substr(prefix.size(), 16);
    if (number > last || give_up) return false;
    if (number != piece_number) {
      if (!piece.empty()) applied = apply_piece(pipeline, piece);
      piece.clear();
      piece_number = number;
    }
    piece += value;
    return applied.has_value();
  }));
  if (give_up) {
    return millrace::fail(ErrorKind::unavailable, "the job was stopped before its state was restored");
  }
  if (applied && !piece.empty()) applied = apply_piece(pipeline, piece);
  if (!applied) return std::unexpected(applied.error());
  if (piece_number != last) return millrace::fail(ErrorKind::corrupt, "a job's last state record is missing");
  return find_left_over();
}

// Pieces that went ahead of a commit which never came would be read together with those of the next one. That one
// erases them: a job whose disk is full at its start waits then, as for any other commit.
Result<void> StateLog::find_left_over() {
  const std::string last = generation_prefix(generation_) + fmt::format("{:016x}", number_);
  TRY(storage_.scan_records(prefix_ + "state/", [&](std::string_view key, std::string_view) {
    if (!any_ || key.substr(0, last.size()) > last) left_over_.emplace_back(key);
    return true;
  }));
  const std::string rows = last_rows_prefix();
  return storage_.scan_records(prefix_ + "rows/", [&](std::string_view key, std::string_view) {
    if (!any_ || row_records_ == 0 || !key.starts_with(rows)) left_over_.emplace_back(key);
    return true;
  });
}

std::string StateLog::last_rows_prefix() const {
  return fmt::format("{}rows/{:016x}/{:016x}.", prefix_, generation_, number_);
}

std::string StateLog::rows_prefix() const {
  return fmt::format("{}rows/{:016x}/{:016x}.", prefix_, next_header_.generation, next_header_.number);
}

std::vector<StateLog::Record> StateLog::rows_aside(std::string_view rows) const {
  std::vector<Record> records;
  for (size_t from = 0; from < rows.size(); from += record_bytes_max) {
    records.push_back(
        {fmt::format("{}{:06x}", rows_prefix(), records.size()), std::string(rows.substr(from, record_bytes_max))});
  }
  return records;
}

StateLog::Record StateLog::header_with_rows(size_t row_records) const {
  Header header = next_header_;
  header.row_records = row_records;
  return {prefix_ + "commit", encode(header)};
}

StateLog::Record StateLog::rows_written(size_t rows, const Held& held) const {
  std::string value;
  base::put_varint(value, rows);
  base::put_varint(value, held.from.value);
  base::put_varint(value, held.shards.size());
  for (const ShardId shard : held.shards) base::put_varint(value, shard.value);
  return {rows_prefix() + "written", std::move(value)};
}

Result<std::optional<StateLog::Held>> StateLog::held() const {
  if (row_records_ == 0) return std::nullopt;
  TRY_ASSIGN(const auto stored, storage_.get_record(last_rows_prefix() + "written"));
  if (!stored) return std::nullopt;
  base::ByteReader in(*stored);
  in.varint();
  // A record of an earlier program ends here.
  if (in.done()) return std::nullopt;
  Held held;
  held.from = GroupNumber(in.varint());
  const uint64_t count = in.varint();
  for (uint64_t n = 0; n < count && in.ok(); ++n) {
    held.shards.emplace_back(static_cast<uint32_t>(in.varint()));
  }
  if (!in.ok()) return millrace::fail(ErrorKind::corrupt, "the rows of a job's last commit are damaged");
  return held;
}

Result<std::optional<StateLog::Unfinished>> StateLog::unfinished_rows() {
  if (row_records_ == 0) return std::nullopt;
  Unfinished unfinished;
  size_t records = 0;
  const std::string prefix = last_rows_prefix();
  TRY(storage_.scan_records(prefix, [&](std::string_view key, std::string_view value) {
    if (key.substr(prefix.size()) == "written") {
      base::ByteReader in(value);
      unfinished.written = in.varint();
    } else {
      ++records;
      unfinished.rows += value;
    }
    return true;
  }));
  if (records == 0) return std::nullopt;
  if (records != row_records_) return millrace::fail(ErrorKind::corrupt, "rows of a job's last commit are missing");
  next_header_.generation = generation_;
  next_header_.number = number_;
  return unfinished;
}

StateLog::Writes StateLog::next(const Pipeline& pipeline, uint64_t plan_hash, const JobTotals& totals) {
  std::string piece;
  const auto put = [&](bool only_changed) {
    piece.clear();
    std::string state;
    for (size_t id = 0; id < pipeline.operators(); ++id) {
      const Operator& op = pipeline.at(id);
      if (only_changed && !op.has_changes()) continue;
      state.clear();
      op.put_state(state, only_changed);
      if (state.empty()) continue;
      base::put_varint(piece, id);
      base::put_bytes(piece, state);
    }
  };
  next_is_snapshot_ = !any_;
  put(any_);
  if (any_ && change_bytes_ + piece.size() > std::max<uint64_t>(snapshot_bytes_min, snapshot_bytes_)) {
    next_is_snapshot_ = true;
    put(false);
  }
  next_bytes_ = piece.size();

  Header header;
  header.generation = any_ && next_is_snapshot_ ? generation_ + 1 : generation_;
  header.number = any_ ? number_ + 1 : 0;
  header.change_bytes = next_is_snapshot_ ? 0 : change_bytes_ + next_bytes_;
  header.snapshot_bytes = next_is_snapshot_ ? next_bytes_ : snapshot_bytes_;
  header.plan_hash = plan_hash;
  header.totals = totals;

  next_header_ = header;
  Writes writes;
  writes.left_over = left_over_;
  writes.header = {prefix_ + "commit", encode(header)};
  if (any_ && next_is_snapshot_) writes.erased_prefix = generation_prefix(generation_);
  const std::string key = generation_prefix(header.generation) + fmt::format("{:016x}", header.number);
  size_t part = 0;
  for (size_t from = 0; from < piece.size() || part == 0; from += record_bytes_max) {
    writes.pieces.push_back({fmt::format("{}.{:06x}", key, part++), piece.substr(from, record_bytes_max)});
  }
  return writes;
}

void StateLog::committed() {
  left_over_.clear();
  if (any_ && next_is_snapshot_) ++generation_;
  number_ = any_ ? number_ + 1 : 0;
  any_ = true;
  if (next_is_snapshot_) {
    snapshot_bytes_ = next_bytes_;
    change_bytes_ = 0;
  } else {
    change_bytes_ += next_bytes_;
  }
}

}  // namespace millrace::engine
