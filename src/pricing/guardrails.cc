#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "pricing/pricing.h"

namespace millrace::pricing {

namespace {

std::string_view spoken(std::string_view guardrail) {
  if (guardrail == "sample") return "too few events";
  if (guardrail == "cool_down") return "the cool-down";
  if (guardrail == "discount_delay") return "the delay before a discount";
  if (guardrail == "traffic_gap") return "the pause of all traffic";
  if (guardrail == "step") return "the largest step";
  if (guardrail == "floor") return "the floor";
  if (guardrail == "ceiling") return "the ceiling";
  return "the smallest change";
}

// "limited by the largest step and the ceiling"
std::string limits(const std::vector<std::string_view>& guardrails, std::string_view verb) {
  std::string text;
  for (size_t i = 0; i < guardrails.size(); ++i) {
    text += i == 0 ? fmt::format(", {} by ", verb) : i + 1 < guardrails.size() ? ", " : " and ";
    text += spoken(guardrails[i]);
  }
  return text;
}

std::string sentence(const Signals& signals, const CurrentPrice& current, const Decision& decision) {
  const Proposal& proposal = decision.proposal;
  std::string cause = proposal.ratio >= 9.95 ? fmt::format("demand {:.0f} × its usual", proposal.ratio)
                                             : fmt::format("demand {:.1f} × its usual", proposal.ratio);
  if (std::abs(proposal.ratio - 1) < 0.05) cause = "demand as usual";
  if (proposal.low_stock) cause += fmt::format(", {} left in stock", std::max<int64_t>(*signals.stock, 0));
  if (!decision.changed) return cause + ": unchanged" + limits(decision.guardrails, "held");
  const bool raised = decision.price_cents > current.price_cents;
  std::string_view verb = raised ? "raised" : "lowered";
  // A price on its way back is not a reaction to more or less demand.
  if (raised && current.price_cents < signals.list_price_cents && proposal.multiplier <= 1) {
    verb = "raised towards the list price";
  } else if (!raised && current.price_cents > signals.list_price_cents && proposal.multiplier >= 1) {
    verb = "lowered towards the list price";
  }
  return fmt::format("{}: {}{}", cause, verb, limits(decision.guardrails, "limited"));
}

}  // namespace

Decision decide(const Rules& rules, const Signals& signals, const CurrentPrice& current) {
  const Guardrails& guardrails = rules.guardrails;
  Decision decision;
  decision.price_cents = current.price_cents;
  if (signals.list_price_cents <= 0 || current.price_cents <= 0) {
    decision.reason = "no list price: unchanged";
    return decision;
  }
  if (signals.stock && *signals.stock <= 0) {
    decision.reason = "nothing left in stock: unchanged";
    return decision;
  }
  decision.proposal = propose(rules.policy, signals, current);

  const auto list = static_cast<double>(signals.list_price_cents);
  const auto now = static_cast<double>(current.price_cents);
  // Rounded inwards, so that a rounded price is inside too; the list price itself is always inside.
  const int64_t lowest = std::max<int64_t>(1, static_cast<int64_t>(std::ceil(list * guardrails.floor - 1e-9)));
  const int64_t highest = std::max(lowest, static_cast<int64_t>(std::floor(list * guardrails.ceiling + 1e-9)));
  const int64_t change_min = std::max<int64_t>(1, std::llround(std::ceil(now * guardrails.change_min - 1e-9)));
  const int64_t step_max = std::max<int64_t>(1, static_cast<int64_t>(std::floor(now * guardrails.step_max + 1e-9)));

  int64_t price = decision.proposal.price_cents;
  const auto bind = [&](std::string_view name, int64_t bound) {
    if (price == bound) return;
    // A change too small to be published is none, so nothing held it back.
    if (bound == current.price_cents && std::abs(price - current.price_cents) < change_min &&
        !decision.proposal.returning) {
      return;
    }
    price = bound;
    decision.guardrails.push_back(name);
  };

  const double sample =
      std::max(0.0, signals.slow.views) + std::max(0.0, signals.slow.cart_adds) + std::max(0.0, signals.slow.units);
  const int64_t history_ms = signals.last_event_ms - signals.first_event_ms;
  // A price on its way home needs no evidence.
  const bool little_known = !(sample >= guardrails.sample_min) || history_ms < guardrails.history_min_ms;
  if (little_known && !decision.proposal.returning) bind("sample", current.price_cents);
  if (current.priced_ms) {
    const int64_t since_ms = signals.last_event_ms - *current.priced_ms;
    if (since_ms < guardrails.cool_down_ms) bind("cool_down", current.price_cents);
    if (since_ms < guardrails.discount_delay_ms && current.price_cents >= signals.list_price_cents &&
        price < signals.list_price_cents) {
      bind("discount_delay", signals.list_price_cents);
    }
  }
  if (signals.traffic_since_ms && signals.last_event_ms - *signals.traffic_since_ms < guardrails.discount_delay_ms) {
    const int64_t no_lower = std::min(current.price_cents, signals.list_price_cents);
    if (price < no_lower) bind("traffic_gap", no_lower);
  }
  if (std::abs(price - current.price_cents) > step_max) {
    bind("step", price > current.price_cents ? current.price_cents + step_max : current.price_cents - step_max);
  }
  if (price < lowest) bind("floor", lowest);
  if (price > highest) bind("ceiling", highest);

  const bool outside = current.price_cents < lowest || current.price_cents > highest;
  // The last small step back to rest is taken, so that a price that returns does return.
  const bool back = decision.proposal.returning && price == decision.proposal.price_cents;
  if (!outside && !back && std::abs(price - current.price_cents) < change_min) {
    if (price != current.price_cents && decision.guardrails.empty()) decision.guardrails.push_back("change_min");
    price = current.price_cents;
  }
  decision.changed = price != current.price_cents;
  decision.price_cents = price;
  decision.held = current.held;
  if (current.price_cents == decision.proposal.rest_cents) {
    decision.held = {decision.proposal.full_baseline, signals.last_event_ms};
  }
  if (price == decision.proposal.rest_cents) decision.held.reset();
  decision.reason = sentence(signals, current, decision);
  return decision;
}

Decision go_home(const Rules& rules, const Signals& signals, const CurrentPrice& current, int64_t now_ms) {
  const Guardrails& guardrails = rules.guardrails;
  Decision decision;
  decision.price_cents = current.price_cents;
  if (signals.list_price_cents <= 0 || current.price_cents <= 0) return decision;
  if (current.priced_ms && now_ms - *current.priced_ms < guardrails.cool_down_ms) return decision;
  const int64_t rest = resting_price(rules.policy, signals);
  const auto now = static_cast<double>(current.price_cents);
  const int64_t step_max = std::max<int64_t>(1, static_cast<int64_t>(std::floor(now * guardrails.step_max + 1e-9)));
  decision.price_cents = std::clamp(rest, current.price_cents - step_max, current.price_cents + step_max);
  decision.changed = decision.price_cents != current.price_cents;
  if (decision.price_cents != rest) {
    decision.guardrails.push_back("step");
    decision.held = current.held;
  }
  decision.proposal.multiplier = static_cast<double>(rest) / static_cast<double>(signals.list_price_cents);
  decision.proposal.price_cents = decision.proposal.rest_cents = rest;
  decision.proposal.returning = true;
  decision.reason = fmt::format(
      "no event for {} min: {} towards the list price{}", (now_ms - signals.last_event_ms) / 60'000,
      decision.price_cents > current.price_cents ? "raised" : "lowered", limits(decision.guardrails, "limited"));
  return decision;
}

}  // namespace millrace::pricing
