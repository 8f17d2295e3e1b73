#include "runtime/channel/chan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <iterator>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include "tests/runtime/support/panic_of.h"
#include "tests/runtime/support/runtime_test.h"

namespace taskscope {
namespace {

using test::panic_of;
using test::sized;
using ::testing::ContainsRegex;

class ChanTest : public test::RuntimeTest {};
TASKSCOPE_AT_ALL_WORKER_COUNTS(ChanTest);

static_assert(!std::is_convertible_v<Sender<int>, Receiver<int>>);
static_assert(!std::is_convertible_v<Sender<int>, Chan<int>>);

template <class End>
concept CanSend = requires(End end) {
  end.send(1);
};
template <class End>
concept CanRecv = requires(End end) {
  end.recv();
};
template <class End>
concept CanClose = requires(End end) {
  end.close();
};
// A handle that receives is a range of values that come once, and may be gone before they have
// come.
static_assert(std::ranges::input_range<Receiver<int>> && std::ranges::input_range<Chan<int>>);
static_assert(std::ranges::input_range<const Chan<std::unique_ptr<int>>>);
static_assert(!std::ranges::forward_range<Receiver<int>>);
static_assert(std::ranges::view<Receiver<int>> && std::ranges::borrowed_range<Chan<int>>);

static_assert(CanSend<Sender<int>> && !CanRecv<Sender<int>> && CanClose<Sender<int>>);
static_assert(!CanSend<Receiver<int>> && CanRecv<Receiver<int>> && !CanClose<Receiver<int>>);

// Counts its instances, so that a channel that loses or doubles a value is seen.
struct Counted {
  explicit Counted(int v) : value(v) { ++live; }
  Counted(Counted&& other) noexcept : value(other.value) { ++live; }
  Counted& operator=(Counted&&) = default;
  ~Counted() { --live; }
  int value;
  static inline std::atomic<int> live{0};
};

TEST_P(ChanTest, ALoopKeepsItsChannelWhenTheHandleIsGivenAway) {
  run([] {
    auto chan = make_chan<std::string>(3);
    for (const char* text : {"one", "two", "three"})
      chan.send(std::string(text) + std::string(40, '.'));
    chan.close();
    int count = 0;
    for (std::string& text : chan) {
      chan = {};
      EXPECT_EQ(text.size(), text.find('.') + 40);
      ++count;
    }
    EXPECT_EQ(count, 3);
  });
}

TEST_P(ChanTest, UnbufferedValuesArriveInOrder) {
  run([] {
    auto chan = make_chan<int>();
    go([chan] {
      for (int i = 0; i < 1000; ++i) chan.send(i);
      chan.close();
    });
    int expected = 0;
    for (int value : chan) EXPECT_EQ(value, expected++);
    EXPECT_EQ(expected, 1000);
  });
}

TEST_P(ChanTest, ASendOnAnUnbufferedChannelReturnsOnlyAfterItsReceive) {
  run([] {
    auto chan = make_chan<int>();
    std::atomic<bool> receiving{false};
    go([&, chan] {
      receiving = true;
      chan.recv();
    });
    chan.send(1);
    EXPECT_TRUE(receiving);
  });
}

TEST_P(ChanTest, ABufferedChannelTakesItsCapacityWithoutAReceiver) {
  run([] {
    auto chan = make_chan<int>(3);
    EXPECT_EQ(chan.cap(), 3u);
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(chan.try_send(i));
    EXPECT_FALSE(chan.try_send(3));
    EXPECT_EQ(chan.len(), 3u);
    EXPECT_EQ(chan.recv(), 0);
    EXPECT_TRUE(chan.try_send(3));
    for (int i = 1; i <= 3; ++i) EXPECT_EQ(chan.recv(), i);
    EXPECT_EQ(chan.try_recv(), std::nullopt);
  });
}

TEST_P(ChanTest, ASenderThatWaitsForRoomKeepsItsPlaceInTheOrder) {
  run([] {
    auto chan = make_chan<int>(2);
    go([chan] {
      for (int i = 0; i < 100; ++i) chan.send(i);
      chan.close();
    });
    int expected = 0;
    while (auto value = chan.recv()) {
      EXPECT_EQ(*value, expected++);
      yield();
    }
    EXPECT_EQ(expected, 100);
  });
}

TEST_P(ChanTest, ReceiversAreServedInTheOrderTheyCame) {
  run([] {
    auto chan = make_chan<int>();
    auto got = make_chan<int>(8);
    for (std::size_t i = 0; i < 8; ++i) {
      go([=] { got.send(static_cast<int>(i) * 100 + chan.recv().value_or(-1)); });
      test::wait_until_blocked(i + 1);
    }
    for (int i = 0; i < 8; ++i) chan.send(i);
    for (int i = 0; i < 8; ++i) {
      const int value = got.recv().value_or(-1);
      EXPECT_EQ(value / 100, value % 100);
    }
  });
}

TEST_P(ChanTest, CloseWakesEveryReceiver) {
  run([] {
    auto chan = make_chan<int>();
    WaitGroup group;
    std::atomic<int> closed{0};
    for (int i = 0; i < 50; ++i) {
      group.go([&, chan] { closed += !chan.recv().has_value(); });
    }
    test::wait_until_blocked(50);
    chan.close();
    group.wait();
    EXPECT_EQ(closed, 50);
  });
}

TEST_P(ChanTest, AClosedChannelIsDrainedBeforeItEnds) {
  run([] {
    auto chan = make_chan<int>(4);
    chan.send(1);
    chan.send(2);
    chan.close();
    EXPECT_EQ(chan.recv(), 1);
    EXPECT_EQ(chan.recv(), 2);
    EXPECT_EQ(chan.recv(), std::nullopt);
    EXPECT_EQ(chan.recv(), std::nullopt);
  });
}

TEST_P(ChanTest, MisuseIsAPanicWithGosWordsThatCanBeCaught) {
  run([] {
    auto chan = make_chan<int>("jobs", 1);
    chan.close();
    EXPECT_EQ(panic_of([&] { chan.send(1); }), "send on closed channel \"jobs\"");
    EXPECT_EQ(panic_of([&] { chan.try_send(1); }), "send on closed channel \"jobs\"");
    EXPECT_EQ(panic_of([&] { chan.close(); }), "close of closed channel \"jobs\"");
    EXPECT_EQ(panic_of([] { Chan<int>().close(); }), "close of nil channel");
  });
}

TEST_P(ChanTest, MisuseOfAChannelWithoutANameSaysWhereItWasMade) {
  run([] {
    const int line = __LINE__ + 1;
    auto chan = make_chan<int>();
    chan.close();
    const std::string here = "chan_test.cpp:" + std::to_string(line) + "$";
    EXPECT_THAT(panic_of([&] { chan.send(1); }),
                ContainsRegex("^send on closed channel made at .*" + here));
    EXPECT_THAT(panic_of([&] { chan.close(); }),
                ContainsRegex("^close of closed channel made at .*" + here));
  });
}

TEST_P(ChanTest, ALoopOfTriesEndsWhenTheChannelIsDrained) {
  run([] {
    auto chan = make_chan<int>(2);
    const Receiver<int> receiver = chan;
    EXPECT_FALSE(receiver.drained());
    EXPECT_TRUE(chan.try_send(1));
    chan.close();
    EXPECT_FALSE(chan.drained()) << "a value is left";
    int received = 0;
    while (!receiver.drained()) received += receiver.try_recv() ? 1 : 0;
    EXPECT_EQ(received, 1);
    EXPECT_FALSE(Chan<int>().drained());
  });
}

TEST_P(ChanTest, AValueThatIsNotTakenStaysWithItsSender) {
  run([] {
    auto chan = make_chan<std::unique_ptr<int>>(1);
    auto value = std::make_unique<int>(7);
    EXPECT_TRUE(chan.try_send(std::make_unique<int>(1)));
    EXPECT_FALSE(chan.try_send(std::move(value)));
    ASSERT_NE(value, nullptr);  // NOLINT: that it was not moved from is the point
    const auto [context, cancel] = with_cancel(background());
    cancel();
    EXPECT_FALSE(Sender<std::unique_ptr<int>>(chan).send(context, std::move(value)));
    ASSERT_NE(value, nullptr);
    EXPECT_EQ(**chan.recv(), 1);
    EXPECT_TRUE(chan.try_send(std::move(value)));
    EXPECT_EQ(**chan.recv(), 7);
    auto copies = make_chan<std::string>(1);
    const std::string text = "kept";
    EXPECT_TRUE(copies.try_send(text));
    EXPECT_EQ(text, "kept");
  });
}

TEST_P(ChanTest, AChannelLargerThanMemoryIsRefused) {
  run([] {
    EXPECT_EQ(panic_of([] { make_chan<int>(std::numeric_limits<std::size_t>::max()); }),
              "make_chan: size out of range");
  });
}

TEST_P(ChanTest, CloseMakesAWaitingSenderPanic) {
  run([] {
    auto chan = make_chan<int>("jobs", 0);
    WaitGroup group;
    std::string message;
    group.go([&, chan] { message = panic_of([&] { chan.send(1); }); });
    test::wait_until_blocked(1);
    chan.close();
    group.wait();
    EXPECT_EQ(message, "send on closed channel \"jobs\"");
  });
}

TEST_P(ChanTest, ANilChannelNeverHasAnything) {
  run([] {
    const Chan<int> nil;
    EXPECT_FALSE(nil);
    EXPECT_FALSE(nil.try_send(1));
    EXPECT_EQ(nil.try_recv(), std::nullopt);
    EXPECT_EQ(nil.len(), 0u);
    EXPECT_EQ(nil.cap(), 0u);
  });
}

TEST_P(ChanTest, MoveOnlyValuesTravelBothWays) {
  run([] {
    for (const std::size_t capacity : {0, 1, 5}) {
      auto chan = make_chan<std::unique_ptr<int>>(capacity);
      go([chan] {
        for (int i = 0; i < 20; ++i) chan.send(std::make_unique<int>(i));
        chan.close();
      });
      int sum = 0;
      for (auto& value : chan) sum += *value;
      EXPECT_EQ(sum, 190);
    }
  });
}

TEST_P(ChanTest, LargeAndOveralignedValuesArriveWhole) {
  struct alignas(64) Large {
    std::array<std::uint64_t, 512> words;
  };
  run([] {
    for (const std::size_t capacity : {0, 3}) {
      auto chan = make_chan<Large>(capacity);
      go([chan] {
        for (std::uint64_t i = 0; i < 20; ++i) {
          Large value;
          value.words.fill(i);
          chan.send(value);
        }
        chan.close();
      });
      std::uint64_t expected = 0;
      for (const Large& value : chan) {
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&value) % 64, 0u);
        EXPECT_EQ(value.words.front(), expected);
        EXPECT_EQ(value.words.back(), expected++);
      }
    }
  });
}

