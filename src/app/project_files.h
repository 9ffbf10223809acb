#pragma once
// The files that the program carries inside: the live page (web/) and the example pipelines (examples/), so that the
// program alone is enough. Where MILLRACE_HOME names a folder, the files below it come first: for work on the page
// without building.
//
// Any thread.

#include <string>
#include <string_view>

#include "base/error.h"

namespace millrace::app {

// The content of a file of the project, such as "examples/shop/pricing.sql". not_found: the program carries no such
// file.
Result<std::string> read_project_file(std::string_view path);

}  // namespace millrace::app
