#include "app/examples.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace millrace::app {

namespace fs = std::filesystem;

Result<std::string> find_project_file(std::string_view relative_path) {
  std::error_code error;
  if (const char* home = std::getenv("MILLRACE_HOME")) {
    const fs::path path = fs::path(home) / relative_path;
    if (fs::exists(path, error)) return path.string();
  }
  fs::path above = fs::read_symlink("/proc/self/exe", error).parent_path();
  for (; !above.empty(); above = above.parent_path()) {
    if (const fs::path path = above / relative_path; fs::exists(path, error)) return path.string();
    if (above == above.root_path()) break;
  }
  return fail(ErrorKind::not_found,
              "{} is not found above the program; set MILLRACE_HOME to the folder of the project that holds it",
              relative_path);
}

Result<std::string> read_example(std::string_view relative_path) {
  TRY_ASSIGN(const std::string path, find_project_file(fmt::format("examples/{}", relative_path)));
  std::ifstream in(path);
  if (!in) return fail(ErrorKind::io, "{} cannot be read", path);
  std::ostringstream content;
  content << in.rdbuf();
  return content.str();
}

}  // namespace millrace::app
