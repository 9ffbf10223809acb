#pragma once
// The loops that expressions are made of; private to the evaluator's files. A kernel reads operands that may be
// constant, writes one column, and never branches on nulls where the value does not matter.

#include <memory>
#include <vector>

#include "data/batch.h"
#include "engine/expression.h"

namespace millrace::engine {

template <class T>
const std::vector<T>& values_of(const Operand& operand) {
  return std::get<std::vector<T>>(operand.column->values);
}

struct KernelContext {
  const data::Batch& batch;
  data::StringArena& arena;
  const uint8_t* active;  // null: all rows; errors of other rows do not count
  uint64_t& row_errors;

  void error(size_t row) const { row_errors += active == nullptr || active[row] != 0; }
};

// A result with a row per row of the batch, or a single one if all operands are constant.
struct Target {
  std::shared_ptr<data::Column> column;
  size_t rows;
  size_t mask;

  Operand operand() const { return {column, mask}; }
};

template <class... Operands>
Target target_for(data::Type type, const KernelContext& context, const Operands&... operands) {
  const bool constant = (operands.constant() && ...);
  const size_t rows = constant ? 1 : context.batch.rows;
  return {std::make_shared<data::Column>(type, rows), rows, constant ? size_t{0} : ~size_t{0}};
}

// out = f(a) where a is not NULL; f works on any value, the zero under a NULL too.
template <class Out, class A, class F>
Operand map_unary(data::Type type, const KernelContext& context, const Operand& a, F f) {
  Target target = target_for(type, context, a);
  auto& out = std::get<std::vector<Out>>(target.column->values);
  const auto& av = values_of<A>(a);
  for (size_t i = 0; i < target.rows; ++i) {
    target.column->valid[i] = a.column->valid[i];
    out[i] = target.column->valid[i] ? f(av[i]) : Out{};
  }
  return target.operand();
}

template <class Out, class A, class B, class F>
Operand map_binary(data::Type type, const KernelContext& context, const Operand& a, const Operand& b, F f) {
  Target target = target_for(type, context, a, b);
  auto& out = std::get<std::vector<Out>>(target.column->values);
  const auto& av = values_of<A>(a);
  const auto& bv = values_of<B>(b);
  auto* valid = target.column->valid.data();
  for (size_t i = 0; i < target.rows; ++i) {
    valid[i] = a.column->valid[i & a.mask] & b.column->valid[i & b.mask];
    out[i] = valid[i] ? f(av[i & a.mask], bv[i & b.mask]) : Out{};
  }
  return target.operand();
}

enum class Outcome : uint8_t { value, null, error };

// f(a, out) says what became of the row.
template <class Out, class A, class F>
Operand try_unary(data::Type type, const KernelContext& context, const Operand& a, F f) {
  Target target = target_for(type, context, a);
  auto& out = std::get<std::vector<Out>>(target.column->values);
  const auto& av = values_of<A>(a);
  for (size_t i = 0; i < target.rows; ++i) {
    if (!a.column->valid[i]) continue;
    const Outcome outcome = f(av[i], out[i]);
    target.column->valid[i] = outcome == Outcome::value;
    if (outcome != Outcome::value) out[i] = Out{};
    if (outcome == Outcome::error) context.error(i);
  }
  return target.operand();
}

template <class Out, class A, class B, class F>
Operand try_binary(data::Type type, const KernelContext& context, const Operand& a, const Operand& b, F f) {
  Target target = target_for(type, context, a, b);
  auto& out = std::get<std::vector<Out>>(target.column->values);
  const auto& av = values_of<A>(a);
  const auto& bv = values_of<B>(b);
  for (size_t i = 0; i < target.rows; ++i) {
    if (!(a.column->valid[i & a.mask] & b.column->valid[i & b.mask])) continue;
    const Outcome outcome = f(av[i & a.mask], bv[i & b.mask], out[i]);
    target.column->valid[i] = outcome == Outcome::value;
    if (outcome != Outcome::value) out[i] = Out{};
    if (outcome == Outcome::error) context.error(i);
  }
  return target.operand();
}

// The constants of a long IN list as a hash set, made once.
class LiteralSet {
 public:
  static constexpr size_t scanned_max = 16;  // a list as short as that is looked through

  // Null: the list is short, or the constants are not of the type of what is looked for.
  static std::shared_ptr<const LiteralSet> make(const sql::Expression& in_list);
  virtual ~LiteralSet() = default;
  virtual Operand contains(const sql::Expression& e, const Operand& a, const KernelContext& context) const = 0;
};

// The families of functions, one file each.
Operand cast_operand(const Operand& from, data::Type to, bool count_errors, const KernelContext& context);
Operand arithmetic(const sql::Expression& e, const std::vector<Operand>& arguments, const KernelContext& context);
Operand comparison(const sql::Expression& e, const std::vector<Operand>& arguments, const KernelContext& context);
Operand text_function(const sql::Expression& e, const std::vector<Operand>& arguments, const KernelContext& context,
                      const re2::RE2* pattern);
Operand time_function(const sql::Expression& e, const std::vector<Operand>& arguments, const KernelContext& context);

}  // namespace millrace::engine
