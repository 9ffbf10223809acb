// The stored state of a job: for each operator its number and its bytes. What is restored is stored as it was, by a
// pipeline that restored that; and a restored pipeline goes on, to the end of its sources. Damage is said to be that.

#include "input.h"
#include "job.h"

namespace millrace::fuzz {
namespace {

constexpr int resumes_max = 200;

// False: the bytes are no state.
bool restore(engine::Pipeline& pipeline, std::string_view piece) {
  base::ByteReader in(piece);
  while (!in.done()) {
    const uint64_t id = in.varint();
    base::ByteReader state(in.bytes());
    if (!in.ok() || id >= pipeline.operators()) return false;
    if (!pipeline.at(id).get_state(state)) return false;
  }
  return true;
}

}  // namespace
}  // namespace millrace::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace;
  using namespace millrace::fuzz;
  static JobEnvironment environment;
  const std::string_view piece(reinterpret_cast<const char*>(data), size);
  const auto pipeline = make_job(environment);
  if (!restore(*pipeline, piece)) return 0;
  const std::string stored = state_of(*pipeline);
  const auto again = make_job(environment);
  CHECK(restore(*again, stored));
  CHECK(state_of(*again) == stored);

  (void)again->state_bytes();
  again->begin_sources(ProcessingTime(1569888100000));
  (void)again->watermark();
  again->clear_changes();
  for (engine::Scan* scan : again->scans()) {
    for (size_t shard = 0; shard < scan->shards(); ++shard) {
      if (!scan->read(shard, 4096)) return 0;
      for (;;) {
        const auto taken = scan->pump(shard, ProcessingTime(1569888100000));
        if (!taken) return 0;
        if (*taken == 0) break;
      }
    }
  }
  if (!again->finish_epoch() || !again->end_of_sources()) return 0;
  for (int n = 0; n < resumes_max && again->pending(); ++n) {
    if (!again->resume()) return 0;
  }
  (void)state_of(*again);
  return 0;
}
