#include "shop/flag_fast_clicks.h"

#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "base/base64.h"
#include "client/api.h"
#include "client/items.h"
#include "client/runtime_client.h"
#include "shop/schema.h"

namespace millrace::shop {

namespace {

constexpr int64_t event_ms_max = 253'402'300'799'999;  // the end of the year 9999

std::string key_of(const std::string& visitor_id) {
  return client::ItemText().text(event::visitor_id, visitor_id).done();
}

void put_effect(std::string& out, const std::string& visitor_id, int64_t first_ms, int64_t last_ms, int64_t clicks,
                int64_t flags) {
  client::ItemText values;
  values.number(":first", first_ms).number(":last", last_ms).number(":clicks", clicks).number(":flags", flags);
  out +=
      fmt::format(R"({{"Update":{{"TableName":"{}","Key":{},)"
                  R"("UpdateExpression":"SET first_flagged_ms = if_not_exists(first_flagged_ms, :first), )"
                  R"(last_flagged_ms = :last, clicks = :clicks ADD flags :flags","ExpressionAttributeValues":{}}}}})",
                  flagged_visitors.name, key_of(visitor_id), values.done());
}

Result<std::optional<int64_t>> read_largest(client::Api& api, const std::string& visitor_id) {
  const std::string request =
      fmt::format(R"({{"TableName":"{}","ConsistentRead":true,"Key":{}}})", flagged_visitors.name, key_of(visitor_id));
  TRY_ASSIGN(const std::string answer, client::call_dynamodb(api, "GetItem", request));
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  if (parser.parse(answer).get(root)) return fail(ErrorKind::internal, "GetItem answered what cannot be read");
  client::JsonItem item;
  if (root["Item"].get(item)) return std::nullopt;
  return client::integer_attribute(item, "clicks");
}

}  // namespace

Result<std::string> FastClicks::handle(std::string_view event) {
  simdjson::ondemand::parser parser;
  simdjson::ondemand::document document;
  simdjson::ondemand::array records;
  if (parser.iterate(event.data(), event.size(), event.size() + simdjson::SIMDJSON_PADDING).get(document) ||
      document["Records"].get_array().get(records)) {
    return fail(ErrorKind::invalid_argument, "the event is none of a stream: no Records");
  }
  std::map<std::string, Finding> findings;
  simdjson::ondemand::parser click_parser;
  for (auto record : records) {
    std::string_view data;
    if (record["kinesis"]["data"].get_string().get(data)) continue;
    auto json = base::base64_decode(data);
    if (!json) continue;
    json->reserve(json->size() + simdjson::SIMDJSON_PADDING);
    simdjson::ondemand::document clicked;
    simdjson::ondemand::object object;
    if (click_parser.iterate(*json).get(clicked) || clicked.get_object().get(object)) continue;
    std::string_view visitor;
    int64_t event_ms = 0;
    if (object[event::visitor_id].get_string().get(visitor) || visitor.empty()) continue;
    const std::string visitor_id(visitor);
    if (object[event::event_ms].get_int64().get(event_ms) || event_ms < 0 || event_ms > event_ms_max) continue;
    click(visitor_id, event_ms, findings);
  }

  std::string effects;
  std::vector<std::pair<Visitor*, int64_t>> learnt;
  for (const auto& [visitor_id, finding] : findings) {
    Visitor& visitor = visitors_[visitor_id];
    int64_t largest = visitor.largest.value_or(0);
    if (!visitor.largest) {
      TRY_ASSIGN(const auto committed, read_flagged_(visitor_id));
      largest = committed.value_or(0);
    }
    largest = std::max(largest, finding.clicks);
    effects += effects.empty() ? "" : ",";
    put_effect(effects, visitor_id, finding.first_ms, finding.last_ms, largest, finding.flags);
    learnt.emplace_back(&visitor, largest);
  }
  for (const auto& [visitor, largest] : learnt) visitor->largest = largest;
  if (newest_ms_ - swept_ms_ >= rules_.window_ms || visitors_.size() > visitors_max) {
    forget(newest_ms_ - rules_.window_ms - lateness_ms);
  }
  if (effects.empty()) return "{}";
  return R"({"effects":[)" + effects + "]}";
}

void FastClicks::click(const std::string& visitor_id, int64_t event_ms, std::map<std::string, Finding>& findings) {
  newest_ms_ = std::max(newest_ms_, event_ms);
  Visitor& visitor = visitors_[visitor_id];
  std::deque<int64_t>& clicks = visitor.clicks_ms;
  if (!clicks.empty() && event_ms <= clicks.back() - rules_.window_ms) return;  // too late for the window
  clicks.insert(std::ranges::upper_bound(clicks, event_ms), event_ms);
  while (clicks.front() <= clicks.back() - rules_.window_ms || clicks.size() > clicks_kept_max) clicks.pop_front();
  const auto count = static_cast<int64_t>(clicks.size());
  const bool was_fast = visitor.fast;
  visitor.fast = count > rules_.clicks_max;
  if (!visitor.fast) return;
  Finding& finding = findings.try_emplace(visitor_id, Finding{event_ms, event_ms, 0, 0}).first->second;
  finding.first_ms = std::min(finding.first_ms, event_ms);
  finding.last_ms = std::max(finding.last_ms, event_ms);
  finding.clicks = std::max(finding.clicks, count);
  finding.flags += !was_fast;
}

void FastClicks::forget(int64_t before_ms) {
  swept_ms_ = newest_ms_;
  std::erase_if(visitors_, [&](const auto& entry) { return entry.second.clicks_ms.back() <= before_ms; });
  if (visitors_.size() <= visitors_max) return;
  // More visitors in a few seconds than are kept: those who were quiet longest go.
  std::vector<int64_t> newest;
  for (const auto& [id, visitor] : visitors_) newest.push_back(visitor.clicks_ms.back());
  const auto middle = newest.begin() + static_cast<ptrdiff_t>(newest.size() / 2);
  std::ranges::nth_element(newest, middle);
  std::erase_if(visitors_, [&](const auto& entry) { return entry.second.clicks_ms.back() <= *middle; });
}

int run_flag_fast_clicks() {
  FastClickRules rules;
  const auto set = [](const char* name, int64_t& rule) {
    const char* const value = std::getenv(name);
    if (value == nullptr) return true;
    const std::string_view text = value;
    int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size() || number < 1) {
      fmt::print(stderr, "millrace flag-fast-clicks: {} is `{}`; it must be a whole number over 0\n", name, text);
      return false;
    }
    rule = number;
    return true;
  };
  if (!set("FAST_CLICKS_MAX", rules.clicks_max) || !set("FAST_CLICKS_WINDOW_MS", rules.window_ms)) return 2;
  const auto endpoint = client::endpoint_of_environment();
  if (!endpoint) {
    fmt::print(stderr, "millrace flag-fast-clicks: {}\n", endpoint.error().message);
    return 2;
  }
  client::Api api(*endpoint);
  FastClicks fast_clicks(rules, [&](const std::string& visitor_id) { return read_largest(api, visitor_id); });
  return client::run_event_loop([&](std::string_view event) { return fast_clicks.handle(event); });
}

}  // namespace millrace::shop
