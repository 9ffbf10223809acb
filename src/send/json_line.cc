#include "send/json_line.h"

#include <simdjson.h>

#include <algorithm>

#include "data/json_number.h"
#include "data/json_repair.h"

namespace millrace::send {

namespace {

std::string padded(std::string_view text) {
  std::string out;
  out.reserve(text.size() + simdjson::SIMDJSON_PADDING);
  out = text;
  out.resize(text.size() + simdjson::SIMDJSON_PADDING, ' ');
  return out;
}

std::string_view without_space_behind(std::string_view token) {
  return token.substr(0, token.find_last_not_of(" \t\r\n") + 1);
}

}  // namespace

// simdjson's lazy reader looks only at what it is asked for, so every value is asked for.
struct JsonLine::Walk {
  using Code = simdjson::error_code;

  JsonLine& line;
  simdjson::ondemand::parser parser{};
  simdjson::ondemand::parser text_parser{};
  std::string path{};

  explicit Walk(JsonLine& owner) : line(owner) {}

  Code all() {
    simdjson::ondemand::document document;
    simdjson::ondemand::object object;
    if (const Code error = parser.iterate(line.line_.data(), line.line_bytes_, line.line_.size()).get(document)) {
      return error;
    }
    if (const Code error = document.get_object().get(object)) return error;
    path.clear();
    if (const Code error = members(object, 1, true)) return error;
    const char* rest = nullptr;
    const bool more = document.current_location().get(rest) == simdjson::SUCCESS;
    return more ? simdjson::TRAILING_CONTENT : simdjson::SUCCESS;
  }

  // `named`: no array is above it, so that `path` leads to it.
  Code members(simdjson::ondemand::object& object, size_t depth, bool named) {
    if (depth > depth_max) return simdjson::DEPTH_ERROR;
    const size_t above = path.size();
    for (auto entry : object) {
      if (entry.error()) return entry.error();
      simdjson::ondemand::field& field = entry.value_unsafe();
      std::string_view name;
      if (const Code error = field.unescaped_key().get(name)) return error;
      if (depth == 1) ++line.members_;
      if (named) {
        if (above > 0) path += '.';
        path += name;
      }
      if (const Code error = value(field.value(), depth, named)) return error;
      path.resize(above);
    }
    return simdjson::SUCCESS;
  }

  Code elements(simdjson::ondemand::array& array, size_t depth) {
    if (depth > depth_max) return simdjson::DEPTH_ERROR;
    for (auto element : array) {
      if (element.error()) return element.error();
      if (const Code error = value(element.value_unsafe(), depth, false)) return error;
    }
    return simdjson::SUCCESS;
  }

  Code value(simdjson::ondemand::value& value, size_t depth, bool named) {
    const std::string_view token = without_space_behind(value.raw_json_token());
    if (token.empty()) return simdjson::TAPE_ERROR;
    if (named) {
      for (size_t i = 0; i < line.paths_.size(); ++i) {
        if (line.paths_[i] == path) line.found_[i] = token;
      }
    }
    switch (token.front()) {
      case '{': {
        simdjson::ondemand::object object;
        if (const Code error = value.get_object().get(object)) return error;
        return members(object, depth + 1, named);
      }
      case '[': {
        simdjson::ondemand::array array;
        if (const Code error = value.get_array().get(array)) return error;
        return elements(array, depth + 1);
      }
      case '"': {
        std::string_view text;
        return value.get_string().get(text);
      }
      default:
        if (token == "true" || token == "false" || token == "null") return simdjson::SUCCESS;
        return data::is_json_number(token) ? simdjson::SUCCESS : simdjson::TAPE_ERROR;
    }
  }
};

JsonLine::JsonLine(std::vector<std::string> paths)
    : paths_(std::move(paths)), found_(paths_.size()), walk_(std::make_unique<Walk>(*this)) {}

JsonLine::~JsonLine() = default;

Result<void> JsonLine::read(std::string_view json) {
  const auto walk = [this](std::string_view text) {
    line_ = padded(text);
    line_bytes_ = text.size();
    members_ = 0;
    std::ranges::fill(found_, std::string_view());
    return walk_->all();
  };
  if (!json.starts_with('{')) return fail(ErrorKind::invalid_argument, "this is not a JSON object");
  simdjson::error_code error = walk(json);
  if (!error) return {};
  if (const auto repaired = data::repair_json(json)) error = walk(*repaired);
  if (!error) return {};
  return fail(ErrorKind::invalid_argument, "this is not JSON ({})", simdjson::error_message(error));
}

std::string JsonLine::text(size_t path) {
  const std::string_view token = found_[path];
  if (token.empty() || token == "null" || token.front() == '{' || token.front() == '[') return {};
  if (token.front() != '"') return std::string(token);
  if (token.find('\\') == std::string_view::npos) return std::string(token.substr(1, token.size() - 2));
  // Halves of surrogate pairs, which are no UTF-8.
  const auto repaired = data::repair_json(token);
  const std::string_view sound = repaired ? *repaired : token;
  const std::string copy = padded(sound);
  simdjson::ondemand::document document;
  std::string_view text;
  if (walk_->text_parser.iterate(copy.data(), sound.size(), copy.size()).get(document) ||
      document.get_string().get(text)) {
    return {};
  }
  return std::string(text);
}

std::string JsonLine::replaced(size_t path, std::string_view value) const {
  const std::string_view token = found_[path];
  std::string out(line_.data(), token.data());
  out += value;
  out.append(token.end(), line_.data() + line_bytes_);
  return out;
}

}  // namespace millrace::send
