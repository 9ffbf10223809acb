#pragma once
// STS on the wire, as far as it means something where there are keys and no roles: GetCallerIdentity, which tools and
// producer libraries ask before anything else.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html

#include <string>

#include "aws/service.h"

namespace millrace::api {

void add_sts_operations(aws::Service& service, std::string account_id = std::string(aws::usual_account_id));

}  // namespace millrace::api
