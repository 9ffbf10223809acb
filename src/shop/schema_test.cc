// Goal: the pipeline and the programs of the shop agree on what its tables are called and what is in them.
// Method: the words of the pipeline's text.

#include "shop/schema.h"

#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <string>

namespace millrace::shop {
namespace {

std::set<std::string> words_of_pipeline() {
  const std::string here = __FILE__;
  std::ifstream in(here.substr(0, here.rfind("src/shop/")) + "examples/shop/pricing.sql");
  std::stringstream text;
  text << in.rdbuf();
  const std::string all = std::regex_replace(text.str(), std::regex("--[^\n]*"), "");
  const std::regex word("[A-Za-z_]+");
  return {std::sregex_token_iterator(all.begin(), all.end(), word), std::sregex_token_iterator()};
}

TEST(Schema, is_what_the_pipeline_spells) {
  const std::set<std::string> words = words_of_pipeline();
  ASSERT_TRUE(words.contains("CREATE")) << "the pipeline was not found";
  for (const std::string_view name : {click_stream,
                                      pricing_job,
                                      product_catalog.name,
                                      orders.name,
                                      product_demand.name,
                                      product_windows.name,
                                      event::event_id,
                                      event::event_type,
                                      event::visitor_id,
                                      event::event_ms,
                                      event::order_id,
                                      event::quantity,
                                      event::unit_price,
                                      event::ordered_ms,
                                      product::id,
                                      product::name,
                                      product::category,
                                      product::list_price,
                                      product::stock,
                                      product::price,
                                      demand::views,
                                      demand::cart_adds,
                                      demand::units,
                                      demand::slow_views,
                                      demand::slow_cart_adds,
                                      demand::slow_units,
                                      demand::first_event_ms,
                                      demand::last_event_ms,
                                      window::start,
                                      window::end,
                                      window::views,
                                      window::cart_adds,
                                      window::visitors,
                                      window::units,
                                      window::revenue}) {
    EXPECT_TRUE(words.contains(std::string(name))) << name;
  }
}

}  // namespace
}  // namespace millrace::shop
