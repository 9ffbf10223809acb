#pragma once
// Stored bytes out of stored bytes: no Item is made. Pure; any thread.

#include <span>
#include <string>
#include <string_view>

#include "base/error.h"

namespace millrace::table {

// Appends the stored bytes of `base` with the attributes of `over` in place of their namesakes and beside the others.
// Both are whole stored items. corrupt: one of them is not.
Result<void> put_merged(std::string& out, std::string_view base, std::string_view over);

// Appends the stored bytes of an item that has only those attributes of `item`. corrupt: it is none.
Result<void> put_selected(std::string& out, std::string_view item, std::span<const std::string_view> names);

// The same of an item that has the others; gives their number.
Result<size_t> put_without(std::string& out, std::string_view item, std::span<const std::string_view> names);

}  // namespace millrace::table
