#include <charconv>

#include "table/item_json.h"
#include "table/keys.h"
#include "table/table.h"

namespace millrace::table {
namespace {

constexpr size_t sequence_digits = 20;  // of the largest 64-bit number

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
    return fail(ErrorKind::corrupt, "change {} of table {} has neither a new nor an old image", record.sequence,
                table.name);
  }
  change.keys = key_attributes(table, change.new_image ? *change.new_image : *old_item);
  if (!change.new_image) {
    change.kind = Change::Kind::remove;
  } else {
    change.kind = stored.existed ? Change::Kind::modify : Change::Kind::insert;
  }
  if (wants_old) change.old_image = std::move(old_item);
  return change;
}

void put_change_json(std::string& out, const TableDefinition&, const Change& change, const log::Record& record,
                     ViewType view) {
  size_t bytes = item_size(change.keys);
  fmt::format_to(std::back_inserter(out), R"("eventName":"{}","dynamodb":{{"ApproximateCreationDateTime":{},"Keys":)",
                 name_of(change.kind), record.time.value / 1000);
  put_json(out, change.keys);
  if (change.new_image && shows_new(view)) {
    out.append(R"(,"NewImage":)");
    put_json(out, *change.new_image);
    bytes += item_size(*change.new_image);
  }
  if (change.old_image && shows_old(view)) {
    out.append(R"(,"OldImage":)");
    put_json(out, *change.old_image);
    bytes += item_size(*change.old_image);
  }
  fmt::format_to(std::back_inserter(out), R"(,"SequenceNumber":"{}","SizeBytes":{},"StreamViewType":"{}"}})",
                 wire_sequence_number(record.sequence), bytes, name_of(view));
}

std::string wire_sequence_number(SequenceNumber sequence) {
  return fmt::format("1{:020}", sequence.value);
}

Result<SequenceNumber> parse_wire_sequence_number(std::string_view text) {
  uint64_t value = 0;
  const char* const end = text.data() + text.size();
  if (text.size() == 1 + sequence_digits && text.front() == '1') {
    const auto parsed = std::from_chars(text.data() + 1, end, value);
    if (parsed.ec == std::errc() && parsed.ptr == end) return SequenceNumber(value);
  }
  return fail(ErrorKind::invalid_argument, "Invalid SequenceNumber: {}; it is one that a record of the feed carried",
              text);
}

}  // namespace millrace::table
