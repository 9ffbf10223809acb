#pragma once
// Tables: items by key, as DynamoDB has them, on a store. Conditions, updates and projections are DynamoDB's
// expressions; every change is a record of the table's change feed.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.html
//
// Durability: writes and reads answer at once with a CommitId; the caller shows the answer when that commit is durable
// (Tables::when_durable). A write that changes nothing writes nothing, as in DynamoDB.
//
// Threads: every function from any thread; none blocks for the disk's sync. Failure: the kinds of error.h, with
// DynamoDB's wording in the message where a client would see it.

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/ids.h"
#include "base/sequence_format.h"
#include "log/block.h"
#include "store/store.h"
#include "table/item.h"

namespace millrace::table {

using store::CommitId;

enum class KeyType : uint8_t { string, number, binary };  // "S", "N", "B"
struct KeyAttribute {
  std::string name;
  KeyType type = KeyType::string;
};
enum class ViewType : uint8_t { keys_only, new_image, old_image, new_and_old_images };

struct Throughput {  // kept for those who ask; nothing is limited by it
  int64_t read_units = 0;
  int64_t write_units = 0;
};

enum class Projection : uint8_t { keys_only, include, all };

// A secondary index: those items that have all attributes of its key, in the order of that key, with the attributes
// that it projects. It changes in the commits that change the items, so it is never behind.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/SecondaryIndexes.html
struct IndexDefinition {
  std::string name;
  bool global = true;                   // else local: its hash key is the table's
  std::vector<KeyAttribute> hash_key;   // 1 to index_key_attributes_max; of time to live's own: none
  std::vector<KeyAttribute> range_key;  // 0 to index_key_attributes_max
  Projection projection = Projection::all;
  std::vector<std::string> included;  // of Projection::include, beside the keys of the index and the table
  Throughput throughput;
  // Set by create() and update():
  store::Keyspace keyspace;
  bool backfilling = false;  // the table's items are still being entered, so it cannot be read

