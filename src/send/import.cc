#include "send/import.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <cstdio>

#include "base/clock.h"
#include "base/json_string.h"
#include "base/stop_signals.h"
#include "client/plain_json.h"
#include "data/json_repair.h"
#include "send/report.h"
#include "send/series.h"

namespace millrace::send {

namespace {

constexpr size_t batch_items_max = 25;
constexpr size_t batch_bytes_max = size_t{4} << 20;  // DynamoDB: 16 MiB; smaller ones show how it gets on

std::string json_string(std::string_view text) {
  std::string out;
  base::append_json_string(out, text);
  return out;
}

struct Key {
  std::string name;
  char type = 'S';
};

// "id", "id:N".
Result<Key> parse_key(std::string_view option, const std::string& text) {
  const size_t colon = text.rfind(':');
  Key key{text.substr(0, colon), 'S'};
  if (colon != std::string::npos) {
    const std::string type = text.substr(colon + 1);
    if (type != "S" && type != "N" && type != "B") {
      return fail(ErrorKind::invalid_argument, "{} is `{}`; a key is written as id, id:S, id:N or id:B", option, text);
    }
    key.type = type[0];
  }
  if (key.name.empty()) return fail(ErrorKind::invalid_argument, "{} needs the name of a column", option);
  return key;
}

Result<void> create_table(client::Api& api, const ImportOptions& options) {
  TRY_ASSIGN(const Key hash, parse_key("--hash", options.hash_key));
  std::string definitions =
      fmt::format(R"({{"AttributeName":{},"AttributeType":"{}"}})", json_string(hash.name), hash.type);
  std::string schema = fmt::format(R"({{"AttributeName":{},"KeyType":"HASH"}})", json_string(hash.name));
  if (!options.range_key.empty()) {
    TRY_ASSIGN(const Key range, parse_key("--range", options.range_key));
    definitions += fmt::format(R"(,{{"AttributeName":{},"AttributeType":"{}"}})", json_string(range.name), range.type);
    schema += fmt::format(R"(,{{"AttributeName":{},"KeyType":"RANGE"}})", json_string(range.name));
  }
  TRY(api.call(aws::dynamodb_protocol, "CreateTable",
               fmt::format(R"({{"TableName":{},"BillingMode":"PAY_PER_REQUEST","AttributeDefinitions":[{}],)"
                           R"("KeySchema":[{}]}})",
                           json_string(options.table), definitions, schema)));
  return {};
}

// What the table, and the command, say of attributes' types.
Result<client::AttributeTypes> attribute_types(client::Api& api, const ImportOptions& options) {
  const std::string body = fmt::format(R"({{"TableName":{}}})", json_string(options.table));
  auto described = api.call(aws::dynamodb_protocol, "DescribeTable", body);
  if (!described && described.error().kind == ErrorKind::not_found && !options.hash_key.empty()) {
    TRY(create_table(api, options));
    described = api.call(aws::dynamodb_protocol, "DescribeTable", body);
  }
  if (!described) {
    const Error& error = described.error();
    if (error.kind == ErrorKind::not_found) {
      return fail(error.kind, "there is no table `{}`; --hash COLUMN (and --range COLUMN) creates it on the way",
                  options.table);
    }
    if (error.kind == ErrorKind::unavailable) {
      return fail(error.kind, "{}; is `millrace serve` running there? --endpoint names another server", error.message);
    }
    return std::unexpected(error);
  }
  client::AttributeTypes types;
  for (const std::string& name : options.numbers) types[name] = 'N';
  simdjson::dom::parser parser;
  simdjson::dom::array definitions;
  if (parser.parse(*described)["Table"]["AttributeDefinitions"].get(definitions)) {
    return fail(ErrorKind::internal, "the answer to DescribeTable has no AttributeDefinitions");
  }
  for (const simdjson::dom::element definition : definitions) {
    std::string_view name, type;
    if (!definition["AttributeName"].get(name) && !definition["AttributeType"].get(type)) {
      types[std::string(name)] = type[0];
    }
  }
  return types;
}

// Rows on their way into a table: one batch after the other, over one connection.
class Items {
 public:
  Items(client::Api& api, const ImportOptions& options, SendSummary& summary)
      : api_(api), options_(options), table_(json_string(options.table)), summary_(summary) {}

  Result<void> put(std::string item, Place place) {
    bytes_ += item.size();
    waiting_.push_back({std::move(item), place});
    if (waiting_.size() < batch_items_max && bytes_ < batch_bytes_max) return {};
    return flush();
  }

  Result<void> flush() {
    if (waiting_.empty()) return {};
    auto sent = send_batch();
    // One of them is not to its liking, or two have the same key: one by one it says which.
    if (!sent && sent.error().kind == ErrorKind::invalid_argument) sent = send_each();
    if (!sent) return sent;
    waiting_.clear();
    bytes_ = 0;
    return {};
  }

 private:
  struct Row {
    std::string item;
    Place place;
  };

  Result<std::string> call(std::string_view operation, std::string_view body) {
    client::Patience patience(options_.retry_for_ms);
    for (;;) {
      auto answer = api_.call(aws::dynamodb_protocol, operation, body);
      if (answer || !client::may_pass(answer.error()) || !patience.next()) return answer;
      ++summary_.retries;
    }
  }

