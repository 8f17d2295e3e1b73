#include <gtest/gtest.h>

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
    auto [context, cancel] = with_timeout(background(), std::chrono::milliseconds(5));
    char c = 0;
    EXPECT_EQ(kind_of(ends.client.read_full(context, {&c, 1})), ErrorKind::Cancelled);
    EXPECT_TRUE(context.err());
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
