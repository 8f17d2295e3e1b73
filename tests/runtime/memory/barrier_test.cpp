// What tasks and collector do so that nothing is lost that tasks move while it marks. In each test
// an object is in one place only when marking begins, and then goes to a new object, into which the
// collector does not look. It lives on; and it is lost if that which the test is about is left out.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <optional>
#include <thread>

#include "runtime/memory/weak.h"
#include "tests/runtime/memory/memory_test.h"

namespace taskscope::test {
namespace {

using memory::Broken;

constexpr std::uint64_t kMagic = 0x0b57'ac1e;

struct Node {
  std::uint64_t magic = kMagic;
  ptr<Node> next;
};

// Sanitizers leave more copies in frames, which keep what should be lost.
constexpr bool kFramesAreClear = !TASKSCOPE_ASAN && !TASKSCOPE_TSAN;

ptr<Node> g_old;
ptr<Node> g_new;

// The collector waits at this gate, with marking on and nothing looked at.
enum : int { kOpen, kShut, kReached };
std::atomic<int> g_gate{kOpen};
void wait_at_gate() {
  if (g_gate.load() == kOpen) return;
  g_gate.store(kReached);
  while (g_gate.load() != kOpen) std::this_thread::yield();
}

// The new object has it from now on. Apart, as in_another_task(), so that no frame has it.
[[gnu::noinline]] void hand_over(ref<Node> node) {
  g_new = make(Node{});
  g_new->next = node;
}

// What was called before leaves words below the caller's frame.
[[gnu::noinline]] void clear_stack_below() {
  volatile char bytes[8192];
  for (volatile char& byte : bytes) byte = 0;
}
// Moves what g_old refers to.
[[gnu::noinline]] void take_old(ref<Node> holder) {
  holder->next = g_old;
  g_old = nullptr;
}
[[gnu::noinline]] void give_to_new(ref<Node> holder) { g_new->next = holder->next; }

class BarrierTest : public MemoryTest {
 protected:
  void set(Broken broken) {
    memory::Settings settings = memory::settings();
    settings.poison = true;
    settings.broken = broken;
    settings.marking_has_begun = wait_at_gate;
    memory::set_settings(settings);
  }
  // Whether an object lives on that `before` has put into its place, and `during` takes from there
  // while the collector marks. `after` may have it.
  template <class Before, class During, class After>
  bool lives(Broken broken, Before before, During during, After after) {
    set(Broken::Nothing);
    bool lives = false;
    run([&] {
      in_another_task(before);
      gc();
      set(broken);
      if (drops_) g_old = nullptr;
      g_gate.store(kShut);
      const Chan<bool> collected = make_chan<bool>();
      go([collected] {
        gc();
        collected.send(true);
      });
      while (g_gate.load() != kReached) yield();
      in_another_task(during);
      g_gate.store(kOpen);
      collected.recv();
      set(Broken::Nothing);
      in_another_task([&] { lives = after(); });
      g_new = nullptr;
      g_old = nullptr;
    });
    return lives;
  }
  template <class Before, class During>
  bool lives(Broken broken, Before before, During during) {
    return lives(broken, before, during, [] { return g_new->next->magic == kMagic; });
  }
  bool drops_ = false;  // g_old, just before marking begins
};
TASKSCOPE_AT_ALL_WORKER_COUNTS(BarrierTest);

TEST_P(BarrierTest, WhatIsOverwrittenIsKept) {
  const auto lives_with = [&](Broken broken) {
    return lives(
        broken, [] { g_old = make(Node{}); },
        [] {
          hand_over(g_old);
          g_old = nullptr;
        });
  };
  EXPECT_TRUE(lives_with(Broken::Nothing));
  EXPECT_FALSE(kFramesAreClear && lives_with(Broken::Overwritten));
}

TEST_P(BarrierTest, SoIsWhatEndsInAnObject) {
  struct Holder {
    std::optional<ptr<Node>> node;
  };
  static ptr<Holder> holder;
  const auto lives_with = [&](Broken broken) {
    const bool lives = this->lives(
        broken,
        [] {
          holder = make(Holder{});
          holder->node.emplace(make(Node{}));
        },
        [] {
          hand_over(*holder->node);
          holder->node.reset();
          holder->node.emplace(make(Node{}));
        },
        [] {
          holder = nullptr;
          return g_new->next->magic == kMagic;
        });
    return lives;
  };
  EXPECT_TRUE(lives_with(Broken::Nothing));
  EXPECT_FALSE(kFramesAreClear && lives_with(Broken::Overwritten));
}

// A task that waits in the middle: `begin` runs before, `go_on` after somebody has called resume().
struct Waiter {
  Chan<bool> waits = make_chan<bool>();
  Chan<bool> goes_on = make_chan<bool>();
  Chan<bool> ended = make_chan<bool>();

