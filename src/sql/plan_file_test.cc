// Scripts with the plan or the error that they must give: tests/sql/plan/*.test. A file has one part `--- tables`,
// which stands before each script, and then for each case its name, its script and what is expected:
//
//   --- case: what it shows
//   INSERT INTO ...
//   --- plan          (or: --- error)
//   ...
//
// Lines of errors count from the case's own first line. With MILLRACE_UPDATE_TESTS=1 in the environment the files are
// written anew from what the compiler says: read the difference before committing it.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "connector/known.h"
#include "sql/plan.h"

namespace millrace::sql {
namespace {

struct Case {
  std::string name;
  std::string script;
  std::string kind;  // plan or error
  std::string expected;
};

struct TestFile {
  std::string head;  // comments before the tables
  std::string tables;
  std::vector<Case> cases;
};

std::filesystem::path directory() {
  return std::filesystem::path(__FILE__).parent_path().parent_path().parent_path() / "tests" / "sql" / "plan";
}

TestFile read(const std::filesystem::path& path) {
  TestFile file;
  std::ifstream stream(path);
  std::string* part = &file.head;
  for (std::string line; std::getline(stream, line);) {
    if (line == "--- tables") {
      part = &file.tables;
    } else if (line.starts_with("--- case: ")) {
      file.cases.push_back({line.substr(10), "", "", ""});
      part = &file.cases.back().script;
    } else if (line == "--- plan" || line == "--- error") {
      if (file.cases.empty()) {
        ADD_FAILURE() << path << ": '" << line << "' before a case";
        return file;
      }
      file.cases.back().kind = line.substr(4);
      part = &file.cases.back().expected;
    } else {
      *part += line + "\n";
    }
  }
  return file;
}

void write(const std::filesystem::path& path, const TestFile& file) {
  std::ofstream out(path);
  out << file.head << "--- tables\n" << file.tables;
  for (const Case& c : file.cases) {
    out << "--- case: " << c.name << "\n" << c.script << "--- " << c.kind << "\n" << c.expected;
  }
}

// "line 12, ..." with the lines of the tables taken off.
std::string relative(const std::string& message, int tables_lines) {
  int line = 0;
  int used = 0;
  if (std::sscanf(message.c_str(), "line %d%n", &line, &used) != 1 || line <= tables_lines) return message;
  return "line " + std::to_string(line - tables_lines) + message.substr(static_cast<size_t>(used));
}

class PlanFile : public testing::TestWithParam<std::filesystem::path> {};

TEST_P(PlanFile, GivesWhatIsExpected) {
  TestFile file = read(GetParam());
  ASSERT_FALSE(file.cases.empty());
  const bool update = std::getenv("MILLRACE_UPDATE_TESTS") != nullptr;
  const int tables_lines = static_cast<int>(std::count(file.tables.begin(), file.tables.end(), '\n'));
  for (Case& c : file.cases) {
    const auto plan = compile(file.tables + c.script, connector::known_connectors());
    const std::string kind = plan ? "plan" : "error";
    const std::string actual = plan ? explain(*plan) : relative(plan.error().message, tables_lines) + "\n";
    if (update) {
      c.kind = kind;
      c.expected = actual + "\n";
      continue;
    }
    EXPECT_EQ(kind, c.kind) << c.name << "\n" << actual;
    // Blank lines at the end separate the cases.
    std::string expected = c.expected;
    while (expected.ends_with("\n\n")) expected.pop_back();
    EXPECT_EQ(actual, expected) << c.name;
  }
  if (update) write(GetParam(), file);
}

std::vector<std::filesystem::path> files() {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(directory())) {
    if (entry.path().extension() == ".test") paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

INSTANTIATE_TEST_SUITE_P(Tests, PlanFile, testing::ValuesIn(files()),
                         [](const auto& info) { return info.param.stem().string(); });

}  // namespace
}  // namespace millrace::sql
