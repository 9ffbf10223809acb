#include "function/answer.h"

#include <simdjson.h>

#include <algorithm>
#include <array>

#include "base/suggest.h"
#include "function/error_text.h"
#include "table/write_json.h"

namespace millrace::function {

namespace {

Result<std::optional<SequenceNumber>> lowest_of(simdjson::ondemand::array failures,
                                                const base::SequenceFormat& numbers) {
  std::optional<SequenceNumber> lowest;
  for (auto element : failures) {
    std::string_view identifier;
    simdjson::ondemand::object object;
    if (element.get_object().get(object) || object["itemIdentifier"].get_string().get(identifier)) {
      return fail(ErrorKind::invalid_argument, "batchItemFailures: each needs an itemIdentifier, a sequence number");
    }
    const auto sequence = numbers.position(identifier);
    if (!sequence) {
      return fail(ErrorKind::invalid_argument,
                  "batchItemFailures: {} is not the sequence number of a record of the batch", identifier);
    }
    lowest = lowest ? std::min(*lowest, *sequence) : *sequence;
  }
  return lowest;
}

using Value = simdjson::ondemand::value;

constexpr std::array<std::string_view, 2> known_names = {"effects", "batchItemFailures"};
constexpr std::string_view as_it_should_be =
    R"(an answer with effects is {"effects": [{"Put": {"TableName": ..., "Item": ...}}, ...]})";

std::unexpected<Error> no_json() {
  return fail(ErrorKind::invalid_argument,
              "the answer is no JSON (broken, cut off, or more follows it), so nobody knows what it means");
}

// Nothing but white space follows.
bool ends_here(simdjson::ondemand::document& document) {
  return document.current_location().error() == simdjson::OUT_OF_BOUNDS;
}

std::string folded(std::string_view name) {
  std::string lower;
  for (const char c : name) {
    if (c != '_' && c != '-') lower += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  }
  return lower;
}

// The member that a misspelt one was meant as: "Effects", "efects", "batch_item_failures". Empty: none.
std::string_view meant_name(std::string_view name) {
  constexpr size_t mistakes_max = 2;
  constexpr size_t name_bytes_max = 32;
  if (name.size() > name_bytes_max) return {};
  const std::string lower = folded(name);
  if (lower == "transactitems") return "effects";
  for (const std::string_view known : known_names) {
    if (base::edit_distance(lower, folded(known)) <= mistakes_max) return known;
  }
  return {};
}

// In whatever spelling: "Put", "put".
bool is_write(std::string_view name) {
  static constexpr std::array<std::string_view, 4> writes = {"put", "update", "delete", "conditioncheck"};
  return std::ranges::find(writes, folded(name)) != writes.end();
}

bool names_a_table(simdjson::ondemand::object object) {
  for (auto field : object) {
    std::string_view name;
    if (field.unescaped_key().get(name)) return false;
    if (folded(name) == "tablename") return true;
  }
  return false;
}

// {"Put": {"TableName": ...}}, or {"itemIdentifier": ...}.
bool is_entry(Value& value) {
  simdjson::ondemand::object object;
  if (value.get_object().get(object)) return false;
  for (auto field : object) {
    std::string_view name;
    Value inner;
    if (field.unescaped_key().get(name)) return false;
    if (name == "itemIdentifier") return true;
    if (!is_write(name) || field.value().get(inner)) continue;
    simdjson::ondemand::object write;
    if (!inner.get_object().get(write) && names_a_table(write)) return true;
  }
  return false;
}

Result<Answer> parse_text(simdjson::ondemand::document& document) {
  std::string_view text;
  if (document.get_string().get(text) || !ends_here(document)) return no_json();
  const size_t start = text.find_first_not_of(" \t\r\n");
  if (start == std::string_view::npos || (text[start] != '{' && text[start] != '[')) return Answer();
  const std::string lower = folded(text);
  if (std::ranges::none_of(known_names, [&](std::string_view name) { return lower.contains(folded(name)); })) {
    return Answer();
  }
  return fail(ErrorKind::invalid_argument,
              "the answer is JSON in quotes, a text: return the object itself, without turning it into JSON first; {}",
              as_it_should_be);
}

Result<Answer> parse_list(simdjson::ondemand::document& document) {
  simdjson::ondemand::array array;
  if (document.get_array().get(array)) return no_json();
  bool meant = false;
  for (auto element : array) {
    Value value;
    if (element.get(value)) return no_json();
    meant = meant || is_entry(value);
  }
  if (!ends_here(document)) return no_json();
  if (!meant) return Answer();
  return fail(ErrorKind::invalid_argument, "the answer is a bare list; {}", as_it_should_be);
}

Result<Answer> parse_object(simdjson::ondemand::document& document, const base::SequenceFormat& numbers) {
  Answer answer;
  simdjson::ondemand::object object;
  if (document.get_object().get(object)) return no_json();
  for (auto field : object) {
    std::string_view name;
    Value value;
    simdjson::ondemand::array array;
    if (field.unescaped_key().get(name) || field.value().get(value)) return no_json();
    const bool is_effects = name == "effects";
    if (!is_effects && name != "batchItemFailures") {
      simdjson::ondemand::json_type type{};
      if (value.type().get(type)) return no_json();
      const bool holds_more =
          type == simdjson::ondemand::json_type::array || type == simdjson::ondemand::json_type::object;
      if (!holds_more) continue;
      if (const std::string_view meant = meant_name(name); !meant.empty()) {
        return fail(ErrorKind::invalid_argument, "the answer has `{}`, which means nothing here; did you mean `{}`?",
                    readable(name), meant);
      }
      simdjson::ondemand::object write;
      if (is_write(name) && !value.get_object().get(write) && names_a_table(write)) {
        return fail(ErrorKind::invalid_argument, "the answer is a bare `{}`; {}", name, as_it_should_be);
      }
      continue;
    }
    bool null = false;
    if (!value.is_null().get(null) && null) continue;
    if (value.get_array().get(array)) {
      return fail(ErrorKind::invalid_argument, "`{}` must be a list, not a text or an object", name);
    }
    if (is_effects) {
      auto effects = table::writes_from_json(array);
      if (!effects) return std::unexpected(effects.error().within("effects"));
      answer.effects = std::move(*effects);
    } else {
      TRY_ASSIGN(answer.lowest_failed, lowest_of(array, numbers));
    }
  }
  if (!ends_here(document)) return no_json();
  return answer;
}

}  // namespace

Result<Answer> parse_answer(std::string_view body, const base::SequenceFormat& numbers) {
  const size_t start = body.find_first_not_of(" \t\r\n");
  if (start == std::string_view::npos) return Answer();
  const char first = body[start];
  if (first != '{' && first != '[' && first != '"') {
    // Text, a number: whatever a program prints. Unless it prints effects with something before them.
    for (const std::string_view name : known_names) {
      if (body.find(fmt::format("\"{}\"", name)) != std::string_view::npos) return no_json();
    }
    return Answer();
  }
  simdjson::ondemand::parser parser;
  simdjson::ondemand::document document;
  if (parser.iterate(body.data(), body.size(), body.size() + simdjson::SIMDJSON_PADDING).get(document))
    return no_json();
  if (first == '"') return parse_text(document);
  if (first == '[') return parse_list(document);
  auto answer = parse_object(document, numbers);
  // What is not asked for has only been stepped over: nothing is committed of an answer that is broken there.
  if (answer && (!answer->effects.empty() || answer->lowest_failed)) {
    simdjson::dom::parser whole;
    if (whole.parse(body.data(), body.size(), false).error()) return no_json();
  }
  return answer;
}

}  // namespace millrace::function