  Result<void> send_batch() {
    std::string requests;
    for (const Row& row : waiting_) {
      requests += fmt::format(R"({}{{"PutRequest":{{"Item":{}}}}})", requests.empty() ? "" : ",", row.item);
    }
    client::Patience patience(options_.retry_for_ms);
    for (;;) {
      TRY_ASSIGN(const std::string answer,
                 call("BatchWriteItem", fmt::format(R"({{"RequestItems":{{{}:[{}]}}}})", table_, requests)));
      simdjson::dom::parser parser;
      simdjson::dom::element left;
      if (parser.parse(answer)["UnprocessedItems"].get(left)) {
        return fail(ErrorKind::internal, "the answer to BatchWriteItem has no UnprocessedItems");
      }
      simdjson::dom::array unprocessed;
      if (left[options_.table].get(unprocessed) || unprocessed.size() == 0) break;
      if (!patience.next()) return fail(ErrorKind::throttled, "the server takes no more items");
      ++summary_.retries;
      requests.clear();
      for (const simdjson::dom::element each : unprocessed) {
        requests += fmt::format("{}{}", requests.empty() ? "" : ",", simdjson::minify(each));
      }
    }
    summary_.acknowledged += waiting_.size();
    summary_.place = waiting_.back().place;
    return {};
  }

  Result<void> send_each() {
    for (const Row& row : waiting_) {
      const auto answer = call("PutItem", fmt::format(R"({{"TableName":{},"Item":{}}})", table_, row.item));
      if (!answer && answer.error().kind != ErrorKind::invalid_argument) return std::unexpected(answer.error());
      if (!answer) {
        ++summary_.bad_rows;
        if (options_.skip_bad) continue;
        return std::unexpected(
            answer.error().within(fmt::format("{}:{}", options_.files[row.place.file], row.place.line)));
      }
      ++summary_.acknowledged;
      summary_.place = row.place;
    }
    return {};
  }

  client::Api& api_;
  const ImportOptions& options_;
  const std::string table_;
  SendSummary& summary_;
  std::vector<Row> waiting_;
  size_t bytes_ = 0;
};

Result<std::string> item_of(std::string_view row, const client::AttributeTypes& types) {
  const simdjson::padded_string padded(row);
  auto item = client::item_of_plain({padded.data(), padded.size()}, types);
  if (item) return item;
  const auto repaired = data::repair_json(row);
  if (!repaired) return item;
  const simdjson::padded_string mended(*repaired);
  return client::item_of_plain({mended.data(), mended.size()}, types);
}

}  // namespace

Result<void> import_files(const ImportOptions& options, SendSummary& summary,
                          const std::function<void(const SendSummary&)>& progress) {
  summary.place = {0, options.from_line - 1};
  const auto stopped = [&] { return summary.stopped = options.stop.stop_requested(); };
  client::Api api(options.endpoint, options.stop);
  Items* to_flush = nullptr;
  Result<void> flushed;
  auto opened = RowSeries::open(options.rows, options.files, options.from_line, {options.stop, [&] {
                                                                                   if (to_flush)
                                                                                     flushed = to_flush->flush();
                                                                                 }});
  if (!opened && stopped()) return {};
  TRY_ASSIGN(const auto rows, std::move(opened));
  TRY_ASSIGN(const client::AttributeTypes types, attribute_types(api, options));
  Items items(api, options, summary);
  to_flush = &items;
  const int64_t start_ns = base::system_clock().monotonic_ns();
  const auto update = [&] {
    summary.seconds = static_cast<double>(base::system_clock().monotonic_ns() - start_ns) / 1e9;
    summary.fraction = rows->fraction();
    if (summary.fraction > 0) summary.left_seconds = summary.seconds * (1 - summary.fraction) / summary.fraction;
    progress(summary);
  };
  SendRow row;
  Result<void> outcome;
  bool goes_on = true;  // the server takes what waits
  while (!stopped()) {
    const auto found = rows->next(row);
    auto item = found && *found ? item_of(row.json, types) : Result<std::string>(std::string());
    if (found && !*found) break;
    if (found && item) {
      ++summary.rows;
      outcome = flushed;
      if (outcome) outcome = items.put(std::move(*item), rows->place());
      goes_on = outcome.has_value();
      if (!goes_on) break;
      update();
      continue;
    }
    const Error& error = found ? item.error() : found.error();
    if (stopped()) break;
    if (error.kind == ErrorKind::invalid_argument) {
      ++summary.bad_rows;
      if (options.skip_bad) continue;
    }
    outcome = std::unexpected(error.within(fmt::format("{}:{}", rows->file(), rows->place().line)));
    break;
  }
  const auto finished = goes_on ? items.flush() : Result<void>();
  update();
  if (!finished && stopped()) return {};
  TRY(finished);
  if (!outcome && stopped()) return {};
  return outcome;
}

int run_import(ImportOptions options) {
  std::stop_source stop;
  options.stop = stop.get_token();
  const base::StopSignals signals([&stop](int count) {
    if (count > 1) std::_Exit(1);
    stop.request_stop();
  });
  SendSummary summary;
  Progress progress(options.files);
  const auto done = import_files(options, summary, [&](const SendSummary& now) { progress.show(now); });
  progress.end();
  const std::string skipped = summary.bad_rows > 0 ? fmt::format(", {} bad", summary.bad_rows) : "";
  if (!done) fmt::print(stderr, "millrace: {}\n", done.error().message);
  if (!done || summary.stopped) {
    const bool by_row = !done && done.error().kind == ErrorKind::invalid_argument;
    fmt::print(stderr, "millrace: {} items are in the table{}; the same command goes on with {}{}\n",
               summary.acknowledged, skipped, going_on(options.files, summary.place),
               by_row && !options.skip_bad ? ", and --skip-bad passes over such rows" : "");
  } else {
    fmt::print(stderr, "millrace: {} items put into {} in {:.1f} s{}\n", summary.acknowledged, options.table,
               summary.seconds, skipped);
  }
  if (options.json && (done || summary.stopped)) fmt::print("{}\n", json_of(summary, options.files));
  return done && !summary.stopped ? 0 : 1;
}

}  // namespace millrace::send
