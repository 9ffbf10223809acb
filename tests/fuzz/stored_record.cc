// What the journals and the tables keep beside items: definitions of tables, changes and what is shown of them,
// positions of mappings, iterators that clients keep. The first byte says which. What is read is written again as it
// was, and what cannot be read is said to be damaged.

#include <simdjson.h>

#include "api/shard_iterator.h"
#include "function/position.h"
#include "input.h"
#include "log/block.h"
#include "store/change.h"
#include "table/definition.h"
#include "table/item_json.h"
#include "table/keys.h"
#include "table/table.h"

namespace millrace {
namespace {

void check_definition(std::string_view bytes) {
  const auto definition = table::get_definition(bytes);
  if (!definition) {
    CHECK(definition.error().kind == ErrorKind::corrupt);
    return;
  }
  std::string written;
  table::put_definition(written, *definition);
  const auto again = table::get_definition(written);
  CHECK(again.has_value());
  std::string rewritten;
  table::put_definition(rewritten, *again);
  CHECK(rewritten == written);
  (void)table::check_definition(*definition);
}

void check_change(std::string_view bytes) {
  const auto change = store::get_change(bytes);
  const auto erasure = store::get_range_erasure(bytes);
  if (change) {
    CHECK(erasure.has_value() && !*erasure);
    std::string written;
    store::put_change(written, *change);
    const auto again = store::get_change(written);
    CHECK(again && again->existed == change->existed && again->new_value == change->new_value &&
          again->old_value == change->old_value);
  } else {
    CHECK(change.error().kind == ErrorKind::corrupt);
  }
  if (erasure && *erasure) {
    std::string written;
    store::put_range_erasure(written, **erasure);
    const auto again = store::get_range_erasure(written);
    CHECK(again && *again && (*again)->to == (*erasure)->to);
  }
}

// The key's size, the key, the change: as a follower of a feed gets it.
void check_feed(std::string_view bytes) {
  base::ByteReader in(bytes);
  log::Record record;
  record.sequence = SequenceNumber(7);
  record.time = ProcessingTime(1569888000000);
  record.key = in.bytes();
  record.data = in.raw(in.remaining());
  table::TableDefinition table;
  table.name = "Products";
  table.hash_key = {"id", table::KeyType::string};
  table.range_key = table::KeyAttribute{"version", table::KeyType::number};
  const auto change = table::decode_change(table, record);
  for (const auto view : {table::ViewType::keys_only, table::ViewType::new_and_old_images}) {
    std::string json = "{";
    const auto shown = table::put_change_json(json, table, record, view);
    if (!shown) {
      CHECK(shown.error().kind == ErrorKind::corrupt);
      continue;
    }
    if (!change || !simdjson::validate_utf8(json.data(), json.size())) continue;
    json += '}';
    simdjson::dom::parser parser;
    simdjson::dom::object object;
    CHECK(parser.parse(json).get(object) == simdjson::SUCCESS, "{}", json);
  }
}

void check_position(std::string_view text) {
  const auto position = function::parse_position(text);
  if (!position) {
    CHECK(position.error().kind == ErrorKind::corrupt);
    return;
  }
  if (position->source.name.empty() && position->source.id.empty()) return;  // of an older version
  const auto again = function::parse_position(function::position_value(position->next, position->source));
  CHECK(again && again->next == position->next && again->source == position->source);
}

void check_iterator(std::string_view text) {
  constexpr int64_t life_ms = 300'000;
  for (const auto use : {api::ShardIterator::Use::read, api::ShardIterator::Use::list}) {
    (void)api::ShardIterator::decode(text, ProcessingTime(1569888000000), life_ms, use);
  }
  // What was given out is understood.
  api::ShardIterator iterator;
  iterator.stream = text.substr(0, 128);  // no name is longer
  iterator.stream_id = text.size() * 0x9e3779b97f4a7c15u;
  iterator.shard = ShardId(static_cast<uint32_t>(text.size()));
  iterator.next = SequenceNumber(iterator.stream_id >> 1);
  iterator.issued = ProcessingTime(1569888000000);
  const auto back = api::ShardIterator::decode(iterator.encode(), iterator.issued, life_ms);
  CHECK(back && back->stream == iterator.stream && back->stream_id == iterator.stream_id &&
        back->shard == iterator.shard && back->next == iterator.next);
}

}  // namespace
}  // namespace millrace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace;
  fuzz::Input input(data, size);
  switch (input.byte()) {
    case 'd':
      check_definition(input.rest());
      break;
    case 'c':
      check_change(input.rest());
      break;
    case 'f':
      check_feed(input.rest());
      break;
    case 'p':
      check_position(input.rest());
      break;
    case 'i':
      check_iterator(input.rest());
      break;
    default:
      break;
  }
  return 0;
}
