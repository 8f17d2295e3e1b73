// Contexts: who is told of a cancellation, when, and why. Go's context tests in our words; the list
// is in GO_TESTS.md.
#include "runtime/context/context.h"

#include <atomic>
#include <chrono>
#include <cstdio>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/runtime/support/runtime_test.h"

namespace taskscope::test {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

class ContextTest : public RuntimeTest {
 protected:
  ManualClock clock_;
};

std::string text_of(const std::exception_ptr& cause) {
  if (cause == nullptr) return "none";
  try {
    std::rethrow_exception(cause);
  } catch (const std::exception& exception) {
    return exception.what();
  }
}

bool is_closed(const Receiver<Unit>& done) { return done && done.ref().get()->closed(); }

struct Colour {
  using Value = std::string;
};
struct Size {
  using Value = int;
};

TEST_P(ContextTest, TheBackgroundIsNeverDoneAndKnowsNothing) {
  run([] {
    const Context ctx = background();
    EXPECT_FALSE(ctx.done());
    EXPECT_EQ(ctx.done_core(), nullptr);
    EXPECT_FALSE(ctx.err());
    EXPECT_EQ(ctx.cause(), nullptr);
    EXPECT_FALSE(ctx.deadline());
    EXPECT_EQ(ctx.value<Colour>(), nullptr);
    ctx.throw_if_done();
  });
}

TEST_P(ContextTest, CancelClosesDoneAndSaysCanceled) {
  run([] {
    auto [ctx, cancel] = with_cancel(background());
    EXPECT_FALSE(is_closed(ctx.done()));
    EXPECT_FALSE(ctx.err());
    EXPECT_EQ(ctx.done().ref().get(), ctx.done().ref().get()) << "one channel for all who ask";
    cancel();
    EXPECT_TRUE(is_closed(ctx.done()));
    EXPECT_EQ(ctx.err(), ContextErrc::Canceled);
    EXPECT_EQ(ctx.err(), std::errc::operation_canceled);
    EXPECT_EQ(ctx.err().message(), "context canceled");
    EXPECT_EQ(text_of(ctx.cause()), "context canceled");
    EXPECT_THROW(ctx.throw_if_done(), ContextError);
    cancel();
    EXPECT_EQ(ctx.err(), ContextErrc::Canceled);
  });
}

TEST_P(ContextTest, DoneAskedForAfterwardsIsClosed) {
  run([] {
    auto [ctx, cancel] = with_cancel(background());
    cancel();
    EXPECT_TRUE(is_closed(ctx.done()));
    EXPECT_EQ(ctx.done().recv(), std::nullopt);
  });
}

TEST_P(ContextTest, EveryoneWhoWaitsForDoneIsWoken) {
  run([this] {
    auto [ctx, cancel] = with_cancel(background());
    WaitGroup group;
    for (int i = 0; i < 20; ++i) {
      group.go([ctx = ctx] {
        EXPECT_EQ(ctx.done().recv(), std::nullopt);
        EXPECT_EQ(ctx.err(), ContextErrc::Canceled);
      });
    }
    if (workers() == 1) wait_until_blocked(20);
    cancel();
    group.wait();
  });
}

TEST_P(ContextTest, CancellationGoesDownAndNeverUp) {
  run([] {
    auto [grandparent, cancel_grandparent] = with_cancel(background());
    auto [parent, cancel_parent] = with_cancel(grandparent);
    const Context carrier = with_value<Size>(parent, 3);
    auto [child, cancel_child] = with_cancel(carrier);
    auto [sibling, cancel_sibling] = with_cancel(carrier);
    cancel_child();
    EXPECT_TRUE(child.err());
    EXPECT_FALSE(sibling.err());
    EXPECT_FALSE(carrier.err());
    cancel_parent();
    EXPECT_TRUE(sibling.err());
    EXPECT_TRUE(carrier.err());
    EXPECT_TRUE(is_closed(carrier.done()));
    EXPECT_TRUE(parent.err());
    EXPECT_FALSE(grandparent.err());
  });
}

TEST_P(ContextTest, AChildOfADoneContextIsDoneAtOnce) {
  run([] {
    auto [parent, cancel] = with_cancel_cause(background());
    cancel(std::runtime_error("the disk is full"));
    auto [child, cancel_child] = with_cancel(with_value<Size>(parent, 1));
    EXPECT_EQ(child.err(), ContextErrc::Canceled);
    EXPECT_EQ(text_of(child.cause()), "the disk is full");
    EXPECT_TRUE(is_closed(child.done()));
    auto [timed, cancel_timed] = with_timeout(parent, hours(1));
    EXPECT_EQ(timed.err(), ContextErrc::Canceled);
  });
}

TEST_P(ContextTest, TheEndOfTheCancelFunctionCancels) {
  run([] {
    Context kept;
    {
      auto [ctx, cancel] = with_cancel(background());
      kept = ctx;
      CancelFunc moved = std::move(cancel);
      EXPECT_FALSE(kept.err());
    }
    EXPECT_TRUE(kept.err());
    auto [ctx, cancel] = with_cancel(background());
    cancel.release();
    cancel = CancelFunc();
    EXPECT_FALSE(ctx.err());
  });
}

TEST_P(ContextTest, AssigningToACancelFunctionCancelsWhatItHadBefore) {
  run([] {
    auto [first, cancel] = with_cancel(background());
    auto [second, cancel_second] = with_cancel(background());
    cancel = std::move(cancel_second);
    EXPECT_TRUE(first.err());
    EXPECT_FALSE(second.err());
    cancel();
    EXPECT_TRUE(second.err());
  });
}

TEST_P(ContextTest, TheFirstCauseStays) {
  run([] {
    auto [parent, cancel_parent] = with_cancel_cause(background());
    auto [child, cancel_child] = with_cancel_cause(parent);
    cancel_child(std::runtime_error("child"));
    cancel_parent(std::runtime_error("parent"));
    cancel_child(std::runtime_error("again"));
    EXPECT_EQ(text_of(child.cause()), "child");
    EXPECT_EQ(text_of(parent.cause()), "parent");
    EXPECT_EQ(child.err(), ContextErrc::Canceled);
    try {
      child.throw_if_done();
      ADD_FAILURE() << "nothing was thrown";
    } catch (const std::runtime_error& error) {
      EXPECT_STREQ(error.what(), "child");
    }
  });
}

TEST_P(ContextTest, ACauseIsInherited) {
  run([] {
    auto [parent, cancel_parent] = with_cancel_cause(background());
    auto [middle, cancel_middle] = with_cancel(parent);
    auto [child, cancel_child] = with_cancel_cause(middle);
    cancel_parent(std::runtime_error("parent"));
    EXPECT_EQ(text_of(middle.cause()), "parent");
    EXPECT_EQ(text_of(child.cause()), "parent");
    auto [other, cancel_other] = with_cancel_cause(background());
    cancel_other(std::exception_ptr());
    EXPECT_EQ(text_of(other.cause()), "context canceled");
  });
}

TEST_P(ContextTest, ADeadlineEndsTheContextAndItsChildren) {
  run(
      [] {
        const TimePoint begin = now();
        auto [ctx, cancel] = with_timeout(background(), seconds(5));
        auto [child, cancel_child] = with_cancel(ctx);
        EXPECT_EQ(ctx.deadline(), begin + seconds(5));
        EXPECT_EQ(child.deadline(), begin + seconds(5));
        EXPECT_EQ(child.done().recv(), std::nullopt);
        EXPECT_EQ(now() - begin, seconds(5));
        EXPECT_EQ(ctx.err(), ContextErrc::DeadlineExceeded);
        EXPECT_EQ(ctx.err(), std::errc::timed_out);
        EXPECT_EQ(child.err().message(), "context deadline exceeded");
        EXPECT_EQ(text_of(child.cause()), "context deadline exceeded");
      },
      &clock_);
}

TEST_P(ContextTest, TheEarliestDeadlineOfTheChainCounts) {
  run(
      [] {
        const TimePoint begin = now();
        auto [far, cancel_far] = with_deadline(background(), begin + hours(4));
        auto [near, cancel_near] = with_deadline(far, begin + seconds(1));
        auto [far_again, cancel_again] = with_deadline(near, begin + hours(2));
        EXPECT_EQ(far_again.deadline(), begin + seconds(1));
        EXPECT_EQ(far_again.done().recv(), std::nullopt);
        EXPECT_EQ(now(), begin + seconds(1));
        EXPECT_FALSE(far.err());
      },
      &clock_);
}

TEST_P(ContextTest, ADeadlineInThePastIsOverAtOnce) {
  run(
      [] {
        for (const auto timeout : {seconds(0), seconds(-3)}) {
          auto [ctx, cancel] = with_timeout(background(), timeout);
          EXPECT_EQ(ctx.err(), ContextErrc::DeadlineExceeded);
          EXPECT_TRUE(ctx.deadline());
          cancel();
          EXPECT_EQ(ctx.err(), ContextErrc::DeadlineExceeded);
        }
        auto [parent, cancel] = with_cancel(background());
        cancel();
        auto [child, cancel_child] = with_timeout(parent, seconds(-1));
        EXPECT_EQ(child.err(), ContextErrc::Canceled) << "the parent was first";
      },
      &clock_);
}

TEST_P(ContextTest, ADeadlineNamesItsOwnCause) {
  run(
      [] {
        const auto slow = std::make_exception_ptr(std::runtime_error("the server is slow"));
        auto [ctx, cancel] = with_timeout_cause(background(), seconds(1), slow);
        auto [at_once, cancel_at_once] = with_deadline_cause(background(), now(), slow);
        EXPECT_EQ(text_of(at_once.cause()), "the server is slow");
        EXPECT_EQ(ctx.done().recv(), std::nullopt);
        EXPECT_EQ(ctx.err(), ContextErrc::DeadlineExceeded);
        EXPECT_EQ(text_of(ctx.cause()), "the server is slow");
        auto [canceled, cancel_canceled] = with_timeout_cause(background(), seconds(1), slow);
        cancel_canceled();
        EXPECT_EQ(text_of(canceled.cause()), "context canceled");
      },
      &clock_);
}

TEST_P(ContextTest, ACanceledDeadlineHoldsNoTimer) {
  run(
      [] {
        {
          auto [ctx, cancel] = with_timeout(background(), hours(1));
          cancel();
        }
        EXPECT_EQ(sched::current_worker()->scheduler().timers().earliest_ns(),
                  sched::Timers::kNever);
      },
      &clock_);
}

TEST_P(ContextTest, AReleasedDeadlineEndsByItself) {
  run(
      [] {
        Chan<bool> called = make_chan<bool>(1);
        {
          auto [ctx, cancel] = with_timeout(background(), hours(1));
          after_func(ctx, [called] { called.send(true); });
          cancel.release();
        }
        EXPECT_EQ(called.recv(), true);
        EXPECT_EQ(now(), TimePoint(hours(1)));
      },
      &clock_);
}

TEST_P(ContextTest, ValuesAreFoundByTheirKeyUpTheChain) {
  run([] {
    const Context red = with_value<Colour>(background(), "red");
    auto [middle, cancel] = with_cancel(red);
    const Context large = with_value<Size>(middle, 42);
    const Context blue = with_value<Colour>(large, "blue");
    EXPECT_EQ(*red.value<Colour>(), "red");
    EXPECT_EQ(red.value<Size>(), nullptr);
    EXPECT_EQ(*large.value<Colour>(), "red");
    EXPECT_EQ(*blue.value<Colour>(), "blue");
    EXPECT_EQ(*blue.value<Size>(), 42);
    EXPECT_EQ(*without_cancel(blue).value<Size>(), 42);
  });
}

TEST_P(ContextTest, WithoutCancelKeepsValuesOnly) {
  run([] {
    auto [ctx, cancel] = with_timeout(with_value<Colour>(background(), "red"), hours(1));
    const Context detached = without_cancel(ctx);
    auto [below, cancel_below] = with_cancel(detached);
    cancel();
    EXPECT_FALSE(detached.err());
    EXPECT_FALSE(detached.done());
    EXPECT_FALSE(detached.deadline());
    EXPECT_EQ(detached.cause(), nullptr);
    EXPECT_FALSE(below.err());
    EXPECT_EQ(*below.value<Colour>(), "red");
    cancel_below();
    EXPECT_TRUE(below.err());
  });
}

TEST_P(ContextTest, AFunctionRunsOnceTheContextIsDone) {
  run([] {
    auto [ctx, cancel] = with_cancel(background());
    Chan<std::string> called = make_chan<std::string>();
    const StopFunc stop =
        after_func(ctx, [ctx = ctx, called] { called.send(ctx.err().message()); });
    EXPECT_EQ(called.try_recv(), std::nullopt);
    cancel();
    EXPECT_EQ(called.recv(), "context canceled");
    EXPECT_FALSE(stop());
    after_func(ctx, [called] { called.send("at once"); });
    EXPECT_EQ(called.recv(), "at once");
  });
}

TEST_P(ContextTest, AStoppedFunctionNeverRuns) {
  run([] {
    auto [ctx, cancel] = with_cancel(background());
    std::atomic<int> calls{0};
    const StopFunc stop = after_func(ctx, [&] { ++calls; });
    StopFunc dropped = after_func(ctx, [&] { calls += 10; });
    EXPECT_TRUE(stop());
    EXPECT_FALSE(stop());
    dropped = StopFunc();
    cancel();
    while (calls < 10) yield();
    EXPECT_EQ(calls, 10);
    const StopFunc never = after_func(background(), [&] { ++calls; });
    EXPECT_TRUE(never());
    EXPECT_FALSE(never());
  });
}

TEST_P(ContextTest, FunctionsOfAForgottenContextAreForgotten) {
  run([] {
    struct Counted {
      explicit Counted(int& count) : alive(&count) { ++*alive; }
      Counted(const Counted& other) : alive(other.alive) { ++*alive; }
      ~Counted() { --*alive; }
      int* alive;
    };
    int alive = 0;
    {
      auto [ctx, cancel] = with_cancel(background());
      after_func(ctx, [counted = Counted(alive)] { ADD_FAILURE(); });
      cancel.release();
      EXPECT_EQ(alive, 1);
    }
    EXPECT_EQ(alive, 0);
  });
}

TEST_P(ContextTest, ASleepEndsWithItsContext) {
  run(
      [] {
        const TimePoint begin = now();
        auto [ctx, cancel] = with_cancel(background());
        EXPECT_TRUE(sleep(ctx, seconds(1)));
        EXPECT_TRUE(sleep(ctx, seconds(-1)));
        EXPECT_TRUE(sleep(background(), seconds(1)));
        EXPECT_EQ(now() - begin, seconds(2));
        WaitGroup group;
        group.go([&cancel = cancel] {
          sleep(seconds(3));
          cancel();
        });
        EXPECT_FALSE(sleep(ctx, hours(1)));
        group.wait();
        EXPECT_EQ(now() - begin, seconds(5));
        EXPECT_FALSE(sleep(ctx, seconds(1)));
        EXPECT_EQ(now() - begin, seconds(5));
      },
      &clock_);
}

TEST_P(ContextTest, ADeadlineAndASleepOfTheSameLengthBothEnd) {
  for (int round = 0; round < 20; ++round) {
    run(
        [] {
          const TimePoint begin = now();
          auto [ctx, cancel] = with_timeout(background(), milliseconds(10));
          static_cast<void>(sleep(ctx, milliseconds(10)));
          EXPECT_EQ(now() - begin, milliseconds(10));
        },
        &clock_);
  }
}

TEST_P(ContextTest, OperationsWithAContextGiveUpWithIt) {
  run(
      [] {
        Chan<int> nobody = make_chan<int>();
        auto [ctx, cancel] = with_timeout(background(), seconds(2));
        const Result<int> nothing = nobody.recv(ctx);
        EXPECT_EQ(nothing.error().kind, ErrorKind::Timeout);
        EXPECT_EQ(nothing.error().message, "context deadline exceeded");
        EXPECT_EQ(ctx.error().kind, ErrorKind::Timeout);
        EXPECT_EQ(now(), TimePoint(seconds(2)));
        EXPECT_FALSE(nobody.send(ctx, 1));
      },
      &clock_);
}

TEST_P(ContextTest, AChainAsLongAsTasksAreManyIsCancelledAndForgotten) {
  run([] {
    constexpr int kLength = sized(100'000);
    auto [root, cancel] = with_cancel(background());
    std::vector<CancelFunc> cancels;
    Context last = root;
    for (int i = 0; i < kLength; ++i) {
      auto [next, cancel_next] = with_cancel(last);
      cancels.push_back(std::move(cancel_next));
      last = next;
    }
    cancel();
    EXPECT_TRUE(last.err());
    for (CancelFunc& each : cancels) each.release();
    cancels.clear();
    last = {};
  });
}

TEST_P(ContextTest, ForeignThreadsMayCancelAndAsk) {
  run([] {
    auto [ctx, cancel] = with_cancel(background());
    Chan<int> called = make_chan<int>(1);
    after_func(ctx, [called] { called.send(1); });
    std::thread thread([&ctx = ctx, &cancel = cancel] {
      EXPECT_FALSE(ctx.err());
      auto [child, cancel_child] = with_timeout(ctx, hours(1));
      cancel();
      EXPECT_TRUE(child.err());
    });
    EXPECT_EQ(ctx.done().recv(), std::nullopt);
    EXPECT_EQ(called.recv(), 1);
    thread.join();
  });
}

TEST_P(ContextTest, AContextMayOutliveItsRun) {
  Context kept;
  CancelFunc cancel_kept;
  run([&] {
    auto [ctx, cancel] = with_timeout(background(), hours(1));
    after_func(ctx, [] { ADD_FAILURE() << "started without a run"; });
    kept = ctx;
    cancel_kept = std::move(cancel);
  });
  EXPECT_FALSE(kept.err());
  cancel_kept();
  EXPECT_TRUE(kept.err());
}

TEST_P(ContextTest, ACanceledChildLeavesItsParent) {
  run([] {
    auto [root, cancel] = with_cancel(background());
    const context::CancelNode& node = *root.node().get()->canceller();
    {
      auto [one, cancel_one] = with_cancel(root);
      auto [two, cancel_two] = with_timeout(with_value<Size>(root, 1), hours(1));
      auto [below, cancel_below] = with_cancel(one);
      const StopFunc stop = after_func(root, [] { ADD_FAILURE(); });
      EXPECT_EQ(node.hooks(), 3u);
      cancel_one();
      EXPECT_EQ(node.hooks(), 2u);
      cancel_two.release();
      EXPECT_TRUE(stop());
      EXPECT_EQ(node.hooks(), 1u);
    }
    EXPECT_EQ(node.hooks(), 1u) << "a released deadline stays until it is over";
    cancel();
    EXPECT_EQ(node.hooks(), 0u);
  });
}

TEST_P(ContextTest, AForgottenChildLeavesItsParent) {
  run([] {
    auto [root, cancel] = with_cancel(background());
    {
      auto [child, cancel_child] = with_cancel(root);
      cancel_child.release();
      EXPECT_EQ(root.node().get()->canceller()->hooks(), 1u);
    }
    EXPECT_EQ(root.node().get()->canceller()->hooks(), 0u);
  });
}

TEST_P(ContextTest, ManyMayCancelTheSameContextAtOnce) {
  run([] {
    auto [root, cancel_root] = with_cancel(background());
    std::vector<Context> contexts{root};
    std::vector<CancelFunc> cancels;
    cancels.push_back(std::move(cancel_root));
    for (std::size_t i = 0; i < 100; ++i) {
      auto [child, cancel_child] = with_cancel(contexts[i / 2]);
      contexts.push_back(child);
      cancels.push_back(std::move(cancel_child));
    }
    WaitGroup group;
    for (const CancelFunc& cancel : cancels) {
      for (int twice = 0; twice < 2; ++twice) group.go([&cancel] { cancel(); });
    }
    for (const Context& ctx : contexts) {
      group.go([&ctx] { EXPECT_EQ(ctx.done().recv(), std::nullopt); });
    }
    group.wait();
    for (const Context& ctx : contexts) EXPECT_EQ(ctx.err(), ContextErrc::Canceled);
  });
}

TEST_P(ContextTest, ATaskToldByItsParentMayCancelChildrenOfItsOwn) {
  run([] {
    auto [parent, cancel_parent] = with_cancel(background());
    auto [child, cancel_child] = with_cancel(parent);
    WaitGroup group;
    group.go([parent = parent, &cancel_child = cancel_child] {
      parent.done().recv();
      cancel_child();
    });
    cancel_parent();
    EXPECT_EQ(child.done().recv(), std::nullopt);
    group.wait();
  });
}

TEST_P(ContextTest, AChildMadeWhileItsParentIsCancelledIsDone) {
  run([] {
    for (int round = 0; round < sized(500); ++round) {
      auto [parent, cancel_parent] = with_cancel_cause(background());
      WaitGroup group;
      group.go([&cancel = cancel_parent] { cancel(std::runtime_error("why")); });
      group.go([&parent = parent] {
        auto [child, cancel_child] = with_cancel(parent);
        EXPECT_EQ(child.done().recv(), std::nullopt);
        EXPECT_EQ(text_of(child.cause()), "why");
      });
      group.wait();
    }
  });
}

TEST_P(ContextTest, OneOfSeveralCausesWinsEverywhere) {
  run([] {
    for (int round = 0; round < sized(200); ++round) {
      auto [ctx, cancel] = with_cancel_cause(background());
      WaitGroup group;
      for (int i = 0; i < 8; ++i) {
        group.go([&cancel = cancel, i] { cancel(std::runtime_error(std::to_string(i))); });
        group.go([&ctx = ctx] {
          ctx.done().recv();
          EXPECT_EQ(text_of(ctx.cause()), text_of(ctx.cause()));
          EXPECT_NE(text_of(ctx.cause()), "context canceled");
        });
      }
      group.wait();
    }
  });
}

// Layers of every kind of context; cancelling any one ends what is below it and nothing else.
TEST_P(ContextTest, RandomLayersEndFromTheCancelledOneDown) {
  run(
      [] {
        std::mt19937 random(8'171);
        std::printf("seed 8171\n");
        for (int round = 0; round < sized(200); ++round) {
          std::vector<Context> layers{with_value<Size>(background(), round)};
          std::vector<std::pair<std::size_t, CancelFunc>> cancels;
          for (int i = 0; i < 40; ++i) {
            switch (random() % 3) {
              case 0:
                layers.push_back(with_value<Colour>(layers.back(), std::to_string(i)));
                break;
              case 1: {
                auto [ctx, cancel] = with_cancel(layers.back());
                cancels.emplace_back(layers.size(), std::move(cancel));
                layers.push_back(ctx);
                break;
              }
              default: {
                auto [ctx, cancel] = with_timeout(layers.back(), hours(random() % 100 + 1));
                cancels.emplace_back(layers.size(), std::move(cancel));
                layers.push_back(ctx);
              }
            }
          }
          ASSERT_FALSE(cancels.empty());
          const auto& [at, cancel] = cancels[random() % cancels.size()];
          cancel();
          for (std::size_t i = 0; i < layers.size(); ++i) {
            EXPECT_EQ(static_cast<bool>(layers[i].err()), i >= at) << i;
            EXPECT_EQ(*layers[i].value<Size>(), round);
          }
        }
      },
      &clock_);
}

TEST_P(ContextTest, AFunctionIsNotWaitedFor) {
  run([] {
    auto [ctx, cancel] = with_cancel(background());
    Chan<int> gate = make_chan<int>();
    Chan<int> ended = make_chan<int>();
    after_func(ctx, [=] {
      gate.recv();
      ended.send(1);
    });
    cancel();  // returns though the function waits
    gate.send(1);
    EXPECT_EQ(ended.recv(), 1);
  });
}

TEST_P(ContextTest, FunctionsBelowACancelledContextAllRunOnce) {
  run([] {
    auto [root, cancel] = with_cancel(background());
    std::atomic<int> calls{0};
    std::vector<Cancellable<CancelFunc>> children;
    for (int i = 0; i < 50; ++i) {
      children.push_back(with_timeout(root, hours(1)));
      after_func(children.back().ctx, [&] { ++calls; });
      after_func(children.back().ctx, [&] { ++calls; });
    }
    cancel();
    for (const auto& child : children) child.cancel();
    while (calls != 100) yield();
  });
}

// Contexts are made, cancelled from both ends, slept under and forgotten by many tasks at once.
TEST_P(ContextTest, RacingCancellationsEachEndEverythingBelowOnce) {
  run([] {
    constexpr int kRounds = sized(400);
    for (int round = 0; round < kRounds; ++round) {
      const Cancellable<CancelFunc> root = with_cancel(background());
      std::atomic<int> calls{0};
      WaitGroup group;
      for (int t = 0; t < 6; ++t) {
        group.go([&, t] {
          auto [mine, cancel_mine] = with_timeout(root.ctx, milliseconds(t % 2 == 0 ? 1 : 1000));
          auto [below, cancel_below] = with_cancel(mine);
          WaitGroup inner;
          inner.add();
          after_func(below, [&] {
            ++calls;
            inner.done();
          });
          if (t == 1) cancel_mine();
          if (t == 2) root.cancel();
          static_cast<void>(sleep(below, seconds(10)));
          EXPECT_TRUE(below.err());
          EXPECT_TRUE(is_closed(below.done()));
          inner.wait();
        });
      }
      group.wait();
      EXPECT_EQ(calls, 6);
    }
  });
}

TASKSCOPE_AT_ALL_WORKER_COUNTS(ContextTest);

}  // namespace
}  // namespace taskscope::test
