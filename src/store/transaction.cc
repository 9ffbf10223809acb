#include "store/transaction.h"

#include <algorithm>

#include "log/log.h"
#include "store/change.h"
#include "store/row_key.h"

namespace millrace::store {
namespace {

constexpr size_t rows_without_index_max = 8;
constexpr size_t record_overhead_bytes = 32;  // sizes and flags around a record's key and values

}  // namespace

TransactionImpl::Row* TransactionImpl::find(std::string_view row_key) {
  if (rows_.size() <= rows_without_index_max) {
    const auto row = std::ranges::find_if(rows_, [&](const Row& row) { return row.row_key == row_key; });
    return row == rows_.end() ? nullptr : &*row;
  }
  if (index_.empty()) {
    for (Row& row : rows_) index_.emplace(row.row_key, &row);
  }
  const auto at = index_.find(row_key);
  return at == index_.end() ? nullptr : at->second;
}

TransactionImpl::Row& TransactionImpl::add(std::string_view row_key) {
  Row& row = rows_.emplace_back();
  row.row_key = row_key;
  if (!index_.empty()) index_.emplace(row.row_key, &row);
  return row;
}

bool TransactionImpl::in_range(std::string_view row_key) const {
  return std::ranges::any_of(ranges_, [&](const Range& range) { return range.from <= row_key && row_key < range.to; });
}

Result<void> TransactionImpl::read_original(Row& row) {
  if (row.original_known) return {};
  TRY_ASSIGN(const ReadResult read, store_.get(keyspace_of(row.row_key), key_of(row.row_key)));
  depends_on_ = std::max(depends_on_, read.depends_on);
  row.original = read.value;
  row.original_known = true;
  return {};
}

Result<Bytes> TransactionImpl::get(Keyspace space, std::string_view key) {
  CHECK(writer_lock_.owns_lock(), "a transaction is over after commit()");
  set_row_key(row_key_, space, key);
  Row* row = find(row_key_);
  if (!row) {
    if (in_range(row_key_)) return nullptr;
    row = &add(row_key_);
  }
  if (row->writes > 0) return row->value;
  TRY(read_original(*row));
  return row->original;
}

Result<void> TransactionImpl::put(Keyspace space, std::string_view key, Bytes value, bool keep_old) {
  CHECK(value, "a put without a value");
  return write(space, key, std::move(value), keep_old);
}

Result<void> TransactionImpl::erase(Keyspace space, std::string_view key, bool keep_old) {
  return write(space, key, nullptr, keep_old);
}

Result<void> TransactionImpl::expire(Keyspace space, std::string_view key) {
  return write(space, key, nullptr, true, true);
}

Result<void> TransactionImpl::write(Keyspace space, std::string_view key, Bytes value, bool keep_old, bool expired) {
  CHECK(writer_lock_.owns_lock(), "a transaction is over after commit()");
  set_row_key(row_key_, space, key);
  Row* row = find(row_key_);
  if (!row) row = &add(row_key_);
  // What was there before need not be read where nobody asks for it.
  if (is_followed(space)) TRY(read_original(*row));
  bytes_ -= bytes_of(*row);
  row->value = std::move(value);
  row->keep_old |= keep_old;
  row->expired = expired;
  ++row->writes;
  const bool ordered = row->operation != none && (ranges_.empty() || row->operation > last_range_operation_);
  if (!ordered) {
    if (row->operation != none) operations_[row->operation] = {};
    row->operation = static_cast<uint32_t>(operations_.size());
    operations_.push_back({row, nullptr});
  }
  bytes_ += bytes_of(*row);
  return {};
}

Result<void> TransactionImpl::erase_range(Keyspace space, std::string_view from, std::string_view to) {
  CHECK(writer_lock_.owns_lock(), "a transaction is over after commit()");
  if (space != records_keyspace) {
    return fail(ErrorKind::unsupported, "a range of keyspace {} cannot be erased, only one of the records", space);
  }
  if (from < to) add_range(row_key(space, from), row_key(space, to));
  return {};
}

void TransactionImpl::erase_keyspace(Keyspace space) {
  add_range(row_key(space, {}), row_key(space.next(), {}));
}

void TransactionImpl::add_range(std::string from, std::string to) {
  Range& range = ranges_.emplace_back(Range{std::move(from), std::move(to)});
  for (Row& row : rows_) {
    if (row.row_key < range.from || row.row_key >= range.to) continue;
    bytes_ -= bytes_of(row);
    if (row.operation != none) operations_[row.operation] = {};
    row.operation = none;
    row.value = nullptr;
    ++row.writes;
  }
  last_range_operation_ = static_cast<uint32_t>(operations_.size());
  operations_.push_back({nullptr, &range});
  bytes_ += record_overhead_bytes + range.from.size() + range.to.size();
}

size_t TransactionImpl::bytes_of(const Row& row) {
  if (row.operation == none) return 0;
  size_t bytes = record_overhead_bytes + row.row_key.size();
  if (row.value) bytes += row.value->size();
  if (row.keep_old && row.original) bytes += row.original->size();
  return bytes;
}

bool TransactionImpl::changes_nothing(const Row& row) {
  if (!row.original_known) return false;
  if (!row.original) return !row.value;
  return row.writes > 1 && row.value && (row.value == row.original || *row.value == *row.original);
}

Result<CommitId> TransactionImpl::commit() {
  CHECK(writer_lock_.owns_lock(), "a transaction is over after commit()");
  const std::unique_lock lock = std::move(writer_lock_);
  std::vector<OverlayWrite> writes;
  writes.reserve(operations_.size());
  std::vector<size_t> data_ends;  // the buffer moves while it grows
  data_ends.reserve(operations_.size());
  std::string data;
  for (const Operation& operation : operations_) {
    if (operation.range) {
      writes.push_back({operation.range->from, nullptr, operation.range->to});
      put_range_erasure(data, {operation.range->to});
    } else if (operation.row && !changes_nothing(*operation.row)) {
      const Row& row = *operation.row;
      writes.push_back({row.row_key, row.value, std::nullopt});
      ChangeView change;
      change.existed = row.original != nullptr;
      change.expired = row.expired;
      if (row.value) change.new_value = *row.value;
      if (row.original && row.keep_old) change.old_value = *row.original;
      put_change(data, change);
    } else {
      continue;
    }
    data_ends.push_back(data.size());
  }
  if (writes.empty()) return CommitId(0);

  std::vector<log::AppendRecord> records;
  records.reserve(writes.size());
  size_t begin = 0;
  for (size_t i = 0; i < writes.size(); ++i) {
    const std::string_view bytes = std::string_view(data).substr(begin, data_ends[i] - begin);
    begin = data_ends[i];
    if (writes[i].range_to) {
      records.push_back({records_keyspace, writes[i].row_key, bytes});
    } else {
      records.push_back({keyspace_of(writes[i].row_key), key_of(writes[i].row_key), bytes});
    }
  }
  return store_.commit(records, writes);
}

}  // namespace millrace::store
