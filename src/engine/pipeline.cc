#include "engine/pipeline.h"

#include "engine/attribute.h"
#include "engine/calc.h"
#include "engine/deduplicate.h"
#include "engine/group_aggregate.h"
#include "engine/lookup_join.h"
#include "engine/union.h"
#include "engine/window_aggregate.h"

namespace millrace::engine {

namespace {

std::string quoted_keys(const sql::TableDefinition& definition) {
  std::string text;
  for (int key : definition.primary_key) {
    if (!text.empty()) text += ", ";
    text += definition.columns[key].name;
  }
  return text;
}

std::string_view attribute_type(const data::Type& type) {
  return type.kind == data::TypeKind::string ? "S" : "N";
}

// The AWS command that creates what the definition asks for.
std::string create_command(const sql::TableDefinition& definition) {
  std::string attributes;
  std::string keys;
  for (size_t n = 0; n < definition.primary_key.size(); ++n) {
    const auto& column = definition.columns[definition.primary_key[n]];
    attributes += fmt::format(" AttributeName={},AttributeType={}", column.name, attribute_type(column.type));
    keys += fmt::format(" AttributeName={},KeyType={}", column.name, n == 0 ? "HASH" : "RANGE");
  }
  const bool feed = definition.connector == sql::Connector::dynamodb_streams;
  return fmt::format(
      "aws dynamodb create-table --table-name {} --attribute-definitions{} --key-schema{} --billing-mode "
      "PAY_PER_REQUEST{}",
      definition.resource, attributes, keys,
      feed ? " --stream-specification StreamEnabled=true,StreamViewType=NEW_AND_OLD_IMAGES" : "");
}

Result<void> check_key(const sql::TableDefinition& definition, const table::TableDefinition& table) {
  std::vector<const table::KeyAttribute*> keys{&table.hash_key};
  if (table.range_key) keys.push_back(&*table.range_key);
  std::string wanted;
  for (const auto* key : keys) {
    if (!wanted.empty()) wanted += ", ";
    wanted += key->name;
  }
  const bool same_size = keys.size() == definition.primary_key.size();
  for (size_t n = 0; n < keys.size(); ++n) {
    const bool same_name = same_size && definition.columns[definition.primary_key[n]].name == keys[n]->name;
    if (!same_name) {
      return millrace::fail(ErrorKind::invalid_argument,
                            "table {} has the key ({}), but {} is declared with PRIMARY KEY ({}); declare PRIMARY KEY "
                            "({}) NOT ENFORCED, or create another table",
                            table.name, wanted, definition.name, quoted_keys(definition), wanted);
    }
    const data::Type& type = definition.columns[definition.primary_key[n]].type;
    if (!can_be_key(type, keys[n]->type)) {
      return millrace::fail(ErrorKind::invalid_argument, "the key {} of table {} is of type {}, but {} declares it {}",
                            keys[n]->name, table.name,
                            keys[n]->type == table::KeyType::string   ? "S"
                            : keys[n]->type == table::KeyType::number ? "N"
                                                                      : "B",
                            definition.name, to_string(type));
    }
  }
  return {};
}

class Builder {
 public:
  Builder(const sql::Plan& plan, Environment& environment) : plan_(plan), environment_(environment) {}

  Result<table::TablePtr> find_table(const sql::TableDefinition& definition) {
    auto table = environment_.tables().find(definition.resource);
    if (table) return *table;
    if (table.error().kind != ErrorKind::not_found) return std::unexpected(table.error());
    if (definition.primary_key.empty()) {
      return millrace::fail(ErrorKind::not_found, "there is no table {}; create it first (aws dynamodb create-table)",
                            definition.resource);
    }
    return millrace::fail(ErrorKind::not_found, "there is no table {}; create it first: {}", definition.resource,
                          create_command(definition));
  }

  Result<std::unique_ptr<Operator>> make(const sql::Node& node) {
    return std::visit([&](const auto& detail) { return this->make(node, detail); }, node.detail);
  }

  static sql::NodeId input_of(const sql::Node& node) {
    return std::visit(
        [](const auto& detail) -> sql::NodeId {
          if constexpr (requires { detail.input; }) return detail.input;
          return -1;
        },
        node.detail);
  }

