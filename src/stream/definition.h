#pragma once
// What a stream is, as its file stream.json says it (docs/store-layout.md). Values; any thread. Private to this folder.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "stream/shard_set.h"

namespace millrace::stream {

enum class StreamMode { provisioned, on_demand };  // told to who asks; the shards are the same
std::string_view name(StreamMode mode);            // as AWS and stream.json spell it

struct Definition {
  static constexpr uint64_t version_now = 2;
  static constexpr int64_t retention_ms_min = int64_t{24} * 3'600'000;
  static constexpr int64_t retention_ms_max = int64_t{365} * 24 * 3'600'000;

  uint64_t version = version_now;  // of the file that said it
  std::string name;
  uint64_t id = 0;  // differs from that of an earlier stream of the same name
  StreamMode mode = StreamMode::provisioned;
  ProcessingTime created;
  int64_t retention_ms = retention_ms_min;
  std::vector<ProcessingTime> resized;  // when the number of shards was updated, in the last day
  uint64_t records_let_go = 0;          // of shards that were let go
  ShardSet shards;
};

bool is_stream_name(std::string_view name);
// A leading dot is allowed in the name of a stream, and means something else in the name of a directory.
std::string directory_name(std::string_view stream);
std::string stream_name(std::string_view directory);

inline constexpr std::string_view definition_name = "stream.json";
// Whole and durable, or not at all.
Result<void> write_definition(const std::string& directory, const Definition& definition);
// What the folder `entry` of the streams' directory says that it is. corrupt: it does not hold.
Result<Definition> read_definition(const std::string& directory, std::string_view entry);

}  // namespace millrace::stream
