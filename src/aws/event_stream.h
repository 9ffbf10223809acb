#pragma once
// The framing of an answer that is a stream of events: each message has its lengths, a few headers, a payload, and
// checksums of its own. Values; any thread.
// https://smithy.io/2.0/aws/amazon-eventstream.html

#include <cstddef>
#include <string>
#include <string_view>

namespace millrace::aws {

inline constexpr std::string_view event_stream_content_type = "application/vnd.amazon.eventstream";

// What a message is longer than its payload, at most.
inline constexpr size_t event_overhead_bytes = 256;

// The first message: what the operation answers besides its events. `payload` is a structure, often an empty one.
void append_initial_response(std::string& out, std::string_view content_type, std::string_view payload);
void append_event(std::string& out, std::string_view type, std::string_view content_type, std::string_view payload);
// A failure after events have begun, and the last message: one of the errors that the operation's model has.
void append_exception(std::string& out, std::string_view type, std::string_view content_type, std::string_view payload);

}  // namespace millrace::aws
