// Goal: a transport says when it would block, hands over all that came before the end, and knows the end.
// Method: one side of a pair of sockets; the events are told by hand.

#include "http/transport.h"

#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>
#include <string_view>

namespace millrace::http {
namespace {

using State = Transport::State;

class TransportTest : public testing::Test {
 protected:
  TransportTest() {
    std::array<int, 2> fds{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds.data()), 0);
    transport_ = make_socket_transport(fds[0]);
    peer_ = fds[1];
  }
  ~TransportTest() override { ::close(peer_); }

  void peer_sends(std::string_view text) {
    ASSERT_EQ(::send(peer_, text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
    transport_->on_events(EPOLLIN);
  }
  std::string receive(size_t room) {
    std::string text(room, '\0');
    const auto received = transport_->receive(text.data(), room);
    EXPECT_EQ(received.state == State::moved, received.bytes > 0);
    text.resize(received.bytes);
    return text;
  }
  Transport::Moved send(std::string_view text) {
    const std::array<iovec, 2> parts = {
        {{const_cast<char*>(text.data()), 1}, {const_cast<char*>(text.data()) + 1, text.size() - 1}}};
    return transport_->send(parts);
  }

  std::unique_ptr<Transport> transport_;
  int peer_ = -1;
};

TEST_F(TransportTest, is_blocked_until_an_event_says_that_something_came) {
  EXPECT_FALSE(transport_->may_receive());
  peer_sends("abcde");
  EXPECT_TRUE(transport_->may_receive());
  EXPECT_EQ(receive(3), "abc");
  EXPECT_TRUE(transport_->may_receive()) << "all the room was used: there may be more";
  EXPECT_EQ(receive(3), "de");
  EXPECT_FALSE(transport_->may_receive());
  char byte = 0;
  EXPECT_EQ(transport_->receive(&byte, 1).state, State::blocked);
}

TEST_F(TransportTest, hands_over_what_came_before_the_end) {
  peer_sends("last");
  ASSERT_EQ(::shutdown(peer_, SHUT_WR), 0);
  transport_->on_events(EPOLLIN | EPOLLRDHUP);
  EXPECT_TRUE(transport_->peer_finished());
  EXPECT_EQ(receive(10), "last");
  char byte = 0;
  EXPECT_EQ(transport_->receive(&byte, 1).state, State::ended);
}

TEST_F(TransportTest, sends_parts_in_order_until_the_peer_does_not_read) {
  EXPECT_EQ(send("xyz").bytes, 3U);
  std::array<char, 10> read{};
  ASSERT_EQ(::recv(peer_, read.data(), read.size(), 0), 3);
  EXPECT_EQ(std::string_view(read.data(), 3), "xyz");

  const std::string much(size_t{1} << 20, 'm');
  Transport::Moved moved;
  size_t sent = 0;
  for (int i = 0; i < 100 && (moved = send(much)).state == State::moved; ++i) sent += moved.bytes;
  EXPECT_EQ(moved.state, State::blocked);
  std::string drained(sent, '\0');
  while (::recv(peer_, drained.data(), drained.size(), 0) > 0) {
  }
  EXPECT_EQ(send(much).state, State::blocked) << "no event has said that there is room";
  transport_->on_events(EPOLLOUT);
  EXPECT_EQ(send(much).state, State::moved);
}

TEST_F(TransportTest, tells_the_peer_the_end_and_receives_on) {
  transport_->finish();
  char byte = 0;
  EXPECT_EQ(::recv(peer_, &byte, 1, 0), 0);
  peer_sends("still");
  EXPECT_EQ(receive(10), "still");
}

TEST_F(TransportTest, a_peer_that_is_gone_is_the_end) {
  ::close(std::exchange(peer_, ::dup(0)));
  EXPECT_EQ(send("xyz").state, State::ended);
}

}  // namespace
}  // namespace millrace::http
