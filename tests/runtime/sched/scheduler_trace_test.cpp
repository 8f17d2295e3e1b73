// What a recording says of the scheduler's own decisions: each event, with its arguments, in a
// scenario that makes the scheduler decide so. What a scenario only makes likely is repeated until
// it has happened.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "runtime/base/spin.h"
#include "runtime/sched/thread.h"
#include "runtime/sched/worker.h"
#include "tests/runtime/support/fake_recorder.h"
#include "tests/runtime/support/runtime_test.h"
#include "tests/runtime/support/trace_events.h"

namespace taskscope {
namespace {

namespace tf = trace_format;
using test::TracedEvent;
using test::TraceEvents;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using tf::EventKind;

constexpr tf::TaskId kMain = 1;

std::uint64_t this_thread() { return static_cast<std::uint64_t>(syscall(SYS_gettid)); }

class SchedulerTraceTest : public test::RuntimeTest {
 protected:
  TraceEvents record(const std::function<void()>& main, ManualClock* clock = nullptr) {
    test::FakeRecorder recorder;
    run(main, clock);
    recorder.receive();
    test::Rings rings;
    recorder.drain_into(rings);
    for (auto& ring : recorder.rings()) EXPECT_EQ(ring.header().lost, 0u);
    test::check_trace(rings);
    return TraceEvents(rings);
  }

