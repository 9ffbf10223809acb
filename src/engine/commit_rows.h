#pragma once
// The rows of a commit that is too large for one transaction, as they lie in the store until all of them are written.
// docs/engine.md has the layout. Values; one thread.

#include <deque>
#include <span>
#include <string>
#include <vector>

#include "engine/sink.h"
#include "table/table.h"

namespace millrace::engine {

std::string encode_rows(std::span<const SinkWrite> writes);

// Rows that were read back. A table that has been dropped meanwhile (and perhaps created again) keeps its place, its
// rows have none: the numbers of the others must not change.
class CommitRows {
 public:
  // corrupt: no such rows.
  static Result<CommitRows> decode(std::string bytes, table::Tables& tables);

  const std::vector<SinkWrite>& writes() const { return writes_; }  // table null: nothing to write

 private:
  std::unique_ptr<const std::string> bytes_;
  std::vector<table::TablePtr> tables_;
  std::deque<std::vector<std::string_view>> erased_;
  std::vector<SinkWrite> writes_;
};

}  // namespace millrace::engine
