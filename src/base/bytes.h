#pragma once
// Bytes in and out of buffers: variable-length integers (LEB128), fixed little-endian integers,
// length-prefixed strings, and big-endian integers for keys that must sort as numbers. Pure; any thread.
//
// Writers append to a std::string. A ByteReader walks a view; a read past the end returns a zero and marks
// the reader as failed, so a decoder reads on and asks ok() once, at the end.

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace millrace::base {

inline void put_u8(std::string& out, uint8_t v) {
  out.push_back(static_cast<char>(v));
}

template <class Integer>
void put_fixed(std::string& out, Integer v) {
  char bytes[sizeof(v)];
  std::memcpy(bytes, &v, sizeof(v));
  out.append(bytes, sizeof(v));
}

constexpr size_t varint_bytes_max = 10;

// Writes v from `at` on, where varint_bytes_max bytes have room; the end of what was written.
inline char* write_varint(char* at, uint64_t v) {
  while (v >= 0x80) {
    *at++ = static_cast<char>(v | 0x80);
    v >>= 7;
  }
  *at++ = static_cast<char>(v);
  return at;
}

inline void put_varint(std::string& out, uint64_t v) {
  char bytes[varint_bytes_max];
  out.append(bytes, write_varint(bytes, v) - bytes);
}

constexpr uint64_t zigzag(int64_t v) {
  return (static_cast<uint64_t>(v) << 1) ^ static_cast<uint64_t>(v >> 63);
}
constexpr int64_t unzigzag(uint64_t v) {
  return static_cast<int64_t>(v >> 1) ^ -static_cast<int64_t>(v & 1);
}

inline void put_signed_varint(std::string& out, int64_t v) {
  put_varint(out, zigzag(v));
}

inline void put_bytes(std::string& out, std::string_view bytes) {
  put_varint(out, bytes.size());
  out.append(bytes);
}

inline void put_be32(std::string& out, uint32_t v) {
  put_fixed(out, __builtin_bswap32(v));
}
inline void put_be64(std::string& out, uint64_t v) {
  put_fixed(out, __builtin_bswap64(v));
}

inline uint32_t get_be32(const char* p) {
  uint32_t v;
  std::memcpy(&v, p, sizeof(v));
  return __builtin_bswap32(v);
}
inline uint64_t get_be64(const char* p) {
  uint64_t v;
  std::memcpy(&v, p, sizeof(v));
  return __builtin_bswap64(v);
}

class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  bool ok() const { return ok_; }
  bool done() const { return at_ == end_; }
  size_t remaining() const { return static_cast<size_t>(end_ - at_); }
  const char* position() const { return at_; }

  uint8_t u8() {
    if (at_ == end_) return fail();
    return static_cast<uint8_t>(*at_++);
  }

  template <class Integer>
  Integer fixed() {
    Integer v{};
    if (remaining() < sizeof(v)) {
      fail();
      return v;
    }
    std::memcpy(&v, at_, sizeof(v));
    at_ += sizeof(v);
    return v;
  }

  uint64_t varint() {
    uint64_t v = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (at_ == end_) return fail();
      const auto byte = static_cast<uint8_t>(*at_++);
      v |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return v;
    }
    return fail();
  }

  int64_t signed_varint() { return unzigzag(varint()); }

  std::string_view bytes() { return raw(varint()); }

  std::string_view raw(uint64_t size) {
    if (size > remaining()) {
      fail();
      return {};
    }
    std::string_view v(at_, size);
    at_ += size;
    return v;
  }

 private:
  uint8_t fail() {
    ok_ = false;
    at_ = end_;
    return 0;
  }

  const char* at_;
  const char* end_;
  bool ok_ = true;
};

// CRC-32C (Castagnoli), by the processor's instruction; `seed` continues an earlier call's result.
uint32_t crc32c(std::string_view bytes, uint32_t seed = 0);

// XXH3, for hash tables and sampling; not for anything stored for ever and not against an adversary.
uint64_t hash64(std::string_view bytes, uint64_t seed = 0);

}  // namespace millrace::base