  // The source below a node of one input each.
  sql::NodeId source_of(sql::NodeId id) const {
    while (!std::holds_alternative<sql::ScanNode>(plan_.nodes[id].detail)) {
      id = input_of(plan_.nodes[id]);
      CHECK(id >= 0, "a watermark stands above one source");
    }
    return id;
  }

 private:
  using Made = Result<std::unique_ptr<Operator>>;
  const data::Schema& schema(sql::NodeId id) const { return plan_.nodes[id].schema; }

  Made make(const sql::Node&, const sql::ScanNode& scan) {
    const sql::TableDefinition& definition = plan_.tables[scan.table];
    stream::Source source;
    table::TablePtr feed;
    if (definition.connector == sql::Connector::kinesis) {
      TRY_ASSIGN(source, environment_.streams().source(definition.resource));
    } else if (definition.connector == sql::Connector::dynamodb_streams) {
      TRY_ASSIGN(feed, find_table(definition));
      if (scan.retracts && feed->change_feed != table::ViewType::new_and_old_images) {
        return millrace::fail(ErrorKind::invalid_argument,
                              "table {} must have a change feed with NEW_AND_OLD_IMAGES so that updates can be taken "
                              "back; create it with --stream-specification "
                              "StreamEnabled=true,StreamViewType=NEW_AND_OLD_IMAGES, or declare "
                              "'scan.changelog-mode' = 'insert-only' if its items never change",
                              definition.resource);
      }
      source = stream::fixed_source(feed->keyspace.value, &environment_.tables().journal(),
                                    stream::ShardSet::single(feed->keyspace));
    } else {
      return millrace::fail(ErrorKind::unsupported, "{} cannot be read as a source", definition.name);
    }
    return std::make_unique<Scan>(scan, definition, std::move(source), std::move(feed));
  }
  Made make(const sql::Node&, const sql::CalcNode& calc) { return Calc::make(calc); }
  Made make(const sql::Node&, const sql::WatermarkNode& watermark) {
    return std::make_unique<WatermarkGenerator>(watermark, size_t{0});
  }
  Made make(const sql::Node&, const sql::UnionNode& join) { return std::make_unique<Union>(join.inputs.size()); }
  Made make(const sql::Node&, const sql::DeduplicateNode& deduplicate) {
    return std::make_unique<Deduplicate>(deduplicate, schema(deduplicate.input));
  }
  Made make(const sql::Node& node, const sql::WindowAggregateNode& window) {
    return WindowAggregate::make(window, schema(window.input), node.schema);
  }
  Made make(const sql::Node& node, const sql::GroupAggregateNode& group) {
    return GroupAggregate::make(group, schema(group.input), node.schema);
  }
  Made make(const sql::Node& node, const sql::LookupJoinNode& join) {
    const sql::TableDefinition& definition = plan_.tables[join.table];
    TRY_ASSIGN(table::TablePtr table, find_table(definition));
    // The keys of the join are the table's whole key, in any order.
    const size_t key_size = table->range_key ? 2 : 1;
    size_t matched = 0;
    for (const auto& [column, expression] : join.keys) {
      const std::string& name = definition.columns[column].name;
      matched += name == table->hash_key.name || (table->range_key && name == table->range_key->name);
    }
    if (matched != key_size || join.keys.size() != key_size) {
      return millrace::fail(ErrorKind::invalid_argument,
                            "the join with {} must compare the whole key of table {} ({}{})", definition.name,
                            table->name, table->hash_key.name,
                            table->range_key ? ", " + table->range_key->name : std::string());
    }
    if (!definition.primary_key.empty()) TRY(check_key(definition, *table));
    return LookupJoin::make(join, definition, node.schema, environment_.tables(), std::move(table));
  }
  Made make(const sql::Node&, const sql::SinkNode& sink) {
    const sql::TableDefinition& definition = plan_.tables[sink.table];
    if (definition.connector == sql::Connector::blackhole) return Sink::make(sink, definition, nullptr);
    if (definition.connector != sql::Connector::dynamodb) {
      return millrace::fail(ErrorKind::unsupported, "{} cannot be written to", definition.name);
    }
    TRY_ASSIGN(table::TablePtr table, find_table(definition));
    TRY(check_key(definition, *table));
    for (int key : definition.primary_key) {
      if (std::find(sink.columns.begin(), sink.columns.end(), key) != sink.columns.end()) continue;
      return millrace::fail(ErrorKind::invalid_argument, "INSERT INTO {} must give the key column {}", definition.name,
                            definition.columns[key].name);
    }
    return Sink::make(sink, definition, std::move(table));
  }