TEST_P(ChanTest, ValuesThatHoldNothingAreCounted) {
  struct Nothing {};
  run([] {
    auto chan = make_chan<Nothing>(3);
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(chan.try_send({}));
    EXPECT_FALSE(chan.try_send({}));
    EXPECT_EQ(chan.len(), 3u);
    chan.close();
    int got = 0;
    for ([[maybe_unused]] const Nothing& value : chan) ++got;
    EXPECT_EQ(got, 3);
  });
}

TEST_P(ChanTest, EveryValueIsDestroyedExactlyOnce) {
  run([] {
    for (const std::size_t capacity : {0, 4}) {
      auto chan = make_chan<Counted>(capacity);
      go([chan] {
        for (int i = 0; i < 100; ++i) chan.send(Counted(i));
        chan.close();
      });
      for (int i = 0; i < 50; ++i) EXPECT_EQ(chan.recv()->value, i);
      for (Counted& value : chan) EXPECT_GE(value.value, 50);
    }
    auto abandoned = make_chan<Counted>(8);
    for (int i = 0; i < 8; ++i) abandoned.send(Counted(i));
    abandoned.recv();
  });
  EXPECT_EQ(Counted::live, 0);
}

TEST_P(ChanTest, EndsAreSharedReferencesToOneChannel) {
  run([] {
    Sender<int> sender;
    Receiver<int> receiver;
    {
      auto chan = make_chan<int>(1);
      sender = chan;
      receiver = chan;
    }
    sender.send(7);
    EXPECT_EQ(receiver.recv(), 7);
    sender.close();
    EXPECT_EQ(receiver.recv(), std::nullopt);
  });
}

