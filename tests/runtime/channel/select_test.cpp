#include "runtime/channel/select.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>

#include "tests/runtime/support/runtime_test.h"

namespace taskscope {
namespace {

using test::sized;

class SelectTest : public test::RuntimeTest {};
TASKSCOPE_AT_ALL_WORKER_COUNTS(SelectTest);

template <class F>
std::string panic_of(F function) {
  try {
    function();
  } catch (const Panic& panic) {
    return panic.what();
  }
  return "no panic";
}

TEST_P(SelectTest, CarriesOutTheArmThatIsReadyAndReturnsItsHandlersResult) {
  run([] {
    auto numbers = make_chan<int>(1);
    auto words = make_chan<std::string>(1);
    numbers.send(7);
    const std::string got = ts::select(  //
        ts::recv(numbers, [](std::optional<int> n) { return std::to_string(n.value()); }),
        ts::recv(words, [](std::optional<std::string> w) { return w.value(); }));
    EXPECT_EQ(got, "7");
    words.send("seven");
    const auto both = ts::select(  //
        ts::recv(words,
                 [](std::optional<std::string> w) { return static_cast<int>(w.value().size()); }),
        ts::send(numbers, 8, [] { return 0.5; }), ts::otherwise([] { return -1L; }));
    static_assert(std::is_same_v<decltype(both), const double>);
    EXPECT_TRUE(both == 5 || both == 0.5);
  });
}

TEST_P(SelectTest, WithoutHandlersItReturnsTheIndexOfTheArm) {
  run([] {
    auto a = make_chan<int>(1);
    auto b = make_chan<int>(1);
    b.send(3);
    std::optional<int> value;
    EXPECT_EQ(ts::select(ts::recv(a, value), ts::recv(b, value)), 1u);
    EXPECT_EQ(value, 3);
    EXPECT_EQ(ts::select(ts::recv(a), ts::recv(b), ts::otherwise()), 2u);
    EXPECT_EQ(ts::select(ts::recv(a), ts::send(b, 1), ts::otherwise()), 1u);
    a.close();
    EXPECT_EQ(ts::select(ts::recv(a, value), ts::send(b, 2)), 0u);
    EXPECT_EQ(value, std::nullopt);
  });
}

TEST_P(SelectTest, WaitsUntilAnArmIsReady) {
  run([] {
    auto a = make_chan<int>();
    auto b = make_chan<int>();
    go([=] {
      test::wait_until_blocked(1);
      b.send(5);
    });
    std::optional<int> value;
    EXPECT_EQ(ts::select(ts::recv(a, value), ts::recv(b, value)), 1u);
    EXPECT_EQ(value, 5);
    go([=] {
      test::wait_until_blocked(1);
      EXPECT_EQ(a.recv(), 6);
    });
    EXPECT_EQ(ts::select(ts::send(a, 6), ts::recv(b, value)), 0u);
    EXPECT_FALSE(a.try_send(1)) << "the select has left the queues";
    EXPECT_FALSE(b.try_send(1));
  });
}

}  // namespace
}  // namespace taskscope
