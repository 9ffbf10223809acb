#include "app/project_files.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

// The table that CMakeLists.txt has the assembler make, ended by a null name.
struct CarriedFile {
  const char* name;
  const char* begin;
  const char* end;
};
extern "C" const CarriedFile millrace_project_files[];

namespace millrace::app {

Result<std::string> read_project_file(std::string_view path) {
  if (const char* home = std::getenv("MILLRACE_HOME")) {
    std::ifstream in(std::filesystem::path(home) / path, std::ios::binary);
    std::ostringstream content;
    if (in && content << in.rdbuf()) return std::move(content).str();
  }
  for (const CarriedFile* file = millrace_project_files; file->name != nullptr; ++file) {
    if (path == file->name) return std::string(file->begin, file->end);
  }
  return fail(ErrorKind::not_found, "the program carries no file {}", path);
}

}  // namespace millrace::app
