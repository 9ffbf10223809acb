#include "store/change.h"

#include "base/bytes.h"

namespace millrace::store {
namespace {

enum Flag : uint8_t { existed = 1, has_new_value = 2, has_old_value = 4, erases_range = 8, expired = 16 };
constexpr uint8_t change_flags = existed | has_new_value | has_old_value | expired;

}  // namespace

void put_change(std::string& out, const ChangeView& change) {
  uint8_t flags = 0;
  if (change.existed) flags |= existed;
  if (change.new_value) flags |= has_new_value;
  if (change.old_value) flags |= has_old_value;
  if (change.expired) flags |= expired;
  base::put_u8(out, flags);
  if (change.new_value) base::put_bytes(out, *change.new_value);
  if (change.old_value) base::put_bytes(out, *change.old_value);
}

Result<ChangeView> get_change(std::string_view data) {
  base::ByteReader in(data);
  const uint8_t flags = in.u8();
  ChangeView change;
  change.existed = flags & existed;
  change.expired = flags & expired;
  if (flags & has_new_value) change.new_value = in.bytes();
  if (flags & has_old_value) change.old_value = in.bytes();
  if (!in.ok() || !in.done() || (flags & ~change_flags)) {
    return fail(ErrorKind::corrupt, "a record of {} bytes in the journal of the tables is not a change", data.size());
  }
  return change;
}

void put_range_erasure(std::string& out, const RangeErasure& erasure) {
  base::put_u8(out, erases_range);
  base::put_bytes(out, erasure.to);
}

Result<std::optional<RangeErasure>> get_range_erasure(std::string_view data) {
  base::ByteReader in(data);
  if (in.u8() != erases_range) return std::nullopt;
  RangeErasure erasure{in.bytes()};
  if (!in.ok() || !in.done()) {
    return fail(ErrorKind::corrupt, "a record of {} bytes in the journal of the tables is cut off", data.size());
  }
  return erasure;
}

}  // namespace millrace::store
