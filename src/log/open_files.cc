#include "log/open_files.h"

namespace millrace::log {

Result<base::File> OpenFiles::open(const std::string& path, int flags) {
  for (;;) {
    auto file = base::File::open(path, flags);
    if (file || file.error().kind != ErrorKind::throttled || !take_oldest(0)) return file;
  }
}

// The file that was read longest ago, if there are more than `above`; closed by whoever drops it last, outside
// of the lock.
FilePtr OpenFiles::take_oldest(size_t above) {
  std::lock_guard lock(mutex_);
  if (read_.size() <= above) return nullptr;
  FilePtr oldest = std::move(read_.back().file);
  by_owner_.erase(read_.back().owner);
  read_.pop_back();
  return oldest;
}

FilePtr OpenFiles::find(const void* owner) {
  std::lock_guard lock(mutex_);
  const auto found = by_owner_.find(owner);
  if (found == by_owner_.end()) return nullptr;
  if (!found->second->held) read_.splice(read_.begin(), read_, found->second);
  return found->second->file;
}

FilePtr OpenFiles::enter(const void* owner, base::File file) {
  auto entered = std::make_shared<const base::File>(std::move(file));
  {
    std::lock_guard lock(mutex_);
    if (const auto found = by_owner_.find(owner); found != by_owner_.end()) return found->second->file;
    read_.push_front({owner, entered, false});
    by_owner_[owner] = read_.begin();
  }
  while (take_oldest(files_max_)) {
  }
  return entered;
}

void OpenFiles::hold(const void* owner, FilePtr file) {
  forget(owner);
  std::lock_guard lock(mutex_);
  held_.push_front({owner, std::move(file), true});
  by_owner_[owner] = held_.begin();
}

void OpenFiles::let_go(const void* owner) {
  {
    std::lock_guard lock(mutex_);
    const auto found = by_owner_.find(owner);
    if (found == by_owner_.end() || !found->second->held) return;
    found->second->held = false;
    read_.splice(read_.begin(), held_, found->second);
  }
  while (take_oldest(files_max_)) {
  }
}

void OpenFiles::forget(const void* owner) {
  FilePtr forgotten;
  std::lock_guard lock(mutex_);
  const auto found = by_owner_.find(owner);
  if (found == by_owner_.end()) return;
  forgotten = std::move(found->second->file);
  (found->second->held ? held_ : read_).erase(found->second);
  by_owner_.erase(found);
}

size_t OpenFiles::size() const {
  std::lock_guard lock(mutex_);
  return by_owner_.size();
}

}  // namespace millrace::log
