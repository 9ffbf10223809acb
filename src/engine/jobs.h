#pragma once
// The jobs of a server: submitted as SQL scripts, kept in the store, running again after a restart. To stop and to
// drain mean what they mean in Flink: https://nightlies.apache.org/flink/flink-docs-stable/docs/deployment/cli/
//
// A job's name stands for one script. Its definition is the record "engine/definition/<name>"; its state lies below
// "engine/job/<name>/" (docs/engine.md). The shards of a stream are those of the job's start: a job must be stopped,
// removed and submitted again to see new ones.
//
// Threads: any; the functions wait for the store and for a job's thread to end, so not on a reactor, but for list(),
// status(), script() and sources_changed(). None of them waits for a drain that stop() waits for. Failure: submit()
// reports what is wrong with the script (line and column) or with what it needs; a job that fails later says why in its
// status, keeps its last commit, and can be resumed.

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "engine/environment.h"
#include "engine/job.h"

namespace millrace::engine {

enum class JobState : uint8_t {
  running,
  draining,  // works off what is there, then is finished
  stopped,   // by stop(); resume() goes on where it was
  finished,  // by a drain; rows that came later wait for resume()
  failed,    // see `reason`; resume() tries again from the last commit
};
std::string_view name(JobState state);

struct JobStatus {
  std::string name;
  JobState state = JobState::running;
  std::string reason;  // of failed, or why a running or draining job waits for the store
  uint64_t lag_records = 0;
  int64_t lag_ms = 0;                  // age of the newest record processed, while others wait
  std::optional<EventTime> watermark;  // none: no watermark yet
  uint64_t rows_in = 0;                // of this and all later figures: since the job was first started
  uint64_t rows_out = 0;               // written to tables
  uint64_t rows_late = 0;              // dropped by windows
  uint64_t rows_ahead = 0;             // set aside: their time was far ahead of their arrival
  uint64_t rows_bad = 0;               // records and values that were no JSON or of a wrong type
  uint64_t rows_duplicate = 0;         // dropped by deduplication
  uint64_t row_errors = 0;             // expressions that failed for a row (NULL instead)
  double rows_per_second = 0;
  uint64_t commits = 0;
  double commit_ms = 0;  // of the last commit
  uint64_t state_bytes = 0;
};

class Jobs {
 public:
  struct Options {
    LaneOptions lane;
    size_t jobs_max = 64;
    size_t script_bytes_max = size_t{256} << 10;
  };
  // Starts the jobs that were running, each of which restores its state on its own thread. A job that cannot start is
  // `failed`, and says why.
  static Result<std::unique_ptr<Jobs>> open(Environment& environment, const Options& options);
  ~Jobs();  // close()

  // Compiles, checks, stores and starts. The same name with the same script: goes on if it is not running.
  // already_exists: another script has the name. limit_exceeded: too many jobs, too long a script.
  Result<void> submit(std::string_view name, std::string_view script);
  std::vector<JobStatus> list() const;                    // by name
  Result<JobStatus> status(std::string_view name) const;  // not_found
  Result<std::string> script(std::string_view name) const;

  // Returns when the job has ended. With `drain` all that is there now is processed and all windows are closed; another
  // stop() without it, remove() and close() end a drain early.
  Result<void> stop(std::string_view name, bool drain = false);
  Result<void> drain(std::string_view name);  // begins a drain; status() tells when the job is finished
  // `skip_bad_records`: how many records that cannot be read are left out (a feed's values read as NULL) before one of
  // them stops the job again.
  Result<void> resume(std::string_view name, uint64_t skip_bad_records = 0);
  Result<void> remove(std::string_view name);  // stops it and forgets its script and state; its tables stay

  // Streams or tables were created or deleted: a running job whose source is gone becomes `failed`. Waits for nothing.
  void sources_changed();

  // Stops all jobs, each after a last commit; they run again at the next open(). Idempotent.
  void close();

 private:
  struct Entry {
    std::string script;
    JobState state = JobState::stopped;
    std::string reason;
    uint64_t run = 0;  // counts starts, so that the end of a former run is not taken for this one's
    std::unique_ptr<Job> job;
    Lane::Figures last;  // of a job that does not run
  };

  struct NameLock {
    std::mutex mutex;
    size_t users = 0;
  };
  // One submit, stop, resume, remove of a job at a time; those of other jobs do not wait.
  class Change {
   public:
    Change(Jobs& jobs, const std::string& name);
    ~Change();

   private:
    Jobs& jobs_;
    const std::string name_;
    std::shared_lock<std::shared_mutex> open_;
    NameLock* lock_ = nullptr;
  };

  Jobs(Environment& environment, const Options& options) : environment_(environment), options_(options) {}

  Result<void> start(const std::string& name, Entry& entry, bool restored, uint64_t skip_bad_records = 0);
  Result<uint64_t> begin_stop(const std::string& name, bool drain);
  bool runs(const std::string& name, uint64_t run) const;
  std::unique_ptr<Job> take_job(Entry& entry);
  Result<void> forget_state(const std::string& name);
  Result<void> erase(const std::string& name);
  Result<void> store(const std::string& name);
  Result<void> write_definition(const std::string& name, std::string definition);
  void ended(const std::string& name, uint64_t run, Job::End end, std::string reason);
  JobStatus status_of(const std::string& name, const Entry& entry) const;
  Result<Entry*> find(std::string_view name);

  Environment& environment_;
  Options options_;
  // Taken in this order.
  std::shared_mutex closing_mutex_;                          // shared by whoever changes a job
  std::map<std::string, NameLock, std::less<>> name_locks_;  // those in use; guarded by mutex_
  std::mutex definitions_mutex_;  // a definition in the store is never older than one that was written before
  mutable std::mutex mutex_;      // of the entries
  std::condition_variable end_;   // a job has ended
  std::map<std::string, Entry, std::less<>> entries_;
  bool closing_ = false;
};

}  // namespace millrace::engine
