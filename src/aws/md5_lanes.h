#pragma once
// MD5 of many short keys at once, eight to a pass (a vector of eight 32-bit lanes): what routes records to shards. For
// keys that need more than one block, and for a single key, use Md5. Pure; any thread.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "aws/crypto.h"

namespace millrace::aws {

inline constexpr size_t md5_lanes = 8;
inline constexpr size_t md5_lane_bytes_max = 55;  // of a key that fits one block with its padding

// The digests of up to eight keys of at most md5_lane_bytes_max bytes.
void md5_of_short_keys(std::span<const std::string_view> keys, std::span<Digest128> digests);

}  // namespace millrace::aws
