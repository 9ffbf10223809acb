// Items as JSON and as stored bytes. The first byte says which: '{' begins JSON, anything else stored bytes.
//
// JSON -> item -> JSON -> item gives the same item; so does item -> stored bytes -> item; JSON that is made of stored
// bytes without an item is that of the item; the sizes agree; stored bytes that are read are read by all readers.

#include "table/item.h"

#include "input.h"
#include "item_text.h"
#include "table/item_bytes.h"
#include "table/item_merge.h"

namespace millrace::table {
namespace {

constexpr std::string_view first_name = "id";

void check_item(const Item& item) {
  std::string stored;
  put_item(stored, item);
  const auto again = get_item(stored);
  CHECK(again.has_value() && *again == item);

  const auto size = stored_item_size(stored);
  CHECK(size.has_value() && *size == item_size(item), "{} and {}", size.value_or(0), item_size(item));
  const auto attribute = get_attribute(stored, first_name);
  const auto found = item.find(first_name);
  CHECK(attribute.has_value() && attribute->has_value() == (found != item.end()));
  if (found != item.end()) CHECK(**attribute == found->second);

  std::string json;
  put_json(json, item);
  std::string json_of_stored;
  CHECK(put_json_of_stored(json_of_stored, stored).has_value());
  CHECK(json == json_of_stored, "{}\n{}", json, json_of_stored);

  const std::string_view names[] = {first_name};
  std::string selected;
  std::string others;
  std::string merged;
  CHECK(put_selected(selected, stored, names).has_value());
  CHECK(put_without(others, stored, names).has_value());
  CHECK(put_merged(merged, others, selected).has_value());
  CHECK(merged == stored);
}

void check_json(std::string_view json) {
  const auto item = fuzz::item_of(json);
  if (!item) return;
  check_item(*item);
  std::string written;
  put_json(written, *item);
  const auto again = fuzz::item_of(written);
  CHECK(again.has_value(), "{}: {}", written, again.error().message);
  CHECK(*again == *item, "{}", written);
}

void check_stored(std::string_view bytes) {
  const auto item = get_item(bytes);
  std::string json;
  const bool has_json = put_json_of_stored(json, bytes).has_value();
  CHECK(has_json == item.has_value(), "{}", json);
  CHECK(stored_item_size(bytes).has_value() == item.has_value());
  (void)get_attribute(bytes, first_name);
  const std::string_view names[] = {first_name};
  std::string out;
  (void)put_selected(out, bytes, names);
  (void)put_merged(out, bytes, bytes);
  if (item) check_item(*item);
}

}  // namespace
}  // namespace millrace::table

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (input.starts_with('{')) {
    millrace::table::check_json(input);
  } else {
    millrace::table::check_stored(input);
  }
  return 0;
}
