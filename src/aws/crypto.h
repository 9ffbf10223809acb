#pragma once
// Hashes by OpenSSL with fetched digests and reused contexts (one-shot calls cost up to ten times more). Each
// object belongs to one thread at a time. A failure of OpenSSL here can only be exhausted memory: it stops
// the process.

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace millrace::aws {

using Digest256 = std::array<unsigned char, 32>;
using Digest128 = std::array<unsigned char, 16>;

struct DigestContextDeleter {
  void operator()(evp_md_ctx_st* context) const;
};
using DigestContext = std::unique_ptr<evp_md_ctx_st, DigestContextDeleter>;

class Sha256 {
 public:
  Sha256();
  Digest256 operator()(std::string_view bytes);

 private:
  DigestContext context_;
};

class Md5 {
 public:
  Md5();
  Digest128 operator()(std::string_view bytes);

 private:
  DigestContext context_;
};

// HMAC-SHA256 under one key, from the two states that follow from the key.
class HmacSha256 {
 public:
  explicit HmacSha256(std::string_view key);
  Digest256 operator()(std::string_view bytes);

 private:
  DigestContext inner_;  // has taken in the key; copied for each message
  DigestContext outer_;
  DigestContext working_;
};

std::string_view as_view(const Digest256& digest);
void append_hex(std::string& out, const Digest256& digest);
// Compares all bytes whatever they are, so that the time taken tells nothing.
bool equal_in_constant_time(std::string_view a, std::string_view b);

}  // namespace millrace::aws