  const sql::Plan& plan_;
  Environment& environment_;
};

}  // namespace

Result<std::unique_ptr<Pipeline>> Pipeline::make(const sql::Plan& plan, Environment& environment) {
  auto pipeline = std::make_unique<Pipeline>();
  Builder builder(plan, environment);
  for (sql::NodeId id = 0; id < static_cast<sql::NodeId>(plan.nodes.size()); ++id) {
    const sql::Node& node = plan.nodes[id];
    TRY_ASSIGN(auto made, builder.make(node));
    Operator* self = made.get();
    if (auto* scan = dynamic_cast<Scan*>(self)) pipeline->scans_.push_back(scan);
    if (auto* sink = dynamic_cast<Sink*>(self)) pipeline->sinks_.push_back(sink);
    if (auto* generator = dynamic_cast<WatermarkGenerator*>(self)) {
      auto* scan = static_cast<Scan*>(pipeline->operators_[builder.source_of(id)].get());
      pipeline->timed_sources_.push_back({generator, scan});
    }
    if (const auto* join = std::get_if<sql::UnionNode>(&node.detail)) {
      for (size_t n = 0; n < join->inputs.size(); ++n) {
        pipeline->operators_[join->inputs[n]]->connect(self, static_cast<int>(n));
      }
    } else if (const sql::NodeId input = Builder::input_of(node); input >= 0) {
      pipeline->operators_[input]->connect(self, 0);
    }
    pipeline->operators_.push_back(std::move(made));
  }
  return pipeline;
}

// Before the first record: a generator is told of the shards, unless its own state has done so.
void Pipeline::begin_sources(ProcessingTime now) {
  for (Scan* scan : scans_) scan->begin(now);
  for (const TimedSource& timed : timed_sources_) timed.generator->begin(timed.scan->shards());
}

Result<bool> Pipeline::follow_shards(ProcessingTime now) {
  bool changed = false;
  for (Scan* scan : scans_) {
    TRY_ASSIGN(const auto change, scan->follow(now));
    if (!change) continue;
    changed = true;
    for (const TimedSource& timed : timed_sources_) {
      if (timed.scan == scan) TRY(timed.generator->follow(*change));
    }
  }
  return changed;
}

Result<void> Pipeline::finish_epoch() {
  for (auto& op : operators_) TRY(op->finish_epoch());
  return {};
}

bool Pipeline::pending() const {
  return std::any_of(operators_.begin(), operators_.end(), [](const auto& op) { return op->pending(); });
}

Result<void> Pipeline::resume() {
  for (auto& op : operators_) {
    if (op->pending()) TRY(op->resume());
  }
  return {};
}

bool Pipeline::blocks_input() const {
  return std::any_of(operators_.begin(), operators_.end(), [](const auto& op) { return op->blocks_input(); });
}

Result<void> Pipeline::end_of_sources() {
  for (Scan* scan : scans_) TRY(scan->end());
  return {};
}

bool Pipeline::has_changes() const {
  return std::any_of(operators_.begin(), operators_.end(), [](const auto& op) { return op->has_changes(); });
}

void Pipeline::clear_changes() {
  for (auto& op : operators_) op->clear_changes();
}

EventTime Pipeline::watermark() const {
  if (timed_sources_.empty()) return no_watermark;
  WatermarkMinimum minimum(timed_sources_.size());
  for (size_t n = 0; n < timed_sources_.size(); ++n) minimum.input(n) = timed_sources_[n].generator->current();
  minimum.update();
  return minimum.current().time;
}

Counters Pipeline::counters() const {
  Counters counters;
  for (const auto& op : operators_) op->count(counters);
  return counters;
}

size_t Pipeline::state_bytes() const {
  size_t bytes = 0;
  for (const auto& op : operators_) bytes += op->state_bytes();
  return bytes;
}

uint64_t Pipeline::rows_in() const {
  uint64_t rows = 0;
  for (const Scan* scan : scans_) rows += scan->rows();
  return rows;
}

uint64_t Pipeline::rows_bad() const {
  uint64_t rows = 0;
  for (const Scan* scan : scans_) rows += scan->bad();
  return rows;
}

}  // namespace millrace::engine
