#pragma once
// What `millrace send` says: how it gets on, and at its end how to go on.
//
// A Progress by one thread at a time; the rest is pure.

#include <cstdint>
#include <string>
#include <vector>

#include "send/place.h"
#include "send/send.h"

namespace millrace::send {

// "11d13h", "2h05m", "3m20s", "17s".
std::string duration(double seconds);

// The options with which the same command goes on behind a line: "--from-line 702"; from a later file on, that file and
// those behind it, in place of the command's: "--file b.csv --file c.csv --from-line 12".
std::string going_on(const std::vector<std::string>& files, Place behind);

// The summary as JSON.
std::string json_of(const SendSummary& summary, const std::vector<std::string>& files);

// A line on a terminal, renewed a few times a second; elsewhere one every few seconds. A long wait is said at once.
class Progress {
 public:
  explicit Progress(const std::vector<std::string>& files);
  void show(const SendSummary& summary);
  void end();  // the terminal's line is left

 private:
  void say_wait(const SendSummary& summary);

  const std::vector<std::string>& files_;
  bool terminal_;
  int64_t next_ns_;
  bool shown_ = false;
  Place waited_for_;  // said already
};

// At the end of the command. `outcome`: send_file()'s.
void say_end(const SendOptions& options, const SendSummary& summary, const Result<void>& outcome);

}  // namespace millrace::send
