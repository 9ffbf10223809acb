#include "aws/validation.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>

namespace millrace::aws {
namespace {

// As many as the descriptions have.
bool matches(std::string_view text, std::string_view pattern) {
  static std::mutex mutex;
  static std::map<std::string_view, std::unique_ptr<RE2>> compiled;
  const std::lock_guard lock(mutex);
  std::unique_ptr<RE2>& expression = compiled[pattern];
  if (!expression) expression = std::make_unique<RE2>(re2::StringPiece(pattern.data(), pattern.size()), RE2::Quiet);
  CHECK(expression->ok(), "the pattern {} is none of RE2's: {}", pattern, expression->error());
  return RE2::FullMatch(re2::StringPiece(text.data(), text.size()), *expression);
}

int64_t characters(std::string_view utf8) {
  return std::ranges::count_if(utf8, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; });
}

// Cuts at a character's begin.
void shorten(std::string& text, size_t bytes_max) {
  if (text.size() <= bytes_max) return;
  size_t end = bytes_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  text.resize(end);
  text += "...";
}

// As Java prints them; stops soon after what is shown.
void append_shown(std::string& out, const Value& value, const Shape& shape) {
  if (value.is_null()) {
    out += "null";
    return;
  }
  if (out.size() > Validation::shown_bytes_max) return;
  switch (shape.kind) {
    case ShapeKind::structure:
    case ShapeKind::map: {
      const bool is_map = shape.kind == ShapeKind::map;
      if (!is_map) out += shape.name;
      out += is_map ? '{' : '(';
      for (size_t i = 0; const auto& [name, held] : value.members()) {
        if (out.size() > Validation::shown_bytes_max) break;
        if (i++ > 0) out += ", ";
        out += name;
        out += '=';
        const Shape* described = shape.element;
        for (const ShapeMember& each : shape.members) {
          if (each.name == name) described = each.shape;
        }
        append_shown(out, held, *described);
      }
      out += is_map ? '}' : ')';
      return;
    }
    case ShapeKind::list:
      out += '[';
      for (size_t i = 0; const Value& each : value.list()) {
        if (out.size() > Validation::shown_bytes_max) break;
        if (i++ > 0) out += ", ";
        append_shown(out, each, *shape.element);
      }
      out += ']';
      return;
    case ShapeKind::text:
      out += value.text();
      return;
    case ShapeKind::blob:
      out += fmt::format("java.nio.HeapByteBuffer[pos=0 lim={0} cap={0}]", value.blob().size());
      return;
    case ShapeKind::boolean:
      out += value.boolean() ? "true" : "false";
      return;
    case ShapeKind::integer:
    case ShapeKind::long_integer:
      out += fmt::format("{}", value.integer());
      return;
    case ShapeKind::floating:
      out += fmt::format("{}", value.floating());
      return;
    case ShapeKind::timestamp:
      out += fmt::format("{}", value.time().value);
      return;
  }
}

std::string shown(const Value& value, const Shape& shape) {
  if (value.is_null()) return "null";
  std::string out;
  append_shown(out, value, shape);
  shorten(out, Validation::shown_bytes_max);
  return fmt::format("'{}'", out);
}

// What least and most are about; nothing for what has no size.
std::optional<int64_t> size_of(const Value& value, const Shape& shape) {
  switch (shape.kind) {
    case ShapeKind::list:
      return value.list().size();
    case ShapeKind::map:
      return value.members().size();
    case ShapeKind::text:
      return characters(value.text());
    case ShapeKind::blob:
      return value.blob().size();
    case ShapeKind::integer:
    case ShapeKind::long_integer:
      return value.integer();
    default:
      return std::nullopt;
  }
}

bool is_number(const Shape& shape) {
  return shape.kind == ShapeKind::integer || shape.kind == ShapeKind::long_integer;
}

std::string at_least(const Shape& shape) {
  return fmt::format("Member must have {} greater than or equal to {}", is_number(shape) ? "value" : "length",
                     *shape.least);
}
std::string at_most(const Shape& shape) {
  return fmt::format("Member must have {} less than or equal to {}", is_number(shape) ? "value" : "length",
                     *shape.most);
}
std::string pattern_of(const Shape& shape) {
  return fmt::format("Member must satisfy regular expression pattern: {}", shape.pattern);
}
std::string values_of(const Shape& shape) {
  return fmt::format("Member must satisfy enum value set: [{}]", fmt::join(shape.values, ", "));
}

bool fits_pattern(const Value& value, const Shape& shape) {
  return shape.pattern.empty() || matches(value.text(), shape.pattern);
}
bool fits_values(const Value& value, const Shape& shape) {
  return shape.values.empty() || std::ranges::find(shape.values, value.text()) != shape.values.end();
}
bool fits_least(const Value& value, const Shape& shape) {
  return !shape.least || size_of(value, shape) >= *shape.least;
}
bool fits_most(const Value& value, const Shape& shape) {
  return !shape.most || size_of(value, shape) <= *shape.most;
}

bool fits(const Value& value, const Shape& shape) {
  return !value.is_null() && fits_pattern(value, shape) && fits_values(value, shape) && fits_least(value, shape) &&
         fits_most(value, shape);
}

// Everything that a simple value must be, for the sentences about the elements of lists and maps.
std::string constraints_of(const Shape& shape) {
  std::vector<std::string> all;
  if (shape.most) all.push_back(at_most(shape));
  if (shape.least) all.push_back(at_least(shape));
  if (!shape.values.empty()) all.push_back(values_of(shape));
  if (!shape.pattern.empty()) all.push_back(pattern_of(shape));
  if (all.empty()) all.emplace_back("Member must not be null");
  return fmt::format("[{}]", fmt::join(all, ", "));
}

bool is_simple(const Shape& shape) {
  return shape.kind != ShapeKind::structure && shape.kind != ShapeKind::list && shape.kind != ShapeKind::map;
}

std::string path_of(const std::string& parent, std::string_view member) {
  std::string path = parent.empty() ? std::string(member) : fmt::format("{}.{}", parent, member);
  char& first = path[parent.empty() ? 0 : parent.size() + 1];
  if (first >= 'A' && first <= 'Z') first = static_cast<char>(first - 'A' + 'a');
  return path;
}

class Validator {
 public:
  void check_members(const Value& structure, const Shape& shape, const std::string& path) {
    for (const ShapeMember& each : shape.members) {
      if (found_.is_full()) return;
      const Value* const value = structure.find(each.name);
      if (value != nullptr) {
        check(*value, *each.shape, path_of(path, each.name));
      } else if (each.required) {
        found_.fail("null", path_of(path, each.name), "Member must not be null");
      }
    }
  }

