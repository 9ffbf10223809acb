#include "aws/coding.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "aws/cbor.h"
#include "aws/query.h"
#include "base/base64.h"

namespace millrace::aws {
namespace {

namespace ondemand = simdjson::ondemand;
using ondemand::json_type;

template <class T>
using Read = std::expected<T, AwsError>;

std::unexpected<AwsError> refuse(std::string message) {
  return std::unexpected(AwsError{400, "SerializationException", std::move(message)});
}

std::unexpected<AwsError> refuse_cbor() {
  return refuse("The body is not the CBOR that it should be.");
}

std::unexpected<AwsError> refuse_json() {
  return refuse("The body is not the JSON that it should be.");
}

// A value of another type than described, in AWS's words, which name Java's types.
enum class Given { boolean, number, text, blob, list, structure };

std::unexpected<AwsError> refuse_type(Given given, ShapeKind wanted) {
  switch (wanted) {
    case ShapeKind::structure:
      return refuse(given == Given::list ? "Start of list found where not expected" : "Expected null");
    case ShapeKind::map:
      return refuse(given == Given::list ? "Start of list found where not expected" : "Expected map or null");
    case ShapeKind::list:
      return refuse(given == Given::structure ? "Start of structure or map found where not expected."
                                              : "Expected list or null");
    default:
      break;
  }
  if (given == Given::list) return refuse("Start of list found where not expected");
  if (given == Given::structure) return refuse("Start of structure or map found where not expected.");
  constexpr std::string_view java_types[] = {"class java.lang.Boolean",
                                             "class com.amazon.coral.value.json.numbers.TruncatingBigNumber",
                                             "class java.lang.String", "class java.nio.HeapByteBuffer"};
  std::string_view type;
  switch (wanted) {
    case ShapeKind::text:
      type = "an String";
      break;
    case ShapeKind::blob:
      type = "a Blob";
      break;
    case ShapeKind::boolean:
      type = "an Boolean";
      break;
    case ShapeKind::integer:
      type = "an Integer";
      break;
    case ShapeKind::long_integer:
      type = "an Long";
      break;
    case ShapeKind::floating:
      type = "an Double";
      break;
    default:
      type = "milliseconds since epoch";
      break;
  }
  return refuse(fmt::format("{} can not be converted to {}", java_types[static_cast<int>(given)], type));
}

// A number as its shape has it, which is one of those that take numbers.
Value number_as(ShapeKind kind, double number) {
  constexpr double whole_max = 9.2e18;
  if (kind == ShapeKind::floating) return Value(number);
  if (kind == ShapeKind::timestamp) {
    return Value(ProcessingTime(std::llround(std::clamp(number * 1000, -whole_max, whole_max))));
  }
  if (kind == ShapeKind::integer) number = std::clamp(number, -2147483648.0, 2147483647.0);
  return Value(static_cast<int64_t>(std::clamp(number, -whole_max, whole_max)));
}

Value whole_number_as(ShapeKind kind, int64_t number) {
  constexpr int64_t seconds_max = std::numeric_limits<int64_t>::max() / 1000;
  if (kind == ShapeKind::floating) return Value(static_cast<double>(number));
  if (kind == ShapeKind::timestamp) return Value(ProcessingTime(std::clamp(number, -seconds_max, seconds_max) * 1000));
  if (kind == ShapeKind::integer) {
    number = std::clamp<int64_t>(number, std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max());
  }
  return Value(number);
}

bool takes_numbers(ShapeKind kind) {
  return kind == ShapeKind::integer || kind == ShapeKind::long_integer || kind == ShapeKind::floating ||
         kind == ShapeKind::timestamp;
}

// The shape of a member of a structure or map; null: it is not described.
const Shape* described_as(const Shape& shape, std::string_view member) {
  if (shape.kind == ShapeKind::map) return shape.element;
  for (const ShapeMember& each : shape.members) {
    if (each.name == member) return each.shape;
  }
  return nullptr;
}

// What comes twice is what came last.
void set_member(Value::Members& members, std::string_view name, Value value) {
  for (auto& [each, held] : members) {
    if (each == name) {
      held = std::move(value);
      return;
    }
  }
  members.emplace_back(name, std::move(value));
}

// Counts what one request has.
class Budget {
 public:
  Read<void> take(int depth) {
    if (depth > RequestReader::depth_max)
      return refuse("The request is nested more deeply than anything it could mean.");
    if (++values_ > RequestReader::values_max) {
      return refuse(fmt::format("The request has more than {} values.", RequestReader::values_max));
    }
    return {};
  }

