#include "stream/md5_lanes.h"

#include <array>
#include <cmath>
#include <cstring>

#include "base/error.h"

namespace millrace::stream {
namespace {

using Lanes = uint32_t __attribute__((vector_size(md5_lanes * sizeof(uint32_t))));

// RFC 1321, 3.4: the integer part of 2^32 times the sine.
std::array<uint32_t, 64> make_constants() {
  std::array<uint32_t, 64> constants;
  for (int i = 0; i < 64; ++i) {
    constants[static_cast<size_t>(i)] = static_cast<uint32_t>(std::fabs(std::sin(i + 1.0)) * 4294967296.0);
  }
  return constants;
}

constexpr int shifts[4][4] = {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};

template <int step>
inline __attribute__((always_inline)) void run_step(Lanes& a, const Lanes& b, const Lanes& c, const Lanes& d,
                                                    const Lanes* words, const std::array<uint32_t, 64>& constants) {
  constexpr int round = step / 16;
  Lanes mixed;
  int word;
  if constexpr (round == 0) {
    mixed = d ^ (b & (c ^ d));
    word = step;
  } else if constexpr (round == 1) {
    mixed = c ^ (d & (b ^ c));
    word = (5 * step + 1) % 16;
  } else if constexpr (round == 2) {
    mixed = b ^ c ^ d;
    word = (3 * step + 5) % 16;
  } else {
    mixed = c ^ (b | ~d);
    word = 7 * step % 16;
  }
  constexpr int shift = shifts[round][step % 4];
  const Lanes sum = a + mixed + words[word] + constants[step];
  a = b + (sum << shift | sum >> (32 - shift));
}

template <int step>
inline __attribute__((always_inline)) void run_steps(Lanes& a, Lanes& b, Lanes& c, Lanes& d, const Lanes* words,
                                                     const std::array<uint32_t, 64>& constants) {
  if constexpr (step < 64) {
    run_step<step>(a, b, c, d, words, constants);
    run_step<step + 1>(d, a, b, c, words, constants);
    run_step<step + 2>(c, d, a, b, words, constants);
    run_step<step + 3>(b, c, d, a, words, constants);
    run_steps<step + 4>(a, b, c, d, words, constants);
  }
}

}  // namespace

void md5_of_short_keys(std::span<const std::string_view> keys, std::span<Md5Digest> digests) {
  static const std::array<uint32_t, 64> constants = make_constants();
  CHECK(keys.size() <= md5_lanes && keys.size() <= digests.size());
  alignas(32) uint32_t words[16][md5_lanes] = {};
  for (size_t lane = 0; lane < keys.size(); ++lane) {
    const std::string_view key = keys[lane];
    CHECK(key.size() <= md5_lane_bytes_max);
    char block[64] = {};
    std::memcpy(block, key.data(), key.size());
    block[key.size()] = static_cast<char>(0x80);
    const uint64_t bits = key.size() * 8;
    std::memcpy(block + 56, &bits, sizeof(bits));
    for (size_t word = 0; word < 16; ++word) std::memcpy(&words[word][lane], block + 4 * word, 4);
  }
  Lanes loaded[16];
  std::memcpy(loaded, words, sizeof(words));
  Lanes a = Lanes{} + 0x67452301u, b = Lanes{} + 0xefcdab89u, c = Lanes{} + 0x98badcfeu, d = Lanes{} + 0x10325476u;
  run_steps<0>(a, b, c, d, loaded, constants);
  a += 0x67452301u;
  b += 0xefcdab89u;
  c += 0x98badcfeu;
  d += 0x10325476u;
  for (size_t lane = 0; lane < keys.size(); ++lane) {
    const uint32_t digest[4] = {a[lane], b[lane], c[lane], d[lane]};
    std::memcpy(digests[lane].data(), digest, sizeof(digest));
  }
}

}  // namespace millrace::stream
