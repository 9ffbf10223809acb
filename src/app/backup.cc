#include "app/backup.h"

#include <fcntl.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/file.h"

namespace millrace::app {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view list_name = "BACKUP";
constexpr std::string_view list_head = "millrace backup 1\n";
constexpr size_t chunk_bytes = size_t{1} << 20;

struct Entry {
  std::string name;  // relative to the backup
  uint64_t bytes = 0;
  uint32_t checksum = 0;
};

Result<void> check_new(const std::string& what, const std::string& directory) {
  const auto names = base::list_directory(directory);
  if (!names || names->empty()) return {};  // missing, or making it says what is wrong
  return fail(ErrorKind::invalid_argument, "{}: {} holds {}; name a new or an empty directory", what, directory,
              names->front());
}

// Calls `each` with all bytes of a file, and says how many there were and what they add up to.
Result<Entry> read_file(const std::string& path, const std::function<Result<void>(std::string_view)>& each) {
  TRY_ASSIGN(const base::File file, base::File::open(path, O_RDONLY));
  const std::unique_ptr<char[]> chunk(new char[chunk_bytes]);
  Entry entry;
  for (;;) {
    TRY_ASSIGN(const size_t read, file.read_at(chunk.get(), chunk_bytes, entry.bytes));
    if (read == 0) return entry;
    const std::string_view bytes(chunk.get(), read);
    entry.checksum = base::crc32c(bytes, entry.checksum);
    entry.bytes += read;
    TRY(each(bytes));
  }
}

Result<std::vector<Entry>> entries_of(const std::string& directory, const std::stop_token& stop) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::recursive_directory_iterator at(directory, error), end; !error && at != end; at.increment(error)) {
    if (at->is_regular_file()) names.push_back(at->path().lexically_relative(directory).string());
  }
  if (error) return fail(ErrorKind::io, "{}: {}", directory, error.message());
  std::ranges::sort(names);
  std::vector<Entry> entries;
  for (const std::string& name : names) {
    const auto hear_stop = [&](std::string_view) -> Result<void> {
      if (stop.stop_requested()) return fail(ErrorKind::unavailable, "the backup was stopped");
      return {};
    };
    TRY_ASSIGN(Entry entry, read_file(directory + "/" + name, hear_stop));
    entry.name = name;
    entries.push_back(std::move(entry));
  }
  return entries;
}

// Of all before it, so that a list that was cut off is none.
std::string end_line(std::string_view list) {
  return fmt::format("end {:08x}\n", base::crc32c(list));
}

Result<void> write_list(const std::string& directory, const std::vector<Entry>& entries) {
  std::string list(list_head);
  for (const Entry& entry : entries) list += fmt::format("{:08x} {} {}\n", entry.checksum, entry.bytes, entry.name);
  list += end_line(list);
  const std::string path = fmt::format("{}/{}", directory, list_name);
  TRY_ASSIGN(const base::File file, base::File::open(path + ".new", O_WRONLY | O_CREAT | O_TRUNC));
  TRY(file.write_at(list, 0));
  TRY(file.sync());
  TRY(base::rename_file(path + ".new", path));
  return base::sync_directory(directory);
}

template <class Integer>
bool take_number(std::string_view& line, Integer& value, int base) {
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), value, base);
  if (error != std::errc() || end == line.data() + line.size() || *end != ' ') return false;
  line.remove_prefix(static_cast<size_t>(end - line.data()) + 1);
  return true;
}

