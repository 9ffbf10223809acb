#include <spdlog/spdlog.h>

#include <algorithm>
#include <mutex>
#include <set>

#include "base/bytes.h"
#include "log/log.h"
#include "table/catalog.h"
#include "table/definition.h"
#include "table/expiry.h"
#include "table/expression.h"
#include "table/index_backfill.h"
#include "table/keys.h"
#include "table/query.h"
#include "table/table.h"
#include "table/transaction.h"

namespace millrace::table {
namespace {

constexpr uint32_t first_keyspace = 16;
// At a start, tables up to this size are counted anew: a crash may have lost the last changes of the counts.
constexpr uint64_t counted_bytes_max = uint64_t{4} << 20;
// A batch goes into the journal in pieces of about that size, far below what a group takes.
constexpr size_t batch_commit_bytes = size_t{4} << 20;

store::Bytes bytes(std::string text) {
  return std::make_shared<const std::string>(std::move(text));
}

std::string former_billing_record(const TableDefinition& table) {
  return fmt::format("aws/billing/{}", table.keyspace);
}

Tables::Counts shown(const KeyspaceCounts& counts) {
  return {static_cast<uint64_t>(std::max<int64_t>(counts.items, 0)),
          static_cast<uint64_t>(std::max<int64_t>(counts.bytes, 0))};
}

void warn_of_leftovers(store::Keyspace keyspace, const Error& error) {
  spdlog::warn("the items of a deleted table (keyspace {}) are still to be erased, at the next start: {}", keyspace,
               error.message);
}

class TablesImpl final : public Tables {
 public:
  TablesImpl(store::Store& store, base::Clock& clock, std::function<void()> changed)
      : store_(store),
        clock_(clock),
        changed_(std::move(changed)),
        expiry_(store, catalog_, clock),
        backfill_(store, catalog_, [this](const TableDefinition& table, store::Keyspace index) {
          return finish_backfill(table, index);
        }) {}
  ~TablesImpl() override;

  Result<void> load();

  Result<TablePtr> create(TableDefinition definition) override;
  Result<TablePtr> find(std::string_view name) const override;
  std::vector<TablePtr> list() const override;
  Result<CommitId> drop(std::string_view name) override;
  Result<TablePtr> update(std::string_view name, const std::function<Result<void>(TableDefinition&)>& change) override;
  Counts counts(const TableDefinition& table) const override;
  Counts counts(const TableDefinition& table, const IndexDefinition& index) const override;

  Result<WriteResult> write(const WriteRequest& request) override;
  Result<BatchResult> write_batch(std::span<const WriteRequest> requests) override;
  Result<GetResult> get(const GetRequest& request) override;
  Result<store::ReadResult> get_stored(const TableDefinition& table, std::string_view key) override;
  Result<QueryResult> query(const QueryRequest& request) override;

  std::unique_ptr<Transaction> begin() override { return std::make_unique<TransactionImpl>(catalog_, store_.begin()); }
  Result<std::unique_ptr<Transaction>> try_begin() override {
    TRY_ASSIGN(auto transaction, store_.try_begin());
    return std::make_unique<TransactionImpl>(catalog_, std::move(transaction));
  }

  Result<std::optional<std::string>> get_record(std::string_view key) override;
  Result<void> scan_records(std::string_view prefix,
                            const std::function<bool(std::string_view, std::string_view)>& each) override;

  void when_durable(CommitId commit, std::function<void()> done) override;
  void wait_durable(CommitId commit) override;
  void flush() override { store_.journal().flush(); }
  log::Log& journal() override { return store_.journal(); }

 private:
  Result<void> load_definition(std::string_view record);
  Result<void> load_former_billing(TableDefinition& definition);
  Result<void> load_counts(const TableDefinition& table, store::Keyspace keyspace, KeyspaceCounts& counts);
  Result<void> allot_keyspaces(store::Transaction& transaction, TableDefinition& definition);
  Result<void> note_dropped(store::Transaction& transaction, store::Keyspace keyspace);
  Result<TablePtr> replace(const TableStatePtr& state, TableDefinition changed);
  Result<void> finish_backfill(const TableDefinition& table, store::Keyspace index);
  Result<void> finish_drop(store::Keyspace keyspace);
  void try_finish_drop(store::Keyspace keyspace);
  Result<BatchResult> write_piece(std::span<const WriteRequest> requests);
  Result<void> check_batch(std::span<const WriteRequest> requests) const;

