// Goal: a server speaks TLS on the port of HTTP to who begins with it, as whom its authority says it is.
// Method: OpenSSL as a client over a real socket, which verifies by the authority's file alone.

#include "http/tls.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include "http/certificate_authority.h"
#include "http/client.h"

namespace millrace::http {
namespace {

const std::vector<std::string> names = {"localhost", "127.0.0.1", "::1", "shop.example"};

class Directory {
 public:
  Directory() {
    std::array<char, 64> name{"/tmp/millrace-tls-XXXXXX"};
    path_ = ::mkdtemp(name.data());
  }
  ~Directory() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }
  std::string file(std::string_view name) const { return path_ + "/" + std::string(name); }

 private:
  std::string path_;
};

void write(const std::string& path, std::string_view content) {
  std::ofstream(path) << content;
}

TEST(CertificateAuthorityTest, is_made_once_and_its_key_is_the_users_own) {
  const Directory parent;
  const std::string directory = parent.file("tls");
  EXPECT_EQ(CertificateAuthority::read(directory).error().kind, ErrorKind::not_found);
  const CertificateAuthority made = CertificateAuthority::open(directory).value();
  struct stat status {};
  ASSERT_EQ(::stat((directory + "/ca-key.pem").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  EXPECT_EQ(made.fingerprint().size(), 32U * 3 - 1);
  EXPECT_EQ(CertificateAuthority::open(directory).value().pem(), made.pem());
  EXPECT_EQ(CertificateAuthority::read(directory).value().fingerprint(), made.fingerprint());
}

TEST(CertificateAuthorityTest, says_what_to_do_with_damaged_files) {
  const Directory directory;
  ASSERT_TRUE(CertificateAuthority::open(directory.path()));
  const Directory other;
  ASSERT_TRUE(CertificateAuthority::open(other.path()));
  std::filesystem::copy_file(other.file("ca-key.pem"), directory.file("ca-key.pem"),
                             std::filesystem::copy_options::overwrite_existing);
  auto opened = CertificateAuthority::open(directory.path());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().kind, ErrorKind::corrupt);
  EXPECT_NE(opened.error().message.find("remove"), std::string::npos) << opened.error().message;
  write(directory.file("ca.pem"), "nothing");
  EXPECT_EQ(CertificateAuthority::open(directory.path()).error().kind, ErrorKind::corrupt);
}

TEST(CertificateAuthorityTest, issues_for_names_and_addresses) {
  const Directory directory;
  const auto issued = CertificateAuthority::open(directory.path()).value().issue(names).value();
  X509* const certificate = issued.certificate.get();
  EXPECT_EQ(X509_check_host(certificate, "shop.example", 0, 0, nullptr), 1);
  EXPECT_EQ(X509_check_host(certificate, "other.example", 0, 0, nullptr), 0);
  EXPECT_EQ(X509_check_ip_asc(certificate, "127.0.0.1", 0), 1);
  EXPECT_EQ(X509_check_ip_asc(certificate, "::1", 0), 1);
  EXPECT_EQ(X509_check_ip_asc(certificate, "10.0.0.1", 0), 0);
}

TEST(TlsIdentityTest, is_loaded_from_files) {
  const Directory directory;
  ASSERT_TRUE(CertificateAuthority::open(directory.path()));
  const std::string certificate = directory.file("ca.pem");
  EXPECT_TRUE(TlsIdentity::load(certificate, directory.file("ca-key.pem")));
  const auto no_key = TlsIdentity::load(certificate, certificate);
  ASSERT_FALSE(no_key);
  EXPECT_EQ(no_key.error().kind, ErrorKind::invalid_argument);
  EXPECT_TRUE(no_key.error().message.starts_with(certificate)) << no_key.error().message;
  EXPECT_FALSE(TlsIdentity::load(directory.file("missing.pem"), certificate));
}

// A client that trusts one authority.
class Peer {
 public:
  Peer(uint16_t port, const std::string& authority, const std::string& name, std::string_view protocols = {})
      : fd_(::socket(AF_INET, SOCK_STREAM, 0)), context_(SSL_CTX_new(TLS_client_method())) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    const timeval patience{5, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    EXPECT_EQ(SSL_CTX_load_verify_file(context_, authority.c_str()), 1);
    SSL_CTX_set_verify(context_, SSL_VERIFY_PEER, nullptr);
    ssl_ = SSL_new(context_);
    SSL_set1_host(ssl_, name.c_str());
    SSL_set_alpn_protos(ssl_, reinterpret_cast<const uint8_t*>(protocols.data()),
                        static_cast<unsigned>(protocols.size()));
    SSL_set_fd(ssl_, fd_);
  }
  ~Peer() {
    SSL_free(ssl_);
    SSL_CTX_free(context_);
    ::close(fd_);
  }

  bool shake_hands() { return SSL_connect(ssl_) == 1; }
  std::string protocol() const {
    const uint8_t* name = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(ssl_, &name, &size);
    return {reinterpret_cast<const char*>(name), size};
  }
  bool verified() const { return SSL_get_verify_result(ssl_) == X509_V_OK; }
  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const int n = SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size()));
      if (n <= 0) return;
      bytes.remove_prefix(static_cast<size_t>(n));
    }
  }
  void send_plain(std::string_view bytes) { ASSERT_GT(::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL), 0); }
  // Until it contains `text`, or nothing more comes.
  bool receive_until(std::string_view text) {
    size_t from = 0;
    while (received.find(text, from) == std::string::npos) {
      from = received.size() - std::min(received.size(), text.size());
      std::array<char, 65'536> bytes;
      const int n = SSL_read(ssl_, bytes.data(), bytes.size());
      if (n <= 0) return false;
      received.append(bytes.data(), static_cast<size_t>(n));
    }
    return true;
  }
  bool closed_by_server() {
    char byte = 0;
    return ::recv(fd_, &byte, 1, 0) <= 0 && errno != EAGAIN;
  }

  std::string received;

 private:
  int fd_;
  SSL_CTX* context_;
  SSL* ssl_ = nullptr;
};

