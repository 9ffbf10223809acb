#pragma once
// Makes aggregated records for tests, field by field as a producer does.

#include <openssl/evp.h>

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "stream/aggregated.h"

namespace millrace::stream {

struct TestUserRecord {
  std::string key;
  std::string data;
  std::string explicit_hash_key = {};
};

inline void put_test_field(std::string& out, uint64_t number, std::string_view bytes) {
  base::put_varint(out, number << 3 | 2);
  base::put_varint(out, bytes.size());
  out += bytes;
}
inline void put_test_field(std::string& out, uint64_t number, uint64_t value) {
  base::put_varint(out, number << 3);
  base::put_varint(out, value);
}

inline std::string seal_aggregated(std::string_view message) {
  std::array<unsigned char, 16> digest;
  CHECK(EVP_Digest(message.data(), message.size(), digest.data(), nullptr, EVP_md5(), nullptr) == 1);
  std::string out(aggregated_magic);
  out += message;
  out.append(reinterpret_cast<const char*>(digest.data()), digest.size());
  return out;
}

inline std::string make_aggregated(const std::vector<TestUserRecord>& records) {
  std::string message;
  for (const TestUserRecord& record : records) put_test_field(message, 1, record.key);
  for (const TestUserRecord& record : records) put_test_field(message, 2, record.explicit_hash_key);
  for (size_t n = 0; n < records.size(); ++n) {
    std::string user;
    put_test_field(user, 1, n);
    if (!records[n].explicit_hash_key.empty()) put_test_field(user, 2, n);
    put_test_field(user, 3, records[n].data);
    put_test_field(message, 3, user);
  }
  return seal_aggregated(message);
}

}  // namespace millrace::stream
