#include "stream/aggregated.h"

#include <openssl/evp.h>

#include <array>

#include "base/bytes.h"
#include "stream/shard_set.h"

namespace millrace::stream {

namespace {

constexpr size_t digest_bytes = 16;
using Digest = std::array<unsigned char, digest_bytes>;

Digest md5(std::string_view data) {
  Digest digest;
  CHECK(EVP_Digest(data.data(), data.size(), digest.data(), nullptr, EVP_md5(), nullptr) == 1);
  return digest;
}

HashKey hash_of(std::string_view key) {
  HashKey hash = 0;
  for (const unsigned char byte : md5(key)) hash = hash << 8 | byte;
  return hash;
}

// A field of a message as Protocol Buffers write it (https://protobuf.dev/programming-guides/encoding).
struct Field {
  uint64_t number = 0;
  uint64_t value = 0;      // of a varint
  std::string_view bytes;  // of what has a length
};

enum class WireType : uint8_t { varint = 0, fixed_64 = 1, bytes = 2, fixed_32 = 5 };

// False: the end, or what is no field (then `in` is not ok).
bool next_field(base::ByteReader& in, Field& field) {
  if (in.done()) return false;
  const uint64_t tag = in.varint();
  field = {tag >> 3, 0, {}};
  switch (WireType(tag & 7)) {
    case WireType::varint:
      field.value = in.varint();
      break;
    case WireType::fixed_64:
      field.bytes = in.raw(8);
      break;
    case WireType::fixed_32:
      field.bytes = in.raw(4);
      break;
    case WireType::bytes:
      field.bytes = in.bytes();
      break;
    default:
      in.raw(in.remaining() + 1);
  }
  return in.ok();
}

struct Message {
  std::vector<std::string_view> keys;
  std::vector<std::string_view> hash_keys;
  std::vector<std::string_view> records;
};

std::optional<Message> read_message(std::string_view text) {
  Message message;
  base::ByteReader in(text);
  for (Field field; next_field(in, field);) {
    if (field.number == 1) message.keys.push_back(field.bytes);
    if (field.number == 2) message.hash_keys.push_back(field.bytes);
    if (field.number == 3) message.records.push_back(field.bytes);
  }
  if (!in.ok()) return std::nullopt;
  return message;
}

std::optional<UserRecord> read_record(std::string_view text, const Message& message) {
  std::optional<uint64_t> key, hash_key;
  std::optional<std::string_view> data;
  base::ByteReader in(text);
  for (Field field; next_field(in, field);) {
    if (field.number == 1) key = field.value;
    if (field.number == 2) hash_key = field.value;
    if (field.number == 3) data = field.bytes;
  }
  if (!in.ok() || !data || !key || *key >= message.keys.size()) return std::nullopt;
  UserRecord record{message.keys[*key], *data, std::nullopt};
  if (hash_key) {
    if (*hash_key >= message.hash_keys.size()) return std::nullopt;
    record.explicit_hash_key = message.hash_keys[*hash_key];
  }
  return record;
}

bool is_of(const UserRecord& record, const Shard& shard) {
  std::optional<HashKey> hash;
  if (record.explicit_hash_key) hash = parse_hash_key(*record.explicit_hash_key);
  if (!hash) hash = hash_of(record.key);
  return *hash >= shard.first && *hash <= shard.last;
}

}  // namespace

std::optional<std::vector<UserRecord>> open_aggregated(std::string_view data, const Shard* shard) {
  if (!may_be_aggregated(data) || data.size() < aggregated_magic.size() + digest_bytes) return std::nullopt;
  const std::string_view digest = data.substr(data.size() - digest_bytes);
  const std::string_view text =
      data.substr(aggregated_magic.size(), data.size() - aggregated_magic.size() - digest_bytes);
  const Digest expected = md5(text);
  if (!std::equal(digest.begin(), digest.end(), expected.begin(),
                  [](char a, unsigned char b) { return static_cast<unsigned char>(a) == b; })) {
    return std::nullopt;
  }
  const auto message = read_message(text);
  if (!message) return std::nullopt;
  std::vector<UserRecord> records;
  records.reserve(message->records.size());
  for (size_t number = 0; number < message->records.size(); ++number) {
    auto record = read_record(message->records[number], *message);
    if (!record) return std::nullopt;
    record->number = number;
    if (shard == nullptr || is_of(*record, *shard)) records.push_back(*record);
  }
  return records;
}

}  // namespace millrace::stream
