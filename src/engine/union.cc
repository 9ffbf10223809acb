#include "engine/union.h"

namespace millrace::engine {

Result<void> Union::advance(int input, Watermark watermark) {
  if (watermark.time == end_of_input) {
    // The end is not part of the state; it counts once all inputs have come to theirs.
    if (++ended_ < minimum_.inputs().size()) return {};
    ended_ = 0;
    return emit(watermark);
  }
  Watermark& kept = minimum_.input(input);
  if (kept == watermark) return {};
  kept = watermark;
  changed_ = true;
  if (!minimum_.update()) return {};
  return emit(minimum_.current());
}

void Union::put_state(std::string& out, bool) const {
  for (const Watermark& input : minimum_.inputs()) {
    base::put_signed_varint(out, input.time.value);
    base::put_u8(out, input.idle);
  }
}

Result<void> Union::get_state(base::ByteReader& in) {
  for (size_t n = 0; n < minimum_.inputs().size(); ++n) {
    minimum_.input(n).time = EventTime(in.signed_varint());
    minimum_.input(n).idle = in.u8() != 0;
  }
  if (!in.ok()) return millrace::fail(ErrorKind::corrupt, "a union's state record ends early");
  minimum_.update();
  return {};
}

}  // namespace millrace::engine
