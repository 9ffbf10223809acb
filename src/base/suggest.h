#pragma once
// "did you mean ...": the nearest of the known words, for messages about unknown ones. Pure; any thread.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::base {

// How many letters must be put in, taken out or changed to make one word the other. Takes the product of their lengths.
size_t edit_distance(std::string_view a, std::string_view b);

// "did you mean `listen`?" if one is near, else "known are `a`, `b`, ...".
std::string suggestion(std::string_view word, const std::vector<std::string>& known);

}  // namespace millrace::base
