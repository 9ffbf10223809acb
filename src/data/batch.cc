#include "data/batch.h"

#include <algorithm>

namespace millrace::data {

namespace {

constexpr size_t arena_chunk_bytes = size_t{16} << 10;

std::variant<Booleans, Integers, Reals, Decimals, Strings> empty_values(TypeKind kind) {
  switch (kind) {
    case TypeKind::boolean:
      return Booleans();
    case TypeKind::integer:
    case TypeKind::bigint:
    case TypeKind::timestamp:
      return Integers();
    case TypeKind::real:
      return Reals();
    case TypeKind::decimal:
      return Decimals();
    case TypeKind::string:
      return Strings();
  }
  return Integers();
}

}  // namespace

char* StringArena::allocate(size_t size) {
  if (capacity_ - used_ < size) {
    capacity_ = std::max(size, arena_chunk_bytes);
    chunks_.push_back(std::make_unique_for_overwrite<char[]>(capacity_));
    used_ = 0;
    bytes_ += capacity_;
  }
  char* at = chunks_.empty() ? nullptr : chunks_.back().get() + used_;
  used_ += size;
  return at;
}

std::string_view StringArena::copy(std::string_view text) {
  if (text.empty()) return {};
  char* at = allocate(text.size());
  std::memcpy(at, text.data(), text.size());
  return {at, text.size()};
}

Column::Column(Type column_type, size_t rows) : type(column_type), values(empty_values(column_type.kind)) {
  resize(rows);
}

void Column::resize(size_t rows) {
  std::visit([&](auto& v) { v.resize(rows); }, values);
  valid.resize(rows);
}

Value Column::get(size_t row) const {
  if (is_null(row)) return {};
  switch (type.kind) {
    case TypeKind::boolean:
      return booleans()[row] != 0;
    case TypeKind::integer:
    case TypeKind::bigint:
    case TypeKind::timestamp:
      return integers()[row];
    case TypeKind::real:
      return reals()[row];
    case TypeKind::decimal:
      return decimals()[row];
    case TypeKind::string:
      return std::string(strings()[row]);
  }
  return {};
}

void Column::set_null(size_t row) {
  valid[row] = 0;
  std::visit([&](auto& v) { v[row] = {}; }, values);
}

void Column::set(size_t row, const Value& value) {
  if (std::holds_alternative<std::monostate>(value)) return set_null(row);
  valid[row] = 1;
  switch (type.kind) {
    case TypeKind::boolean:
      booleans()[row] = std::get<bool>(value);
      break;
    case TypeKind::integer:
    case TypeKind::bigint:
    case TypeKind::timestamp:
      integers()[row] = std::get<int64_t>(value);
      break;
    case TypeKind::real:
      reals()[row] = std::get<double>(value);
      break;
    case TypeKind::decimal:
      decimals()[row] = std::get<Int128>(value);
      break;
    case TypeKind::string:
      strings()[row] = std::get<std::string>(value);
      break;
  }
}

ColumnPtr gather(const Column& column, const std::vector<uint32_t>& rows) {
  auto out = std::make_shared<Column>();
  out->type = column.type;
  out->valid.resize(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) out->valid[i] = column.valid[rows[i]];
  std::visit(
      [&](const auto& from) {
        std::remove_cvref_t<decltype(from)> to(rows.size());
        for (size_t i = 0; i < rows.size(); ++i) to[i] = from[rows[i]];
        out->values = std::move(to);
      },
      column.values);
  return out;
}

namespace {

std::shared_ptr<const Arrivals> gather(const Arrivals& arrivals, const std::vector<uint32_t>& rows) {
  auto out = std::make_shared<Arrivals>();
  for (const uint32_t row : rows) {
    const auto run = std::ranges::upper_bound(arrivals, row, {}, &ArrivalRun::end);
    if (out->empty() || out->back().time != run->time) out->push_back({0, run->time});
    ++out->back().end;
  }
  size_t end = 0;
  for (ArrivalRun& run : *out) end = run.end += end;
  return out;
}

}  // namespace

Batch gather(const Batch& batch, const std::vector<uint32_t>& rows) {
  Batch out;
  out.rows = rows.size();
  out.owners = batch.owners;
  out.shard = batch.shard;
  out.arrived = batch.arrived;
  if (batch.arrivals) out.arrivals = gather(*batch.arrivals, rows);
  out.columns.reserve(batch.columns.size());
  for (const ColumnPtr& column : batch.columns) out.columns.push_back(gather(*column, rows));
  if (batch.weights) {
    auto weights = std::make_shared<Weights>(rows.size());
    for (size_t i = 0; i < rows.size(); ++i) (*weights)[i] = (*batch.weights)[rows[i]];
    out.weights = std::move(weights);
  }
  return out;
}

}  // namespace millrace::data
