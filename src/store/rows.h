#pragma once
// The rows in RocksDB: the view that follows the journal. One column family, its own WAL off; each batch carries the
// number of the journal's group up to which it brings the rows, so what RocksDB has flushed to its files is always the
// state after some group.
//
// Threads: write() from one thread at a time; the rest from any. Failure: RocksDB's statuses as corrupt, disk_full or
// io, with the directory's name and what to do. After a failed write, resume() and the same write again.

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "store/store.h"

namespace millrace::store {

// Changes for Rows::write, in order.
class RowBatch {
 public:
  virtual ~RowBatch() = default;
  virtual void put(std::string_view row_key, std::string_view value) = 0;
  virtual void erase(std::string_view row_key) = 0;
  virtual void erase_range(std::string_view from, std::string_view to) = 0;
  virtual size_t bytes() const = 0;
  virtual void clear() = 0;
};

// Walks a range of the rows as they were when it was made. The views are good until it moves.
class RowCursor {
 public:
  virtual ~RowCursor() = default;
  virtual bool valid() const = 0;
  virtual std::string_view key() const = 0;
  virtual std::string_view value() const = 0;
  virtual void move() = 0;                  // forward or backward, as it was made
  virtual Result<void> status() const = 0;  // asked for when it is no more valid
};

class Rows {
 public:
  struct Options {
    std::string directory;
    size_t block_cache_bytes = size_t{16} << 20;
    size_t write_buffer_bytes = size_t{16} << 20;  // at most three at a time
    size_t open_files_max = 256;
  };
  static Result<std::unique_ptr<Rows>> open(const Options& options);
  virtual ~Rows() = default;

  virtual std::unique_ptr<RowBatch> make_batch() const = 0;
  virtual Result<void> write(RowBatch& batch, GroupNumber position) = 0;

  virtual Result<Bytes> get(std::string_view row_key) const = 0;  // null: no such row
  virtual std::unique_ptr<RowCursor> cursor(std::string from, std::string to, bool reverse) const = 0;

  virtual GroupNumber position() const = 0;                  // of what was written
  virtual Result<GroupNumber> flushed_position() const = 0;  // of what a crash leaves
  virtual Result<void> flush(bool wait) = 0;
  virtual Result<void> resume() = 0;
  // The rows as they are now, position and all, in a directory that does not exist: files are linked where the file
  // system can, for they never change.
  virtual Result<void> copy_to(const std::string& directory) const = 0;
  virtual uint64_t approximate_bytes(std::string_view from, std::string_view to) const = 0;
};

}  // namespace millrace::store
