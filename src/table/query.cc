#include "table/query.h"

#include <fmt/format.h>

#include <algorithm>

#include "table/expression.h"
#include "table/index.h"
#include "table/keys.h"

namespace millrace::table {
namespace {

using Compare = KeyRange::Compare;

// Keys from `from` to before `to` (nullopt: the end).
struct Range {
  std::string from;
  std::optional<std::string> to;

  bool contains(const std::string& key) const { return key >= from && (!to || key < *to); }
};

std::string just_after(std::string key) {
  key.push_back('\0');
  return key;
}

Range prefix_range(std::string prefix) {
  std::string end = end_of_prefix(prefix);
  return {std::move(prefix), end.empty() ? std::nullopt : std::optional(std::move(end))};
}

std::string hash_part(const KeyRange& key) {
  std::vector<KeyValue> values;
  for (const AttributeValue& value : key.hash) values.push_back(key_value(value));
  std::string out;
  put_hash_key(out, values);
  return out;
}

// `before`: what all keys of the range begin with; `after`: the first key behind all that have a value.
template <typename KeyOf, typename AfterValue>
Range range_by(const KeyRange& key, const std::string& before, const KeyOf& with, const AfterValue& after) {
  Range range = prefix_range(before);
  switch (key.compare) {
    case Compare::none:
      break;
    case Compare::equal:
      range.from = with(key.first);
      range.to = after(key.first);
      break;
    case Compare::less:
      range.to = with(key.first);
      break;
    case Compare::less_equal:
      range.to = after(key.first);
      break;
    case Compare::greater:
      range.from = after(key.first);
      break;
    case Compare::greater_equal:
      range.from = with(key.first);
      break;
    case Compare::between:
      range.from = with(key.first);
      range.to = after(key.second);
      break;
    case Compare::begins_with:
      break;
  }
  return range;
}

Range range_of(const KeyRange& key) {
  const std::string hash = hash_part(key);
  const auto with = [&](const AttributeValue& value) {
    std::string whole = hash;
    put_range_key(whole, key_value(value));
    return whole;
  };
  if (key.compare == Compare::begins_with) return prefix_range(with(key.first));
  return range_by(key, hash, with, [&](const AttributeValue& value) { return just_after(with(value)); });
}

// Of an index, whose entries' keys go on after the value.
Range range_of_entries(const KeyRange& key) {
  std::string before = hash_part(key);
  for (const AttributeValue& value : key.whole) put_inner_key(before, key_value(value));
  const auto with = [&](const AttributeValue& value) {
    std::string whole = before;
    put_inner_key(whole, key_value(value));
    return whole;
  };
  if (key.compare == Compare::begins_with) {
    const KeyValue value = key_value(key.first);
    std::string prefix = before;
    if (const auto* text = std::get_if<std::string_view>(&value)) put_inner_key_prefix(prefix, *text);
    return prefix_range(prefix);
  }
  // What begins with an inner key has an end: no byte of it is at its highest everywhere.
  return range_by(key, before, with, [&](const AttributeValue& value) { return end_of_prefix(with(value)); });
}

std::string bucket_prefix(uint64_t bucket) {
  return {static_cast<char>(bucket >> 8), static_cast<char>(bucket)};
}

Result<Range> range_of_segment(uint32_t segment, uint32_t segments) {
  if (segments == 0 || segments > segments_max) {
    return fail(ErrorKind::invalid_argument, "TotalSegments must be between 1 and {}", segments_max);
  }
  if (segment >= segments) {
    return fail(ErrorKind::invalid_argument,
                "The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: {} is not "
                "less than TotalSegments: {}",
                segment, segments);
  }
  const auto first_bucket = [&](uint64_t of) { return (of * key_buckets + segments - 1) / segments; };
  Range range;
  if (segment > 0) range.from = bucket_prefix(first_bucket(segment));
  if (segment + 1 < segments) range.to = bucket_prefix(first_bucket(segment + 1));
  // More segments than buckets: some have none, and the first bucket of the next may be past the last.
  if (first_bucket(segment) >= key_buckets) range.from = "\xff\xff\xff";
  if (segment + 1 < segments && first_bucket(segment + 1) >= key_buckets) range.to.reset();
  if (first_bucket(segment) >= key_buckets) range.to = range.from;
  return range;
}

// What is read: the table, or one of its indexes.
struct Place {
  const TableDefinition& table;
  const IndexDefinition* index = nullptr;

