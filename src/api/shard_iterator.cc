#include "api/shard_iterator.h"

#include "base/base64.h"
#include "base/bytes.h"

namespace millrace::api {
namespace {

constexpr size_t text_size_max = 512;

}  // namespace

std::string ShardIterator::encode(Use use) const {
  std::string bytes;
  base::put_u8(bytes, static_cast<uint8_t>(use));
  base::put_fixed(bytes, stream_id);
  base::put_fixed(bytes, shard.value);
  base::put_fixed(bytes, next.value);
  base::put_fixed(bytes, issued.value);
  base::put_bytes(bytes, stream);
  base::put_fixed(bytes, base::crc32c(bytes));
  std::string text;
  base::append_base64(text, bytes);
  return text;
}

Result<ShardIterator> ShardIterator::decode(std::string_view text, ProcessingTime now, int64_t life_ms, Use use) {
  const auto invalid = [] { return fail(ErrorKind::invalid_argument, "Invalid ShardIterator."); };
  if (text.empty() || text.size() > text_size_max) return invalid();
  const auto bytes = base::base64_decode(text);
  if (!bytes || bytes->size() < sizeof(uint32_t)) return invalid();
  const std::string_view checked = std::string_view(*bytes).substr(0, bytes->size() - sizeof(uint32_t));
  base::ByteReader checksum(std::string_view(*bytes).substr(checked.size()));
  if (checksum.fixed<uint32_t>() != base::crc32c(checked)) return invalid();
  base::ByteReader in(checked);
  ShardIterator found;
  if (in.u8() != static_cast<uint8_t>(use)) return invalid();
  found.stream_id = in.fixed<uint64_t>();
  found.shard = ShardId(in.fixed<uint32_t>());
  found.next = SequenceNumber(in.fixed<uint64_t>());
  found.issued = ProcessingTime(in.fixed<int64_t>());
  found.stream = in.bytes();
  if (!in.ok() || !in.done()) return invalid();
  const int64_t age_ms = now.value - found.issued.value;
  if (age_ms > life_ms) {
    return fail(ErrorKind::expired,
                "Iterator expired. The iterator was created {} ms ago while right now iterators are good for {} ms.",
                age_ms, life_ms);
  }
  return found;
}

}  // namespace millrace::api
