#pragma once
// "did you mean ...": the nearest of the known words, for messages about unknown ones. Pure; any thread.

#include <string>
#include <string_view>
#include <vector>

namespace millrace::base {

// "did you mean `listen`?" if one is near, else "known are `a`, `b`, ...".
std::string suggestion(std::string_view word, const std::vector<std::string>& known);

}  // namespace millrace::base
