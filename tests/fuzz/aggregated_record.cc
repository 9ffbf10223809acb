// What a producer has aggregated, with a checksum made to fit (the input is the message alone). User records lie in the
// record, are numbered upwards, and those of two shards together are all of them.

#include "input.h"
#include "stream/shard_set.h"
#include "stream/test_aggregated.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace;
  using namespace millrace::stream;
  const std::string sealed = seal_aggregated({reinterpret_cast<const char*>(data), size});
  const fuzz::Exact record(sealed);
  const auto all = open_aggregated(record.view(), nullptr);
  static const ShardSet set = ShardSet::equal(2, ProcessingTime(0));
  const auto lower = open_aggregated(record.view(), set.find(ShardId(0)));
  const auto upper = open_aggregated(record.view(), set.find(ShardId(1)));
  CHECK(all.has_value() == lower.has_value() && all.has_value() == upper.has_value());
  if (!all) return 0;
  CHECK(lower->size() + upper->size() == all->size());
  CHECK(all->size() <= size);
  const auto lies_inside = [&](std::string_view part) {
    return part.empty() || (part.data() >= record.view().data() &&
                            part.data() + part.size() <= record.view().data() + record.view().size());
  };
  for (size_t n = 0; n < all->size(); ++n) {
    const UserRecord& user = (*all)[n];
    CHECK(user.number == n && lies_inside(user.key) && lies_inside(user.data));
  }
  return 0;
}
