#pragma once
// The example pipelines, found beside the program: in the project that it was built in, or where MILLRACE_HOME says.

#include <string>
#include <string_view>

#include "base/error.h"

namespace millrace::app {

// Of a file of the project, such as "examples/shop/pricing.sql" or "web/index.html". not_found says what to set.
Result<std::string> find_project_file(std::string_view relative_path);
Result<std::string> read_example(std::string_view relative_path);  // below examples/

}  // namespace millrace::app
