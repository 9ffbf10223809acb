#include "page/table_feed.h"

#include <algorithm>
#include <unordered_map>

#include "log/log.h"
#include "table/item_json.h"

namespace millrace::page {

namespace {

constexpr size_t read_bytes_max = size_t{1} << 20;

}  // namespace

TableFeed::TableFeed(table::Tables& tables, base::Clock& clock, std::string_view table, Changes changes,
                     std::function<void()> changed)
    : tables_(tables), clock_(clock), name_(table), changes_(changes), changed_(std::move(changed)) {}

TableFeed::~TableFeed() = default;

void TableFeed::poll(size_t items_max, const Take& take) {
  if (!find_table(items_max, take)) return;
  if (changes_ == Changes::all) {
    return read([&](const log::BlockPtr& block, const log::Record& record) { take_change(*block, record, take); });
  }
  // Many changes of one item come between two frames: only the newest is decoded.
  std::unordered_map<std::string, std::pair<log::BlockPtr, log::Record>> newest;
  read([&](const log::BlockPtr& block, const log::Record& record) {
    newest.insert_or_assign(std::string(record.key), std::pair(block, record));
  });
  for (const auto& [key, found] : newest) take_change(*found.first, found.second, take);
}

// True if the table is followed.
bool TableFeed::find_table(size_t items_max, const Take& take) {
  const auto found = tables_.find(name_);
  if (!found) {
    table_ = nullptr;
    return false;
  }
  if (table_ && table_->keyspace == (*found)->keyspace) return true;
  const auto range = tables_.journal().range((*found)->keyspace);
  reader_.emplace(stream::ShardSource{&tables_.journal(), (*found)->keyspace, nullptr},
                  range ? range->end : SequenceNumber(0));
  if (!take_all(items_max, take)) return false;
  table_ = *found;
  subscribe();
  return true;
}

bool TableFeed::take_all(size_t items_max, const Take& take) {
  table::QueryRequest request;
  request.table = name_;
  request.scan = true;
  for (size_t items = 0; items < items_max;) {
    const auto page = tables_.query(request);
    if (!page) return false;
    for (const table::Item& item : page->items) take_item(item, std::nullopt, take);
    items += page->items.size();
    if (!page->last_evaluated_key) break;
    request.exclusive_start_key = page->last_evaluated_key;
  }
  return true;
}

void TableFeed::subscribe() {
  log::Log& journal = tables_.journal();
  subscription_ = journal.subscribe(table_->keyspace, [this, &journal] {
    {
      const std::lock_guard lock(visible_mutex_);
      if (visible_.size() == visible_max) visible_.pop_front();
      visible_.push_back({journal.durable_group(), clock_.now().value});
    }
    changed_();
  });
}

void TableFeed::read(const std::function<void(const log::BlockPtr&, const log::Record&)>& each) {
  for (;;) {
    const auto more = reader_->read(read_bytes_max);
    if (!more) table_ = nullptr;  // trimmed while nobody looked: begin again with what the table holds
    if (!more || !*more) return;
    while (const log::Record* const record = reader_->peek()) {
      each(reader_->block(), *record);
      reader_->pop();
    }
    reader_->forget();
  }
}

void TableFeed::take_change(const log::Block& block, const log::Record& record, const Take& take) {
  if (!table_) return;
  const auto change = table::decode_change(*table_, record);
  if (change && change->new_image) take_item(*change->new_image, visible_ms(block.group), take);
}

void TableFeed::take_item(const table::Item& item, std::optional<int64_t> visible_ms, const Take& take) {
  json_.clear();
  table::put_json(json_, item);
  simdjson::dom::object parsed;
  if (!parser_.parse(json_).get(parsed)) take(parsed, visible_ms);
}

int64_t TableFeed::visible_ms(GroupNumber group) const {
  const std::lock_guard lock(visible_mutex_);
  const auto found =
      std::lower_bound(visible_.begin(), visible_.end(), group,
                       [](const Visible& visible, GroupNumber wanted) { return visible.group < wanted; });
  return found == visible_.end() ? clock_.now().value : found->at_ms;
}

}  // namespace millrace::page
