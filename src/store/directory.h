#pragma once
// The store's directory: made when it is missing, refused when it is something else's. Called at start-up.

#include <string>

#include "base/error.h"

namespace millrace::store {

// Leaves the directory with the file STORE, which names the layout's version. invalid_argument: it holds other files;
// unsupported: another version wrote it.
Result<void> prepare_directory(const std::string& directory);

}  // namespace millrace::store
