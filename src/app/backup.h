#pragma once
// A backup: a copy of a server's data directory, taken while it serves, with a list of its files and their checksums.
// Restored it is as the server would be after a crash at the moment of the backup: everything acknowledged before is
// there, jobs and mappings go on where they were. docs/store-layout.md has the list's format.
//
// Any thread. Failure: the message names the file; a backup without its list, which is written last, is none.

#include <cstdint>
#include <stop_token>
#include <string>

#include "base/error.h"
#include "store/store.h"
#include "stream/streams.h"

namespace millrace::app {

struct BackupSize {
  uint64_t files = 0;
  uint64_t bytes = 0;
};

// `directory` is made; invalid_argument: it is no absolute path, or holds something. unavailable: `stop` was requested.
Result<BackupSize> write_backup(const stream::Streams& streams, store::Store& store, const std::string& directory,
                                const std::stop_token& stop);

// Copies a backup into a new data directory, each file checked on the way. invalid_argument: `directory` is no backup,
// `data` holds something, or a restore that was cut short has left DATA.restoring; corrupt: a file is missing or not
// what it was. Then `data` is as it was before.
Result<BackupSize> restore_backup(const std::string& directory, const std::string& data);

}  // namespace millrace::app
