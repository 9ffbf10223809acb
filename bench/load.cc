// A load of signed requests on a running server of the Kinesis or DynamoDB API, over real sockets: every connection
// sends its next request when the answer to the last one is there. The requests are made and signed before the clock
// starts, so that the load costs little beside the server. Prints one JSON object.
//
//   bench_load --endpoint 127.0.0.1:4566 --mode put_records|put_item|get_item --connections 64 --seconds 5

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "base/base64.h"
#include "base/clock.h"
#include "client/api.h"
#include "request_maker.h"

namespace millrace::bench {
namespace {

struct Options {
  client::Endpoint endpoint;
  std::string mode;
  int connections = 64;
  double seconds = 5;
  int items = 10'000;  // different keys
  int records_per_call = 500;
  int record_bytes = 200;
  int value_bytes = 1024;
};

[[noreturn]] void stop(const std::string& why) {
  fmt::print(stderr, "bench_load: {}\n", why);
  std::exit(1);
}

void call(client::Api& api, const aws::Protocol& protocol, std::string_view operation, const std::string& body) {
  if (auto answer = api.call(protocol, operation, body); !answer) {
    stop(fmt::format("{}: {}", operation, answer.error().message));
  }
}

std::string random_text(std::mt19937_64& random, int size) {
  std::string text(static_cast<size_t>(size), ' ');
  for (char& c : text) c = static_cast<char>('a' + random() % 26);
  return text;
}

std::vector<std::string> put_records_requests(const Options& options, client::Api& api) {
  if (auto made = client::ensure_stream(api, "bench", 4); !made) stop(made.error().message);
  std::mt19937_64 random(1);
  RequestMaker maker(options.endpoint, aws::kinesis_protocol);
  std::vector<std::string> requests;
  for (int i = 0; i < 64; ++i) {
    std::string body = R"({"StreamName":"bench","Records":[)";
    for (int r = 0; r < options.records_per_call; ++r) {
      body += R"({"Data":")";
      base::append_base64(body, random_text(random, options.record_bytes));
      body += fmt::format(R"(","PartitionKey":"user-{}"}}{})", random() % 100'000,
                          r + 1 < options.records_per_call ? "," : "]}");
    }
    requests.push_back(maker.make("PutRecords", body));
  }
  return requests;
}

std::string table_key(int i) {
  return fmt::format(R"("id":{{"S":"item-{:08d}"}})", i);
}

void ensure_table(client::Api& api) {
  auto described = api.call(aws::dynamodb_protocol, "DescribeTable", R"({"TableName":"bench"})");
  if (!described) {
    call(
        api, aws::dynamodb_protocol, "CreateTable",
        R"({"TableName":"bench","BillingMode":"PAY_PER_REQUEST","AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}],)"
        R"("KeySchema":[{"AttributeName":"id","KeyType":"HASH"}],"StreamSpecification":{"StreamEnabled":true,"StreamViewType":"NEW_IMAGE"}})");
  }
  for (int tries = 0; tries < 100; ++tries) {
    described = api.call(aws::dynamodb_protocol, "DescribeTable", R"({"TableName":"bench"})");
    if (described && described->find("\"ACTIVE\"") != std::string::npos) return;
    usleep(100'000);
  }
  stop("the table does not become active");
}

std::vector<std::string> item_requests(const Options& options, client::Api& api, bool put) {
  ensure_table(api);
  std::mt19937_64 random(put ? 2 : 3);
  RequestMaker maker(options.endpoint, aws::dynamodb_protocol);
  std::vector<std::string> requests;
  for (int i = 0; i < options.items; ++i) {
    const std::string value = random_text(random, options.value_bytes);
    const std::string item = fmt::format(
        R"({{"TableName":"bench","Item":{{{},"value":{{"S":"{}"}},"n":{{"N":"{}"}}}}}})", table_key(i), value, i);
    if (!put) call(api, aws::dynamodb_protocol, "PutItem", item);
    requests.push_back(
        put ? maker.make("PutItem", item)
            : maker.make("GetItem", fmt::format(R"({{"TableName":"bench","Key":{{{}}}}})", table_key(i))));
  }
  std::shuffle(requests.begin(), requests.end(), random);
  return requests;
}

struct Connection {
  int fd = -1;
  size_t request = 0;  // which one is under way
  size_t sent = 0;
  int64_t started_ns = 0;
  std::string answer;
};

class Load {
 public:
  Load(const Options& options, std::vector<std::string> requests)
      : options_(options), requests_(std::move(requests)), epoll_(epoll_create1(0)), buffer_(1 << 20) {}

