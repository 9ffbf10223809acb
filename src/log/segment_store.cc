#include "log/segment_store.h"

#include <fcntl.h>

#include <algorithm>
#include <cstdio>

namespace millrace::log {

SegmentStore::SegmentStore(Settings settings, std::shared_ptr<OpenFiles> files, Keeper& keeper)
    : settings_(std::move(settings)), files_(std::move(files)), keeper_(keeper) {
  next_bytes_ = std::min(settings_.segment_bytes, std::max(first_segment_bytes, settings_.last_segment_bytes * 4));
  Lock lock(mutex_);
  while (settings_.free_files.size() > free_files_max) {
    // Room of a former run that is of no use; what cannot be removed now is found again next time.
    (void)base::remove_file(settings_.free_files.back());
    settings_.free_files.pop_back();
  }
  spare_wanted_ = true;
  schedule();
}

void SegmentStore::stop() {
  Lock lock(mutex_);
  stopped_ = true;
  changed_.notify_all();
  changed_.wait(lock, [this] { return !scheduled_; });
}

Result<void> SegmentStore::reserve(size_t bytes) {
  Lock lock(mutex_);
  while (reserved_ < bytes) {
    if (stopped_) return fail(ErrorKind::unavailable, "{}: the log is closed", settings_.directory);
    spare_wanted_ = true;
    wanted_bytes_ = std::max(wanted_bytes_, bytes);
    const uint64_t attempts = attempts_;
    schedule();
    changed_.wait(lock, [&] { return stopped_ || attempts_ != attempts; });
    if (last_error_ && reserved_ < bytes) return std::unexpected(*last_error_);
  }
  return {};
}

SegmentPtr SegmentStore::take() {
  Lock lock(mutex_);
  if (!spare_ready_) return nullptr;
  SegmentPtr taken = std::move(spare_);
  spare_ = nullptr;
  taken->capacity = reserved_;
  spare_ready_ = false;
  reserved_ = 0;
  next_bytes_ = std::min(settings_.segment_bytes, next_bytes_ * 4);
  spare_wanted_ = true;
  wanted_bytes_ = 0;
  schedule();
  return taken;
}

void SegmentStore::wait_ready() {
  Lock lock(mutex_);
  changed_.wait(lock, [this] { return spare_ready_; });
}

void SegmentStore::close(SegmentPtr segment, std::vector<OpeningShard> ends) {
  Lock lock(mutex_);
  closing_.push_back({std::move(segment), std::move(ends)});
  schedule();
}

void SegmentStore::remove(std::vector<SegmentPtr> segments) {
  Lock lock(mutex_);
  for (SegmentPtr& segment : segments) {
    std::erase_if(closing_, [&](const Closing& closing) { return closing.segment == segment; });
    removing_.push_back(std::move(segment));
  }
  segments.clear();
  schedule();
}

void SegmentStore::schedule() {
  if (scheduled_ || stopped_) return;
  scheduled_ = true;
  keeper_.post([this] { work(); });
}

void SegmentStore::work() {
  Lock lock(mutex_);
  bool may_remove = true;
  while (!stopped_) {
    const bool spare_lacks_file = spare_wanted_ && spare_ == nullptr && settings_.free_files.empty();
    const bool removes = may_remove && !removing_.empty();
    if (spare_lacks_file && removes) {
      may_remove = remove_one(lock);
    } else if (spare_wanted_) {
      prepare(lock);
    } else if (!closing_.empty()) {
      close_one(lock);
    } else if (removes) {
      may_remove = remove_one(lock);
    } else {
      break;
    }
  }
  scheduled_ = false;
  changed_.notify_all();
}

// The spare gets its room (then appends that count on it are accepted) and then its zeros and its name.
void SegmentStore::prepare(Lock& lock) {
  spare_wanted_ = false;
  const size_t wanted = std::max(wanted_bytes_, spare_ ? reserved_.load() : next_bytes_);
  if (reserved_ >= wanted) return;

  const auto failed = [&](const Error& error) {
    last_error_ = error;
    attempts_ += 1;
    changed_.notify_all();
  };
  // Opened before anything is promised, for there is no way back later.
  const auto directory = files_->open(settings_.directory, O_RDONLY | O_DIRECTORY);
  if (!directory) return failed(directory.error());
  SegmentPtr spare = spare_;
  if (!spare) {
    const uint64_t id = settings_.next_id++;
    auto file = file_to_prepare(id, lock);
    if (!file) return failed(file.error());
    spare = std::make_shared<Segment>(segment_path(settings_.directory, id), id, files_);
    spare->begin_writing(std::move(*file));
  }
  lock.unlock();
  const base::File& file = *spare->writing;
  const auto size = file.size();
  Result<void> reserved;
  if (!size) {
    reserved = std::unexpected(size.error());
  } else if (*size < wanted) {
    reserved = file.reserve(*size, wanted - *size);
  }
  lock.lock();

  attempts_ += 1;
  last_error_ = reserved ? std::nullopt : std::optional(reserved.error());
  changed_.notify_all();
  if (!reserved) {
    // What was begun of a new file would take the room that others may need; a spare stays what it was.
    if (spare->life == 0) {
      if (size && *size > 0) {
        settings_.free_files.push_back(file.path());
      } else {
        (void)base::remove_file(file.path());
      }
    }
    return;
  }
  if (spare->life != 0 && spare != spare_) {
    spare_wanted_ = true;  // it was taken into use meanwhile, as it was
    return;
  }
  spare_ = spare;
  spare_ready_ = false;
  reserved_ = std::max<size_t>(*size, wanted);

  lock.unlock();
  finish_spare(spare, *size, *directory);
  lock.lock();
  spare_ready_ = true;
  changed_.notify_all();
  lock.unlock();
  settings_.on_ready();
  lock.lock();
}

Result<base::File> SegmentStore::file_to_prepare(uint64_t id, Lock& lock) {
  const auto free_files = std::exchange(settings_.free_files, {});
  lock.unlock();
  Result<base::File> file = fail(ErrorKind::not_found, "no free file");
  std::vector<std::string> others;
  for (const std::string& path : free_files) {
    if (file) {
      others.push_back(path);
    } else {
      file = files_->open(path, O_RDWR);
      if (!file && file.error().kind == ErrorKind::throttled) others.push_back(path);
    }
  }
  if (!file) file = files_->open(free_path(settings_.directory, id), O_RDWR | O_CREAT | O_EXCL);
  lock.lock();
  settings_.free_files = std::move(others);
  return file;
}

void SegmentStore::finish_spare(const SegmentPtr& spare, uint64_t written_bytes, const base::File& directory) {
  base::File& file = *spare->writing;
  const auto finish = [&]() -> Result<void> {
    // In small steps, so that no group's sync has to wait long behind the zeros.
    constexpr uint64_t step_bytes = uint64_t{1} << 20;
    for (uint64_t at = written_bytes; at < reserved_; at += step_bytes) {
      TRY(file.write_zeros(at, std::min(step_bytes, reserved_ - at)));
      TRY(file.sync_data());
    }
    if (spare->life != 0) return {};
    TRY_ASSIGN(spare->life, begin_life(file, spare->id, reserved_));
    TRY(base::rename_file(file.path(), spare->path));
    TRY(directory.sync());
    file.set_path(spare->path);
    spare->index = std::make_shared<SegmentIndex>();
    return {};
  };
  // Appends were accepted on this room, so there is no going back.
  if (const auto finished = finish(); !finished) {
    stop_process("preparing a segment failed: " + finished.error().message);
  }
}

void SegmentStore::close_one(Lock& lock) {
  const Closing closing = std::move(closing_.front());
  closing_.pop_front();
  lock.unlock();
  const auto closed = close_segment(*closing.segment, closing.segment->index->spans(closing.ends));
  closing.segment->end_writing();
  if (closed) {
    settings_.on_closed(closing.segment);
  } else if (closed.error().kind != ErrorKind::disk_full) {
    stop_process("closing a segment failed: " + closed.error().message);
  }
  lock.lock();
}

// False: it could not be removed now; it stays in the queue, and so do those behind it.
bool SegmentStore::remove_one(Lock& lock) {
  const auto directory = files_->open(settings_.directory, O_RDONLY | O_DIRECTORY);
  const bool keep = settings_.free_files.size() < free_files_max;
  const SegmentPtr& segment = removing_.front();
  const std::string path = segment->path;
  const std::string free = free_path(settings_.directory, segment->id);
  // A reader that still holds the file must not see it begin another life.
  const bool recycle = keep && segment.use_count() == 1;
  lock.unlock();
  Result<void> removed;
  if (!directory) {
    removed = std::unexpected(directory.error());
  } else {
    removed = recycle ? base::rename_file(path, free) : base::remove_file(path);
  }
  const bool missing = !removed && directory && removed.error().kind == ErrorKind::not_found;
  if (!removed && !missing) {
    if (removed.error().kind != ErrorKind::throttled) {
      std::fprintf(stderr, "millrace: a trimmed segment could not be removed: %s\n", removed.error().message.c_str());
    }
    lock.lock();
    return false;
  }
  // A later one may not be gone before this one surely is.
  if (const auto synced = directory->sync(); !synced) {
    stop_process("removing a segment failed: " + synced.error().message);
  }
  lock.lock();
  removing_.pop_front();
  if (recycle && !missing) settings_.free_files.push_back(free);
  return true;
}

}  // namespace millrace::log
