#include "runtime/net/resolve.h"

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <netdb.h>

#include <atomic>
#include <chrono>
#include <string_view>

#include "runtime/base/sanitizer.h"
#include "tests/runtime/net/net_test_support.h"

namespace {

// Look-ups of "slow.test" that the resolver has not answered; it does when this says so.
std::atomic<bool> g_answer{true};
std::atomic<int> g_pending{0};

}  // namespace

// The system's, but for one name.
extern "C" int getaddrinfo(const char* host, const char* port, const addrinfo* hints,
                           addrinfo** list) {
  using Function = int(const char*, const char*, const addrinfo*, addrinfo**);
  static Function* const real = reinterpret_cast<Function*>(dlsym(RTLD_NEXT, "getaddrinfo"));
  if (std::string_view(host) != "slow.test") return real(host, port, hints, list);
  ++g_pending;
  g_answer.wait(false);
  --g_pending;
  return real("127.0.0.1", port, hints, list);
}

namespace taskscope {
namespace {

using test::kind_of;
using test::message_of;

class ResolveTest : public test::RuntimeTest {
 protected:
  void SetUp() override {
    test::RuntimeTest::SetUp();
    g_answer = false;
  }

  static void wait_until_pending() {
    while (g_pending == 0) yield();
  }
  // Before the run ends: it would leave a thread in the resolver behind.
  static void answer() {
    g_answer = true;
    g_answer.notify_all();
    while (g_pending != 0) yield();
  }
};
TASKSCOPE_AT_ALL_WORKER_COUNTS(ResolveTest);

TEST_P(ResolveTest, AContextEndsALookUpThatTheResolverDoesNotAnswer) {
  run([] {
    auto [context, cancel] = with_cancel(background());
    WaitGroup group;
    group.go("canceller", [&cancel = cancel] {
      wait_until_pending();
      cancel();
    });
    const auto found = net::resolve(context, "slow.test:80");
    EXPECT_EQ(kind_of(found), ErrorKind::Cancelled);
    EXPECT_EQ(message_of(found), "look up slow.test:80: cancelled by its context");
    answer();
    group.wait();
  });
}

TEST_P(ResolveTest, TheTimeOfADialIsForTheNameToo) {
  run([] {
    const auto conn = net::dial_tcp("slow.test:80", {.timeout = std::chrono::milliseconds(5)});
    EXPECT_EQ(kind_of(conn), ErrorKind::Timeout);
    EXPECT_EQ(message_of(conn), "look up slow.test:80: the deadline has passed");
    answer();
  });
}

TEST_P(ResolveTest, ADialWhoseContextIsCancelledInTheLookUpIsCancelled) {
  run([] {
    auto [context, cancel] = with_cancel(background());
    WaitGroup group;
    group.go("canceller", [&cancel = cancel] {
      wait_until_pending();
      cancel();
    });
    const auto conn = net::dial_tcp(context, "slow.test:80", {.timeout = std::chrono::hours(1)});
    EXPECT_EQ(kind_of(conn), ErrorKind::Cancelled);
    EXPECT_EQ(message_of(conn), "look up slow.test:80: cancelled by its context");
    answer();
    group.wait();
  });
}

TEST_P(ResolveTest, ALookUpThatItsContextsDeadlineEndsIsATimeout) {
  if (TASKSCOPE_TSAN) GTEST_SKIP() << "look-ups beside each other: libc's own lock is not seen";
  run([] {
    const auto limited = with_timeout(background(), std::chrono::milliseconds(5));
    const auto expect_late = [](const auto& result) {
      EXPECT_EQ(kind_of(result), ErrorKind::Timeout);
      EXPECT_EQ(message_of(result), "look up slow.test:80: its context's deadline has passed");
    };
    expect_late(net::dial_tcp(limited.ctx, "slow.test:80", {.timeout = std::chrono::hours(1)}));
    expect_late(net::resolve(limited.ctx, "slow.test:80"));  // which does not ask any more
    const auto again = with_timeout(background(), std::chrono::milliseconds(5));
    expect_late(net::resolve(again.ctx, "slow.test:80"));
    expect_late(net::listen_tcp(again.ctx, "slow.test:80"));
    answer();
  });
}

TEST_P(ResolveTest, ANameThatIsAnsweredInTimeIsDialled) {
  run([] {
    const net::Listener listener = test::listen_here();
    auto [context, cancel] = with_cancel(background());
    go("resolver", [] {
      wait_until_pending();
      answer();
    });
    const auto conn =
        net::dial_tcp(context, "slow.test:" + std::to_string(listener.address().port()),
                      {.timeout = std::chrono::hours(1)});
    EXPECT_TRUE(conn) << message_of(conn);
  });
}

TEST_P(ResolveTest, UnderAContextThatIsDoneNobodyIsAskedButNumbersAreTheirOwnAnswer) {
  run([] {
    auto [context, cancel] = with_cancel(background());
    cancel();
    EXPECT_EQ(kind_of(net::resolve(context, "slow.test:80")), ErrorKind::Cancelled);
    EXPECT_EQ(g_pending, 0);
    EXPECT_TRUE(net::resolve(context, "127.0.0.1:80"));
    EXPECT_EQ(kind_of(net::dial_tcp(context, "127.0.0.1:80")), ErrorKind::Cancelled);
    EXPECT_EQ(kind_of(net::listen_tcp(context, "localhost:0")), ErrorKind::Cancelled);
  });
}

}  // namespace
}  // namespace taskscope
