// Goal: prices follow demand, never break a guardrail, and stay still when nothing but chance happens.
// Method: single decisions in words, then seeded simulations of arrivals that feed decide() as a change feed would.

#include "pricing/pricing.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <random>

namespace millrace::pricing {
namespace {

// The decayed counts of steady rates (events per second) after so long.
Counts steady(double views, double cart_adds, double units, double half_life_ms, double elapsed_ms) {
  const double factor = half_life_ms / 1000 / std::numbers::ln2 * (1 - std::exp2(-elapsed_ms / half_life_ms));
  return {views * factor, cart_adds * factor, units * factor};
}

// A steady past, and now so many times the usual demand, for so short a time that only new events show it.
Signals steady_signals(double views_per_second, double rush, double elapsed_ms = 600'000) {
  const auto counts = [&](double half_life_ms) {
    return steady(views_per_second, views_per_second * 0.1, views_per_second * 0.03, half_life_ms, elapsed_ms);
  };
  Signals signals;
  signals.fast = counts(5'000);
  signals.slow = counts(60'000);
  for (double Counts::*count : {&Counts::views, &Counts::cart_adds, &Counts::units}) {
    const double more = (rush - 1) * signals.fast.*count;
    signals.fast.*count += more;
    signals.slow.*count += more;
  }
  signals.first_event_ms = 1'000'000;
  signals.last_event_ms = 1'000'000 + static_cast<int64_t>(elapsed_ms);
  signals.list_price_cents = 10'000;
  return signals;
}

// One product under arrivals: keeps its two decayed counts and its price, as the job and the catalog do.
class Product {
 public:
  explicit Product(const Rules& rules, int64_t list_price_cents = 10'000) : rules_(rules) {
    signals_.list_price_cents = list_price_cents;
    current_.price_cents = list_price_cents;
  }

  void stock(int64_t units) { signals_.stock = units; }
  void view(double at_ms) { add(at_ms, &Counts::views); }
  void cart_add(double at_ms) { add(at_ms, &Counts::cart_adds); }
  void buy(double at_ms) { add(at_ms, &Counts::units); }

  int64_t price() const { return current_.price_cents; }
  int changes() const { return changes_; }
  double last_change_ms() const { return last_change_ms_; }
  const Decision& last() const { return last_; }

 private:
  void add(double at_ms, double Counts::*count) {
    if (signals_.first_event_ms == 0) signals_.first_event_ms = static_cast<int64_t>(at_ms);
    decay(signals_.fast, rules_.policy.fast_half_life_ms, at_ms);
    decay(signals_.slow, rules_.policy.slow_half_life_ms, at_ms);
    at_ms_ = at_ms;
    signals_.fast.*count += 1;
    signals_.slow.*count += 1;
    signals_.last_event_ms = static_cast<int64_t>(at_ms);
    last_ = decide(rules_, signals_, current_);
    if (!last_.changed) return;
    current_ = {last_.price_cents, signals_.last_event_ms, last_.held};
    ++changes_;
    last_change_ms_ = at_ms;
  }
  void decay(Counts& counts, double half_life_ms, double at_ms) const {
    const double factor = std::exp2(-(at_ms - at_ms_) / half_life_ms);
    counts = {counts.views * factor, counts.cart_adds * factor, counts.units * factor};
  }

  const Rules& rules_;
  Signals signals_;
  CurrentPrice current_;
  Decision last_;
  double at_ms_ = 0;
  int changes_ = 0;
  double last_change_ms_ = 0;
};

// Poisson arrivals of shoppers' events: mostly views, some cart adds and purchases.
class Shoppers {
 public:
  explicit Shoppers(uint64_t seed) : random_(seed) {}
  // Feeds the product from `from_ms` to `to_ms`; answers the number of events.
  int visit(Product& product, double per_second, double from_ms, double to_ms) {
    std::exponential_distribution<double> gap(per_second / 1000);
    int events = 0;
    for (double at = from_ms + gap(random_); at < to_ms; at += gap(random_), ++events) event(product, at);
    return events;
  }
  void event(Product& product, double at_ms) {
    const double kind = std::uniform_real_distribution<double>(0, 1)(random_);
    if (kind < 0.88) {
      product.view(at_ms);
    } else if (kind < 0.97) {
      product.cart_add(at_ms);
    } else {
      product.buy(at_ms);
    }
  }
  std::mt19937_64& random() { return random_; }

 private:
  std::mt19937_64 random_;
};

constexpr double start_ms = 1'700'000'000'000;

TEST(Policy, usual_demand_proposes_the_list_price) {
  for (const double elapsed_ms : {100.0, 1'000.0, 5'000.0, 60'000.0, 3'600'000.0}) {
    const Proposal proposal = propose({}, steady_signals(20, 1, elapsed_ms), {10'000, {}});
    EXPECT_EQ(proposal.price_cents, 10'000) << elapsed_ms;
    EXPECT_LT(std::abs(proposal.score), 1.5) << elapsed_ms;
  }
}

TEST(Policy, a_rush_proposes_more_and_a_lull_less) {
  EXPECT_GT(propose({}, steady_signals(20, 5, 600'000), {10'000, {}}).price_cents, 13'000);
  EXPECT_LT(propose({}, steady_signals(20, 0.2, 600'000), {10'000, {}}).price_cents, 8'000);
}

TEST(Policy, leaving_the_list_price_takes_more_than_staying_away_from_it) {
  const Signals signals = steady_signals(20, 1.25);
  EXPECT_EQ(propose({}, signals, {10'000, {}}).price_cents, 10'000);
  EXPECT_GT(propose({}, signals, {11'000, {}}).price_cents, 10'100);
}

TEST(Policy, a_handful_of_events_is_no_rush) {
  Signals signals = steady_signals(0.01, 1);
  signals.fast.views += 3;
  EXPECT_EQ(propose({}, signals, {10'000, {}}).price_cents, 10'000);
}

TEST(Policy, is_monotone_in_demand) {
  const uint64_t seed = 11;
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> rate(0.05, 400);
  std::uniform_real_distribution<double> logarithm(-4, 4);
  for (int round = 0; round < 5'000; ++round) {
    Signals less = steady_signals(rate(random), std::exp(logarithm(random)), 1'000 * rate(random));
    Signals more = less;
    double Counts::*count = round % 3 == 0 ? &Counts::views : round % 3 == 1 ? &Counts::cart_adds : &Counts::units;
    more.fast.*count += std::exp(logarithm(random));
    const CurrentPrice current{static_cast<int64_t>(7'000 + 20 * rate(random)), {}};
    EXPECT_GE(propose({}, more, current).price_cents, propose({}, less, current).price_cents);
  }
}

TEST(Policy, the_last_units_in_stock_cost_more) {
  Signals signals = steady_signals(20, 1);
  signals.stock = 10;
  EXPECT_EQ(propose({}, signals, {10'000, {}}).price_cents, 10'000);
  signals.stock = 5;
  EXPECT_EQ(propose({}, signals, {10'000, {}}).price_cents, 10'500);
  signals.stock = 1;
  const Decision decision = decide({}, signals, {10'000, {}});
  EXPECT_EQ(decision.price_cents, 10'900);
  EXPECT_EQ(decision.reason, "demand as usual, 1 left in stock: raised");
}

TEST(Policy, with_nothing_to_sell_the_price_stays) {
  for (const double times : {0.1, 1.0, 8.0}) {
    Signals signals = steady_signals(20, times);
    signals.stock = 0;
    const Decision decision = decide({}, signals, {12'000, {}});
    EXPECT_FALSE(decision.changed);
    EXPECT_EQ(decision.reason, "nothing left in stock: unchanged");
  }
}

TEST(Decision, says_in_a_sentence_what_it_did_and_what_limited_it) {
  const Decision decision = decide({}, steady_signals(20, 3.2), {10'000, {}});
  EXPECT_TRUE(decision.changed);
  EXPECT_EQ(decision.price_cents, 11'000);
  EXPECT_EQ(decision.guardrails, std::vector<std::string_view>{"step"});
  EXPECT_EQ(decision.reason, "demand 3.2 × its usual: raised, limited by the largest step");
}

TEST(Decision, a_price_on_its_way_back_is_said_to_return) {
  const Decision decision = decide({}, steady_signals(20, 1), {10'700, {}});
  EXPECT_EQ(decision.price_cents, 10'000);
  EXPECT_EQ(decision.reason, "demand as usual: lowered towards the list price");
}

TEST(Guardrails, too_few_events_move_nothing) {
  Signals signals = steady_signals(0.05, 1);
  signals.fast.units = 8;
  const Decision decision = decide({}, signals, {10'000, {}});
  EXPECT_FALSE(decision.changed);
  EXPECT_EQ(decision.guardrails, std::vector<std::string_view>{"sample"});
}

TEST(Guardrails, the_cool_down_is_counted_in_event_time) {
  Signals signals = steady_signals(20, 6);
  EXPECT_FALSE(decide({}, signals, {10'000, signals.last_event_ms - 499}).changed);
  EXPECT_EQ(decide({}, signals, {10'000, signals.last_event_ms - 499}).guardrails,
            std::vector<std::string_view>{"cool_down"});
  EXPECT_TRUE(decide({}, signals, {10'000, signals.last_event_ms - 500}).changed);
}

TEST(Guardrails, floor_and_ceiling_hold_whatever_the_step) {
  Rules rules;
  rules.guardrails.step_max = 1;
  Decision decision = decide(rules, steady_signals(200, 20), {10'000, {}});
  EXPECT_EQ(decision.price_cents, 16'000);
  EXPECT_EQ(decision.guardrails, std::vector<std::string_view>{"ceiling"});
  decision = decide(rules, steady_signals(200, 0), {10'000, {}});
  EXPECT_EQ(decision.price_cents, 7'000);
  EXPECT_EQ(decision.guardrails, std::vector<std::string_view>{"floor"});
  // The list price was cut to a half: the price is outside now, and comes in at once, cool-down or not.
  Signals cut = steady_signals(20, 1);
  cut.list_price_cents = 5'000;
  EXPECT_EQ(decide({}, cut, {10'000, cut.last_event_ms}).price_cents, 8'000);
}

TEST(Guardrails, a_rush_that_ends_is_no_reason_for_a_discount) {
  Signals signals = steady_signals(20, 0.1);
  Decision decision = decide({}, signals, {10'500, signals.last_event_ms - 10'000});
  EXPECT_EQ(decision.price_cents, 10'000);
  EXPECT_EQ(decision.guardrails, std::vector<std::string_view>{"discount_delay"});
  decision = decide({}, signals, {10'000, signals.last_event_ms - 10'000});
  EXPECT_FALSE(decision.changed);
  decision = decide({}, signals, {10'000, signals.last_event_ms - 240'000});
  EXPECT_EQ(decision.price_cents, 9'000);
}

TEST(Guardrails, a_pause_of_all_traffic_is_no_reason_for_a_discount) {
  Signals signals = steady_signals(20, 0.1);
  signals.traffic_since_ms = signals.last_event_ms - 10'000;
  Decision decision = decide({}, signals, {10'000, {}});
  EXPECT_FALSE(decision.changed);
  EXPECT_EQ(decision.guardrails, std::vector<std::string_view>{"traffic_gap"});
  EXPECT_EQ(decision.reason, "demand 0.1 × its usual: unchanged, held by the pause of all traffic");
  // A price over the list price may come home, one below it may not go further down.
  EXPECT_EQ(decide({}, signals, {10'500, {}}).price_cents, 10'000);
  EXPECT_FALSE(decide({}, signals, {9'500, {}}).changed);
  signals.traffic_since_ms = signals.last_event_ms - 240'000;
  EXPECT_EQ(decide({}, signals, {10'000, {}}).price_cents, 9'000);
}

TEST(Guardrails, a_product_without_events_goes_home_in_steps) {
  Signals signals = steady_signals(20, 0.1);
  const int64_t now_ms = signals.last_event_ms + 660'000;
  Decision decision = go_home({}, signals, {13'000, {}, HeldBaseline{1, 0}}, now_ms);
  EXPECT_EQ(decision.price_cents, 11'700);
  EXPECT_TRUE(decision.held);
  EXPECT_EQ(decision.reason, "no event for 11 min: lowered towards the list price, limited by the largest step");
  EXPECT_FALSE(go_home({}, signals, {11'700, now_ms}, now_ms + 499).changed);
  decision = go_home({}, signals, {9'500, {}, HeldBaseline{1, 0}}, now_ms);
  EXPECT_EQ(decision.price_cents, 10'000);
  EXPECT_FALSE(decision.held);
  signals.stock = 5;  // home is where the last units are
  EXPECT_EQ(go_home({}, signals, {10'000, {}}, now_ms).price_cents, 10'500);
  EXPECT_FALSE(go_home({}, signals, {10'500, {}}, now_ms).changed);
}

TEST(Guardrails, small_changes_are_not_published) {
  Rules rules;
  rules.policy.score_enter = 1.6;
  rules.policy.ratio_enter = 1;
  Decision decision = decide(rules, steady_signals(4'000, 1.05), {10'000, {}});
  EXPECT_NE(decision.proposal.price_cents, 10'000);
  EXPECT_FALSE(decision.changed);
  EXPECT_EQ(decision.guardrails, std::vector<std::string_view>{"change_min"});
}

TEST(Guardrails, hold_for_any_signals) {
  const uint64_t seed = 7;
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  const auto any = [&]() -> double {
    switch (random() % 8) {
      case 0:
        return 0;
      case 1:
        return -1e9;
      case 2:
        return std::nan("");
      case 3:
        return std::numeric_limits<double>::infinity();
      case 4:
        return 1e300;
      default:
        return std::exp(std::uniform_real_distribution<double>(-10, 15)(random));
    }
  };
  const Rules rules;
  for (int round = 0; round < 50'000; ++round) {
    Signals signals;
    signals.fast = {any(), any(), any()};
    signals.slow = {any(), any(), any()};
    signals.first_event_ms = static_cast<int64_t>(random() % 1'000'000);
    signals.last_event_ms = static_cast<int64_t>(random() % 1'000'000);
    signals.list_price_cents = static_cast<int64_t>(1 + random() % 1'000'000);
    if (random() % 2) signals.stock = static_cast<int64_t>(random() % 30) - 5;
    CurrentPrice current;
    const auto list = static_cast<double>(signals.list_price_cents);
    current.price_cents = std::llround(std::ceil(list * std::uniform_real_distribution<double>(0.7, 1.59)(random)));
    const bool was_inside = static_cast<double>(current.price_cents) <= list * 1.6;
    if (random() % 2) current.priced_ms = signals.last_event_ms - static_cast<int64_t>(random() % 2'000);
    const Decision decision = decide(rules, signals, current);
    const auto price = static_cast<double>(decision.price_cents);
    ASSERT_GE(price, std::floor(list * 0.7));
    ASSERT_LE(price, std::max(list * 1.6, 1.0));
    ASSERT_GE(decision.price_cents, 1);
    const double change = std::abs(price - static_cast<double>(current.price_cents));
    if (!was_inside) continue;
    ASSERT_LE(change, std::max(1.0, 0.1 * static_cast<double>(current.price_cents)));
    if (decision.changed && current.priced_ms) {
      ASSERT_GE(signals.last_event_ms - *current.priced_ms, 500);
    }
    ASSERT_EQ(decision.changed, decision.price_cents != current.price_cents);
    ASSERT_FALSE(decision.reason.empty());
  }
}

TEST(Simulation, a_rush_moves_its_price_within_a_second_of_events) {
  const Rules rules;
  int late = 0;
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    Product product(rules);
    Shoppers shoppers(seed);
    shoppers.visit(product, 4, start_ms, start_ms + 8'000);
    const int before = product.changes();
    const double rush_ms = start_ms + 8'000;
    for (double at = rush_ms; product.changes() == before && at < rush_ms + 1'000; at += 20) {
      shoppers.visit(product, 150, at, at + 20);
    }
    late += product.changes() == before;
    shoppers.visit(product, 150, rush_ms + 1'000, rush_ms + 3'000);
    EXPECT_GT(product.price(), 12'500) << "seed " << seed;
  }
  EXPECT_LE(late, 20) << "of 200 rushes";
}

TEST(Simulation, power_law_noise_seldom_moves_prices) {
  const Rules rules;
  const uint64_t seed = 3;
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  Shoppers shoppers(seed);
  int events = 0;
  int changes = 0;
  int moved = 0;
  const int products = 500;
  for (int rank = 1; rank <= products; ++rank) {
    Product product(rules);
    const double per_second = 100 / std::pow(rank, 0.9);
    events += shoppers.visit(product, per_second, start_ms, start_ms + 60'000);
    changes += product.changes();
    moved += product.changes() > 0;
  }
  RecordProperty("changes", changes);
  EXPECT_GT(events, 50'000);
  EXPECT_LE(moved, products / 50) << changes << " changes in " << events << " events";
}

TEST(Simulation, constant_demand_moves_a_price_at_most_once_an_hour) {
  const Rules rules;
  for (const double per_second : {0.5, 2.0, 20.0}) {
    SCOPED_TRACE(testing::Message() << per_second << " events a second");
    Product product(rules);
    Shoppers shoppers(11);
    const double hours = per_second > 10 ? 3 : 24;
    shoppers.visit(product, per_second, start_ms, start_ms + hours * 3'600'000);
    EXPECT_LE(product.changes(), hours);
  }
}

TEST(Guardrails, a_price_comes_home_all_the_way_on_however_few_events) {
  Signals signals = steady_signals(0.02, 1);
  signals.fast = {};
  for (const int64_t price : {10'001, 10'099, 9'960}) {
    const Decision decision = decide({}, signals, {price, signals.last_event_ms - 600'000});
    EXPECT_EQ(decision.price_cents, 10'000) << price << ": " << decision.reason;
  }
}

// What is usual was kept when the rush began, so the rush does not become it.
TEST(Simulation, a_rush_is_not_its_own_baseline) {
  const Rules rules;
  Product product(rules);
  Shoppers shoppers(17);
  shoppers.visit(product, 4, start_ms, start_ms + 300'000);
  ASSERT_EQ(product.price(), 10'000);
  const double rush_ms = start_ms + 300'000;
  shoppers.visit(product, 100, rush_ms, rush_ms + 30'000);
  const int64_t high = product.price();
  EXPECT_GE(high, 15'000);
  for (int second = 30; second < 240; second += 10) {
    shoppers.visit(product, 100, rush_ms + second * 1'000, rush_ms + second * 1'000 + 10'000);
    EXPECT_GE(product.price(), high - 500) << second;
  }
  shoppers.visit(product, 4, rush_ms + 240'000, rush_ms + 300'000);
  EXPECT_EQ(product.price(), 10'000);
}

// A level that stays becomes usual in the end.
TEST(Simulation, a_rush_that_lasts_for_an_hour_is_usual) {
  const Rules rules;
  Product product(rules);
  Shoppers shoppers(18);
  shoppers.visit(product, 4, start_ms, start_ms + 300'000);
  shoppers.visit(product, 16, start_ms + 300'000, start_ms + 360'000);
  EXPECT_GT(product.price(), 12'000);
  shoppers.visit(product, 16, start_ms + 360'000, start_ms + 3 * 3'600'000);
  EXPECT_EQ(product.price(), 10'000);
}

TEST(Simulation, a_price_returns_to_the_list_price_after_the_rush) {
  const Rules rules;
  Product product(rules);
  Shoppers shoppers(5);
  shoppers.visit(product, 10, start_ms, start_ms + 30'000);
  shoppers.visit(product, 200, start_ms + 30'000, start_ms + 40'000);
  EXPECT_GT(product.price(), 13'000);
  shoppers.visit(product, 10, start_ms + 40'000, start_ms + 80'000);
  EXPECT_EQ(product.price(), 10'000);
}

// Demand answers the price with a constant elasticity; without swings the price must settle after a step in demand.
TEST(Simulation, constant_demand_does_not_swing_the_price) {
  const Rules rules;
  for (const double elasticity : {1.0, 2.0, 3.0}) {
    Signals signals = steady_signals(50, 1);
    CurrentPrice current{10'000, {}};
    int reversals = 0;
    int direction = 0;
    int late_changes = 0;
    for (int round = 0; round < 200; ++round) {
      const double rush = 4 * std::pow(static_cast<double>(current.price_cents) / 10'000, -elasticity);
      const Signals now = steady_signals(50, rush);
      signals.fast = now.fast;
      signals.last_event_ms += 1'000;
      const Decision decision = decide(rules, signals, current);
      if (!decision.changed) continue;
      const int turned = decision.price_cents > current.price_cents ? 1 : -1;
      reversals += direction != 0 && turned != direction;
      direction = turned;
      late_changes += round > 50;
      current = {decision.price_cents, signals.last_event_ms};
    }
    EXPECT_LE(reversals, elasticity <= 2 ? 2 : 10) << elasticity;
    EXPECT_EQ(late_changes, 0) << elasticity;
    EXPECT_GT(current.price_cents, 11'000) << elasticity;
  }
}

TEST(Simulation, the_same_events_give_the_same_prices) {
  const Rules rules;
  const auto run = [&] {
    Product product(rules);
    Shoppers shoppers(9);
    std::vector<int64_t> prices;
    for (int second = 0; second < 60; ++second) {
      shoppers.visit(product, second % 20 < 10 ? 5 : 80, start_ms + second * 1000, start_ms + second * 1000 + 1000);
      prices.push_back(product.price());
    }
    return prices;
  };
  EXPECT_EQ(run(), run());
}

TEST(Rules, are_set_by_name_and_checked_against_each_other) {
  Rules rules;
  EXPECT_TRUE(set_rule(rules, "floor", "0.5"));
  EXPECT_TRUE(set_rule(rules, "cool_down_ms", "2000"));
  EXPECT_EQ(rules.guardrails.floor, 0.5);
  EXPECT_EQ(rules.guardrails.cool_down_ms, 2'000);
  EXPECT_EQ(set_rule(rules, "flor", "1").error().kind, ErrorKind::invalid_argument);
  EXPECT_NE(set_rule(rules, "flor", "1").error().message.find("floor"), std::string::npos);
  EXPECT_FALSE(set_rule(rules, "floor", "0.5x"));
  EXPECT_FALSE(set_rule(rules, "cool_down_ms", "1.5"));
  EXPECT_TRUE(check(rules));
  rules.guardrails.floor = 1.2;
  EXPECT_FALSE(check(rules));
  rules = {};
  rules.policy.gain = 1;
  EXPECT_FALSE(check(rules));
  rules = {};
  EXPECT_TRUE(set_rule(rules, "ceiling", "nan"));
  EXPECT_FALSE(check(rules));
}

TEST(Rules, are_those_that_the_environment_names) {
  const auto rules = rules_of_environment({{"PRICING_CEILING", "1.4"}, {"PATH", "/bin"}});
  ASSERT_TRUE(rules) << rules.error().message;
  EXPECT_EQ(rules->guardrails.ceiling, 1.4);
  EXPECT_EQ(rules->guardrails.floor, Guardrails().floor);
  const auto wrong = rules_of_environment({{"PRICING_CEILING", "0.5"}});
  ASSERT_FALSE(wrong);
  EXPECT_NE(wrong.error().message.find("ceiling"), std::string::npos) << wrong.error().message;
  const auto misspelt = rules_of_environment({{"PRICING_CEILNG", "1.4"}});
  ASSERT_FALSE(misspelt);
  EXPECT_TRUE(misspelt.error().message.starts_with("PRICING_CEILNG: ")) << misspelt.error().message;
  EXPECT_NE(misspelt.error().message.find("ceiling"), std::string::npos) << misspelt.error().message;
}

}  // namespace
}  // namespace millrace::pricing
