#pragma once
// What the operations of a service take, as AWS's models say it: the types of a request's members and what must hold of
// them. Constants, which scripts/describe_operations makes; any thread.
// https://smithy.io/2.0/spec/constraint-traits.html

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace millrace::aws {

enum class ShapeKind : uint8_t {
  structure,
  list,
  map,  // of texts to values of one shape
  text,
  blob,
  boolean,
  integer,       // 32 bits
  long_integer,  // 64 bits
  floating,
  timestamp,
};

struct Shape;

struct ShapeMember {
  std::string_view name;  // "StreamName"
  const Shape* shape;
  bool required = false;
};

struct Shape {
  std::string_view name;  // in the model, such as "StreamName" or "PutRecordsRequestEntry"
  ShapeKind kind;
  std::span<const ShapeMember> members = {};  // of a structure
  const Shape* element = nullptr;             // of a list; of a map, its values'
  const Shape* key = nullptr;                 // of a map

  // What must hold: of a number; of the length of a text in characters, of a blob in bytes, of a list or map in
  // elements.
  std::optional<int64_t> least = {};
  std::optional<int64_t> most = {};
  std::string_view pattern = {};                  // which all of a text matches; empty: any
  std::span<const std::string_view> values = {};  // which a text is one of; empty: any
};

}  // namespace millrace::aws
