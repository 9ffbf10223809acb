#include "data/json_decoder.h"

#include <simdjson.h>

#include <algorithm>

#include "data/json_number.h"
#include "data/json_repair.h"
#include "data/text.h"

namespace millrace::data {

namespace {

constexpr size_t excerpt_bytes_max = 120;
constexpr size_t rows_at_first = 64;  // small batches should not pay for large ones

std::string_view excerpt(std::string_view text) {
  return text.substr(0, excerpt_bytes_max);
}

// A JSON number's digits without fraction and exponent: the common integer. False: something else.
bool plain_integer(std::string_view token, int64_t& out) {
  const char* at = token.data();
  const char* const end = at + token.size();
  const bool negative = at != end && *at == '-';
  at += negative;
  const auto digits = end - at;
  if (digits < 1 || digits > 18 || (*at == '0' && digits > 1)) return false;
  int64_t v = 0;
  for (; at != end; ++at) {
    const auto digit = static_cast<uint8_t>(*at - '0');
    if (digit > 9) return false;
    v = v * 10 + digit;
  }
  out = negative ? -v : v;
  return true;
}

bool fits(int64_t v, TypeKind kind) {
  return kind != TypeKind::integer || (v >= INT32_MIN && v <= INT32_MAX);
}

// Whether what a numeric column has refused is a number all the same: too large for it.
bool does_not_fit(TypeKind kind, std::string_view token, bool quoted) {
  if (kind == TypeKind::integer || kind == TypeKind::bigint) {
    // A text must be a whole number, as for Java's parseLong.
    return is_json_number(token) && !(quoted && token.find_first_of(".eE") != std::string_view::npos);
  }
  return kind == TypeKind::decimal && is_json_number(token);
}

}  // namespace

struct JsonDecoder::Parser {
  JsonDecoder& decoder;
  simdjson::ondemand::parser parser{};