TEST_P(ChanTest, ManySendersAndReceiversLoseAndDoubleNothing) {
  run([] {
    constexpr int kPerSender = sized(20'000);
    for (const std::size_t capacity : {0, 1, 64}) {
      auto chan = make_chan<int>(capacity);
      std::vector<std::atomic<int>> seen(8 * kPerSender);
      WaitGroup senders;
      WaitGroup receivers;
      for (int s = 0; s < 8; ++s) {
        senders.go([=] {
          for (int i = 0; i < kPerSender; ++i) chan.send(s * kPerSender + i);
        });
        receivers.go([&seen, chan] {
          for (int value : chan) seen[static_cast<std::size_t>(value)].fetch_add(1);
        });
      }
      senders.wait();
      chan.close();
      receivers.wait();
      for (const auto& count : seen) ASSERT_EQ(count, 1);
    }
  });
}

TEST_P(ChanTest, APrimeSieveFindsThePrimes) {
  run([] {
    auto source = make_chan<int>();
    go([source] {
      for (int i = 2;; ++i) {
        if (i > 1000) return source.close();
        source.send(i);
      }
    });
    std::vector<int> primes;
    Chan<int> from = source;
    while (auto prime = from.recv()) {
      primes.push_back(*prime);
      auto to = make_chan<int>();
      go([from, to, p = *prime] {
        for (int n : from) {
          if (n % p != 0) to.send(n);
        }
        to.close();
      });
      from = to;
    }
    EXPECT_EQ(primes.size(), 168u);
    EXPECT_EQ(primes.back(), 997);
  });
}

TEST_P(ChanTest, OtherThreadsMaySendReceiveAndCloseWithoutWaiting) {
  run([] {
    auto chan = make_chan<int>(1);
    std::thread outside([chan] {
      while (!chan.try_send(42)) {
      }
      while (chan.len() != 0) {
      }
      chan.close();
    });
    EXPECT_EQ(chan.recv(), 42);
    EXPECT_EQ(chan.recv(), std::nullopt);
    outside.join();
  });
}

TEST_P(ChanTest, AChannelOfAnEarlierRunHasNoWaitersLeft) {
  auto chan = make_chan<int>();
  sched::RunStats stats;
  ts::run(
      [&] {
        go([&] { chan.recv(); });
        test::wait_until_blocked(1);
      },
      {.workers = workers(), .stats = &stats});
  EXPECT_EQ(stats.tasks_abandoned, 1u);
  run([&] { EXPECT_FALSE(chan.try_send(1)); });
}

TEST_P(ChanTest, AlgorithmsOfRangesReceiveUntilTheEnd) {
  run([] {
    const Chan<int> numbers = make_chan<int>(2);
    go([numbers] {
      for (int i = 1; i <= 10; ++i) numbers.send(i);
      numbers.close();
    });
    EXPECT_EQ(std::ranges::count_if(Receiver<int>(numbers), [](int n) { return n % 3 == 0; }), 3);
    EXPECT_EQ(std::ranges::distance(numbers), 0);
  });
}

TEST_P(ChanTest, AnIteratorReceivesWhenItIsAskedAndNotBefore) {
  run([] {
    const Chan<int> numbers = make_chan<int>(4);
    for (int i = 1; i <= 4; ++i) numbers.send(i);
    auto it = numbers.begin();
    EXPECT_EQ(numbers.len(), 4u);
    EXPECT_EQ(*it, 1);
    EXPECT_EQ(*it, 1);
    ++it;
    EXPECT_EQ(numbers.len(), 3u);
    ++it;  // over one that nobody has looked at
    EXPECT_EQ(*it, 3);
    EXPECT_EQ(numbers.len(), 1u);
    // Else this would wait for a fifth.
    std::vector<int> last;
    for (auto rest = std::counted_iterator(numbers.begin(), 1); rest != std::default_sentinel;
         ++rest) {
      last.push_back(*rest);
    }
    EXPECT_EQ(last, std::vector<int>{4});
  });
}

}  // namespace
}  // namespace taskscope
