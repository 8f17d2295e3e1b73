// Scopes: children end first, errors arrive, siblings are told. Go's errgroup tests in our words;
// the list is in GO_TESTS.md.
#include "runtime/scope/scope.h"

#include <atomic>
#include <chrono>
#include <cstdio>
#include <list>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/runtime/support/panic_of.h"
#include "tests/runtime/support/runtime_test.h"

namespace taskscope::test {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

static_assert(!std::is_copy_constructible_v<Scope> && !std::is_move_constructible_v<Scope>);

// No way of the language or the library puts one on the heap that the compiler can find out.
template <class T>
concept CanBeNew = requires {
  new T();
};
template <class T>
concept CanBeShared = requires {
  std::make_shared<T>();
};
template <class T>
concept CanBeUnique = requires {
  std::shared_ptr<T>(std::unique_ptr<T>());
};
static_assert(CanBeNew<int> && CanBeShared<int> && CanBeUnique<int>);
static_assert(!CanBeNew<Scope> && !CanBeNew<Scope[2]>);
static_assert(!CanBeShared<Scope> && !CanBeUnique<Scope>);
static_assert(!std::is_copy_assignable_v<Scope> && !std::is_move_assignable_v<Scope>);
static_assert(!std::is_swappable_v<Scope>);

struct Answer {
  using Value = int;
};

class ScopeTest : public RuntimeTest {
 protected:
  ManualClock clock_;
};

std::string text_of(const std::exception_ptr& error) {
  if (error == nullptr) return "none";
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& exception) {
    return exception.what();
  }
}

// What `body` throws.
template <class Body>
std::string thrown_by(Body body) {
  try {
    body();
  } catch (const std::exception& exception) {
    return exception.what();
  }
  return "nothing";
}

TEST_P(ScopeTest, AScopeEndsAfterItsChildren) {
  run([] {
    std::atomic<int> ended{0};
    {
      Scope scope;
      for (int i = 0; i < 50; ++i) {
        scope.go([&ended, i] {
          for (int k = 0; k < i % 5; ++k) yield();
          ++ended;
        });
      }
    }
    EXPECT_EQ(ended, 50);
    { const Scope empty; }
  });
}

TEST_P(ScopeTest, WaitReturnsWhenAllHaveEndedAndMoreMayFollow) {
  run([] {
    std::atomic<int> ended{0};
    Scope scope;
    scope.wait();
    for (int round = 1; round <= 3; ++round) {
      for (int i = 0; i < 10; ++i) {
        scope.go("worker", [&] {
          yield();
          ++ended;
        });
      }
      scope.wait();
      EXPECT_EQ(ended, 10 * round);
    }
    EXPECT_FALSE(scope.ctx().err());
  });
}

TEST_P(ScopeTest, WaitThrowsTheFirstErrorAgainAndAgain) {
  run([] {
    Scope scope;
    scope.go([] { throw std::runtime_error("first"); });
    EXPECT_EQ(thrown_by([&] { scope.wait(); }), "first");
    scope.go([] { throw std::runtime_error("second"); });
    EXPECT_EQ(thrown_by([&] { scope.wait(); }), "first");
    EXPECT_EQ(scope.failures(), 2u);
    EXPECT_EQ(scope.errors().size(), 1u);
  });
}

TEST_P(ScopeTest, TheEndOfAScopeThrowsAnErrorThatNobodyWaitedFor) {
  run([] {
    EXPECT_EQ(thrown_by([] {
                Scope scope;
                scope.go([] { throw std::runtime_error("from the child"); });
              }),
              "from the child");
  });
}

TEST_P(ScopeTest, MisuseByAChildIsAnErrorLikeAnyOther) {
  run([] {
    EXPECT_EQ(thrown_by([] {
                Scope scope;
                scope.go([] {
                  const Chan<int> chan = make_chan<int>("jobs");
                  chan.close();
                  chan.close();
                });
                scope.wait();
              }),
              "close of closed channel \"jobs\"");
  });
}

