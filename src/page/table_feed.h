#pragma once
// Follows a table for the live page: the items that it holds at first, then each change, as JSON of the API. A
// subscription notes when a change became visible, poll() reads what came. A table that is not there (yet) has no
// items; one that was dropped and made again is another table, and is read from its beginning, as one whose changes
// retention has passed.
//
// Threads: poll() by one thread; the subscription's callback by the journal's. Bounds: visible_max noted groups, and
// with the newest of each item only, an item for each that changed since the last poll().

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.h"
#include "client/items.h"
#include "stream/reader.h"
#include "table/table.h"

namespace millrace::page {

class TableFeed {
 public:
  static constexpr size_t visible_max = 4'096;
  enum class Changes { all, newest_of_each_item };

  // An item, and when it became visible; without that: the table held it at first.
  using Take = std::function<void(client::JsonItem item, std::optional<int64_t> visible_ms)>;

  // `changed` is called from any thread when there may be something to poll.
  TableFeed(table::Tables& tables, base::Clock& clock, std::string_view table, Changes changes,
            std::function<void()> changed);
  ~TableFeed();

  // Of what the table holds at first, `items_max` or a page of a query more.
  void poll(size_t items_max, const Take& take);

 private:
  struct Visible {
    GroupNumber group;
    int64_t at_ms;
  };

  bool find_table(size_t items_max, const Take& take);
  bool take_all(size_t items_max, const Take& take);
  void subscribe();
  void read(const std::function<void(const log::BlockPtr&, const log::Record&)>& each);
  void take_item(const table::Item& item, std::optional<int64_t> visible_ms, const Take& take);
  void take_change(const log::Block& block, const log::Record& record, const Take& take);
  int64_t visible_ms(GroupNumber group) const;

  table::Tables& tables_;
  base::Clock& clock_;
  const std::string name_;
  const Changes changes_;
  const std::function<void()> changed_;
  table::TablePtr table_;  // null: not followed
  std::optional<stream::Reader> reader_;
  std::string json_;
  simdjson::dom::parser parser_;
  mutable std::mutex visible_mutex_;
  std::deque<Visible> visible_;
  std::unique_ptr<log::Subscription> subscription_;
};

}  // namespace millrace::page
