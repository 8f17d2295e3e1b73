// Stacks at spawns and blocks of whole runs, at all worker counts.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "runtime/trace_format/stack_text.h"
#include "tests/runtime/support/fake_recorder.h"
#include "tests/runtime/support/runtime_test.h"
#include "tests/runtime/support/trace_checker.h"

namespace taskscope {
namespace {

namespace tf = trace_format;
using test::FakeRecorder;
using test::Rings;
using tf::EventKind;

class StacksTest : public test::RuntimeTest {
 protected:
  ~StacksTest() override { unsetenv(tf::kStacksVariable); }

  Rings record(const std::function<void()>& main) {
    FakeRecorder recorder;
    run(main);
    recorder.receive();
    Rings rings;
    recorder.drain_into(rings);
    test::check_trace(rings);
    return rings;
  }
};
TASKSCOPE_AT_ALL_WORKER_COUNTS(StacksTest);

// The calls of another function, which is not the last thing that its caller does.
std::atomic<int> g_after{0};
[[gnu::noinline]] void nap() {
  sleep(std::chrono::microseconds(50));
  g_after.fetch_add(1, std::memory_order_relaxed);
}
[[gnu::noinline]] void deeper() {
  nap();
  g_after.fetch_add(1, std::memory_order_relaxed);
}

void busy_program() {
  WaitGroup group;
  for (int i = 0; i < 20; ++i) {
    group.go("napper", [i] {
      for (int n = 0; n < 5; ++n) i % 2 == 0 ? nap() : deeper();
      blocking([] { g_after.fetch_add(1, std::memory_order_relaxed); });
    });
  }
  group.wait();
}

TEST_P(StacksTest, EachSpawnAndBlockOfATaskHasAStackThatWasToldOfOnce) {
  setenv(tf::kStacksVariable, "1", 1);
  const Rings rings = record(busy_program);
  std::map<std::uint64_t, std::string> told;
  std::set<std::uint64_t> used;
  std::size_t modules = 0;
  std::size_t marked = 0;
  for (const auto& [ring, events] : rings) {
    const tf::Event* before = nullptr;
    for (const tf::TextEvent& item : events) {
      const bool from_task = item.event.kind == EventKind::Block ||
                             (item.event.kind == EventKind::Spawn && item.event.id != 1);
      if (item.event.kind == EventKind::Stack) {
        EXPECT_TRUE(tf::parse_stack(item.text)) << item.text;
        const auto [known, is_new] = told.emplace(item.event.id, item.text);
        EXPECT_TRUE(is_new || known->second == item.text);
      }
      if (item.event.kind == EventKind::Module) modules += tf::parse_module(item.text).has_value();
      if (item.event.kind == EventKind::AtStack) used.insert(item.event.id);
      // Of a task without a worker a `by` stands between.
      if (from_task && ring != tf::kNoWorker) {
        ASSERT_NE(before, nullptr);
        EXPECT_EQ(before->kind, EventKind::AtStack);
        EXPECT_EQ(before->ticks, item.event.ticks);
        ++marked;
      }
      before = &item.event;
    }
  }
  EXPECT_GT(modules, 0u);
  EXPECT_GT(marked, 20u);
  EXPECT_GE(used.size(), 3u);  // two ways to nap, and the spawn
  for (const std::uint64_t id : used) EXPECT_TRUE(told.contains(id)) << id;
}

TEST_P(StacksTest, WithoutBeingAskedNobodySpeaksOfStacks) {
  for (const auto& [ring, events] : record(busy_program)) {
    for (const tf::TextEvent& item : events) {
      EXPECT_NE(item.event.kind, EventKind::AtStack);
      EXPECT_NE(item.event.kind, EventKind::Module);
    }
  }
}

}  // namespace
}  // namespace taskscope
