#pragma once
// The loop of a function written in C++: asks Lambda's runtime API for an event, handles it, answers, and so on. For
// the functions of this program; a handler in another language uses its own runtime.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
//
// Blocks; one thread.

#include <functional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "client/api.h"

namespace millrace::client {

// Gets an event, JSON followed by 64 readable bytes; answers JSON. An error goes to the runtime API as such; the event
// comes again, to a new process, because this one may remember a part of it.
using EventHandler = std::function<Result<std::string>(std::string_view event)>;

// The server whose function this is, with its credentials: AWS_ENDPOINT_URL and so on.
Result<Endpoint> endpoint_of_environment();
// An operation of DynamoDB; what may pass (a server that is just starting) is tried again for some seconds.
Result<std::string> call_dynamodb(Api& api, std::string_view operation, std::string_view body);

// Until the handler fails, the server is gone, or it did not take an answer (what the handler remembers may be wrong
// then, too). The exit code of the program: 2 outside of a server (AWS_LAMBDA_RUNTIME_API is not set), else 1.
int run_event_loop(const EventHandler& handler);

}  // namespace millrace::client