TEST_P(ScopeTest, TheFirstErrorCancelsTheSiblings) {
  run([] {
    std::atomic<int> canceled{0};
    EXPECT_EQ(thrown_by([&] {
                Scope scope;
                for (int i = 0; i < 10; ++i) {
                  scope.go([&](const Context& ctx) {
                    EXPECT_EQ(ctx.done().recv(), std::nullopt);
                    EXPECT_EQ(ctx.err(), ContextErrc::Canceled);
                    EXPECT_EQ(text_of(ctx.cause()), "the fuse has blown");
                    ++canceled;
                    throw std::runtime_error("an echo");
                  });
                }
                scope.go([] { throw std::runtime_error("the fuse has blown"); });
                scope.wait();
              }),
              "the fuse has blown");
    EXPECT_EQ(canceled, 10);
  });
}

TEST_P(ScopeTest, AnExceptionOfTheBlockCancelsTheChildrenAndGoesOn) {
  run([] {
    std::atomic<bool> canceled{false};
    EXPECT_EQ(thrown_by([&] {
                Scope scope;
                scope.go([&](const Context& ctx) {
                  ctx.done().recv();
                  canceled = true;
                  throw std::runtime_error("the child's");
                });
                throw std::runtime_error("the block's");
              }),
              "the block's");
    EXPECT_TRUE(canceled);
  });
}

TEST_P(ScopeTest, AScopeInsideADestructorDuringUnwindingStillThrowsToItsBlock) {
  run([] {
    struct Cleanup {
      ~Cleanup() {
        EXPECT_EQ(thrown_by([] {
                    Scope scope;
                    scope.go([] { throw std::runtime_error("inner"); });
                  }),
                  "inner");
      }
    };
    EXPECT_EQ(thrown_by([] {
                const Cleanup cleanup;
                throw std::runtime_error("outer");
              }),
              "outer");
  });
}

TEST_P(ScopeTest, CollectLetsEveryoneGoOnAndHasAllErrors) {
  run([] {
    std::atomic<int> finished{0};
    Scope scope(background(), {.on_error = OnError::Collect});
    for (int i = 0; i < 10; ++i) {
      scope.go([&, i](const Context& ctx) {
        if (i % 2 == 0) throw std::runtime_error(std::to_string(i));
        for (int k = 0; k < 20; ++k) yield();
        EXPECT_FALSE(ctx.err());
        ++finished;
      });
    }
    scope.wait();
    EXPECT_EQ(finished, 5);
    EXPECT_EQ(scope.failures(), 5u);
    int sum = 0;
    for (const std::exception_ptr& error : scope.errors()) sum += std::stoi(text_of(error));
    EXPECT_EQ(sum, 0 + 2 + 4 + 6 + 8);
  });
}

TEST_P(ScopeTest, AScopeStandsOnlyInABlock) {
  run([] {
    struct Holder {
      Scope scope;
    };
    const char* const message =
        "a scope must stand in a block, on the stack of the task that makes it";
    EXPECT_EQ(panic_of([] { delete new Holder; }), message);
    EXPECT_EQ(panic_of([] { static_cast<void>(std::make_shared<Holder>()); }), message);
    EXPECT_EQ(panic_of([] { std::list<Scope>().emplace_back(); }), message);
    EXPECT_EQ(panic_of([] { static Scope lasting; }), message);
    std::atomic<int> ended{0};
    {
      Holder in_a_block;
      std::optional<Scope> perhaps(std::in_place);
      const auto made = [] { return Scope(); };
      Scope returned = made();
      in_a_block.scope.go([&] { ++ended; });
      perhaps->go([&] { ++ended; });
      returned.go([&] { ++ended; });
    }
    EXPECT_EQ(ended, 3);
  });
}

TEST_P(ScopeTest, WhatWasCollectedAndNobodyAskedForIsThrownAtTheEnd) {
  run([] {
    const auto collect = [](int failing, bool ask) {
      return thrown_by([&] {
        Scope scope(background(), {.on_error = OnError::Collect});
        for (int i = 1; i <= failing; ++i) {
          scope.go([i] { throw std::runtime_error("error " + std::to_string(i)); });
          scope.wait();
        }
        EXPECT_EQ(scope.failures(), static_cast<std::size_t>(failing));
        if (ask) {
          EXPECT_EQ(scope.errors().size(), scope.failures());
        }
      });
    };
    EXPECT_EQ(collect(0, false), "nothing");
    EXPECT_EQ(collect(5, true), "nothing");
    EXPECT_EQ(collect(1, false), "error 1");
    EXPECT_EQ(collect(2, false), "2 errors of a scope: error 1; error 2");
    EXPECT_EQ(collect(5, false), "5 errors of a scope: error 1; error 2; error 3; and 2 more");
  });
}

