#include "aws/crypto.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <array>

#include "base/error.h"

namespace millrace::aws {
namespace {

const EVP_MD* fetched(const char* name) {
  EVP_MD* const digest = EVP_MD_fetch(nullptr, name, nullptr);
  CHECK(digest != nullptr, "OpenSSL has no {}", name);
  return digest;  // kept as long as the process
}

const EVP_MD* sha256_digest() {
  static const EVP_MD* const digest = fetched("SHA256");
  return digest;
}
const EVP_MD* md5_digest() {
  static const EVP_MD* const digest = fetched("MD5");
  return digest;
}

DigestContext make_context(const EVP_MD* digest) {
  DigestContext context(EVP_MD_CTX_new());
  CHECK(context != nullptr && EVP_DigestInit_ex2(context.get(), digest, nullptr) == 1);
  return context;
}

template <class Digest>
Digest digest_once(EVP_MD_CTX* context, std::string_view bytes) {
  Digest digest;
  CHECK(EVP_DigestInit_ex2(context, nullptr, nullptr) == 1);
  CHECK(EVP_DigestUpdate(context, bytes.data(), bytes.size()) == 1);
  CHECK(EVP_DigestFinal_ex(context, digest.data(), nullptr) == 1);
  return digest;
}

}  // namespace

void DigestContextDeleter::operator()(evp_md_ctx_st* context) const {
  EVP_MD_CTX_free(context);
}

Sha256::Sha256() : context_(make_context(sha256_digest())) {}

Digest256 Sha256::operator()(std::string_view bytes) {
  return digest_once<Digest256>(context_.get(), bytes);
}

Md5::Md5() : context_(make_context(md5_digest())) {}

Digest128 Md5::operator()(std::string_view bytes) {
  return digest_once<Digest128>(context_.get(), bytes);
}

HmacSha256::HmacSha256(std::string_view key)
    : inner_(make_context(sha256_digest())),
      outer_(make_context(sha256_digest())),
      working_(make_context(sha256_digest())) {
  constexpr size_t block_bytes = 64;
  std::array<unsigned char, block_bytes> padded{};
  if (key.size() > block_bytes) {
    const Digest256 digest = Sha256()(key);
    std::copy(digest.begin(), digest.end(), padded.begin());
  } else {
    std::copy(key.begin(), key.end(), padded.begin());
  }
  for (auto& byte : padded) byte ^= 0x36;
  CHECK(EVP_DigestUpdate(inner_.get(), padded.data(), block_bytes) == 1);
  for (auto& byte : padded) byte ^= 0x36 ^ 0x5c;
  CHECK(EVP_DigestUpdate(outer_.get(), padded.data(), block_bytes) == 1);
  OPENSSL_cleanse(padded.data(), padded.size());
}

Digest256 HmacSha256::operator()(std::string_view bytes) {
  Digest256 digest;
  EVP_MD_CTX* const context = working_.get();
  CHECK(EVP_MD_CTX_copy_ex(context, inner_.get()) == 1);
  CHECK(EVP_DigestUpdate(context, bytes.data(), bytes.size()) == 1);
  CHECK(EVP_DigestFinal_ex(context, digest.data(), nullptr) == 1);
  CHECK(EVP_MD_CTX_copy_ex(context, outer_.get()) == 1);
  CHECK(EVP_DigestUpdate(context, digest.data(), digest.size()) == 1);
  CHECK(EVP_DigestFinal_ex(context, digest.data(), nullptr) == 1);
  return digest;
}

std::string_view as_view(const Digest256& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

void append_hex(std::string& out, const Digest256& digest) {
  constexpr char digits[] = "0123456789abcdef";
  char text[2 * sizeof(Digest256)];
  for (size_t i = 0; i < digest.size(); ++i) {
    text[2 * i] = digits[digest[i] >> 4];
    text[2 * i + 1] = digits[digest[i] & 15];
  }
  out.append(text, sizeof(text));
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace millrace::aws
