#pragma once
// Who is registered to be sent a stream's records: names, unique within the stream. They live and die with it, in the
// file consumers.json beside its definition (docs/store-layout.md), written whole with each change.
// https://docs.aws.amazon.com/kinesis/latest/APIReference/API_RegisterStreamConsumer.html
//
// Threads: find(), list() and size() from any. What writes or reads the file belongs to one thread at a time, which may
// block.

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/ids.h"

namespace millrace::stream {

struct Consumer {
  std::string name;
  ProcessingTime created;  // tells it from an earlier one of the same name
};

class Consumers {
 public:
  static constexpr size_t consumers_max = 20;

  // Those that the stream's folder holds; none if it has never had any. corrupt: the file is damaged.
  Result<void> open(std::string directory);
  // Kept when this returns. in_use: the name is taken. limit_exceeded: there are consumers_max already.
  // invalid_argument: not a name.
  Result<Consumer> add(std::string_view name, ProcessingTime now);
  // Gone for good when this returns. not_found.
  Result<void> remove(std::string_view name);
  // Writes the register into another folder.
  Result<void> copy_to(const std::string& directory) const;

  std::optional<Consumer> find(std::string_view name) const;
  std::vector<Consumer> list() const;  // by name
  size_t size() const;

 private:
  using ByName = std::map<std::string, Consumer, std::less<>>;
  Result<void> replace(ByName consumers);

  std::string directory_;
  mutable std::mutex mutex_;
  ByName consumers_;
};

}  // namespace millrace::stream
