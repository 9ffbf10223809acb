#include "function/position.h"

#include <charconv>

namespace millrace::function {

std::string position_prefix(std::string_view mapping) {
  return fmt::format("function/mapping/{}/", mapping);
}

std::string position_key(std::string_view mapping, ShardId shard) {
  return fmt::format("{}{}", position_prefix(mapping), shard);
}

std::string position_value(SequenceNumber next, const SourceIdentity& source) {
  return fmt::format("{} {} {}", next, source.name, source.id);
}

Result<Position> parse_position(std::string_view value) {
  Position position;
  const char* const end = value.data() + value.size();
  const auto [after, error] = std::from_chars(value.data(), end, position.next.value);
  if (error == std::errc() && after == end) return position;
  std::string_view source(after, static_cast<size_t>(end - after));
  const size_t space = source.rfind(' ');
  if (error != std::errc() || !source.starts_with(' ') || space == 0) {
    return fail(ErrorKind::corrupt, "`{}` is no position of a mapping", value);
  }
  position.source = {std::string(source.substr(1, space - 1)), std::string(source.substr(space + 1))};
  return position;
}

}  // namespace millrace::function
