#pragma once
// How a fuzz target takes its input apart. A target is one file here, NAME.cc, that defines
//
//   extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
//
// and stops the process (CHECK) when a property does not hold. It keeps nothing from one input to the next, so that a
// finding repeats by itself. CONTRIBUTING.md says how to run and to add one.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace millrace::fuzz {

// The parts of an input. Texts stand one per line, so that a corpus can be read and written by hand.
class Input {
 public:
  Input(const uint8_t* data, size_t size) : rest_(reinterpret_cast<const char*>(data), size) {}

  // Up to the next newline, which is taken too.
  std::string_view line() {
    const size_t end = rest_.find('\n');
    const std::string_view line = rest_.substr(0, end);
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
    return line;
  }
  uint8_t byte() {
    if (rest_.empty()) return 0;
    const auto value = static_cast<uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return value;
  }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

// A copy that ends where the memory ends, but for the `padding` bytes that its reader may read: AddressSanitizer sees
// whoever reads further.
class Exact {
 public:
  explicit Exact(std::string_view bytes, size_t padding = 0)
      : size_(bytes.size()), bytes_(new char[bytes.size() + padding]()) {
    bytes.copy(bytes_.get(), bytes.size());
  }
  std::string_view view() const { return {bytes_.get(), size_}; }
  char* data() { return bytes_.get(); }

 private:
  size_t size_;
  std::unique_ptr<char[]> bytes_;
};

}  // namespace millrace::fuzz
