// A request in CBOR, read as a shape that has every type, and within itself: what was read and is written again is read
// as the same.

#include "aws/cbor.h"
#include "aws/coding.h"
#include "input.h"

namespace millrace::fuzz {
namespace {

using aws::Shape;
using aws::ShapeKind;
using aws::ShapeMember;
using aws::Value;

constexpr Shape text{.name = "Text", .kind = ShapeKind::text};
constexpr Shape blob{.name = "Blob", .kind = ShapeKind::blob};
constexpr Shape flag{.name = "Flag", .kind = ShapeKind::boolean};
constexpr Shape number{.name = "Number", .kind = ShapeKind::integer};
constexpr Shape big{.name = "Big", .kind = ShapeKind::long_integer};
constexpr Shape time{.name = "Time", .kind = ShapeKind::timestamp};
extern const Shape everything;
constexpr Shape list{.name = "List", .kind = ShapeKind::list, .element = &everything};
constexpr Shape map{.name = "Map", .kind = ShapeKind::map, .element = &blob, .key = &text};
constexpr ShapeMember members[] = {{"t", &text}, {"b", &blob}, {"f", &flag}, {"n", &number},
                                   {"g", &big},  {"m", &time}, {"l", &list}, {"p", &map}};
constexpr Shape everything{.name = "Everything", .kind = ShapeKind::structure, .members = members};

void write(std::string& out, const Value& value, const Shape& shape) {
  if (value.is_null()) {
    out.push_back('\xf6');
    return;
  }
  switch (shape.kind) {
    case ShapeKind::structure:
    case ShapeKind::map:
      aws::cbor::begin_map(out);
      for (const auto& [name, held] : value.members()) {
        const Shape* described = shape.element;
        for (const ShapeMember& each : shape.members) {
          if (each.name == name) described = each.shape;
        }
        aws::cbor::append_text(out, name);
        write(out, held, *described);
      }
      return aws::cbor::end(out);
    case ShapeKind::list:
      aws::cbor::begin_list(out);
      for (const Value& each : value.list()) write(out, each, *shape.element);
      return aws::cbor::end(out);
    case ShapeKind::text:
      return aws::cbor::append_text(out, value.text());
    case ShapeKind::blob:
      return aws::cbor::append_bytes(out, value.blob());
    case ShapeKind::boolean:
      return aws::cbor::append_boolean(out, value.boolean());
    case ShapeKind::integer:
    case ShapeKind::long_integer:
      return aws::cbor::append_integer(out, value.integer());
    case ShapeKind::timestamp:
      return aws::cbor::append_time(out, value.time());
    case ShapeKind::floating:
      break;
  }
  CHECK(false, "a shape that is not written");
}

}  // namespace
}  // namespace millrace::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace;
  fuzz::Input input(data, size);
  const fuzz::Exact body(input.rest());
  aws::RequestReader reader;
  const auto value = reader.read(aws::Coding::cbor_1_1, body.view(), fuzz::everything);
  if (!value) {
    CHECK(value.error().name == "SerializationException");
    return 0;
  }
  std::string written;
  fuzz::write(written, *value, fuzz::everything);
  const auto again = reader.read(aws::Coding::cbor_1_1, written, fuzz::everything);
  CHECK(again.has_value(), "{}", again.error().message);
  CHECK(*again == *value, "another value is read from what was written");
  return 0;
}
