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
#include "shop/schema.h"

namespace millrace::demo {

inline constexpr int demo_shards = 2;

// Creates the table, with a change feed of both images, unless it exists.
Result<void> ensure_table(client::Api& api, const shop::Table& table);

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
