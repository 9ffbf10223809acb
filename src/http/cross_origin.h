#pragma once
// What lets a page in a browser call this server from another origin: the answers to the browser's questions. For a
// port whose requests are signed: then the signature says who may do what, and an origin says nothing.
// https://developer.mozilla.org/en-US/docs/Web/HTTP/Guides/CORS
// The reactor's thread.

#include "http/server.h"

namespace millrace::http {

// The handler behind it, for any origin, with credentials. A question whether a request may be sent (OPTIONS with
// Access-Control-Request-Method) is answered here; without an Origin nothing is changed.
Handler open_to_all_origins(Handler handler);

}  // namespace millrace::http
