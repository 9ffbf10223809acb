#pragma once
// One job's work without a thread of its own: read, push through the pipeline, commit. The thread that runs it (Job)
// calls step() until it says that there is nothing to do, then waits to be woken.
//
// An epoch is what lies between two commits. It ends at once when the sources have nothing more to give, else after
// `commit_interval_ms`, and later while the job catches up with a filled log. Commits are not waited for, but for the
// bound of those that are not durable yet; while that is reached the epoch goes on gathering up to `epoch_rows_max`.
//
// A job has one lane now. State is by key, so that lanes could share it by key groups; batches do not change lanes yet.

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>

#include "engine/commit_rows.h"
#include "engine/environment.h"
#include "engine/pipeline.h"
#include "engine/state_log.h"
#include "log/log.h"

namespace millrace::engine {

struct LaneOptions {
  int64_t commit_interval_ms = 5;
  int64_t catch_up_interval_ms = 400;              // while a shard has more than a batch waiting
  size_t epoch_rows_max = 256 * 1024;              // read in one epoch
  size_t sink_rows_max = 64 * 1024;                // held by sinks in one epoch
  int commits_in_flight_max = 2;                   // not durable yet
  size_t read_bytes_max = size_t{1} << 20;         // from a shard at once
  size_t transaction_bytes_max = size_t{1} << 20;  // other writers wait for it: milliseconds
  int64_t retry_wait_ms = 20;  // after a commit that the store refused; doubles up to retry_wait_ms_max
  int64_t retry_wait_ms_max = 1000;
  uint64_t skip_bad_records = 0;  // left out in this run, instead of stopping the job
};

class Lane {
 public:
  // Quick, whatever the size of the job's state. `wake` is called from any thread when step() may have work again.
  static Result<std::unique_ptr<Lane>> make(const sql::Plan& plan, std::string_view job, uint64_t plan_hash,
                                            Environment& environment, const LaneOptions& options,
                                            std::function<void()> wake);
  ~Lane();  // no call of `wake` afterwards

  // Before anything but figures() and give_up(): brings back the job's state, if it has one. Takes as long as that is
  // large; once more it does nothing. unavailable: give_up() was called.
  Result<void> restore();

  struct Step {
    bool again = false;                  // call step() again at once
    std::optional<ProcessingTime> next;  // or at this time, if not woken before
  };
  // Some reading, and a commit if it is due. An error stops the job; what was committed stays.
  Result<Step> step();

  // not_found: a source has been deleted; what was read of it can be committed still.
  Result<void> check_sources();
  // Ends the epoch and waits until all is durable.
  Result<void> finish();
  // From now on only what is there is processed; then step() closes all windows, commits, and drained() holds.
  Result<void> drain();
  bool drained() const { return drained_; }
  // A commit that waits for the store gives up: finish() and step() return unavailable.
  void give_up() { given_up_ = true; }

  struct Figures {
    JobTotals totals;
    EventTime watermark = no_watermark;
    uint64_t lag_records = 0;  // not committed yet; at least 1 while closed windows are emitted, or the state restored
    int64_t lag_ms = 0;
    double rows_per_second = 0;
    double commit_ms = 0;  // of the last commit: from the epoch's end to the journal's acceptance
    uint64_t state_bytes = 0;
    std::optional<ProcessingTime> emitting_since;  // closed windows wait to be emitted
    std::string waiting;  // why the last commit or read had to be tried again; empty: it had not
  };
  Figures figures() const;  // any thread

 private:
  struct InFlight;

  Lane(Environment& environment, const LaneOptions& options, std::string_view job, uint64_t plan_hash);

  size_t held_rows() const;
  bool may_emit() const;
  bool commit_due(bool at_end) const;
  Result<void> commit();
  void read_ahead(std::span<const connector::Write> writes);
  Result<connector::CommitId> write_all(const std::vector<connector::Write>& writes, const StateLog::Writes& state);
  // False: it does not fit into one transaction, and nothing was written.
  Result<bool> write_at_once(const std::vector<connector::Write>& writes, const StateLog::Writes& state,
                             connector::CommitId& commit);
  Result<void> begin();
  Result<void> hold_followers();
  Result<void> write_unfinished();
  Result<connector::CommitId> write_rows(const std::vector<connector::Write>& writes, size_t from);
  // Runs `fill` in a transaction and commits; again for as long as the store refuses and nobody gives up.
  Result<connector::CommitId> transact(const std::function<Result<void>(connector::Transaction&)>& fill);
  void leave_out(const connector::Refused& rows);
  void publish();

  Environment& environment_;
  LaneOptions options_;
  std::string job_;
  uint64_t plan_hash_;
  StateLog state_log_;
  std::unique_ptr<Pipeline> pipeline_;
  std::shared_ptr<InFlight> in_flight_;
  std::vector<std::unique_ptr<log::Subscription>> subscriptions_;

  std::optional<CommitRows> unfinished_;  // of the last commit of an earlier run
  size_t unfinished_from_ = 0;
  std::shared_ptr<log::Hold> hold_;  // while rows of a commit go to their tables in several transactions
  StateLog::Held held_;              // by it

  connector::SkipBad skip_bad_;

  bool has_state_ = false;  // an earlier run's
  std::atomic<bool> restoring_ = false;
  JobTotals restored_;  // what earlier runs of the job counted
  connector::CommitId last_commit_;
  uint64_t rows_out_ = 0;
  uint64_t oversized_rows_ = 0;
  uint64_t commits_ = 0;
  size_t epoch_rows_ = 0;
  int64_t epoch_start_ns_ = 0;
  bool catching_up_ = false;
  bool first_commit_due_ = false;
  bool unsaved_totals_ = false;  // rows were left out of the last commit, whose totals do not say so
  bool piece_waits_ = false;     // for a commit, of an operator that is pending
  bool draining_ = false;
  bool sources_ended_ = false;
  bool drained_ = false;
  std::atomic<bool> given_up_ = false;

  mutable std::mutex figures_mutex_;  // of what follows
  Figures figures_;
  int64_t rate_since_ns_ = 0;
  uint64_t rate_rows_ = 0;
};

}  // namespace millrace::engine
