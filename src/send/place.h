#pragma once
// A line in the files that are sent. A plain value.

#include <compare>
#include <cstddef>
#include <cstdint>

namespace millrace::send {

struct Place {
  size_t file = 0;   // by its number, from 0
  int64_t line = 0;  // from 1; 0: before the first

  auto operator<=>(const Place&) const = default;
};

}  // namespace millrace::send
