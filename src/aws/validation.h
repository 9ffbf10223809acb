#pragma once
// Whether what a request says is what its description wants, and AWS's sentences for what is not: all of it at once, in
// one ValidationException ("2 validation errors detected: Value ... at 'streamName' failed to satisfy constraint: ...;
// ..."). Pure; any thread.
// https://docs.aws.amazon.com/kinesis/latest/APIReference/CommonErrors.html

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aws/protocol.h"
#include "aws/shape.h"
#include "aws/value.h"

namespace millrace::aws {

class Validation {
 public:
  static constexpr size_t violations_max = 10;        // told at once, as by AWS
  static constexpr size_t shown_bytes_max = 1 << 10;  // of a value in a sentence; the rest is "..."

  // One violation: the value as it is shown ("'-1'", "null"), the member's path ("records.1.member.data").
  void fail(std::string_view value, std::string_view path, std::string_view constraint);
  bool is_full() const { return violations_.size() >= violations_max; }
  // The error, if anything was wrong.
  std::optional<AwsError> error() const;

 private:
  std::vector<std::string> violations_;
};

// Members in the order of the description; of each what is missing, its pattern or values, then its least and most. A
// pattern that is no regular expression of RE2's is a bug in the description.
std::optional<AwsError> validate(const Value& input, const Shape& shape);

}  // namespace millrace::aws
