#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>
#include <vector>

#include "tests/runtime/net/net_test_support.h"

namespace taskscope {
namespace {

using test::kind_of;
using test::message_of;
using test::sized;

class DialTest : public test::RuntimeTest {};
TASKSCOPE_AT_ALL_WORKER_COUNTS(DialTest);

// A path for a socket in the folder for temporary files; gone with the object.
class SocketPath {
 public:
  SocketPath() {
    char name[] = "/tmp/taskscope-net-XXXXXX";
    EXPECT_NE(mkdtemp(name), nullptr);
    folder_ = name;
  }
  ~SocketPath() {
    ::unlink(path().c_str());
    ::rmdir(folder_.c_str());
  }
  std::string path() const { return folder_ + "/socket"; }

 private:
  std::string folder_;
};

void exchange(const net::Listener& listener, const net::Conn& client) {
  Result<net::Conn> server = listener.accept();
  ASSERT_TRUE(server) << server.error().message;
  ASSERT_TRUE(client.write_all("ping"));
  char buffer[4];
  ASSERT_TRUE(server->read_full(buffer));
  EXPECT_EQ(std::string(buffer, 4), "ping");
}

TEST_P(DialTest, AClosedPortRefuses) {
  run([] {
    const net::Listener listener = test::listen_here();
    const std::string address = listener.address().to_string();
    ASSERT_TRUE(listener.close());
    const Result<net::Conn> conn = net::dial_tcp(address);
    ASSERT_FALSE(conn);
    EXPECT_EQ(conn.error().os_error, ECONNREFUSED);
    EXPECT_EQ(conn.error().message,
              "dial tcp " + address + ": connection refused; is the server running there?");
  });
}

TEST_P(DialTest, NamesAreLookedUp) {
  run([] {
    const net::Listener listener = test::listen_here();
    // Where localhost is IPv6 first, the next address is tried.
    const std::string name = "localhost:" + std::to_string(listener.address().port());
    const Result<net::Conn> conn = net::dial_tcp(name);
    ASSERT_TRUE(conn) << conn.error().message;
    exchange(listener, *conn);
    const Result<net::Conn> nobody = net::dial_tcp("no-such-host.invalid:80");
    EXPECT_EQ(message_of(nobody).find("look up no-such-host.invalid:80: "), 0u);
  });
}

TEST_P(DialTest, ADialGivesUpInTime) {
  run([] {
    // A queue of one that nobody accepts from: further connections are not answered.
    const Result<net::Listener> listener = net::listen_tcp("127.0.0.1:0", {.backlog = 0});
    ASSERT_TRUE(listener) << listener.error().message;
    std::vector<net::Conn> queued;
    for (;;) {
      Result<net::Conn> conn = net::dial_tcp(listener->address().to_string(),
                                             {.timeout = std::chrono::milliseconds(20)});
      if (!conn) {
        EXPECT_EQ(conn.error().kind, ErrorKind::Timeout) << conn.error().message;
        break;
      }
      queued.push_back(*conn);
      ASSERT_LT(queued.size(), 100u);
    }
  });
}

TEST_P(DialTest, AddressesThatMakeNoSenseAreRefused) {
  run([] {
    for (const char* address : {"", "localhost", "1.2.3.4", "::1:80", "[::1]80", "[::1:80"}) {
      EXPECT_FALSE(net::dial_tcp(address)) << address;
      EXPECT_FALSE(net::listen_tcp(address)) << address;
    }
    EXPECT_FALSE(net::Address::parse("127.0.0.1:65536"));
    EXPECT_FALSE(net::Address::parse("localhost:80"));
    EXPECT_EQ(net::Address::parse("[::1]:80")->to_string(), "[::1]:80");
    EXPECT_EQ(net::Address::parse(":80")->to_string(), "[::]:80");
  });
}

TEST_P(DialTest, IPv6WorksWhereTheMachineHasIt) {
  run([] {
    const Result<net::Listener> listener = net::listen_tcp("[::1]:0");
    if (!listener) return;
    const Result<net::Conn> conn = net::dial_tcp(listener->address().to_string());
    ASSERT_TRUE(conn) << conn.error().message;
    exchange(*listener, *conn);
  });
}

TEST_P(DialTest, UnixSocketsWork) {
  run([] {
    const SocketPath place;
    const Result<net::Listener> listener = net::listen_unix(place.path());
    ASSERT_TRUE(listener) << listener.error().message;
    EXPECT_EQ(listener->name(), "unix " + place.path());
    const Result<net::Conn> conn = net::dial_unix(place.path());
    ASSERT_TRUE(conn) << conn.error().message;
    EXPECT_EQ(conn->name(), "unix " + place.path());
    exchange(*listener, *conn);
    const Result<net::Listener> second = net::listen_unix(place.path());
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().os_error, EADDRINUSE);
    ASSERT_TRUE(listener->close());
    EXPECT_NE(::access(place.path().c_str(), F_OK), 0);  // close removes the file
    const Result<net::Conn> nobody = net::dial_unix(place.path());
    ASSERT_FALSE(nobody);
    EXPECT_EQ(nobody.error().os_error, ENOENT);
  });
}

TEST_P(DialTest, AbstractUnixSocketsLeaveNoFile) {
  run([] {
    const std::string name = "@taskscope-net-" + std::to_string(getpid());
    const Result<net::Listener> listener = net::listen_unix(name);
    ASSERT_TRUE(listener) << listener.error().message;
    EXPECT_EQ(listener->address().to_string(), name);
    const Result<net::Conn> conn = net::dial_unix(name);
    ASSERT_TRUE(conn) << conn.error().message;
    exchange(*listener, *conn);
  });
}

TEST_P(DialTest, AUnixPathThatIsTooLongSaysHowLongItMayBe) {
  run([] {
    const std::string path(200, 'p');
    const Result<net::Conn> conn = net::dial_unix(path);
    EXPECT_NE(message_of(conn).find("a path has 1 to 107 bytes, this one 200"), std::string::npos);
    EXPECT_FALSE(net::listen_unix(path));
    EXPECT_FALSE(net::listen_unix(""));
  });
}

TEST_P(DialTest, AFullQueueOfAUnixSocketIsAnErrorAtOnce) {
  run([] {
    const SocketPath place;
    const Result<net::Listener> listener = net::listen_unix(place.path(), {.backlog = 0});
    ASSERT_TRUE(listener) << listener.error().message;
    std::vector<net::Conn> queued;
    for (;;) {
      Result<net::Conn> conn = net::dial_unix(place.path());
      if (!conn) {
        EXPECT_EQ(conn.error().os_error, EBUSY) << conn.error().message;
        break;
      }
      queued.push_back(*conn);
      ASSERT_LT(queued.size(), 100u);
    }
  });
}

TEST_P(DialTest, CloseWakesEveryAccepter) {
  run([] {
    const net::Listener listener = test::listen_here();
    WaitGroup group;
    for (int i = 0; i < 4; ++i) {
      group.go([&] { EXPECT_EQ(kind_of(listener.accept()), ErrorKind::Closed); });
    }
    test::wait_until_blocked(4);
    const std::string address = listener.address().to_string();
    EXPECT_TRUE(listener.close());
    group.wait();
    // Closed for good when close() returns: the port is free.
    const Result<net::Listener> again = net::listen_tcp(address);
    EXPECT_TRUE(again) << again.error().message;
  });
}

TEST_P(DialTest, SeveralTasksMayAcceptAtOnce) {
  run([] {
    const net::Listener listener = test::listen_here();
    constexpr int kConnections = sized(400) / 4 * 4;  // four tasks dial their share
    std::atomic<int> accepted{0};
    WaitGroup group;
    for (int i = 0; i < 4; ++i) {
      group.go([&] {
        while (listener.accept()) {
          if (++accepted < kConnections) continue;
          EXPECT_TRUE(listener.close());
        }
      });
    }
    for (int i = 0; i < 4; ++i) {
      group.go([&] {
        for (int c = 0; c < kConnections / 4; ++c) test::dial_here(listener);
      });
    }
    group.wait();
    EXPECT_EQ(accepted, kConnections);
  });
}

TEST_P(DialTest, AnAcceptHasItsDeadline) {
  run([] {
    const net::Listener listener = test::listen_here();
    listener.set_deadline(test::soon());
    EXPECT_EQ(kind_of(listener.accept()), ErrorKind::Timeout);
    listener.set_deadline(net::Conn::kNoDeadline);
    const net::Conn conn = test::dial_here(listener);
    EXPECT_TRUE(listener.accept());
  });
}

TEST_P(DialTest, OutOfDescriptorsIsAnErrorAndTheConnectionStays) {
  // Whoever listens for recorders opens descriptors when it likes, and closes them.
  setenv("TASKSCOPE_ATTACH", "0", 1);
  run([] {
    const net::Listener listener = test::listen_here();
    const net::Conn client = test::dial_here(listener);
    rlimit limit{};
    ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    std::vector<base::UniqueFd> fillers;
    rlimit low = limit;
    low.rlim_cur = 128;
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
    for (;;) {
      base::UniqueFd filler(dup(STDERR_FILENO));
      if (!filler) break;
      fillers.push_back(std::move(filler));
    }
    const Result<net::Conn> refused = listener.accept();
    const Result<net::Conn> dial = net::dial_tcp(listener.address().to_string());
    fillers.clear();
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().os_error, EMFILE);
    EXPECT_EQ(refused.error().message, "accept on " + std::string(listener.name()) +
                                           ": too many open files; raise the limit on "
                                           "descriptors (ulimit -n)");
    EXPECT_FALSE(dial);
    exchange(listener, client);
  });
  unsetenv("TASKSCOPE_ATTACH");
}

}  // namespace
}  // namespace taskscope