  // The tables keep one more, which nobody sees: by the time at which items expire.
  bool is_hidden() const { return name.empty(); }
};
inline constexpr size_t global_indexes_max = 20;
inline constexpr size_t local_indexes_max = 5;
inline constexpr size_t index_key_attributes_max = 4;   // of each of the two keys
inline constexpr size_t included_attributes_max = 100;  // of all indexes of a table together

struct TableDefinition {
  std::string name;
  KeyAttribute hash_key;
  std::optional<KeyAttribute> range_key;
  std::optional<ViewType> change_feed;  // nullopt: not shown on the wire (jobs and mappings can follow it all the same)
  std::vector<IndexDefinition> indexes;
  bool provisioned = false;  // billed by `throughput`
  Throughput throughput;
  ProcessingTime billing_changed;  // when it became billed by request; 0: it was from the beginning
  bool infrequent_access = false;  // its class
  bool deletion_protected = false;
  std::string expiry_attribute;  // of time to live; empty: items do not expire
  std::map<std::string, std::string, std::less<>> tags;
  // Set by create():
  store::Keyspace keyspace;
  ProcessingTime created;
  std::string feed_label;     // the last part of the feed's ARN: its creation time
  SequenceNumber feed_begin;  // the first change that the feed shows on the wire
  CommitId commit;            // that made it: CreateTable's answer waits for it; 0 after a restart
};
using TablePtr = std::shared_ptr<const TableDefinition>;

// The #names and :values of a request.
struct Substitutions {
  std::map<std::string, std::string, std::less<>> names;
  std::map<std::string, AttributeValue, std::less<>> values;
};

enum class ReturnValues : uint8_t { none, all_old, updated_old, all_new, updated_new };

struct WriteRequest {
  enum class Kind : uint8_t {
    put,     // `item` replaces what is there
    update,  // `item` is the key; `update_expression` changes the rest
    erase,   // `item` is the key
    check,   // `item` is the key; only the condition counts (in a transaction)
  };
  Kind kind = Kind::put;
  std::string table;
  Item item;
  std::string update_expression;
  std::string condition_expression;
  Substitutions substitutions;
  ReturnValues return_values = ReturnValues::none;
  bool return_old_on_failure = false;  // ReturnValuesOnConditionCheckFailure = ALL_OLD
};

struct WriteResult {
  bool condition_held = true;      // false: nothing was written; a common answer, so not an error
  std::optional<Item> attributes;  // as return_values says; on a failed condition the old item if asked for
  CommitId commit;                 // on which the answer depends
};

struct GetRequest {
  std::string table;
  Item key;
  std::string projection_expression;
  Substitutions substitutions;
};
struct GetResult {
  store::Bytes stored;            // the whole item as stored (put_json_of_stored); null: there is none
  std::optional<Item> projected;  // with a projection: what it leaves of the item
  CommitId commit;
};

struct BatchResult {
  size_t written = 0;  // the first so many; the disk is behind, and the others are to be asked for again
  CommitId commit;
};

// Query and Scan. A page ends at `limit` items read or 1 MB of items read, before the filter.
struct QueryRequest {
  std::string table;
  std::string index;  // empty: the table itself
  bool scan = false;
  std::string key_condition_expression;  // of a query
  std::string filter_expression;
  std::string projection_expression;
  Substitutions substitutions;
  bool forward = true;
  std::optional<size_t> limit;
  std::optional<Item> exclusive_start_key;
  uint32_t segment = 0;  // of a parallel scan
  uint32_t segments = 1;
  bool count_only = false;
  bool all_attributes = false;  // of an index: also those that it does not project
  bool consistent = false;      // every read is; a global index refuses to be asked for it
};
struct QueryResult {
  std::vector<Item> items;
  size_t count = 0;
  size_t scanned_count = 0;
  size_t scanned_bytes = 0;  // of all items read, also of those that the filter or the projection kept back
  std::optional<Item> last_evaluated_key;
  CommitId commit;
};

// Several writes, and records of the caller's own (states, positions), in one atomic commit. Holds the store's writer
// lock: build it quickly, then commit. Without commit() nothing happens.
class Transaction {
 public:
  virtual ~Transaction() = default;
  // Carries the request out inside the transaction. condition_held == false leaves the transaction usable; the caller
  // decides. A table may be written several times, the same item too.
  virtual Result<WriteResult> write(const WriteRequest& request) = 0;
  // A job's upsert and its erasure, without a request: `key` as of keys.h; `attributes` are the stored bytes
  // (item_writer.h) of an item that has the key's attributes. They replace their namesakes, the others stay.
  // limit_exceeded: the item would be too large; nothing is written, and the transaction goes on.
  virtual Result<void> merge(const TableDefinition& table, std::string_view key, std::string_view attributes) = 0;
  // Takes what an upsert of these attributes, none of the key's, put into the item; an item of which only the key is
  // left goes, too.
  virtual Result<void> erase_attributes(const TableDefinition& table, std::string_view key,
                                        std::span<const std::string_view> names) = 0;
  virtual Result<void> erase(const TableDefinition& table, std::string_view key) = 0;
  // The caller's records; see Tables::get_record. The key starts with the caller's folder and name, such as
  // "engine/job/pricing/position".
  virtual Result<void> put_record(std::string_view key, std::string value) = 0;
  virtual Result<void> erase_record(std::string_view key) = 0;
  virtual Result<void> erase_records(std::string_view prefix) = 0;
  // About what commit() would append so far, whole items and old images included. Beyond the journal's group_bytes_max
  // (16 MiB) a commit is refused.
  virtual size_t bytes() const = 0;
  virtual Result<CommitId> commit() = 0;
};

class Tables {
 public:
  // `changed` is called on any thread when a table was created or dropped; it must not call back.
  static Result<std::unique_ptr<Tables>> open(store::Store& store, base::Clock& clock,
                                              std::function<void()> changed = {});
  virtual ~Tables() = default;

