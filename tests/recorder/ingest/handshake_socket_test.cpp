#include "recorder/ingest/handshake_socket.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <string>
#include <vector>

namespace taskscope::ingest {
namespace {

using Received = HandshakeSocket::Received;
using trace_format::Hello;
using trace_format::MessageType;
using trace_format::RingOffer;

class HandshakeSocketTest : public testing::Test {
 protected:
  HandshakeSocketTest() {
    std::array<int, 2> ends{-1, -1};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), 0);
    theirs_.reset(ends[1]);
    socket_ = HandshakeSocket(base::UniqueFd(ends[0]));
  }

  void send_bytes(const void* data, std::size_t size, int descriptors = 0) {
    iovec part{const_cast<void*>(data), size};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(16 * sizeof(int))> control{};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    const std::vector<int> sent(static_cast<std::size_t>(descriptors), theirs_.get());
    if (descriptors > 0) {
      header.msg_control = control.data();
      header.msg_controllen = CMSG_SPACE(sent.size() * sizeof(int));
      cmsghdr* c = CMSG_FIRSTHDR(&header);
      c->cmsg_level = SOL_SOCKET;
      c->cmsg_type = SCM_RIGHTS;
      c->cmsg_len = CMSG_LEN(sent.size() * sizeof(int));
      std::memcpy(CMSG_DATA(c), sent.data(), sent.size() * sizeof(int));
    }
    ASSERT_EQ(sendmsg(theirs_.get(), &header, 0), static_cast<ssize_t>(size));
  }
  template <class T>
  void send(const T& message, int descriptors = 0) {
    send_bytes(&message, sizeof message, descriptors);
  }
  Received receive() { return socket_.receive(message_, why_); }

  static std::ptrdiff_t open_descriptors() {
    std::filesystem::directory_iterator folder("/proc/self/fd");
    return std::distance(begin(folder), end(folder));
  }

  base::UniqueFd theirs_;
  HandshakeSocket socket_;
  Message message_;
  std::string why_;
};

TEST_F(HandshakeSocketTest, NothingMeansNothingAndTheEndIsSeen) {
  EXPECT_EQ(receive(), Received::Nothing);
  theirs_.reset();
  EXPECT_EQ(receive(), Received::Closed);
  EXPECT_EQ(receive(), Received::Nothing);
  EXPECT_LT(socket_.fd(), 0);
}

TEST_F(HandshakeSocketTest, SeveralMessagesComeOneAfterAnother) {
  Hello hello;
  std::memset(hello.program, 'x', sizeof hello.program);  // not terminated
  send(hello);
  RingOffer offer;
  offer.worker_id = 2;
  offer.capacity = 4096;
  send(offer, 1);
  send(trace_format::Bye{});
  EXPECT_EQ(receive(), Received::Message);
  EXPECT_EQ(message_.type, MessageType::Hello);
  EXPECT_EQ(std::strlen(message_.hello.program), sizeof hello.program - 1);
  EXPECT_EQ(receive(), Received::Message);
  EXPECT_EQ(message_.type, MessageType::RingOffer);
  EXPECT_EQ(message_.offer.worker_id, 2u);
  EXPECT_TRUE(message_.memory);
  EXPECT_EQ(receive(), Received::Message);
  EXPECT_EQ(message_.type, MessageType::Bye);
  EXPECT_EQ(receive(), Received::Nothing);
}

TEST_F(HandshakeSocketTest, MessagesOfAnotherSizeAreJunk) {
  const Hello hello;
  for (const std::size_t size :
       {std::size_t{1}, sizeof hello.header - 1, sizeof hello.header, sizeof hello - 1}) {
    send_bytes(&hello, size);
    EXPECT_EQ(receive(), Received::Junk) << size;
  }
  std::array<char, 2 * sizeof(Hello)> large{};
  std::memcpy(large.data(), static_cast<const void*>(&hello), sizeof hello);
  send_bytes(large.data(), sizeof hello + 1);
  EXPECT_EQ(receive(), Received::Junk);
  send_bytes(large.data(), large.size());
  EXPECT_EQ(receive(), Received::Junk);
  EXPECT_EQ(receive(), Received::Nothing);
}

TEST_F(HandshakeSocketTest, WrongMagicTypeAndClockAreJunk) {
  Hello hello;
  hello.header.magic ^= 1;
  send(hello);
  EXPECT_EQ(receive(), Received::Junk);
  RingOffer offer;
  offer.header.type = static_cast<MessageType>(9);
  send(offer, 1);
  EXPECT_EQ(receive(), Received::Junk);
  hello = {};
  hello.tick_source = static_cast<base::TickSource>(77);
  send(hello);
  EXPECT_EQ(receive(), Received::Junk);
}

TEST_F(HandshakeSocketTest, OtherVersionsSayWhoMustChange) {
  Hello hello;
  std::memcpy(hello.program, "prog", sizeof "prog");
  hello.format_major = trace_format::kFormatMajor + 1;
  send(hello);
  EXPECT_EQ(receive(), Received::WrongVersion);
  EXPECT_EQ(why_, "prog speaks trace format 2, this taskscope reads 1: update taskscope.");
  hello.format_major = 0;
  send(hello);
  EXPECT_EQ(receive(), Received::WrongVersion);
  EXPECT_NE(why_.find("build the program anew"), std::string::npos);
  hello.header.version = trace_format::kProtocolVersion + 1;
  send(hello);
  EXPECT_EQ(receive(), Received::WrongVersion);
  EXPECT_NE(why_.find("update taskscope"), std::string::npos);
}

TEST_F(HandshakeSocketTest, ARingWithoutMemoryHasNone) {
  RingOffer offer;
  send(offer, 1);
  ASSERT_EQ(receive(), Received::Message);
  EXPECT_TRUE(message_.memory);
  // The memory of the message before is not taken for that of the next.
  send(offer);
  ASSERT_EQ(receive(), Received::Message);
  EXPECT_FALSE(message_.memory);
}

TEST_F(HandshakeSocketTest, DescriptorsThatNobodyWantsAreClosed) {
  const auto before = open_descriptors();
  RingOffer offer;
  send(offer, 3);
  EXPECT_EQ(receive(), Received::Message);
  message_.memory.reset();
  send(offer, 9);  // more than are looked at: the message is cut
  EXPECT_EQ(receive(), Received::Junk);
  offer.header.magic = 0;
  send(offer, 4);
  EXPECT_EQ(receive(), Received::Junk);
  send(trace_format::Bye{}, 2);
  EXPECT_EQ(receive(), Received::Message);
  EXPECT_EQ(open_descriptors(), before);
}

}  // namespace
}  // namespace taskscope::ingest
