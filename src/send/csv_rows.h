#pragma once
// The rows of a CSV file as records; rows.h says what they become.

#include <memory>

#include "base/error.h"
#include "send/record.h"
#include "send/rows.h"

namespace millrace::send {

// Reads the header, unless there is none. As RowReader::open().
Result<std::unique_ptr<RowReader>> open_csv_rows(std::unique_ptr<SendFile> file, EventIds event_ids,
                                                 const RowOptions& options);

}  // namespace millrace::send
