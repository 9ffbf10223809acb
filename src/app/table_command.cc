#include "app/table_command.h"

#include <simdjson.h>

#include <algorithm>
#include <cstdio>

#include "base/json_string.h"
#include "base/suggest.h"
#include "client/plain_json.h"

namespace millrace::app {
namespace {

std::string json_string(std::string_view text) {
  std::string out;
  base::append_json_string(out, text);
  return out;
}

std::string text_of(const simdjson::dom::element& from, const char* name) {
  std::string_view text;
  return from[name].get(text) == simdjson::SUCCESS ? std::string(text) : std::string("-");
}

int64_t number_of(const simdjson::dom::element& from, const char* name) {
  int64_t number = 0;
  return from[name].get(number) == simdjson::SUCCESS ? number : 0;
}

// Calls of one command, with the advice that a command gives.
class Tables {
 public:
  explicit Tables(const TableOptions& options) : options_(options), api_(options.endpoint) {}

  client::Api& api() { return api_; }

  // The body has the table's name, and `rest`.
  Result<std::string> call(std::string_view operation, std::string_view rest = "") {
    auto answer = api_.call(aws::dynamodb_protocol, operation,
                            fmt::format(R"({{"TableName":{}{}}})", json_string(options_.name), rest));
    if (!answer) return std::unexpected(explained(answer.error()));
    return answer;
  }

  Result<std::vector<std::string>> names() {
    std::vector<std::string> all;
    std::string body = "{}";
    for (;;) {
      auto answer = api_.call(aws::dynamodb_protocol, "ListTables", body);
      if (!answer) return std::unexpected(explained(answer.error()));
      simdjson::dom::parser parser;
      simdjson::dom::element document;
      simdjson::dom::array listed;
      if (parser.parse(*answer).get(document) || document["TableNames"].get(listed)) {
        return fail(ErrorKind::internal, "the server's answer is no list of tables: {}", *answer);
      }
      for (const simdjson::dom::element name : listed) all.emplace_back(name.get_string().value_unsafe());
      const std::string last = text_of(document, "LastEvaluatedTableName");
      if (last == "-") return all;
      body = fmt::format(R"({{"ExclusiveStartTableName":{}}})", json_string(last));
    }
  }

  Error explained(const Error& error) {
    const client::Endpoint& at = options_.endpoint;
    if (error.kind == ErrorKind::unavailable) {
      return {error.kind, fmt::format("no server answers at http://{}:{} ({}); start one with `millrace serve --data "
                                      "DIR`, or name another with --endpoint",
                                      at.host, at.port, error.message)};
    }
    if (error.kind != ErrorKind::not_found || asked_) return error;
    asked_ = true;
    const auto known = names();
    if (!known || std::ranges::find(*known, options_.name) != known->end()) return error;
    if (known->empty()) return {error.kind, "the server has no table yet"};
    return {error.kind,
            fmt::format("there is no table `{}`; {}", options_.name, base::suggestion(options_.name, *known))};
  }

