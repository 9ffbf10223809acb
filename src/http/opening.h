#pragma once
// An accepted connection until its first bytes say what it speaks: TLS begins with a byte that no request has, and says
// the rest inside; HTTP/2 with a preface that is no request of HTTP/1.1; everything else is that. The connection that
// speaks it takes the place of this one. Private to this folder; the reactor's thread.
// https://www.rfc-editor.org/rfc/rfc9113#name-http-2-connection-preface

#include <array>

#include "http/connection.h"

namespace millrace::http {

class Opening final : public Connection {
 public:
  Opening(ConnectionHost& host, std::unique_ptr<Transport> transport, std::string peer);

  // Once it is in the host's list.
  Result<void> start() { return transport_->start(host_->reactor); }

  void close() override;
  void sweep(int64_t now_ms) override;
  std::optional<int64_t> unread_since_ms() const override { return std::nullopt; }
  std::optional<int64_t> idle_since_ms() const override { return active_ms_; }
  void on_events(uint32_t events) override;

 private:
  static constexpr size_t first_bytes_max = size_t{16} * 1024;

  template <class Kind>
  void become(std::string_view received);

  bool encrypted_ = false;
  std::array<char, 2> held_{};  // bytes that do not decide it
  size_t held_bytes_ = 0;
};

}  // namespace millrace::http
