// Records of a stream to columns, by two readers: the decoder (simdjson on demand, with repairs) and simdjson's
// document parser. What the document parser takes as an object the decoder takes too, and the values are the same; what
// the decoder refuses in strict mode it passes over otherwise. A repaired record needs no second repair, and the faults
// that producers make in a good record are all repaired.

#include <simdjson.h>

#include "data/json_decoder.h"
#include "data/json_repair.h"
#include "data/text.h"
#include "input.h"

namespace millrace::data {
namespace {

// The keys of the corpus, one for each kind of column.
const Schema schema = {
    {"b", {TypeKind::boolean}},        {"i", {TypeKind::integer}}, {"l", {TypeKind::bigint}},
    {"r", {TypeKind::real}},           {"s", {TypeKind::string}},  {"t", {TypeKind::timestamp}},
    {"d", {TypeKind::decimal, 10, 2}},
};
constexpr size_t bigint_column = 2;
constexpr size_t string_column = 4;

struct Decoded {
  std::string error;
  Batch batch;
};

Decoded decode(std::string_view record, bool ignore_parse_errors) {
  JsonDecoder decoder(schema, {.ignore_parse_errors = ignore_parse_errors});
  const auto added = decoder.add(record);
  CHECK(added.has_value() || !ignore_parse_errors);
  Decoded decoded;
  if (!added) decoded.error = added.error().message;
  CHECK(decoder.rows() == (added.has_value() && decoder.bad_records() == 0 ? 1 : 0));
  decoded.batch = decoder.take();
  for (const auto& column : decoded.batch.columns) CHECK(column->size() == decoded.batch.rows);
  return decoded;
}

// The last of several members of one name counts.
simdjson::error_code last_of(simdjson::dom::object object, std::string_view name, simdjson::dom::element& found) {
  simdjson::error_code error = simdjson::NO_SUCH_FIELD;
  for (const auto& [key, value] : object) {
    if (key != name) continue;
    found = value;
    error = simdjson::SUCCESS;
  }
  return error;
}

void check_values(simdjson::dom::object object, const Batch& batch) {
  simdjson::dom::element element;
  std::string_view text;
  const Column& strings = *batch.columns[string_column];
  if (last_of(object, "s", element) != simdjson::SUCCESS || element.is_null()) {
    CHECK(strings.is_null(0));
  } else if (element.get(text) == simdjson::SUCCESS) {
    CHECK(!strings.is_null(0));
    CHECK(std::get<Strings>(strings.values)[0] == text);
  }
  int64_t number = 0;
  const Column& integers = *batch.columns[bigint_column];
  if (last_of(object, "l", element) == simdjson::SUCCESS && element.is_int64() && !element.get(number)) {
    CHECK(!integers.is_null(0) && std::get<Integers>(integers.values)[0] == number);
  }
}

// Where the texts of a good record begin.
std::vector<size_t> texts_in(std::string_view record) {
  std::vector<size_t> beginnings;
  bool in_text = false;
  for (size_t at = 0; at < record.size(); ++at) {
    if (record[at] == '\\') {
      ++at;
    } else if (record[at] == '"') {
      in_text = !in_text;
      if (in_text) beginnings.push_back(at + 1);
    }
  }
  return beginnings;
}

void check_faults_are_repaired(std::string_view record) {
  for (const size_t at : texts_in(record)) {
    for (const std::string_view fault : {std::string_view("\0", 1), std::string_view("\t"), std::string_view("\x1f"),
                                         std::string_view(R"(\ud800)"), std::string_view(R"(\udc00)")}) {
      std::string faulty(record);
      faulty.insert(at, fault);
      simdjson::dom::parser parser;
      simdjson::dom::element element;
      if (parser.parse(faulty).get(element) == simdjson::SUCCESS) continue;  // the next half is there
      const auto repaired = repair_json(faulty);
      CHECK(repaired.has_value(), "{}", faulty);
      CHECK(parser.parse(*repaired).get(element) == simdjson::SUCCESS, "{}", *repaired);
    }
    if (at > 200) break;  // time is better spent on other records
  }
}

}  // namespace
}  // namespace millrace::data

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace;
  using namespace millrace::data;
  const fuzz::Exact exact({reinterpret_cast<const char*>(data), size}, simdjson::SIMDJSON_PADDING);
  const std::string_view record = exact.view();
  const Decoded strict = decode(record, false);
  const Decoded loose = decode(record, true);
  if (strict.error.empty()) CHECK(loose.batch.rows == 1);

  const auto repaired = repair_json(record);
  if (repaired) CHECK(!repair_json(*repaired), "{}", *repaired);

  simdjson::dom::parser parser;
  simdjson::dom::object object;
  if (parser.parse(simdjson::padded_string(record)).get(object) != simdjson::SUCCESS) return 0;
  CHECK(!repaired, "{}", *repaired);
  CHECK(!strict.error.starts_with("not a JSON object"), "{}", strict.error);
  CHECK(loose.batch.rows == 1);
  check_values(object, loose.batch);
  check_faults_are_repaired(record);
  return 0;
}