  store::Keyspace keyspace() const { return index ? index->keyspace : table.keyspace; }
  KeySchema schema() const { return index ? schema_of(*index) : schema_of(table); }
  Item keys_of(const Item& item) const {
    return index ? entry_key_attributes(table, *index, item) : key_attributes(table, item);
  }
};

Result<const IndexDefinition*> find_index(const TableDefinition& table, const QueryRequest& request) {
  if (request.index.empty()) return nullptr;
  const auto index = std::ranges::find(table.indexes, request.index, &IndexDefinition::name);
  if (index == table.indexes.end()) {
    return fail(ErrorKind::invalid_argument, "The table does not have the specified index: {}", request.index);
  }
  if (index->global && request.consistent) {
    return fail(ErrorKind::invalid_argument, "Consistent reads are not supported on global secondary indexes");
  }
  if (index->backfilling) {
    return fail(ErrorKind::invalid_argument, "Cannot read from backfilling global secondary index: {}", index->name);
  }
  if (index->global && request.all_attributes && index->projection != Projection::all) {
    return fail(ErrorKind::invalid_argument,
                "One or more parameter values were invalid: Select type ALL_ATTRIBUTES is not supported for global "
                "secondary index {} because its projection type is not ALL",
                index->name);
  }
  return &*index;
}

Result<void> start_after(Range& range, const Place& place, const QueryRequest& request) {
  std::string key;
  if (place.index) {
    TRY(put_entry_key_of(key, place.table, *place.index, *request.exclusive_start_key));
  } else if (const auto put = put_key(key, place.table, *request.exclusive_start_key); !put) {
    return std::unexpected(put.error().within("The provided starting key is invalid"));
  }
  if (!range.contains(key)) {
    if (request.scan) {
      return fail(ErrorKind::invalid_argument,
                  "The provided starting key is invalid: Invalid ExclusiveStartKey. Please use ExclusiveStartKey with "
                  "correct Segment. TotalSegments: {} Segment: {}",
                  request.segments, request.segment);
    }
    return fail(ErrorKind::invalid_argument,
                "The provided starting key is outside query boundaries based on provided conditions");
  }
  if (request.forward || request.scan) {
    range.from = just_after(std::move(key));
  } else {
    range.to = std::move(key);
  }
  return {};
}

std::vector<std::string_view> not_projected(const Place& place, const std::set<std::string_view>& attributes) {
  std::vector<std::string_view> missing;
  for (const std::string_view attribute : attributes) {
    if (!projects(place.table, *place.index, attribute)) missing.push_back(attribute);
  }
  return missing;
}

// What happens to each item on the way to the answer.
class Page {
 public:
  Page(store::Store& store, const Place& place, const QueryRequest& request)
      : store_(store), place_(place), request_(request) {}

  Result<void> bind(UsedSubstitutions& used) {
    fetches_ = place_.index && request_.all_attributes && place_.index->projection != Projection::all;
    if (!request_.filter_expression.empty()) {
      TRY_ASSIGN(auto parsed, parse_condition(request_.filter_expression, "FilterExpression"));
      if (!request_.scan || place_.index) {
        TRY_ASSIGN(const auto attributes, attributes_of(*parsed, used));
        TRY(check_filter(attributes));
      }
      TRY_ASSIGN(filter_, BoundCondition::bind(std::move(parsed), used));
    }
    if (!request_.projection_expression.empty()) {
      TRY_ASSIGN(auto parsed, parse_projection(request_.projection_expression));
      if (place_.index) {
        TRY_ASSIGN(const auto attributes, attributes_of(*parsed, used));
        TRY(check_projection(attributes));
      }
      TRY_ASSIGN(projection_, BoundProjection::bind(std::move(parsed), used));
    }
    return {};
  }

