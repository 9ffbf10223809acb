#pragma once
// An item as a request has it, from the text of a fuzz input.

#include <string_view>

#include "table/item_json.h"

namespace millrace::fuzz {

inline Result<table::Item> item_of(std::string_view json) {
  const simdjson::padded_string padded(json);
  simdjson::ondemand::parser parser;
  simdjson::ondemand::document document;
  simdjson::ondemand::object object;
  if (const auto code = parser.iterate(padded).get(document)) return std::unexpected(table::wrong_json(code));
  if (const auto code = document.get_object().get(object)) return std::unexpected(table::wrong_json(code));
  return table::item_from_json(object);
}

}  // namespace millrace::fuzz
