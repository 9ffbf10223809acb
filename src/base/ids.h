#pragma once
// Numbers that must not be mixed: each meaning is a type of its own, compared and printed like an integer and
// converted only by name (.value).

#include <fmt/core.h>

#include <compare>
#include <cstdint>
#include <functional>

namespace millrace {

template <class Tag, class Integer>
struct Id {
  using integer = Integer;
  Integer value{};

  constexpr Id() = default;
  constexpr explicit Id(Integer v) : value(v) {}
  constexpr auto operator<=>(const Id&) const = default;
  constexpr Id next() const { return Id(value + 1); }
};

// A log is made of shards; the tables' journal has one per keyspace.
using ShardId = Id<struct ShardIdTag, uint32_t>;
// The place of a record in its shard: 0, 1, 2, ... without gaps.
using SequenceNumber = Id<struct SequenceNumberTag, uint64_t>;
// The place of a group in its journal: 1, 2, 3, ...; 0 is "before the first".
using GroupNumber = Id<struct GroupNumberTag, uint64_t>;
// Milliseconds since 1970-01-01 UTC: when something happened, as its producer says.
using EventTime = Id<struct EventTimeTag, int64_t>;
// Milliseconds since 1970-01-01 UTC: when this server saw it.
using ProcessingTime = Id<struct ProcessingTimeTag, int64_t>;

}  // namespace millrace

template <class Tag, class Integer>
struct std::hash<millrace::Id<Tag, Integer>> {
  size_t operator()(millrace::Id<Tag, Integer> id) const noexcept { return std::hash<Integer>()(id.value); }
};

// Without options ({:x} and the like): name the .value for those.
template <class Tag, class Integer>
struct fmt::formatter<millrace::Id<Tag, Integer>> {
  constexpr auto parse(fmt::format_parse_context& context) { return context.begin(); }
  auto format(millrace::Id<Tag, Integer> id, fmt::format_context& context) const {
    return fmt::format_to(context.out(), "{}", id.value);
  }
};
