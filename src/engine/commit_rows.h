#pragma once
// The rows of a commit that is too large for one transaction, as they lie in the store until all of them are written.
// docs/engine.md has the layout. Values; one thread.

#include <deque>
#include <span>
#include <string>
#include <vector>

#include "connector/io.h"

namespace millrace::engine {

std::string encode_rows(std::span<const connector::Write> writes);

// Rows that were read back. A target that has been dropped meanwhile (and perhaps created again) keeps its place, its
// rows have none: the numbers of the others must not change.
class CommitRows {
 public:
  // corrupt: no such rows.
  static Result<CommitRows> decode(std::string bytes, connector::Storage& storage);

  const std::vector<connector::Write>& writes() const { return writes_; }  // target null: nothing to write

 private:
  std::unique_ptr<const std::string> bytes_;
  std::vector<connector::TargetPtr> targets_;
  std::deque<std::vector<std::string_view>> erased_;
  std::vector<connector::Write> writes_;
};

}  // namespace millrace::engine
