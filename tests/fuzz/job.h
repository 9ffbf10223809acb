#pragma once
// A job with every operator that keeps a state, over a stream in a directory of its own.

#include <simdjson.h>

#include "base/clock.h"
#include "connector/blackhole.h"
#include "connector/known.h"
#include "connector/stream_source.h"
#include "directory.h"
#include "engine/environment.h"
#include "engine/pipeline.h"
#include "log/log.h"
#include "sql/plan.h"

namespace millrace::fuzz {

class JobEnvironment final : public engine::Environment, public stream::Sources {
 public:
  JobEnvironment() {
    connectors_.add(connector::describe_streams(), connector::make_stream_connector(*this));
    connectors_.add(connector::describe_blackhole(), std::make_unique<connector::Blackhole>());
    io_ = std::move(log::make_io_driver(log::IoMode::blocking).value());
    log::LogOptions options;
    options.directory = directory_.path() + "/clicks";
    options.segment_bytes = size_t{64} << 10;
    options.group_bytes_max = size_t{32} << 10;
    options.durable = false;
    options.io = io_.get();
    log_ = std::move(log::open_log(options).value());
    for (const uint32_t shard : {0u, 1u}) log_->add_shard(ShardId(shard));
    for (int n = 0; n < 6; ++n) {
      const std::string record = fmt::format(R"({{"id":"e{}","product":"p{}","ms":{},"price":"{}.50","ratio":0.5}})", n,
                                             n % 2, 1569888000000 + n * 7000, n);
      const log::AppendRecord append{ShardId(static_cast<uint32_t>(n % 2)), "k", record};
      log_->wait_durable(*log_->append({&append, 1}));
    }
  }

  Result<stream::Source> source(std::string_view) override {
    return stream::fixed_source(7, log_.get(), stream::ShardSet::equal(2, ProcessingTime(0)));
  }
  const connector::Registry& connectors() override { return connectors_; }
  connector::Storage& storage() override { CHECK(false, "the job makes no commit"); }
  base::Clock& clock() override { return clock_; }

 private:
  connector::Registry connectors_;
  Directory directory_;
  base::ManualClock clock_;
  std::unique_ptr<log::IoDriver> io_;
  std::unique_ptr<log::Log> log_;
};

inline constexpr std::string_view job_script = R"(
CREATE TABLE clicks (
  id STRING, product STRING, ms BIGINT, price DECIMAL(10, 2), ratio DOUBLE,
  ts AS TO_TIMESTAMP_LTZ(ms, 3), arrived AS PROCTIME(), WATERMARK FOR ts AS ts - INTERVAL '1' SECOND
) WITH ('connector' = 'kinesis', 'stream' = 'clicks', 'source.init.position' = 'TRIM_HORIZON', 'format' = 'json');
CREATE TABLE Windows (product STRING, window_start TIMESTAMP(3), n BIGINT, ids BIGINT, total DECIMAL(38, 2), mean DOUBLE,
  least DECIMAL(10, 2), most STRING) WITH ('connector' = 'blackhole');
CREATE TABLE Products (product STRING, n BIGINT, ids BIGINT, total DECIMAL(38, 2), ratio DOUBLE, score DOUBLE)
WITH ('connector' = 'blackhole');
CREATE VIEW once AS
SELECT id, product, price, ratio, ts FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY id ORDER BY arrived ASC) AS number FROM clicks
) WHERE number = 1;
EXECUTE STATEMENT SET BEGIN
INSERT INTO Windows
SELECT product, window_start, COUNT(*), COUNT(DISTINCT id), SUM(price), AVG(ratio), MIN(price), MAX(id)
FROM TABLE(HOP(TABLE once, DESCRIPTOR(ts), INTERVAL '10' SECOND, INTERVAL '30' SECOND))
GROUP BY product, window_start, window_end;
INSERT INTO Products
SELECT product, COUNT(*), COUNT(DISTINCT id), SUM(price), SUM(ratio), DECAYED_COUNT(ts, INTERVAL '60' SECOND)
FROM once GROUP BY product;
END;
)";

inline const sql::Plan& job_plan() {
  static const sql::Plan plan = [] {
    auto compiled = sql::compile(job_script, connector::known_connectors());
    CHECK(compiled.has_value(), "{}", compiled.error().message);
    return *std::move(compiled);
  }();
  return plan;
}

inline std::unique_ptr<engine::Pipeline> make_job(JobEnvironment& environment) {
  auto pipeline = engine::Pipeline::make(job_plan(), environment);
  CHECK(pipeline.has_value(), "{}", pipeline.error().message);
  return std::move(*pipeline);
}

// The state of all operators, as a piece of a job's state has it: the operator, its bytes.
inline std::string state_of(const engine::Pipeline& pipeline) {
  std::string piece;
  for (size_t n = 0; n < pipeline.operators(); ++n) {
    std::string bytes;
    pipeline.at(n).put_state(bytes, false);
    if (bytes.empty()) continue;
    base::put_varint(piece, n);
    base::put_bytes(piece, bytes);
  }
  return piece;
}

}  // namespace millrace::fuzz
