#pragma once
// What a function answered: effects to commit, or records that it could not handle. Private to this folder; pure.
// https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html

#include <optional>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "base/sequence_format.h"
#include "table/table.h"

namespace millrace::function {

struct Answer {
  std::vector<table::WriteRequest> effects;
  std::optional<SequenceNumber> lowest_failed;  // of batchItemFailures
};

// What says nothing of effects or failures ("done", {"statusCode": 200}, a line of text) is an answer without them.
// invalid_argument: effects that are none, in DynamoDB's words; a failed item without a sequence number (as in Lambda);
// and what was nearly meant as one of the two: JSON in quotes, `Effects`, a bare list of writes, broken JSON. The batch
// counts as failed then. The body must be followed by 64 readable bytes. `numbers`: those of the batch's shard.
Result<Answer> parse_answer(std::string_view body, const base::SequenceFormat& numbers);

}  // namespace millrace::function