 private:
  size_t values_ = 0;
};

class JsonReader {
 public:
  Read<Value> read(ondemand::value from, const Shape& shape, int depth) {
    TRY(budget_.take(depth));
    json_type type;
    if (from.type().get(type)) return refuse_json();
    switch (type) {
      case json_type::null: {
        bool null = false;
        if (from.is_null().get(null) || !null) return refuse_json();
        return Value();
      }
      case json_type::boolean: {
        bool value;
        if (from.get_bool().get(value)) return refuse_json();
        if (shape.kind != ShapeKind::boolean) return refuse_type(Given::boolean, shape.kind);
        return Value(value);
      }
      case json_type::number:
        return read_number(from, shape);
      case json_type::string:
        return read_text(from, shape);
      case json_type::array:
        return read_list(from, shape, depth);
      case json_type::object:
        return read_members(from, shape, depth);
    }
    return refuse_json();
  }

 private:
  static Read<Value> read_number(ondemand::value from, const Shape& shape) {
    double number;
    int64_t whole;
    const bool is_whole = !from.get_int64().get(whole);
    if (!is_whole && from.get_double().get(number)) return refuse_json();
    if (!takes_numbers(shape.kind)) return refuse_type(Given::number, shape.kind);
    return is_whole ? whole_number_as(shape.kind, whole) : number_as(shape.kind, number);
  }

  static Read<Value> read_text(ondemand::value from, const Shape& shape) {
    std::string_view text;
    if (from.get_string().get(text)) return refuse_json();
    if (shape.kind == ShapeKind::text) return Value(std::string(text));
    if (shape.kind != ShapeKind::blob) return refuse_type(Given::text, shape.kind);
    auto bytes = base::base64_decode(text);
    if (!bytes) return refuse("A text can not be converted to a Blob: it is not base64.");
    return Value(Blob{std::move(*bytes)});
  }

  Read<Value> read_list(ondemand::value from, const Shape& shape, int depth) {
    if (shape.kind != ShapeKind::list) return refuse_type(Given::list, shape.kind);
    ondemand::array array;
    if (from.get_array().get(array)) return refuse_json();
    Value::List list;
    for (auto each : array) {
      ondemand::value element;
      if (each.get(element)) return refuse_json();
      TRY_ASSIGN(Value value, read(element, *shape.element, depth + 1));
      list.push_back(std::move(value));
    }
    return Value(std::move(list));
  }

  Read<Value> read_members(ondemand::value from, const Shape& shape, int depth) {
    if (shape.kind != ShapeKind::structure && shape.kind != ShapeKind::map) {
      return refuse_type(Given::structure, shape.kind);
    }
    ondemand::object object;
    if (from.get_object().get(object)) return refuse_json();
    return members_of(object, shape, depth);
  }

  Read<Value> members_of(ondemand::object object, const Shape& shape, int depth) {
    Value::Members members;
    for (auto field : object) {
      std::string_view name;
      ondemand::value content;
      if (field.unescaped_key().get(name) || field.value().get(content)) return refuse_json();
      const Shape* const described = described_as(shape, name);
      if (described == nullptr) continue;
      const std::string kept(name);  // the parser uses the memory of a name again
      TRY_ASSIGN(Value value, read(content, *described, depth + 1));
      set_member(members, kept, std::move(value));
    }
    return Value(std::move(members));
  }

  Budget budget_;
};

class CborReader {
 public:
  explicit CborReader(std::string_view body) : in_(body) {}

  Read<Value> read(const Shape& shape) {
    TRY_ASSIGN(Value value, read(in_.next(), shape, 0));
    if (!in_.is_done()) return refuse_cbor();
    return value;
  }

