// How soon a record that was acknowledged is at who has subscribed to its shard, over real sockets: one client puts
// records one after another, at a rate, and each of the subscribers notes when it has each of them. Prints one JSON
// object.
//
//   bench_push --endpoint 127.0.0.1:4566 --subscribers 5 --rate 500 --seconds 5

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/base64.h"
#include "client/api.h"
#include "request_maker.h"

namespace millrace::bench {
namespace {

struct Options {
  client::Endpoint endpoint;
  int subscribers = 5;
  int rate = 500;
  double seconds = 5;
};

constexpr size_t digits = 9;  // of a record's number, which is all that it has: base64 makes 12 characters of them

[[noreturn]] void stop(const std::string& why) {
  fmt::print(stderr, "bench_push: {}\n", why);
  std::exit(1);
}

int64_t now_ns() {
  return base::system_clock().monotonic_ns();
}

class Socket {
 public:
  explicit Socket(const client::Endpoint& endpoint) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(endpoint.port);
    ::inet_pton(AF_INET, endpoint.host.c_str(), &address.sin_addr);
    if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) stop("cannot connect");
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  }
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&&) = delete;
  ~Socket() {
    if (fd_ >= 0) ::close(fd_);
  }

  void send(std::string_view bytes) const {
    if (::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(bytes.size())) {
      stop("cannot send");
    }
  }
  // Adds what comes next.
  void receive(std::string& to) const {
    char bytes[65536];
    const ssize_t count = ::recv(fd_, bytes, sizeof(bytes), 0);
    if (count <= 0) stop("the server has closed a connection");
    to.append(bytes, static_cast<size_t>(count));
  }

 private:
  int fd_;
};

std::string text_of(int number) {
  std::string text;
  base::append_base64(text, fmt::format("{:0{}}", number, digits));
  return text;
}

// Notes when each record arrives, until all have.
void read_records(const Socket& socket, std::vector<int64_t>& arrived) {
  constexpr std::string_view before = "\"Data\":\"";
  const size_t text_bytes = text_of(0).size();
  std::string received;
  for (size_t found = 0; found < arrived.size();) {
    socket.receive(received);
    const int64_t now = now_ns();
    size_t at = 0;
    for (size_t next; (next = received.find(before, at)) != std::string::npos;) {
      next += before.size();
      if (next + text_bytes > received.size()) break;
      const auto number = base::base64_decode(std::string_view(received).substr(next, text_bytes));
      if (!number) stop("a record is not as it was put");
      arrived[static_cast<size_t>(std::stoi(*number))] = now;
      ++found;
      at = next + text_bytes;
    }
    // What may be the beginning of another stays.
    received.erase(0, std::max(at, received.size() - std::min(received.size(), before.size() + text_bytes)));
  }
}

std::string member(const std::string& answer, std::string_view name) {
  const std::string quoted = fmt::format("\"{}\":\"", name);
  const size_t at = answer.find(quoted);
  if (at == std::string::npos) stop(fmt::format("there is no {} in {}", name, answer));
  return answer.substr(at + quoted.size(), answer.find('"', at + quoted.size()) - at - quoted.size());
}

std::string call(client::Api& api, std::string_view operation, const std::string& body) {
  auto answer = api.call(aws::kinesis_protocol, operation, body);
  if (!answer) stop(fmt::format("{}: {}", operation, answer.error().message));
  return *answer;
}

std::vector<Socket> subscribe(const Options& options, client::Api& api, RequestMaker& maker) {
  if (auto made = client::ensure_stream(api, "push", 1); !made) stop(made.error().message);
  const std::string arn = member(call(api, "DescribeStreamSummary", R"({"StreamName":"push"})"), "StreamARN");
  std::vector<Socket> sockets;
  for (int i = 0; i < options.subscribers; ++i) {
    const std::string consumer = member(
        call(api, "RegisterStreamConsumer", fmt::format(R"({{"StreamARN":"{}","ConsumerName":"push-{}"}})", arn, i)),
        "ConsumerARN");
    const Socket& socket = sockets.emplace_back(options.endpoint);
    socket.send(maker.make(
        "SubscribeToShard",
        fmt::format(R"({{"ConsumerARN":"{}","ShardId":"shardId-000000000000","StartingPosition":{{"Type":"LATEST"}}}})",
                    consumer)));
    std::string received;
    while (received.find("ContinuationSequenceNumber") == std::string::npos) socket.receive(received);
  }
  return sockets;
}

double quantile_ms(std::vector<int64_t>& ns, double q) {
  std::ranges::sort(ns);
  return static_cast<double>(ns[static_cast<size_t>(static_cast<double>(ns.size() - 1) * q)]) / 1e6;
}

void run(const Options& options) {
  client::Api api(options.endpoint);
  RequestMaker maker(options.endpoint, aws::kinesis_protocol);
  const std::vector<Socket> sockets = subscribe(options, api, maker);
  const auto count = static_cast<size_t>(options.rate * options.seconds);
  std::vector<std::vector<int64_t>> arrived(sockets.size(), std::vector<int64_t>(count));
  std::vector<std::string> requests;
  for (size_t i = 0; i < count; ++i) {
    requests.push_back(maker.make("PutRecord", fmt::format(R"({{"StreamName":"push","PartitionKey":"k","Data":"{}"}})",
                                                           text_of(static_cast<int>(i)))));
  }
  std::vector<std::jthread> readers;
  for (size_t i = 0; i < sockets.size(); ++i) {
    readers.emplace_back([&, i] { read_records(sockets[i], arrived[i]); });
  }
  std::vector<int64_t> acknowledged, puts;
  const Socket writer(options.endpoint);
  const auto begin = std::chrono::steady_clock::now();
  std::string answer;
  for (size_t i = 0; i < count; ++i) {
    std::this_thread::sleep_until(begin + std::chrono::nanoseconds(1'000'000'000 / options.rate * i));
    const int64_t sent = now_ns();
    writer.send(requests[i]);
    answer.clear();
    while (answer.find("\"SequenceNumber\"") == std::string::npos) writer.receive(answer);
    acknowledged.push_back(now_ns());
    puts.push_back(acknowledged.back() - sent);
  }
  readers.clear();
  std::vector<int64_t> delays;
  for (const auto& times : arrived) {
    for (size_t i = 0; i < count; ++i) delays.push_back(std::max<int64_t>(times[i] - acknowledged[i], 0));
  }
  fmt::print(R"({{"records":{},"subscribers":{},"p50_ms":{:.3f},"p99_ms":{:.3f},"put_p50_ms":{:.3f}}})"
             "\n",
             count, sockets.size(), quantile_ms(delays, 0.5), quantile_ms(delays, 0.99), quantile_ms(puts, 0.5));
}

Options parse(int count, char** arguments) {
  Options options;
  for (int i = 1; i + 1 < count; i += 2) {
    const std::string_view name = arguments[i];
    const char* const value = arguments[i + 1];
    if (name == "--endpoint") {
      auto endpoint = client::parse_endpoint(value);
      if (!endpoint) stop(endpoint.error().message);
      options.endpoint = *endpoint;
    } else if (name == "--subscribers") {
      options.subscribers = std::atoi(value);
    } else if (name == "--rate") {
      options.rate = std::atoi(value);
    } else if (name == "--seconds") {
      options.seconds = std::atof(value);
    } else {
      stop(fmt::format("there is no {}: --endpoint, --subscribers, --rate, --seconds", name));
    }
  }
  return options;
}

}  // namespace
}  // namespace millrace::bench

int main(int count, char** arguments) {
  millrace::bench::run(millrace::bench::parse(count, arguments));
}
