#pragma once
// Items between plain JSON ({"id":"p1","price":12.9}) and as DynamoDB's API has them ({"id":{"S":"p1"},...}). Pure;
// any thread.
//
// Plain JSON has no sets and no bytes: a set is written as a list, bytes as base64, and neither comes back as what it
// was. Numbers stand as they are written, with all their digits.

#include <simdjson.h>

#include <map>
#include <string>
#include <string_view>

#include "base/error.h"
#include "client/items.h"

namespace millrace::client {

// Of attributes at the top: which texts are numbers (N) or bytes in base64 (B).
using AttributeTypes = std::map<std::string, char, std::less<>>;

// A JSON object as an item. An object whose only member is "Item" is one already, as in an export of DynamoDB's, and
// what is in it is taken as it stands. `json` is followed by 64 readable bytes. invalid_argument: no JSON object; a
// text that is to be a number and is none.
Result<std::string> item_of_plain(std::string_view json, const AttributeTypes& types);

// One value as an attribute's value by its type (N, B, else S): {"N":"5"}. invalid_argument: it is no such number.
Result<std::string> value_of_text(std::string_view text, char type);

void append_plain(std::string& out, JsonItem item);
// The text of an attribute's value for a cell: a text as it is, the rest as plain JSON.
std::string cell_of(simdjson::dom::element value);

}  // namespace millrace::client