  // The first recording of `main` in which `happened(trace)`.
  template <class Happened>
  TraceEvents record_until(const std::function<void()>& main, Happened happened) {
    constexpr int kTriesMax = 500;
    for (int i = 0; i < kTriesMax && !HasFailure(); ++i) {
      TraceEvents trace = record(main);
      if (happened(trace)) return trace;
    }
    ADD_FAILURE() << "it never happened";
    return {};
  }
};
TASKSCOPE_AT_ALL_WORKER_COUNTS(SchedulerTraceTest);

// ---- Tasks --------------------------------------------------------------------------------------

TEST_P(SchedulerTraceTest, ASpawnSaysByWhomAndWhereAndTheFirstRunIsNumberOne) {
  const auto start_child = [] { go("child", [] {}); };
  constexpr unsigned kLine = __LINE__ - 1;
  const TraceEvents trace = record([&] { go("parent", start_child); });
  const tf::TaskId parent = trace.task("parent");
  const tf::TaskId child = trace.task("child");
  const auto of_main = trace.about(EventKind::Spawn, kMain);
  ASSERT_EQ(of_main.size(), 1u);
  EXPECT_EQ(of_main[0].ring, tf::kNoWorker);
  EXPECT_EQ(of_main[0].actor, 0u);
  const auto of_parent = trace.about(EventKind::Spawn, parent);
  ASSERT_EQ(of_parent.size(), 1u);
  EXPECT_EQ(of_parent[0].actor, kMain);
  const auto of_child = trace.about(EventKind::Spawn, child);
  ASSERT_EQ(of_child.size(), 1u);
  EXPECT_EQ(of_child[0].actor, parent);
  EXPECT_THAT(trace.site(of_child[0].event.aux), StartsWith(std::to_string(kLine) + '\t'));
  EXPECT_THAT(trace.site(of_child[0].event.aux), HasSubstr("scheduler_trace_test.cpp\t"));
  const auto runs = trace.about(EventKind::Run, child);
  ASSERT_EQ(runs.size(), 1u);
  EXPECT_EQ(runs[0].event.aux, 1u);
  const auto exits = trace.about(EventKind::Exit, child);
  ASSERT_EQ(exits.size(), 1u);
  EXPECT_EQ(exits[0].actor, child);
  EXPECT_EQ(exits[0].ring, runs[0].ring);
}

TEST_P(SchedulerTraceTest, ABlockSaysForWhatAndAReadyByWhom) {
  const TraceEvents trace = record([] {
    auto chan = make_chan<int>("news");
    WaitGroup group;
    group.go("waiter", [&] { chan.recv(); });
    test::wait_until_blocked(1);
    group.go("waker", [&] { chan.send(1); });
    group.wait();
    group.go("waits for a thread", [&] { chan.recv(); });
    test::wait_until_blocked(1);
    std::thread([&] { EXPECT_TRUE(chan.try_send(2)); }).join();
    group.wait();
  });
  const tf::TaskId waiter = trace.task("waiter");
  const auto blocks = trace.by(EventKind::Block, waiter);
  ASSERT_EQ(blocks.size(), 1u);
  EXPECT_EQ(trace.object(blocks[0].event.id), "news");
  EXPECT_EQ(tf::aux_reason(blocks[0].event.aux), tf::BlockReason::ChanRecv);
  EXPECT_THAT(trace.site(tf::aux_site(blocks[0].event.aux)), HasSubstr("scheduler_trace_test"));
  const auto readies = trace.about(EventKind::Ready, waiter);
  ASSERT_EQ(readies.size(), 1u);
  EXPECT_EQ(readies[0].actor, trace.task("waker"));
  EXPECT_EQ(readies[0].event.aux, 2u);  // run 1, ready 2, run 3
  const auto runs = trace.about(EventKind::Run, waiter);
  ASSERT_EQ(runs.size(), 2u);
  const auto outside = trace.about(EventKind::Ready, trace.task("waits for a thread"));
  ASSERT_EQ(outside.size(), 1u);
  EXPECT_EQ(outside[0].ring, tf::kNoWorker);
  EXPECT_EQ(outside[0].actor, 0u);
}

TEST_P(SchedulerTraceTest, EveryRunHasOneCauseASpawnAYieldOrAReady) {
  const TraceEvents trace = record([] {
    WaitGroup group;
    for (const char* name : {"a", "b"}) {
      group.go(name, [] {
        for (int i = 0; i < 4; ++i) yield();
      });
    }
    group.wait();
  });
  for (const char* name : {"a", "b"}) {
    const tf::TaskId task = trace.task(name);
    const std::size_t yields = trace.by(EventKind::Yield, task).size();
    EXPECT_EQ(trace.about(EventKind::Run, task).size(),
              1 + yields + trace.about(EventKind::Ready, task).size());
    // The last to yield has nobody to give way to, which is not worth an event.
    EXPECT_GE(yields, workers() == 1 ? 3u : 0u) << name;
    EXPECT_LE(yields, 4u) << name;
  }
}

// ---- Tasks that lose their worker ---------------------------------------------------------------

TEST_P(SchedulerTraceTest, APreemptionNamesTheTaskThatGoesOnWithoutAWorker) {
  if (TASKSCOPE_TSAN) GTEST_SKIP() << "ThreadSanitizer delays signals";
  const TraceEvents trace = record([&] {
    std::atomic<bool> stop{false};
    WaitGroup group;
    for (std::uint32_t i = 0; i < 1 + workers(); ++i) {
      group.go("other", [&] {
        while (!stop) yield();
      });
    }
    group.go("hog", [&] {
      while (sched::current_worker() != nullptr) {
      }
      go("child", [] {});
      stop = true;
    });
    group.wait();
  });
  const tf::TaskId hog = trace.task("hog");
  const auto preempts = trace.about(EventKind::Preempt, hog);
  const auto runs = trace.about(EventKind::Run, hog);
  ASSERT_GE(preempts.size(), 1u);
  ASSERT_GE(runs.size(), 2u);
  EXPECT_EQ(preempts[0].actor, hog);
  EXPECT_NE(preempts[0].ring, tf::kNoWorker);
  const auto spawns = trace.about(EventKind::Spawn, trace.task("child"));
  ASSERT_EQ(spawns.size(), 1u);
  EXPECT_EQ(spawns[0].ring, tf::kNoWorker);
  EXPECT_EQ(spawns[0].actor, hog) << "`by` says who";
  // It queues for a worker: nobody woke it.
  const auto readies = trace.about(EventKind::Ready, hog);
  ASSERT_EQ(readies.size(), preempts.size());
  for (const TracedEvent& ready : readies) {
    EXPECT_EQ(ready.ring, tf::kNoWorker);
    EXPECT_EQ(ready.actor, 0u);
  }
}

TEST_P(SchedulerTraceTest, ACallSaysWhereItIsAndAHandoffWhoLostTheWorkerInIt) {
  const TraceEvents trace = record([] {
    std::atomic<bool> inside{false};
    std::atomic<bool> leave{false};
    WaitGroup group;
    group.go("caller", [&] {
      blocking_long([&] {
        inside = true;
        while (!leave) sched_yield();
      });
    });
    while (!inside) yield();
    leave = true;
    group.wait();
  });
  const tf::TaskId caller = trace.task("caller");
  const auto calls = trace.by(EventKind::Syscall, caller);
  ASSERT_EQ(calls.size(), 1u);
  EXPECT_THAT(trace.site(calls[0].event.aux), HasSubstr("scheduler_trace_test.cpp"));
  const auto handoffs = trace.about(EventKind::Handoff, caller);
  ASSERT_EQ(handoffs.size(), 1u);
  EXPECT_EQ(handoffs[0].actor, caller);
  EXPECT_EQ(handoffs[0].ring, calls[0].ring);
  EXPECT_TRUE(trace.by(EventKind::SyscallEnd, caller).empty());
  const auto readies = trace.about(EventKind::Ready, caller);
  ASSERT_EQ(readies.size(), 1u);
  EXPECT_EQ(readies[0].ring, tf::kNoWorker);
  EXPECT_EQ(readies[0].actor, 0u);
  EXPECT_EQ(trace.about(EventKind::Run, caller).size(), 2u);
}

TEST_P(SchedulerTraceTest, AHandoffByTheMonitorIsInTheWorkersOwnRing) {
  if (workers() != 1) GTEST_SKIP() << "the other task would be stolen";
  const TraceEvents trace = record([] {
    std::atomic<bool> ran{false};
    WaitGroup group;
    group.go("other", [&] { ran = true; });
    blocking([&] {
      while (!ran) sched_yield();
    });
    group.wait();
  });
  const auto handoffs = trace.about(EventKind::Handoff, kMain);
  ASSERT_GE(handoffs.size(), 1u);
  EXPECT_EQ(handoffs[0].ring, 0u);
  EXPECT_EQ(handoffs[0].actor, kMain);
}

// Its worker was handed on and is left behind by another task's call when its own is over.
TEST_P(SchedulerTraceTest, ATaskDoesNotTakeItsWorkerBackFromTheCallOfAnother) {
  if (workers() != 1) GTEST_SKIP() << "it would find another worker";
  const TraceEvents trace = record([] {
    std::atomic<bool> inside{false};
    std::atomic<bool> back{false};
    WaitGroup group;
    group.go("second", [&] {
      blocking([&] {
        inside = true;
        while (!back) sched_yield();
      });
    });
    group.go("first", [&] {
      blocking([&] {
        while (!inside) sched_yield();
      });
      back = true;
    });
    group.wait();
  });
  for (const char* name : {"first", "second"}) {
    const tf::TaskId task = trace.task(name);
    EXPECT_EQ(trace.about(EventKind::Handoff, task).size(), 1u) << name;
    EXPECT_EQ(trace.about(EventKind::Ready, task).size(), 1u) << name;
    EXPECT_EQ(trace.about(EventKind::Run, task).size(), 2u) << name;
    EXPECT_TRUE(trace.by(EventKind::SyscallEnd, task).empty()) << name;
  }
}

TEST_P(SchedulerTraceTest, AShortCallEndsOnItsWorker) {
  // The monitor may take the worker from this call or that.
  const TraceEvents trace =
      record_until([] { go("caller", [] { blocking([] {}); }); },
                   [](const TraceEvents& t) { return t.of(EventKind::Handoff).empty(); });
  const tf::TaskId caller = trace.task("caller");
  const auto calls = trace.by(EventKind::Syscall, caller);
  const auto ends = trace.by(EventKind::SyscallEnd, caller);
  ASSERT_EQ(calls.size(), 1u);
  ASSERT_EQ(ends.size(), 1u);
  EXPECT_EQ(ends[0].ring, calls[0].ring);
  EXPECT_EQ(trace.about(EventKind::Run, caller).size(), 1u);
}

// ---- Stealing and queues ------------------------------------------------------------------------

TEST_P(SchedulerTraceTest, AStealSaysFromWhomAndHowMany) {
  if (workers() == 1) GTEST_SKIP() << "needs a second worker";
  constexpr std::size_t kTasks = 20;
  const TraceEvents trace = record_until(
      [] {
        std::atomic<std::size_t> done{0};
        for (std::size_t i = 0; i < kTasks; ++i) go("loot", [&] { ++done; });
        while (done != kTasks) base::spin_pause();  // keeps its worker
      },
      [](const TraceEvents& t) {
        const auto is_batch = [](const TracedEvent& e) { return tf::aux_count(e.event.aux) > 1; };
        const auto steals = t.of(EventKind::Steal);
        return std::any_of(steals.begin(), steals.end(), is_batch);
      });
  std::map<tf::WorkerId, int> here;  // loot that came to each worker and did not leave it
  for (const tf::TaskId task : trace.tasks("loot")) {
    const auto spawns = trace.about(EventKind::Spawn, task);
    const auto runs = trace.about(EventKind::Run, task);
    ASSERT_EQ(spawns.size(), 1u);
    ASSERT_EQ(runs.size(), 1u);
    ++here[spawns[0].ring];
    --here[runs[0].ring];
  }
  for (const TracedEvent& steal : trace.of(EventKind::Steal)) {
    if (steal.event.id == kMain) continue;  // yields at the end
    const tf::WorkerId victim = tf::aux_victim(steal.event.aux);
    const int count = static_cast<int>(tf::aux_count(steal.event.aux));
    EXPECT_NE(victim, steal.ring);
    EXPECT_GE(count, 1);
    EXPECT_EQ(steal.actor, 0u);
    here[victim] -= count;
    here[steal.ring] += count;
    const auto runs = trace.about(EventKind::Run, steal.event.id);
    ASSERT_EQ(runs.size(), 1u);
    EXPECT_EQ(runs[0].ring, steal.ring) << "the thief runs the first at once";
  }
  for (const auto& [worker, left] : here) EXPECT_EQ(left, 0) << "at worker " << worker;
}

TEST_P(SchedulerTraceTest, QueueLengthsAreThoseOfTheQueues) {
  if (workers() != 1) GTEST_SKIP() << "with one worker the queues can be counted";
  const TraceEvents trace = record_until(
      [] {
        WaitGroup group;
        for (int i = 0; i < 1'000; ++i) group.go([] {});
        group.wait();
      },
      // A task without a worker is queued by other threads.
      [](const TraceEvents& t) { return t.of(EventKind::Preempt).empty(); });
  std::uint64_t runnable = 1;  // main
  std::uint64_t longest_here = 0;
  std::uint64_t longest_global = 0;
  for (const TracedEvent& e : trace.in(0)) {
    switch (e.event.kind) {
      case EventKind::Spawn:
      case EventKind::Ready:
      case EventKind::Yield:
        ++runnable;
        break;
      case EventKind::Run:
        --runnable;
        break;
      case EventKind::QueueLength: {
        const std::uint64_t queued = e.event.id + e.event.aux;
        EXPECT_LE(queued, runnable);
        EXPECT_GE(queued + 1, runnable) << "all but the one in the next-slot";
        longest_here = std::max(longest_here, e.event.id);
        longest_global = std::max<std::uint64_t>(longest_global, e.event.aux);
        break;
      }
      default:
        break;
    }
  }
  EXPECT_GE(longest_here, 1u);
  EXPECT_GE(longest_global, 1u) << "more were started than fit into the worker's queue";
}

// ---- Workers and threads ------------------------------------------------------------------------

TEST_P(SchedulerTraceTest, AWokenWorkerStartsWithTheThreadThatDrivesIt) {
  if (workers() == 1) GTEST_SKIP() << "needs a second worker";
  std::atomic<std::uint64_t> thread{0};
  const auto find_run = [](const TraceEvents& t) {
    return t.about(EventKind::Run, t.task("child")).at(0);
  };
  const TraceEvents trace = record_until(
      [&] {
        thread = 0;
        go("child", [&] { thread = this_thread(); });
        while (thread == 0) base::spin_pause();  // keeps its worker
      },
      [&](const TraceEvents& t) {
        // The monitor wakes without a word, and it hands main's worker on if that takes too long.
        const auto wakes = t.by(EventKind::WorkerWake, kMain);
        return !wakes.empty() && wakes[0].event.id == find_run(t).ring;
      });
  const TracedEvent child = find_run(trace);
  const auto wakes = trace.by(EventKind::WorkerWake, kMain);
  ASSERT_GE(wakes.size(), 1u);
  EXPECT_NE(wakes[0].ring, child.ring);
  EXPECT_EQ(wakes[0].ring, trace.about(EventKind::Spawn, child.event.id).at(0).ring);
  EXPECT_LE(wakes[0].event.ticks, child.event.ticks);
  std::uint64_t driver = 0;
  for (const TracedEvent& e : trace.in(child.ring)) {
    if (e.event.kind == EventKind::WorkerStart) driver = e.event.id;
    if (e.event.kind == EventKind::Run && e.event.id == child.event.id) break;
  }
  EXPECT_EQ(driver, thread);
}

TEST_P(SchedulerTraceTest, EveryStartedWorkerStopsAtTheEnd) {
  const TraceEvents trace = record([] {
    WaitGroup group;
    for (int i = 0; i < 100; ++i) group.go([] { yield(); });
    group.wait();
  });
  std::set<tf::WorkerId> started;
  for (const TracedEvent& e : trace.of(EventKind::WorkerStart)) started.insert(e.ring);
  EXPECT_GE(started.size(), 1u);
  for (tf::WorkerId worker = 0; worker < workers(); ++worker) {
    const auto events = trace.in(worker);
    if (started.count(worker) == 0) {
      EXPECT_TRUE(events.empty()) << "worker " << worker;
      continue;
    }
    EXPECT_EQ(events.front().event.kind, EventKind::WorkerStart) << "worker " << worker;
    EXPECT_EQ(events.back().event.kind, EventKind::WorkerStop) << "worker " << worker;
  }
}

TEST_P(SchedulerTraceTest, AnIdleWorkerSpinsParksAndUnparksForTheTimer) {
  if (workers() != 1) GTEST_SKIP() << "with one worker nobody else fires it";
  ManualClock clock;
  const TraceEvents trace = record([] { sleep(std::chrono::hours(1)); }, &clock);
  std::vector<EventKind> kinds;
  for (const TracedEvent& e : trace.in(0)) {
    if (e.event.kind == EventKind::Block) kinds.clear();
    if (e.event.kind != EventKind::QueueLength) kinds.push_back(e.event.kind);
    if (e.event.kind == EventKind::Run && kinds.front() == EventKind::Block) break;
  }
  EXPECT_THAT(kinds, ElementsAre(EventKind::Block, EventKind::WorkerSpin, EventKind::WorkerPark,
                                 EventKind::WorkerUnpark, EventKind::TimerFire, EventKind::Ready,
                                 EventKind::Run));
  const auto fires = trace.of(EventKind::TimerFire);
  ASSERT_EQ(fires.size(), 1u);
  EXPECT_EQ(fires[0].event.id, 1u);
  EXPECT_EQ(fires[0].actor, 0u);
  const auto readies = trace.about(EventKind::Ready, kMain);
  ASSERT_EQ(readies.size(), 1u);
  EXPECT_EQ(readies[0].actor, 0u) << "no task ended the wait";
}

TEST_P(SchedulerTraceTest, WorkersParkAndUnparkInTurn) {
  const TraceEvents trace = record([] {
    for (int i = 0; i < 20; ++i) {
      go([] {});
      sleep(std::chrono::microseconds(200));
    }
  });
  std::size_t parks = 0;
  for (tf::WorkerId worker = 0; worker < workers(); ++worker) {
    bool parked = false;
    for (const TracedEvent& e : trace.in(worker)) {
      if (e.event.kind == EventKind::WorkerPark) {
        EXPECT_FALSE(parked);
        EXPECT_EQ(e.actor, 0u);
        parked = true;
        ++parks;
      } else if (e.event.kind == EventKind::WorkerUnpark) {
        EXPECT_TRUE(parked);
        parked = false;
      } else if (e.event.kind == EventKind::Run) {
        EXPECT_FALSE(parked);
      }
    }
  }
  EXPECT_GE(parks, 1u);
}

TEST_P(SchedulerTraceTest, AThreadWithoutAWorkerParksAndIsWokenForAnother) {
  if (workers() != 1) GTEST_SKIP() << "with one worker it finds none when its call ends";
  std::uint64_t first = 0;
  std::uint64_t main = 0;
  // The first thread may be too late to get the worker from the second call.
  const TraceEvents trace = record_until(
      [&] {
        // Comes back when another task has entered a call and, told to, has left it again.
        const auto call = [](std::uint64_t& thread, std::uint64_t& others) {
          std::atomic<bool> inside{false};
          std::atomic<bool> leave{false};
          std::atomic<bool> done{false};
          go([&] {
            blocking_long([&] {
              thread = this_thread();
              inside = true;
              while (!leave) sched_yield();
            });
            done = true;
          });
          while (!inside) yield();
          others = this_thread();
          leave = true;
          while (!done) yield();
        };
        std::uint64_t unused = 0;
        call(first, unused);
        call(unused, main);
      },
      [&](const TraceEvents&) { return main == first; });
  std::vector<EventKind> of_first;
  for (const TracedEvent& e : trace.in(tf::kNoWorker)) {
    const bool is_thread =
        e.event.kind == EventKind::ThreadPark || e.event.kind == EventKind::ThreadWake;
    if (is_thread && e.event.id == first) of_first.push_back(e.event.kind);
  }
  ASSERT_GE(of_first.size(), 2u);
  EXPECT_EQ(of_first[0], EventKind::ThreadPark);
  EXPECT_EQ(of_first[1], EventKind::ThreadWake);
  const auto starts = trace.of(EventKind::WorkerStart);
  const auto by_first = [&](const TracedEvent& e) { return e.event.id == first; };
  EXPECT_EQ(std::count_if(starts.begin(), starts.end(), by_first), 2);
}

TEST_P(SchedulerTraceTest, TheNumberOfWorkersIsToldWhenItChanges) {
  const TraceEvents trace = record([&] {
    set_workers(3);
    set_workers(workers());
  });
  std::vector<std::uint64_t> counts;
  for (const TracedEvent& e : trace.of(EventKind::WorkerCount)) {
    EXPECT_EQ(e.ring, tf::kNoWorker);
    counts.push_back(e.event.id);
  }
  EXPECT_THAT(counts, ElementsAre(3u, workers()));
}

// ---- Timers and descriptors ---------------------------------------------------------------------

TEST_P(SchedulerTraceTest, TimersThatFireTogetherAreCounted) {
  ManualClock clock(ManualClock::Moves::ByHand);
  constexpr std::size_t kSleepers = 3;
  const TraceEvents trace = record(
      [&] {
        WaitGroup group;
        for (std::size_t i = 0; i < kSleepers; ++i) {
          group.go("sleeper", [] { sleep(std::chrono::hours(1)); });
        }
        test::wait_until_blocked(kSleepers);
        clock.advance(std::chrono::hours(1));
        group.wait();
      },
      &clock);
  const auto fires = trace.of(EventKind::TimerFire);
  std::uint64_t due = 0;
  for (const TracedEvent& fire : fires) due += fire.event.id;
  // Two workers that look at the same time count what is due twice.
  EXPECT_GE(due, kSleepers);
  if (workers() == 1) {
    ASSERT_EQ(fires.size(), 1u);
    EXPECT_EQ(due, kSleepers);
    EXPECT_EQ(fires[0].actor, kMain) << "it moved the clock";
  }
  for (const tf::TaskId sleeper : trace.tasks("sleeper")) {
    EXPECT_EQ(trace.about(EventKind::Ready, sleeper).size(), 1u);
  }
}

TEST_P(SchedulerTraceTest, APollSaysHowManyTasksItWoke) {
  constexpr std::size_t kReaders = 3;
  const std::string place = "@taskscope-trace-" + std::to_string(getpid());
  const auto in_ring_of_worker = [](const TracedEvent& e) {
    return e.ring != tf::kNoWorker && e.event.id == kReaders;
  };
  // A worker may look between two of the writes, or the monitor.
  const TraceEvents trace = record_until(
      [&] {
        const Result<net::Listener> listener = net::listen_unix(place);
        ASSERT_TRUE(listener);
        WaitGroup group;
        std::vector<net::Conn> clients;
        for (std::size_t i = 0; i < kReaders; ++i) {
          clients.push_back(*net::dial_unix(place));
          group.go("reader", [server = *listener->accept()] {
            std::array<char, 1> byte{};
            EXPECT_TRUE(server.read_full(byte));
          });
        }
        test::wait_until_blocked(kReaders);
        for (const net::Conn& client : clients) {
          EXPECT_TRUE(client.write_all(std::array<char, 1>{}));
        }
        group.wait();
        EXPECT_TRUE(listener->close());
      },
      [&](const TraceEvents& t) {
        const auto polls = t.of(EventKind::PollWake);
        return std::any_of(polls.begin(), polls.end(), in_ring_of_worker);
      });
  const auto readers = trace.tasks("reader");
  ASSERT_EQ(readers.size(), kReaders);
  const auto polls = trace.of(EventKind::PollWake);
  const auto poll = *std::find_if(polls.begin(), polls.end(), in_ring_of_worker);
  EXPECT_EQ(poll.actor, 0u);
  const auto events = trace.in(poll.ring);
  auto at = std::find_if(events.begin(), events.end(), [&](const TracedEvent& e) {
    return e.event.kind == EventKind::PollWake && e.event.id == kReaders;
  });
  std::set<tf::TaskId> woken;
  for (std::size_t i = 0; i < kReaders; ++i) {
    ++at;
    ASSERT_NE(at, events.end());
    EXPECT_EQ(at->event.kind, EventKind::Ready);
    EXPECT_EQ(at->actor, 0u);
    woken.insert(at->event.id);
  }
  EXPECT_EQ(woken, std::set<tf::TaskId>(readers.begin(), readers.end()));
}

}  // namespace
}  // namespace taskscope
