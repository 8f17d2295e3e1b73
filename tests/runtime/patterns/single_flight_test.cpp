// SingleFlight: Go's singleflight tests in our words; the list is in GO_TESTS.md.
#include "runtime/patterns/single_flight.h"

#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>

#include "tests/runtime/support/panic_of.h"
#include "tests/runtime/support/runtime_test.h"

namespace taskscope::test {
namespace {

using std::chrono::seconds;
using Flights = SingleFlight<std::string, int>;

class SingleFlightTest : public RuntimeTest {
 protected:
  ManualClock clock_;
};
TASKSCOPE_AT_ALL_WORKER_COUNTS(SingleFlightTest);

TEST_P(SingleFlightTest, ReturnsWhatTheFunctionReturns) {
  run([] {
    Flights flights;
    const Flights::Answer answer = flights.call("key", [] { return 7; });
    EXPECT_EQ(answer.value, 7);
    EXPECT_FALSE(answer.shared);
    EXPECT_EQ(flights.call(background(), "key", [] { return 8; }).value, 8);
  });
}

TEST_P(SingleFlightTest, ThrowsWhatTheFunctionThrowsAndRemembersNothing) {
  run([] {
    Flights flights;
    EXPECT_THROW(flights.call("key", []() -> int { throw std::logic_error("no"); }),
                 std::logic_error);
    EXPECT_EQ(flights.call("key", [] { return 1; }).value, 1);
  });
}

// `count` tasks ask for one key; the function ends when all others wait for it.
template <class Ask>
void ask_together(int count, Ask ask) {
  auto started = make_chan<Unit>();
  auto end = make_chan<Unit>();
  std::atomic<int> calls{0};
  const auto function = [&, started, end] {
    started.send({});
    end.recv();
    return ++calls;
  };
  WaitGroup group;
  for (int i = 0; i < count; ++i) group.go([&] { ask(function); });
  started.recv();
  wait_until_blocked(static_cast<std::size_t>(count));
  end.close();
  group.wait();
  EXPECT_EQ(calls, 1);
}

TEST_P(SingleFlightTest, ThoseWhoAskMeanwhileGetTheSameAnswer) {
  run([] {
    Flights flights;
    std::atomic<int> shared{0};
    ask_together(10, [&](const auto& function) {
      const Flights::Answer answer = flights.call("key", function);
      EXPECT_EQ(answer.value, 1);
      shared += answer.shared ? 1 : 0;
    });
    EXPECT_EQ(shared, 10);
  });
}

TEST_P(SingleFlightTest, AnExceptionReachesEveryoneWhoWaits) {
  run([] {
    Flights flights;
    std::atomic<int> told{0};
    ask_together(10, [&](const auto& function) {
      try {
        flights.call("key", [&]() -> int {
          function();
          throw Panic("broken");
        });
      } catch (const Panic& panic) {
        EXPECT_STREQ(panic.what(), "broken");
        ++told;
      }
    });
    EXPECT_EQ(told, 10);
  });
}

TEST_P(SingleFlightTest, DifferentKeysDoNotWaitForEachOther) {
  run([] {
    Flights flights;
    auto meet = make_chan<int>();
    WaitGroup group;
    group.go([&, meet] {
      flights.call("a", [&] {
        meet.send(1);
        return 0;
      });
    });
    flights.call("b", [&] { return meet.recv().value(); });
    group.wait();
  });
}

TEST_P(SingleFlightTest, AfterForgetTheNextWorksAgainAndTheOldFlightLeavesItAlone) {
  run([] {
    Flights flights;
    auto first_started = make_chan<Unit>();
    auto first_end = make_chan<Unit>();
    auto second_started = make_chan<Unit>();
    auto second_end = make_chan<Unit>();
    WaitGroup first;
    first.go([&, first_started, first_end] {
      EXPECT_EQ(flights
                    .call("key",
                          [&] {
                            first_started.send({});
                            first_end.recv();
                            return 1;
                          })
                    .value,
                1);
    });
    first_started.recv();
    flights.forget("key");
    WaitGroup second;
    second.go([&, second_started, second_end] {
      EXPECT_EQ(flights
                    .call("key",
                          [&] {
                            second_started.send({});
                            second_end.recv();
                            return 2;
                          })
                    .value,
                2);
    });
    second_started.recv();
    first_end.close();
    first.wait();
    // The end of the first flight has not taken the second one out.
    WaitGroup third;
    third.go([&] {
      const auto never = []() -> int { throw std::logic_error("a third flight"); };
      const Flights::Answer answer = flights.call("key", never);
      EXPECT_EQ(answer.value, 2);
      EXPECT_TRUE(answer.shared);
    });
    wait_until_blocked(2);
    second_end.close();
    second.wait();
    third.wait();
  });
}

TEST_P(SingleFlightTest, WhoseContextIsDoneLeavesAndTheOthersGetTheAnswer) {
  run(
      [] {
        Flights flights;
        const auto slow = [] {
          sleep(seconds(10));
          return 5;
        };
        WaitGroup group;
        group.go([&] {
          const auto bound = with_timeout(background(), seconds(1));
          EXPECT_THROW(flights.call(bound.ctx, "key", slow), ContextError);
          EXPECT_EQ(now(), TimePoint(seconds(1)));
        });
        group.go([&] {
          sleep(seconds(2));
          const Flights::Answer answer = flights.call(background(), "key", slow);
          EXPECT_EQ(answer.value, 5);
          EXPECT_TRUE(answer.shared);
          EXPECT_EQ(now(), TimePoint(seconds(10)));
        });
        group.wait();
        const auto bound = with_cancel(background());
        bound.cancel();
        EXPECT_THROW(flights.call(bound.ctx, "key", slow), ContextError);
      },
      &clock_);
}

TEST_P(SingleFlightTest, AFunctionWhoseCopyThrowsEndsItsFlightForEveryone) {
  // Waits in its copy for `end`, and then refuses it.
  struct Refuses {
    Chan<Unit> started;
    Chan<Unit> end;
    Refuses(Chan<Unit> at_start, Chan<Unit> at_end)
        : started(std::move(at_start)), end(std::move(at_end)) {}
    Refuses(const Refuses& other) : started(other.started), end(other.end) {
      started.send({});
      end.recv();
      throw std::logic_error("not copied");
    }
    int operator()() const { return 0; }
  };
  run([] {
    Flights flights;
    const Refuses refuses(make_chan<Unit>(), make_chan<Unit>());
    const auto never = []() -> int { throw std::runtime_error("a second flight"); };
    WaitGroup group;
    group.go([&] { EXPECT_THROW(flights.call(background(), "key", refuses), std::logic_error); });
    refuses.started.recv();
    group.go([&] { EXPECT_THROW(flights.call("key", never), std::logic_error); });
    group.go([&] { EXPECT_THROW(flights.call(background(), "key", never), std::logic_error); });
    wait_until_blocked(3);
    refuses.end.close();
    group.wait();
    EXPECT_EQ(flights.call("key", [] { return 1; }).value, 1);
    EXPECT_EQ(flights.call(background(), "key", [] { return 2; }).value, 2);
  });
}

TEST_P(SingleFlightTest, ManyTasksOverManyKeys) {
  run([] {
    SingleFlight<int, int> flights;
    std::atomic<int> at_work[4] = {};
    std::atomic<int> calls{0};
    WaitGroup group;
    for (int t = 0; t < 16; ++t) {
      group.go([&, t] {
        for (int i = 0; i < sized(400); ++i) {
          const int key = (t + i) % 4;
          EXPECT_EQ(flights
                        .call(key,
                              [&] {
                                EXPECT_EQ(++at_work[key], 1);
                                ++calls;
                                yield();
                                --at_work[key];
                                return key;
                              })
                        .value,
                    key);
        }
      });
    }
    group.wait();
    EXPECT_LE(calls, 16 * sized(400));
  });
}

TEST_P(SingleFlightTest, TheFunctionMayBeMoveOnly) {
  run([] {
    Flights flights;
    auto nine = std::make_unique<int>(9);
    EXPECT_EQ(flights.call(background(), "key", [nine = std::move(nine)] { return *nine; }).value,
              9);
  });
}

}  // namespace
}  // namespace taskscope::test