  void run() {
    connections_.resize(static_cast<size_t>(options_.connections));
    for (Connection& connection : connections_) open(connection);
    const int64_t start = now();
    const int64_t warm = start + 1'000'000'000;
    const int64_t end = warm + static_cast<int64_t>(options_.seconds * 1e9);
    for (Connection& connection : connections_) next(connection);
    epoll_event events[256];
    while (now() < end) {
      const int count = epoll_wait(epoll_, events, 256, 100);
      for (int i = 0; i < count; ++i) {
        auto& connection = connections_[events[i].data.u64];
        if (events[i].events & EPOLLOUT) write_more(connection);
        if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) read_more(connection);
      }
      if (!counting_ && now() >= warm) {
        counting_ = true;
        counted_from_ = now();
        latencies_ns_.clear();
      }
    }
    report(static_cast<double>(now() - counted_from_) / 1e9);
  }

 private:
  static int64_t now() { return base::system_clock().monotonic_ns(); }

  void open(Connection& connection) {
    connection.fd = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(options_.endpoint.port);
    inet_pton(AF_INET, options_.endpoint.host.c_str(), &address.sin_addr);
    if (connect(connection.fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) stop("cannot connect");
    const int one = 1;
    setsockopt(connection.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    fcntl(connection.fd, F_SETFL, O_NONBLOCK);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = static_cast<uint64_t>(&connection - connections_.data());
    epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.fd, &event);
  }

  void next(Connection& connection) {
    connection.request = next_request_++ % requests_.size();
    connection.sent = 0;
    connection.started_ns = now();
    connection.answer.clear();
    write_more(connection);
  }

  void write_more(Connection& connection) {
    const std::string& request = requests_[connection.request];
    const size_t before = connection.sent;
    while (connection.sent < request.size()) {
      const ssize_t n = write(connection.fd, request.data() + connection.sent, request.size() - connection.sent);
      if (n < 0 && errno == EAGAIN) break;
      if (n <= 0) stop("the server closed a connection");
      connection.sent += static_cast<size_t>(n);
    }
    const bool blocked = connection.sent < request.size();
    if (blocked || before > 0) {
      epoll_event event{};
      event.events = EPOLLIN | (blocked ? static_cast<uint32_t>(EPOLLOUT) : 0u);
      event.data.u64 = static_cast<uint64_t>(&connection - connections_.data());
      epoll_ctl(epoll_, EPOLL_CTL_MOD, connection.fd, &event);
    }
  }

  void read_more(Connection& connection) {
    const ssize_t n = read(connection.fd, buffer_.data(), buffer_.size());
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) stop("the server closed a connection");
    connection.answer.append(buffer_.data(), static_cast<size_t>(n));
    const std::string_view answer = connection.answer;
    const size_t head = answer.find("\r\n\r\n");
    if (head == std::string_view::npos) return;
    const size_t body_bytes = content_length(answer.substr(0, head));
    if (answer.size() < head + 4 + body_bytes) return;
    const std::string_view body = answer.substr(head + 4, body_bytes);
    const bool good =
        answer.substr(9, 3) == "200" &&
        (options_.mode != "put_records" || body.find("\"FailedRecordCount\":0") != std::string_view::npos) &&
        (options_.mode != "get_item" || body.find("\"Item\"") != std::string_view::npos);
    if (!good) {
      if (errors_++ == 0) fmt::print(stderr, "bench_load: first bad answer: {}\n", answer.substr(0, 600));
    } else {
      latencies_ns_.push_back(now() - connection.started_ns);
    }
    next(connection);
  }

  static size_t content_length(std::string_view head) {
    for (size_t at = 0; at < head.size();) {
      const size_t line_end = std::min(head.find("\r\n", at), head.size());
      std::string_view line = head.substr(at, line_end - at);
      if (line.size() > 15 && strncasecmp(line.data(), "content-length:", 15) == 0) {
        line.remove_prefix(15);
        while (line.starts_with(' ')) line.remove_prefix(1);
        size_t value = 0;
        std::from_chars(line.data(), line.data() + line.size(), value);
        return value;
      }
      at = line_end + 2;
    }
    return 0;
  }

  void report(double seconds) {
    if (latencies_ns_.empty()) stop("no answers");
    std::sort(latencies_ns_.begin(), latencies_ns_.end());
    const auto at = [&](double q) {
      return static_cast<double>(
                 latencies_ns_[static_cast<size_t>(q * static_cast<double>(latencies_ns_.size() - 1))]) /
             1e6;
    };
    const double calls = static_cast<double>(latencies_ns_.size()) / seconds;
    fmt::print(R"({{"mode":"{}","connections":{},"requests_per_s":{:.0f},"records_per_s":{:.0f},"p50_ms":{:.3f},)"
               R"("p99_ms":{:.3f},"errors":{}}})"
               "\n",
               options_.mode, options_.connections, calls,
               options_.mode == "put_records" ? calls * options_.records_per_call : calls, at(0.5), at(0.99), errors_);
    if (errors_ > 0) std::exit(1);
  }

  Options options_;
  std::vector<std::string> requests_;
  int epoll_;
  std::vector<char> buffer_;
  std::vector<Connection> connections_;
  size_t next_request_ = 0;
  bool counting_ = false;
  int64_t counted_from_ = 0;
  std::vector<int64_t> latencies_ns_;
  uint64_t errors_ = 0;
};

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    const std::string value = argv[i + 1];
    if (name == "--endpoint") {
      auto endpoint = client::parse_endpoint(value);
      if (!endpoint) stop(endpoint.error().message);
      options.endpoint = *endpoint;
    } else if (name == "--mode") {
      options.mode = value;
    } else if (name == "--connections") {
      options.connections = std::atoi(value.c_str());
    } else if (name == "--seconds") {
      options.seconds = std::atof(value.c_str());
    } else if (name == "--items") {
      options.items = std::atoi(value.c_str());
    } else {
      stop(fmt::format("unknown option {}", name));
    }
  }
  return options;
}

int run(int argc, char** argv) {
  const Options options = parse(argc, argv);
  client::Api api(options.endpoint);
  std::vector<std::string> requests;
  if (options.mode == "put_records") requests = put_records_requests(options, api);
  if (options.mode == "put_item") requests = item_requests(options, api, true);
  if (options.mode == "get_item") requests = item_requests(options, api, false);
  if (requests.empty()) stop("--mode is put_records, put_item or get_item");
  Load(options, std::move(requests)).run();
  return 0;
}

}  // namespace
}  // namespace millrace::bench

int main(int argc, char** argv) {
  return millrace::bench::run(argc, argv);
}
