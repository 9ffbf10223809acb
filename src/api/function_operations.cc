#include "api/function_operations.h"

#include "base/json_string.h"

#include <iterator>
#include <string>

namespace millrace::api {
namespace {

template <class Status>
void append_state(std::string& out, const Status& status) {
  out += "{\"Name\":";
  base::append_json_string(out, status.name);
  out += ",\"State\":";
  base::append_json_string(out, status.state);
  out += ",\"LastError\":";
  base::append_json_string(out, status.last_error);
}

void append(std::string& out, const function::FunctionStatus& function) {
  append_state(out, function);
  fmt::format_to(std::back_inserter(out), R"(,"ProcessId":{},"Invocations":{},"Errors":{},"Restarts":{}}})",
                 function.process_id, function.invocations, function.errors, function.restarts);
}

void append(std::string& out, const function::MappingStatus& mapping) {
  append_state(out, mapping);
  fmt::format_to(std::back_inserter(out),
                 R"(,"LagRecords":{},"OldestWaitingMs":{},"Records":{},"Batches":{},"Effects":{},"Retries":{},)"
                 R"("FailedBatches":{},"InvocationMs":{:.3f}}})",
                 mapping.lag_records, mapping.oldest_waiting_ms, mapping.records, mapping.batches, mapping.effects,
                 mapping.retries, mapping.failed_batches, mapping.invocation_ms);
}

template <class Statuses>
void append_list(std::string& out, const Statuses& statuses) {
  out += '[';
  for (const auto& status : statuses) {
    if (&status != &statuses.front()) out += ',';
    append(out, status);
  }
  out += ']';
}

}  // namespace

void add_function_operations(aws::Service& service, const function::Functions& functions) {
  service.add({aws::millrace_protocol, "ListFunctions", [&functions](aws::Call& call) {
                 std::string out = "{\"Functions\":";
                 append_list(out, functions.functions());
                 out += ",\"Mappings\":";
                 append_list(out, functions.mappings());
                 out += '}';
                 call.answer.ok(std::move(out));
               }});
}

}  // namespace millrace::api