  explicit Parser(JsonDecoder& owner) : decoder(owner) {}
  Result<void> add_object(std::string_view record);
  Result<int> column_of(simdjson::ondemand::field& field, size_t place, const char* end);
  Result<void> set(int index, simdjson::ondemand::value& value);
};

JsonDecoder::JsonDecoder(Schema columns, Options options)
    : schema_(std::move(columns)), options_(options), parser_(std::make_unique<Parser>(*this)) {
  for (size_t i = 0; i < schema_.size(); ++i) columns_by_name_.emplace(schema_[i].name, static_cast<int>(i));
}

JsonDecoder::~JsonDecoder() = default;

void JsonDecoder::start_batch() {
  columns_.clear();
  // As many as last time: sources give batches of like sizes.
  capacity_ = std::max(rows_at_first, std::min(last_rows_, batch_rows_max));
  for (const Field& field : schema_) columns_.push_back(std::make_shared<Column>(field.type, capacity_));
  arena_ = std::make_shared<StringArena>();
}

Result<void> JsonDecoder::add(std::string_view record) {
  if (arena_ == nullptr) start_batch();
  CHECK(rows_ < batch_rows_max);
  if (rows_ == capacity_) {
    capacity_ = std::min(capacity_ * 4, batch_rows_max);
    for (auto& column : columns_) column->resize(capacity_);
  }
  const uint64_t bad_values = bad_values_;
  auto added = parser_->add_object(record);
  if (!added) {
    const std::string_view first = first_object(record);
    const auto repaired = repair_json(first);
    if (repaired || first.size() != record.size()) {
      for (auto& column : columns_) column->set_null(rows_);
      // Jackson passes over what follows without a word; it may be another record.
      const bool more = !trimmed(record.substr(first.data() + first.size() - record.data())).empty();
      bad_values_ = bad_values + (more ? 1 : 0);
      added = parser_->add_object(padded_copy(repaired ? *repaired : first));
    }
  }
  if (added) {
    ++rows_;
    return {};
  }
  for (auto& column : columns_) column->set_null(rows_);
  ++bad_records_;
  if (options_.ignore_parse_errors) return {};
  return added;
}

std::string_view JsonDecoder::padded_copy(std::string_view record) {
  char* copy = arena_->allocate(record.size() + simdjson::SIMDJSON_PADDING);
  std::memcpy(copy, record.data(), record.size());
  std::memset(copy + record.size(), 0, simdjson::SIMDJSON_PADDING);
  return {copy, record.size()};
}

Result<void> JsonDecoder::Parser::add_object(std::string_view record) {
  const auto bad = [&](simdjson::error_code error) {
    return millrace::fail(ErrorKind::invalid_argument, "not a JSON object ({}): {}", simdjson::error_message(error),
                          excerpt(record));
  };
  simdjson::ondemand::document document;
  if (auto error =
          parser.iterate(record.data(), record.size(), record.size() + simdjson::SIMDJSON_PADDING).get(document)) {
    return bad(error);
  }
  simdjson::ondemand::object object;
  if (auto error = document.get_object().get(object)) return bad(error);
  size_t place = 0;
  for (auto entry : object) {
    if (entry.error()) return bad(entry.error());
    // Not a copy: it would wait for the parts that have only just been written.
    simdjson::ondemand::field& field = entry.value_unsafe();
    TRY_ASSIGN(const int column, column_of(field, place++, record.data() + record.size()));
    if (column >= 0) TRY(set(column, field.value()));
  }
  const char* rest = nullptr;
  if (document.current_location().get(rest) == simdjson::SUCCESS) return bad(simdjson::TRAILING_CONTENT);
  return {};
}

Result<int> JsonDecoder::Parser::column_of(simdjson::ondemand::field& field, size_t place, const char* end) {
  std::vector<Guess>& guesses = decoder.guesses_;
  const char* const raw = field.key().raw();
  if (place < guesses.size()) {
    const std::string& guess = guesses[place].key;
    if (raw + guess.size() < end && raw[guess.size()] == '"' && std::memcmp(raw, guess.data(), guess.size()) == 0) {
      return guesses[place].column;
    }
  }
  const auto* quote = static_cast<const char*>(std::memchr(raw, '"', end - raw));
  CHECK(quote != nullptr);
  std::string_view key(raw, quote - raw);
  const bool escaped = key.find('\\') != std::string_view::npos;
  if (escaped) {
    if (auto error = field.unescaped_key().get(key)) {
      return millrace::fail(ErrorKind::invalid_argument, "a key that is no JSON string ({})",
                            simdjson::error_message(error));
    }
  }
  const auto found = decoder.columns_by_name_.find(std::string(key));
  const int column = found == decoder.columns_by_name_.end() ? -1 : found->second;
  if (!escaped && place < guesses_max && key.size() <= guessed_key_bytes_max) {
    if (guesses.size() <= place) guesses.resize(place + 1);
    guesses[place] = {std::string(key), column};
  }
  return column;
}

Result<void> JsonDecoder::Parser::set(int index, simdjson::ondemand::value& value) {
  Column& column = *decoder.columns_[index];
  const size_t row = decoder.rows_;
  const Field& wanted = decoder.schema_[index];
  std::string_view token = value.raw_json_token();
  while (!token.empty() && static_cast<unsigned char>(token.back()) <= ' ') token.remove_suffix(1);
  bool good = false;
  const bool quoted = token.starts_with('"');
  if (token.empty()) {
    good = false;
  } else if (token[0] == '"') {
    if (token.size() >= 2 && token.find('\\') == std::string_view::npos) {
      token = token.substr(1, token.size() - 2);
      if (column.type.kind == TypeKind::string) {
        column.strings()[row] = token;
        column.valid[row] = 1;
        return {};
      }
      good = decoder.set_from_text(column, token);
    } else {
      std::string_view text;
      if (auto error = value.get_string().get(text)) {
        return millrace::fail(ErrorKind::invalid_argument, "{}: not a JSON string ({})", wanted.name,
                              simdjson::error_message(error));
      }
      if (column.type.kind == TypeKind::string) text = decoder.arena_->copy(text);
      good = decoder.set_from_text(column, text);
      token = text;
    }
  } else if (token[0] == '{' || token[0] == '[') {
    if (column.type.kind == TypeKind::string) {
      std::string_view raw;
      simdjson::error_code error;
      if (token[0] == '{') {
        simdjson::ondemand::object object;
        error = value.get_object().get(object);
        if (!error) error = object.raw_json().get(raw);
      } else {
        simdjson::ondemand::array array;
        error = value.get_array().get(array);
        if (!error) error = array.raw_json().get(raw);
      }
      if (error) {
        return millrace::fail(ErrorKind::invalid_argument, "{}: broken JSON ({})", wanted.name,
                              simdjson::error_message(error));
      }
      good = decoder.set_from_text(column, trimmed(raw));
    }
  } else {
    good = decoder.set_scalar(column, token);
  }
  if (good) return {};
  column.set_null(row);
  if (decoder.options_.ignore_parse_errors || does_not_fit(column.type.kind, trimmed(token), quoted)) {
    ++decoder.bad_values_;
    return {};
  }
  return millrace::fail(ErrorKind::invalid_argument, "column {} takes {}, not {}", wanted.name, to_string(wanted.type),
                        excerpt(token));
}

// A number, true, false or null as written.
bool JsonDecoder::set_scalar(Column& column, std::string_view token) {
  if (token == "null") {
    column.set_null(rows_);
    return true;
  }
  if (token == "true" || token == "false") {
    if (column.type.kind == TypeKind::string) return set_from_text(column, token);
    if (column.type.kind != TypeKind::boolean) return false;
    column.booleans()[rows_] = token[0] == 't';
    column.valid[rows_] = 1;
    return true;
  }
  const TypeKind kind = column.type.kind;
  if (kind == TypeKind::integer || kind == TypeKind::bigint) {
    int64_t v;
    if (plain_integer(token, v) && fits(v, kind)) [[likely]] {
      column.integers()[rows_] = v;
      column.valid[rows_] = 1;
      return true;
    }
  }
  if (!is_json_number(token) || kind == TypeKind::timestamp) return false;
  if (kind == TypeKind::integer || kind == TypeKind::bigint) {
    // Jackson cuts a number's fraction; 19 digits come here too.
    if (const auto exact = parse_int64(token)) return set_from_text(column, token);
    const auto whole = parse_decimal(token, 38, 18);
    if (!whole) return false;
    const Int128 v = *whole / power_of_ten(18);
    if (v > INT64_MAX || v < INT64_MIN || !fits(static_cast<int64_t>(v), kind)) return false;
    column.integers()[rows_] = static_cast<int64_t>(v);
    column.valid[rows_] = 1;
    return true;
  }
  return set_from_text(column, token);
}

bool JsonDecoder::set_from_text(Column& column, std::string_view text) {
  switch (column.type.kind) {
    case TypeKind::string:
      column.strings()[rows_] = text;
      break;
    case TypeKind::integer:
    case TypeKind::bigint: {
      const auto v = parse_int64(trimmed(text));
      if (!v || !fits(*v, column.type.kind)) return false;
      column.integers()[rows_] = *v;
      break;
    }
    case TypeKind::real: {
      const auto v = parse_double(trimmed(text));
      if (!v) return false;
      column.reals()[rows_] = *v;
      break;
    }
    case TypeKind::decimal: {
      const auto v = parse_decimal(trimmed(text), column.type.precision, column.type.scale);
      if (!v) return false;
      column.decimals()[rows_] = *v;
      break;
    }
    case TypeKind::boolean: {
      // As Java's parseBoolean, and so Flink: whatever is not "true" is false.
      column.booleans()[rows_] = equals_ignoring_case(trimmed(text), "true");
      break;
    }
    case TypeKind::timestamp: {
      const auto v = parse_timestamp(trimmed(text));
      if (!v) return false;
      column.integers()[rows_] = *v;
      break;
    }
  }
  column.valid[rows_] = 1;
  return true;
}

Batch JsonDecoder::take() {
  Batch batch;
  batch.rows = rows_;
  if (arena_ == nullptr) start_batch();
  for (auto& column : columns_) {
    column->resize(rows_);
    batch.columns.push_back(std::move(column));
  }
  batch.owners.push_back(std::move(arena_));
  columns_.clear();
  last_rows_ = rows_;
  rows_ = 0;
  return batch;
}

}  // namespace millrace::data