TEST_P(ScopeTest, OnlyWhatCameAfterTheLastQuestionIsThrownAtTheEnd) {
  run([] {
    EXPECT_EQ(thrown_by([] {
                Scope scope(background(), {.on_error = OnError::Collect});
                scope.go([] { throw std::runtime_error("early"); });
                scope.wait();
                EXPECT_EQ(scope.errors().size(), 1u);
                scope.go([] { throw std::runtime_error("late"); });
              }),
              "late");
    try {
      Scope scope(background(), {.on_error = OnError::Collect});
      for (int i = 0; i < 3; ++i) scope.go([] { throw std::runtime_error("one of three"); });
      scope.wait();
    } catch (const ScopeErrors& failed) {
      ASSERT_EQ(failed.errors().size(), 3u);
      for (const auto& error : failed.errors()) EXPECT_EQ(text_of(error), "one of three");
      return;
    }
    ADD_FAILURE();
  });
}

TEST_P(ScopeTest, WhatWasCollectedIsPrintedIfAnotherExceptionLeavesTheBlock) {
  run([] {
    ::testing::internal::CaptureStderr();
    const auto leave = [](OnError on_error, bool ask) {
      Scope scope(background(), {.on_error = on_error});
      scope.go([] { throw std::runtime_error("the child's"); });
      static_cast<void>(thrown_by([&] { scope.wait(); }));
      if (ask) static_cast<void>(scope.errors());
      throw std::runtime_error("the block's");
    };
    EXPECT_EQ(thrown_by([&] { leave(OnError::Collect, true); }), "the block's");
    EXPECT_EQ(thrown_by([&] { leave(OnError::CancelAndRethrow, false); }), "the block's");
    EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
    ::testing::internal::CaptureStderr();
    EXPECT_EQ(thrown_by([&] { leave(OnError::Collect, false); }), "the block's");
    const std::string printed = ::testing::internal::GetCapturedStderr();
    EXPECT_NE(printed.find("1 error of a scope: the child's"), std::string::npos) << printed;
    EXPECT_NE(printed.find("scope_test.cpp:"), std::string::npos) << printed;
  });
}

TEST_P(ScopeTest, WhoWaitsForAPlaceGivesUpWithItsContext) {
  run([] {
    Chan<int> gate = make_chan<int>();
    auto limited = with_cancel(background());
    const Context& ctx = limited.ctx;
    std::atomic<int> ended{0};
    Scope scope(background(), {.limit = 1});
    EXPECT_TRUE(scope.go(ctx, "holds the place", [&, gate] {
      gate.recv();
      ++ended;
    }));
    EXPECT_FALSE(scope.try_go("no place", [&] { ended += 100; }));
    WaitGroup group;
    group.go([&] { EXPECT_FALSE(scope.go(ctx, [&] { ended += 100; })); });
    group.go([&] { EXPECT_FALSE(scope.async(ctx, "never", [] { return 1; })); });
    group.go([&] { EXPECT_EQ(scope.async("later", [] { return 2; }).get(), 2); });
    group.go([&] { EXPECT_EQ(scope.async(background(), [] { return 3; })->get(), 3); });
    test::wait_until_blocked(5);
    limited.cancel();
    test::wait_until_blocked(3);
    EXPECT_FALSE(scope.go(ctx, [&] { ended += 100; }));
    EXPECT_FALSE(scope.wait(ctx));
    gate.close();
    group.wait();
    EXPECT_TRUE(scope.wait(background()));
    EXPECT_TRUE(scope.wait(ctx));                        // nobody has to wait any more
    EXPECT_FALSE(scope.go(ctx, [&] { ended += 100; }));  // done already
    EXPECT_TRUE(scope.try_go("has a place", [&] { ++ended; }));
    scope.wait();
    EXPECT_EQ(ended, 2);
  });
}

