#include <spdlog/spdlog.h>

#include <algorithm>
#include <mutex>
#include <set>

#include "base/bytes.h"
#include "log/log.h"
#include "table/catalog.h"
#include "table/definition.h"
#include "table/expression.h"
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

void warn_of_leftovers(store::Keyspace keyspace, const Error& error) {
  spdlog::warn("the items of a deleted table (keyspace {}) are still to be erased, at the next start: {}", keyspace,
               error.message);
}

class TablesImpl final : public Tables {
 public:
  TablesImpl(store::Store& store, base::Clock& clock, std::function<void()> changed)
      : store_(store), clock_(clock), changed_(std::move(changed)) {}
  ~TablesImpl() override;

  Result<void> load();

  using Tables::create;
  using Tables::drop;
  Result<TablePtr> create(TableDefinition definition, const RecordsOf& records_of) override;
  Result<TablePtr> find(std::string_view name) const override;
  std::vector<TablePtr> list() const override;
  Result<CommitId> drop(std::string_view name, std::span<const std::string> records) override;
  uint64_t item_count(const TableDefinition& table) const override;
  uint64_t size_bytes(const TableDefinition& table) const override;

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
  Result<void> load_counts(TableState& state);
  Result<void> finish_drop(store::Keyspace keyspace);
  Result<BatchResult> write_piece(std::span<const WriteRequest> requests);
  Result<void> check_batch(std::span<const WriteRequest> requests) const;

  store::Store& store_;
  base::Clock& clock_;
  const std::function<void()> changed_;
  Catalog catalog_;
  std::mutex definitions_mutex_;  // create and drop, one at a time; outside the store's writer lock
};

TablesImpl::~TablesImpl() {
  const auto transaction = store_.begin();
  for (const auto& state : catalog_.list()) {
    if (state->unsaved_changes == 0) continue;
    (void)transaction->put(store::records_keyspace, counts_record(state->definition->keyspace),
                           bytes(encode_counts(state->items, state->bytes)));
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
    store_.add_keyspace(state->definition->keyspace);
    TRY(load_counts(*state));
  }
  std::vector<store::Keyspace> dropping;
  TRY(scan_records(dropping_records, [&](std::string_view, std::string_view record) {
    base::ByteReader in(record);
    dropping.emplace_back(static_cast<uint32_t>(in.varint()));
    return true;
  }));
  for (const store::Keyspace keyspace : dropping) {
    if (const auto finished = finish_drop(keyspace); !finished) warn_of_leftovers(keyspace, finished.error());
  }
  return {};
}

Result<void> TablesImpl::load_definition(std::string_view record) {
  TRY_ASSIGN(auto definition, get_definition(record));
  auto state = std::make_shared<TableState>();
  state->definition = std::make_shared<const TableDefinition>(std::move(definition));
  catalog_.add(std::move(state));
  return {};
}

Result<void> TablesImpl::load_counts(TableState& state) {
  const store::Keyspace keyspace = state.definition->keyspace;
  TRY_ASSIGN(const auto record, get_record(counts_record(keyspace)));
  if (record && !decode_counts(*record, state)) {
    return fail(ErrorKind::corrupt, "the counts of table {} are damaged; restore the data directory from a copy",
                state.definition->name);
  }
  if (store_.approximate_bytes(keyspace) > counted_bytes_max || state.bytes > static_cast<int64_t>(counted_bytes_max)) {
    return {};
  }
  state.items = 0;
  state.bytes = 0;
  TRY(store_.scan(keyspace, {}, [&](const store::Entry& entry) {
    ++state.items;
    state.bytes += static_cast<int64_t>(entry.key.size() + entry.value->size());
    return true;
  }));
  return {};
}

Result<TablePtr> TablesImpl::create(TableDefinition definition, const RecordsOf& records_of) {
  TRY(check_definition(definition));
  std::lock_guard definitions_lock(definitions_mutex_);
  if (catalog_.find(definition.name)) {
    return fail(ErrorKind::already_exists, "Table already exists: {}", definition.name);
  }
  TRY_ASSIGN(const auto transaction, store_.try_begin());
  TRY_ASSIGN(const store::Bytes next, transaction->get(store::records_keyspace, next_keyspace_record));
  definition.keyspace =
      store::Keyspace(next ? static_cast<uint32_t>(base::ByteReader(*next).varint()) : first_keyspace);
  definition.created = clock_.now();
  definition.feed_label = feed_label_of(definition.created);
  std::string following;
  base::put_varint(following, definition.keyspace.value + 1);
  TRY(transaction->put(store::records_keyspace, next_keyspace_record, bytes(std::move(following))));
  std::string record;
  put_definition(record, definition);
  TRY(transaction->put(store::records_keyspace, definition_record(definition.name), bytes(std::move(record))));
  for (auto& [key, value] : records_of ? records_of(definition) : Records()) {
    TRY(check_record_key(key));
    TRY(transaction->put(store::records_keyspace, key, bytes(std::move(value))));
  }
  store_.add_keyspace(definition.keyspace);
  TRY_ASSIGN(definition.commit, transaction->commit());

  auto state = std::make_shared<TableState>();
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

Result<CommitId> TablesImpl::drop(std::string_view name, std::span<const std::string> records) {
  std::lock_guard definitions_lock(definitions_mutex_);
  TRY_ASSIGN(const auto state, catalog_.need(name));
  const store::Keyspace keyspace = state->definition->keyspace;
  TRY_ASSIGN(const auto transaction, store_.try_begin());
  TRY(transaction->erase(store::records_keyspace, definition_record(name)));
  TRY(transaction->erase(store::records_keyspace, counts_record(keyspace)));
  for (const std::string& key : records) {
    TRY(check_record_key(key));
    TRY(transaction->erase(store::records_keyspace, key));
  }
  std::string dropping;
  base::put_varint(dropping, keyspace.value);
  TRY(transaction->put(store::records_keyspace, dropping_record(keyspace), bytes(std::move(dropping))));
  TRY_ASSIGN(const CommitId commit, transaction->commit());
  catalog_.remove(*state->definition);
  if (changed_) changed_();
  // From here on the table is gone; what fails now is done at the next start.
  if (const auto finished = finish_drop(keyspace); !finished) warn_of_leftovers(keyspace, finished.error());
  return commit;
}

Result<void> TablesImpl::finish_drop(store::Keyspace keyspace) {
  TRY(store_.drop_keyspace(keyspace));
  TRY_ASSIGN(const auto transaction, store_.try_begin());
  TRY(transaction->erase(store::records_keyspace, dropping_record(keyspace)));
  TRY(transaction->commit());
  return {};
}

uint64_t TablesImpl::item_count(const TableDefinition& table) const {
  const auto state = catalog_.find(table.keyspace);
  return state ? static_cast<uint64_t>(std::max<int64_t>(state->items, 0)) : 0;
}

uint64_t TablesImpl::size_bytes(const TableDefinition& table) const {
  const auto state = catalog_.find(table.keyspace);
  return state ? static_cast<uint64_t>(std::max<int64_t>(state->bytes, 0)) : 0;
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
