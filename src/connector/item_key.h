#pragma once
// The key of an item out of a row's columns. Values, one thread.

#include <string>
#include <string_view>
#include <vector>

#include "data/batch.h"
#include "table/item_writer.h"
#include "table/keys.h"

namespace millrace::connector {

class ItemKey {
 public:
  // `names` are those of the columns; all of the table's key must be among them.
  ItemKey(table::TablePtr table, const std::vector<std::string>& names);

  // Takes the row's key. False: NULL, an empty text, a number that is none, or one beyond DynamoDB's sizes; no item can
  // have such a key.
  bool take(const std::vector<data::ColumnPtr>& columns, size_t row);

  // Of the row taken last; good until the next one, and as long as the columns live.
  std::string_view bytes() const { return bytes_; }
  // Adds the key attribute that column `n` is, as it stands in the item; false: that column is none.
  bool put_attribute(table::ItemWriter& out, size_t n) const;

 private:
  struct Part {
    const table::KeyAttribute* attribute;
    size_t column;
    table::KeyValue value;
    std::string text;  // of a time
  };
  bool take(Part& part, const data::Column& column, size_t row);

  table::TablePtr table_;
  std::vector<Part> parts_;  // the hash key, the range key
  std::string bytes_;
};

}  // namespace millrace::connector
