#include "base/sequence_format.h"

#include "base/error.h"

namespace millrace::base {
namespace {

constexpr char first_digit = '4';
constexpr size_t shard_digits = 10;
constexpr size_t position_digits = 18;
constexpr uint64_t positions = 1'000'000'000'000'000'000;  // a million records a second for 30,000 years
constexpr size_t tag_digits = 9;
constexpr uint64_t tags = 1'000'000'000;
constexpr size_t all_digits = 1 + shard_digits + position_digits + tag_digits;

constexpr char earlier_first_digit = '1';
constexpr size_t earlier_digits = 1 + 20;

template <class Integer>
void put_digits(char* end, Integer value) {
  for (; value != 0; value /= 10) *--end = static_cast<char>('0' + value % 10);
}

// Nothing: not digits, or more than 64 bits hold.
std::optional<uint64_t> number(std::string_view digits) {
  uint64_t value = 0;
  for (const char c : digits) {
    if (c < '0' || c > '9') return std::nullopt;
    if (__builtin_mul_overflow(value, uint64_t{10}, &value)) return std::nullopt;
    if (__builtin_add_overflow(value, static_cast<uint64_t>(c - '0'), &value)) return std::nullopt;
  }
  return value;
}

}  // namespace

SequenceFormat::SequenceFormat(ShardId shard, uint64_t log_id)
    : shard_(shard), tag_(static_cast<uint32_t>(log_id % tags)) {}

void SequenceFormat::append(std::string& out, SequenceNumber position) const {
  CHECK(position.value < positions);
  out += first_digit;
  out.append(all_digits - 1, '0');
  char* const end = out.data() + out.size();
  put_digits(end, tag_);
  put_digits(end - tag_digits, position.value);
  put_digits(end - tag_digits - position_digits, shard_.value);
}

std::string SequenceFormat::text(SequenceNumber position) const {
  std::string out;
  append(out, position);
  return out;
}

SequenceFormat::Parsed SequenceFormat::parse(std::string_view text) const {
  if (text.size() == earlier_digits && text.front() == earlier_first_digit) {
    const auto position = number(text.substr(1));
    return position ? Parsed{Mismatch::none, SequenceNumber(*position), shard_} : Parsed{};
  }
  if (text.size() != all_digits || text.front() != first_digit) return {};
  const auto shard = number(text.substr(1, shard_digits));
  const auto position = number(text.substr(1 + shard_digits, position_digits));
  const auto tag = number(text.substr(1 + shard_digits + position_digits));
  if (!shard || *shard > UINT32_MAX || !position || !tag) return {};
  Parsed parsed{Mismatch::none, SequenceNumber(*position), ShardId(static_cast<uint32_t>(*shard))};
  if (*tag != tag_) {
    parsed.mismatch = Mismatch::other_log;
  } else if (parsed.shard != shard_) {
    parsed.mismatch = Mismatch::other_shard;
  }
  return parsed;
}

std::optional<SequenceNumber> SequenceFormat::position(std::string_view text) const {
  const Parsed parsed = parse(text);
  return parsed.mismatch == Mismatch::none ? std::optional(parsed.position) : std::nullopt;
}

}  // namespace millrace::base
