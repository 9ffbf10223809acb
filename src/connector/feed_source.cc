#include "connector/feed_source.h"

#include "connector/arrived.h"
#include "connector/attribute.h"
#include "connector/declared_table.h"
#include "connector/options.h"
#include "connector/read_columns.h"
#include "table/item_json.h"

namespace millrace::connector {

namespace {

constexpr size_t excerpt_bytes_max = 120;

// A change becomes up to two rows.
constexpr size_t changes_per_batch_max = data::batch_rows_max / 2;

class Changes final : public Decoder {
 public:
  Changes(data::Schema schema, table::TablePtr table, bool retracts, bool ignore_errors)
      : schema_(std::move(schema)), table_(std::move(table)), retracts_(retracts), ignore_errors_(ignore_errors) {}

  size_t records_max() const override { return changes_per_batch_max; }

  Result<data::Batch> decode(size_t, std::span<const log::Record> records, SkipBad& skip) override {
    auto arena = std::make_shared<data::StringArena>();
    std::vector<std::shared_ptr<data::Column>> columns;
    for (const auto& field : schema_) columns.push_back(std::make_shared<data::Column>(field.type, records.size() * 2));
    auto weights = std::make_shared<data::Weights>();
    Arrived arrived;
    for (const log::Record& record : records) {
      arrived.next(record.time, weights->size());
      TRY_ASSIGN(const table::Change change, table::decode_change(*table_, record));
      if (change.kind != table::Change::Kind::insert) {
        if (!retracts_) {
          ++bad_;
          continue;
        }
        if (!change.old_image) {
          return millrace::fail(ErrorKind::invalid_argument,
                                "the change feed of table {} has no old image at {}; it needs NEW_AND_OLD_IMAGES",
                                table_->name, record.sequence);
        }
        TRY(add(*change.old_image, record.sequence, columns, weights->size(), *arena, skip));
        weights->push_back(-1);
      }
      if (change.new_image) {
        TRY(add(*change.new_image, record.sequence, columns, weights->size(), *arena, skip));
        weights->push_back(1);
      }
    }
    data::Batch batch;
    batch.rows = weights->size();
    for (auto& column : columns) {
      column->resize(batch.rows);
      batch.columns.push_back(std::move(column));
    }
    batch.arrivals = arrived.done(batch.rows);
    if (retracts_) batch.weights = std::move(weights);
    batch.owners.push_back(std::move(arena));
    return batch;
  }

  uint64_t bad() const override { return bad_; }

 private:
  Result<void> add(const table::Item& item, SequenceNumber sequence,
                   std::vector<std::shared_ptr<data::Column>>& columns, size_t row, data::StringArena& arena,
                   SkipBad& skip) {
    for (size_t n = 0; n < schema_.size(); ++n) {
      const auto found = item.find(schema_[n].name);
      if (found == item.end() || set_from_attribute(*columns[n], row, found->second, arena)) continue;
      if (!ignore_errors_ && !does_not_fit(schema_[n].type, found->second)) {
        std::string value;
        table::put_json(value, found->second);
        auto error = millrace::fail(ErrorKind::invalid_argument,
                                    "table {}, change {}: {} in the attribute {} is no {} (`millrace jobs resume JOB "
                                    "--skip {}` reads it as NULL this time, 'json.ignore-parse-errors' = 'true' "
                                    "always)",
                                    table_->name, table::sequence_format(*table_).text(sequence),
                                    value.substr(0, excerpt_bytes_max), schema_[n].name, to_string(schema_[n].type),
                                    skip.next_time());
        if (!skip.may_skip(error.error())) return error;
      }
      ++bad_;
    }
    return {};
  }

  data::Schema schema_;
  table::TablePtr table_;
  bool retracts_;
  bool ignore_errors_;
  uint64_t bad_ = 0;
};

class FeedConnector final : public Connector {
 public:
  explicit FeedConnector(table::Tables& tables) : tables_(tables) {}

  Result<Source> source(const sql::TableDefinition& definition, const sql::ScanNode& node) override {
    TRY_ASSIGN(const table::TablePtr feed, find_table(tables_, definition, TableUse::followed));
    if (node.retracts && feed->change_feed != table::ViewType::new_and_old_images) {
      return millrace::fail(ErrorKind::invalid_argument,
                            "table {} must have a change feed with NEW_AND_OLD_IMAGES so that updates can be taken "
                            "back; create it with --stream-specification "
                            "StreamEnabled=true,StreamViewType=NEW_AND_OLD_IMAGES, or declare "
                            "'scan.changelog-mode' = 'insert-only' if its items never change",
                            definition.resource);
    }
    Source source{.kind = "table",
                  .name = definition.resource,
                  .records = stream::fixed_source(feed->keyspace.value, &tables_.journal(),
                                                  stream::ShardSet::single(feed->keyspace)),
                  .own_log = false};
    source.decoder =
        std::make_unique<Changes>(read_columns(node, definition), feed, node.retracts, node.ignore_parse_errors);
    source.current_id = [this, name = definition.resource]() -> Result<uint64_t> {
      TRY_ASSIGN(const table::TablePtr table, tables_.find(name));
      return table->keyspace.value;
    };
    return source;
  }

 private:
  table::Tables& tables_;
};

}  // namespace

sql::ConnectorDescription describe_feeds() {
  sql::ConnectorDescription description{.name = "dynamodb-streams", .label = "change feed of table", .source = true};
  description.key = sql::ConnectorDescription::Key::item;
  description.retracts = true;
  description.resource_example = table_name_example;
  description.options = {
      table_name(),
      ignored("aws.region"),
      endpoint(),
      {.key = "scan.changelog-mode",
       .value = OptionDescription::Value::choice,
       .meaning = OptionDescription::Meaning::changelog_mode,
       .choices = {"all", "insert-only"}},
      start_position("source.init.position", "source.init.timestamp"),
      {.key = "source.init.timestamp"},
      idle_timeout(),
      ahead_max(),
      ignore_parse_errors(),
  };
  return description;
}

std::unique_ptr<Connector> make_feed_connector(table::Tables& tables) {
  return std::make_unique<FeedConnector>(tables);
}

}  // namespace millrace::connector
