#include <algorithm>
#include <charconv>
#include <cmath>
#include <variant>

#include "base/suggest.h"
#include "pricing/pricing.h"

namespace millrace::pricing {

namespace {

struct Rule {
  std::string_view name;
  std::variant<double*, int64_t*> value;
};

std::vector<Rule> all(Rules& rules) {
  Policy& policy = rules.policy;
  Guardrails& guardrails = rules.guardrails;
  return {
      {"fast_half_life_ms", &policy.fast_half_life_ms},
      {"slow_half_life_ms", &policy.slow_half_life_ms},
      {"view_weight", &policy.view_weight},
      {"cart_add_weight", &policy.cart_add_weight},
      {"unit_weight", &policy.unit_weight},
      {"dispersion", &policy.dispersion},
      {"score_enter", &policy.score_enter},
      {"score_exit", &policy.score_exit},
      {"ratio_enter", &policy.ratio_enter},
      {"held_half_life_ms", &policy.held_half_life_ms},
      {"gain", &policy.gain},
      {"low_stock", &policy.low_stock},
      {"low_stock_raise", &policy.low_stock_raise},
      {"sample_min", &guardrails.sample_min},
      {"history_min_ms", &guardrails.history_min_ms},
      {"cool_down_ms", &guardrails.cool_down_ms},
      {"discount_delay_ms", &guardrails.discount_delay_ms},
      {"traffic_gap_ms", &guardrails.traffic_gap_ms},
      {"return_after_ms", &guardrails.return_after_ms},
      {"step_max", &guardrails.step_max},
      {"floor", &guardrails.floor},
      {"ceiling", &guardrails.ceiling},
      {"change_min", &guardrails.change_min},
  };
}

template <class T>
Result<T> parse(std::string_view name, std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    return fail(ErrorKind::invalid_argument, "rule `{}`: `{}` is not {}", name, text,
                std::is_integral_v<T> ? "a whole number" : "a number");
  }
  return value;
}

}  // namespace

std::vector<std::string_view> rule_names() {
  Rules rules;
  std::vector<std::string_view> names;
  for (const Rule& rule : all(rules)) names.push_back(rule.name);
  return names;
}

Result<void> set_rule(Rules& rules, std::string_view name, std::string_view value) {
  std::vector<std::string> known;
  for (const Rule& rule : all(rules)) {
    known.emplace_back(rule.name);
    if (rule.name != name) continue;
    if (auto* const* number = std::get_if<double*>(&rule.value)) {
      TRY_ASSIGN(**number, parse<double>(name, value));
    } else {
      TRY_ASSIGN(*std::get<int64_t*>(rule.value), parse<int64_t>(name, value));
    }
    return {};
  }
  return fail(ErrorKind::invalid_argument, "there is no pricing rule `{}`; {}", name, base::suggestion(name, known));
}

Result<void> check(const Rules& rules) {
  Rules copy = rules;
  for (const Rule& rule : all(copy)) {
    const double value = std::holds_alternative<double*>(rule.value)
                             ? *std::get<double*>(rule.value)
                             : static_cast<double>(*std::get<int64_t*>(rule.value));
    if (!std::isfinite(value) || value < 0) {
      return fail(ErrorKind::invalid_argument, "rule `{}` is {}: it must be 0 or more", rule.name, value);
    }
  }
  const Policy& policy = rules.policy;
  const Guardrails& guardrails = rules.guardrails;
  const auto must = [](bool holds, std::string_view what) -> Result<void> {
    if (!holds) return fail(ErrorKind::invalid_argument, "pricing rules: {}", what);
    return {};
  };
  TRY(must(policy.fast_half_life_ms >= 1, "fast_half_life_ms must be at least 1"));
  TRY(must(policy.slow_half_life_ms > policy.fast_half_life_ms,
           "slow_half_life_ms must be longer than fast_half_life_ms"));
  TRY(must(policy.view_weight > 0, "view_weight must be over 0"));
  TRY(must(policy.dispersion > 0, "dispersion must be over 0"));
  TRY(must(policy.score_enter > policy.score_exit, "score_enter must be over score_exit, or noise moves prices"));
  TRY(must(policy.ratio_enter >= 1, "ratio_enter must be at least 1"));
  TRY(must(policy.held_half_life_ms >= 1, "held_half_life_ms must be at least 1"));
  TRY(must(policy.gain < 1, "gain must be below 1, or prices and demand swing each other up"));
  TRY(must(guardrails.floor > 0 && guardrails.floor <= 1, "floor must be over 0 and at most 1 (the list price)"));
  TRY(must(guardrails.ceiling >= 1, "ceiling must be at least 1 (the list price)"));
  TRY(must(guardrails.step_max > 0 && guardrails.step_max <= 1, "step_max must be over 0 and at most 1"));
  TRY(must(guardrails.change_min <= guardrails.step_max, "change_min must be at most step_max, or nothing changes"));
  return {};
}

Result<Rules> rules_of_environment(const std::map<std::string, std::string>& variables) {
  constexpr std::string_view prefix = "PRICING_";
  Rules rules;
  for (const auto& [variable, value] : variables) {
    if (!variable.starts_with(prefix)) continue;
    std::string name = variable.substr(prefix.size());
    for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    if (const auto set = set_rule(rules, name, value); !set) return std::unexpected(set.error().within(variable));
  }
  TRY(check(rules));
  return rules;
}

}  // namespace millrace::pricing
