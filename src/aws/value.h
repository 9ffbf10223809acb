#pragma once
// What a request says, whatever its coding: a tree as its shape describes it (aws/shape.h), so that who asks for a
// member as what it is described as never finds another type. Values; any thread.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.h"
#include "base/ids.h"

namespace millrace::aws {

// Bytes that are no text.
struct Blob {
  std::string bytes;
  bool operator==(const Blob&) const = default;
};

class Value {
 public:
  using List = std::vector<Value>;
  using Members = std::vector<std::pair<std::string, Value>>;  // of a structure or a map, each name once

  Value() = default;  // null
  explicit Value(bool value) : held_(value) {}
  explicit Value(int64_t value) : held_(value) {}
  explicit Value(double value) : held_(value) {}
  explicit Value(std::string text) : held_(std::move(text)) {}
  explicit Value(Blob blob) : held_(std::move(blob)) {}
  explicit Value(ProcessingTime time) : held_(time) {}
  explicit Value(List list) : held_(std::move(list)) {}
  explicit Value(Members members) : held_(std::move(members)) {}

  // Each for a value of this type; another is a bug.
  bool boolean() const { return as<bool>(); }
  int64_t integer() const { return as<int64_t>(); }
  double floating() const { return as<double>(); }
  std::string_view text() const { return as<std::string>(); }
  std::string_view blob() const { return as<Blob>().bytes; }
  ProcessingTime time() const { return as<ProcessingTime>(); }
  const List& list() const { return as<List>(); }
  const Members& members() const { return as<Members>(); }

  // A member of a structure or map; null if it was not given.
  const Value* find(std::string_view name) const {
    for (const auto& [each, value] : members()) {
      if (each == name) return value.is_null() ? nullptr : &value;
    }
    return nullptr;
  }
  bool has(std::string_view name) const { return find(name) != nullptr; }
  std::optional<bool> boolean(std::string_view name) const { return given(name, &Value::as<bool>); }
  std::optional<int64_t> integer(std::string_view name) const { return given(name, &Value::as<int64_t>); }
  std::optional<ProcessingTime> time(std::string_view name) const { return given(name, &Value::as<ProcessingTime>); }
  std::optional<std::string_view> text(std::string_view name) const {
    const Value* const found = find(name);
    return found == nullptr ? std::nullopt : std::optional(found->text());
  }

  bool is_null() const { return std::holds_alternative<std::monostate>(held_); }
  bool operator==(const Value&) const = default;

 private:
  template <class T>
  const T& as() const {
    const T* const held = std::get_if<T>(&held_);
    CHECK(held != nullptr, "a value is asked for as what its shape does not make it");
    return *held;
  }

  template <class T>
  std::optional<T> given(std::string_view name, const T& (Value::*as)() const) const {
    const Value* const found = find(name);
    return found == nullptr ? std::nullopt : std::optional<T>((found->*as)());
  }

  std::variant<std::monostate, bool, int64_t, double, std::string, Blob, ProcessingTime, List, Members> held_;
};

}  // namespace millrace::aws
