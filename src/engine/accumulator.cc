#include "engine/accumulator.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "data/text.h"
#include "engine/distinct.h"

namespace millrace::engine {

using data::Column;
using data::Int128;
using data::Type;
using data::TypeKind;
using sql::Aggregate;
using sql::AggregateFunction;

namespace {

// Sums wider than a column's 128 bits, so that adding and taking away never loses what overflows in between.
struct WideSum {
  Int128 low = 0;  // modulo 2^128
  int64_t high = 0;

  void add(Int128 v, int sign) {
    __extension__ using Unsigned = unsigned __int128;
    const Int128 term = sign < 0 ? -v : v;
    const Int128 before = low;
    low = static_cast<Int128>(static_cast<Unsigned>(before) + static_cast<Unsigned>(term));
    if (term > 0 && low < before) ++high;
    if (term < 0 && low > before) --high;
  }
  void add(const WideSum& other, int sign) {
    add(other.low, sign);
    high += sign * other.high;
  }
  std::optional<Int128> value() const { return high == 0 ? std::optional(low) : std::nullopt; }
};

void put_value(std::string& out, int64_t v) {
  base::put_signed_varint(out, v);
}
void put_value(std::string& out, double v) {
  base::put_fixed(out, v);
}
void put_value(std::string& out, Int128 v) {
  put_int128(out, v);
}
void put_value(std::string& out, const WideSum& v) {
  put_int128(out, v.low);
  base::put_signed_varint(out, v.high);
}
void put_value(std::string& out, const std::string& v) {
  base::put_bytes(out, v);
}
void get_value(base::ByteReader& in, int64_t& v) {
  v = in.signed_varint();
}
void get_value(base::ByteReader& in, double& v) {
  v = in.fixed<double>();
}
void get_value(base::ByteReader& in, Int128& v) {
  v = get_int128(in);
}
void get_value(base::ByteReader& in, WideSum& v) {
  v.low = get_int128(in);
  v.high = in.signed_varint();
}
void get_value(base::ByteReader& in, std::string& v) {
  v = std::string(in.bytes());
}

class Count final : public Accumulator {
 public:
  void grow(size_t groups) override { counts_.resize(groups); }
  bool reads_argument() const override { return false; }
  void update(const AggregateInput& input, const RowGroups& rows) override {
    for (size_t k = 0; k < rows.rows.size(); ++k) {
      const uint32_t row = rows.rows[k];
      counts_[rows.groups[k]] += input.included[row] * rows.weight(row);
    }
  }
  void merge(const Accumulator& other, std::span<const uint32_t> to, int sign) override {
    const auto& from = static_cast<const Count&>(other).counts_;
    for (size_t g = 0; g < to.size(); ++g) counts_[to[g]] += sign * from[g];
  }
  bool invertible() const override { return true; }
  void result(uint32_t group, Column& out, size_t row) const override {
    out.integers()[row] = counts_[group];
    out.valid[row] = 1;
  }
  void put(std::string& out, std::span<const uint32_t> groups, bool) const override {
    for (uint32_t g : groups) base::put_signed_varint(out, counts_[g]);
  }
  void get(base::ByteReader& in, std::span<const uint32_t> groups) override {
    for (uint32_t g : groups) counts_[g] = in.signed_varint();
  }
  size_t bytes() const override { return counts_.capacity() * sizeof(int64_t); }

 private:
  std::vector<int64_t> counts_;
};

// How SUM and AVG of a type's values T are kept and shown.
template <class T>
struct SumOf;
template <>
struct SumOf<int64_t> {
  using State = int64_t;
  static void add(State& state, int64_t v, int sign) {
    state = static_cast<int64_t>(static_cast<uint64_t>(state) + static_cast<uint64_t>(sign) * static_cast<uint64_t>(v));
  }
  static constexpr bool exact = true;
};
template <>
struct SumOf<Int128> {
  using State = WideSum;
  template <class V>
  static void add(State& state, const V& v, int sign) {
    state.add(v, sign);
  }
  static constexpr bool exact = true;
};
template <>
struct SumOf<double> {
  using State = double;
  static void add(State& state, double v, int sign) { state += sign * v; }
  static constexpr bool exact = false;
};

template <class T>
class Sum final : public Accumulator {
 public:
  Sum(Type argument, Type type, bool average) : argument_(argument), type_(type), average_(average) {}

