// The register of a stream's consumers, consumers.json, as it may lie beside its definition. The input's first byte,
// '1', makes its checksum right, or gives it one. A register is believed, or said to be damaged; what is believed is
// written again as the same.

#include <filesystem>
#include <fstream>

#include "base/bytes.h"
#include "directory.h"
#include "input.h"
#include "stream/consumers.h"

namespace {

constexpr std::string_view checksum_member = ",\"crc32c\":\"";

std::string with_checksum(std::string_view text) {
  text = text.substr(0, text.rfind(checksum_member));
  while (text.ends_with('\n') || text.ends_with('}')) text.remove_suffix(1);
  return fmt::format("{}{}{:08x}\"}}\n", text, checksum_member, millrace::base::crc32c(text));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace;
  fuzz::Input input(data, size);
  const bool right = input.byte() == '1';
  const fuzz::Directory directory, copy;
  std::ofstream(directory.path() + "/consumers.json", std::ios::binary)
      << (right ? with_checksum(input.rest()) : std::string(input.rest()));
  stream::Consumers consumers;
  const auto opened = consumers.open(directory.path());
  if (!opened) {
    CHECK(opened.error().kind == ErrorKind::corrupt && consumers.size() == 0);
    return 0;
  }
  CHECK(consumers.copy_to(copy.path()).has_value());
  stream::Consumers copied;
  CHECK(copied.open(copy.path()).has_value());
  const auto before = consumers.list(), after = copied.list();
  CHECK(before.size() == after.size());
  for (size_t i = 0; i < before.size(); ++i) {
    CHECK(before[i].name == after[i].name && before[i].created == after[i].created);
    CHECK(consumers.find(before[i].name).has_value());
  }
  return 0;
}
