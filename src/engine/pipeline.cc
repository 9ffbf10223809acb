#include "engine/pipeline.h"

#include "engine/calc.h"
#include "engine/deduplicate.h"
#include "engine/group_aggregate.h"
#include "engine/lookup_join.h"
#include "engine/union.h"
#include "engine/window_aggregate.h"

namespace millrace::engine {

namespace {

class Builder {
 public:
  Builder(const sql::Plan& plan, Environment& environment) : plan_(plan), environment_(environment) {}

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
    TRY_ASSIGN(connector::Connector * connector, environment_.connectors().find(definition));
    TRY_ASSIGN(connector::Source source, connector->source(definition, scan));
    return std::make_unique<Scan>(scan, std::move(source));
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
    TRY_ASSIGN(connector::Connector * connector, environment_.connectors().find(definition));
    TRY_ASSIGN(auto lookup, connector->lookup(definition, join));
    return LookupJoin::make(join, definition, node.schema, std::move(lookup));
  }
  Made make(const sql::Node&, const sql::SinkNode& sink) {
    const sql::TableDefinition& definition = plan_.tables[sink.table];
    TRY_ASSIGN(connector::Connector * connector, environment_.connectors().find(definition));
    TRY_ASSIGN(auto target, connector->sink(definition, sink));
    return Sink::make(sink, definition, std::move(target));
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