  void grow(size_t groups) override {
    sums_.resize(groups);
    counts_.resize(groups);
  }
  void update(const AggregateInput& input, const RowGroups& rows) override {
    const auto& values = std::get<std::vector<T>>(input.argument.column->values);
    for (size_t k = 0; k < rows.rows.size(); ++k) {
      const uint32_t row = rows.rows[k];
      if (!input.included[row]) continue;
      const int weight = rows.weight(row);
      SumOf<T>::add(sums_[rows.groups[k]], values[row & input.argument.mask], weight);
      counts_[rows.groups[k]] += weight;
    }
  }
  void merge(const Accumulator& other, std::span<const uint32_t> to, int sign) override {
    const auto& from = static_cast<const Sum&>(other);
    for (size_t g = 0; g < to.size(); ++g) {
      SumOf<T>::add(sums_[to[g]], from.sums_[g], sign);
      counts_[to[g]] += sign * from.counts_[g];
    }
  }
  bool invertible() const override { return SumOf<T>::exact; }
  void result(uint32_t group, Column& out, size_t row) const override {
    out.valid[row] = 0;
    if (counts_[group] == 0) return;
    if constexpr (std::is_same_v<T, int64_t>) {
      int64_t v = average_ ? sums_[group] / counts_[group] : sums_[group];
      if (type_.kind == TypeKind::integer) v = static_cast<int32_t>(v);
      out.integers()[row] = v;
      out.valid[row] = 1;
    } else if constexpr (std::is_same_v<T, double>) {
      out.reals()[row] = average_ ? sums_[group] / static_cast<double>(counts_[group]) : sums_[group];
      out.valid[row] = 1;
    } else {
      const auto sum = sums_[group].value();
      if (!sum) return;
      const auto shown =
          average_ ? mean(*sum, counts_[group]) : data::rescale(*sum, argument_.scale, type_.scale, type_.precision);
      if (!shown) return;
      out.decimals()[row] = *shown;
      out.valid[row] = 1;
    }
  }
  void put(std::string& out, std::span<const uint32_t> groups, bool) const override {
    for (uint32_t g : groups) {
      base::put_signed_varint(out, counts_[g]);
      put_value(out, sums_[g]);
    }
  }
  void get(base::ByteReader& in, std::span<const uint32_t> groups) override {
    for (uint32_t g : groups) {
      counts_[g] = in.signed_varint();
      get_value(in, sums_[g]);
    }
  }
  size_t bytes() const override { return counts_.capacity() * (sizeof(int64_t) + sizeof(typename SumOf<T>::State)); }

 private:
  // Half up at the result's scale, in steps that cannot overflow: the whole part, then digit by digit.
  std::optional<Int128> mean(Int128 sum, int64_t count) const {
    const bool negative = (sum < 0) != (count < 0);
    const Int128 divisor = count < 0 ? -Int128{count} : Int128{count};
    if (sum < 0) sum = -sum;
    Int128 quotient = sum / divisor;
    Int128 rest = sum % divisor;
    for (int digit = argument_.scale; digit < type_.scale; ++digit) {
      if (__builtin_mul_overflow(quotient, Int128{10}, &quotient)) return std::nullopt;
      rest *= 10;
      quotient += rest / divisor;
      rest %= divisor;
    }
    if (type_.scale >= argument_.scale && rest * 2 >= divisor) ++quotient;
    if (type_.scale < argument_.scale) {
      const auto shorter = data::rescale(quotient, argument_.scale, type_.scale, 38);
      if (!shorter) return std::nullopt;
      quotient = *shorter;
    }
    if (quotient >= data::power_of_ten(type_.precision)) return std::nullopt;
    return negative ? -quotient : quotient;
  }

  Type argument_;
  Type type_;
  bool average_;
  std::vector<typename SumOf<T>::State> sums_;
  std::vector<int64_t> counts_;
};

template <class T>
struct Held {
  using Value = T;
};
template <>
struct Held<std::string_view> {
  using Value = std::string;
};
template <>
struct Held<uint8_t> {
  using Value = int64_t;
};

template <class T, class V>
void set_result(const V& value, Column& out, size_t row) {
  std::get<std::vector<T>>(out.values)[row] = static_cast<T>(value);
  out.valid[row] = 1;
}

// NaN is the greatest number, as in Java's Double.compare(); by < alone it would have no place in an order.
struct Before {
  using is_transparent = void;
  template <class A, class B>
  bool operator()(const A& a, const B& b) const {
    if constexpr (std::is_floating_point_v<A>) {
      if (std::isnan(a) || std::isnan(b)) return !std::isnan(a) && std::isnan(b);
    }
    return a < b;
  }
};

// MIN or MAX of rows that are never taken back.
template <class T>
class Extreme final : public Accumulator {
 public:
  using Value = typename Held<T>::Value;
  explicit Extreme(bool max) : max_(max) {}

