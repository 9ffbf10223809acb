#include "base/error.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <system_error>

namespace millrace {

std::string_view name(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::invalid_argument:
      return "invalid_argument";
    case ErrorKind::not_found:
      return "not_found";
    case ErrorKind::already_exists:
      return "already_exists";
    case ErrorKind::in_use:
      return "in_use";
    case ErrorKind::condition_failed:
      return "condition_failed";
    case ErrorKind::limit_exceeded:
      return "limit_exceeded";
    case ErrorKind::throttled:
      return "throttled";
    case ErrorKind::expired:
      return "expired";
    case ErrorKind::trimmed:
      return "trimmed";
    case ErrorKind::unauthenticated:
      return "unauthenticated";
    case ErrorKind::denied:
      return "denied";
    case ErrorKind::unsupported:
      return "unsupported";
    case ErrorKind::disk_full:
      return "disk_full";
    case ErrorKind::corrupt:
      return "corrupt";
    case ErrorKind::io:
      return "io";
    case ErrorKind::unavailable:
      return "unavailable";
    case ErrorKind::internal:
      return "internal";
  }
  return "unknown";
}

std::unexpected<Error> fail_errno(std::string_view what, int error_number) {
  ErrorKind kind = ErrorKind::io;
  if (error_number == ENOSPC || error_number == EDQUOT) kind = ErrorKind::disk_full;
  if (error_number == ENOENT) kind = ErrorKind::not_found;
  if (error_number == EMFILE || error_number == ENFILE) {
    // Clients are told of what is throttled, and not of paths.
    return fail(ErrorKind::throttled, "{}; it works again when some are closed (`ulimit -n` sets how many there are)",
                std::generic_category().message(error_number));
  }
  return fail(kind, "{}: {}", what, std::generic_category().message(error_number));
}

void check_failed(const char* file, int line, const char* condition, std::string_view message) {
  std::fprintf(stderr, "millrace: bug at %s:%d: CHECK(%s) failed%s%.*s\n", file, line, condition,
               message.empty() ? "" : ": ", static_cast<int>(message.size()), message.data());
  std::abort();
}

}  // namespace millrace