 private:
  Read<Value> read(cbor::Kind kind, const Shape& shape, int depth) {
    TRY(budget_.take(depth));
    switch (kind) {
      case cbor::Kind::null:
        return Value();
      case cbor::Kind::boolean:
        if (shape.kind != ShapeKind::boolean) return refuse_type(Given::boolean, shape.kind);
        return Value(in_.boolean());
      case cbor::Kind::integer:
        if (shape.kind == ShapeKind::timestamp) return Value(ProcessingTime(in_.integer()));
        if (!takes_numbers(shape.kind)) return refuse_type(Given::number, shape.kind);
        return whole_number_as(shape.kind, in_.integer());
      case cbor::Kind::floating:
        if (!takes_numbers(shape.kind)) return refuse_type(Given::number, shape.kind);
        if (std::isnan(in_.floating()) && shape.kind != ShapeKind::floating)
          return refuse_type(Given::number, shape.kind);
        return number_as(shape.kind, in_.floating());
      case cbor::Kind::time:
        if (shape.kind != ShapeKind::timestamp) return refuse_type(Given::number, shape.kind);
        return Value(in_.time());
      case cbor::Kind::text:
        if (shape.kind != ShapeKind::text) return refuse_type(Given::text, shape.kind);
        return Value(std::string(in_.text()));
      case cbor::Kind::bytes:
        if (shape.kind != ShapeKind::blob) return refuse_type(Given::blob, shape.kind);
        return Value(Blob{std::string(in_.bytes())});
      case cbor::Kind::list:
        return read_list(shape, depth);
      case cbor::Kind::map:
        return read_members(shape, depth);
      case cbor::Kind::end:
      case cbor::Kind::wrong:
        break;
    }
    return refuse_cbor();
  }

  Read<Value> read_list(const Shape& shape, int depth) {
    if (shape.kind != ShapeKind::list) return refuse_type(Given::list, shape.kind);
    Value::List list;
    for (auto kind = in_.next(); kind != cbor::Kind::end; kind = in_.next()) {
      TRY_ASSIGN(Value value, read(kind, *shape.element, depth + 1));
      list.push_back(std::move(value));
    }
    return Value(std::move(list));
  }

  Read<Value> read_members(const Shape& shape, int depth) {
    if (shape.kind != ShapeKind::structure && shape.kind != ShapeKind::map) {
      return refuse_type(Given::structure, shape.kind);
    }
    Value::Members members;
    for (auto kind = in_.next(); kind != cbor::Kind::end; kind = in_.next()) {
      if (kind != cbor::Kind::text) return refuse_cbor();
      const std::string_view name = in_.text();
      const Shape* const described = described_as(shape, name);
      const cbor::Kind content = in_.next();
      if (described == nullptr) {
        in_.skip(content);
        continue;
      }
      TRY_ASSIGN(Value value, read(content, *described, depth + 1));
      set_member(members, name, std::move(value));
    }
    return Value(std::move(members));
  }

  cbor::Reader in_;
  Budget budget_;
};

Read<Value> read_json(ondemand::parser& parser, std::string_view body, const Shape& shape) {
  ondemand::document document;
  ondemand::value root;
  if (parser.iterate(body, body.size() + simdjson::SIMDJSON_PADDING).get(document)) return refuse_json();
  // A number or a text alone is no value in simdjson's sense.
  if (document.get_value().get(root)) return refuse_json();
  TRY_ASSIGN(Value value, JsonReader().read(root, shape, 0));
  if (document.current_location().error() != simdjson::OUT_OF_BOUNDS) return refuse_json();
  return value;
}

}  // namespace

std::optional<Coding> coding_of(std::string_view type, Coding usual) {
  for (const Coding coding : {Coding::json_1_0, Coding::json_1_1, Coding::cbor_1_1}) {
    if (type.starts_with(content_type(coding))) return coding;
  }
  if (type.starts_with("application/x-www-form-urlencoded")) return Coding::query;
  if (type.empty() || type.find("json") != std::string_view::npos) return usual;
  return std::nullopt;
}

struct RequestReader::State {
  ondemand::parser parser;
};

RequestReader::RequestReader() : state_(std::make_unique<State>()) {}
RequestReader::~RequestReader() = default;

std::expected<Value, AwsError> RequestReader::read(Coding coding, std::string_view body, const Shape& shape) {
  if (body.empty()) return Value(Value::Members());
  if (is_cbor(coding)) return CborReader(body).read(shape);
  if (coding == Coding::query) {
    TRY_ASSIGN(const Form form, Form::parse(body));
    return form.read(shape);
  }
  return read_json(state_->parser, body, shape);
}

}  // namespace millrace::aws
