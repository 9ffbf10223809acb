#include "log/inspect.h"

#include <fcntl.h>

#include <algorithm>

#include "base/file.h"
#include "log/format.h"
#include "log/segment.h"

namespace millrace::log {

Result<bool> holds_groups(const std::string& directory) {
  TRY_ASSIGN(const auto names, base::list_directory(directory));
  std::string chunk(size_t{1} << 20, '\0');
  for (const std::string& name : names) {
    if (!id_in_name(name, "segment-")) continue;
    TRY_ASSIGN(const base::File file, base::File::open(directory + "/" + name, O_RDONLY));
    // A new stream's segments are all zeros behind the header page until the first group.
    for (uint64_t at = header_page_bytes;;) {
      TRY_ASSIGN(const size_t read, file.read_at(chunk.data(), chunk.size(), at));
      if (std::any_of(chunk.begin(), chunk.begin() + static_cast<ptrdiff_t>(read), [](char c) { return c != 0; })) {
        return true;
      }
      if (read < chunk.size()) break;
      at += read;
    }
  }
  return false;
}

}  // namespace millrace::log
