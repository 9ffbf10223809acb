#pragma once
// What a function answered: effects to commit, or records that it could not handle. Private to this folder; pure.
// https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html

#include <optional>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "table/table.h"

namespace millrace::function {

struct Answer {
  std::vector<table::WriteRequest> effects;
  std::optional<SequenceNumber> lowest_failed;  // of batchItemFailures
};

// Anything that is no object is an answer without effects. invalid_argument: effects that are none, in DynamoDB's
// words, or a failed item without a sequence number: the batch counts as failed then, as in Lambda. The body must be
// followed by 64 readable bytes.
Result<Answer> parse_answer(std::string_view body);

}  // namespace millrace::function
