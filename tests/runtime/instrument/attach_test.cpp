// A recorder that comes in the middle of a run, played inside this process.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "runtime/base/sanitizer.h"
#include "runtime/trace_format/attach_place.h"
#include "tests/runtime/support/fake_recorder.h"
#include "tests/runtime/support/runtime_test.h"
#include "tests/runtime/support/trace_checker.h"
#include "tests/support/temporary_folder.h"

namespace taskscope {
namespace {

namespace tf = trace_format;
using test::FakeRecorder;
using test::Rings;
using test::sized;
using test::TraceTotals;
using tf::EventKind;

class AttachTest : public test::RuntimeTest {
 protected:
  // The order between workers and the thread that attaches runs through code that ThreadSanitizer
  // does not see, and is not annotated yet.
  void SetUp() override {
    if (TASKSCOPE_TSAN) GTEST_SKIP() << "not annotated for ThreadSanitizer";
    test::RuntimeTest::SetUp();
  }

  AttachTest() { setenv("XDG_RUNTIME_DIR", folder_.path().c_str(), 1); }

  // Runs `main`, with `outside` on a thread that is no worker's; main gets to know when that ends.
  void run_with(const std::function<void(const std::atomic<bool>& over)>& main,
                const std::function<void()>& outside) {
    run([&] {
      std::atomic<bool> over{false};
      std::thread thread([&] {
        outside();
        over = true;
      });
      main(over);
      blocking([&] { thread.join(); });
    });
  }

  // Drains until `done()` says that it is enough.
  template <class Done>
  static void drain_until(FakeRecorder& recorder, Rings& rings, Done done) {
    while (!done()) {
      recorder.receive();
      recorder.drain_into(rings);
      std::this_thread::yield();
    }
  }

  // Attaches, detaches when it has seen at least `events` events and been told of `alive` tasks,
  // and checks what it has seen.
  static TraceTotals attach_once(std::size_t events, std::size_t alive = 0) {
    FakeRecorder recorder(FakeRecorder::How::Attach);
    Rings rings;
    const auto seen = [&] {
      std::size_t count = 0;
      for (const auto& [ring, list] : rings) count += list.size();
      return count;
    };
    const auto told_of = [&] {
      std::ptrdiff_t count = 0;
      for (const auto& [ring, list] : rings) {
        count += std::count_if(list.begin(), list.end(), [](const tf::TextEvent& each) {
          return each.event.kind == EventKind::Alive;
        });
      }
      return static_cast<std::size_t>(count);
    };
    drain_until(recorder, rings, [&] { return seen() >= events && told_of() >= alive; });
    recorder.leave();
    drain_until(recorder, rings, [&] { return recorder.said_bye(); });
    recorder.drain_into(rings);
    for (auto& ring : recorder.rings()) EXPECT_EQ(ring.header().lost, 0u);
    EXPECT_NE(recorder.end_ticks(), 0u);
    // The recording ends at one moment.
    for (auto& [ring, list] : rings) {
      std::erase_if(
          list, [&](const tf::TextEvent& each) { return each.event.ticks > recorder.end_ticks(); });
    }
    return test::check_trace(rings);
  }

