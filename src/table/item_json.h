#pragma once
// Items and values as JSON, as the DynamoDB API writes them: {"id": {"S": "p1"}, "price": {"N": "12.50"}}.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.LowLevelAPI.html
// Pure functions; any thread.

#include <simdjson.h>

#include <string>
#include <string_view>

#include "table/item.h"

namespace millrace::table {

void put_json(std::string& out, const Item& item);
void put_json(std::string& out, const AttributeValue& value);
// Straight from stored bytes to JSON, without an Item in between: the path of GetItem.
Result<void> put_json_of_stored(std::string& out, std::string_view bytes);
// invalid_argument in DynamoDB's words: wrong type, empty set, duplicates in a set, nesting, bad number, bad base64.
Result<Item> item_from_json(simdjson::ondemand::object object);
Result<AttributeValue> value_from_json(simdjson::ondemand::value value);
// Whether such an error says that the JSON itself is wrong (no JSON, a number where a string belongs, bad base64): on
// the wire that is a SerializationException and not a ValidationException.
bool is_wrong_json(const Error& error);
// The error of a JSON parser's answer, with is_wrong_json().
Error wrong_json(simdjson::error_code code);
// A JSON value that must be a string, a boolean or an object; null is refused, so ask is_null() first where it means
// "absent". The view lives as long as the parser's document.
Result<std::string_view> string_from_json(simdjson::ondemand::value value);
Result<bool> boolean_from_json(simdjson::ondemand::value value);
Result<simdjson::ondemand::object> object_from_json(simdjson::ondemand::value value);

}  // namespace millrace::table
