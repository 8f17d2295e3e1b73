#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "tests/runtime/net/net_test_support.h"

namespace taskscope {
namespace {

using test::connect_here;
using test::Ends;
using test::kind_of;
using test::message_of;
using test::sized;

class CancelTest : public test::RuntimeTest {};
TASKSCOPE_AT_ALL_WORKER_COUNTS(CancelTest);

TEST_P(CancelTest, ADoneContextEndsEveryKindOfWait) {
  run([] {
    const Ends ends = connect_here();
    const net::Listener listener = test::listen_here();
    const std::string large(std::size_t{32} << 20, 'x');
    auto [context, cancel] = with_cancel(background());
    WaitGroup group;
    for (int i = 0; i < 2; ++i) {  // the second waits for its turn
      group.go([&, &context = context] {
        char c = 0;
        EXPECT_EQ(kind_of(ends.client.read(context, {&c, 1})), ErrorKind::Cancelled);
      });
      group.go([&, &context = context] {
        EXPECT_EQ(kind_of(ends.client.write_all(context, large)), ErrorKind::Cancelled);
      });
      group.go([&, &context = context] {
        EXPECT_EQ(kind_of(listener.accept(context)), ErrorKind::Cancelled);
      });
    }
    test::wait_until_blocked(6);
    cancel();
    group.wait();
    EXPECT_EQ(kind_of(net::dial_tcp(context, listener.address().to_string())),
              ErrorKind::Cancelled);
    EXPECT_EQ(message_of(ends.client.write(context, "x")),
              "write " + std::string(ends.client.name()) + ": cancelled by its context");
  });
}

TEST_P(CancelTest, TheConnectionIsStillGoodAfterwards) {
  run([] {
    const Ends ends = connect_here();
    for (int i = 0; i < sized(200); ++i) {
      auto [context, cancel] = with_cancel(background());
      WaitGroup group;
      group.go([&, &context = context] {
        char c = 0;
        const Result<std::size_t> got = ends.client.read(context, {&c, 1});
        if (!got) {
          EXPECT_EQ(got.error().kind, ErrorKind::Cancelled);
          ASSERT_TRUE(ends.client.read({&c, 1}));
        }
        EXPECT_EQ(c, 'c');
      });
      // Either may come first.
      group.go([&cancel = cancel] { cancel(); });
      group.go([&] { EXPECT_TRUE(ends.server.write_all("c")); });
      group.wait();
    }
  });
}

TEST_P(CancelTest, AContextsDeadlineCounts) {
  run([] {
    const Ends ends = connect_here();
    const net::Listener listener = test::listen_here();
    const std::string large(std::size_t{32} << 20, 'x');
    const std::string to = listener.address().to_string();
    const std::string why = ": its context's deadline has passed";
    const auto limited = with_timeout(background(), std::chrono::milliseconds(5));
    const Context& late = limited.ctx;
    WaitGroup group;
    for (int i = 0; i < 2; ++i) {  // the second waits for its turn
      group.go([&] {
        char c = 0;
        const Result<void> got = ends.client.read_full(late, {&c, 1});
        EXPECT_EQ(kind_of(got), ErrorKind::Timeout);
        EXPECT_EQ(message_of(got), "read " + std::string(ends.client.name()) + why);
      });
      group.go([&] { EXPECT_EQ(kind_of(ends.client.write_all(late, large)), ErrorKind::Timeout); });
      group.go([&] {
        const Result<net::Conn> got = listener.accept(late);
        EXPECT_EQ(kind_of(got), ErrorKind::Timeout);
        EXPECT_EQ(message_of(got), "accept on tcp " + to + why);
      });
    }
    group.wait();
    const Result<net::Conn> conn = net::dial_tcp(late, to);
    EXPECT_EQ(kind_of(conn), ErrorKind::Timeout);
    EXPECT_EQ(message_of(conn), "dial tcp " + to + why);
    limited.cancel();  // too late to change the reason
    const auto below = with_cancel(late);
    EXPECT_EQ(kind_of(ends.client.write(below.ctx, "x")), ErrorKind::Timeout);
  });
}

TEST_P(CancelTest, AContextThatIsNotDoneChangesNothing) {
  run([] {
    const Ends ends = connect_here();
    auto [context, cancel] = with_cancel(background());
    const std::vector<net::Bytes> parts = {"one", " ", "two"};
    EXPECT_TRUE(ends.client.writev(context, parts));
    std::string text(7, ' ');
    EXPECT_TRUE(ends.server.read_full(context, text));
    EXPECT_EQ(text, "one two");
    EXPECT_TRUE(ends.server.write_all(background(), "x"));
  });
}

}  // namespace
}  // namespace taskscope
