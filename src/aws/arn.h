#pragma once
// How AWS names a resource: "arn:aws:kinesis:us-east-1:000000000000:stream/clicks". Pure; any thread.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html

#include <optional>
#include <string_view>

namespace millrace::aws {

// Views into the text that was parsed.
struct Arn {
  std::string_view partition;  // "aws", "aws-cn"
  std::string_view service;
  std::string_view region;
  std::string_view account_id;
  std::string_view resource;  // all that follows: "stream/clicks"
};

// Nothing: not such a name.
inline std::optional<Arn> parse_arn(std::string_view text) {
  std::string_view parts[5];  // "arn", and the first four of Arn
  for (std::string_view& part : parts) {
    const size_t end = text.find(':');
    if (end == std::string_view::npos) return std::nullopt;
    part = text.substr(0, end);
    text.remove_prefix(end + 1);
  }
  if (parts[0] != "arn") return std::nullopt;
  return Arn{.partition = parts[1], .service = parts[2], .region = parts[3], .account_id = parts[4], .resource = text};
}

}  // namespace millrace::aws