  // False: the page is full.
  Result<bool> add(const store::Entry& entry) {
    TRY_ASSIGN(Item item, get_item(*entry.value));
    size_t bytes = item_size(item);
    if (result_.scanned_count > 0 && result_.scanned_bytes + bytes > page_bytes_max) return close();
    ++result_.scanned_count;
    last_key_ = place_.keys_of(item);
    if (fetches_) {
      TRY_ASSIGN(const bool there, fetch(item));
      if (there) bytes += item_size(item);
    }
    result_.scanned_bytes += bytes;
    if (!filter_ || filter_->holds(&item)) {
      ++result_.count;
      if (!request_.count_only) {
        result_.items.push_back(projection_ ? projection_->project(item) : std::move(item));
      }
    }
    if (request_.limit && result_.scanned_count >= *request_.limit) return close();
    return true;
  }

  QueryResult take() { return std::move(result_); }

 private:
  bool close() {
    result_.last_evaluated_key = std::move(last_key_);
    return false;
  }

  // The key's attributes are the key condition's.
  Result<void> check_filter(const std::set<std::string_view>& attributes) const {
    if (!request_.scan) {
      const KeySchema schema = place_.schema();
      for (const auto keys : {schema.hash, schema.range}) {
        for (const KeyAttribute& key : keys) {
          if (!attributes.contains(key.name)) continue;
          return fail(ErrorKind::invalid_argument,
                      "Filter Expression can only contain non-primary key attributes: Primary key attribute: {}",
                      key.name);
        }
      }
    }
    if (!place_.index || fetches_) return {};
    const auto missing = not_projected(place_, attributes);
    if (missing.empty()) return {};
    return fail(ErrorKind::invalid_argument,
                "One or more parameter values were invalid: Secondary index {} does not project one or more filter "
                "attributes: [{}]",
                place_.index->name, fmt::join(missing, ", "));
  }

  // A local index reads the items themselves for what it lacks.
  Result<void> check_projection(const std::set<std::string_view>& attributes) {
    if (!place_.index) return {};
    const auto missing = not_projected(place_, attributes);
    if (missing.empty()) return {};
    if (!place_.index->global) {
      fetches_ = true;
      return {};
    }
    return fail(ErrorKind::invalid_argument,
                "One or more parameter values were invalid: Global secondary index {} does not project [{}]",
                place_.index->name, fmt::join(missing, ", "));
  }

  // The whole item in place of what the index has of it; false: it is gone by now, and what the index had stays.
  Result<bool> fetch(Item& item) {
    std::string key;
    TRY(put_key_of_item(key, place_.table, item));
    TRY_ASSIGN(const auto read, store_.get(place_.table.keyspace, key));
    result_.commit = std::max(result_.commit, read.depends_on);
    if (!read.value) return false;
    TRY_ASSIGN(item, get_item(*read.value));
    return true;
  }

  store::Store& store_;
  const Place& place_;
  const QueryRequest& request_;
  std::optional<BoundCondition> filter_;
  std::optional<BoundProjection> projection_;
  bool fetches_ = false;
  QueryResult result_;
  Item last_key_;
};

}  // namespace

Result<QueryResult> run_query(store::Store& store, const TableDefinition& table, const QueryRequest& request) {
  if (request.limit == 0u) {
    return fail(
        ErrorKind::invalid_argument,
        "1 validation error detected: Value '0' at 'limit' failed to satisfy constraint: Member must have value "
        "greater than or equal to 1");
  }
  Place place{table};
  TRY_ASSIGN(place.index, find_index(table, request));
  UsedSubstitutions used(request.substitutions);
  Range range;
  if (request.scan) {
    TRY_ASSIGN(range, range_of_segment(request.segment, request.segments));
  } else if (request.key_condition_expression.empty()) {
    return fail(ErrorKind::invalid_argument,
                "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.");
  } else {
    TRY_ASSIGN(const KeyRange key, key_range(request.key_condition_expression, used, place.schema()));
    range = place.index ? range_of_entries(key) : range_of(key);
  }
  Page page(store, place, request);
  TRY(page.bind(used));
  TRY(used.check_all_used());
  if (request.exclusive_start_key) TRY(start_after(range, place, request));

  Result<void> added;
  const store::ScanOptions options{range.from, range.to, !request.scan && !request.forward};
  TRY_ASSIGN(const CommitId commit, store.scan(place.keyspace(), options, [&](const store::Entry& entry) {
    const auto more = page.add(entry);
    if (!more) added = std::unexpected(more.error());
    return more && *more;
  }));
  TRY(std::move(added));
  QueryResult result = page.take();
  result.commit = std::max(result.commit, commit);
  return result;
}

}  // namespace millrace::table