  virtual Result<TablePtr> create(TableDefinition definition) = 0;  // already_exists
  virtual Result<TablePtr> find(std::string_view name) const = 0;   // not_found
  virtual std::vector<TablePtr> list() const = 0;                   // by name
  virtual Result<CommitId> drop(std::string_view name) = 0;
  // Changes a table's facts: `change` gets the definition as it is and leaves it as it shall be; what it fails with is
  // returned, and nothing happens. All of it is one commit. An index that is new is entered into by all writes from
  // then on, and, on a thread of the tables, by the items that are there already (`backfilling` until then); one that
  // is gone is dropped. Keys, names and keyspaces stay as they are. not_found.
  virtual Result<TablePtr> update(std::string_view name,
                                  const std::function<Result<void>(TableDefinition&)>& change) = 0;
  // Approximate, for DescribeTable.
  struct Counts {
    uint64_t items = 0;
    uint64_t bytes = 0;
  };
  virtual Counts counts(const TableDefinition& table) const = 0;
  virtual Counts counts(const TableDefinition& table, const IndexDefinition& index) const = 0;
  uint64_t item_count(const TableDefinition& table) const { return counts(table).items; }
  uint64_t size_bytes(const TableDefinition& table) const { return counts(table).bytes; }

  virtual Result<WriteResult> write(const WriteRequest& request) = 0;
  // Independent writes (BatchWriteItem): each put or erase, without conditions; in one commit unless they are too large
  // for it. invalid_argument, not_found, throttled: nothing was written. Other failures may leave some of them written.
  virtual Result<BatchResult> write_batch(std::span<const WriteRequest> requests) = 0;
  virtual Result<GetResult> get(const GetRequest& request) = 0;
  // The stored bytes of one item by its key (keys.h), without parsing anything: the engine's lookups. Same pointer,
  // same item. not_found: the table was dropped.
  virtual Result<store::ReadResult> get_stored(const TableDefinition& table, std::string_view key) = 0;
  virtual Result<QueryResult> query(const QueryRequest& request) = 0;

  virtual std::unique_ptr<Transaction> begin() = 0;  // waits for its turn, and for space: not on a reactor
  virtual Result<std::unique_ptr<Transaction>> try_begin() = 0;

  virtual Result<std::optional<std::string>> get_record(std::string_view key) = 0;
  virtual Result<void> scan_records(std::string_view prefix,
                                    const std::function<bool(std::string_view key, std::string_view value)>& each) = 0;

  // Calls `done` when the commit is durable; at once if it is (or is 0).
  virtual void when_durable(CommitId commit, std::function<void()> done) = 0;
  virtual void wait_durable(CommitId commit) = 0;
  virtual void flush() = 0;  // starts the write of what has gathered

  // The change feed of a table is the shard `table.keyspace` of this log: read, subscribe and trim are the log's.
  virtual log::Log& journal() = 0;
};

// A record of a change feed.
struct Change {
  enum class Kind : uint8_t { insert, modify, remove } kind = Kind::insert;
  bool expired = false;  // a removal that nobody asked for: by time to live
  Item keys;
  std::optional<Item> new_image;
  std::optional<Item> old_image;  // only if the feed's view type asks for old images
};
Result<Change> decode_change(const TableDefinition& table, const log::Record& record);

// The `dynamodb` object and the `eventName` of a change, as DynamoDB Streams and Lambda give them (the caller adds
// eventID, eventSourceARN and so on): appends `"eventName":"INSERT",...,"dynamodb":{...}` without braces around it.
// Straight from the record's bytes, without a Change in between. corrupt: then `out` holds a part.
Result<void> put_change_json(std::string& out, const TableDefinition& table, const log::Record& record, ViewType view);
// The sequence numbers of a table's change feed, as clients see them.
base::SequenceFormat sequence_format(const TableDefinition& table);

}  // namespace millrace::table
