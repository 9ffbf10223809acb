#include "table/item_merge.h"

#include <algorithm>

#include "base/bytes.h"
#include "table/item_bytes.h"

namespace millrace::table {
namespace {

// Walks the attributes of stored bytes: their names, and the stretch from the name's size to the value's end.
class Attributes {
 public:
  explicit Attributes(std::string_view bytes) : in_(bytes) {
    ok_ = in_.u8() == item_format;
    left_ = in_.varint();
    next();
  }

  bool valid() const { return valid_; }
  std::string_view name() const { return name_; }
  std::string_view whole() const { return whole_; }
  bool ok() const { return ok_ && in_.ok(); }

  void next() {
    valid_ = ok() && left_ > 0;
    if (!valid_) return;
    --left_;
    const char* begin = in_.position();
    name_ = in_.bytes();
    ok_ = skip_value(in_, static_cast<Tag>(in_.u8())) && in_.ok();
    valid_ = ok_;
    whole_ = std::string_view(begin, static_cast<size_t>(in_.position() - begin));
  }

 private:
  base::ByteReader in_;
  uint64_t left_ = 0;
  std::string_view name_;
  std::string_view whole_;
  bool valid_ = false;
  bool ok_ = true;
};

void put_whole(std::string& out, uint64_t count, std::string_view attributes) {
  base::put_u8(out, item_format);
  base::put_varint(out, count);
  out.append(attributes);
}

// The attributes of which `wanted(name)` holds, and their number.
template <class F>
Result<size_t> put_if(std::string& out, std::string_view item, F wanted) {
  thread_local std::string selected;
  selected.clear();
  size_t count = 0;
  Attributes attributes(item);
  for (; attributes.valid(); attributes.next()) {
    if (!wanted(attributes.name())) continue;
    selected.append(attributes.whole());
    ++count;
  }
  if (!attributes.ok()) return std::unexpected(damaged_item());
  put_whole(out, count, selected);
  return count;
}

}  // namespace

Result<void> put_merged(std::string& out, std::string_view base, std::string_view over) {
  // The count comes first and its size depends on it, so the attributes are gathered before.
  thread_local std::string merged;
  merged.clear();
  uint64_t count = 0;
  Attributes a(base);
  Attributes b(over);
  while (a.valid() || b.valid()) {
    const int order = !a.valid() ? 1 : !b.valid() ? -1 : a.name().compare(b.name());
    merged.append(order < 0 ? a.whole() : b.whole());
    ++count;
    if (order <= 0) a.next();
    if (order >= 0) b.next();
  }
  if (!a.ok() || !b.ok()) return std::unexpected(damaged_item());
  put_whole(out, count, merged);
  return {};
}

Result<void> put_selected(std::string& out, std::string_view item, std::span<const std::string_view> names) {
  TRY(put_if(out, item, [&](std::string_view name) { return std::ranges::find(names, name) != names.end(); }));
  return {};
}

Result<size_t> put_without(std::string& out, std::string_view item, std::span<const std::string_view> names) {
  return put_if(out, item, [&](std::string_view name) { return std::ranges::find(names, name) == names.end(); });
}

}  // namespace millrace::table