class TlsTest : public testing::Test {
 protected:
  ~TlsTest() override {
    if (!thread_.joinable()) return;
    reactor_->stop();
    thread_.join();
    server_.reset();
  }

  void serve(const ServerLimits& limits = {}, bool with_tls = true) {
    reactor_ = std::move(Reactor::make().value());
    const auto handle = [](const Request& request, Reply reply) {
      if (request.path == "/big") return reply.send({.body = std::string(big_bytes, 'x') + "end"});
      reply.send({.body = fmt::format("{} {} {}|", request.method, request.path, request.body.size())});
    };
    server_ = std::move(Server::listen(*reactor_, "127.0.0.1", 0, handle, limits).value());
    port_ = server_->port();
    if (with_tls) serve_tls(*server_, TlsIdentity::issue(directory_.path(), names).value());
    thread_ = std::thread([this] { reactor_->run(); });
  }
  Peer peer(const std::string& name = "localhost", std::string_view protocols = {}) {
    return Peer(port_, directory_.file("ca.pem"), name, protocols);
  }

  static constexpr size_t big_bytes = size_t{8} << 20;
  Directory directory_;
  std::unique_ptr<Reactor> reactor_;
  std::unique_ptr<Server> server_;
  uint16_t port_ = 0;
  std::thread thread_;
};

TEST_F(TlsTest, serves_on_the_port_of_plain_http) {
  serve();
  for (const std::string name : {"localhost", "shop.example"}) {
    Peer client = peer(name);
    ASSERT_TRUE(client.shake_hands());
    EXPECT_TRUE(client.verified());
    EXPECT_EQ(client.protocol(), "");
    for (int i = 0; i < 3; ++i) {
      client.send("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody");
      EXPECT_TRUE(client.receive_until("POST /x 4|"));
      client.received.clear();
    }
  }
  Client plain("127.0.0.1", port_, 5'000);
  EXPECT_EQ(plain.request("GET", "/y", {}, "").value().body, "GET /y 0|");
}

TEST_F(TlsTest, large_bodies_go_both_ways) {
  serve();
  Peer client = peer();
  ASSERT_TRUE(client.shake_hands());
  client.send(fmt::format("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n", big_bytes));
  client.send(std::string(big_bytes, 'b'));
  EXPECT_TRUE(client.receive_until(fmt::format("POST /x {}|", big_bytes)));
  client.send("GET /big HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(client.receive_until("xend"));
  EXPECT_GT(client.received.size(), big_bytes);
  EXPECT_FALSE(client.receive_until("more"));
}

TEST_F(TlsTest, the_protocol_is_agreed_on) {
  serve();
  Peer both = peer("localhost", "\x08http/1.1\x02h2");
  ASSERT_TRUE(both.shake_hands());
  EXPECT_EQ(both.protocol(), "h2");
  both.send(std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 33));
  EXPECT_TRUE(both.receive_until(std::string("\0\0\0\4\1\0\0\0\0", 9))) << "its settings are acknowledged";
  Peer old = peer("localhost", "\x08http/1.1");
  ASSERT_TRUE(old.shake_hands());
  EXPECT_EQ(old.protocol(), "http/1.1");
  old.send("GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_TRUE(old.receive_until("GET /x 0|"));
  Peer strange = peer("localhost",
                      "\x03"
                      "abc");
  EXPECT_TRUE(strange.shake_hands());
}

TEST_F(TlsTest, a_client_notices_another_server) {
  serve();
  EXPECT_FALSE(peer("other.example").shake_hands());
  const Directory other;
  ASSERT_TRUE(CertificateAuthority::open(other.path()));
  EXPECT_FALSE(Peer(port_, other.file("ca.pem"), "localhost").shake_hands());
  EXPECT_TRUE(peer().shake_hands()) << "and others are served";
}

TEST_F(TlsTest, a_handshake_that_is_not_finished_ends) {
  serve({.first_request_ms_max = 100});
  Peer silent = peer();
  silent.send_plain(std::string("\x16\x03\x01\x02\x00\x01", 6));
  EXPECT_TRUE(silent.closed_by_server());
  Peer shaken = peer();
  ASSERT_TRUE(shaken.shake_hands());
  EXPECT_FALSE(shaken.receive_until("anything")) << "and nothing is asked";
  Peer garbage = peer();
  garbage.send_plain("\x16 what is no handshake");
  garbage.closed_by_server();  // an alert comes first
  EXPECT_TRUE(peer().shake_hands());
}

TEST_F(TlsTest, what_is_plain_inside_of_tls_is_not_taken_for_tls) {
  serve();
  Peer client = peer();
  ASSERT_TRUE(client.shake_hands());
  client.send("\x16\x03\x01 once more\r\n\r\n");
  EXPECT_TRUE(client.receive_until("HTTP/1.1 400 "));
}

TEST_F(TlsTest, is_not_spoken_before_there_is_an_identity) {
  serve({}, false);
  ASSERT_TRUE(CertificateAuthority::open(directory_.path()));
  EXPECT_FALSE(peer().shake_hands());
  std::promise<void> done;
  const auto identity = TlsIdentity::issue(directory_.path(), names).value();
  reactor_->post([&] {
    serve_tls(*server_, identity);
    done.set_value();
  });
  done.get_future().wait();
  EXPECT_TRUE(peer().shake_hands());
}

}  // namespace
}  // namespace millrace::http