  void grow(size_t groups) override {
    values_.resize(groups);
    present_.resize(groups);
  }
  void update(const AggregateInput& input, const RowGroups& rows) override {
    const auto& values = std::get<std::vector<T>>(input.argument.column->values);
    for (size_t k = 0; k < rows.rows.size(); ++k) {
      const uint32_t row = rows.rows[k];
      if (input.included[row]) offer(rows.groups[k], values[row & input.argument.mask]);
    }
  }
  void merge(const Accumulator& other, std::span<const uint32_t> to, int) override {
    const auto& from = static_cast<const Extreme&>(other);
    for (size_t g = 0; g < to.size(); ++g) {
      if (from.present_[g]) offer(to[g], from.values_[g]);
    }
  }
  bool invertible() const override { return false; }
  void result(uint32_t group, Column& out, size_t row) const override {
    out.valid[row] = 0;
    if (present_[group]) set_result<T>(values_[group], out, row);
  }
  void put(std::string& out, std::span<const uint32_t> groups, bool) const override {
    for (uint32_t g : groups) {
      base::put_u8(out, present_[g]);
      if (present_[g]) put_value(out, values_[g]);
    }
  }
  void get(base::ByteReader& in, std::span<const uint32_t> groups) override {
    for (uint32_t g : groups) {
      present_[g] = in.u8();
      if (present_[g]) get_value(in, values_[g]);
    }
  }
  size_t bytes() const override { return values_.capacity() * (sizeof(Value) + 1); }

 private:
  template <class V>
  void offer(uint32_t group, const V& v) {
    const Before before;
    if (present_[group] && !(max_ ? before(values_[group], v) : before(v, values_[group]))) return;
    values_[group] = static_cast<Value>(v);
    present_[group] = 1;
  }

  bool max_;
  std::vector<Value> values_;
  std::vector<uint8_t> present_;
};

// MIN or MAX of rows that may be taken back: every value with its multiplicity. A retraction that overtakes its
// insertion leaves a negative multiplicity until the insertion comes; such values do not show.
template <class T>
class RetractableExtreme final : public Accumulator {
 public:
  using Value = typename Held<T>::Value;
  explicit RetractableExtreme(bool max) : max_(max) {}

  void grow(size_t groups) override { values_.resize(groups); }
  void update(const AggregateInput& input, const RowGroups& rows) override {
    const auto& values = std::get<std::vector<T>>(input.argument.column->values);
    for (size_t k = 0; k < rows.rows.size(); ++k) {
      const uint32_t row = rows.rows[k];
      if (input.included[row]) {
        add(rows.groups[k], static_cast<Value>(values[row & input.argument.mask]), rows.weight(row));
      }
    }
  }
  void merge(const Accumulator& other, std::span<const uint32_t> to, int sign) override {
    const auto& from = static_cast<const RetractableExtreme&>(other);
    for (size_t g = 0; g < to.size(); ++g) {
      for (const auto& [value, count] : from.values_[g]) add(to[g], value, sign * count);
    }
  }
  bool invertible() const override { return true; }
  void result(uint32_t group, Column& out, size_t row) const override {
    out.valid[row] = 0;
    const auto& counts = values_[group];
    if (max_) {
      const auto found = std::find_if(counts.rbegin(), counts.rend(), [](const auto& e) { return e.second > 0; });
      if (found != counts.rend()) set_result<T>(found->first, out, row);
    } else {
      const auto found = std::find_if(counts.begin(), counts.end(), [](const auto& e) { return e.second > 0; });
      if (found != counts.end()) set_result<T>(found->first, out, row);
    }
  }
  void put(std::string& out, std::span<const uint32_t> groups, bool) const override {
    for (uint32_t g : groups) {
      base::put_varint(out, values_[g].size());
      for (const auto& [value, count] : values_[g]) {
        put_value(out, value);
        base::put_signed_varint(out, count);
      }
    }
  }
  void get(base::ByteReader& in, std::span<const uint32_t> groups) override {
    for (uint32_t g : groups) {
      values_[g].clear();
      const uint64_t size = in.varint();
      for (uint64_t i = 0; i < size && in.ok(); ++i) {
        Value value{};
        get_value(in, value);
        values_[g][value] = in.signed_varint();
      }
    }
  }
  size_t bytes() const override {
    size_t entries = 0;
    for (const auto& counts : values_) entries += counts.size();
    return values_.capacity() * sizeof(values_[0]) + entries * (sizeof(Value) + 48);
  }

 private:
  void add(uint32_t group, const Value& value, int64_t weight) {
    const auto at = values_[group].try_emplace(value, 0).first;
    at->second += weight;
    if (at->second == 0) values_[group].erase(at);
  }

  bool max_;
  std::vector<std::map<Value, int64_t, Before>> values_;
};

class Decayed final : public Accumulator {
 public:
  explicit Decayed(const Aggregate& aggregate)
      : half_life_ms_(aggregate.half_life_ms),
        scale_(aggregate.argument && aggregate.argument->type.kind == TypeKind::decimal ? aggregate.argument->type.scale
                                                                                        : 0) {}

