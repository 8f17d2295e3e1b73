#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <numeric>
#include <string>
#include <vector>

#include "runtime/base/os_error.h"
#include "runtime/base/unique_fd.h"
#include "runtime/net/descriptor.h"
#include "tests/runtime/net/net_test_support.h"

namespace taskscope {
namespace {

using test::connect_here;
using test::Ends;
using test::kind_of;
using test::message_of;
using test::sized;

class ConnTest : public test::RuntimeTest {};
TASKSCOPE_AT_ALL_WORKER_COUNTS(ConnTest);

void echo(const net::Conn& conn) {
  std::array<char, 64> buffer{};
  for (;;) {
    const Result<std::size_t> got = conn.read(buffer);
    if (!got) {
      EXPECT_EQ(got.error().kind, ErrorKind::EndOfFile) << got.error().message;
      return;
    }
    EXPECT_TRUE(conn.write_all(std::span(buffer).first(*got)));
  }
}

void serve_echo(const net::Listener& listener, int connections) {
  for (int i = 0; i < connections; ++i) {
    Result<net::Conn> conn = listener.accept();
    ASSERT_TRUE(conn) << conn.error().message;
    go("echo", [conn = *conn] { echo(conn); });
  }
}

TEST_P(ConnTest, WhatIsSentComesBack) {
  run([] {
    const net::Listener listener = test::listen_here();
    constexpr int kConnections = 64;
    constexpr int kRounds = sized(100);
    WaitGroup group;
    group.go([&] { serve_echo(listener, kConnections); });
    for (int c = 0; c < kConnections; ++c) {
      group.go([&, c] {
        const net::Conn conn = test::dial_here(listener);
        std::array<char, 64> sent{};
        std::array<char, 64> back{};
        for (int round = 0; round < kRounds; ++round) {
          sent.fill(static_cast<char>(c + round));
          ASSERT_TRUE(conn.write_all(sent));
          ASSERT_TRUE(conn.read_full(back));
          ASSERT_EQ(back, sent);
        }
      });
    }
    group.wait();
  });
}

TEST_P(ConnTest, ThousandsOfConnectionsWaitAtOnce) {
  run([] {
    const net::Listener listener = test::listen_here();
    constexpr int kConnections = sized(2'000);
    WaitGroup group;
    group.go([&] { serve_echo(listener, kConnections); });
    std::vector<net::Conn> conns(kConnections);
    for (net::Conn& conn : conns) conn = test::dial_here(listener);
    std::atomic<int> answered{0};
    for (const net::Conn& conn : conns) {
      group.go([&answered, &conn] {
        char c = 0;
        ASSERT_TRUE(conn.read_full({&c, 1}));
        EXPECT_EQ(c, '!');
        ++answered;
      });
    }
    for (const net::Conn& conn : conns) ASSERT_TRUE(conn.write_all("!"));
    group.wait();
    EXPECT_EQ(answered, kConnections);
  });
}

TEST_P(ConnTest, AWriterWaitsForTheReader) {
  run([] {
    const Ends ends = connect_here();
    std::vector<std::byte> sent(std::size_t{16} << 20);
    for (std::size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<std::byte>(i * 7 >> 3);
    WaitGroup group;
    group.go([&] {
      EXPECT_TRUE(ends.server.write_all(sent));
      EXPECT_TRUE(ends.server.close_write());
    });
    test::wait_until_blocked(1);  // more than all buffers on the way hold
    std::vector<std::byte> received(sent.size());
    ASSERT_TRUE(ends.client.read_full(received));
    EXPECT_EQ(received, sent);
    char c = 0;
    EXPECT_EQ(kind_of(ends.client.read({&c, 1})), ErrorKind::EndOfFile);
    group.wait();
  });
}

TEST_P(ConnTest, ManyPartsAreWrittenAsOne) {
  run([] {
    const Ends ends = connect_here();
    std::string all;
    std::vector<std::string> texts;
    for (int i = 0; i < 3'000; ++i) {
      texts.emplace_back(static_cast<std::size_t>(i % 400), static_cast<char>('a' + i % 26));
      all += texts.back();
    }
    const std::vector<net::Bytes> parts(texts.begin(), texts.end());
    WaitGroup group;
    group.go([&] { EXPECT_TRUE(ends.client.writev(parts)); });
    std::string received(all.size(), ' ');
    ASSERT_TRUE(ends.server.read_full(received));
    EXPECT_EQ(received, all);
    group.wait();
    EXPECT_TRUE(ends.client.writev({}));
  });
}

TEST_P(ConnTest, WritesOfSeveralTasksDoNotMix) {
  run([] {
    const Ends ends = connect_here();
    constexpr int kWriters = 8;
    constexpr int kRounds = sized(40);
    constexpr std::size_t kSize = 100'000;
    WaitGroup group;
    for (int w = 0; w < kWriters; ++w) {
      group.go([&, w] {
        const std::string block(kSize, static_cast<char>('a' + w));
        for (int i = 0; i < kRounds; ++i) ASSERT_TRUE(ends.client.write_all(block));
      });
    }
    std::string block(kSize, ' ');
    for (int i = 0; i < kWriters * kRounds; ++i) {
      ASSERT_TRUE(ends.server.read_full(block));
      ASSERT_EQ(block.find_first_not_of(block[0]), std::string::npos);
    }
    group.wait();
  });
}

TEST_P(ConnTest, CloseWakesReaderWriterAndThoseBehindThem) {
  run([] {
    const Ends ends = connect_here();
    const std::string large(std::size_t{32} << 20, 'x');
    WaitGroup group;
    for (int i = 0; i < 3; ++i) {
      group.go([&] {
        char c = 0;
        EXPECT_EQ(kind_of(ends.client.read({&c, 1})), ErrorKind::Closed);
      });
      group.go([&] { EXPECT_EQ(kind_of(ends.client.write_all(large)), ErrorKind::Closed); });
    }
    test::wait_until_blocked(6);
    EXPECT_TRUE(ends.client.close());
    group.wait();
    EXPECT_EQ(kind_of(ends.client.close()), ErrorKind::Closed);
    const std::string message = message_of(ends.client.write_all("x"));
    EXPECT_NE(message.find("write tcp 127.0.0.1:"), std::string::npos) << message;
    EXPECT_NE(message.find(": closed by this program"), std::string::npos) << message;
    EXPECT_EQ(ends.client.remote_address().to_string(), "");
  });
}

TEST_P(ConnTest, CloseMeetsOperationsAtAnyMoment) {
  run([] {
    for (int round = 0; round < sized(300); ++round) {
      const Ends ends = connect_here();
      WaitGroup group;
      for (const net::Conn* end : {&ends.client, &ends.server}) {
        group.go([end] {
          char buffer[16];
          while (end->read(buffer)) {
          }
        });
        group.go([end] {
          while (end->write_all("0123456789abcdef")) yield();
        });
      }
      for (int i = 0; i < round % 7; ++i) yield();
      group.go([&] { static_cast<void>(ends.client.close()); });
      group.go([&] { static_cast<void>(ends.client.close()); });
      group.wait();
    }
  });
}

TEST_P(ConnTest, AHalfClosedConnectionStillCarriesTheAnswer) {
  run([] {
    const Ends ends = connect_here();
    ASSERT_TRUE(ends.client.write_all("question"));
    ASSERT_TRUE(ends.client.close_write());
    std::array<char, 8> question{};
    ASSERT_TRUE(ends.server.read_full(question));
    char c = 0;
    EXPECT_EQ(kind_of(ends.server.read({&c, 1})), ErrorKind::EndOfFile);
    ASSERT_TRUE(ends.server.write_all("answer"));
    std::array<char, 6> answer{};
    ASSERT_TRUE(ends.client.read_full(answer));
    EXPECT_EQ(std::string(answer.data(), answer.size()), "answer");
    EXPECT_FALSE(ends.client.write_all("more"));  // and no SIGPIPE
  });
}

TEST_P(ConnTest, TheEndInTheMiddleSaysHowMuchWasThere) {
  run([] {
    Ends ends = connect_here();
    ASSERT_TRUE(ends.client.write_all("four"));
    ends.client = {};  // the last handle closes
    std::array<char, 10> buffer{};
    const Result<void> got = ends.server.read_full(buffer);
    EXPECT_EQ(kind_of(got), ErrorKind::EndOfFile);
    EXPECT_NE(message_of(got).find("end of stream after 4 of 10 bytes"), std::string::npos);
  });
}

TEST_P(ConnTest, AResetNamesTheConnection) {
  run([] {
    Ends ends = connect_here();
    WaitGroup group;
    group.go([&] {
      char c = 0;
      const Result<std::size_t> got = ends.client.read({&c, 1});
      ASSERT_FALSE(got);
      EXPECT_EQ(got.error().os_error, ECONNRESET);
      EXPECT_EQ(got.error().message,
                "read " + std::string(ends.client.name()) + ": connection reset by peer");
    });
    test::wait_until_blocked(1);
    ASSERT_TRUE(ends.client.write_all("never read"));
    char c = 0;
    ASSERT_TRUE(ends.server.read_full({&c, 1}));
    ASSERT_TRUE(ends.server.close());  // with bytes unread: the kernel resets
    group.wait();
  });
}

TEST_P(ConnTest, ADeadlineEndsTheWaitAndRefusesUntilItIsSetAnew) {
  run([] {
    const Ends ends = connect_here();
    char c = 0;
    ends.client.set_read_deadline(test::soon());
    const Result<std::size_t> late = ends.client.read({&c, 1});
    EXPECT_EQ(kind_of(late), ErrorKind::Timeout);
    EXPECT_NE(message_of(late).find(": the deadline has passed"), std::string::npos);
    ASSERT_TRUE(ends.server.write_all("z"));
    EXPECT_EQ(kind_of(ends.client.read({&c, 1})), ErrorKind::Timeout);
    EXPECT_TRUE(ends.client.write_all("writing goes on"));
    ends.client.set_read_deadline(net::Conn::kNoDeadline);
    ASSERT_TRUE(ends.client.read({&c, 1}));
    EXPECT_EQ(c, 'z');
    ends.client.set_deadline(now());
    EXPECT_EQ(kind_of(ends.client.read({&c, 1})), ErrorKind::Timeout);
    EXPECT_EQ(kind_of(ends.client.write_all("x")), ErrorKind::Timeout);
  });
}

TEST_P(ConnTest, AnotherTasksDeadlineEndsTheWait) {
  run([] {
    const Ends ends = connect_here();
    WaitGroup group;
    group.go([&] {
      char c = 0;
      EXPECT_EQ(kind_of(ends.client.read({&c, 1})), ErrorKind::Timeout);
    });
    test::wait_until_blocked(1);
    ends.client.set_deadline(now() + std::chrono::hours(1));
    ends.client.set_deadline(test::soon());
    group.wait();
  });
}

TEST_P(ConnTest, ADeadlineMovedForthDoesNotStrike) {
  run([] {
    const Ends ends = connect_here();
    WaitGroup writers;
    for (int i = 0; i < sized(400); ++i) {
      ends.client.set_deadline(now() + std::chrono::microseconds(200));
      writers.go([&] { EXPECT_TRUE(ends.server.write_all("x")); });
      ends.client.set_deadline(now() + std::chrono::hours(1));
      char c = 0;
      EXPECT_TRUE(ends.client.read_full({&c, 1}));
    }
    writers.wait();
  });
}

TEST_P(ConnTest, AConnectionKnowsItsAddresses) {
  run([] {
    const Ends ends = connect_here();
    EXPECT_EQ(ends.client.local_address(), ends.server.remote_address());
    EXPECT_EQ(ends.client.remote_address(), ends.server.local_address());
    EXPECT_EQ(ends.client.name(), "tcp " + ends.client.local_address().to_string() + "->" +
                                      ends.client.remote_address().to_string());
    EXPECT_TRUE(ends.client.set_no_delay(false));
    EXPECT_TRUE(ends.client.set_no_delay(true));
  });
}

TEST_P(ConnTest, WhatTheKernelDoesNotWatchSaysWhy) {
  run([] {
    base::UniqueFd file(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
    const net::DescriptorRef descriptor(
        net::Descriptor::make(std::move(file), "a file", {}, base::Site::here()));
    const net::Attempt attempt =
        descriptor->perform(net::PollMode::Read, {base::Site::here()}, [](int) {
          base::set_os_error(EAGAIN);
          return -1;
        });
    EXPECT_FALSE(attempt.ok());
    EXPECT_EQ(net::to_error(attempt, "read", "a file").message,
              "wait to read a file: operation not permitted");
  });
}

TEST_P(ConnTest, NoConnectionFailsWithClosed) {
  run([] {
    const net::Conn none;
    char c = 0;
    EXPECT_EQ(message_of(none.read({&c, 1})), "read: no connection");
    EXPECT_EQ(kind_of(none.write_all("x")), ErrorKind::Closed);
    EXPECT_EQ(kind_of(none.close()), ErrorKind::Closed);
    EXPECT_FALSE(none);
  });
}

TEST_P(ConnTest, AConnectionMayOutliveItsRun) {
  Ends kept;
  const test::Footprint before = test::footprint();
  ts::run([&] { kept = connect_here(); }, {.workers = workers()});
  ts::run(
      [&] {
        char c = 0;
        EXPECT_EQ(kind_of(kept.client.read({&c, 1})), ErrorKind::Closed);
        EXPECT_TRUE(kept.server.close());
        EXPECT_EQ(kind_of(kept.server.close()), ErrorKind::Closed);
      },
      {.workers = workers()});
  kept = {};
  EXPECT_EQ(test::footprint().descriptors, before.descriptors);
}

}  // namespace
}  // namespace taskscope
