#pragma once
// The lines of an NDJSON file as records; rows.h says what they become.

#include <memory>

#include "send/record.h"
#include "send/rows.h"

namespace millrace::send {

std::unique_ptr<RowReader> open_json_rows(std::unique_ptr<SendFile> file, EventIds event_ids,
                                          const RowOptions& options);

}  // namespace millrace::send