  void grow(size_t groups) override { sums_.resize(groups); }
  void update(const AggregateInput& input, const RowGroups& rows) override {
    const auto& times = input.time->integers();
    for (size_t k = 0; k < rows.rows.size(); ++k) {
      const uint32_t row = rows.rows[k];
      if (!input.time->valid[row]) continue;
      DecayedSum& sum = sums_[rows.groups[k]];
      if (!input.included[row]) {
        // The result is as of the newest event of the group, so rows that the filter leaves out count for that.
        sum.touch(times[row], (*input.places)[row]);
        continue;
      }
      Int128 x = 1;
      if (input.argument.column != nullptr) {
        const size_t at = row & input.argument.mask;
        x = scale_ > 0 || input.argument.column->type.kind == TypeKind::decimal
                ? input.argument.column->decimals()[at]
                : Int128{input.argument.column->integers()[at]};
      }
      sum.add(times[row], (*input.places)[row], x * rows.weight(row));
    }
  }
  void merge(const Accumulator& other, std::span<const uint32_t> to, int) override {
    const auto& from = static_cast<const Decayed&>(other).sums_;
    for (size_t g = 0; g < to.size(); ++g) sums_[to[g]].merge(from[g]);
  }
  bool invertible() const override { return false; }
  void result(uint32_t group, Column& out, size_t row) const override {
    double v = sums_[group].value(half_life_ms_);
    if (scale_ > 0) v /= static_cast<double>(data::power_of_ten(scale_));
    out.reals()[row] = v;
    out.valid[row] = 1;
  }
  void put(std::string& out, std::span<const uint32_t> groups, bool only_changed) const override {
    for (uint32_t g : groups) sums_[g].put(out, only_changed);
  }
  void get(base::ByteReader& in, std::span<const uint32_t> groups) override {
    for (uint32_t g : groups) sums_[g].get(in);
  }
  void clear_changes(std::span<const uint32_t> groups) override {
    for (uint32_t g : groups) sums_[g].clear_dirty();
  }
  size_t bytes() const override { return sums_.capacity() * (sizeof(DecayedSum) + 4 * sizeof(Int128)); }

 private:
  int64_t half_life_ms_;
  int scale_;
  std::vector<DecayedSum> sums_;
};

template <template <class> class Kind>
std::unique_ptr<Accumulator> make_extreme(TypeKind kind, bool max) {
  switch (kind) {
    case TypeKind::boolean:
      return std::make_unique<Kind<uint8_t>>(max);
    case TypeKind::real:
      return std::make_unique<Kind<double>>(max);
    case TypeKind::decimal:
      return std::make_unique<Kind<Int128>>(max);
    case TypeKind::string:
      return std::make_unique<Kind<std::string_view>>(max);
    default:
      return std::make_unique<Kind<int64_t>>(max);
  }
}

std::unique_ptr<Accumulator> make_plain(const Aggregate& aggregate, bool retracts) {
  switch (aggregate.function) {
    case AggregateFunction::count:
      return std::make_unique<Count>();
    case AggregateFunction::sum:
    case AggregateFunction::average: {
      const bool average = aggregate.function == AggregateFunction::average;
      const Type argument = aggregate.argument->type;
      if (argument.kind == TypeKind::decimal) return std::make_unique<Sum<Int128>>(argument, aggregate.type, average);
      if (argument.kind == TypeKind::real) return std::make_unique<Sum<double>>(argument, aggregate.type, average);
      return std::make_unique<Sum<int64_t>>(argument, aggregate.type, average);
    }
    case AggregateFunction::min:
    case AggregateFunction::max: {
      const bool max = aggregate.function == AggregateFunction::max;
      const TypeKind kind = aggregate.argument->type.kind;
      return retracts ? make_extreme<RetractableExtreme>(kind, max) : make_extreme<Extreme>(kind, max);
    }
    case AggregateFunction::decayed_sum:
      return std::make_unique<Decayed>(aggregate);
  }
  CHECK(false);
  return nullptr;
}

}  // namespace

std::unique_ptr<Accumulator> make_accumulator(const Aggregate& aggregate, bool retracts) {
  // MIN and MAX of the distinct values are those of all values.
  const bool distinct = aggregate.distinct && aggregate.argument && aggregate.function != AggregateFunction::min &&
                        aggregate.function != AggregateFunction::max &&
                        aggregate.function != AggregateFunction::decayed_sum;
  if (!distinct) return make_plain(aggregate, retracts);
  return make_distinct(aggregate.argument->type, make_plain(aggregate, retracts));
}

}  // namespace millrace::engine
