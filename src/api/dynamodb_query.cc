// Query and Scan.

#include <algorithm>
#include <array>
#include <limits>

#include "api/dynamodb_request.h"
#include "table/expression.h"
#include "table/legacy_json.h"

namespace millrace::api {
namespace {

constexpr int64_t segments_max = 1'000'000;
constexpr size_t index_name_min = 3;

// Members of the two requests that do not go straight into a QueryRequest.
struct PageArguments {
  std::optional<std::string> table_name;
  std::optional<std::string> key_condition;
  std::optional<std::string> filter;
  std::optional<std::string> projection;
  std::optional<std::string> select;
  std::optional<std::string> index;
  std::optional<int64_t> limit;
  std::optional<int64_t> segment;
  std::optional<int64_t> segments;
  table::ExpressionMembers expression;
  table::LegacyMembers legacy;
  bool consistent = false;
  CapacityWanted wanted = CapacityWanted::none;

  Result<void> take(std::string_view name, Json value, table::QueryRequest& request);
  Result<void> translate();
  Result<void> check_select(table::QueryRequest& request) const;
  Result<void> check_segments(table::QueryRequest& request) const;
  Result<void> check_expressions(const table::QueryRequest& request) const;
};

Result<void> PageArguments::take(std::string_view name, Json value, table::QueryRequest& request) {
  if (name == "TableName") {
    TRY_ASSIGN(table_name, text_from(value));
  } else if (name == "KeyConditionExpression" && !request.scan) {
    TRY_ASSIGN(key_condition, text_from(value));
  } else if (name == "FilterExpression") {
    TRY_ASSIGN(filter, text_from(value));
  } else if (name == "ProjectionExpression") {
    TRY_ASSIGN(projection, text_from(value));
  } else if (name == "Select") {
    TRY_ASSIGN(select, text_from(value));
  } else if (name == "IndexName") {
    TRY_ASSIGN(index, text_from(value));
  } else if (name == "Limit") {
    TRY_ASSIGN(limit, integer_from(value));
  } else if (name == "ScanIndexForward" && !request.scan) {
    TRY_ASSIGN(request.forward, table::boolean_from_json(value));
  } else if (name == "ConsistentRead") {
    TRY_ASSIGN(consistent, table::boolean_from_json(value));
  } else if (name == "Segment" && request.scan) {
    TRY_ASSIGN(segment, integer_from(value));
  } else if (name == "TotalSegments" && request.scan) {
    TRY_ASSIGN(segments, integer_from(value));
  } else if (name == "ExclusiveStartKey") {
    TRY_ASSIGN(const auto object, table::object_from_json(value));
    TRY_ASSIGN(request.exclusive_start_key, table::item_from_json(object));
  } else if (name == "ReturnConsumedCapacity") {
    TRY_ASSIGN(const std::string_view text, table::string_from_json(value));
    TRY_ASSIGN(wanted, capacity_wanted_from(text));
  } else {
    TRY_ASSIGN(const bool taken, expression.take(name, value));
    if (!taken) TRY(legacy.take(name, value));
  }
  return {};
}

// What was said in the way from before expressions, as expressions.
Result<void> PageArguments::translate() {
  TRY(legacy.check_not_mixed({{"ProjectionExpression", projection.has_value()},
                              {"FilterExpression", filter.has_value()},
                              {"KeyConditionExpression", key_condition.has_value()},
                              {"ExpressionAttributeNames", expression.has_names},
                              {"ExpressionAttributeValues", expression.has_values}}));
  table::Substitutions& substitutions = expression.substitutions;
  TRY_ASSIGN(auto older_projection, legacy.projection(substitutions));
  TRY_ASSIGN(auto older_filter, legacy.filter(substitutions));
  TRY_ASSIGN(auto older_key_condition, legacy.key_condition(substitutions));
  if (older_projection) projection = std::move(older_projection);
  if (older_filter) filter = std::move(older_filter);
  if (older_key_condition) key_condition = std::move(older_key_condition);
  return {};
}

Result<void> PageArguments::check_select(table::QueryRequest& request) const {
  const auto refuse = [](std::string_view what) { return fail(ErrorKind::invalid_argument, "{}", what); };
  if (!select) return {};
  constexpr std::array<std::string_view, 4> known = {"SPECIFIC_ATTRIBUTES", "COUNT", "ALL_ATTRIBUTES",
                                                     "ALL_PROJECTED_ATTRIBUTES"};
  TRY(check_one_of("select", *select, known));
  request.count_only = *select == "COUNT";
  request.all_attributes = *select == "ALL_ATTRIBUTES";
  if (*select == "ALL_PROJECTED_ATTRIBUTES" && !index) {
    return refuse("ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName");
  }
  if (*select == "SPECIFIC_ATTRIBUTES" && !projection) {
    return refuse("Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES");
  }
  if (projection && *select == "COUNT") {
    return refuse("Cannot specify the ProjectionExpression when choosing to get only the Count");
  }
  if (projection && *select == "ALL_ATTRIBUTES") {
    return refuse("Cannot specify the ProjectionExpression when choosing to get ALL_ATTRIBUTES");
  }
  if (projection && *select == "ALL_PROJECTED_ATTRIBUTES") {
    return refuse("Cannot specify the ProjectionExpression when choosing to get ALL_PROJECTED_ATTRIBUTES");
  }
  return {};
}

Result<void> PageArguments::check_segments(table::QueryRequest& request) const {
  TRY(check_between("segment", segment, 0, segments_max - 1));
  TRY(check_between("totalSegments", segments, 1, segments_max));
  if (segment && !segments) {
    return fail(ErrorKind::invalid_argument,
                "The TotalSegments parameter is required but was not present in the request when Segment parameter is "
                "present");
  }
  if (segments && !segment) {
    return fail(ErrorKind::invalid_argument,
                "The Segment parameter is required but was not present in the request when parameter TotalSegments is "
                "present");
  }
  request.segment = static_cast<uint32_t>(segment.value_or(0));
  request.segments = static_cast<uint32_t>(segments.value_or(1));
  return {};
}

Result<void> PageArguments::check_expressions(const table::QueryRequest& request) const {
  for (const auto& [parameter, text] : {std::pair{"KeyConditionExpression", &key_condition},
                                        {"FilterExpression", &filter},
                                        {"ProjectionExpression", &projection}}) {
    if (*text && (*text)->empty()) {
      return fail(ErrorKind::invalid_argument, "Invalid {}: The expression can not be empty;", parameter);
    }
  }
  const bool with_values = key_condition || filter;
  return expression.check(with_values || projection, with_values ? ""
                                                     : request.scan
                                                         ? "FilterExpression is null"
                                                         : "FilterExpression and KeyConditionExpression are null");
}

// What a read of an index is charged to.
IndexCapacity index_capacity(const table::Tables& tables, const table::QueryRequest& request) {
  if (request.index.empty()) return {};
  const auto table = tables.find(request.table);
  if (!table) return {};
  const auto index = std::ranges::find((*table)->indexes, request.index, &table::IndexDefinition::name);
  return {request.index, index == (*table)->indexes.end() || index->global};
}

}  // namespace

DynamoDb::State::Reply DynamoDb::State::read_page(const Call& call, table::QueryRequest& request, JsonObject body) {
  PageArguments arguments;
  TRY(each_member(body, [&](std::string_view name, Json value) { return arguments.take(name, value, request); }));
  TRY(calls.ended());
  TRY(arguments.translate());
  if (!arguments.table_name) return missing_member("tableName");
  TRY_ASSIGN(request.table, table_name(call, *arguments.table_name));
  TRY(check_between("limit", arguments.limit, 1, std::numeric_limits<int32_t>::max()));
  if (arguments.limit) request.limit = static_cast<size_t>(*arguments.limit);
  TRY(arguments.check_select(request));
  TRY(arguments.check_segments(request));
  TRY(arguments.check_expressions(request));
  request.key_condition_expression = std::move(arguments.key_condition).value_or("");
  request.filter_expression = std::move(arguments.filter).value_or("");
  request.projection_expression = std::move(arguments.projection).value_or("");
  request.substitutions = std::move(arguments.expression.substitutions);
  if (arguments.index && arguments.index->size() < index_name_min) {
    return broken_constraint("indexName", *arguments.index, "have length greater than or equal to 3");
  }
  request.index = std::move(arguments.index).value_or("");
  request.consistent = arguments.consistent;

  TRY_ASSIGN(const table::QueryResult result, tables.query(request));
  counters.items_read += result.scanned_count;
  DynamoDbReply reply;
  reply.commit = result.commit;
  std::string& out = reply.body;
  out = "{";
  if (!request.count_only) {
    out += "\"Items\":[";
    bool first = true;
    for (const auto& item : result.items) {
      if (!first) out += ',';
      first = false;
      table::put_json(out, item);
    }
    out += "],";
  }
  fmt::format_to(std::back_inserter(out), "\"Count\":{},\"ScannedCount\":{}", result.count, result.scanned_count);
  if (result.last_evaluated_key) {
    out += ",\"LastEvaluatedKey\":";
    table::put_json(out, *result.last_evaluated_key);
  }
  if (arguments.wanted != CapacityWanted::none) {
    out += ",\"ConsumedCapacity\":";
    const double units = read_units(result.scanned_bytes, arguments.consistent);
    append_capacity(out, request.table, units, arguments.wanted, index_capacity(tables, request));
  }
  out += '}';
  return reply;
}

DynamoDb::State::Reply DynamoDb::State::query(const Call& call, JsonObject body) {
  table::QueryRequest request;
  return read_page(call, request, body);
}

DynamoDb::State::Reply DynamoDb::State::scan(const Call& call, JsonObject body) {
  table::QueryRequest request;
  request.scan = true;
  return read_page(call, request, body);
}

}  // namespace millrace::api
