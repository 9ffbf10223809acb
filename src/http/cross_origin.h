#pragma once
// What lets a page in a browser call this server from another origin: the answers to the browser's questions. For a
// port whose requests are signed: then the signature says who may do what, and an origin says nothing. Unless everybody
// has the key to sign with, as with the one that Millrace is delivered with: then only pages of this machine may call.
// https://developer.mozilla.org/en-US/docs/Web/HTTP/Guides/CORS
// The reactor's thread.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "http/server.h"

namespace millrace::http {

// Whether pages of an origin ("https://shop.example:8080", "null") may call.
using AllowOrigin = std::function<bool(std::string_view origin)>;
AllowOrigin every_origin();
// Of whatever scheme and port, on this machine or on one of the hosts.
AllowOrigin origins_of_this_machine_and(std::vector<std::string> hosts);

// The handler behind it, with credentials. A question whether a request may be sent (OPTIONS with
// Access-Control-Request-Method) is answered here: 204, or 403 for an origin that may not. Without an Origin nothing is
// changed; the answer to an origin that may not call is not the page's to read.
Handler open_to_origins(Handler handler, AllowOrigin allow);

}  // namespace millrace::http