  std::optional<AwsError> error() const { return found_.error(); }

 private:
  void check(const Value& value, const Shape& shape, const std::string& path) {
    const auto hold = [&](bool holds, auto constraint) {
      if (!holds && !found_.is_full()) found_.fail(shown(value, shape), path, constraint(shape));
    };
    hold(fits_pattern(value, shape), pattern_of);
    hold(fits_values(value, shape), values_of);
    hold(fits_least(value, shape), at_least);
    hold(fits_most(value, shape), at_most);
    switch (shape.kind) {
      case ShapeKind::structure:
        return check_members(value, shape, path);
      case ShapeKind::list:
        return check_list(value, shape, path);
      case ShapeKind::map:
        return check_map(value, shape, path);
      default:
        return;
    }
  }

  void check_list(const Value& value, const Shape& shape, const std::string& path) {
    const Shape& element = *shape.element;
    if (is_simple(element)) {
      const bool all = std::ranges::all_of(value.list(), [&](const Value& each) { return fits(each, element); });
      if (!all) {
        found_.fail(shown(value, shape), path,
                    fmt::format("Member must satisfy constraint: {}", constraints_of(element)));
      }
      return;
    }
    for (size_t i = 0; i < value.list().size() && !found_.is_full(); ++i) {
      check_element(value.list()[i], element, fmt::format("{}.{}.member", path, i + 1));
    }
  }

  void check_map(const Value& value, const Shape& shape, const std::string& path) {
    const bool keys =
        std::ranges::all_of(value.members(), [&](const auto& each) { return fits(Value(each.first), *shape.key); });
    if (!keys) {
      found_.fail(shown(value, shape), path,
                  fmt::format("Map keys must satisfy constraint: {}", constraints_of(*shape.key)));
    }
    const Shape& element = *shape.element;
    if (is_simple(element)) {
      const bool all =
          std::ranges::all_of(value.members(), [&](const auto& each) { return fits(each.second, element); });
      if (!all) {
        found_.fail(shown(value, shape), path,
                    fmt::format("Map value must satisfy constraint: {}", constraints_of(element)));
      }
      return;
    }
    for (const auto& [key, each] : value.members()) {
      if (found_.is_full()) return;
      std::string name = key;
      shorten(name, Validation::shown_bytes_max);
      check_element(each, element, fmt::format("{}.{}.member", path, name));
    }
  }

  void check_element(const Value& value, const Shape& shape, const std::string& path) {
    if (value.is_null()) return found_.fail("null", path, "Member must not be null");
    check(value, shape, path);
  }

  Validation found_;
};

}  // namespace

void Validation::fail(std::string_view value, std::string_view path, std::string_view constraint) {
  if (is_full()) return;
  violations_.push_back(fmt::format("Value {} at '{}' failed to satisfy constraint: {}", value, path, constraint));
}

std::optional<AwsError> Validation::error() const {
  if (violations_.empty()) return std::nullopt;
  return AwsError{400, "ValidationException",
                  fmt::format("{} validation error{} detected: {}", violations_.size(),
                              violations_.size() == 1 ? "" : "s", fmt::join(violations_, "; "))};
}

std::optional<AwsError> validate(const Value& input, const Shape& shape) {
  Validator validator;
  validator.check_members(input, shape, "");
  return validator.error();
}

}  // namespace millrace::aws