 private:
  tests::TemporaryFolder folder_;
};
TASKSCOPE_AT_ALL_WORKER_COUNTS(AttachTest);

// The environment is read where a run begins: what it says later ends no run, and changes nothing.
TEST_P(AttachTest, RingsAreAsLargeAsTheRunWasToldAtItsBeginning) {
  setenv("TASKSCOPE_RING_RECORDS", "4096", 1);
  run_with(
      [](const std::atomic<bool>& over) {
        while (!over) yield();
      },
      [] {
        setenv("TASKSCOPE_RING_RECORDS", "abc", 1);
        FakeRecorder recorder(FakeRecorder::How::Attach);
        Rings rings;
        drain_until(recorder, rings, [&] { return !recorder.rings().empty(); });
        EXPECT_EQ(recorder.rings().front().header().capacity, 4096u);
        recorder.leave();
        drain_until(recorder, rings, [&] { return recorder.said_bye(); });
      });
  unsetenv("TASKSCOPE_RING_RECORDS");
}

// So that a test on a busy machine can take all events.
void rest_now_and_then(int i) {
  if (i % 16 == 0) sleep(std::chrono::microseconds(200));
}

// Messages, locks, sleeps, children, calls, and a task that never calls the runtime.
void bustle(const std::atomic<bool>& over) {
  WaitGroup group("bustle");
  Mutex mutex("shared");
  auto there = make_chan<int>("there");
  auto back = make_chan<int>("back");
  group.go("echo", [=] {
    for (const int value : there) back.send(value + 1);
  });
  group.go("caller", [&, there, back] {
    for (int i = 0; !over; ++i) {
      there.send(i);
      EXPECT_EQ(back.recv(), i + 1);
      rest_now_and_then(i);
    }
    there.close();
  });
  for (int task = 0; task < 3; ++task) {
    group.go("locks", [&] {
      for (int i = 0; !over; ++i) {
        {
          const std::scoped_lock lock(mutex);
          yield();
        }
        rest_now_and_then(i);
      }
    });
  }
  group.go("parent", [&] {
    while (!over) {
      WaitGroup children;
      for (int i = 0; i < 8; ++i) children.go([] { yield(); });
      children.wait();
      sleep(std::chrono::microseconds(50));
    }
  });
  group.go("calls", [&] {
    for (int i = 0; !over; ++i) {
      blocking([] { std::this_thread::yield(); });
      rest_now_and_then(i);
    }
  });
  group.go("computes", [&] {
    while (!over.load(std::memory_order_relaxed)) {
    }
  });
  group.wait();
}

TEST_P(AttachTest, SnapshotAndEventsJoinWithoutAGap) {
  run_with(bustle, [] {
    for (int i = 0; i < sized(40); ++i) {
      const TraceTotals totals = attach_once(2'000);
      // Main, and those of bustle; children may be there or not.
      EXPECT_GE(totals.tasks_alive, 9u);
      EXPECT_GT(totals.of(EventKind::Ready), 0u);
      if (::testing::Test::HasFailure()) return;
    }
  });
}

TEST_P(AttachTest, TasksThatOnlyWaitAreToldOfWithWhatTheyWaitFor) {
  constexpr int kWaiting = 3'000;
  auto gate = make_chan<int>("gate");
  TraceTotals totals;
  std::atomic<bool> all_wait{false};
  run_with(
      [&](const std::atomic<bool>& over) {
        WaitGroup group;
        for (int i = 0; i < kWaiting; ++i) group.go("waits", [&] { gate.recv(); });
        test::wait_until_blocked(kWaiting);
        all_wait = true;
        while (!over) sleep(std::chrono::microseconds(100));
        gate.close();
        group.wait();
      },
      [&] {
        while (!all_wait) std::this_thread::yield();
        totals = attach_once(kWaiting, kWaiting + 1);
      });
  EXPECT_GE(totals.tasks_alive, 1u);
  EXPECT_EQ(totals.object_names.size(), 1u);
  EXPECT_EQ(totals.task_names.at(1), "main");
  std::size_t waiting = 0;
  for (const auto& [id, name] : totals.task_names) waiting += name == "waits";
  EXPECT_EQ(waiting, static_cast<std::size_t>(kWaiting));
}

TEST_P(AttachTest, PendingTimersAreToldOfWithWhatTheyAreForAndWhenTheyFire) {
  using std::chrono::hours;
  std::atomic<bool> all_wait{false};
  TraceTotals totals;
  run_with(
      [&](const std::atomic<bool>& over) {
        const Timer timer(hours(1));
        const Ticker ticker(hours(2));
        FuncTimer function = after_func(hours(3), [] {});
        const auto after_all = time_after(hours(4));
        auto [context, cancel] = with_timeout(background(), hours(5));
        auto never = make_chan<int>();
        WaitGroup group;
        group.go("sleeps", [&, context = context] { EXPECT_FALSE(sleep(context, hours(6))); });
        group.go("selects", [&] { select(recv(never, [](auto) {}), after(hours(7))); });
        test::wait_until_blocked(2);
        all_wait = true;
        while (!over) yield();
        cancel();
        never.close();
        group.wait();
        EXPECT_TRUE(function.stop());
      },
      [&] {
        while (!all_wait) std::this_thread::yield();
        totals = attach_once(3, 3);
      });
  std::map<tf::TimerKind, tf::PendingTimer> told;
  for (const auto& [object, timer] : totals.timers) {
    EXPECT_EQ(told.count(timer.kind), 0u) << to_text(timer.kind);
    told[timer.kind] = timer;
    const bool sends = timer.kind == tf::TimerKind::Timer || timer.kind == tf::TimerKind::Ticker ||
                       timer.kind == tf::TimerKind::TimeAfter;
    EXPECT_TRUE(object != 0 || !sends) << to_text(timer.kind);
    const bool is_wait = timer.kind == tf::TimerKind::Sleep || timer.kind == tf::TimerKind::Select;
    EXPECT_EQ(timer.task != 0, is_wait) << to_text(timer.kind);
    EXPECT_EQ(timer.site == 0, is_wait) << to_text(timer.kind);
    if (timer.task != 0) {
      EXPECT_EQ(totals.task_names[timer.task],
                timer.kind == tf::TimerKind::Sleep ? "sleeps" : "selects");
    }
  }
  const auto expect = [&](tf::TimerKind kind, int due_in_hours, int period_hours) {
    const auto nanoseconds = [](int count) {
      return static_cast<std::uint64_t>(std::chrono::nanoseconds(hours(count)).count());
    };
    ASSERT_EQ(told.count(kind), 1u) << to_text(kind);
    EXPECT_LE(told[kind].due_in_ns, nanoseconds(due_in_hours)) << to_text(kind);
    EXPECT_GT(told[kind].due_in_ns, nanoseconds(due_in_hours - 1)) << to_text(kind);
    EXPECT_EQ(told[kind].period_ns, nanoseconds(period_hours)) << to_text(kind);
  };
  EXPECT_EQ(told.size(), 7u);
  expect(tf::TimerKind::Timer, 1, 0);
  expect(tf::TimerKind::Ticker, 2, 2);
  expect(tf::TimerKind::AfterFunc, 3, 0);
  expect(tf::TimerKind::TimeAfter, 4, 0);
  expect(tf::TimerKind::Deadline, 5, 0);
  expect(tf::TimerKind::Sleep, 6, 0);
  expect(tf::TimerKind::Select, 7, 0);
}

TEST_P(AttachTest, OfManyTimersEachIsToldOfOnce) {
  constexpr int kSleeping = 2'000;
  std::atomic<bool> all_wait{false};
  TraceTotals totals;
  run_with(
      [&](const std::atomic<bool>& over) {
        auto [context, cancel] = with_cancel(background());
        WaitGroup group;
        for (int i = 0; i < kSleeping; ++i) {
          group.go([&, context = context] { EXPECT_FALSE(sleep(context, std::chrono::hours(1))); });
        }
        test::wait_until_blocked(kSleeping);
        all_wait = true;
        while (!over) sleep(std::chrono::microseconds(100));  // moves the others in the queue
        cancel();
        group.wait();
      },
      [&] {
        while (!all_wait) std::this_thread::yield();
        totals = attach_once(kSleeping, kSleeping + 1);
      });
  std::map<tf::TaskId, int> told;
  for (const auto& [object, timer] : totals.timers) {
    if (timer.task != 1) ++told[timer.task];
  }
  EXPECT_EQ(told.size(), static_cast<std::size_t>(kSleeping));
  for (const auto& [task, times] : told) EXPECT_EQ(times, 1) << "task " << task;
}

TEST_P(AttachTest, ARecorderThatGoesWithoutAWordIsNoticed) {
  run_with(bustle, [] {
    for (int i = 0; i < 10; ++i) {
      FakeRecorder recorder(FakeRecorder::How::Attach);
      if (i % 2 == 0) {
        Rings rings;
        drain_until(recorder, rings, [&] { return recorder.hello().has_value(); });
      }
      recorder.hang_up();
    }
    // It can be attached to again, as soon as it has noticed.
    for (;;) {
      FakeRecorder recorder(FakeRecorder::How::Attach);
      Rings rings;
      drain_until(recorder, rings,
                  [&] { return recorder.hello().has_value() || !recorder.refusal().empty(); });
      if (recorder.hello()) break;
    }
  });
}

TEST_P(AttachTest, ASecondRecorderIsRefusedAndTheFirstGoesOn) {
  run_with(bustle, [] {
    FakeRecorder first(FakeRecorder::How::Attach);
    Rings rings;
    drain_until(first, rings, [&] { return first.hello().has_value(); });
    FakeRecorder second(FakeRecorder::How::Attach);
    drain_until(first, rings, [&] {
      second.receive();
      return !second.refusal().empty();
    });
    EXPECT_NE(second.refusal().find("recorded already"), std::string::npos) << second.refusal();
    EXPECT_FALSE(second.hello().has_value());
    first.leave();
    drain_until(first, rings, [&] { return first.said_bye(); });
  });
}

TEST_P(AttachTest, WhoWantsMoreSamplesThanThereMayBeIsRefusedAndTheNextIsNot) {
  run_with(bustle, [] {
    FakeRecorder greedy(FakeRecorder::How::Attach, {.sample_hz = tf::kSampleHzMax + 1});
    while (greedy.refusal().empty() && !greedy.hello()) {
      greedy.receive();
      std::this_thread::yield();
    }
    EXPECT_EQ(greedy.refusal(), "It is sampled at most 1000 times a second, not 1001 times.");
    FakeRecorder modest(FakeRecorder::How::Attach);
    Rings rings;
    drain_until(modest, rings, [&] { return modest.hello().has_value(); });
    modest.leave();
    drain_until(modest, rings, [&] { return modest.said_bye(); });
  });
}

TEST_P(AttachTest, WorkersThatComeAndGoMeanwhileAreInTheRecording) {
  run_with(
      [&](const std::atomic<bool>& over) {
        WaitGroup group;
        group.go([&] {
          for (unsigned i = 0; !over; ++i) {
            set_workers(1 + i % 6);
            sleep(std::chrono::microseconds(300));
          }
        });
        bustle(over);
        group.wait();
        set_workers(workers());
      },
      [] {
        for (int i = 0; i < sized(16) && !::testing::Test::HasFailure(); ++i) attach_once(1'000);
      });
}

TEST_P(AttachTest, ARunThatEndsWhileItIsRecordedSaysGoodbye) {
  std::optional<FakeRecorder> recorder;
  Rings rings;
  std::atomic<bool> known{false};
  const auto main = [&] {
    std::thread outside([&] {
      recorder.emplace(FakeRecorder::How::Attach);
      drain_until(*recorder, rings, [&] { return recorder->hello().has_value(); });
      known = true;
    });
    bustle(known);
    blocking([&] { outside.join(); });
  };
  ts::run(main, {.workers = workers()});
  recorder->receive();
  recorder->drain_into(rings);
  EXPECT_TRUE(recorder->said_bye());
  EXPECT_EQ(recorder->end_ticks(), 0u);
  const TraceTotals totals = test::check_trace(rings);
  EXPECT_GE(totals.of(EventKind::Exit), 9u);
}

TEST_P(AttachTest, NothingIsLeftBehind) {
  run([] { sleep(std::chrono::milliseconds(30)); });
  EXPECT_TRUE(std::filesystem::is_empty(tf::attach_folders().front()));
}

}  // namespace
}  // namespace taskscope
