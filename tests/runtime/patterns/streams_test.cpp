// or_done, merge and batch: what goes through, when it ends, and that no task is left behind.
#include <chrono>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "runtime/patterns/batch.h"
#include "runtime/patterns/close_after.h"
#include "runtime/patterns/merge.h"
#include "runtime/patterns/or_done.h"
#include "tests/runtime/support/panic_of.h"
#include "tests/runtime/support/runtime_test.h"

namespace taskscope::test {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Group = std::vector<int>;

class StreamsTest : public RuntimeTest {
 protected:
  ManualClock clock_;
};
TASKSCOPE_AT_ALL_WORKER_COUNTS(StreamsTest);

// Sends first, …, last, and closes.
Receiver<int> count(int first, int last) {
  auto numbers = make_chan<int>();
  go([=] {
    for (int i = first; i <= last; ++i) numbers.send(i);
    numbers.close();
  });
  return numbers;
}

TEST_P(StreamsTest, AChannelIsClosedWhenItsLastSenderIsDone) {
  run([] {
    auto numbers = make_chan<int>();
    auto go_on = make_chan<int>();
    WaitGroup senders;
    for (int i = 1; i <= 3; ++i) {
      senders.go([=] {
        go_on.recv();
        numbers.send(i);
      });
    }
    close_after(senders, numbers);
    test::wait_until_blocked(4);
    go_on.close();
    int sum = 0;
    for (const int number : numbers) sum += number;
    EXPECT_EQ(sum, 6);
    EXPECT_EQ(numbers.recv(), std::nullopt);
  });
}

TEST_P(StreamsTest, OrDoneEndsWithTheChannel) {
  run([] {
    int sum = 0;
    for (const int number : or_done(background(), count(1, 100))) sum += number;
    EXPECT_EQ(sum, 5050);
  });
}

TEST_P(StreamsTest, OrDoneEndsWithTheContext) {
  run([] {
    const auto bound = with_cancel(background());
    auto numbers = make_chan<int>(3);
    for (int i = 0; i < 3; ++i) numbers.send(i);
    WaitGroup group;
    group.go([&] {
      wait_until_blocked(1);
      bound.cancel();
    });
    int seen = 0;
    for ([[maybe_unused]] int& number : or_done(bound.ctx, numbers)) ++seen;
    EXPECT_EQ(seen, 3);
    group.wait();
    numbers.send(4);
    for ([[maybe_unused]] int& number : or_done(bound.ctx, numbers)) ++seen;
    EXPECT_EQ(seen, 3);
  });
}

TEST_P(StreamsTest, OrDoneCarriesMoveOnlyValues) {
  run([] {
    auto boxes = make_chan<std::unique_ptr<int>>(1);
    boxes.send(std::make_unique<int>(5));
    boxes.close();
    std::unique_ptr<int> got;
    for (std::unique_ptr<int>& box : or_done(background(), boxes)) got = std::move(box);
    EXPECT_EQ(*got, 5);
  });
}

TEST_P(StreamsTest, MergeBringsEveryValueOnceAndKeepsTheOrderOfEachChannel) {
  run([] {
    const int each = sized(2000);
    Group last{0, 1'000'000, 2'000'000};
    for (const int number : merge(background(), count(1, each), count(1'000'001, 1'000'000 + each),
                                  count(2'000'001, 2'000'000 + each))) {
      int& before = last[static_cast<std::size_t>(number / 1'000'000)];
      EXPECT_EQ(number, before + 1);
      before = number;
    }
    EXPECT_EQ(last, (Group{each, 1'000'000 + each, 2'000'000 + each}));
  });
}

TEST_P(StreamsTest, MergeTakesAnyNumberOfChannels) {
  run([] {
    EXPECT_EQ(merge(background(), std::vector<Receiver<int>>()).recv(), std::nullopt);
    std::vector<Receiver<int>> many;
    for (int i = 0; i < 50; ++i) many.push_back(count(i, i));
    int sum = 0;
    for (const int number : merge(background(), many)) sum += number;
    EXPECT_EQ(sum, 1225);
  });
}

TEST_P(StreamsTest, MergeEndsWithTheContextAndLeavesNoTask) {
  run([] {
    const auto bound = with_cancel(background());
    auto silent = make_chan<int>();
    auto eager = make_chan<int>();
    const Receiver<int> merged = merge(bound.ctx, silent, eager);
    eager.send(1);  // taken, and on its way out
    EXPECT_EQ(merged.recv(), 1);
    eager.send(2);
    bound.cancel();
    while (merged.recv()) {
    }
  });
}

TEST_P(StreamsTest, BatchGivesFullGroupsAndTheRestAtTheEnd) {
  run([] {
    std::vector<Group> groups;
    for (Group& group : batch(background(), count(1, 7), {.size_max = 3, .age_max = hours(1)})) {
      groups.push_back(std::move(group));
    }
    EXPECT_EQ(groups, (std::vector<Group>{{1, 2, 3}, {4, 5, 6}, {7}}));
    EXPECT_EQ(batch(background(), count(1, 0)).recv(), std::nullopt);
    EXPECT_EQ(batch(background(), count(1, 6), {.size_max = 6}).recv(), (Group{1, 2, 3, 4, 5, 6}));
  });
}

TEST_P(StreamsTest, BatchOfOneIsEachValueByItself) {
  run([] {
    int groups = 0;
    for (const Group& group : batch(background(), count(1, 20), {.size_max = 1})) {
      EXPECT_EQ(group, Group{++groups});
    }
    EXPECT_EQ(groups, 20);
  });
}

TEST_P(StreamsTest, BatchGivesAGroupWhoseFirstValueIsOldEnough) {
  run(
      [] {
        auto numbers = make_chan<int>();
        const auto groups =
            batch(background(), numbers, {.size_max = 100, .age_max = milliseconds(250)});
        go([=] {
          sleep(seconds(1));
          for (int i = 0; i < 6; ++i) {
            numbers.send(i);  // at 1000, 1100, 1200, …
            sleep(milliseconds(100));
          }
          numbers.close();  // at 1600
        });
        EXPECT_EQ(groups.recv(), (Group{0, 1, 2}));
        EXPECT_EQ(now(), TimePoint(milliseconds(1250)));
        EXPECT_EQ(groups.recv(), (Group{3, 4, 5}));
        EXPECT_EQ(now(), TimePoint(milliseconds(1550)));
        EXPECT_EQ(groups.recv(), std::nullopt);
        EXPECT_EQ(now(), TimePoint(milliseconds(1600)));
      },
      &clock_);
}

TEST_P(StreamsTest, BatchSlowsTheSenderDownWhileNobodyTakes) {
  run(
      [] {
        auto numbers = make_chan<int>();
        const auto groups = batch(background(), numbers, {.size_max = 2, .age_max = hours(1)});
        std::atomic<int> sent{0};
        go([&, numbers] {
          for (int i = 0; i < 6; ++i) {
            numbers.send(i);
            ++sent;
          }
          numbers.close();
        });
        wait_until_blocked(2);
        EXPECT_EQ(sent, 2);
        EXPECT_EQ(groups.recv(), (Group{0, 1}));
        wait_until_blocked(2);
        EXPECT_EQ(sent, 4);
        for (const Group& group : groups) EXPECT_EQ(group.size(), 2u);
      },
      &clock_);
}

TEST_P(StreamsTest, BatchEndsWithTheContextAndLeavesNoTask) {
  run(
      [] {
        const auto bound = with_timeout(background(), seconds(2));
        auto numbers = make_chan<int>();
        const auto groups = batch(bound.ctx, numbers, {.size_max = 9, .age_max = hours(1)});
        numbers.send(1);
        EXPECT_EQ(groups.recv(), std::nullopt);
        EXPECT_EQ(now(), TimePoint(seconds(2)));
      },
      &clock_);
}

TEST_P(StreamsTest, BatchOfNothingPanics) {
  run([] {
    EXPECT_EQ(panic_of([] { batch(background(), Receiver<int>(), {.size_max = 0}); }),
              "ts::batch with groups of at most 0 values");
  });
}

}  // namespace
}  // namespace taskscope::test
