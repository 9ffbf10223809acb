#include "store/directory.h"

#include <fcntl.h>

#include <algorithm>

#include "base/file.h"

namespace millrace::store {
namespace {

constexpr std::string_view layout = "millrace store 1\n";

Result<void> write_layout(const std::string& directory) {
  const std::string temporary = directory + "/STORE.new";
  TRY_ASSIGN(const base::File file, base::File::open(temporary, O_WRONLY | O_CREAT | O_TRUNC));
  TRY(file.write_at(layout, 0));
  TRY(file.sync_data());
  TRY(base::rename_file(temporary, directory + "/STORE"));
  return base::sync_directory(directory);
}

}  // namespace

Result<void> prepare_directory(const std::string& directory) {
  TRY(base::make_directories(directory));
  TRY_ASSIGN(const auto names, base::list_directory(directory));
  const auto has = [&](std::string_view name) { return std::ranges::find(names, name) != names.end(); };
  if (!has("STORE")) {
    if (std::ranges::any_of(names, [](const std::string& name) { return name != "STORE.new"; })) {
      return fail(ErrorKind::invalid_argument,
                  "{} holds {}, which is not Millrace's; name an empty or a new directory for the data", directory,
                  names.front());
    }
    return write_layout(directory);
  }
  TRY_ASSIGN(const base::File file, base::File::open(directory + "/STORE", O_RDONLY));
  std::string found(64, '\0');
  TRY_ASSIGN(const size_t bytes, file.read_at(found.data(), found.size(), 0));
  found.resize(bytes);
  if (found != layout) {
    return fail(ErrorKind::unsupported,
                "{}/STORE names a layout that this version does not know; open it with the version that wrote it",
                directory);
  }
  return {};
}

}  // namespace millrace::store
