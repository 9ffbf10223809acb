#include "engine/expression.h"

#include "engine/kernels.h"

namespace millrace::engine {

using data::Batch;
using data::Column;
using data::ColumnPtr;
using data::Type;
using data::TypeKind;
using sql::Expression;
using sql::Function;

namespace {

Operand literal_operand(const Expression& e) {
  auto column = std::make_shared<Column>(e.type, 1);
  if (std::holds_alternative<std::string>(e.literal)) {
    // The view points into the expression itself, which the plan keeps.
    column->strings()[0] = std::get<std::string>(e.literal);
    column->valid[0] = 1;
  } else {
    column->set(0, e.literal);
  }
  return {std::move(column), 0};
}

Operand logical(const Expression& e, const std::vector<Operand>& arguments, const KernelContext& context) {
  if (e.function == Function::logical_not) {
    return map_unary<uint8_t, uint8_t>(e.type, context, arguments[0], [](uint8_t v) -> uint8_t { return v == 0; });
  }
  const bool is_and = e.function == Function::logical_and;
  Operand result = arguments[0];
  for (size_t k = 1; k < arguments.size(); ++k) {
    const Operand a = result;
    const Operand& b = arguments[k];
    Target target = target_for(e.type, context, a, b);
    auto& out = target.column->booleans();
    const auto& av = values_of<uint8_t>(a);
    const auto& bv = values_of<uint8_t>(b);
    for (size_t i = 0; i < target.rows; ++i) {
      const uint8_t a_valid = a.column->valid[i & a.mask];
      const uint8_t b_valid = b.column->valid[i & b.mask];
      const uint8_t x = av[i & a.mask];
      const uint8_t y = bv[i & b.mask];
      // One operand that decides makes the result known whatever the other is.
      const uint8_t decided = is_and ? (a_valid & (x ^ 1)) | (b_valid & (y ^ 1)) : (a_valid & x) | (b_valid & y);
      target.column->valid[i] = (a_valid & b_valid) | decided;
      out[i] = is_and ? (a_valid & b_valid & x & y) : (decided & 1);
    }
    result = target.operand();
  }
  return result;
}

Operand null_test(const Expression& e, const Operand& a, const KernelContext& context) {
  Target target = target_for(e.type, context, a);
  const uint8_t flip = e.function == Function::is_null ? 1 : 0;
  for (size_t i = 0; i < target.rows; ++i) {
    target.column->valid[i] = 1;
    target.column->booleans()[i] = a.column->valid[i] ^ flip;
  }
  return target.operand();
}

void copy_rows(const Operand& from, Column& to, const std::vector<uint8_t>& chosen) {
  std::visit(
      [&](auto& out) {
        const auto& in = std::get<std::remove_cvref_t<decltype(out)>>(from.column->values);
        for (size_t i = 0; i < chosen.size(); ++i) {
          if (!chosen[i]) continue;
          out[i] = in[i & from.mask];
          to.valid[i] = from.column->valid[i & from.mask];
        }
      },
      to.values);
}

bool any(const std::vector<uint8_t>& flags) {
  for (uint8_t flag : flags) {
    if (flag) return true;
  }
  return false;
}

}  // namespace

Result<void> Evaluator::prepare(const sql::ExpressionPtr& expression) {
  if (!expression) return {};
  kept_.emplace(expression.get(), expression);
  if (expression->kind == Expression::Kind::literal) {
    literals_.emplace(expression.get(), literal_operand(*expression));
  }
  if (expression->kind == Expression::Kind::call && expression->function == Function::in_list) {
    if (auto set = LiteralSet::make(*expression)) {
      sets_.emplace(expression.get(), std::move(set));
      return prepare(expression->arguments[0]);
    }
  }
  for (const auto& argument : expression->arguments) TRY(prepare(argument));
  if (expression->kind == Expression::Kind::call && expression->function == Function::regexp_extract) {
    const auto* pattern = std::get_if<std::string>(&expression->arguments[1]->literal);
    if (pattern == nullptr) return millrace::fail(ErrorKind::unsupported, "REGEXP_EXTRACT takes a literal pattern");
    auto compiled = std::make_unique<re2::RE2>(*pattern, re2::RE2::Quiet);
    if (!compiled->ok()) {
      return millrace::fail(ErrorKind::invalid_argument, "'{}' is no regular expression: {}", *pattern,
                            compiled->error());
    }
    patterns_.emplace(expression.get(), std::move(compiled));
  }
  return {};
}

Operand Evaluator::evaluate(const Expression& expression, const Batch& batch, data::StringArena& arena) {
  batch_ = &batch;
  arena_ = &arena;
  return run(expression, nullptr);
}

ColumnPtr Evaluator::column(const Expression& expression, const Batch& batch, data::StringArena& arena) {
  return materialized(evaluate(expression, batch, arena), batch.rows);
}

bool Evaluator::select(const Expression& condition, const Batch& batch, data::StringArena& arena,
                       std::vector<uint32_t>& rows) {
  rows.clear();
  const Operand result = evaluate(condition, batch, arena);
  const auto& values = values_of<uint8_t>(result);
  if (result.constant()) return !(result.column->valid[0] && values[0]);
  rows.resize(batch.rows);
  size_t count = 0;
  for (size_t i = 0; i < batch.rows; ++i) {
    rows[count] = static_cast<uint32_t>(i);
    count += result.column->valid[i] & values[i];
  }
  rows.resize(count);
  if (count != batch.rows) return true;
  rows.clear();
  return false;
}

Operand Evaluator::run(const Expression& expression, const uint8_t* active) {
  switch (expression.kind) {
    case Expression::Kind::column:
      return {batch_->columns[expression.column], ~size_t{0}};
    case Expression::Kind::literal: {
      const auto found = literals_.find(&expression);
      return found != literals_.end() ? found->second : literal_operand(expression);
    }
    case Expression::Kind::call:
      break;
  }
  if (expression.function == Function::case_when) return case_when(expression, active);
  if (expression.function == Function::coalesce) return coalesce(expression, active);
  return call(expression, active);
}

Operand Evaluator::call(const Expression& e, const uint8_t* active) {
  const KernelContext context{*batch_, *arena_, active, row_errors_};
  if (e.function == Function::in_list) {
    const auto set = sets_.find(&e);
    if (set != sets_.end()) return set->second->contains(e, run(*e.arguments[0], active), context);
  }
  std::vector<Operand> arguments;
  arguments.reserve(e.arguments.size());
  for (const auto& argument : e.arguments) arguments.push_back(run(*argument, active));
  switch (e.function) {
    case Function::add:
    case Function::subtract:
    case Function::multiply:
    case Function::divide:
    case Function::modulo:
    case Function::negate:
    case Function::absolute:
    case Function::floor:
    case Function::ceil:
    case Function::round:
      return arithmetic(e, arguments, context);
    case Function::equal:
    case Function::not_equal:
    case Function::less:
    case Function::less_equal:
    case Function::greater:
    case Function::greater_equal:
    case Function::in_list:
    case Function::nullif:
    case Function::greatest:
    case Function::least:
      return comparison(e, arguments, context);
    case Function::logical_and:
    case Function::logical_or:
    case Function::logical_not:
      return logical(e, arguments, context);
    case Function::is_null:
    case Function::is_not_null:
      return null_test(e, arguments[0], context);
    case Function::cast:
    case Function::try_cast:
      return cast_operand(arguments[0], e.type, e.function == Function::cast, context);
    case Function::like:
    case Function::lower:
    case Function::upper:
    case Function::trim:
    case Function::char_length:
    case Function::substring:
    case Function::concat:
    case Function::replace:
    case Function::split_index:
      return text_function(e, arguments, context, nullptr);
    case Function::regexp_extract: {
      const auto pattern = patterns_.find(&e);
      CHECK(pattern != patterns_.end(), "the expression was not prepared");
      return text_function(e, arguments, context, pattern->second.get());
    }
    case Function::to_timestamp:
    case Function::to_timestamp_ltz:
    case Function::unix_timestamp:
    case Function::date_format:
    case Function::timestamp_add_ms:
    case Function::extract_hour:
    case Function::extract_day:
    case Function::extract_month:
    case Function::extract_year:
    case Function::extract_minute:
    case Function::extract_second:
    case Function::proctime:
      return time_function(e, arguments, context);
    case Function::case_when:
    case Function::coalesce:
      break;
  }
  CHECK(false, "function {}", static_cast<int>(e.function));
  return {};
}

Operand Evaluator::case_when(const Expression& e, const uint8_t* active) {
  const size_t rows = batch_->rows;
  auto out = std::make_shared<Column>(e.type, rows);
  std::vector<uint8_t> open(rows, 1);  // rows that no branch has taken yet
  if (active != nullptr) open.assign(active, active + rows);
  std::vector<uint8_t> chosen(rows);
  const size_t branches = e.arguments.size() / 2;
  for (size_t branch = 0; branch < branches && any(open); ++branch) {
    const Operand condition = run(*e.arguments[2 * branch], open.data());
    const auto& truth = values_of<uint8_t>(condition);
    for (size_t i = 0; i < rows; ++i) {
      chosen[i] = open[i] & condition.column->valid[i & condition.mask] & truth[i & condition.mask];
      open[i] &= chosen[i] ^ 1;
    }
    if (any(chosen)) copy_rows(run(*e.arguments[2 * branch + 1], chosen.data()), *out, chosen);
  }
  if (e.arguments.size() % 2 == 1 && any(open)) copy_rows(run(*e.arguments.back(), open.data()), *out, open);
  return {std::move(out), ~size_t{0}};
}

Operand Evaluator::coalesce(const Expression& e, const uint8_t* active) {
  const size_t rows = batch_->rows;
  auto out = std::make_shared<Column>(e.type, rows);
  std::vector<uint8_t> open(rows, 1);
  if (active != nullptr) open.assign(active, active + rows);
  for (const auto& argument : e.arguments) {
    if (!any(open)) break;
    copy_rows(run(*argument, open.data()), *out, open);
    for (size_t i = 0; i < rows; ++i) open[i] &= out->valid[i] ^ 1;
  }
  return {std::move(out), ~size_t{0}};
}

ColumnPtr materialized(const Operand& operand, size_t rows) {
  if (!operand.constant()) return operand.column;
  auto out = std::make_shared<Column>();
  out->type = operand.column->type;
  out->valid.assign(rows, operand.column->valid[0]);
  std::visit([&](const auto& values) { out->values = std::remove_cvref_t<decltype(values)>(rows, values[0]); },
             operand.column->values);
  return out;
}

}  // namespace millrace::engine
