#pragma once
// What each operation on DynamoDB's tables as a whole takes, as AWS's model has it: scripts/describe_operations makes
// the tables. Constants; any thread.

#include <string_view>

#include "aws/shape.h"

namespace millrace::api {

// An operation that is not described is a bug.
const aws::Shape& dynamodb_input(std::string_view operation);

}  // namespace millrace::api
