// What a click waits for while very many windows close: one job keeps a window's count and a plain count by product;
// the time from sending a click to its row in the plain count is taken while nothing closes, and while the windows of
// all products come out. A server of the Kinesis, DynamoDB and jobs' API, over real sockets. Prints one JSON object.
//
//   bench_closing_windows --endpoint 127.0.0.1:4566 --products 100000

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "client/api.h"

namespace millrace::bench {
namespace {

constexpr std::string_view stream = "waves";
constexpr int64_t start_ms = 1'700'000'000'000;
constexpr int windows_per_product = 6;  // that one click is in
constexpr int quiet_probes = 500;
constexpr size_t records_per_call = 500;
constexpr int64_t patience_ns = 120'000'000'000;

constexpr std::string_view script = R"(
CREATE TABLE clicks (product STRING, ms BIGINT, ts AS TO_TIMESTAMP_LTZ(ms, 3), WATERMARK FOR ts AS ts)
WITH ('connector' = 'kinesis', 'stream' = 'waves', 'source.init.position' = 'TRIM_HORIZON', 'format' = 'json');
CREATE TABLE Windows (product STRING, window_start TIMESTAMP(3), n BIGINT, PRIMARY KEY (product) NOT ENFORCED)
WITH ('connector' = 'dynamodb', 'table-name' = 'WaveWindows');
CREATE TABLE Counts (product STRING, n BIGINT, PRIMARY KEY (product) NOT ENFORCED)
WITH ('connector' = 'dynamodb', 'table-name' = 'WaveCounts');
BEGIN STATEMENT SET;
INSERT INTO Windows SELECT product, window_start, COUNT(*)
FROM TABLE(HOP(TABLE clicks, DESCRIPTOR(ts), INTERVAL '10' SECOND, INTERVAL '60' SECOND))
GROUP BY product, window_start, window_end;
INSERT INTO Counts SELECT product, COUNT(*) FROM clicks WHERE product LIKE 'probe%' GROUP BY product;
END;
)";

[[noreturn]] void stop(const std::string& why) {
  fmt::print(stderr, "bench_closing_windows: {}\n", why);
  std::exit(1);
}

int64_t now_ns() {
  return base::system_clock().monotonic_ns();
}

class Wave {
 public:
  Wave(const client::Endpoint& endpoint, int products) : api_(endpoint), products_(products), body_(stream) {}

  void run() {
    prepare();
    std::vector<double> quiet;
    for (int n = 0; n < quiet_probes; ++n) quiet.push_back(probe(start_ms + 1000));
    const int64_t before = job_figure("RowsOut");
    const int64_t begin = now_ns();
    const int64_t late = start_ms + 3'600'000;
    put({{"a", click("closes", late)}});
    std::vector<double> closing;
    const int64_t rows = int64_t{products_} * windows_per_product;
    while (job_figure("RowsOut") - before < rows) {
      closing.push_back(probe(late));
      if (now_ns() - begin > patience_ns) stop("the windows do not come out");
    }
    const double seconds = static_cast<double>(now_ns() - begin) / 1e9;
    fmt::print(R"({{"window_rows":{},"seconds":{:.2f},"probes":{},"p50_ms":{:.2f},"p99_ms":{:.2f},"max_ms":{:.2f},)"
               R"("quiet_p50_ms":{:.2f},"quiet_p99_ms":{:.2f}}})"
               "\n",
               rows, seconds, closing.size(), at(closing, 0.5), at(closing, 0.99), at(closing, 1), at(quiet, 0.5),
               at(quiet, 0.99));
  }

 private:
  static std::string click(std::string_view product, int64_t ms) {
    return fmt::format(R"({{"product":"{}","ms":{}}})", product, ms);
  }

  std::string call(const aws::Protocol& protocol, std::string_view operation, std::string_view body) {
    auto answer = api_.call(protocol, operation, body);
    if (!answer) stop(fmt::format("{}: {}", operation, answer.error().message));
    return *answer;
  }

  void put(const std::vector<client::StreamRecord>& records) {
    auto refused = client::put_records(api_, records, body_);
    if (!refused) stop(refused.error().message);
    if (!refused->empty()) stop("the stream does not take all records");
  }

  void prepare() {
    if (auto made = client::ensure_stream(api_, stream, 1); !made) stop(made.error().message);
    for (const std::string_view table : {"WaveWindows", "WaveCounts"}) {
      call(aws::dynamodb_protocol, "CreateTable",
           fmt::format(R"({{"TableName":"{}","BillingMode":"PAY_PER_REQUEST","AttributeDefinitions":[)"
                       R"({{"AttributeName":"product","AttributeType":"S"}}],)"
                       R"("KeySchema":[{{"AttributeName":"product","KeyType":"HASH"}}]}})",
                       table));
    }
    std::string text;
    for (const char c : script) text += c == '\n' ? ' ' : c;
    call(aws::millrace_protocol, "SubmitJob", fmt::format(R"({{"Name":"waves","Script":"{}"}})", text));
    std::vector<client::StreamRecord> records;
    for (int n = 0; n < products_; ++n) {
      records.push_back({"a", click(fmt::format("p{}", n), start_ms + n % 1000)});
      if (records.size() < records_per_call && n + 1 < products_) continue;
      put(records);
      records.clear();
    }
    while (job_figure("LagRecords") > 0) {
    }
  }

  int64_t job_figure(std::string_view name) {
    const std::string job = call(aws::millrace_protocol, "ListJobs", "{}");  // there is one
    const std::string member = fmt::format("\"{}\":", name);
    const size_t at = job.find(member);
    if (at == job.npos) stop(fmt::format("ListJobs does not tell {}", name));
    return std::atoll(job.c_str() + at + member.size());
  }

  // Milliseconds from sending a click to its row.
  double probe(int64_t ms) {
    const std::string product = fmt::format("probe{}", probes_++);
    const std::string get = fmt::format(R"({{"TableName":"WaveCounts","Key":{{"product":{{"S":"{}"}}}}}})", product);
    const int64_t begin = now_ns();
    put({{"a", click(product, ms)}});
    while (call(aws::dynamodb_protocol, "GetItem", get).find("\"Item\"") == std::string::npos) {
      if (now_ns() - begin > patience_ns) stop("a click does not arrive");
    }
    return static_cast<double>(now_ns() - begin) / 1e6;
  }

  static double at(std::vector<double>& values, double quantile) {
    std::ranges::sort(values);
    return values.empty() ? 0 : values[static_cast<size_t>(quantile * static_cast<double>(values.size() - 1))];
  }

  client::Api api_;
  int products_;
  client::PutRecordsBody body_;
  int probes_ = 0;
};

int run(int argc, char** argv) {
  client::Endpoint endpoint;
  int products = 100'000;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    if (name == "--endpoint") {
      auto parsed = client::parse_endpoint(argv[i + 1]);
      if (!parsed) stop(parsed.error().message);
      endpoint = *parsed;
    } else if (name == "--products") {
      products = std::atoi(argv[i + 1]);
    } else {
      stop(fmt::format("unknown option {}", name));
    }
  }
  Wave(endpoint, products).run();
  return 0;
}

}  // namespace
}  // namespace millrace::bench

int main(int argc, char** argv) {
  return millrace::bench::run(argc, argv);
}
