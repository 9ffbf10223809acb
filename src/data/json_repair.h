#pragma once
// What Jackson, and so Flink, reads as JSON and a strict parser refuses: control characters that stand in a text as
// they are, and halves of surrogate pairs. Producers do send both: a tab in a search, a text cut in the middle of an
// emoji. https://issues.apache.org/jira/browse/FLINK-20773 For records that the parser has refused, so off the hot
// path. Pure; any thread.

#include <optional>
#include <string>
#include <string_view>

namespace millrace::data {

// The record with control characters inside its texts escaped, and '?' for each half of a pair, as Java writes one as
// UTF-8. nullopt: there is nothing of the kind in it.
std::optional<std::string> repair_json(std::string_view record);

// The record's first object, without a byte order mark before it and without what follows its end, which Jackson does
// not look at. Where there is none: the record without the mark.
std::string_view first_object(std::string_view record);

}  // namespace millrace::data
