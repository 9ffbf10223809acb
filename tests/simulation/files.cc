#include "files.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <deque>
#include <set>
#include <vector>

#include "raw.h"
#include "threads.h"
#include "world.h"

namespace millrace::simulation {
namespace {

constexpr int first_descriptor = 1'000'000;

struct Open {
  bool used = false;
  Disk::Node node = 0;
  std::string path;
  uint64_t offset = 0;
  bool append = false;
};
std::deque<Open> opened;  // whose places stay where they are
size_t descriptors_max = SIZE_MAX;

// A directory that is read.
struct Listing {
  std::vector<std::string> names;
  size_t at = 0;
  int descriptor = -1;
  dirent entry{};
};
std::set<const void*> listings;

// An operation that changes the disk begins: perhaps the last one. False: it fails (EIO).
bool begin_operation() {
  World& w = world();
  const uint64_t number = ++w.operations;
  w.note(number);
  if (number == w.faults.kill_at_operation) end_process(killed);
  if (number != w.faults.fail_at_operation) return true;
  w.disk_has_failed = true;
  return false;
}

void tell(std::string_view what, std::string_view path, std::string_view more = {}) {
  const World& w = world();
  if (w.verbose) fmt::print("{:>9} {:>5} {} {} {}\n", w.now_ns / 1'000 % 1'000'000'000, w.operations, what, path, more);
}

void take_disk_time(bool sync) {
  World& w = world();
  constexpr int64_t us = 1'000;
  int64_t ns = sync ? w.disasters.between(50 * us, 500 * us) : w.disasters.between(5 * us, 50 * us);
  if (w.faults.slow_disk && w.disasters.one_in(8)) ns += w.disasters.between(0, 200'000 * us);
  sleep_ns(ns);
}

int fails(int error) {
  errno = error;
  return -1;
}
long answer(long result) {
  if (result >= 0) return result;
  errno = static_cast<int>(-result);
  return -1;
}
template <class... Arguments>
long real(long number, Arguments... arguments) {
  long a[6] = {(long)arguments...};
  return answer(raw_call(number, a[0], a[1], a[2], a[3], a[4], a[5]));
}

bool is_simulated(const char* path) {
  return simulated() && std::strncmp(path, simulated_root.data(), simulated_root.size()) == 0 &&
         (path[simulated_root.size()] == '/' || path[simulated_root.size()] == 0);
}
bool is_simulated(int descriptor) {
  return descriptor >= first_descriptor;
}
Open* find_open(int descriptor) {
  const size_t index = static_cast<size_t>(descriptor - first_descriptor);
  return index < opened.size() && opened[index].used ? &opened[index] : nullptr;
}

struct Place {
  int error = 0;
  Disk::Node directory = 0;
  std::string name;  // empty: the root
  std::optional<Disk::Node> node;
};
Place look_up(std::string_view path) {
  const Disk& disk = world().disk;
  path.remove_prefix(simulated_root.size());
  Place place;
  place.node = Disk::root;
  while (!path.empty()) {
    const size_t begin = path.find_first_not_of('/');
    if (begin == std::string_view::npos) break;
    path.remove_prefix(begin);
    const std::string_view name = path.substr(0, path.find('/'));
    path.remove_prefix(name.size());
    if (name == ".") continue;
    if (!place.node) return {.error = ENOENT};
    if (!disk.is_directory(*place.node)) return {.error = ENOTDIR};
    place.directory = *place.node;
    place.name = name;
    place.node = disk.find(place.directory, name);
  }
  return place;
}

uint64_t hash_of(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  return hash;
}

int open_place(const std::string& path, int flags) {
  scheduling_point();
  Disk& disk = world().disk;
  Place place = look_up(path);
  if (place.error != 0) return fails(place.error);
  if (place.node && (flags & O_CREAT) && (flags & O_EXCL)) return fails(EEXIST);
  if (!place.node && !(flags & O_CREAT)) return fails(ENOENT);
  if (place.node && (flags & O_DIRECTORY) && !disk.is_directory(*place.node)) return fails(ENOTDIR);
  size_t index = 0;
  size_t in_use = 0;
  for (const Open& open : opened) in_use += open.used;
  if (in_use >= descriptors_max) {
    world().refused = true;
    return fails(EMFILE);
  }
  while (index < opened.size() && opened[index].used) ++index;
  if (!place.node) {
    if (!begin_operation()) return fails(EIO);
    if (disk.used_bytes() >= disk.capacity_bytes) {
      world().refused = true;
      return fails(ENOSPC);
    }
    world().note(hash_of(path));
    tell("create", path);
    place.node = disk.make(place.directory, place.name, false);
  } else if ((flags & O_TRUNC) && disk.size(*place.node) > 0) {
    if (!begin_operation()) return fails(EIO);
    disk.resize(*place.node, 0);
  }
  if (index == opened.size()) opened.emplace_back();
  opened[index] = {true, *place.node, path, 0, (flags & O_APPEND) != 0};
  return first_descriptor + static_cast<int>(index);
}

ssize_t write_at(int descriptor, std::string_view bytes, uint64_t offset) {
  scheduling_point();
  Open* open = find_open(descriptor);
  if (open == nullptr) return fails(EBADF);
  if (!begin_operation()) return fails(EIO);
  World& w = world();
  w.note(offset ^ bytes.size() << 32);
  tell("write", open->path, w.verbose ? fmt::format("{} bytes at {}", bytes.size(), offset) : "");
  if (!w.disk.write(open->node, bytes, offset)) {
    w.refused = true;
    return fails(ENOSPC);
  }
  return static_cast<ssize_t>(bytes.size());
}

ssize_t read_at(int descriptor, void* to, size_t bytes, uint64_t offset) {
  const Open* open = find_open(descriptor);
  if (open == nullptr) return fails(EBADF);
  if (world().disk.is_directory(open->node)) return fails(EISDIR);
  return static_cast<ssize_t>(world().disk.read(open->node, static_cast<char*>(to), bytes, offset));
}

int sync_open(int descriptor) {
  const Open* open = find_open(descriptor);
  if (open == nullptr) return fails(EBADF);
  const Disk::Node node = open->node;
  const std::string path = open->path;
  if (!begin_operation()) return fails(EIO);
  take_disk_time(true);
  if (!begin_operation()) return fails(EIO);
  tell("sync", path);
  world().disk.sync(node);
  return 0;
}

int resize_open(int descriptor, uint64_t bytes) {
  scheduling_point();
  const Open* open = find_open(descriptor);
  if (open == nullptr) return fails(EBADF);
  if (!begin_operation()) return fails(EIO);
  if (world().disk.resize(open->node, bytes)) return 0;
  world().refused = true;
  return fails(ENOSPC);
}

void describe(Disk::Node node, struct stat* status) {
  const Disk& disk = world().disk;
  std::memset(status, 0, sizeof(*status));
  status->st_dev = 77;
  status->st_ino = node + 1;
  status->st_nlink = 1;
  status->st_mode = disk.is_directory(node) ? S_IFDIR | 0700 : S_IFREG | 0600;
  status->st_size = disk.is_directory(node) ? 4096 : static_cast<off_t>(disk.size(node));
  status->st_blksize = 4096;
  status->st_blocks = (status->st_size + 511) / 512;
  status->st_mtime = world().now_ns / 1'000'000'000;
}

int describe_path(const std::string& path, struct stat* status) {
  const Place place = look_up(path);
  if (place.error != 0 || !place.node) return fails(place.error != 0 ? place.error : ENOENT);
  describe(*place.node, status);
  return 0;
}

int remove_place(const std::string& path, bool directory) {
  scheduling_point();
  Disk& disk = world().disk;
  const Place place = look_up(path);
  if (place.error != 0 || !place.node) return fails(place.error != 0 ? place.error : ENOENT);
  if (disk.is_directory(*place.node) != directory) return fails(directory ? ENOTDIR : EISDIR);
  if (directory && !disk.names(*place.node).empty()) return fails(ENOTEMPTY);
  if (!begin_operation()) return fails(EIO);
  world().note(hash_of(path));
  tell("remove", path);
  disk.remove(place.directory, place.name);
  return 0;
}

// `path` as openat(2) and its kind see it.
std::string path_at(int descriptor, const char* path) {
  if (*path == '/' || !is_simulated(descriptor)) return path;
  const Open* open = find_open(descriptor);
  return open == nullptr ? path : open->path + "/" + path;
}

// Of a FILE on a simulated descriptor.
int number_of(void* cookie) {
  return static_cast<int>(reinterpret_cast<intptr_t>(cookie));
}

template <class Function>
Function next_function(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

DIR* list(const std::string& path, int descriptor) {
  const Place place = look_up(path);
  if (place.error != 0 || !place.node || !world().disk.is_directory(*place.node)) {
    errno = place.error != 0 ? place.error : (place.node ? ENOTDIR : ENOENT);
    return nullptr;
  }
  auto* listing = new Listing;
  listing->names = world().disk.names(*place.node);
  listing->descriptor = descriptor;
  listings.insert(listing);
  return reinterpret_cast<DIR*>(listing);
}

}  // namespace

void limit_descriptors(size_t most) {
  descriptors_max = most;
}

int write_to_disk(int descriptor, std::string_view bytes, uint64_t offset, bool sync) {
  // In parts, so that a kill can come between them.
  while (!bytes.empty()) {
    const size_t part = std::min<size_t>(bytes.size(), 1 + world().disasters.below(32 << 10));
    if (write_at(descriptor, bytes.substr(0, part), offset) < 0) return errno;
    bytes.remove_prefix(part);
    offset += part;
  }
  take_disk_time(sync);
  if (sync && sync_open(descriptor) != 0) return errno;
  return 0;
}

}  // namespace millrace::simulation

using namespace millrace::simulation;

extern "C" {

int open(const char* path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  const unsigned mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(list, unsigned) : 0;
  va_end(list);
  if (is_simulated(path)) return open_place(path, flags);
  return static_cast<int>(real(SYS_openat, AT_FDCWD, path, flags, mode));
}
int open64(const char* path, int flags, ...) __attribute__((alias("open")));
int openat(int directory, const char* path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  const unsigned mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(list, unsigned) : 0;
  va_end(list);
  const std::string whole = path_at(directory, path);
  if (is_simulated(whole.c_str())) return open_place(whole, flags);
  return static_cast<int>(real(SYS_openat, directory, path, flags, mode));
}
int openat64(int directory, const char* path, int flags, ...) __attribute__((alias("openat")));

int close(int descriptor) {
  if (!is_simulated(descriptor)) return static_cast<int>(real(SYS_close, descriptor));
  Open* open = find_open(descriptor);
  if (open == nullptr) return fails(EBADF);
  *open = Open();
  return 0;
}

ssize_t pread(int descriptor, void* to, size_t bytes, off_t offset) {
  if (!is_simulated(descriptor)) return real(SYS_pread64, descriptor, to, bytes, offset);
  return read_at(descriptor, to, bytes, static_cast<uint64_t>(offset));
}
ssize_t pread64(int, void*, size_t, off_t) __attribute__((alias("pread")));
ssize_t read(int descriptor, void* to, size_t bytes) {
  if (!is_simulated(descriptor)) return real(SYS_read, descriptor, to, bytes);
  Open* open = find_open(descriptor);
  if (open == nullptr) return fails(EBADF);
  const ssize_t n = read_at(descriptor, to, bytes, open->offset);
  if (n > 0) open->offset += static_cast<uint64_t>(n);
  return n;
}
ssize_t pwrite(int descriptor, const void* from, size_t bytes, off_t offset) {
  if (!is_simulated(descriptor)) return real(SYS_pwrite64, descriptor, from, bytes, offset);
  return write_at(descriptor, {static_cast<const char*>(from), bytes}, static_cast<uint64_t>(offset));
}
ssize_t pwrite64(int, const void*, size_t, off_t) __attribute__((alias("pwrite")));
ssize_t write(int descriptor, const void* from, size_t bytes) {
  if (!is_simulated(descriptor)) return real(SYS_write, descriptor, from, bytes);
  Open* open = find_open(descriptor);
  if (open == nullptr) return fails(EBADF);
  if (open->append) open->offset = world().disk.size(open->node);
  const ssize_t n = write_at(descriptor, {static_cast<const char*>(from), bytes}, open->offset);
  if (n > 0) open->offset += static_cast<uint64_t>(n);
  return n;
}
ssize_t pwritev2(int descriptor, const iovec* parts, int count, off_t offset, int flags) {
  if (!is_simulated(descriptor)) return real(SYS_pwritev2, descriptor, parts, count, offset, offset >> 32, flags);
  ssize_t all = 0;
  for (int i = 0; i < count; ++i) {
    const std::string_view bytes(static_cast<const char*>(parts[i].iov_base), parts[i].iov_len);
    const bool sync = (flags & RWF_DSYNC) != 0;
    if (const int error = write_to_disk(descriptor, bytes, static_cast<uint64_t>(offset), sync); error != 0) {
      return fails(error);
    }
    offset += static_cast<off_t>(bytes.size());
    all += static_cast<ssize_t>(bytes.size());
  }
  return all;
}
ssize_t pwritev64v2(int, const iovec*, int, off_t, int) __attribute__((alias("pwritev2")));

off_t lseek(int descriptor, off_t offset, int from) {
  if (!is_simulated(descriptor)) return real(SYS_lseek, descriptor, offset, from);
  Open* open = find_open(descriptor);
  if (open == nullptr) return fails(EBADF);
  const off_t size = static_cast<off_t>(world().disk.size(open->node));
  const off_t base = from == SEEK_SET ? 0 : (from == SEEK_CUR ? static_cast<off_t>(open->offset) : size);
  open->offset = static_cast<uint64_t>(base + offset);
  return base + offset;
}
off_t lseek64(int, off_t, int) __attribute__((alias("lseek")));

int fsync(int descriptor) {
  return is_simulated(descriptor) ? sync_open(descriptor) : static_cast<int>(real(SYS_fsync, descriptor));
}
int fdatasync(int descriptor) {
  return is_simulated(descriptor) ? sync_open(descriptor) : static_cast<int>(real(SYS_fdatasync, descriptor));
}
// No promise that anything is on the disk afterwards.
int sync_file_range(int descriptor, off_t, off_t, unsigned) {
  return is_simulated(descriptor) ? 0 : fails(EINVAL);
}
int ftruncate(int descriptor, off_t bytes) {
  if (!is_simulated(descriptor)) return static_cast<int>(real(SYS_ftruncate, descriptor, bytes));
  return resize_open(descriptor, static_cast<uint64_t>(bytes));
}
int ftruncate64(int, off_t) __attribute__((alias("ftruncate")));
int fallocate(int descriptor, int mode, off_t offset, off_t bytes) {
  if (!is_simulated(descriptor)) return static_cast<int>(real(SYS_fallocate, descriptor, mode, offset, bytes));
  const Open* open = find_open(descriptor);
  if (open == nullptr) return fails(EBADF);
  const uint64_t end = static_cast<uint64_t>(offset + bytes);
  if (mode != 0 || world().disk.size(open->node) >= end) return 0;
  return resize_open(descriptor, end);
}
int fallocate64(int, int, off_t, off_t) __attribute__((alias("fallocate")));
int posix_fadvise(int, off_t, off_t, int) {
  return 0;
}
int posix_fadvise64(int, off_t, off_t, int) __attribute__((alias("posix_fadvise")));

int fstat(int descriptor, struct stat* status) {
  if (!is_simulated(descriptor)) return static_cast<int>(real(SYS_fstat, descriptor, status));
  const Open* open = find_open(descriptor);
  if (open == nullptr) return fails(EBADF);
  describe(open->node, status);
  return 0;
}
int fstat64(int, struct stat64*) __attribute__((alias("fstat")));
int stat(const char* path, struct stat* status) {
  return is_simulated(path) ? describe_path(path, status) : static_cast<int>(real(SYS_stat, path, status));
}
int stat64(const char*, struct stat64*) __attribute__((alias("stat")));
int lstat(const char* path, struct stat* status) {
  return is_simulated(path) ? describe_path(path, status) : static_cast<int>(real(SYS_lstat, path, status));
}
int lstat64(const char*, struct stat64*) __attribute__((alias("lstat")));
int fstatat(int directory, const char* path, struct stat* status, int flags) {
  const std::string whole = path_at(directory, path);
  if (is_simulated(whole.c_str())) return describe_path(whole, status);
  return static_cast<int>(real(SYS_newfstatat, directory, path, status, flags));
}
int fstatat64(int, const char*, struct stat64*, int) __attribute__((alias("fstatat")));
int access(const char* path, int mode) {
  if (!is_simulated(path)) return static_cast<int>(real(SYS_access, path, mode));
  struct stat status;
  return describe_path(path, &status);
}

int mkdir(const char* path, mode_t mode) {
  if (!is_simulated(path)) return static_cast<int>(real(SYS_mkdir, path, mode));
  scheduling_point();
  const Place place = look_up(path);
  if (place.error != 0 || place.node) return fails(place.error != 0 ? place.error : EEXIST);
  if (!begin_operation()) return fails(EIO);
  world().disk.make(place.directory, place.name, true);
  return 0;
}
int rmdir(const char* path) {
  return is_simulated(path) ? remove_place(path, true) : static_cast<int>(real(SYS_rmdir, path));
}
int unlink(const char* path) {
  return is_simulated(path) ? remove_place(path, false) : static_cast<int>(real(SYS_unlink, path));
}
int unlinkat(int directory, const char* path, int flags) {
  const std::string whole = path_at(directory, path);
  if (is_simulated(whole.c_str())) return remove_place(whole, (flags & AT_REMOVEDIR) != 0);
  return static_cast<int>(real(SYS_unlinkat, directory, path, flags));
}
int remove(const char* path) {
  if (!is_simulated(path)) return next_function<int (*)(const char*)>("remove")(path);
  const Place place = look_up(path);
  return remove_place(path, place.node && world().disk.is_directory(*place.node));
}
int rename(const char* from, const char* to) {
  if (!is_simulated(from)) return static_cast<int>(real(SYS_rename, from, to));
  scheduling_point();
  const Place old_place = look_up(from);
  if (old_place.error != 0 || !old_place.node) return fails(old_place.error != 0 ? old_place.error : ENOENT);
  const Place new_place = look_up(to);
  if (new_place.error != 0) return fails(new_place.error);
  if (!begin_operation()) return fails(EIO);
  world().note(hash_of(to));
  tell("rename", from, to);
  world().disk.move(old_place.directory, old_place.name, new_place.directory, new_place.name);
  return 0;
}

DIR* opendir(const char* path) {
  if (is_simulated(path)) return list(path, -1);
  return next_function<DIR* (*)(const char*)>("opendir")(path);
}
DIR* fdopendir(int descriptor) {
  if (!is_simulated(descriptor)) return next_function<DIR* (*)(int)>("fdopendir")(descriptor);
  const Open* open = find_open(descriptor);
  if (open != nullptr) return list(open->path, descriptor);
  errno = EBADF;
  return nullptr;
}
dirent* readdir(DIR* directory) {
  if (!listings.contains(directory)) return next_function<dirent* (*)(DIR*)>("readdir")(directory);
  auto& listing = *reinterpret_cast<Listing*>(directory);
  if (listing.at == listing.names.size()) return nullptr;
  const std::string& name = listing.names[listing.at++];
  listing.entry.d_ino = listing.at;
  listing.entry.d_type = DT_UNKNOWN;
  std::strncpy(listing.entry.d_name, name.c_str(), sizeof(listing.entry.d_name) - 1);
  return &listing.entry;
}
dirent64* readdir64(DIR*) __attribute__((alias("readdir")));
int closedir(DIR* directory) {
  if (!listings.contains(directory)) return next_function<int (*)(DIR*)>("closedir")(directory);
  listings.erase(directory);
  const auto* listing = reinterpret_cast<Listing*>(directory);
  if (listing->descriptor >= 0) close(listing->descriptor);
  delete listing;
  return 0;
}
int dirfd(DIR* directory) {
  if (!listings.contains(directory)) return next_function<int (*)(DIR*)>("dirfd")(directory);
  return reinterpret_cast<Listing*>(directory)->descriptor;
}

FILE* fdopen(int descriptor, const char* mode) {
  if (!is_simulated(descriptor)) return next_function<FILE* (*)(int, const char*)>("fdopen")(descriptor, mode);
  static const cookie_io_functions_t functions{
      .read = [](void* cookie, char* to, size_t bytes) { return read(number_of(cookie), to, bytes); },
      .write = [](void* cookie, const char* from, size_t bytes) { return write(number_of(cookie), from, bytes); },
      .seek =
          [](void* cookie, off64_t* offset, int from) {
            *offset = lseek(number_of(cookie), *offset, from);
            return *offset < 0 ? -1 : 0;
          },
      .close = [](void* cookie) { return close(number_of(cookie)); }};
  return ::fopencookie(reinterpret_cast<void*>(static_cast<intptr_t>(descriptor)), mode, functions);
}

int flock(int descriptor, int operation) {
  return is_simulated(descriptor) ? 0 : static_cast<int>(real(SYS_flock, descriptor, operation));
}
int fcntl(int descriptor, int command, ...) {
  va_list list;
  va_start(list, command);
  const long argument = va_arg(list, long);
  va_end(list);
  return is_simulated(descriptor) ? 0 : static_cast<int>(real(SYS_fcntl, descriptor, command, argument));
}
int fcntl64(int, int, ...) __attribute__((alias("fcntl")));
int ioctl(int descriptor, unsigned long request, ...) {
  va_list list;
  va_start(list, request);
  const long argument = va_arg(list, long);
  va_end(list);
  return is_simulated(descriptor) ? fails(ENOTTY) : static_cast<int>(real(SYS_ioctl, descriptor, request, argument));
}
int fstatfs(int descriptor, struct statfs* status) {
  if (!is_simulated(descriptor)) return static_cast<int>(real(SYS_fstatfs, descriptor, status));
  std::memset(status, 0, sizeof(*status));
  status->f_type = 0xef53;  // ext4's
  status->f_bsize = 4096;
  return 0;
}
int fstatfs64(int, struct statfs64*) __attribute__((alias("fstatfs")));
int statvfs(const char* path, struct statvfs* status) {
  if (!is_simulated(path)) return next_function<int (*)(const char*, struct statvfs*)>("statvfs")(path, status);
  const Disk& disk = world().disk;
  std::memset(status, 0, sizeof(*status));
  status->f_bsize = status->f_frsize = 4096;
  status->f_blocks = disk.capacity_bytes / 4096;
  status->f_bavail = status->f_bfree =
      disk.capacity_bytes > disk.used_bytes() ? (disk.capacity_bytes - disk.used_bytes()) / 4096 : 0;
  return 0;
}
int statvfs64(const char*, struct statvfs64*) __attribute__((alias("statvfs")));

}  // extern "C"