TEST_P(ScopeTest, AWaitThatGaveUpLeavesTheChildrenToTheEnd) {
  run(
      [] {
        EXPECT_EQ(thrown_by([] {
                    Scope scope;
                    scope.go([] {
                      sleep(hours(1));
                      throw std::runtime_error("late");
                    });
                    const auto limited = with_timeout(background(), seconds(1));
                    EXPECT_FALSE(scope.wait(limited.ctx));
                    EXPECT_EQ(now(), TimePoint(seconds(1)));
                    EXPECT_TRUE(scope.wait(background()));
                  }),
                  "late");
        EXPECT_EQ(now(), TimePoint(hours(1)));
      },
      &clock_);
}

TEST_P(ScopeTest, AChildThatCannotBeMadeTakesNoPlace) {
  run([] {
    struct Refuses {
      Refuses() = default;
      Refuses(const Refuses&) { throw std::runtime_error("not copied"); }
      void operator()() const {}
    };
    const Refuses refuses;
    Scope scope(background(), {.limit = 1});
    EXPECT_EQ(thrown_by([&] { scope.go(refuses); }), "not copied");
    EXPECT_EQ(thrown_by([&] { static_cast<void>(scope.try_go(refuses)); }), "not copied");
    EXPECT_EQ(thrown_by([&] { static_cast<void>(scope.async(refuses)); }), "not copied");
    EXPECT_TRUE(scope.try_go([] {}));
  });
}

TEST_P(ScopeTest, AChildThatCannotBeMovedToItsPlaceGivesItBack) {
  run([] {
    // What is captured as const is copied where it would be moved.
    struct CopiedOnce {
      int copies = 0;
      CopiedOnce() = default;
      CopiedOnce(const CopiedOnce& other) : copies(other.copies + 1) {
        if (copies > limit()) throw std::runtime_error("not copied again");
      }
      static std::atomic<int>& limit() {
        static std::atomic<int> most{0};
        return most;
      }
    };
    Scope scope(background(), {.limit = 1});
    // Whichever of the copies on the way fails.
    for (int most = 1; most < 6; ++most) {
      CopiedOnce::limit() = most;
      const CopiedOnce captured;
      thrown_by([&] { scope.go([captured] { static_cast<void>(captured); }); });
      thrown_by([&] { static_cast<void>(scope.try_go([captured] {})); });
      thrown_by([&] { static_cast<void>(scope.async([captured] {})); });
      scope.wait();
      EXPECT_TRUE(scope.try_go([] {}));
      scope.wait();
    }
  });
}

TEST_P(ScopeTest, NoMoreChildrenRunAtOnceThanTheLimitAllows) {
  run([] {
    for (const std::size_t limit : {1u, 3u, 10u}) {
      std::atomic<std::size_t> running{0};
      std::atomic<int> ended{0};
      Scope scope(background(), {.name = "limited", .limit = limit});
      for (int i = 0; i < 40; ++i) {
        scope.go([&] {
          EXPECT_LE(++running, limit);
          for (int k = 0; k < 3; ++k) yield();
          --running;
          ++ended;
        });
      }
      scope.wait();
      EXPECT_EQ(ended, 40);
    }
  });
}

TEST_P(ScopeTest, TryGoStartsNothingAtTheLimit) {
  run([] {
    Scope scope;
    scope.set_limit(2);
    Chan<int> gate = make_chan<int>();
    EXPECT_TRUE(scope.try_go([=] { gate.recv(); }));
    EXPECT_TRUE(scope.try_go([=] { gate.recv(); }));
    EXPECT_FALSE(scope.try_go([] { ADD_FAILURE(); }));
    for (const std::size_t limit : {3u, 0u}) {
      EXPECT_EQ(panic_of([&] { scope.set_limit(limit); }),
                "scope limit changed while children run");
    }
    gate.close();
    scope.wait();
    EXPECT_TRUE(scope.try_go([] {}));
    scope.wait();
    scope.set_limit(0);  // none
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(scope.try_go([] { yield(); }));
  });
}

TEST_P(ScopeTest, AChildMayStartSiblings) {
  run([] {
    std::atomic<int> ended{0};
    {
      Scope scope;
      struct Tree {
        Scope& scope;
        std::atomic<int>& ended;
        void grow(int depth) const {
          if (depth > 0) {
            for (int i = 0; i < 2; ++i) {
              scope.go([tree = *this, depth] { tree.grow(depth - 1); });
            }
          }
          ++ended;
        }
      };
      scope.go([&] { Tree{scope, ended}.grow(6); });
    }
    EXPECT_EQ(ended, 127);
  });
}