Result<std::vector<Entry>> read_list(const std::string& directory) {
  std::string list;
  const auto read = read_file(fmt::format("{}/{}", directory, list_name), [&](std::string_view bytes) -> Result<void> {
    list += bytes;
    return {};
  });
  if (!read && read.error().kind == ErrorKind::not_found) {
    return fail(ErrorKind::invalid_argument,
                "{} has no list of its files ({}), so it is no backup, or one that was cut short", directory,
                list_name);
  }
  if (!read) return std::unexpected(read.error());
  if (!list.starts_with("millrace backup ")) {
    return fail(ErrorKind::invalid_argument, "{}/{} is no list of a backup", directory, list_name);
  }
  if (!list.starts_with(list_head)) {
    return fail(ErrorKind::unsupported, "{}: another version of Millrace wrote this backup: {}", directory,
                list.substr(0, list.find('\n')));
  }
  const auto damaged = [&] { return fail(ErrorKind::corrupt, "{}/{} is damaged", directory, list_name); };
  const size_t end = list.rfind("end ");
  if (end == std::string::npos || list.substr(end) != end_line(std::string_view(list).substr(0, end))) return damaged();
  std::vector<Entry> entries;
  std::string_view rest = std::string_view(list).substr(list_head.size(), end - list_head.size());
  while (!rest.empty()) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    Entry entry;
    if (!take_number(line, entry.checksum, 16) || !take_number(line, entry.bytes, 10)) return damaged();
    entry.name = line;
    const fs::path path(entry.name);
    if (path.is_absolute() || std::ranges::find(path, "..") != path.end()) return damaged();
    entries.push_back(std::move(entry));
  }
  return entries;
}

Result<void> copy_checked(const Entry& entry, const std::string& directory, const std::string& to) {
  TRY(base::make_directories(fs::path(to).parent_path()));
  TRY_ASSIGN(const base::File file, base::File::open(to, O_WRONLY | O_CREAT | O_EXCL));
  uint64_t at = 0;
  const std::string from = directory + "/" + entry.name;
  const auto copied = read_file(from, [&](std::string_view bytes) -> Result<void> {
    TRY(file.write_at(bytes, at));
    at += bytes.size();
    return {};
  });
  if (!copied && copied.error().kind == ErrorKind::not_found) {
    return fail(ErrorKind::corrupt, "{} is missing in the backup", from);
  }
  if (!copied) return std::unexpected(copied.error());
  if (copied->bytes != entry.bytes || copied->checksum != entry.checksum) {
    return fail(ErrorKind::corrupt, "{} is not what the backup's list says; use another backup", from);
  }
  return file.sync();
}

BackupSize size_of(const std::vector<Entry>& entries) {
  BackupSize size;
  for (const Entry& entry : entries) {
    ++size.files;
    size.bytes += entry.bytes;
  }
  return size;
}

}  // namespace

// The tables first: what they know of the streams' positions, the streams' copies have.
Result<BackupSize> write_backup(const stream::Streams& streams, store::Store& store, const std::string& directory,
                                const std::stop_token& stop) {
  if (!directory.starts_with('/')) {
    return fail(ErrorKind::invalid_argument, "the directory of a backup is an absolute path, not `{}`", directory);
  }
  TRY(check_new("backup", directory));
  TRY(base::make_directories(directory));
  TRY(store.copy_to(directory + "/tables", stop));
  TRY(streams.copy_to(directory + "/streams", stop));
  TRY_ASSIGN(const auto entries, entries_of(directory, stop));
  TRY(write_list(directory, entries));
  return size_of(entries);
}

Result<BackupSize> restore_backup(const std::string& directory, const std::string& data) {
  TRY(check_new("--data", data));
  TRY_ASSIGN(const auto entries, read_list(directory));
  std::string target = fs::absolute(data).lexically_normal().string();
  while (target.size() > 1 && target.ends_with('/')) target.pop_back();
  const std::string part = target + ".restoring";
  const auto remove_part = [&] {
    std::error_code ignored;
    fs::remove_all(part, ignored);
  };
  // Not removed here: it may be anything.
  if (const auto names = base::list_directory(part); names && !names->empty()) {
    return fail(ErrorKind::invalid_argument,
                "{} is in the way; a restore that was cut short leaves it: remove it and try again", part);
  }
  const auto copy_all = [&]() -> Result<void> {
    TRY(base::make_directories(part));
    for (const Entry& entry : entries) TRY(copy_checked(entry, directory, part + "/" + entry.name));
    std::error_code ignored;
    fs::remove(target, ignored);  // an empty one
    TRY(base::rename_file(part, target));
    return base::sync_directory(fs::path(target).parent_path());
  };
  if (auto copied = copy_all(); !copied) {
    remove_part();
    return std::unexpected(copied.error());
  }
  return size_of(entries);
}

}  // namespace millrace::app
