#include "base/base64.h"

#include <array>
#include <cstdint>
#include <cstring>

#ifdef __AVX2__
#include <immintrin.h>
#endif

namespace millrace::base {
namespace {

constexpr uint32_t not_base64 = 0xff000000;

// For each of the four places in a quantum: the value of a character, shifted to where it belongs in 24 bits.
using DecodeTable = std::array<std::array<uint32_t, 256>, 4>;
constexpr DecodeTable make_decode_table() {
  DecodeTable table{};
  for (auto& place : table) place.fill(not_base64);
  for (uint32_t value = 0; value < 64; ++value) {
    for (uint32_t place = 0; place < 4; ++place) {
      table[place][static_cast<unsigned char>(base64_alphabet[value])] = value << (6 * (3 - place));
    }
  }
  return table;
}
constexpr DecodeTable decode_table = make_decode_table();

// Two characters for each 12 bits.
constexpr auto make_encode_table() {
  std::array<std::array<char, 2>, 4096> table{};
  for (uint32_t bits = 0; bits < 4096; ++bits) table[bits] = {base64_alphabet[bits >> 6], base64_alphabet[bits & 63]};
  return table;
}
constexpr auto encode_table = make_encode_table();

uint32_t decode_quantum(const unsigned char* in) {
  return decode_table[0][in[0]] | decode_table[1][in[1]] | decode_table[2][in[2]] | decode_table[3][in[3]];
}

void put_quantum(char* out, uint32_t bits) {
  out[0] = static_cast<char>(bits >> 16);
  out[1] = static_cast<char>(bits >> 8);
  out[2] = static_cast<char>(bits);
}

#ifdef __AVX2__
__m256i between(__m256i c, char first, char last) {
  return _mm256_and_si256(_mm256_cmpgt_epi8(c, _mm256_set1_epi8(static_cast<char>(first - 1))),
                          _mm256_cmpgt_epi8(_mm256_set1_epi8(static_cast<char>(last + 1)), c));
}

// 32 characters to 24 bytes (32 are stored); false if one of them is not of the alphabet.
bool decode_vector(const unsigned char* in, char* out) {
  const __m256i c = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(in));
  const __m256i upper = between(c, 'A', 'Z');
  const __m256i small = between(c, 'a', 'z');
  const __m256i digit = between(c, '0', '9');
  const __m256i plus = _mm256_cmpeq_epi8(c, _mm256_set1_epi8('+'));
  const __m256i slash = _mm256_cmpeq_epi8(c, _mm256_set1_epi8('/'));
  const __m256i known =
      _mm256_or_si256(_mm256_or_si256(_mm256_or_si256(upper, small), _mm256_or_si256(digit, plus)), slash);
  if (_mm256_movemask_epi8(known) != -1) return false;
  // What takes a character to its value differs by its range.
  __m256i shift = _mm256_and_si256(upper, _mm256_set1_epi8(-'A'));
  shift = _mm256_or_si256(shift, _mm256_and_si256(small, _mm256_set1_epi8(26 - 'a')));
  shift = _mm256_or_si256(shift, _mm256_and_si256(digit, _mm256_set1_epi8(52 - '0')));
  shift = _mm256_or_si256(shift, _mm256_and_si256(plus, _mm256_set1_epi8(62 - '+')));
  shift = _mm256_or_si256(shift, _mm256_and_si256(slash, _mm256_set1_epi8(63 - '/')));
  const __m256i values = _mm256_add_epi8(c, shift);
  // Two values of 6 bits to 12, two of those to 24; then the three bytes in their order, the halves joined.
  const __m256i twelve = _mm256_maddubs_epi16(values, _mm256_set1_epi16(0x0140));
  const __m256i bits = _mm256_madd_epi16(twelve, _mm256_set1_epi32(0x00011000));
  const __m128i lane = _mm_setr_epi8(2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1);
  const __m256i packed = _mm256_shuffle_epi8(bits, _mm256_broadcastsi128_si256(lane));
  const __m256i joined = _mm256_permutevar8x32_epi32(packed, _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 7, 7));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), joined);
  return true;
}
#endif

}  // namespace

std::optional<size_t> base64_decode(std::string_view text, char* out) {
  size_t size = text.size();
  if (size % 4 == 0 && size > 0 && text[size - 1] == '=') {
    --size;
    if (text[size - 1] == '=') --size;
  }
  const auto* in = reinterpret_cast<const unsigned char*>(text.data());
  const auto* const end = in + size;
  char* at = out;
#ifdef __AVX2__
  while (end - in >= 32) {
    if (!decode_vector(in, at)) return std::nullopt;
    in += 32;
    at += 24;
  }
#endif
  while (end - in >= 4) {
    const uint32_t bits = decode_quantum(in);
    if (bits & not_base64) return std::nullopt;
    put_quantum(at, bits);
    in += 4;
    at += 3;
  }
  const auto left = static_cast<size_t>(end - in);
  if (left == 1) return std::nullopt;
  if (left > 1) {
    const unsigned char quantum[4] = {in[0], in[1], left == 3 ? in[2] : static_cast<unsigned char>('A'), 'A'};
    const uint32_t bits = decode_quantum(quantum);
    if (bits & not_base64) return std::nullopt;
    put_quantum(at, bits);
    at += left - 1;
  }
  return static_cast<size_t>(at - out);
}

std::optional<std::string> base64_decode(std::string_view text) {
  std::string out(base64_decoded_size_max(text.size()) + base64_slack, '\0');
  const auto size = base64_decode(text, out.data());
  if (!size) return std::nullopt;
  out.resize(*size);
  return out;
}

void append_base64(std::string& out, std::string_view bytes) {
  const size_t begin = out.size();
  out.resize(begin + (bytes.size() + 2) / 3 * 4);
  char* at = out.data() + begin;
  const auto* in = reinterpret_cast<const unsigned char*>(bytes.data());
  const auto* const end = in + bytes.size();
  for (; end - in >= 3; in += 3, at += 4) {
    const uint32_t bits = uint32_t{in[0]} << 16 | uint32_t{in[1]} << 8 | in[2];
    std::memcpy(at, encode_table[bits >> 12].data(), 2);
    std::memcpy(at + 2, encode_table[bits & 4095].data(), 2);
  }
  const auto left = end - in;
  if (left == 0) return;
  const uint32_t bits = uint32_t{in[0]} << 16 | (left == 2 ? uint32_t{in[1]} << 8 : 0);
  std::memcpy(at, encode_table[bits >> 12].data(), 2);
  std::memcpy(at + 2, encode_table[bits & 4095].data(), 2);
  at[3] = '=';
  if (left == 1) at[2] = '=';
}

}  // namespace millrace::base
