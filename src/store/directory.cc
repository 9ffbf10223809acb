#include "store/directory.h"

#include <fcntl.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "base/file.h"

namespace millrace::store {
namespace {

constexpr std::string_view layout = "millrace store 1\n";
const std::string reserve_name = "reserve";

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

void release_reserve(const std::string& directory) {
  (void)base::remove_file(directory + "/" + reserve_name);  // there is none at the first start
}

void take_reserve(const std::string& directory) {
  constexpr size_t worth_taking = 64 << 10;
  const auto file = base::File::open(directory + "/" + reserve_name, O_WRONLY | O_CREAT | O_TRUNC);
  if (!file) return;
  for (size_t bytes = reserve_bytes_max; bytes >= worth_taking; bytes /= 2) {
    if (file->reserve(0, bytes)) return;
  }
  spdlog::warn("{}: the disk is full; free some space", directory);
}

}  // namespace millrace::store
