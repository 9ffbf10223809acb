// A stream's definition, stream.json, as it may lie beside segments. The input's first byte, '1', makes its checksum
// right, or gives it one. A definition is believed, or the stream is set aside; the second start says the same as the
// first, and nothing of a stream that was set aside is touched.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/bytes.h"
#include "directory.h"
#include "input.h"
#include "log/log.h"
#include "stream/streams.h"

namespace millrace::stream {
namespace {

constexpr std::string_view checksum_member = ",\"crc32c\":\"";

std::string with_checksum(std::string_view text) {
  text = text.substr(0, text.rfind(checksum_member));
  while (text.ends_with('\n') || text.ends_with('}')) text.remove_suffix(1);
  return fmt::format("{}{}{:08x}\"}}\n", text, checksum_member, base::crc32c(text));
}

std::string bytes_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

struct Found {
  bool damaged = false;
  uint64_t id = 0;
  size_t shards = 0;
  StreamMode mode = StreamMode::provisioned;
  ProcessingTime created;
  int64_t retention_ms = 0;
  bool operator==(const Found&) const = default;
};

Found open(const std::string& directory, log::IoDriver* io) {
  StreamsOptions options;
  options.directory = directory;
  options.io = io;
  options.durable = false;
  options.segment_bytes = size_t{64} << 10;
  auto streams = Streams::open(options);
  CHECK(streams.has_value(), "{}", streams.error().message);
  const auto list = (*streams)->list();
  CHECK(list.size() + (*streams)->damaged().size() == 1);
  if (list.empty()) {
    CHECK((*streams)->is_damaged("clicks") && !(*streams)->damaged().front().reason.empty());
    return {.damaged = true};
  }
  const StreamPtr& stream = list.front();
  CHECK(stream->name == "clicks" && (*streams)->source("clicks")->id == stream->id);
  return {.id = stream->id,
          .shards = (*streams)->source("clicks")->shards()->all().size(),
          .mode = stream->mode(),
          .created = stream->created,
          .retention_ms = stream->retention_ms()};
}

}  // namespace
}  // namespace millrace::stream

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace;
  using namespace millrace::stream;
  static const auto& io = *new std::unique_ptr<log::IoDriver>(log::make_io_driver(log::IoMode::blocking).value());
  fuzz::Input input(data, size);
  const bool right = input.byte() == '1';
  const std::string text = right ? with_checksum(input.rest()) : std::string(input.rest());
  const fuzz::Directory directory;
  const std::string path = directory.path() + "/clicks/stream.json";
  std::filesystem::create_directory(directory.path() + "/clicks");
  std::ofstream(path, std::ios::binary) << text;
  const Found first = open(directory.path(), io.get());
  const Found second = open(directory.path(), io.get());
  CHECK(first == second);
  if (first.damaged) CHECK(bytes_of(path) == text);
  CHECK(std::ranges::distance(std::filesystem::directory_iterator(directory.path())) == 1);
  return 0;
}
