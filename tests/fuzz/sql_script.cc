// A script of streaming SQL: lexer, parser, binder, planner. What compiles is explained, and compiles to the same plan
// again; an error says where it is.

#include "connector/known.h"
#include "input.h"
#include "sql/plan.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace;
  const std::string_view script(reinterpret_cast<const char*>(data), size);
  const auto plan = sql::compile(script, connector::known_connectors());
  if (!plan) {
    CHECK(plan.error().kind == ErrorKind::invalid_argument || plan.error().kind == ErrorKind::unsupported ||
              plan.error().kind == ErrorKind::limit_exceeded,
          "{}", plan.error().message);
    CHECK(plan.error().message.starts_with("line "), "{}", plan.error().message);
    return 0;
  }
  const std::string explained = sql::explain(*plan);
  CHECK(!explained.empty());
  for (size_t n = 0; n < plan->nodes.size(); ++n) CHECK(!plan->nodes[n].label.empty());
  const auto again = sql::compile(script, connector::known_connectors());
  CHECK(again.has_value() && sql::explain(*again) == explained);
  return 0;
}
