#include "runtime/channel/select.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include "runtime/channel/select_list.h"
#include "tests/runtime/support/panic_of.h"
#include "tests/runtime/support/runtime_test.h"

namespace taskscope {
namespace {

using test::panic_of;
using test::sized;
using namespace std::chrono_literals;

class SelectTest : public test::RuntimeTest {};
TASKSCOPE_AT_ALL_WORKER_COUNTS(SelectTest);

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
    const auto both = ts::select(
        ts::recv(words,
                 [](std::optional<std::string> w) { return static_cast<int>(w.value().size()); }),
        ts::send(numbers, 8, [] { return 0.5; }),  //
        ts::otherwise([] { return -1L; }));
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

TEST_P(SelectTest, WaitsUntilAnArmIsReadyAndThenLeavesAllQueues) {
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
    EXPECT_FALSE(a.try_send(1));
    EXPECT_FALSE(b.try_send(1));
    EXPECT_EQ(a.try_recv(), std::nullopt);
  });
}

TEST_P(SelectTest, OtherwiseIsTakenOnlyIfNoArmIsReady) {
  run([] {
    auto a = make_chan<int>(1);
    EXPECT_FALSE(ts::select(ts::recv(a, [] { return true; }), ts::otherwise([] { return false; })));
    a.send(1);
    EXPECT_TRUE(ts::select(ts::otherwise([] { return false; }), ts::recv(a, [] { return true; })));
  });
}

TEST_P(SelectTest, ArmsOfNilChannelsAreDisabled) {
  run([] {
    const Chan<int> nil;
    auto a = make_chan<int>(1);
    EXPECT_EQ(ts::select(ts::recv(nil), ts::send(nil, 1), ts::otherwise()), 2u);
    EXPECT_EQ(ts::select(ts::recv(nil), ts::send(nil, 1), ts::send(a, 1)), 2u);
    EXPECT_EQ(ts::select(ts::recv(nil), ts::after(1us)), 1u);
  });
}

TEST_P(SelectTest, AClosedChannelIsAlwaysReadyToReceive) {
  run([] {
    auto a = make_chan<int>(2);
    a.send(1);
    a.close();
    std::optional<int> value;
    EXPECT_EQ(ts::select(ts::recv(a, value), ts::otherwise()), 0u);
    EXPECT_EQ(value, 1);
    EXPECT_EQ(ts::select(ts::recv(a, value), ts::otherwise()), 0u);
    EXPECT_EQ(value, std::nullopt);
  });
}

TEST_P(SelectTest, CloseEndsTheWaitOfASelect) {
  run([] {
    auto a = make_chan<int>();
    auto b = make_chan<int>();
    go([=] {
      test::wait_until_blocked(1);
      a.close();
    });
    std::optional<int> value = 1;
    EXPECT_EQ(ts::select(ts::recv(b), ts::recv(a, value)), 1u);
    EXPECT_EQ(value, std::nullopt);
  });
}

TEST_P(SelectTest, ASendOnAClosedChannelPanicsNowAndAfterAWait) {
  run([] {
    auto a = make_chan<int>("a", 0);
    auto b = make_chan<int>();
    a.close();
    EXPECT_EQ(panic_of([&] { ts::select(ts::send(a, 1), ts::recv(b)); }),
              "send on closed channel \"a\"");
    EXPECT_EQ(panic_of([&] { ts::select(ts::send(a, 1), ts::otherwise()); }),
              "send on closed channel \"a\"");
    auto c = make_chan<int>("c", 0);
    go([=] {
      test::wait_until_blocked(1);
      c.close();
    });
    EXPECT_EQ(panic_of([&] { ts::select(ts::send(c, 1), ts::recv(b)); }),
              "send on closed channel \"c\"");
  });
}

