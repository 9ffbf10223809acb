#pragma once
// Functions and mappings on the wire, for `millrace functions`: X-Amz-Target Millrace_20261101.
//
//   ListFunctions  {}  -> {"Functions": [{"Name", "State", "LastError", ...}],
//                          "Mappings": [{"Name", "State", "LastError", "LagRecords", "OldestWaitingMs", ...}]}

#include "aws/service.h"
#include "function/functions.h"

namespace millrace::api {

// The functions outlive the service's last call.
void add_function_operations(aws::Service& service, const function::Functions& functions);

}  // namespace millrace::api
