#pragma once
// The file that keeps what a function prints: `<name>.log`, and one older `<name>.log.1`, never more than
// output_bytes_max each. Private to this folder; one thread. A file that cannot be written loses the output, nothing
// else.

#include <cstddef>
#include <string>
#include <string_view>

namespace millrace::function {

class OutputFile {
 public:
  static constexpr size_t output_bytes_max = size_t{4} << 20;

  explicit OutputFile(std::string path) : path_(std::move(path)) {}
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;

  void write(std::string_view output);

 private:
  bool open();

  std::string path_;
  int fd_ = -1;
  size_t size_ = 0;
};

}  // namespace millrace::function
