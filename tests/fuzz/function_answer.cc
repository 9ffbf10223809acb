// What a function answered: effects, or records that failed. Effects that are taken are whole JSON, also to simdjson's
// document parser, and each names its table; an answer that is refused says why.

#include <simdjson.h>

#include "function/answer.h"
#include "input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace;
  const fuzz::Exact body({reinterpret_cast<const char*>(data), size}, simdjson::SIMDJSON_PADDING);
  const auto answer = function::parse_answer(body.view(), base::SequenceFormat(ShardId(0), 0));
  if (!answer) {
    CHECK(!answer.error().message.empty());
    return 0;
  }
  if (answer->effects.empty() && !answer->lowest_failed) return 0;
  simdjson::dom::parser parser;
  simdjson::dom::object object;
  const auto code = parser.parse(simdjson::padded_string(body.view())).get(object);
  CHECK(code == simdjson::SUCCESS, "{}", simdjson::error_message(code));
  for (const table::WriteRequest& effect : answer->effects) {
    CHECK(!effect.table.empty());
    CHECK(table::item_nesting(effect.item) <= table::nesting_max);
    std::string stored;
    table::put_item(stored, effect.item);
    const auto item = table::get_item(stored);
    CHECK(item.has_value() && *item == effect.item);
  }
  return 0;
}
