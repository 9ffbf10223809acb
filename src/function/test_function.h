#pragma once
// The functions that the tests of this folder run: the test program itself, started again with `--function KIND`. What
// they do is in test_function.cc. Only for tests.

#include <string>
#include <vector>

namespace millrace::function {

// A command that runs the test program as a function of that kind.
std::vector<std::string> test_function(const std::string& kind, const std::vector<std::string>& arguments = {});

// What main() does when it was started as a function; false: it was not.
bool run_as_test_function(int argc, char** argv);

}  // namespace millrace::function
