#include "http/tls_transport.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

namespace millrace::http {

namespace {

constexpr size_t record_bytes_max = SSL3_RT_MAX_PLAIN_LENGTH;

class TlsTransport final : public Transport {
 public:
  TlsTransport(std::unique_ptr<Transport> inner, std::string_view received, const TlsIdentity& identity)
      : inner_(std::move(inner)), received_(received), ssl_(SSL_new(identity.context())) {
    CHECK(ssl_ != nullptr, "OpenSSL: no memory");
    BIO* const bio = BIO_new(bio_method());
    CHECK(bio != nullptr, "OpenSSL: no memory");
    BIO_set_data(bio, this);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl_, bio, bio);
    SSL_set_accept_state(ssl_);
    inner_->tell(this);
  }
  ~TlsTransport() override { SSL_free(ssl_); }

  Result<void> start(EpollReactor& reactor) override { return inner_->start(reactor); }
  void close() override { inner_->close(); }

  void on_events(uint32_t events) override {
    may_receive_ = true;
    pass_on(events);
  }

  bool may_receive() const override { return may_receive_; }

  Moved receive(char* to, size_t room) override {
    ERR_clear_error();
    size_t bytes = 0;
    const int result = SSL_read_ex(ssl_, to, room, &bytes);
    if (result == 1) return {State::moved, bytes};
    return {after(result)};
  }

  // A record at a time. What OpenSSL could not write it has made a record of already, so that the same bytes have to
  // come again: they do, as Transport says.
  Moved send(std::span<const iovec> parts) override {
    const iovec* part = parts.data();
    const iovec* const end = part + parts.size();
    while (part != end && part->iov_len == 0) ++part;
    if (part == end) return {State::moved, 0};
    const char* from = static_cast<const char*>(part->iov_base);
    size_t size = part->iov_len;
    std::array<char, record_bytes_max> together;
    if (size < together.size() && part + 1 != end) {
      size = 0;
      for (; part != end && size < together.size(); ++part) {
        const size_t bytes = std::min(part->iov_len, together.size() - size);
        std::memcpy(together.data() + size, part->iov_base, bytes);
        size += bytes;
      }
      from = together.data();
    }
    ERR_clear_error();
    size_t bytes = 0;
    const int result = SSL_write_ex(ssl_, from, size, &bytes);
    if (result == 1) return {State::moved, bytes};
    return {after(result)};
  }

  void finish() override {
    ERR_clear_error();
    if (SSL_is_init_finished(ssl_) == 1) SSL_shutdown(ssl_);
    ERR_clear_error();
    inner_->finish();
    may_receive_ = true;
  }

  bool peer_finished() const override { return inner_->peer_finished(); }

 private:
  // Of a call that moved nothing.
  State after(int result) {
    const int error = SSL_get_error(ssl_, result);
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) return State::ended;
    may_receive_ = false;
    return State::blocked;
  }

  static TlsTransport& of(BIO* bio) { return *static_cast<TlsTransport*>(BIO_get_data(bio)); }

  static int read(BIO* bio, char* to, size_t room, size_t* bytes) {
    TlsTransport& self = of(bio);
    BIO_clear_retry_flags(bio);
    if (!self.received_.empty()) {
      *bytes = std::min(room, self.received_.size());
      std::memcpy(to, self.received_.data(), *bytes);
      self.received_.erase(0, *bytes);
      return 1;
    }
    const Moved moved = self.inner_->receive(to, room);
    if (moved.state == State::blocked) BIO_set_retry_read(bio);
    *bytes = moved.bytes;
    return moved.state == State::moved ? 1 : 0;
  }

  static int write(BIO* bio, const char* from, size_t size, size_t* bytes) {
    BIO_clear_retry_flags(bio);
    const iovec part{const_cast<char*>(from), size};
    const Moved moved = of(bio).inner_->send({&part, 1});
    if (moved.state == State::blocked) BIO_set_retry_write(bio);
    *bytes = moved.bytes;
    return moved.state == State::moved ? 1 : 0;
  }

  static long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

  static const BIO_METHOD* bio_method() {
    static const BIO_METHOD* const method = [] {
      BIO_METHOD* const made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "transport");
      CHECK(made != nullptr, "OpenSSL: no memory");
      BIO_meth_set_read_ex(made, read);
      BIO_meth_set_write_ex(made, write);
      BIO_meth_set_ctrl(made, control);
      return made;
    }();
    return method;
  }

  std::unique_ptr<Transport> inner_;
  std::string received_;  // and not handed to OpenSSL yet
  SSL* ssl_;
  bool may_receive_ = true;
};

}  // namespace

std::unique_ptr<Transport> make_tls_transport(std::unique_ptr<Transport> inner, std::string_view received,
                                              const TlsIdentity& identity) {
  return std::make_unique<TlsTransport>(std::move(inner), received, identity);
}

}  // namespace millrace::http