 private:
  const TableOptions& options_;
  client::Api api_;
  bool asked_ = false;
};

// "id (S), day (N)".
std::string key_of(const simdjson::dom::element& table, const simdjson::dom::element& schema) {
  std::string out;
  simdjson::dom::array elements, definitions;
  if (schema.get(elements) || table["AttributeDefinitions"].get(definitions)) return "-";
  for (const simdjson::dom::element element : elements) {
    const std::string name = text_of(element, "AttributeName");
    for (const simdjson::dom::element definition : definitions) {
      if (text_of(definition, "AttributeName") != name) continue;
      out += fmt::format("{}{} ({})", out.empty() ? "" : ", ", name, text_of(definition, "AttributeType"));
    }
  }
  return out;
}

std::string feed_of(const simdjson::dom::element& table) {
  simdjson::dom::element stream;
  bool enabled = false;
  if (table["StreamSpecification"].get(stream) || stream["StreamEnabled"].get(enabled) || !enabled) return "off";
  return text_of(stream, "StreamViewType");
}

Result<void> list(Tables& tables, const TableOptions& options) {
  TRY_ASSIGN(const auto names, tables.names());
  std::string json;
  if (!options.json) {
    fmt::print("{:<32} {:<8} {:>12} {:>14} {:>8}  {:<19} {}\n", "NAME", "STATE", "ITEMS", "BYTES", "INDEXES",
               "CHANGE FEED", "KEY");
  }
  for (const std::string& name : names) {
    auto answer = tables.api().call(aws::dynamodb_protocol, "DescribeTable",
                                    fmt::format(R"({{"TableName":{}}})", json_string(name)));
    if (!answer && answer.error().kind == ErrorKind::not_found) continue;  // dropped meanwhile
    TRY(answer);
    simdjson::dom::parser parser;
    simdjson::dom::element table, schema;
    if (parser.parse(*answer)["Table"].get(table) || table["KeySchema"].get(schema)) {
      return fail(ErrorKind::internal, "the server's answer is no description of a table: {}", *answer);
    }
    if (options.json) {
      json += fmt::format("{}{}", json.empty() ? "" : ",", simdjson::minify(table));
      continue;
    }
    size_t indexes = 0;
    for (const char* kind : {"GlobalSecondaryIndexes", "LocalSecondaryIndexes"}) {
      simdjson::dom::array some;
      if (!table[kind].get(some)) indexes += some.size();
    }
    fmt::print("{:<32} {:<8} {:>12} {:>14} {:>8}  {:<19} {}\n", name, text_of(table, "TableStatus"),
               number_of(table, "ItemCount"), number_of(table, "TableSizeBytes"), indexes, feed_of(table),
               key_of(table, schema));
  }
  if (options.json) fmt::print("[{}]\n", json);
  return {};
}

Result<void> describe(Tables& tables) {
  TRY_ASSIGN(const std::string answer, tables.call("DescribeTable"));
  simdjson::dom::parser parser;
  simdjson::dom::element table;
  if (parser.parse(answer)["Table"].get(table)) {
    return fail(ErrorKind::internal, "the server's answer is no description of a table: {}", answer);
  }
  fmt::print("{}\n", simdjson::minify(table));
  return {};
}

struct Schema {
  std::vector<std::string> key;  // names, the hash key first
  client::AttributeTypes types;
};

Result<Schema> schema_of(Tables& tables) {
  TRY_ASSIGN(const std::string answer, tables.call("DescribeTable"));
  simdjson::dom::parser parser;
  simdjson::dom::element table;
  simdjson::dom::array keys, definitions;
  if (parser.parse(answer)["Table"].get(table) || table["KeySchema"].get(keys) ||
      table["AttributeDefinitions"].get(definitions)) {
    return fail(ErrorKind::internal, "the server's answer is no description of a table: {}", answer);
  }
  Schema schema;
  for (const simdjson::dom::element key : keys) schema.key.push_back(text_of(key, "AttributeName"));
  for (const simdjson::dom::element definition : definitions) {
    schema.types[text_of(definition, "AttributeName")] = text_of(definition, "AttributeType")[0];
  }
  return schema;
}

// "id=p1" "day=7" as {"id":{"S":"p1"},"day":{"N":"7"}}.
Result<std::string> key_from(Tables& tables, const TableOptions& options) {
  TRY_ASSIGN(const Schema schema, schema_of(tables));
  std::string names;
  for (const std::string& name : schema.key) names += fmt::format(" {}=...", name);
  std::string key;
  for (const std::string& part : options.key) {
    const size_t equals = part.find('=');
    const std::string name = part.substr(0, equals);
    if (equals == std::string::npos || std::ranges::find(schema.key, name) == schema.key.end()) {
      return fail(ErrorKind::invalid_argument, "`{}` is no part of the key of {}, which is written{}", part,
                  options.name, names);
    }
    auto value = client::value_of_text(part.substr(equals + 1), schema.types.find(name)->second);
    if (!value) return std::unexpected(value.error().within(name));
    key += fmt::format("{}{}:{}", key.empty() ? "" : ",", json_string(name), *value);
  }
  if (options.key.size() != schema.key.size()) {
    return fail(ErrorKind::invalid_argument, "the key of {} is written{}", options.name, names);
  }
  return fmt::format(R"(,"Key":{{{}}})", key);
}

std::string item_text(client::JsonItem item, bool typed) {
  if (typed) return fmt::format(R"({{"Item":{}}})", simdjson::minify(item));
  std::string out;
  client::append_plain(out, item);
  return out;
}

Result<void> get(Tables& tables, const TableOptions& options) {
  TRY_ASSIGN(const std::string key, key_from(tables, options));
  TRY_ASSIGN(const std::string answer, tables.call("GetItem", key + R"(,"ConsistentRead":true)"));
  simdjson::dom::parser parser;
  simdjson::dom::object item;
  if (parser.parse(answer)["Item"].get(item)) {
    return fail(ErrorKind::not_found, "{} has no item with this key", options.name);
  }
  fmt::print("{}\n", item_text(item, options.typed));
  return {};
}

Result<void> put(Tables& tables, const TableOptions& options) {
  TRY_ASSIGN(const Schema schema, schema_of(tables));
  for (const std::string& text : options.items) {
    const simdjson::padded_string padded(text);
    TRY_ASSIGN(const std::string item, client::item_of_plain({padded.data(), padded.size()}, schema.types));
    TRY(tables.call("PutItem", fmt::format(R"(,"Item":{})", item)));
  }
  return {};
}

Result<void> remove(Tables& tables, const TableOptions& options) {
  TRY_ASSIGN(const std::string key, key_from(tables, options));
  TRY_ASSIGN(const std::string answer, tables.call("DeleteItem", key + R"(,"ReturnValues":"ALL_OLD")"));
  simdjson::dom::parser parser;
  simdjson::dom::object item;
  if (parser.parse(answer)["Attributes"].get(item)) {
    return fail(ErrorKind::not_found, "{} has no item with this key", options.name);
  }
  fmt::print("{}\n", item_text(item, options.typed));
  return {};
}

// As RFC 4180 has it.
std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + '"';
}

Result<void> export_items(Tables& tables, const TableOptions& options) {
  std::string line;
  for (const std::string& column : options.columns) line += (line.empty() ? "" : ",") + csv_field(column);
  if (!line.empty()) fmt::print("{}\n", line);
  uint64_t count = 0;
  const auto done = client::scan_table(tables.api(), options.name, [&](client::JsonItem item) -> Result<void> {
    ++count;
    if (options.columns.empty()) {
      line = item_text(item, options.typed);
    } else {
      line.clear();
      for (const std::string& column : options.columns) {
        if (&column != options.columns.data()) line += ',';
        simdjson::dom::element value;
        if (!item[column].get(value)) line += csv_field(client::cell_of(value));
      }
    }
    line += '\n';
    if (std::fwrite(line.data(), 1, line.size(), stdout) == line.size()) return {};
    return fail_errno("writing the items", errno);
  });
  if (!done) return std::unexpected(tables.explained(done.error()));
  if (std::fflush(stdout) != 0) return fail_errno("writing the items", errno);
  fmt::print(stderr, "millrace: {} items\n", count);
  return {};
}

Result<void> run(Tables& tables, const TableOptions& options) {
  switch (options.action) {
    case TableOptions::Action::list:
      return list(tables, options);
    case TableOptions::Action::describe:
      return describe(tables);
    case TableOptions::Action::get:
      return get(tables, options);
    case TableOptions::Action::put:
      return put(tables, options);
    case TableOptions::Action::remove:
      return remove(tables, options);
    case TableOptions::Action::export_items:
      break;
  }
  return export_items(tables, options);
}

}  // namespace

int run_table(const TableOptions& options) {
  Tables tables(options);
  const auto done = run(tables, options);
  if (done) return 0;
  fmt::print(stderr, "millrace: {}\n", done.error().message);
  return done.error().kind == ErrorKind::invalid_argument ? 2 : 1;
}

}  // namespace millrace::app
