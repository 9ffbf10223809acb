#include <re2/re2.h>

#include <algorithm>
#include <array>

#include "data/time_pattern.h"
#include "sql/binder.h"
#include "sql/fold.h"
#include "sql/names.h"

namespace millrace::sql {

using data::Type;
using data::TypeKind;

namespace {

constexpr size_t pattern_bytes_max = 1024;

// Functions whose arguments and result have one type each.
struct Signature {
  std::string_view name;
  Function function;
  std::vector<TypeKind> arguments;
  size_t required;
  TypeKind result;
  bool may_be_null = false;  // though no argument is
  int literal = -1;          // the argument that must be a literal
};

const std::vector<Signature>& signatures() {
  using enum TypeKind;
  static const std::vector<Signature> all = {
      {"LOWER", Function::lower, {string}, 1, string},
      {"UPPER", Function::upper, {string}, 1, string},
      {"TRIM", Function::trim, {string}, 1, string},
      {"CHAR_LENGTH", Function::char_length, {string}, 1, integer},
      {"CHARACTER_LENGTH", Function::char_length, {string}, 1, integer},
      {"SUBSTRING", Function::substring, {string, integer, integer}, 2, string, true},
      {"SUBSTR", Function::substring, {string, integer, integer}, 2, string, true},
      {"REPLACE", Function::replace, {string, string, string}, 3, string},
      {"SPLIT_INDEX", Function::split_index, {string, string, integer}, 3, string, true},
      {"REGEXP_EXTRACT", Function::regexp_extract, {string, string, integer}, 2, string, true, 1},
      {"TO_TIMESTAMP", Function::to_timestamp, {string, string}, 1, timestamp, true, 1},
      {"UNIX_TIMESTAMP", Function::unix_timestamp, {timestamp}, 1, bigint},
      {"DATE_FORMAT", Function::date_format, {timestamp, string}, 2, string, false, 1},
      {"YEAR", Function::extract_year, {timestamp}, 1, bigint},
      {"MONTH", Function::extract_month, {timestamp}, 1, bigint},
      {"DAYOFMONTH", Function::extract_day, {timestamp}, 1, bigint},
      {"HOUR", Function::extract_hour, {timestamp}, 1, bigint},
      {"MINUTE", Function::extract_minute, {timestamp}, 1, bigint},
      {"SECOND", Function::extract_second, {timestamp}, 1, bigint},
  };
  return all;
}

constexpr auto special_names = std::to_array<std::string_view>(
    {"ABS", "FLOOR", "CEIL", "CEILING", "ROUND", "MOD", "CONCAT", "COALESCE", "IFNULL", "NULLIF", "GREATEST", "LEAST",
     "IF", "TO_TIMESTAMP_LTZ", "TIMESTAMPADD", "PROCTIME"});
constexpr auto aggregate_names =
    std::to_array<std::string_view>({"COUNT", "SUM", "AVG", "MIN", "MAX", "DECAYED_COUNT", "DECAYED_SUM"});

struct Refusal {
  std::string_view name;
  std::string_view reason;
};
constexpr std::string_view no_clock =
    "its value would differ when the job is repeated; PROCTIME() is the time of processing";
constexpr std::string_view use_window =
    "write FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(time), INTERVAL '10' SECOND)) and GROUP BY window_start, window_end";
constexpr std::string_view no_ranks = "ROW_NUMBER() for removing duplicates is the only ranking that is supported";
constexpr auto refusals = std::to_array<Refusal>({
    {"NOW", no_clock},
    {"CURRENT_TIMESTAMP", no_clock},
    {"CURRENT_ROW_TIMESTAMP", no_clock},
    {"RAND", no_clock},
    {"UUID", no_clock},
    {"TUMBLE", use_window},
    {"HOP", use_window},
    {"TUMBLE_START", use_window},
    {"TUMBLE_END", use_window},
    {"TUMBLE_ROWTIME", use_window},
    {"HOP_START", use_window},
    {"HOP_END", use_window},
    {"HOP_ROWTIME", use_window},
    {"SESSION", "session windows are not supported; TUMBLE and HOP are"},
    {"SESSION_START", "session windows are not supported; TUMBLE and HOP are"},
    {"SESSION_END", "session windows are not supported; TUMBLE and HOP are"},
    {"RANK", no_ranks},
    {"DENSE_RANK", no_ranks},
    {"LAG", "OVER aggregates are not supported"},
    {"LEAD", "OVER aggregates are not supported"},
    {"FIRST_VALUE", "the first row of each key is ROW_NUMBER() = 1; MIN and MAX take the smallest and greatest value"},
    {"LAST_VALUE", "the newest row of each key is what INSERT INTO a table with a primary key keeps"},
    {"JSON_VALUE", "declare the field as a column of the table"},
});

std::string kind_name(TypeKind kind) {
  return to_string(Type{kind});
}

// The pattern is compiled only to be checked: the plan has it as text.
Result<> check_pattern(Function function, const ExpressionPtr& literal, const ParsedExpression& parsed) {
  const auto* text = std::get_if<std::string>(&literal->literal);
  if (text == nullptr) return {};
  if (function == Function::regexp_extract) {
    if (text->size() > pattern_bytes_max) {
      return fail_at(parsed.position, "a pattern has at most {} bytes", pattern_bytes_max);
    }
    const re2::RE2 pattern(*text, re2::RE2::Quiet);
    if (pattern.ok()) return {};
    return fail_at(parsed.position, "'{}' is no regular expression of RE2 (no backreferences, no look-around): {}",
                   *text, pattern.error());
  }
  using Use = data::TimePattern::Use;
  const auto pattern = data::TimePattern::make(*text, function == Function::to_timestamp ? Use::parse : Use::format);
  if (!pattern) return fail_at(parsed.position, "{}", pattern.error().message);
  return {};
}

}  // namespace

bool is_aggregate_name(std::string_view capitals) {
  return std::find(aggregate_names.begin(), aggregate_names.end(), capitals) != aggregate_names.end();
}

bool has_aggregate(const ParsedExpression& parsed) {
  if (parsed.kind == ParsedExpression::Kind::call && is_aggregate_name(parsed.text) && !parsed.over) return true;
  return std::any_of(parsed.arguments.begin(), parsed.arguments.end(),
                     [](const auto& argument) { return has_aggregate(*argument); });
}

Result<> Binder::check_arguments(const ParsedExpression& call, size_t min, size_t max) const {
  const size_t count = call.arguments.size();
  if (count >= min && count <= max) return {};
  const std::string wanted = min == max ? fmt::format("{}", min) : fmt::format("{} to {}", min, max);
  return fail_at(call.position, "{} takes {} argument{}, not {}", call.text, wanted, max == 1 ? "" : "s", count);
}

Result<ExpressionPtr> Binder::bind_argument(const ParsedExpression& call, size_t index, TypeKind kind) {
  const ParsedExpression& parsed = *call.arguments[index];
  TRY_ASSIGN(Bound bound, bind(parsed));
  if (bound.untyped_null) return make_null(Type{kind});
  const bool interval = bound.interval_ms.has_value();
  if (!interval) {
    const Type& type = bound.expression->type;
    if (type.kind == kind) return bound.expression;
    // INT where BIGINT is wanted, and the reverse for positions and lengths, which are small.
    if (type.is_integer() && (kind == TypeKind::integer || kind == TypeKind::bigint)) {
      return cast_to(bound.expression, Type{kind});
    }
    if (kind == TypeKind::real && type.is_numeric()) return cast_to(bound.expression, Type{kind});
  }
  return fail_at(parsed.position, "argument {} of {} must be {}, and this is {}", index + 1, call.text, kind_name(kind),
                 interval ? "an interval" : to_string(with_nullable(bound.expression->type, true)));
}

Result<Bound> Binder::bind_call(const ParsedExpression& parsed) {
  if (parsed.over) {
    if (parsed.text == "ROW_NUMBER") {
      return fail_at(parsed.position,
                     "ROW_NUMBER() OVER (...) stands by itself in the SELECT of a subquery, whose reader "
                     "says WHERE row_number = 1");
    }
    return fail_at(parsed.position,
                   "OVER aggregates are not supported; use a HOP window with GROUP BY, or ROW_NUMBER() to "
                   "keep the first row of each key");
  }
  for (const Refusal& refusal : refusals) {
    if (parsed.text == refusal.name) {
      return fail_at(parsed.position, "{} is not supported: {}", parsed.text, refusal.reason);
    }
  }
  if (is_aggregate_name(parsed.text)) return bind_aggregate(parsed);
  if (parsed.distinct) return fail_at(parsed.position, "{} is no aggregate and takes no DISTINCT", parsed.text);
  if (parsed.filter) return fail_at(parsed.position, "{} is no aggregate and takes no FILTER", parsed.text);
  if (parsed.text == "ROW_NUMBER")
    return fail_at(parsed.position, "ROW_NUMBER() needs OVER (PARTITION BY ... ORDER BY ...)");

  for (const Signature& signature : signatures()) {
    if (signature.name != parsed.text) continue;
    TRY(check_arguments(parsed, signature.required, signature.arguments.size()));
    std::vector<ExpressionPtr> arguments;
    bool nullable = signature.may_be_null;
    for (size_t i = 0; i < parsed.arguments.size(); ++i) {
      TRY_ASSIGN(auto argument, bind_argument(parsed, i, signature.arguments[i]));
      if (static_cast<int>(i) == signature.literal && !is_literal(argument)) {
        return fail_at(parsed.arguments[i]->position, "argument {} of {} must be a text between single quotes", i + 1,
                       parsed.text);
      }
      if (static_cast<int>(i) == signature.literal)
        TRY(check_pattern(signature.function, argument, *parsed.arguments[i]));
      nullable = nullable || argument->type.nullable;
      arguments.push_back(std::move(argument));
    }
    const Type type = with_nullable(Type{signature.result}, nullable);
    return finish(fold(make_call(signature.function, type, std::move(arguments))), parsed.position);
  }
  if (std::find(special_names.begin(), special_names.end(), parsed.text) != special_names.end()) {
    return bind_special(parsed);
  }
  std::vector<std::string> known;
  for (const Signature& signature : signatures()) known.emplace_back(signature.name);
  known.insert(known.end(), special_names.begin(), special_names.end());
  known.insert(known.end(), aggregate_names.begin(), aggregate_names.end());
  const std::string near = nearest(parsed.text, known);
  return fail_at(
      parsed.position, "there is no function '{}'{}", parsed.text,
      near.empty() ? std::string("; docs/sql.md lists the functions") : fmt::format("; did you mean {}?", near));
}

Result<Bound> Binder::bind_special(const ParsedExpression& parsed) {
  const std::string& name = parsed.text;
  if (name == "PROCTIME") {
    TRY(check_arguments(parsed, 0, 0));
    Bound bound = finish(make_call(Function::proctime, timestamp_type(false), {}), parsed.position);
    bound.time = TimeAttribute::processing_time;
    return bound;
  }
  if (name == "TO_TIMESTAMP_LTZ") {
    TRY(check_arguments(parsed, 1, 2));
    TRY_ASSIGN(Bound number, bind(*parsed.arguments[0]));
    if (!number.untyped_null && (number.interval_ms || !number.expression->type.is_integer())) {
      return fail_at(parsed.arguments[0]->position,
                     "TO_TIMESTAMP_LTZ takes a whole number of milliseconds; TO_TIMESTAMP "
                     "reads a text");
    }
    ExpressionPtr precision = make_literal(int64_t{3}, integer_type(false));
    if (parsed.arguments.size() == 2) {
      TRY_ASSIGN(precision, bind_argument(parsed, 1, TypeKind::integer));
      const auto* value = is_literal(precision) ? std::get_if<int64_t>(&precision->literal) : nullptr;
      if (value == nullptr || (*value != 0 && *value != 3)) {
        return fail_at(parsed.arguments[1]->position,
                       "the precision of TO_TIMESTAMP_LTZ is 0 (seconds) or 3 (milliseconds)");
      }
    }
    auto argument = number.untyped_null ? make_null(bigint_type(true)) : cast_to(number.expression, bigint_type(true));
    const Type type = timestamp_type(true);  // a number beyond the calendar is NULL
    return finish(fold(make_call(Function::to_timestamp_ltz, type, {std::move(argument), std::move(precision)})),
                  parsed.position);
  }
  if (name == "TIMESTAMPADD") {
    TRY(check_arguments(parsed, 3, 3));
    if (parsed.arguments[0]->kind != ParsedExpression::Kind::interval_literal) {
      return fail_at(parsed.arguments[0]->position, "the unit of TIMESTAMPADD is DAY, HOUR, MINUTE or SECOND");
    }
    TRY_ASSIGN(auto count, bind_argument(parsed, 1, TypeKind::bigint));
    TRY_ASSIGN(auto time, bind_argument(parsed, 2, TypeKind::timestamp));
    auto milliseconds = make_arithmetic(Function::multiply, std::move(count),
                                        make_literal(parsed.arguments[0]->interval_ms, bigint_type(false)));
    const Type type = timestamp_type(time->type.nullable || milliseconds->type.nullable);
    return finish(fold(make_call(Function::timestamp_add_ms, type, {std::move(time), std::move(milliseconds)})),
                  parsed.position);
  }
  if (name == "CONCAT") {
    TRY(check_arguments(parsed, 1, 100));
    std::vector<ExpressionPtr> arguments;
    bool nullable = false;
    for (size_t i = 0; i < parsed.arguments.size(); ++i) {
      TRY_ASSIGN(auto argument, bind_argument(parsed, i, TypeKind::string));
      nullable = nullable || argument->type.nullable;
      arguments.push_back(std::move(argument));
    }
    return finish(fold(make_call(Function::concat, string_type(nullable), std::move(arguments))), parsed.position);
  }
  if (name == "ABS" || name == "FLOOR" || name == "CEIL" || name == "CEILING" || name == "ROUND" || name == "MOD") {
    return bind_numeric(parsed);
  }
  return bind_choice(parsed);
}

Result<Bound> Binder::bind_numeric(const ParsedExpression& parsed) {
  const std::string& name = parsed.text;
  const bool round = name == "ROUND";
  const bool mod = name == "MOD";
  TRY(check_arguments(parsed, mod ? 2 : 1, mod || round ? 2 : 1));
  std::vector<ExpressionPtr> arguments;
  for (size_t i = 0; i < parsed.arguments.size(); ++i) {
    TRY_ASSIGN(Bound bound, bind(*parsed.arguments[i]));
    if (bound.untyped_null) bound.expression = make_null(integer_type(true));
    if (bound.interval_ms || !bound.expression->type.is_numeric()) {
      return fail_at(parsed.arguments[i]->position, "{} needs a number, and this is {}", name,
                     bound.interval_ms ? "an interval" : to_string(with_nullable(bound.expression->type, true)));
    }
    arguments.push_back(bound.expression);
  }
  if (mod) return finish(make_arithmetic(Function::modulo, arguments[0], arguments[1]), parsed.position);
  Type type = arguments[0]->type;
  if (round) {
    int64_t digits = 0;
    if (arguments.size() == 2) {
      const auto* value = is_literal(arguments[1]) ? std::get_if<int64_t>(&arguments[1]->literal) : nullptr;
      if (value == nullptr || *value < -38 || *value > 38) {
        return fail_at(parsed.arguments[1]->position, "the digits of ROUND are a whole number from -38 to 38");
      }
      digits = *value;
      arguments[1] = cast_to(arguments[1], integer_type(false));
    } else {
      arguments.push_back(make_literal(int64_t{0}, integer_type(false)));
    }
    if (type.is_integer() && digits >= 0) return finish(arguments[0], parsed.position);
    if (type.kind == TypeKind::decimal) type = round_type(type, static_cast<int>(digits));
    return finish(fold(make_call(Function::round, type, std::move(arguments))), parsed.position);
  }
  if (name == "ABS") return finish(fold(make_call(Function::absolute, type, std::move(arguments))), parsed.position);
  if (type.is_integer()) return finish(arguments[0], parsed.position);
  if (type.kind == TypeKind::decimal) type.scale = 0;
  const Function function = name == "FLOOR" ? Function::floor : Function::ceil;
  return finish(fold(make_call(function, type, std::move(arguments))), parsed.position);
}

Result<Bound> Binder::bind_choice(const ParsedExpression& parsed) {
  const std::string& name = parsed.text;
  const bool is_if = name == "IF";
  const bool two = name == "IFNULL" || name == "NULLIF";
  TRY(check_arguments(parsed, is_if ? 3 : two ? 2 : 1, is_if ? 3 : two ? 2 : 100));
  ExpressionPtr condition;
  if (is_if) {
    TRY_ASSIGN(condition, boolean_operand(*parsed.arguments[0], "IF"));
  }
  std::vector<Bound> values;
  for (size_t i = is_if ? 1 : 0; i < parsed.arguments.size(); ++i) {
    TRY_ASSIGN(Bound value, bind(*parsed.arguments[i]));
    values.push_back(std::move(value));
  }
  if (std::all_of(values.begin(), values.end(), [](const Bound& value) { return value.untyped_null; })) {
    return fail_at(parsed.position, "this {} gives only NULL; write CAST(NULL AS type)", name);
  }
  TRY(unify(values, parsed.position, name));
  std::vector<ExpressionPtr> arguments;
  bool any = false;
  bool all = true;
  for (Bound& value : values) {
    any = any || value.expression->type.nullable;
    all = all && value.expression->type.nullable;
    arguments.push_back(std::move(value.expression));
  }
  const Type type = arguments[0]->type;
  if (is_if) {
    arguments.insert(arguments.begin(), condition);
    return finish(fold(make_call(Function::case_when, with_nullable(type, any), std::move(arguments))),
                  parsed.position);
  }
  if (name == "COALESCE" || name == "IFNULL") {
    return finish(fold(make_call(Function::coalesce, with_nullable(type, all), std::move(arguments))), parsed.position);
  }
  const Function function = name == "NULLIF"     ? Function::nullif
                            : name == "GREATEST" ? Function::greatest
                                                 : Function::least;
  const bool nullable = name == "NULLIF" || any;
  return finish(fold(make_call(function, with_nullable(type, nullable), std::move(arguments))), parsed.position);
}

Result<Bound> Binder::add_aggregate(Aggregate aggregate, Position position) {
  for (size_t i = 0; i < aggregates_->size(); ++i) {
    const Aggregate& other = (*aggregates_)[i];
    if (other.function == aggregate.function && other.distinct == aggregate.distinct &&
        other.half_life_ms == aggregate.half_life_ms && same(other.argument, aggregate.argument) &&
        same(other.filter, aggregate.filter) && same(other.time, aggregate.time)) {
      return finish(make_column(aggregate_column_base + static_cast<int>(i), other.type), position);
    }
  }
  constexpr size_t aggregates_max = 1'000;
  if (aggregates_->size() >= aggregates_max) {
    return fail_at(position, "a SELECT has at most {} aggregates", aggregates_max);
  }
  aggregates_->push_back(aggregate);
  const int column = aggregate_column_base + static_cast<int>(aggregates_->size()) - 1;
  return finish(make_column(column, aggregate.type), position);
}

Result<Bound> Binder::bind_aggregate(const ParsedExpression& parsed) {
  if (aggregates_ == nullptr) {
    return fail_at(parsed.position, "{} cannot contain the aggregate {}{}", clause_, parsed.text,
                   clause_ == "WHERE" ? "; HAVING can" : "");
  }
  if (inside_aggregate_) return fail_at(parsed.position, "an aggregate cannot contain another; use a subquery");
  inside_aggregate_ = true;
  struct Leave {
    bool& flag;
    ~Leave() { flag = false; }
  } leave{inside_aggregate_};

  Aggregate aggregate;
  aggregate.distinct = parsed.distinct;
  if (parsed.filter) {
    TRY_ASSIGN(aggregate.filter, boolean_operand(*parsed.filter, "FILTER"));
    if (is_true_literal(aggregate.filter)) aggregate.filter = nullptr;
  }
  if (parsed.text.starts_with("DECAYED")) return bind_decayed(parsed, std::move(aggregate));
  TRY(check_arguments(parsed, 1, 1));
  const ParsedExpression& argument = *parsed.arguments[0];
  const bool count = parsed.text == "COUNT";
  if (argument.kind == ParsedExpression::Kind::star) {
    if (!count) return fail_at(argument.position, "{} takes a column; only COUNT takes *", parsed.text);
    if (parsed.distinct) return fail_at(argument.position, "COUNT(DISTINCT *) is not supported; name a column");
    aggregate.type = bigint_type(false);
    return add_aggregate(std::move(aggregate), parsed.position);
  }
  TRY_ASSIGN(Bound bound, bind_value(argument));
  aggregate.argument = bound.expression;
  const Type& type = bound.expression->type;
  if (count) {
    aggregate.type = bigint_type(false);
    if (is_null_literal(bound.expression)) return finish(make_literal(int64_t{0}, bigint_type(false)), parsed.position);
    // COUNT of what is never NULL is COUNT(*).
    if (!parsed.distinct && is_literal(bound.expression)) aggregate.argument = nullptr;
    return add_aggregate(std::move(aggregate), parsed.position);
  }
  if (parsed.text == "MIN" || parsed.text == "MAX") {
    aggregate.function = parsed.text == "MIN" ? AggregateFunction::min : AggregateFunction::max;
    aggregate.distinct = false;  // changes nothing
    aggregate.type = with_nullable(type, true);
    return add_aggregate(std::move(aggregate), parsed.position);
  }
  if (!type.is_numeric()) {
    return fail_at(argument.position, "{} needs a number, and this is {}", parsed.text,
                   to_string(with_nullable(type, true)));
  }
  aggregate.function = parsed.text == "SUM" ? AggregateFunction::sum : AggregateFunction::average;
  aggregate.type = with_nullable(parsed.text == "SUM" ? sum_type(type) : average_type(type), true);
  return add_aggregate(std::move(aggregate), parsed.position);
}

Result<Bound> Binder::bind_decayed(const ParsedExpression& parsed, Aggregate aggregate) {
  const bool sum = parsed.text == "DECAYED_SUM";
  TRY(check_arguments(parsed, sum ? 3 : 2, sum ? 3 : 2));
  if (parsed.distinct) return fail_at(parsed.position, "{} takes no DISTINCT", parsed.text);
  aggregate.function = AggregateFunction::decayed_sum;
  aggregate.type = real_type(false);
  size_t next = 0;
  if (sum) {
    const ParsedExpression& argument = *parsed.arguments[next++];
    TRY_ASSIGN(Bound bound, bind_value(argument));
    if (!bound.expression->type.is_integer()) {
      return fail_at(argument.position,
                     "DECAYED_SUM adds whole numbers, so that the sum is exact, and this is {}; CAST it "
                     "to BIGINT (of an amount, in cents)",
                     to_string(with_nullable(bound.expression->type, true)));
    }
    aggregate.argument = cast_to(bound.expression, bigint_type(true));
  } else {
    aggregate.argument = make_literal(int64_t{1}, bigint_type(false));
  }
  const ParsedExpression& time = *parsed.arguments[next++];
  TRY_ASSIGN(Bound bound, bind_value(time));
  if (bound.expression->type.kind != TypeKind::timestamp) {
    return fail_at(time.position, "{} needs the time of the event, a TIMESTAMP, and this is {}", parsed.text,
                   to_string(with_nullable(bound.expression->type, true)));
  }
  aggregate.time = bound.expression;
  const ParsedExpression& half_life = *parsed.arguments[next];
  TRY_ASSIGN(Bound interval, bind(half_life));
  if (!interval.interval_ms || *interval.interval_ms <= 0) {
    return fail_at(half_life.position, "the half-life of {} is an interval, as in INTERVAL '5' SECOND", parsed.text);
  }
  aggregate.half_life_ms = *interval.interval_ms;
  return add_aggregate(std::move(aggregate), parsed.position);
}

}  // namespace millrace::sql
