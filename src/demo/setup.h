#pragma once
// What the demo needs before its first click, made through the API as a user would: the stream, the tables, the
// products, the job. What exists already (a data directory used again) is left as it is. Blocks; one thread.

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "client/api.h"
#include "demo/shop.h"

namespace millrace::demo {

inline constexpr std::string_view demo_stream = "clickstream";
inline constexpr std::string_view demo_job = "pricing";
inline constexpr int demo_shards = 2;

struct TableKey {
  std::string name;
  char type = 'S';  // S or N
};
struct TableToMake {
  std::string name;
  std::vector<TableKey> key;  // hash, or hash and range
};

// Creates the table, with a change feed of both images, unless it exists.
Result<void> ensure_table(client::Api& api, const TableToMake& table);

// `failure_tables` are those that the mappings put failed batches into.
Result<void> set_up_shop(client::Api& api, const std::set<std::string>& failure_tables, const ShopCatalog& catalog,
                         const std::string& script);

// How the job does, from ListJobs.
struct JobView {
  std::string state;
  std::string reason;
  uint64_t lag_records = 0;
  uint64_t rows_in = 0;
  uint64_t late_rows = 0;
  int64_t watermark_delay_ms = -1;  // below 0: none yet
  double events_per_s = 0;
};
Result<JobView> view_job(client::Api& api, std::string_view name);
// Takes in what is there, closes all windows, and ends; waits for that.
Result<void> drain_job(client::Api& api, std::string_view name, int64_t wait_ms_max);

}  // namespace millrace::demo
