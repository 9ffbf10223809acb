#include <array>

#include "table/item_json.h"
#include "table/item_merge.h"
#include "table/keys.h"
#include "table/table.h"

namespace millrace::table {
namespace {

std::string_view name_of(Change::Kind kind) {
  switch (kind) {
    case Change::Kind::insert:
      return "INSERT";
    case Change::Kind::modify:
      return "MODIFY";
    case Change::Kind::remove:
      return "REMOVE";
  }
  return "";
}

std::string_view name_of(ViewType view) {
  switch (view) {
    case ViewType::keys_only:
      return "KEYS_ONLY";
    case ViewType::new_image:
      return "NEW_IMAGE";
    case ViewType::old_image:
      return "OLD_IMAGE";
    case ViewType::new_and_old_images:
      return "NEW_AND_OLD_IMAGES";
  }
  return "";
}

bool shows_new(ViewType view) {
  return view == ViewType::new_image || view == ViewType::new_and_old_images;
}
bool shows_old(ViewType view) {
  return view == ViewType::old_image || view == ViewType::new_and_old_images;
}

Change::Kind kind_of(const store::ChangeView& stored) {
  if (!stored.new_value) return Change::Kind::remove;
  return stored.existed ? Change::Kind::modify : Change::Kind::insert;
}

std::unexpected<Error> no_image(const TableDefinition& table, const log::Record& record) {
  return fail(ErrorKind::corrupt, "change {} of table {} has neither a new nor an old image", record.sequence,
              table.name);
}

}  // namespace

Result<Change> decode_change(const TableDefinition& table, const log::Record& record) {
  TRY_ASSIGN(const auto stored, store::get_change(record.data));
  Change change;
  std::optional<Item> old_item;
  if (stored.new_value) {
    TRY_ASSIGN(change.new_image, get_item(*stored.new_value));
  }
  // An erased item's keys are read from the old image, even where the view does not show it.
  const bool wants_old = table.change_feed && shows_old(*table.change_feed);
  if (stored.old_value && (wants_old || !stored.new_value)) {
    TRY_ASSIGN(old_item, get_item(*stored.old_value));
  }
  if (!change.new_image && !old_item) {
    return no_image(table, record);
  }
  change.keys = key_attributes(table, change.new_image ? *change.new_image : *old_item);
  change.kind = kind_of(stored);
  change.expired = stored.expired;
  if (wants_old) change.old_image = std::move(old_item);
  return change;
}

Result<void> put_change_json(std::string& out, const TableDefinition& table, const log::Record& record, ViewType view) {
  TRY_ASSIGN(const auto stored, store::get_change(record.data));
  if (!stored.new_value && !stored.old_value) return no_image(table, record);
  // The API of DynamoDB Streams and Lambda's events spell it differently.
  if (stored.expired) {
    out += R"("userIdentity":{"Type":"Service","PrincipalId":"dynamodb.amazonaws.com","type":"Service",)"
           R"("principalId":"dynamodb.amazonaws.com"},)";
  }
  fmt::format_to(std::back_inserter(out), R"("eventName":"{}","dynamodb":{{"ApproximateCreationDateTime":{})",
                 name_of(kind_of(stored)), record.time.value / 1000);
  size_t size = 0;
  const auto put = [&](std::string_view name, std::string_view item) -> Result<void> {
    out.append(name);
    TRY(put_json_of_stored(out, item));
    TRY_ASSIGN(const size_t bytes, stored_item_size(item));
    size += bytes;
    return {};
  };
  const std::array<std::string_view, 2> key_names = {table.hash_key.name,
                                                     table.range_key ? table.range_key->name : table.hash_key.name};
  thread_local std::string keys;
  keys.clear();
  TRY(put_selected(keys, stored.new_value ? *stored.new_value : *stored.old_value, key_names));
  TRY(put(R"(,"Keys":)", keys));
  if (stored.new_value && shows_new(view)) TRY(put(R"(,"NewImage":)", *stored.new_value));
  if (stored.old_value && shows_old(view)) TRY(put(R"(,"OldImage":)", *stored.old_value));
  fmt::format_to(std::back_inserter(out), R"(,"SequenceNumber":"{}","SizeBytes":{},"StreamViewType":"{}"}})",
                 sequence_format(table).text(record.sequence), size, name_of(view));
  return {};
}

// A keyspace is never given again, and the time tells it from one of another data directory.
base::SequenceFormat sequence_format(const TableDefinition& table) {
  return {table.keyspace, static_cast<uint64_t>(table.created.value)};
}

}  // namespace millrace::table
