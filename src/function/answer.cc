#include "function/answer.h"

#include <simdjson.h>

#include <algorithm>

#include "table/write_json.h"

namespace millrace::function {

namespace {

Result<std::optional<SequenceNumber>> lowest_of(simdjson::ondemand::array failures) {
  std::optional<SequenceNumber> lowest;
  for (auto element : failures) {
    std::string_view identifier;
    simdjson::ondemand::object object;
    if (element.get_object().get(object) || object["itemIdentifier"].get_string().get(identifier)) {
      return fail(ErrorKind::invalid_argument, "batchItemFailures: each needs an itemIdentifier, a sequence number");
    }
    TRY_ASSIGN(const SequenceNumber sequence, table::parse_wire_sequence_number(identifier));
    lowest = lowest ? std::min(*lowest, sequence) : sequence;
  }
  return lowest;
}

}  // namespace

Result<Answer> parse_answer(std::string_view body) {
  Answer answer;
  const size_t start = body.find_first_not_of(" \t\r\n");
  if (start == std::string_view::npos || body[start] != '{') return answer;
  simdjson::ondemand::parser parser;
  simdjson::ondemand::document document;
  simdjson::ondemand::object object;
  if (parser.iterate(body.data(), body.size(), body.size() + simdjson::SIMDJSON_PADDING).get(document) ||
      document.get_object().get(object)) {
    return fail(ErrorKind::invalid_argument, "the answer is no JSON");
  }
  for (auto field : object) {
    std::string_view name;
    simdjson::ondemand::array array;
    if (field.unescaped_key().get(name)) return fail(ErrorKind::invalid_argument, "the answer is no JSON");
    const bool is_effects = name == "effects";
    if (!is_effects && name != "batchItemFailures") continue;
    simdjson::ondemand::value value;
    if (field.value().get(value)) return fail(ErrorKind::invalid_argument, "the answer is no JSON");
    bool null = false;
    if (!value.is_null().get(null) && null) continue;
    if (value.get_array().get(array)) return fail(ErrorKind::invalid_argument, "{} must be an array", name);
    if (is_effects) {
      auto effects = table::writes_from_json(array);
      if (!effects) return std::unexpected(effects.error().within("effects"));
      answer.effects = std::move(*effects);
    } else {
      TRY_ASSIGN(answer.lowest_failed, lowest_of(array));
    }
  }
  return answer;
}

}  // namespace millrace::function