TEST_P(ScopeTest, AnInnerScopeIsCancelledWithTheOuterOne) {
  run([] {
    std::atomic<int> told{0};
    EXPECT_EQ(thrown_by([&] {
                Scope outer;
                outer.go([&](const Context& ctx) {
                  Scope inner(ctx);
                  for (int i = 0; i < 4; ++i) {
                    inner.go([&](const Context& own) {
                      own.done().recv();
                      ++told;
                    });
                  }
                  inner.wait();
                });
                outer.go([] { throw std::runtime_error("outside"); });
                outer.wait();
              }),
              "outside");
    EXPECT_EQ(told, 4);
  });
}

TEST_P(ScopeTest, AnErrorOfAnInnerScopeStaysThereIfItIsCaught) {
  run([] {
    Scope outer;
    outer.go([] {
      EXPECT_EQ(thrown_by([] {
                  Scope inner;
                  inner.go([] { throw std::runtime_error("inside"); });
                }),
                "inside");
    });
    outer.wait();
    EXPECT_EQ(outer.failures(), 0u);
  });
}

TEST_P(ScopeTest, AScopeOutOfTimeCancelsItsChildrenAndFails) {
  run(
      [] {
        EXPECT_EQ(thrown_by([] {
                    Scope scope(background(), {.timeout = seconds(5)});
                    scope.go([](const Context& ctx) { EXPECT_FALSE(sleep(ctx, hours(1))); });
                    scope.go([](const Context& ctx) { EXPECT_TRUE(sleep(ctx, seconds(1))); });
                    scope.wait();
                  }),
                  "context deadline exceeded");
        EXPECT_EQ(now(), TimePoint(seconds(5)));
        Scope in_time(background(), {.timeout = seconds(5)});
        in_time.go([](const Context& ctx) { EXPECT_TRUE(sleep(ctx, seconds(4))); });
        in_time.wait();
        sleep(seconds(10));
        in_time.wait();
        EXPECT_EQ(in_time.failures(), 0u);
      },
      &clock_);
}

TEST_P(ScopeTest, ADeadlineEndsAScopeAsATimeoutDoesAndTheEarlierCounts) {
  run(
      [] {
        const auto ends_at = [](const ScopeOptions& options) {
          EXPECT_EQ(thrown_by([&] {
                      Scope scope(background(), options);
                      scope.go([](const Context& ctx) { EXPECT_FALSE(sleep(ctx, hours(1))); });
                      scope.wait();
                    }),
                    "context deadline exceeded");
          return now();
        };
        EXPECT_EQ(ends_at({.deadline = TimePoint(seconds(5))}), TimePoint(seconds(5)));
        EXPECT_EQ(ends_at({.timeout = seconds(9), .deadline = TimePoint(seconds(7))}),
                  TimePoint(seconds(7)));
        EXPECT_EQ(ends_at({.timeout = seconds(1), .deadline = TimePoint(seconds(20))}),
                  TimePoint(seconds(8)));
        EXPECT_EQ(ends_at({.deadline = TimePoint(seconds(2))}), TimePoint(seconds(8)));
        const Scope scope(background(), {.deadline = TimePoint(seconds(30))});
        EXPECT_EQ(scope.ctx().deadline(), TimePoint(seconds(30)));
      },
      &clock_);
}

TEST_P(ScopeTest, CancelledChildrenAreWaitedFor) {
  run(
      [] {
        bool cleaned_up = false;
        {
          Scope scope;
          scope.go([&](const Context& ctx) {
            EXPECT_FALSE(sleep(ctx, hours(1)));
            sleep(seconds(3));
            cleaned_up = true;
          });
          sleep(seconds(1));
          scope.cancel();
        }
        EXPECT_TRUE(cleaned_up);
        EXPECT_EQ(now(), TimePoint(seconds(4)));
      },
      &clock_);
}

TEST_P(ScopeTest, TheContextIsDoneAfterTheScope) {
  run([] {
    Context kept;
    {
      const Scope scope(with_value<Answer>(background(), 42));
      kept = scope.ctx();
      EXPECT_FALSE(kept.err());
    }
    EXPECT_EQ(kept.err(), ContextErrc::Canceled);
    EXPECT_EQ(text_of(kept.cause()), "context canceled");
    EXPECT_EQ(*kept.value<Answer>(), 42);
  });
}

