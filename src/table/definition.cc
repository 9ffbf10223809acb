#include "table/definition.h"

#include <fmt/chrono.h>

#include <algorithm>

#include "base/bytes.h"

namespace millrace::table {
namespace {

constexpr uint8_t format = 1;
constexpr uint8_t no_change_feed = 0xff;
constexpr size_t name_bytes_min = 3;
constexpr size_t name_bytes_max = 255;

void put_attribute(std::string& out, const KeyAttribute& attribute) {
  base::put_bytes(out, attribute.name);
  base::put_u8(out, static_cast<uint8_t>(attribute.type));
}

KeyAttribute get_attribute(base::ByteReader& in, bool& known) {
  KeyAttribute attribute;
  attribute.name = in.bytes();
  const uint8_t type = in.u8();
  known &= type <= static_cast<uint8_t>(KeyType::binary);
  attribute.type = static_cast<KeyType>(type);
  return attribute;
}

bool may_be_in_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
}

Result<void> check_attribute(const KeyAttribute& attribute) {
  if (attribute.name.empty() || attribute.name.size() > name_bytes_max) {
    return fail(ErrorKind::invalid_argument,
                "Member must have length less than or equal to {}; it is the name of a key", name_bytes_max);
  }
  return {};
}

}  // namespace

void put_definition(std::string& out, const TableDefinition& definition) {
  base::put_u8(out, format);
  base::put_bytes(out, definition.name);
  put_attribute(out, definition.hash_key);
  base::put_u8(out, definition.range_key ? 1 : 0);
  if (definition.range_key) put_attribute(out, *definition.range_key);
  base::put_u8(out, definition.change_feed ? static_cast<uint8_t>(*definition.change_feed) : no_change_feed);
  base::put_varint(out, definition.keyspace.value);
  base::put_signed_varint(out, definition.created.value);
  base::put_bytes(out, definition.feed_label);
}

Result<TableDefinition> get_definition(std::string_view bytes) {
  base::ByteReader in(bytes);
  bool known = in.u8() == format;
  TableDefinition definition;
  definition.name = in.bytes();
  definition.hash_key = get_attribute(in, known);
  if (in.u8() != 0) definition.range_key = get_attribute(in, known);
  if (const uint8_t view = in.u8(); view != no_change_feed) {
    known &= view <= static_cast<uint8_t>(ViewType::new_and_old_images);
    definition.change_feed = static_cast<ViewType>(view);
  }
  definition.keyspace = store::Keyspace(static_cast<uint32_t>(in.varint()));
  definition.created = ProcessingTime(in.signed_varint());
  definition.feed_label = in.bytes();
  if (!known || !in.ok() || !in.done()) {
    return fail(ErrorKind::corrupt,
                "the definition of a table is damaged or of a later version; open the data with the version that wrote "
                "it, or restore it from a copy");
  }
  return definition;
}

Result<void> check_definition(const TableDefinition& definition) {
  const std::string& name = definition.name;
  if (name.size() < name_bytes_min || name.size() > name_bytes_max || !std::ranges::all_of(name, may_be_in_name)) {
    return fail(
        ErrorKind::invalid_argument,
        "Invalid table/index name.  Table/index names must be between 3 and 255 characters long, and may contain "
        "only the characters a-z, A-Z, 0-9, '_', '-', and '.'");
  }
  TRY(check_attribute(definition.hash_key));
  if (!definition.range_key) return {};
  TRY(check_attribute(*definition.range_key));
  if (definition.range_key->name == definition.hash_key.name) {
    return fail(ErrorKind::invalid_argument,
                "Both the Hash Key and the Range Key element in the KeySchema have the same name");
  }
  return {};
}

std::string feed_label_of(ProcessingTime created) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}", fmt::gmtime(static_cast<std::time_t>(created.value / 1000)),
                     created.value % 1000);
}

}  // namespace millrace::table
