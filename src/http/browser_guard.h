#pragma once
// What keeps a foreign page in a browser on this machine from using a port without authentication: the live page's, and
// the API's with --auth none or with the access key that everybody knows. A page can make its own name point here (DNS
// rebinding), so a request must name a host that cannot be such a name: an address, a loopback name, or one that the
// configuration allows. And one that may change something must not come from a page of another origin. Programs, which
// send what they like, are not concerned. https://developer.mozilla.org/en-US/docs/Glossary/Origin The reactor's
// thread.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "http/server.h"

namespace millrace::http {

// The handler behind both guards; who is not let in is answered 403, with what to do, in the form that `refusal` gives
// (none: plain text).
using MakeRefusal = std::function<Response(int status, std::string_view reason)>;
Handler guarded(Handler handler, std::vector<std::string> allowed_hosts, MakeRefusal refusal = {});
// Behind the first one: the request names a host of this server. Pages of other origins are another's to judge.
Handler guarded_by_host(Handler handler, std::vector<std::string> allowed_hosts, MakeRefusal refusal = {});

}  // namespace millrace::http
