#pragma once
// Demand signals to prices: a policy proposes, guardrails have the last word, and the decision says in figures and in
// one sentence why the price is what it is. Pure: no I/O, no clock (time is event time), no state, so a replay of the
// same events gives the same prices. Nothing about a person enters. Any thread.
//
// Money is whole cents. All figures come from outside: counts that are negative or not finite are taken as 0.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace millrace::pricing {

// Exponentially decayed counts of a product's events, as of its last event.
struct Counts {
  double views = 0;
  double cart_adds = 0;
  double units = 0;  // sold
};

struct Signals {
  Counts fast;  // decayed with Policy::fast_half_life_ms: demand now
  Counts slow;  // decayed with Policy::slow_half_life_ms: what is usual
  int64_t first_event_ms = 0;
  int64_t last_event_ms = 0;
  int64_t list_price_cents = 0;
  std::optional<int64_t> stock;
  // Event time since when the shop as a whole has had events without a gap of Guardrails::traffic_gap_ms: after one,
  // few events of a product say nothing. Absent: for ever.
  std::optional<int64_t> traffic_since_ms;
};

// What was usual when a price left its resting price: a rush must not become its own baseline.
struct HeldBaseline {
  double count = 0;      // what the fast count, fully gathered, would be
  int64_t since_ms = 0;  // event time
};

struct CurrentPrice {
  int64_t price_cents = 0;
  std::optional<int64_t> priced_ms;  // event time of its last change; absent: never changed
  std::optional<HeldBaseline> held;  // of Decision::held; absent: it is at rest
};

// How a price follows demand. docs/pricing.md derives the formulas.
struct Policy {
  double fast_half_life_ms = 5'000;
  double slow_half_life_ms = 60'000;
  double view_weight = 1;
  double cart_add_weight = 3;
  double unit_weight = 10;
  double dispersion = 1.2;             // how much wilder than Poisson arrivals are (one visitor clicks several times)
  double score_enter = 5.0;            // |score| from which a price leaves the list price
  double score_exit = 1.0;             // below it, it returns; the part of a score that counts as noise
  double ratio_enter = 1.5;            // and demand is at least so many times its usual, or one of so many
  double held_half_life_ms = 600'000;  // of the held baseline's weight: what lasts becomes usual in the end
  double gain = 0.3;       // of the multiplier per e-fold of demand; times the elasticity of demand below 1: no swings
  int64_t low_stock = 10;  // fewer than that raise the price
  double low_stock_raise = 0.1;  // at stock 0
};

// What a price may never do. Evaluated last, in this order; those that changed the outcome are named in the decision.
struct Guardrails {
  double sample_min = 10;               // events in the slow counts; fewer move nothing
  int64_t history_min_ms = 5'000;       // event time since the first event; less moves nothing ("sample" too)
  int64_t cool_down_ms = 500;           // event time between two changes
  int64_t discount_delay_ms = 240'000;  // after a change, before a price goes below the list price: a rush that ends
                                        // leaves an inflated baseline for a while, which is no reason for a discount
  int64_t traffic_gap_ms = 10'000;      // event time without any event in the shop: no price goes below the list price
                                        // for discount_delay_ms after it
  int64_t return_after_ms = 600'000;    // event time without an event of the product, after which its price goes home
  double step_max = 0.1;                // largest change, as a fraction of the current price
  double floor = 0.7;                   // fractions of the list price; they win over the step and the cool-down
  double ceiling = 1.6;
  double change_min = 0.02;  // smallest change worth publishing, as a fraction of the current price
};

struct Rules {
  Policy policy;
  Guardrails guardrails;
};

// Sets one rule by its name ("floor", "gain", "cool_down_ms", ...). invalid_argument: no such rule, or no number; the
// message names the nearest rules or what is wrong.
Result<void> set_rule(Rules& rules, std::string_view name, std::string_view value);
// The names that set_rule knows.
std::vector<std::string_view> rule_names();
// invalid_argument: rules that contradict each other (a floor over the ceiling, a gain of 1 and more, ...).
Result<void> check(const Rules& rules);
// The rules with those changed that an environment names, PRICING_FLOOR, PRICING_COOL_DOWN_MS and so on, and checked.
// invalid_argument: a PRICING_ that names no rule, too.
Result<Rules> rules_of_environment(const std::map<std::string, std::string>& variables);

// What the policy would like, before any guardrail.
struct Proposal {
  double demand = 0;      // weighted fast count
  double baseline = 0;    // what the slow counts lead one to expect of it
  double ratio = 1;       // demand over baseline, both moderated for small samples
  double score = 0;       // how surprising that is, in standard deviations (Anscombe)
  double multiplier = 1;  // of the list price
  int64_t price_cents = 0;
  double full_baseline = 0;  // the baseline if the product had been there for ever
  int64_t rest_cents = 0;    // resting_price()
  bool low_stock = false;
  bool returning = false;  // demand is usual again and the price is not yet what it is then
};
// The price of usual demand: the list price, or more for the last units in stock.
int64_t resting_price(const Policy& policy, const Signals& signals);
Proposal propose(const Policy& policy, const Signals& signals, const CurrentPrice& current);

struct Decision {
  bool changed = false;
  int64_t price_cents = 0;  // the current price if not changed
  std::string reason;       // "demand 3.2 × its usual: raised, limited by the largest step"
  Proposal proposal;
  std::vector<std::string_view> guardrails;  // that bound: "sample", "cool_down", "discount_delay", "traffic_gap",
                                             // "step", "floor", "ceiling", "change_min"
  std::optional<HeldBaseline> held;          // to be kept with a changed price; absent: it is at rest
};
// The price to publish. Rules that check() accepts, a positive list price and a positive current price give a price
// within floor and ceiling, whatever the signals are; with a list price of 0 or less nothing changes.
Decision decide(const Rules& rules, const Signals& signals, const CurrentPrice& current);
// For a product without an event since Signals::last_event_ms, return_after_ms and longer: a step towards its resting
// price, which nothing but the cool-down delays. `now_ms` is the shop's event time.
Decision go_home(const Rules& rules, const Signals& signals, const CurrentPrice& current, int64_t now_ms);

}  // namespace millrace::pricing
