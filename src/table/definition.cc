#include "table/definition.h"

#include <fmt/chrono.h>

#include <algorithm>

#include "base/bytes.h"
#include "table/index.h"

namespace millrace::table {
namespace {

constexpr uint8_t format = 2;
constexpr uint8_t format_without_facts = 1;  // of earlier versions: it ends after the feed's label
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

// What came after the first format, each with its number, so that one can be added. 0 ends them.
enum class Fact : uint8_t {
  end = 0,
  index = 1,
  billing = 2,
  infrequent_access = 3,
  deletion_protected = 4,
  expiry = 5,
  tag = 6,
  feed_begin = 7
};

void put_attributes(std::string& out, const std::vector<KeyAttribute>& attributes) {
  base::put_varint(out, attributes.size());
  for (const KeyAttribute& attribute : attributes) put_attribute(out, attribute);
}

// Counts are not believed before what they count is there.
std::vector<KeyAttribute> get_attributes(base::ByteReader& in, bool& known) {
  std::vector<KeyAttribute> attributes;
  for (uint64_t left = in.varint(); left > 0 && in.ok(); --left) attributes.push_back(get_attribute(in, known));
  return attributes;
}

void put_throughput(std::string& out, const Throughput& throughput) {
  base::put_signed_varint(out, throughput.read_units);
  base::put_signed_varint(out, throughput.write_units);
}

Throughput get_throughput(base::ByteReader& in) {
  Throughput throughput;
  throughput.read_units = in.signed_varint();
  throughput.write_units = in.signed_varint();
  return throughput;
}

void put_index(std::string& out, const IndexDefinition& index) {
  base::put_bytes(out, index.name);
  base::put_u8(out, index.global ? 1 : 0);
  put_attributes(out, index.hash_key);
  put_attributes(out, index.range_key);
  base::put_u8(out, static_cast<uint8_t>(index.projection));
  base::put_varint(out, index.included.size());
  for (const std::string& name : index.included) base::put_bytes(out, name);
  put_throughput(out, index.throughput);
  base::put_varint(out, index.keyspace.value);
  base::put_u8(out, index.backfilling ? 1 : 0);
}

IndexDefinition get_index(base::ByteReader& in, bool& known) {
  IndexDefinition index;
  index.name = in.bytes();
  index.global = in.u8() != 0;
  index.hash_key = get_attributes(in, known);
  index.range_key = get_attributes(in, known);
  const uint8_t projection = in.u8();
  known &= projection <= static_cast<uint8_t>(Projection::all);
  index.projection = static_cast<Projection>(projection);
  for (uint64_t left = in.varint(); left > 0 && in.ok(); --left) index.included.emplace_back(in.bytes());
  index.throughput = get_throughput(in);
  index.keyspace = store::Keyspace(static_cast<uint32_t>(in.varint()));
  index.backfilling = in.u8() != 0;
  return index;
}

void put_fact(std::string& out, Fact fact) {
  base::put_u8(out, static_cast<uint8_t>(fact));
}

void put_facts(std::string& out, const TableDefinition& definition) {
  for (const IndexDefinition& index : definition.indexes) {
    put_fact(out, Fact::index);
    put_index(out, index);
  }
  if (definition.provisioned || definition.billing_changed.value != 0) {
    put_fact(out, Fact::billing);
    base::put_u8(out, definition.provisioned ? 1 : 0);
    put_throughput(out, definition.throughput);
    base::put_signed_varint(out, definition.billing_changed.value);
  }
  if (definition.infrequent_access) put_fact(out, Fact::infrequent_access);
  if (definition.deletion_protected) put_fact(out, Fact::deletion_protected);
  if (!definition.expiry_attribute.empty()) {
    put_fact(out, Fact::expiry);
    base::put_bytes(out, definition.expiry_attribute);
  }
  for (const auto& [name, value] : definition.tags) {
    put_fact(out, Fact::tag);
    base::put_bytes(out, name);
    base::put_bytes(out, value);
  }
  if (definition.feed_begin.value != 0) {
    put_fact(out, Fact::feed_begin);
    base::put_varint(out, definition.feed_begin.value);
  }
  put_fact(out, Fact::end);
}

// False: there is no such fact, or they are at their end.
bool get_fact(base::ByteReader& in, TableDefinition& definition, bool& known) {
  switch (static_cast<Fact>(in.u8())) {
    case Fact::end:
      return false;
    case Fact::index:
      definition.indexes.push_back(get_index(in, known));
      return true;
    case Fact::billing:
      definition.provisioned = in.u8() != 0;
      definition.throughput = get_throughput(in);
      definition.billing_changed = ProcessingTime(in.signed_varint());
      return true;
    case Fact::infrequent_access:
      definition.infrequent_access = true;
      return true;
    case Fact::deletion_protected:
      definition.deletion_protected = true;
      return true;
    case Fact::expiry:
      definition.expiry_attribute = in.bytes();
      return true;
    case Fact::feed_begin:
      definition.feed_begin = SequenceNumber(in.varint());
      return true;
    case Fact::tag: {
      std::string name(in.bytes());
      definition.tags.insert_or_assign(std::move(name), std::string(in.bytes()));
      return true;
    }
  }
  known = false;
  return false;
}

bool may_be_in_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
}

Result<void> check_name(const std::string& name) {
  if (name.size() < name_bytes_min || name.size() > name_bytes_max || !std::ranges::all_of(name, may_be_in_name)) {
    return fail(
        ErrorKind::invalid_argument,
        "Invalid table/index name.  Table/index names must be between 3 and 255 characters long, and may contain "
        "only the characters a-z, A-Z, 0-9, '_', '-', and '.'");
  }
  return {};
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
  put_facts(out, definition);
}

Result<TableDefinition> get_definition(std::string_view bytes) {
  base::ByteReader in(bytes);
  const uint8_t written_as = in.u8();
  bool known = written_as == format || written_as == format_without_facts;
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
  while (written_as == format && in.ok() && get_fact(in, definition, known)) {
  }
  if (!known || !in.ok() || !in.done()) {
    return fail(ErrorKind::corrupt,
                "the definition of a table is damaged or of a later version; open the data with the version that wrote "
                "it, or restore it from a copy");
  }
  return definition;
}

Result<void> check_definition(const TableDefinition& definition) {
  TRY(check_name(definition.name));
  TRY(check_attribute(definition.hash_key));
  if (definition.range_key) {
    TRY(check_attribute(*definition.range_key));
    if (definition.range_key->name == definition.hash_key.name) {
      return fail(ErrorKind::invalid_argument,
                  "Both the Hash Key and the Range Key element in the KeySchema have the same name");
    }
  }
  for (const IndexDefinition& index : definition.indexes) {
    if (index.is_hidden()) continue;
    TRY(check_name(index.name));
    for (const KeyAttribute& attribute : index.hash_key) TRY(check_attribute(attribute));
    for (const KeyAttribute& attribute : index.range_key) TRY(check_attribute(attribute));
  }
  return check_indexes(definition);
}

std::string feed_label_of(ProcessingTime created) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}", fmt::gmtime(static_cast<std::time_t>(created.value / 1000)),
                     created.value % 1000);
}

}  // namespace millrace::table
