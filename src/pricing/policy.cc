#include <algorithm>
#include <cmath>
#include <numbers>

#include "pricing/pricing.h"

namespace millrace::pricing {

namespace {

double counted(double value) {
  return std::isfinite(value) && value > 0 ? value : 0;
}

double weighted(const Policy& policy, const Counts& counts) {
  return policy.view_weight * counted(counts.views) + policy.cart_add_weight * counted(counts.cart_adds) +
         policy.unit_weight * counted(counts.units);
}

double squared(const Policy& policy, const Counts& counts) {
  return policy.view_weight * policy.view_weight * counted(counts.views) +
         policy.cart_add_weight * policy.cart_add_weight * counted(counts.cart_adds) +
         policy.unit_weight * policy.unit_weight * counted(counts.units);
}

double events(const Counts& counts) {
  return counted(counts.views) + counted(counts.cart_adds) + counted(counts.units);
}

// The integral of 2^(-u/half_life) from now back to the first event: what a steady rate of 1 per millisecond gathers.
double gathered(double elapsed_ms, double half_life_ms) {
  const double time_constant = half_life_ms / std::numbers::ln2;
  return -time_constant * std::expm1(-elapsed_ms / time_constant);
}

// What one expects of the fast count if demand is as it was. Slow minus fast is a sum over all events, in which the
// newest weigh nothing and those of a while ago most: what is usual, without the rush that is to be found. It is scaled
// to the fast count by what a steady rate would have made of both since the first event, so a young product is not
// rushing.
struct Expectation {
  double mean = 0;
  double variance_of_fast = 1;  // as multiples of the mean, for events of weight 1
  double variance_of_mean = 0;
};

Expectation expect(const Policy& policy, double fast, double slow, double elapsed_ms) {
  const double elapsed = std::max(elapsed_ms, 1.0);
  const double fast_half_life = policy.fast_half_life_ms;
  const double slow_half_life = policy.slow_half_life_ms;
  const double in_fast = gathered(elapsed, fast_half_life);
  const double in_slow = gathered(elapsed, slow_half_life);
  const double in_older = std::max(in_slow - in_fast, 1e-9 * in_slow);
  const double scale = in_fast / in_older;
  // Of the squares of the three kernels: half the half-life for a square, the harmonic sum for a product.
  const double fast_squares = gathered(elapsed, fast_half_life / 2);
  const double mixed = gathered(elapsed, 1 / (1 / fast_half_life + 1 / slow_half_life));
  const double older_squares = std::max(0.0, gathered(elapsed, slow_half_life / 2) + fast_squares - 2 * mixed);
  Expectation expectation;
  expectation.mean = std::max(0.0, slow - fast) * scale;
  expectation.variance_of_fast = fast_squares / in_fast;
  expectation.variance_of_mean = scale * scale * older_squares / in_fast;
  return expectation;
}

// The price that usual demand has.
struct Rest {
  double multiplier = 1;  // of the list price
  bool low_stock = false;
};

Rest rest_of(const Policy& policy, const Signals& signals) {
  if (!signals.stock || *signals.stock >= policy.low_stock) return {};
  const double left = static_cast<double>(std::max<int64_t>(*signals.stock, 0));
  return {1 + policy.low_stock_raise * (1 - left / static_cast<double>(policy.low_stock)), true};
}

double root(double count) {
  return std::sqrt(count + 3.0 / 8.0);
}

// How much of what a steady rate gathers in the end it has gathered by now.
double share_gathered(double elapsed_ms, double half_life_ms) {
  return gathered(std::max(elapsed_ms, 1.0), half_life_ms) * std::numbers::ln2 / half_life_ms;
}

}  // namespace

int64_t resting_price(const Policy& policy, const Signals& signals) {
  const double price = static_cast<double>(signals.list_price_cents) * rest_of(policy, signals).multiplier;
  return std::llround(std::min(price, 9e15));
}

Proposal propose(const Policy& policy, const Signals& signals, const CurrentPrice& current) {
  Proposal proposal;
  const double slow_events = events(signals.slow);
  const double slow = weighted(policy, signals.slow);
  const double weight_mean = slow_events > 0 ? slow / slow_events : policy.view_weight;
  // The counts are read just after an event, which is therefore always among them: one too many on average.
  proposal.demand = std::max(0.0, weighted(policy, signals.fast) - weight_mean);
  const auto elapsed_ms = static_cast<double>(signals.last_event_ms - signals.first_event_ms);
  const Expectation expected = expect(policy, proposal.demand, std::max(0.0, slow - weight_mean), elapsed_ms);
  proposal.baseline = expected.mean;
  const double in_fast = share_gathered(elapsed_ms, policy.fast_half_life_ms);
  if (current.held) {
    const auto held_ms = static_cast<double>(std::max<int64_t>(signals.last_event_ms - current.held->since_ms, 0));
    const double weight = std::exp2(-held_ms / policy.held_half_life_ms);
    // The geometric mean, or a share of a rush that is many times the usual would soon be all of it.
    constexpr double anscombe = 3.0 / 8.0;
    const double held = counted(current.held->count) * in_fast;
    proposal.baseline =
        std::max(0.0, std::exp(weight * std::log(held + anscombe) + (1 - weight) * std::log(expected.mean + anscombe)) -
                          anscombe);
  }
  proposal.full_baseline = proposal.baseline / in_fast;

  // In units in which the variance is the mean, as the Anscombe transform wants it: a sum of weights w varies by
  // E[w^2]/E[w] per unit, and a decayed count by less than its mean, because old events weigh little.
  const double weight_noise = slow > 0 ? squared(policy, signals.slow) / slow : policy.view_weight;
  const double unit = weight_noise * policy.dispersion * expected.variance_of_fast;
  const double seen = root(proposal.demand / unit);
  const double usual = root(proposal.baseline / unit);
  // The baseline is an estimate too: the less is known of the past, the more a difference may be chance.
  const double doubt = std::sqrt(1 + expected.variance_of_mean / expected.variance_of_fast);
  proposal.score = 2 * (seen - usual) / doubt;
  proposal.ratio = (seen / usual) * (seen / usual);

  const Rest rest = rest_of(policy, signals);
  const double scarcity = rest.multiplier;
  proposal.low_stock = rest.low_stock;
  proposal.rest_cents = resting_price(policy, signals);

  // Hysteresis: much is needed to leave the resting price, less to stay away from it.
  const bool away = current.price_cents != proposal.rest_cents;
  const bool surprising = std::abs(proposal.score) >= policy.score_enter &&
                          std::max(proposal.ratio, 1 / proposal.ratio) >= policy.ratio_enter;
  double demand_multiplier = 1;
  if (away || surprising) {
    // The ratio that remains when the noise is taken off on the scale of the score: continuous, and for many events
    // the plain ratio, so the loop's gain does not grow with a product's popularity.
    const double noise = policy.score_exit / 2 * doubt;
    const double moderated = seen > usual ? std::max(seen - noise, usual) : std::min(seen + noise, usual);
    demand_multiplier = 1 + policy.gain * 2 * std::log(moderated / usual);
  }
  proposal.returning = away && demand_multiplier == 1;
  proposal.multiplier = std::max(0.0, demand_multiplier * scarcity);
  proposal.price_cents =
      std::llround(std::min(static_cast<double>(signals.list_price_cents) * proposal.multiplier, 9e15));
  return proposal;
}

}  // namespace millrace::pricing
