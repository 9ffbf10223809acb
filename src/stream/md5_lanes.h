#pragma once
// MD5 of many short keys at once, eight to a pass (a vector of eight 32-bit lanes): what routes records to shards. Keys
// that need more than one block are for a library. Pure; any thread.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace millrace::stream {

using Md5Digest = std::array<unsigned char, 16>;

inline constexpr size_t md5_lanes = 8;
inline constexpr size_t md5_lane_bytes_max = 55;  // of a key that fits one block with its padding

// The digests of up to eight keys of at most md5_lane_bytes_max bytes.
void md5_of_short_keys(std::span<const std::string_view> keys, std::span<Md5Digest> digests);

}  // namespace millrace::stream
