#include "base/file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <utility>

namespace millrace::base {

File::File(File&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)), path_(std::move(other.path_)) {}

File& File::operator=(File&& other) noexcept {
  if (this != &other) {
    close();
    descriptor_ = std::exchange(other.descriptor_, -1);
    path_ = std::move(other.path_);
  }
  return *this;
}

File::~File() {
  close();
}

Result<File> File::open(const std::string& path, int flags, unsigned mode) {
  const int descriptor = ::open(path.c_str(), flags | O_CLOEXEC, mode);
  if (descriptor < 0) return fail_errno(path, errno);
  return File(descriptor, path);
}

void File::close() {
  if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
}

Result<size_t> File::read_at(char* to, size_t bytes, uint64_t offset) const {
  size_t done = 0;
  while (done < bytes) {
    const ssize_t n = ::pread(descriptor_, to + done, bytes - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno(path_, errno);
    if (n == 0) break;
    done += static_cast<size_t>(n);
  }
  return done;
}

Result<void> File::write_at(std::string_view bytes, uint64_t offset) const {
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno(path_, errno);
    bytes.remove_prefix(static_cast<size_t>(n));
    offset += static_cast<size_t>(n);
  }
  return {};
}

Result<void> File::write_zeros(uint64_t offset, uint64_t bytes) const {
  // Never written to, so it takes no memory: all its pages are the kernel's one page of zeros.
  static const char zeros[256 << 10] = {};
  while (bytes > 0) {
    const size_t n = std::min<uint64_t>(bytes, sizeof(zeros));
    TRY(write_at({zeros, n}, offset));
    offset += n;
    bytes -= n;
  }
  return {};
}

Result<void> File::sync_data() const {
  while (::fdatasync(descriptor_) != 0) {
    if (errno != EINTR) return fail_errno(path_, errno);
  }
  return {};
}

Result<void> File::sync() const {
  while (::fsync(descriptor_) != 0) {
    if (errno != EINTR) return fail_errno(path_, errno);
  }
  return {};
}

Result<uint64_t> File::size() const {
  struct stat status;
  if (::fstat(descriptor_, &status) != 0) return fail_errno(path_, errno);
  return static_cast<uint64_t>(status.st_size);
}

Result<void> File::resize(uint64_t bytes) const {
  if (::ftruncate(descriptor_, static_cast<off_t>(bytes)) != 0) return fail_errno(path_, errno);
  return {};
}

Result<void> File::reserve(uint64_t offset, uint64_t bytes) const {
  for (;;) {
    if (::fallocate(descriptor_, 0, static_cast<off_t>(offset), static_cast<off_t>(bytes)) == 0) return {};
    if (errno == EINTR) continue;
    if (errno != EOPNOTSUPP && errno != ENOSYS) return fail_errno(path_, errno);
    TRY(write_zeros(offset, bytes));
    return sync_data();
  }
}

Result<void> make_directories(const std::string& path) {
  for (size_t end = 0; end != std::string::npos;) {
    end = path.find('/', end + 1);
    const std::string part = path.substr(0, end);
    const bool made = ::mkdir(part.c_str(), 0700) == 0;
    if (!made) {
      // Where nothing can be made, for a reason that does not matter if it is there.
      const int reason = errno;
      if (std::error_code error; !std::filesystem::is_directory(part, error)) {
        return fail_errno(path, reason == EEXIST ? ENOTDIR : reason);
      }
    }
    if (!made && end != std::string::npos) continue;
    const size_t name = part.rfind('/');
    const auto synced = sync_directory(name == std::string::npos ? "." : part.substr(0, name + 1));
    // One that is there, too: who made it may have been killed before this. Somebody else's directory may be closed to
    // this user, and is not of this user's making.
    if (made && !synced) return synced;
  }
  return {};
}

Result<void> sync_directory(const std::string& path) {
  TRY_ASSIGN(const File directory, File::open(path, O_RDONLY | O_DIRECTORY));
  return directory.sync();
}

Result<std::vector<std::string>> list_directory(const std::string& path) {
  std::error_code error;
  std::vector<std::string> names;
  std::filesystem::directory_iterator entries(path, error);
  if (error) return fail_errno(path, error.value());
  for (const std::filesystem::directory_iterator end; entries != end; entries.increment(error)) {
    names.push_back(entries->path().filename().string());
  }
  if (error) return fail_errno(path, error.value());
  std::ranges::sort(names);
  return names;
}

Result<void> rename_file(const std::string& from, const std::string& to) {
  if (std::rename(from.c_str(), to.c_str()) != 0) return fail_errno(from, errno);
  return {};
}

Result<void> remove_file(const std::string& path) {
  if (::unlink(path.c_str()) != 0) return fail_errno(path, errno);
  return {};
}

Result<DirectoryLock> DirectoryLock::acquire(const std::string& directory) {
  TRY_ASSIGN(File file, File::open(directory + "/lock", O_RDWR | O_CREAT));
  if (::flock(file.descriptor(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return fail_errno(file.path(), errno);
    char holder[20] = {};
    TRY(file.read_at(holder, sizeof(holder) - 1, 0));
    return fail(ErrorKind::in_use,
                "the directory {} is in use by process {}: stop that process or choose another directory", directory,
                *holder != 0 ? holder : "(unknown)");
  }
  TRY(file.resize(0));
  TRY(file.write_at(std::to_string(::getpid()), 0));
  return DirectoryLock(std::move(file));
}

}  // namespace millrace::base
