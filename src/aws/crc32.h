#pragma once
// CRC-32 of zlib and Ethernet, for x-amz-crc32. Pure; any thread.

#include <cstdint>
#include <string_view>

namespace millrace::aws {

uint32_t crc32(std::string_view bytes);

}  // namespace millrace::aws
