#include "table/query.h"

#include <algorithm>

#include "table/expression.h"
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

Range range_of(const KeyRange& key) {
  std::string hash;
  put_hash_key(hash, key_value(key.hash));
  Range range = prefix_range(hash);
  const auto with = [&](const AttributeValue& value) {
    std::string whole = hash;
    put_range_key(whole, key_value(value));
    return whole;
  };
  switch (key.compare) {
    case Compare::none:
      break;
    case Compare::equal:
      range.from = with(key.first);
      range.to = just_after(range.from);
      break;
    case Compare::less:
      range.to = with(key.first);
      break;
    case Compare::less_equal:
      range.to = just_after(with(key.first));
      break;
    case Compare::greater:
      range.from = just_after(with(key.first));
      break;
    case Compare::greater_equal:
      range.from = with(key.first);
      break;
    case Compare::between:
      range.from = with(key.first);
      range.to = just_after(with(key.second));
      break;
    case Compare::begins_with:
      range = prefix_range(with(key.first));
      break;
  }
  return range;
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

Result<void> start_after(Range& range, const TableDefinition& table, const QueryRequest& request) {
  std::string key;
  if (const auto put = put_key(key, table, *request.exclusive_start_key); !put) {
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

// What happens to each item on the way to the answer.
class Page {
 public:
  Page(const TableDefinition& table, const QueryRequest& request) : table_(table), request_(request) {}

  Result<void> bind(UsedSubstitutions& used) {
    if (!request_.filter_expression.empty()) {
      TRY_ASSIGN(auto parsed, parse_condition(request_.filter_expression, "FilterExpression"));
      TRY_ASSIGN(filter_, BoundCondition::bind(std::move(parsed), used));
    }
    if (!request_.projection_expression.empty()) {
      TRY_ASSIGN(auto parsed, parse_projection(request_.projection_expression));
      TRY_ASSIGN(projection_, BoundProjection::bind(std::move(parsed), used));
    }
    return {};
  }

  // False: the page is full.
  Result<bool> add(const store::Entry& entry) {
    TRY_ASSIGN(Item item, get_item(*entry.value));
    const size_t bytes = item_size(item);
    if (result_.scanned_count > 0 && result_.scanned_bytes + bytes > page_bytes_max) return close();
    result_.scanned_bytes += bytes;
    ++result_.scanned_count;
    last_key_ = key_attributes(table_, item);
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

  const TableDefinition& table_;
  const QueryRequest& request_;
  std::optional<BoundCondition> filter_;
  std::optional<BoundProjection> projection_;
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
  UsedSubstitutions used(request.substitutions);
  Range range;
  if (request.scan) {
    TRY_ASSIGN(range, range_of_segment(request.segment, request.segments));
  } else if (request.key_condition_expression.empty()) {
    return fail(ErrorKind::invalid_argument,
                "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.");
  } else {
    TRY_ASSIGN(const KeyRange key, key_range(request.key_condition_expression, used, table));
    range = range_of(key);
  }
  Page page(table, request);
  TRY(page.bind(used));
  TRY(used.check_all_used());
  if (request.exclusive_start_key) TRY(start_after(range, table, request));

  Result<void> added;
  const store::ScanOptions options{range.from, range.to, !request.scan && !request.forward};
  TRY_ASSIGN(const CommitId commit, store.scan(table.keyspace, options, [&](const store::Entry& entry) {
    const auto more = page.add(entry);
    if (!more) added = std::unexpected(more.error());
    return more && *more;
  }));
  TRY(std::move(added));
  QueryResult result = page.take();
  result.commit = commit;
  return result;
}

}  // namespace millrace::table
