#pragma once
// Errors as values. Expected failures (bad input, a missing key, a full disk) are returned as Result<T>; a
// bug stops the process through CHECK, which is always on and never reachable from the network. Any thread.

#include <fmt/core.h>

#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace millrace {

// A closed list. `aws` maps kinds to AWS's names in one place. The program's exit code tells no kinds apart: 2 is a
// wrong command line, 1 is every failure.
enum class ErrorKind {
  invalid_argument,  // the caller's input is wrong; the message says what would work
  not_found,         // a stream, table, job or key that does not exist
  already_exists,    // create of something that exists
  in_use,            // a data directory, a port, a stream that changes
  condition_failed,  // a ConditionExpression that did not hold
  limit_exceeded,    // over a documented size or count
  throttled,         // a bound is reached; the same request may succeed later
  expired,           // an iterator or a signature that is too old
  trimmed,           // a position that retention has passed
  unauthenticated,   // a missing or wrong signature
  denied,            // a valid signature without the right
  unsupported,       // an operation or a feature that Millrace does not have
  disk_full,         // no space; reads go on, writes are refused
  corrupt,           // stored bytes that fail their checksum
  io,                // the operating system failed
  unavailable,       // shutting down, or a process that did not answer
  internal,          // a failure that should not happen, yet is no reason to stop
};

std::string_view name(ErrorKind kind);

struct [[nodiscard]] Error {
  ErrorKind kind = ErrorKind::internal;
  std::string message;  // one sentence for the user; no trailing newline

  // The same error with words before it: error.within("orders.csv:17") -> "orders.csv:17: ...".
  Error within(std::string_view where) const { return {kind, fmt::format("{}: {}", where, message)}; }
};

template <class T = void>
using Result = std::expected<T, Error>;

template <class... Args>
std::unexpected<Error> fail(ErrorKind kind, fmt::format_string<Args...> text, Args&&... args) {
  return std::unexpected(Error{kind, fmt::format(text, std::forward<Args>(args)...)});
}

// Error of a system call, from errno: ENOSPC and EDQUOT become disk_full, ENOENT not_found, EMFILE and ENFILE (no file
// descriptor left) throttled, the rest io.
std::unexpected<Error> fail_errno(std::string_view what, int error_number);

[[noreturn]] void check_failed(const char* file, int line, const char* condition, std::string_view message);

}  // namespace millrace

#define MILLRACE_CONCAT_INNER(a, b) a##b
#define MILLRACE_CONCAT(a, b) MILLRACE_CONCAT_INNER(a, b)

// TRY(expression): returns the error of a Result from the enclosing function; its value is dropped.
#define TRY(...)                                                   \
  do {                                                             \
    if (auto try_result = (__VA_ARGS__); !try_result) [[unlikely]] \
      return std::unexpected(std::move(try_result).error());       \
  } while (0)

// TRY_ASSIGN(auto x, expression): the same, with the value moved into x.
#define TRY_ASSIGN(target, ...) TRY_ASSIGN_INNER(MILLRACE_CONCAT(try_result_, __LINE__), target, __VA_ARGS__)
#define TRY_ASSIGN_INNER(result, target, ...)          \
  auto result = (__VA_ARGS__);                         \
  if (!result) [[unlikely]]                            \
    return std::unexpected(std::move(result).error()); \
  target = std::move(*result)

// CHECK(condition[, format, args...]): a bug if it does not hold; prints and aborts.
#define CHECK(condition, ...)                                                                           \
  do {                                                                                                  \
    if (!(condition)) [[unlikely]]                                                                      \
      ::millrace::check_failed(__FILE__, __LINE__, #condition, ::millrace::check_message(__VA_ARGS__)); \
  } while (0)

namespace millrace {
inline std::string check_message() {
  return {};
}
template <class... Args>
std::string check_message(fmt::format_string<Args...> text, Args&&... args) {
  return fmt::format(text, std::forward<Args>(args)...);
}
}  // namespace millrace