TEST_P(SelectTest, PicksUniformlyAmongReadyArms) {
  run([] {
    constexpr int kRounds = sized(16'000);
    std::array<Chan<int>, 4> chans;
    for (auto& chan : chans) {
      chan = make_chan<int>(1);
      chan.send(0);
    }
    std::array<int, 4> hits{};
    for (int i = 0; i < kRounds; ++i) {
      const std::size_t arm = ts::select(ts::recv(chans[0]), ts::recv(chans[1]), ts::recv(chans[2]),
                                         ts::recv(chans[3]));
      ++hits[arm];
      chans[arm].send(0);
    }
    // Five standard deviations of a binomial distribution with p = 1/4.
    const double tolerance = 5 * std::sqrt(kRounds * 0.25 * 0.75);
    for (const int count : hits) EXPECT_NEAR(count, kRounds / 4.0, tolerance);
  });
}

TEST_P(SelectTest, NoReadyArmIsStarvedByAnother) {
  run([] {
    auto fast = make_chan<int>();
    auto other = make_chan<int>();
    auto out = make_chan<int>();
    auto done = make_chan<int>();
    go([=] {
      while (ts::select(ts::send(fast, 0), ts::recv(done)) == 0) {
      }
    });
    go([=] {
      while (ts::select(ts::send(other, 1), ts::recv(done)) == 0) {
      }
    });
    int seen[2] = {};
    for (int i = 0; i < 10'000 || seen[0] == 0 || seen[1] == 0; ++i) {
      ts::select(ts::recv(fast, [&] { ++seen[0]; }), ts::recv(other, [&] { ++seen[1]; }));
    }
    done.close();
    EXPECT_GT(seen[0], 0);
    EXPECT_GT(seen[1], 0);
  });
}

TEST_P(SelectTest, TheSameChannelMayStandInSeveralArms) {
  run([] {
    auto a = make_chan<int>();
    go([=] {
      for (int i = 0; i < 100; ++i) a.send(i);
    });
    int expected = 0;
    for (int i = 0; i < 100; ++i) {
      std::optional<int> value;
      ts::select(ts::recv(a, value), ts::recv(a, value), ts::recv(a, value));
      EXPECT_EQ(value, expected++);
    }
    EXPECT_FALSE(a.try_send(1)) << "no arm is left in the queue";
  });
}

TEST_P(SelectTest, ASelectNeverReceivesWhatItSendsItself) {
  run([] {
    for (const std::size_t capacity : {0, 10}) {
      auto chan = make_chan<int>(capacity);
      WaitGroup group;
      constexpr int kRounds = sized(1'000);
      for (int task = 0; task < 2; ++task) {
        group.go([=] {
          for (int i = 0; i < kRounds; ++i) {
            const auto check = [=](std::optional<int> from) {
              EXPECT_TRUE(capacity != 0 || from != task);
            };
            if (task == 0) {
              ts::select(ts::send(chan, task), ts::recv(chan, check));
            } else {
              ts::select(ts::recv(chan, check), ts::send(chan, task));
            }
          }
        });
      }
      group.wait();
    }
  });
}

TEST_P(SelectTest, TwoSelectsMeetEachOther) {
  run([] {
    auto a = make_chan<int>();
    auto b = make_chan<int>();
    WaitGroup group;
    constexpr int kRounds = sized(20'000);
    std::atomic<int> sent{0};
    std::atomic<int> received{0};
    for (int task = 0; task < 2; ++task) {
      group.go([&, task] {
        for (int i = 0; i < kRounds; ++i) {
          if (task == 0) {
            ts::select(ts::send(a, i, [&] { ++sent; }), ts::recv(b, [&] { ++received; }));
          } else {
            ts::select(ts::recv(a, [&] { ++received; }), ts::send(b, i, [&] { ++sent; }));
          }
        }
      });
    }
    group.wait();
    EXPECT_EQ(sent, received);
    EXPECT_EQ(sent, kRounds);
  });
}

TEST_P(SelectTest, AValueIsMovedOnlyIfItIsSent) {
  run([] {
    auto full = make_chan<std::unique_ptr<int>>(1);
    full.send(std::make_unique<int>(1));
    auto value = std::make_unique<int>(2);
    EXPECT_EQ(ts::select(ts::send(full, std::move(value)), ts::otherwise()), 1u);
    ASSERT_NE(value, nullptr);
    full.recv();
    EXPECT_EQ(ts::select(ts::send(full, std::move(value)), ts::otherwise()), 0u);
    EXPECT_EQ(value, nullptr);
    std::optional<std::unique_ptr<int>> got;
    ts::select(ts::recv(full, got));
    EXPECT_EQ(*got.value(), 2);
  });
}

TEST_P(SelectTest, ItTakesEndsAndTemporaryHandles) {
  run([] {
    auto chan = make_chan<int>(1);
    const Sender<int> sender = chan;
    const Receiver<int> receiver = chan;
    EXPECT_EQ(ts::select(ts::send(sender, 1)), 0u);
    EXPECT_EQ(ts::select(ts::recv(receiver)), 0u);
    EXPECT_EQ(ts::select(ts::recv(make_chan<int>()), ts::send(Sender<int>(chan), 2)), 1u);
    EXPECT_EQ(ts::select(ts::recv(Receiver<int>(chan), [](auto v) { return v.value(); })), 2);
  });
}

TEST_P(SelectTest, AfterEndsTheWaitAndNoEarlierThanItSays) {
  run([] {
    auto never = make_chan<int>();
    const auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(ts::select(ts::after(1h), ts::recv(never), ts::after(2ms)), 2u);
    EXPECT_GE(std::chrono::steady_clock::now() - start, 2ms);
    EXPECT_TRUE(
        ts::select(ts::recv(never, [] { return false; }), ts::after(-1s, [] { return true; })));
    EXPECT_FALSE(never.try_send(1)) << "the select has left the queue";
    EXPECT_EQ(ts::select(ts::after(1us)), 0u);
  });
}

TEST_P(SelectTest, AfterIsForgottenWhenAnArmIsCarriedOut) {
  run([] {
    auto chan = make_chan<int>();
    go([=] {
      for (int i = 0; i < sized(2'000); ++i) chan.send(i);
      chan.close();
    });
    int count = 0;
    bool open = true;
    while (open) {
      // So short that now and then it comes at the same moment as a value.
      ts::select(ts::after(3us),  //
                 ts::recv(chan, [&](std::optional<int> value) {
                   open = value.has_value();
                   count += open && *value == count;
                 }));
    }
    EXPECT_EQ(count, sized(2'000));
  });
}

TEST_P(SelectTest, OtherThreadsMaySelectIfTheyNeedNotWait) {
  run([] {
    auto chan = make_chan<int>(1);
    std::thread outside([&] {
      EXPECT_EQ(ts::select(ts::send(chan, 1), ts::otherwise()), 0u);
      EXPECT_EQ(ts::select(ts::send(chan, 1), ts::otherwise()), 1u);
      EXPECT_EQ(ts::select(ts::recv(chan)), 0u);
    });
    outside.join();
  });
}

// After Go's TestSelectStress: four channels, plain operations on one side and selects over all on
// the other; every value arrives.
TEST_P(SelectTest, OneSelectNeverCarriesOutTwoArms) {
  run([] {
    constexpr int kValues = sized(10'000);
    std::array<Chan<int>, 4> ways;
    for (auto& way : ways) way = make_chan<int>();
    auto all = make_chan<int>();
    WaitGroup group;
    group.go("sender", [&] {
      for (int i = 0; i < kValues; ++i) {
        ts::select(ts::send(ways[0], i), ts::send(ways[1], i), ts::send(ways[2], i),
                   ts::send(ways[3], i));
      }
      for (auto& way : ways) way.close();
    });
    for (auto& way : ways) {
      group.go("forwarder", [&all, &way] {
        for (const int value : way) all.send(value);
      });
    }
    close_after(group, all);
    std::vector<int> times(kValues);
    for (const int value : all) ++times[static_cast<std::size_t>(value)];
    EXPECT_EQ(std::count(times.begin(), times.end(), 1), kValues);
  });
}

// The arm that was not carried out stood last in a queue with others in it.
TEST_P(SelectTest, AnArmThatLeavesItsQueueLeavesItWholeForWhoComesBehind) {
  run([] {
    auto values = make_chan<int>();
    auto stop = make_chan<int>();
    auto stopped = make_chan<int>();
    std::atomic<int> received{0};
    WaitGroup group;
    const auto receive = [&] {
      EXPECT_TRUE(values.recv());
      ++received;
    };
    group.go("before", receive);
    test::wait_until_blocked(1);
    group.go("select", [&] {
      ts::select(ts::recv(values), ts::recv(stop));
      stopped.send(1);
      receive();
    });
    test::wait_until_blocked(2);
    stop.send(1);
    stopped.recv();
    group.go("behind", receive);
    for (int i = 0; i < 3; ++i) values.send(i);
    group.wait();
    EXPECT_EQ(received, 3);
  });
}

TEST_P(SelectTest, StressOfPlainAndSelectedOperations) {
  run([] {
    constexpr int kPerChannel = sized(4'000);
    std::array<Chan<int>, 4> chans;
    for (std::size_t i = 0; i < 4; ++i) chans[i] = make_chan<int>(i < 2 ? 0 : 2 * i - 2);
    WaitGroup group;
    for (auto& chan : chans) {
      group.go([chan] {
        for (int i = 0; i < kPerChannel; ++i) chan.send(i);
      });
      group.go([chan] {
        for (int i = 0; i < kPerChannel; ++i) EXPECT_TRUE(chan.recv().has_value());
      });
    }
    group.go([&chans] {
      std::array<int, 4> left{kPerChannel, kPerChannel, kPerChannel, kPerChannel};
      auto live = chans;
      for (int i = 0; i < 4 * kPerChannel; ++i) {
        const auto count = [&](std::size_t at) {
          if (--left[at] == 0) live[at] = {};
        };
        ts::select(ts::send(live[0], 0, [&] { count(0); }), ts::send(live[1], 0, [&] { count(1); }),
                   ts::send(live[2], 0, [&] { count(2); }),
                   ts::send(live[3], 0, [&] { count(3); }));
      }
    });
    group.go([&chans] {
      std::array<int, 4> left{kPerChannel, kPerChannel, kPerChannel, kPerChannel};
      auto live = chans;
      for (int i = 0; i < 4 * kPerChannel; ++i) {
        const auto count = [&](std::size_t at) {
          if (--left[at] == 0) live[at] = {};
        };
        ts::select(ts::recv(live[0], [&] { count(0); }), ts::recv(live[1], [&] { count(1); }),
                   ts::recv(live[2], [&] { count(2); }), ts::recv(live[3], [&] { count(3); }));
      }
    });
    group.wait();
    for (auto& chan : chans) EXPECT_EQ(chan.len(), 0u);
  });
}

// A token is sent; of a receiver that tries and one that closes, one must get it (Go's
// TestNonblockRecvRace, TestNonblockSelectRace).
TEST_P(SelectTest, AValueSentBeforeAnotherChannelIsClosedIsFound) {
  run([] {
    for (int i = 0; i < sized(10'000); ++i) {
      auto first = make_chan<int>(1);
      auto second = make_chan<int>(1);
      auto seen = make_chan<bool>(1);
      first.send(1);
      go([=] { seen.send(ts::select(ts::recv(first), ts::recv(second), ts::otherwise()) != 2); });
      second.send(1);
      ts::select(ts::recv(first), ts::otherwise());
      EXPECT_EQ(seen.recv(), true);
    }
  });
}

TEST_P(SelectTest, AListOfArmsIsKnownWhenTheProgramRuns) {
  run([] {
    constexpr int kChannels = 20;  // more than are put in order one by one
    constexpr int kEach = sized(400);
    std::vector<Chan<int>> chans;
    SelectList arms;
    std::vector<int> next(kChannels, 0);
    int open = kChannels;
    for (std::size_t i = 0; i < kChannels; ++i) {
      chans.push_back(make_chan<int>(i % 3));
      arms.recv(chans[i], [&, i](std::optional<int> value) {
        if (!value) {
          arms.remove(i);
          --open;
          return;
        }
        EXPECT_EQ(*value, next[i]++);
      });
      go([chan = chans[i]] {
        for (int k = 0; k < kEach; ++k) chan.send(k);
        chan.close();
      });
    }
    auto out = make_chan<std::unique_ptr<int>>(1);
    int sent = 0;
    const std::size_t sending = arms.send(out, std::make_unique<int>(5), [&] { ++sent; });
    while (open > 0 || sent == 0) EXPECT_LE(arms.wait(), sending);
    for (const int count : next) EXPECT_EQ(count, kEach);
    EXPECT_EQ(sent, 1);
    EXPECT_EQ(*out.recv().value(), 5);
    EXPECT_EQ(arms.try_now(), SelectList::kNone);
    EXPECT_EQ(arms.wait_for(1us), SelectList::kNone);
  });
}

struct FakeContext {
  Chan<int> done = make_chan<int>();
  channel::DoneChannel done_core() const { return done.ref().get(); }
  Error error() const { return {.message = "done", .kind = ErrorKind::Cancelled}; }
};
struct Background {
  channel::DoneChannel done_core() const { return nullptr; }
  Error error() const { return {}; }
};

TEST_P(SelectTest, ReceivesAndSendsGiveUpWithTheirContext) {
  run([] {
    auto chan = make_chan<int>();
    const FakeContext context;
    WaitGroup group;
    group.go([&] { EXPECT_EQ(chan.recv(context).error().message, "done"); });
    group.go([&] { EXPECT_EQ(Chan<int>().recv(context).error().message, "done"); });
    group.go([&] { EXPECT_FALSE(Chan<int>().send(context, 1)); });
    test::wait_until_blocked(3);
    context.done.close();
    group.wait();
    EXPECT_FALSE(chan.try_send(1)) << "the receiver has left the queue";
    EXPECT_FALSE(chan.send(context, 1)) << "a context that is done wins";
    auto buffered = make_chan<int>(1);
    EXPECT_FALSE(buffered.send(context, 1));
    EXPECT_EQ(buffered.len(), 0u);
    buffered.close();
    EXPECT_EQ(buffered.recv(context).error().kind, ErrorKind::Cancelled);
  });
}

TEST_P(SelectTest, UnderAContextThatLivesChannelsAreWhatTheyAre) {
  run([] {
    for (const std::size_t capacity : {0, 2}) {
      auto chan = make_chan<int>("numbers", capacity);
      const FakeContext context;
      go([&, chan] {
        for (int i = 0; i < 100; ++i) {
          EXPECT_TRUE(i % 2 == 0 ? chan.send(context, i) : chan.send(Background(), i));
        }
        chan.close();
      });
      for (int i = 0; i < 100; ++i) {
        EXPECT_EQ(*(i % 3 == 0 ? chan.recv(context) : chan.recv(Background())), i);
      }
      EXPECT_EQ(chan.recv(context).error().kind, ErrorKind::Closed);
      EXPECT_EQ(panic_of([&] { static_cast<void>(chan.send(context, 1)); }),
                "send on closed channel \"numbers\"");
    }
  });
}

TEST_P(SelectTest, AContextThatEndsWhileValuesComeLosesNone) {
  run([] {
    for (int round = 0; round < sized(2'000); ++round) {
      auto chan = make_chan<int>();
      const FakeContext context;
      WaitGroup group;
      int sent = 0;
      int received = 0;
      group.go([&] { sent = chan.send(context, 1); });
      group.go([&] { received = chan.recv(context).has_value(); });
      group.go([&] { context.done.close(); });
      group.wait();
      ASSERT_EQ(sent, received);
    }
  });
}

TEST_P(SelectTest, AListOfArmsGivesUpWithItsContext) {
  ManualClock clock;
  run(
      [] {
        const Chan<int> quiet = make_chan<int>();
        const Chan<int> busy = make_chan<int>(1);
        SelectList arms;
        int received = 0;
        arms.recv(quiet, [](std::optional<int>) { ADD_FAILURE(); });
        arms.recv(busy, [&](std::optional<int> n) { received += n.value(); });
        const auto limited = with_timeout(background(), std::chrono::seconds(5));
        busy.send(3);
        EXPECT_EQ(arms.wait(limited.ctx), 1u);
        EXPECT_EQ(arms.wait_for(limited.ctx, std::chrono::seconds(2)), SelectList::kNone);
        EXPECT_EQ(now(), TimePoint(std::chrono::seconds(2)));
        EXPECT_FALSE(limited.ctx.err());
        EXPECT_EQ(arms.wait(limited.ctx), SelectList::kNone);
        EXPECT_EQ(now(), TimePoint(std::chrono::seconds(5)));
        // Once it is done it wins over arms that are ready.
        busy.send(4);
        EXPECT_EQ(arms.wait(limited.ctx), SelectList::kNone);
        EXPECT_EQ(arms.wait_for(limited.ctx, std::chrono::hours(1)), SelectList::kNone);
        EXPECT_EQ(received, 3);
        EXPECT_EQ(arms.wait(background()), 1u);
        EXPECT_EQ(received, 7);
        EXPECT_EQ(SelectList().wait(limited.ctx), SelectList::kNone);
      },
      &clock);
}

// What Go's TestChanSendBarrier and TestChanSendSelectBarrier check, without a collector: what the
// sender wrote before it sent a pointer is what the receiver reads through it.
TEST_P(SelectTest, WhatWasWrittenBeforeASendIsReadBehindThePointerThatWasSent) {
  run([] {
    struct Answer {
      int code = 0;
      std::string text;
    };
    WaitGroup group;
    for (int i = 0; i < 10; ++i) {
      group.go([i] {
        for (int k = 0; k < test::sized(300); ++k) {
          const Chan<std::unique_ptr<Answer>> answers = make_chan<std::unique_ptr<Answer>>();
          const Chan<int> done = make_chan<int>();
          go([=] {
            auto answer = std::make_unique<Answer>(Answer{i, std::to_string(k)});
            if (k % 2 == 0) {
              answers.send(std::move(answer));
            } else {
              select(send(answers, std::move(answer)), recv(done));
            }
          });
          const std::unique_ptr<Answer> answer = answers.recv().value();
          yield();
          ASSERT_EQ(answer->code, i);
          ASSERT_EQ(answer->text, std::to_string(k));
        }
      });
    }
    group.wait();
  });
}

}  // namespace
}  // namespace taskscope
