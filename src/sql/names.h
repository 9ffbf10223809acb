#pragma once
// What to say about a word that is not known, and which words are not names. Pure functions.

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::sql {

// The candidate nearest to the word (edits of a character, neighbours swapped, capitals ignored), or empty if
// none is near enough to be a slip.
std::string nearest(std::string_view word, std::span<const std::string> candidates);

// "; did you mean 'x'?", or "; `what`: a, b, c" (at most 20), or empty if there are no candidates.
std::string suggestion(std::string_view word, std::span<const std::string> candidates, std::string_view what);

std::string join(std::span<const std::string> parts, std::string_view separator = ", ");

// Words of Flink's grammar that are a name only between backquotes.
// https://nightlies.apache.org/flink/flink-docs-stable/docs/dev/table/sql/overview/#reserved-keywords
bool is_reserved(std::string_view capitals);

}  // namespace millrace::sql
