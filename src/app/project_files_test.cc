#include "app/project_files.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace millrace::app {
namespace {

std::string on_disk(const std::string& path) {
  const std::string here = __FILE__;
  std::ifstream in(here.substr(0, here.find("/src/app/")) + "/" + path, std::ios::binary);
  std::ostringstream content;
  content << in.rdbuf();
  return content.str();
}

TEST(ProjectFiles, are_those_of_the_source_tree) {
  for (const std::string path : {"examples/shop/pricing.sql", "web/index.html", "web/vendor/uPlot.iife.min.js"}) {
    const auto content = read_project_file(path);
    ASSERT_TRUE(content) << content.error().message;
    EXPECT_FALSE(content->empty());
    EXPECT_TRUE(*content == on_disk(path)) << path;
  }
  EXPECT_EQ(read_project_file("web/../secret").error().kind, ErrorKind::not_found);
}

TEST(ProjectFiles, of_MILLRACE_HOME_come_first) {
  std::string home = testing::TempDir() + "project_files_XXXXXX";
  ASSERT_NE(mkdtemp(home.data()), nullptr);
  std::filesystem::create_directory(home + "/web");
  std::ofstream(home + "/web/app.js") << "mine";
  setenv("MILLRACE_HOME", home.c_str(), 1);
  EXPECT_EQ(*read_project_file("web/app.js"), "mine");
  EXPECT_EQ(*read_project_file("web/index.html"), on_disk("web/index.html"));
  unsetenv("MILLRACE_HOME");
  std::filesystem::remove_all(home);
}

}  // namespace
}  // namespace millrace::app