TEST_P(ScopeTest, WhatChildrenCapturedIsGoneBeforeTheScopeGoesOn) {
  run([] {
    for (int round = 0; round < sized(400); ++round) {
      const auto witness = std::make_shared<int>(0);  // shared: its count is what is asked
      Scope scope;
      scope.go([witness] {});
      scope.go([witness, large = std::vector<int>(100)] { yield(); });
      Future<int> future = scope.async([witness] { return 1; });
      scope.wait();
      EXPECT_EQ(witness.use_count(), 1);
      EXPECT_TRUE(future.ready());
    }
  });
}

TEST_P(ScopeTest, WhatTheScopeOwnsOutlivesTheChildrenAndGoesInReverse) {
  run([] {
    std::vector<int> order;
    struct Resource {
      Resource(std::vector<int>& log, int number) : log_(log), number_(number) {}
      ~Resource() { log_.push_back(number_); }
      std::vector<int>& log_;
      int number_;
    };
    {
      Scope scope;
      Resource& first = scope.own<Resource>(order, 1);
      scope.own<Resource>(order, 2);
      scope.go([&] {
        for (int i = 0; i < 20; ++i) yield();
        first.log_.push_back(0);
      });
    }
    EXPECT_EQ(order, (std::vector<int>{0, 2, 1}));
  });
}

TEST_P(ScopeTest, AsyncChildrenGiveTheirResults) {
  run([] {
    Scope scope;
    std::vector<Future<int>> squares;
    for (int i = 0; i < 20; ++i) {
      squares.push_back(scope.async([i] {
        yield();
        return i * i;
      }));
    }
    int sum = 0;
    for (Future<int>& square : squares) sum += square.get();
    EXPECT_EQ(sum, 2470);
    Future<std::unique_ptr<int>> moved =
        scope.async([](const Context&) { return std::make_unique<int>(7); });
    EXPECT_EQ(*moved.get(), 7);
  });
}

TEST_P(ScopeTest, AnAsyncChildsErrorIsTheFuturesAndTheScopes) {
  run([] {
    Scope scope;
    Future<void> future = scope.async([] { throw std::runtime_error("both"); });
    EXPECT_EQ(thrown_by([&] { future.get(); }), "both");
    EXPECT_FALSE(future.valid());
    EXPECT_EQ(thrown_by([&] { scope.wait(); }), "both");
  });
}

// Trees of scopes that fail at random places under random limits: whoever looks sees everything
// below ended, and the error is one of those that were thrown.
TEST_P(ScopeTest, RandomTreesOfScopesEndCompletely) {
  run([] {
    std::mt19937 random(20'260);
    std::printf("seed 20260\n");
    for (int round = 0; round < sized(200); ++round) {
      std::atomic<int> alive{0};
      struct Tree {
        std::atomic<int>& alive;
        void grow(const Context& ctx, std::uint32_t seed, int depth) const {
          ++alive;
          struct End {
            std::atomic<int>& alive;
            ~End() { --alive; }
          } end{alive};
          std::mt19937 dice(seed);
          if (dice() % 12 == 0) throw std::runtime_error("withered");
          if (depth == 0) return;
          const int before = static_cast<int>(dice() % 4);
          Scope scope(ctx, {.limit = dice() % 3});
          for (int i = 0; i < before; ++i) {
            scope.go([tree = *this, next = dice(), depth](const Context& own) {
              tree.grow(own, static_cast<std::uint32_t>(next), depth - 1);
            });
            if (dice() % 3 == 0) yield();
          }
          if (dice() % 2 == 0) scope.wait();
        }
      };
      const std::string thrown = thrown_by(
          [&] { Tree{alive}.grow(background(), static_cast<std::uint32_t>(random()), 5); });
      EXPECT_EQ(alive, 0);
      EXPECT_TRUE(thrown == "nothing" || thrown == "withered") << thrown;
    }
  });
}

TASKSCOPE_AT_ALL_WORKER_COUNTS(ScopeTest);

}  // namespace
}  // namespace taskscope::test