  store::Store& store_;
  base::Clock& clock_;
  const std::function<void()> changed_;
  Catalog catalog_;
  std::mutex definitions_mutex_;  // create, update and drop, one at a time; outside the store's writer lock
  Expiry expiry_;
  IndexBackfill backfill_;
};

TablesImpl::~TablesImpl() {
  expiry_.stop();
  backfill_.stop();
  const auto transaction = store_.begin();
  const auto save = [&](store::Keyspace keyspace, const KeyspaceCounts& counts) {
    if (counts.unsaved_changes == 0) return;
    (void)transaction->put(store::records_keyspace, counts_record(keyspace),
                           bytes(encode_counts(counts.items, counts.bytes)));
  };
  for (const auto& state : catalog_.list()) {
    save(state->definition->keyspace, *state->counts);
    for (size_t i = 0; i < state->index_counts.size(); ++i) {
      save(state->definition->indexes[i].keyspace, *state->index_counts[i]);
    }
  }
  // Without it they are counted again, or wrong by a little.
  (void)transaction->commit();
}

Result<void> TablesImpl::load() {
  Result<void> loaded;
  TRY(scan_records(definition_records, [&](std::string_view, std::string_view record) {
    loaded = load_definition(record);
    return loaded.has_value();
  }));
  TRY(std::move(loaded));
  for (const auto& state : catalog_.list()) {
    const TableDefinition& table = *state->definition;
    store_.add_keyspace(table.keyspace);
    TRY(load_counts(table, table.keyspace, *state->counts));
    for (size_t i = 0; i < table.indexes.size(); ++i) {
      store_.add_keyspace(table.indexes[i].keyspace);
      TRY(load_counts(table, table.indexes[i].keyspace, *state->index_counts[i]));
    }
  }
  std::vector<store::Keyspace> dropping;
  TRY(scan_records(dropping_records, [&](std::string_view, std::string_view record) {
    base::ByteReader in(record);
    dropping.emplace_back(static_cast<uint32_t>(in.varint()));
    return true;
  }));
  for (const store::Keyspace keyspace : dropping) try_finish_drop(keyspace);
  backfill_.wake();
  expiry_.wake();
  return {};
}

Result<void> TablesImpl::load_definition(std::string_view record) {
  TRY_ASSIGN(auto definition, get_definition(record));
  TRY(load_former_billing(definition));
  auto state = std::make_shared<TableState>();
  for (size_t i = 0; i < definition.indexes.size(); ++i) {
    state->index_counts.push_back(std::make_shared<KeyspaceCounts>());
  }
  state->definition = std::make_shared<const TableDefinition>(std::move(definition));
  catalog_.add(std::move(state));
  return {};
}

// Earlier versions kept the throughput of a provisioned table in a record of its own.
Result<void> TablesImpl::load_former_billing(TableDefinition& definition) {
  TRY_ASSIGN(const auto record, get_record(former_billing_record(definition)));
  if (!record) return {};
  base::ByteReader in(*record);
  definition.provisioned = in.u8() != 0;
  definition.throughput.read_units = in.signed_varint();
  definition.throughput.write_units = in.signed_varint();
  if (in.ok() && in.done()) return {};
  return fail(ErrorKind::corrupt, "the billing record of table {} is damaged; restore the data directory from a copy",
              definition.name);
}

Result<void> TablesImpl::load_counts(const TableDefinition& table, store::Keyspace keyspace, KeyspaceCounts& counts) {
  TRY_ASSIGN(const auto record, get_record(counts_record(keyspace)));
  if (record && !decode_counts(*record, counts)) {
    return fail(ErrorKind::corrupt, "the counts of table {} are damaged; restore the data directory from a copy",
                table.name);
  }
  if (store_.approximate_bytes(keyspace) > counted_bytes_max ||
      counts.bytes > static_cast<int64_t>(counted_bytes_max)) {
    return {};
  }
  counts.items = 0;
  counts.bytes = 0;
  TRY(store_.scan(keyspace, {}, [&](const store::Entry& entry) {
    ++counts.items;
    counts.bytes += static_cast<int64_t>(entry.key.size() + entry.value->size());
    return true;
  }));
  return {};
}

// The table's keyspace and those of its indexes, if they have none yet; all are made known to the journal.
Result<void> TablesImpl::allot_keyspaces(store::Transaction& transaction, TableDefinition& definition) {
  TRY_ASSIGN(const store::Bytes next, transaction.get(store::records_keyspace, next_keyspace_record));
  const uint32_t first = next ? static_cast<uint32_t>(base::ByteReader(*next).varint()) : first_keyspace;
  uint32_t number = first;
  if (definition.keyspace.value == 0) definition.keyspace = store::Keyspace(number++);
  store_.add_keyspace(definition.keyspace);
  for (IndexDefinition& index : definition.indexes) {
    if (index.keyspace.value == 0) index.keyspace = store::Keyspace(store::first_view_keyspace.value + number++);
    store_.add_keyspace(index.keyspace);
  }
  if (number == first) return {};
  std::string following;
  base::put_varint(following, number);
  return transaction.put(store::records_keyspace, next_keyspace_record, bytes(std::move(following)));
}

Result<TablePtr> TablesImpl::create(TableDefinition definition) {
  TRY(check_definition(definition));
  std::lock_guard definitions_lock(definitions_mutex_);
  if (catalog_.find(definition.name)) {
    return fail(ErrorKind::already_exists, "Table already exists: {}", definition.name);
  }
  TRY_ASSIGN(const auto transaction, store_.try_begin());
  TRY(allot_keyspaces(*transaction, definition));
  definition.created = clock_.now();
  definition.feed_label = feed_label_of(definition.created);
  std::string record;
  put_definition(record, definition);
  TRY(transaction->put(store::records_keyspace, definition_record(definition.name), bytes(std::move(record))));
  TRY_ASSIGN(definition.commit, transaction->commit());

  auto state = std::make_shared<TableState>();
  for (size_t i = 0; i < definition.indexes.size(); ++i) {
    state->index_counts.push_back(std::make_shared<KeyspaceCounts>());
  }
  state->definition = std::make_shared<const TableDefinition>(std::move(definition));
  catalog_.add(state);
  if (changed_) changed_();
  return state->definition;
}

Result<TablePtr> TablesImpl::find(std::string_view name) const {
  TRY_ASSIGN(const auto state, catalog_.need(name));
  return state->definition;
}

std::vector<TablePtr> TablesImpl::list() const {
  std::vector<TablePtr> definitions;
  for (const auto& state : catalog_.list()) definitions.push_back(state->definition);
  return definitions;
}

Result<CommitId> TablesImpl::drop(std::string_view name) {
  std::lock_guard definitions_lock(definitions_mutex_);
  TRY_ASSIGN(const auto state, catalog_.need(name));
  const TableDefinition& table = *state->definition;
  TRY_ASSIGN(const auto transaction, store_.try_begin());
  TRY(transaction->erase(store::records_keyspace, definition_record(name)));
  TRY(transaction->erase(store::records_keyspace, former_billing_record(table)));
  TRY(note_dropped(*transaction, table.keyspace));
  for (const IndexDefinition& index : table.indexes) TRY(note_dropped(*transaction, index.keyspace));
  TRY_ASSIGN(const CommitId commit, transaction->commit());
  catalog_.remove(table);
  if (changed_) changed_();
  // From here on the table is gone; what fails now is done at the next start.
  try_finish_drop(table.keyspace);
  for (const IndexDefinition& index : table.indexes) try_finish_drop(index.keyspace);
  return commit;
}

Result<void> TablesImpl::note_dropped(store::Transaction& transaction, store::Keyspace keyspace) {
  TRY(transaction.erase(store::records_keyspace, counts_record(keyspace)));
  if (keyspace >= store::first_view_keyspace) {
    TRY(transaction.erase(store::records_keyspace, backfill_record(keyspace)));
  }
  std::string dropping;
  base::put_varint(dropping, keyspace.value);
  return transaction.put(store::records_keyspace, dropping_record(keyspace), bytes(std::move(dropping)));
}

Result<void> TablesImpl::finish_drop(store::Keyspace keyspace) {
  TRY(store_.drop_keyspace(keyspace));
  TRY_ASSIGN(const auto transaction, store_.try_begin());
  TRY(transaction->erase(store::records_keyspace, dropping_record(keyspace)));
  TRY(transaction->commit());
  return {};
}

void TablesImpl::try_finish_drop(store::Keyspace keyspace) {
  if (const auto finished = finish_drop(keyspace); !finished) warn_of_leftovers(keyspace, finished.error());
}

Result<TablePtr> TablesImpl::update(std::string_view name,
                                    const std::function<Result<void>(TableDefinition&)>& change) {
  std::lock_guard definitions_lock(definitions_mutex_);
  TRY_ASSIGN(const auto state, catalog_.need(name));
  TableDefinition changed = *state->definition;
  TRY(change(changed));
  TRY(check_definition(changed));
  if (changed.expiry_attribute != state->definition->expiry_attribute) {
    std::erase_if(changed.indexes, [](const auto& index) { return index.is_hidden(); });
    if (!changed.expiry_attribute.empty()) changed.indexes.push_back(expiry_index(changed));
  }
  if (changed.change_feed && !state->definition->change_feed) {
    TRY_ASSIGN(const log::ShardRange range, store_.journal().range(changed.keyspace));
    changed.feed_begin = range.end;
  }
  for (IndexDefinition& index : changed.indexes) {
    if (index.keyspace.value == 0) index.backfilling = true;
  }
  return replace(state, std::move(changed));
}

// With definitions_mutex_. Writers that began before go on with the former definition until their commit; the backfill
// and the erasure of a keyspace come after them, as they begin transactions of their own.
Result<TablePtr> TablesImpl::replace(const TableStatePtr& state, TableDefinition changed) {
  TRY_ASSIGN(const auto transaction, store_.try_begin());
  TRY(allot_keyspaces(*transaction, changed));
  std::vector<store::Keyspace> dropped;
  auto next = std::make_shared<TableState>(TableState{nullptr, state->counts});
  for (const IndexDefinition& index : changed.indexes) {
    if (!index.backfilling) TRY(transaction->erase(store::records_keyspace, backfill_record(index.keyspace)));
    next->index_counts.push_back(nullptr);
  }
  for (size_t i = 0; i < state->definition->indexes.size(); ++i) {
    const store::Keyspace keyspace = state->definition->indexes[i].keyspace;
    const auto at = std::ranges::find(changed.indexes, keyspace, &IndexDefinition::keyspace);
    if (at == changed.indexes.end()) {
      dropped.push_back(keyspace);
      TRY(note_dropped(*transaction, keyspace));
    } else {
      next->index_counts[static_cast<size_t>(at - changed.indexes.begin())] = state->index_counts[i];
    }
  }
  for (auto& counts : next->index_counts) {
    if (!counts) counts = std::make_shared<KeyspaceCounts>();
  }
  std::string record;
  put_definition(record, changed);
  TRY(transaction->put(store::records_keyspace, definition_record(changed.name), bytes(std::move(record))));
  TRY(transaction->erase(store::records_keyspace, former_billing_record(changed)));
  TRY_ASSIGN(changed.commit, transaction->commit());
  next->definition = std::make_shared<const TableDefinition>(std::move(changed));
  catalog_.add(next);
  for (const store::Keyspace keyspace : dropped) try_finish_drop(keyspace);
  backfill_.wake();
  expiry_.wake();
  return next->definition;
}

Result<void> TablesImpl::finish_backfill(const TableDefinition& table, store::Keyspace index) {
  std::lock_guard definitions_lock(definitions_mutex_);
  const auto state = catalog_.find(table.keyspace);
  if (!state) return {};
  TableDefinition changed = *state->definition;
  const auto at = std::ranges::find(changed.indexes, index, &IndexDefinition::keyspace);
  if (at == changed.indexes.end()) return {};
  at->backfilling = false;
  TRY(replace(state, std::move(changed)));
  flush();
  return {};
}

Tables::Counts TablesImpl::counts(const TableDefinition& table) const {
  const auto state = catalog_.find(table.keyspace);
  return state ? shown(*state->counts) : Counts();
}

Tables::Counts TablesImpl::counts(const TableDefinition& table, const IndexDefinition& index) const {
  const auto state = catalog_.find(table.keyspace);
  if (!state) return {};
  const auto& indexes = state->definition->indexes;
  const auto at = std::ranges::find(indexes, index.keyspace, &IndexDefinition::keyspace);
  return at == indexes.end() ? Counts() : shown(*state->index_counts[static_cast<size_t>(at - indexes.begin())]);
}

Result<WriteResult> TablesImpl::write(const WriteRequest& request) {
  TRY_ASSIGN(auto begun, store_.try_begin());
  TransactionImpl transaction(catalog_, std::move(begun));
  TRY_ASSIGN(auto result, transaction.write(request));
  TRY_ASSIGN(result.commit, transaction.commit());
  return result;
}

// All is checked before anything is written. Then the writes are independent of each other, as DynamoDB's are, so what
// is too much for one group of the journal goes in several.
Result<BatchResult> TablesImpl::write_batch(std::span<const WriteRequest> requests) {
  TRY(check_batch(requests));
  BatchResult result;
  while (result.written < requests.size()) {
    const auto piece = write_piece(requests.subspan(result.written));
    if (!piece && piece.error().kind == ErrorKind::throttled && result.written > 0) break;
    if (!piece) return piece;
    result.written += piece->written;
    result.commit = std::max(result.commit, piece->commit);
    if (result.written < requests.size()) flush();
  }
  return result;
}

// As many of the first as make a commit of about batch_commit_bytes.
Result<BatchResult> TablesImpl::write_piece(std::span<const WriteRequest> requests) {
  TRY_ASSIGN(auto begun, store_.try_begin());
  TransactionImpl transaction(catalog_, std::move(begun));
  BatchResult result;
  while (result.written < requests.size() && transaction.bytes() < batch_commit_bytes) {
    TRY(transaction.write(requests[result.written++]));
  }
  TRY_ASSIGN(result.commit, transaction.commit());
  return result;
}

Result<void> TablesImpl::check_batch(std::span<const WriteRequest> requests) const {
  std::set<std::pair<store::Keyspace, std::string>> keys;
  for (const WriteRequest& request : requests) {
    if (request.kind != WriteRequest::Kind::put && request.kind != WriteRequest::Kind::erase) {
      return fail(ErrorKind::invalid_argument, "A batch holds PutRequest and DeleteRequest only");
    }
    TRY_ASSIGN(const auto state, catalog_.need(request.table));
    std::string key;
    TRY(put_key_of_write(key, *state->definition, request));
    if (!keys.emplace(state->definition->keyspace, std::move(key)).second) {
      return fail(ErrorKind::invalid_argument, "Provided list of item keys contains duplicates");
    }
  }
  return {};
}

Result<GetResult> TablesImpl::get(const GetRequest& request) {
  TRY_ASSIGN(const auto state, catalog_.need(request.table));
  const TableDefinition& table = *state->definition;
  UsedSubstitutions used(request.substitutions);
  std::optional<BoundProjection> projection;
  if (!request.projection_expression.empty()) {
    TRY_ASSIGN(auto parsed, parse_projection(request.projection_expression));
    TRY_ASSIGN(projection, BoundProjection::bind(std::move(parsed), used));
  }
  TRY(used.check_all_used());
  thread_local std::string key;
  key.clear();
  TRY(put_key(key, table, request.key));
  TRY_ASSIGN(auto read, store_.get(table.keyspace, key));
  GetResult result;
  result.commit = read.depends_on;
  result.stored = std::move(read.value);
  if (projection && result.stored) {
    TRY_ASSIGN(const Item item, get_item(*result.stored));
    result.projected = projection->project(item);
  }
  return result;
}

Result<store::ReadResult> TablesImpl::get_stored(const TableDefinition& table, std::string_view key) {
  TRY_ASSIGN(auto read, store_.get(table.keyspace, key));
  // A table that was dropped has no rows, so only then it needs to be asked for.
  if (!read.value && !catalog_.find(table.keyspace)) {
    return fail(ErrorKind::not_found, "Requested resource not found: Table: {} not found", table.name);
  }
  return read;
}

Result<QueryResult> TablesImpl::query(const QueryRequest& request) {
  TRY_ASSIGN(const auto state, catalog_.need(request.table));
  return run_query(store_, *state->definition, request);
}

Result<std::optional<std::string>> TablesImpl::get_record(std::string_view key) {
  TRY_ASSIGN(const auto read, store_.get(store::records_keyspace, key));
  return read.value ? std::optional(*read.value) : std::nullopt;
}

Result<void> TablesImpl::scan_records(std::string_view prefix,
                                      const std::function<bool(std::string_view, std::string_view)>& each) {
  store::ScanOptions options{std::string(prefix), std::nullopt, false};
  if (std::string end = end_of_prefix(options.from); !end.empty()) options.to = std::move(end);
  TRY(store_.scan(store::records_keyspace, options,
                  [&](const store::Entry& entry) { return each(entry.key, *entry.value); }));
  return {};
}

void TablesImpl::when_durable(CommitId commit, std::function<void()> done) {
  if (commit.value == 0) {
    done();
  } else {
    store_.journal().when_durable(commit, std::move(done));
  }
}

void TablesImpl::wait_durable(CommitId commit) {
  if (commit.value != 0) store_.journal().wait_durable(commit);
}

}  // namespace

Result<std::unique_ptr<Tables>> Tables::open(store::Store& store, base::Clock& clock, std::function<void()> changed) {
  auto tables = std::make_unique<TablesImpl>(store, clock, std::move(changed));
  TRY(tables->load());
  return tables;
}

}  // namespace millrace::table