  template <class F>
  void start(F function) const {
    go([*this, function] {
      function([&] {
        waits.send(true);
        goes_on.recv();
      });
      ended.send(true);
    });
    waits.recv();
  }
  void resume() const {
    goes_on.send(true);
    ended.recv();
  }
};

TEST_P(BarrierTest, SoIsWhatAnotherTaskTakesFromAFrame) {
  static ref<Node>* place = nullptr;
  const auto lives_with = [&](Broken broken) {
    const Waiter waiter;
    return lives(
        broken,
        [&] {
          waiter.start([](const auto& wait) {
            ref<Node> mine = make(Node{});
            place = &mine;
            wait();
          });
        },
        [] {
          hand_over(*place);
          *place = nullptr;
        },
        [&] {
          waiter.resume();
          return g_new->next->magic == kMagic;
        });
  };
  EXPECT_TRUE(lives_with(Broken::Nothing));
  EXPECT_FALSE(kFramesAreClear && lives_with(Broken::Overwritten));
}

TEST_P(BarrierTest, WhatIsTakenFromAChannelIsKept) {
  const auto lives_with = [&](Broken broken) {
    const Chan<ref<Node>> channel = make_chan<ref<Node>>(1);
    return lives(
        broken, [&] { channel.send(make(Node{})); },
        [&] {
          hand_over(*channel.recv());
          channel.send(nullptr);
        });
  };
  EXPECT_TRUE(lives_with(Broken::Nothing));
  EXPECT_FALSE(kFramesAreClear && lives_with(Broken::Taken));
}

TEST_P(BarrierTest, ATaskIsLookedAtBeforeItRunsOn) {
  const auto lives_with = [&](Broken broken) {
    const Waiter waiter;
    return lives(
        broken,
        [&] {
          waiter.start([](const auto& wait) {
            const ref<Node> mine = make(Node{});
            wait();
            hand_over(mine);
          });
        },
        [&] { waiter.resume(); });
  };
  EXPECT_TRUE(lives_with(Broken::Nothing));
  EXPECT_FALSE(kFramesAreClear && lives_with(Broken::Resumed));
}

TEST_P(BarrierTest, NewObjectsAreKept) {
  static bool whole = false;
  const auto lives_with = [&](Broken broken) {
    const Waiter waiter;
    return lives(
        broken, [] {},
        [&] {
          waiter.start([](const auto& wait) {
            const ref<Node> mine = make(Node{});
            wait();
            whole = mine->magic == kMagic;
          });
        },
        [&] {
          waiter.resume();
          return whole;
        });
  };
  EXPECT_TRUE(lives_with(Broken::Nothing));
  if (!kFramesAreClear) return;
  // What threads are about to use is freed, too.
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(std::_Exit(lives_with(Broken::Born) ? 1 : 0), testing::ExitedWithCode(0), "");
}

TEST_P(BarrierTest, BlocksOfScopesStayAsTheyAreUntilNobodyMarks) {
  const auto lives_with = [&](Broken broken) {
    const Waiter waiter;
    return lives(
        broken,
        [&] {
          g_old = make(Node{});
          waiter.start([](const auto& wait) {
            scoped([&] {
              const ref<Node> holder = make(Node{});
              take_old(holder);
              clear_stack_below();
              wait();
              give_to_new(holder);
            });
          });
        },
        [&] {
          g_new = make(Node{});  // not in the scope, whose block would be kept for it
          waiter.resume();
        });
  };
  EXPECT_TRUE(lives_with(Broken::Nothing));
  EXPECT_FALSE(kFramesAreClear && lives_with(Broken::Recycled));
}

TEST_P(BarrierTest, WhatAWeakHandleGivesIsKept) {
  static weak<Node> handle;
  drops_ = true;
  const auto lives_with = [&](Broken broken) {
    const bool lives = this->lives(
        broken,
        [&] {
          g_old = make(Node{});
          handle = ref<Node>(g_old);
        },
        [] { hand_over(handle.lock()); });
    handle = {};
    return lives;
  };
  EXPECT_TRUE(lives_with(Broken::Nothing));
  EXPECT_FALSE(kFramesAreClear && lives_with(Broken::Weak));
}

}  // namespace
}  // namespace taskscope::test
