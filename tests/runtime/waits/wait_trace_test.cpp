// What a recording tells of a wait, for everything that can make a task wait: its reason, its
// object, and what ended it. Real runs, whose trace goes through the recorder.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <thread>
#include <vector>

#include "recorder/ingest/text_source.h"
#include "recorder/store/reader.h"
#include "tests/runtime/net/net_test_support.h"
#include "tests/runtime/support/fake_recorder.h"
#include "tests/runtime/support/runtime_test.h"
#include "tests/runtime/support/trace_checker.h"
#include "tests/support/recording_text.h"
#include "tests/support/temporary_folder.h"

namespace taskscope {
namespace {

namespace tf = trace_format;
using store::WakerKind;
using test::wait_until_blocked;
using tf::BlockReason;
using tf::ObjectKind;

constexpr std::chrono::milliseconds kMoment{1};
constexpr std::chrono::hours kLong{1};

// Of the wait of the task named "waiter".
struct Expected {
  BlockReason reason;
  ObjectKind kind = ObjectKind::Unknown;  // Unknown: it waits for no object
  std::string object = {};                // its name, or how that begins
  WakerKind waker_kind = WakerKind::Task;
  std::string waker = "main";  // if it was a task: its name
  std::string arms = {};       // of a select
  std::string chosen = {};     // of these, what ended the wait
};

class WaitTraceTest : public test::RuntimeTest {
 protected:
  // Records a run of `main` and finds the wait in it.
  void expect_wait(const Expected& expected, const std::function<void()>& main,
                   ManualClock* clock = nullptr) {
    test::FakeRecorder recorder;
    run(main, clock);
    check(recorder, expected);
  }
  // The same for a wait that nothing ends: its task is left behind.
  void expect_endless_wait(BlockReason reason, const std::function<void()>& wait) {
    test::FakeRecorder recorder;
    ts::run(
        [&] {
          go("waiter", wait);
          wait_until_blocked(1);
        },
        {.workers = workers()});
    check(recorder, {.reason = reason, .waker_kind = WakerKind::None});
  }

 private:
  static void check(test::FakeRecorder& recorder, const Expected& expected) {
    recorder.receive();
    test::Rings rings;
    recorder.drain_into(rings);
    test::check_trace(rings);
    std::string trace;
    for (const auto& [worker, events] : rings) {
      for (const tf::TextEvent& event : events) trace += tf::format_text(event) + '\n';
    }
    const tests::TemporaryFolder folder;
    const auto recorded = ingest::record_text(trace, folder.file("a.tscope"));
    ASSERT_TRUE(recorded) << recorded.error().message;
    const auto reader = store::Reader::open(folder.file("a.tscope"));
    ASSERT_TRUE(reader) << reader.error().message;
    check_recording(*reader, expected);
    if (HasFailure()) std::fprintf(stderr, "%s", trace.c_str());
  }

  template <class T>
  static std::vector<T> all(Result<std::vector<T>> rows) {
    EXPECT_TRUE(rows);
    return rows ? *std::move(rows) : std::vector<T>();
  }

  static void check_recording(const store::Reader& reader, const Expected& expected) {
    std::map<store::TaskId, std::string> names;
    store::TaskId waiter = 0;
    for (const store::TaskRow& task : all(reader.tasks())) {
      names[task.id] = task.name;
      if (task.name == "waiter") waiter = task.id;
    }
    const auto spans = tests::all_spans(reader);
    const auto wait = std::find_if(spans.begin(), spans.end(), [&](const store::Span& span) {
      return span.task_id == waiter && span.reason == expected.reason;
    });
    ASSERT_NE(wait, spans.end()) << "no wait for " << to_text(expected.reason);
    const bool sleeps = expected.reason == BlockReason::Sleep;
    EXPECT_EQ(wait->state, sleeps ? store::TaskState::Sleeping : store::TaskState::Blocked);
    EXPECT_EQ(to_text(wait->waker_kind), to_text(expected.waker_kind));
    EXPECT_EQ(wait->finished, expected.waker_kind != WakerKind::None);
    EXPECT_EQ(wait->woken_by != 0, expected.waker_kind == WakerKind::Task);
    EXPECT_EQ(wait->woken_by == 0 ? expected.waker : names[wait->woken_by], expected.waker);
    check_object(reader, *wait, expected);
    EXPECT_EQ(text_of(reader, all(reader.events_of(store::EventKind::Arm)), *wait), expected.arms);
    const auto chosen = all(reader.events_of(store::EventKind::Chosen));
    EXPECT_EQ(text_of(reader, chosen, *wait), expected.chosen);
    for (const store::EventRow& arm : chosen) EXPECT_GE(arm.ns, wait->end_ns);
  }

  // By its name, and by the place where it was made if that is here.
  static void check_object(const store::Reader& reader, const store::Span& wait,
                           const Expected& expected) {
    const auto objects = all(reader.objects());
    const auto object = std::find_if(
        objects.begin(), objects.end(),
        [&](const store::ObjectRow& row) { return row.id == wait.object_id && row.id != 0; });
    ASSERT_EQ(object != objects.end(), expected.kind != ObjectKind::Unknown);
    if (object == objects.end()) return;
    EXPECT_EQ(to_text(object->kind), to_text(expected.kind));
    EXPECT_EQ(object->name.substr(0, expected.object.size()), expected.object);
    EXPECT_EQ(object->name.empty(), expected.object.empty());
    EXPECT_NE(file_of(reader, object->site_id).find("tests/runtime/"), std::string::npos);
    EXPECT_NE(file_of(reader, wait.site_id).find("wait_trace_test.cpp"), std::string::npos);
  }
  static std::string file_of(const store::Reader& reader, store::SiteId id) {
    for (const store::SiteRow& site : all(reader.sites())) {
      if (site.id == id) return site.file;
    }
    return "unknown";
  }

  // "recv jobs, after"
  static std::string text_of(const store::Reader& reader, const std::vector<store::EventRow>& arms,
                             const store::Span& wait) {
    std::map<store::ObjectId, std::string> names;
    for (const store::ObjectRow& row : all(reader.objects())) {
      names[row.id] = ' ' + (row.name.empty() ? std::string(to_text(row.kind)) : row.name);
    }
    std::string text;
    for (const store::EventRow& arm : arms) {
      if (arm.task_id != wait.task_id) continue;
      text += (text.empty() ? "" : ", ") +
              std::string(to_text(static_cast<store::ArmOperation>(arm.arg)));
      text += names[arm.object_id];
    }
    return text;
  }
};
TASKSCOPE_AT_ALL_WORKER_COUNTS(WaitTraceTest);

// ---- Channels -----------------------------------------------------------------------------------

TEST_P(WaitTraceTest, ASendNamesItsChannelAndWhoReceived) {
  expect_wait({.reason = BlockReason::ChanSend, .kind = ObjectKind::Channel, .object = "jobs"}, [] {
    const auto jobs = make_chan<int>("jobs", 0);
    go("waiter", [jobs] { jobs.send(1); });
    wait_until_blocked(1);
    jobs.recv();
  });
}

TEST_P(WaitTraceTest, AReceiveNamesItsChannelAndWhoSent) {
  expect_wait({.reason = BlockReason::ChanRecv, .kind = ObjectKind::Channel, .object = "jobs"}, [] {
    const auto jobs = make_chan<int>("jobs", 4);
    go("waiter", [jobs] { jobs.recv(); });
    wait_until_blocked(1);
    jobs.send(1);
  });
}

TEST_P(WaitTraceTest, AReceiveNamesWhoClosedTheChannel) {
  expect_wait({.reason = BlockReason::ChanRecv, .kind = ObjectKind::Channel}, [] {
    const auto jobs = make_chan<int>();
    go("waiter", [jobs] { jobs.recv(); });
    wait_until_blocked(1);
    jobs.close();
  });
}

TEST_P(WaitTraceTest, AReceiveThatGaveUpNamesItsChannelAndWhoCancelled) {
  expect_wait({.reason = BlockReason::ChanRecv, .kind = ObjectKind::Channel, .object = "jobs"}, [] {
    const auto jobs = make_chan<int>("jobs", 0);
    const auto limited = with_cancel(background());
    go("waiter", [jobs, ctx = limited.ctx] { EXPECT_FALSE(jobs.recv(ctx)); });
    wait_until_blocked(1);
    limited.cancel();
  });
}

TEST_P(WaitTraceTest, AThreadThatIsNoWorkersIsSaidToHaveEndedTheWait) {
  expect_wait({.reason = BlockReason::ChanRecv,
               .kind = ObjectKind::Channel,
               .object = "from outside",
               .waker_kind = WakerKind::Thread},
              [] {
                const auto chan = make_chan<int>("from outside", 0);
                WaitGroup group;
                group.go("waiter", [&] { chan.recv(); });
                std::thread outside([&] {
                  while (!chan.try_send(1)) std::this_thread::yield();
                });
                group.wait();
                outside.join();
              });
}

TEST_P(WaitTraceTest, ANilChannelIsWaitedForWithoutAnEnd) {
  expect_endless_wait(BlockReason::NilChanSend, [] { Chan<int>().send(1); });
  expect_endless_wait(BlockReason::NilChanRecv, [] { Chan<int>().recv(); });
  expect_endless_wait(BlockReason::SelectNoCases, [] { ts::select(); });
}

TEST_P(WaitTraceTest, ASelectNamesEachOfItsArms) {
  expect_wait({.reason = BlockReason::Select,
               .arms = "recv jobs, send results, recv context, after",
               .chosen = "recv jobs"},
              [] {
                const auto jobs = make_chan<int>("jobs", 0);
                const auto results = make_chan<int>("results", 0);
                const auto limited = with_cancel(background());
                WaitGroup group;
                group.go("waiter", [&, ctx = limited.ctx] {
                  const std::size_t chosen =
                      ts::select(ts::recv(jobs), ts::recv(Chan<int>()), ts::send(results, 1),
                                 ts::recv(ctx.done()), ts::after(kLong));
                  EXPECT_EQ(chosen, 0u);
                });
                wait_until_blocked(1);
                jobs.send(1);
                group.wait();
              });
}

TEST_P(WaitTraceTest, ASelectThatTimedOutWasEndedByATimer) {
  ManualClock clock;
  expect_wait(
      {.reason = BlockReason::Select,
       .waker_kind = WakerKind::Timer,
       .arms = "recv jobs, after",
       .chosen = "after"},
      [] {
        const auto jobs = make_chan<int>("jobs", 0);
        WaitGroup group;
        group.go("waiter", [&] {
          SelectList arms;
          arms.recv(jobs, [](std::optional<int>) {});
          EXPECT_EQ(arms.wait_for(kMoment), SelectList::kNone);
        });
        group.wait();
      },
      &clock);
}

TEST_P(WaitTraceTest, ASelectWhoseTaskLostItsWorkerNamesItsArmsToo) {
  expect_wait(
      {.reason = BlockReason::Select, .arms = "recv jobs, send results", .chosen = "recv jobs"},
      [] {
        const auto jobs = make_chan<int>("jobs", 0);
        const auto results = make_chan<int>("results", 0);
        WaitGroup group;
        group.go("waiter",
                 [&] { blocking_long([&] { ts::select(ts::recv(jobs), ts::send(results, 1)); }); });
        wait_until_blocked(1);
        jobs.send(1);
        group.wait();
      });
}

// ---- Locks and their kin ------------------------------------------------------------------------

TEST_P(WaitTraceTest, AMutexNamesWhoUnlockedIt) {
  expect_wait({.reason = BlockReason::Mutex, .kind = ObjectKind::Mutex, .object = "table"}, [] {
    Mutex mutex("table");
    WaitGroup group;
    mutex.lock();
    group.go("waiter", [&] { const std::scoped_lock lock(mutex); });
    wait_until_blocked(1);
    mutex.unlock();
    group.wait();
  });
}

TEST_P(WaitTraceTest, AReadersWaitForARWMutexIsToldFromAWriters) {
  expect_wait({.reason = BlockReason::RwMutexRead, .kind = ObjectKind::RwMutex, .object = "routes"},
              [] {
                RWMutex mutex("routes");
                WaitGroup group;
                mutex.lock();
                group.go("waiter", [&] { const std::shared_lock lock(mutex); });
                wait_until_blocked(1);
                mutex.unlock();
                group.wait();
              });
  expect_wait(
      {.reason = BlockReason::RwMutexWrite, .kind = ObjectKind::RwMutex, .object = "routes"}, [] {
        RWMutex mutex("routes");
        WaitGroup group;
        mutex.lock_shared();
        group.go("waiter", [&] { const std::scoped_lock lock(mutex); });
        wait_until_blocked(1);
        mutex.unlock_shared();
        group.wait();
      });
}

TEST_P(WaitTraceTest, AWaitGroupNamesWhoWasTheLast) {
  expect_wait({.reason = BlockReason::WaitGroup, .kind = ObjectKind::WaitGroup, .object = "pages"},
              [] {
                WaitGroup pages("pages");
                WaitGroup group;
                pages.add(1);
                group.go("waiter", [&] { pages.wait(); });
                wait_until_blocked(1);
                pages.done();
                group.wait();
              });
}

TEST_P(WaitTraceTest, ACondNamesWhoSignalled) {
  expect_wait({.reason = BlockReason::Cond, .kind = ObjectKind::Cond, .object = "not empty"}, [] {
    Mutex mutex;
    Cond cond("not empty");
    WaitGroup group;
    group.go("waiter", [&] {
      std::unique_lock lock(mutex);
      cond.wait(lock);
    });
    wait_until_blocked(1);
    cond.signal();
    group.wait();
  });
}

TEST_P(WaitTraceTest, ASemaphoreNamesWhoReleased) {
  expect_wait({.reason = BlockReason::Semaphore, .kind = ObjectKind::Semaphore, .object = "slots"},
              [] {
                Semaphore slots("slots", 1);
                WaitGroup group;
                slots.acquire();
                group.go("waiter", [&] {
                  slots.acquire();
                  slots.release();
                });
                wait_until_blocked(1);
                slots.release();
                group.wait();
              });
}

TEST_P(WaitTraceTest, AOnceNamesWhoRanIt) {
  expect_wait({.reason = BlockReason::Once,
               .kind = ObjectKind::Once,
               .object = "set-up",
               .waker = "runner"},
              [] {
                const auto gate = make_chan<int>();
                Once once("set-up");
                WaitGroup group;
                group.go("runner", [&] { once.run([&] { gate.recv(); }); });
                wait_until_blocked(1);
                group.go("waiter", [&] { once.run([] {}); });
                wait_until_blocked(2);
                gate.send(1);
                group.wait();
              });
}

TEST_P(WaitTraceTest, ALazyValueNamesWhoMadeIt) {
  expect_wait({.reason = BlockReason::Once, .kind = ObjectKind::Once, .waker = "runner"}, [] {
    const auto gate = make_chan<int>();
    Lazy<int> value([&] { return *gate.recv(); });
    WaitGroup group;
    group.go("runner", [&] { EXPECT_EQ(value.get(), 1); });
    wait_until_blocked(1);
    group.go("waiter", [&] { EXPECT_EQ(value.get(), 1); });
    wait_until_blocked(2);
    gate.send(1);
    group.wait();
  });
}

TEST_P(WaitTraceTest, ABarrierNamesWhoCameLast) {
  expect_wait({.reason = BlockReason::Barrier, .kind = ObjectKind::Barrier, .object = "phase"}, [] {
    Barrier barrier("phase", 2);
    WaitGroup group;
    group.go("waiter", [&] { barrier.wait(); });
    wait_until_blocked(1);
    barrier.wait();
    group.wait();
  });
}

// ---- Tasks that wait for tasks ------------------------------------------------------------------

// The task "waiter" has a scope for one child at a time and does `wait`, which that child's end
// ends.
template <class Wait>
void wait_for_a_child(Wait wait) {
  const auto gate = make_chan<int>();
  WaitGroup group;
  group.go("waiter", [&] {
    Scope scope(background(), {.name = "pages", .limit = 1});
    scope.go("child", [&] { gate.recv(); });
    wait(scope);
  });
  wait_until_blocked(2);
  gate.send(1);
  group.wait();
}

TEST_P(WaitTraceTest, AScopeNamesItsLastChild) {
  expect_wait({.reason = BlockReason::Scope,
               .kind = ObjectKind::Scope,
               .object = "pages",
               .waker = "child"},
              [] { wait_for_a_child([](Scope& scope) { scope.wait(); }); });
}

TEST_P(WaitTraceTest, APlaceInAScopeIsAWaitOfItsOwnReason) {
  expect_wait({.reason = BlockReason::ScopeLimit,
               .kind = ObjectKind::Scope,
               .object = "pages",
               .waker = "child"},
              [] { wait_for_a_child([](Scope& scope) { scope.go([] {}); }); });
}

TEST_P(WaitTraceTest, AFutureNamesTheTaskOfItsResult) {
  expect_wait({.reason = BlockReason::Future, .kind = ObjectKind::Future, .waker = ""}, [] {
    const auto gate = make_chan<int>();
    WaitGroup group;
    group.go("waiter", [&] {
      Future<int> result = async([&] { return *gate.recv(); });
      EXPECT_EQ(result.get(), 1);
    });
    wait_until_blocked(2);
    gate.send(1);
    group.wait();
  });
}

TEST_P(WaitTraceTest, ADoneContextNamesWhoCancelledItOrItsTimer) {
  expect_wait({.reason = BlockReason::ChanRecv, .kind = ObjectKind::Context}, [] {
    const auto limited = with_cancel(background());
    go("waiter", [ctx = limited.ctx] { ctx.done().recv(); });
    wait_until_blocked(1);
    limited.cancel();
  });
  ManualClock clock;
  expect_wait(
      {.reason = BlockReason::ChanRecv,
       .kind = ObjectKind::Context,
       .waker_kind = WakerKind::Timer},
      [] {
        WaitGroup group;
        group.go("waiter", [] {
          const auto limited = with_timeout(background(), kMoment);
          limited.ctx.done().recv();
        });
        group.wait();
      },
      &clock);
}

// ---- Time, the network, other processes ---------------------------------------------------------

TEST_P(WaitTraceTest, ASleepIsEndedByATimerOrByWhoCancelledIt) {
  ManualClock clock;
  expect_wait(
      {.reason = BlockReason::Sleep, .waker_kind = WakerKind::Timer},
      [] {
        WaitGroup group;
        group.go("waiter", [] { sleep(kMoment); });
        group.wait();
      },
      &clock);
  expect_wait({.reason = BlockReason::Sleep}, [] {
    const auto limited = with_cancel(background());
    go("waiter", [ctx = limited.ctx] { EXPECT_FALSE(sleep(ctx, kLong)); });
    wait_until_blocked(1);
    limited.cancel();
  });
}

TEST_P(WaitTraceTest, ATimersChannelIsATimer) {
  ManualClock clock;
  expect_wait(
      {.reason = BlockReason::ChanRecv, .kind = ObjectKind::Timer, .waker_kind = WakerKind::Timer},
      [] {
        WaitGroup group;
        group.go("waiter", [] {
          const Timer timer(kMoment);
          timer.c().recv();
        });
        group.wait();
      },
      &clock);
}

TEST_P(WaitTraceTest, AReadNamesItsConnectionAndIsEndedByTheNetwork) {
  expect_wait({.reason = BlockReason::Network,
               .kind = ObjectKind::Socket,
               .object = "tcp 127.0.0.1",
               .waker_kind = WakerKind::Network},
              [] {
                const test::Ends ends = test::connect_here();
                WaitGroup group;
                group.go("waiter", [&] {
                  std::array<char, 8> buffer{};
                  EXPECT_TRUE(ends.server.read_full(buffer));
                });
                wait_until_blocked(1);
                const std::array<char, 8> buffer{};
                EXPECT_TRUE(ends.client.write_all(buffer));
                group.wait();
              });
}

TEST_P(WaitTraceTest, AReadPastItsDeadlineWasEndedByATimer) {
  expect_wait({.reason = BlockReason::Network,
               .kind = ObjectKind::Socket,
               .object = "tcp 127.0.0.1",
               .waker_kind = WakerKind::Timer},
              [] {
                const test::Ends ends = test::connect_here();
                WaitGroup group;
                group.go("waiter", [&] {
                  std::array<char, 8> buffer{};
                  EXPECT_FALSE(ends.server.read_full(buffer));
                });
                wait_until_blocked(1);
                ends.server.set_read_deadline(test::soon());
                group.wait();
              });
}

TEST_P(WaitTraceTest, AProcessNamesItselfAndItsEndEndsTheWait) {
  expect_wait({.reason = BlockReason::Process,
               .kind = ObjectKind::Process,
               .object = "process cat",
               .waker_kind = WakerKind::Process},
              [] {
                const auto child =
                    os::Process::start({.arguments = {"cat"}, .input = os::Stream::Pipe});
                ASSERT_TRUE(child) << child.error().message;
                WaitGroup group;
                group.go("waiter", [&] { EXPECT_TRUE(child->wait()); });
                wait_until_blocked(1);
                EXPECT_TRUE(child->input().close());
                group.wait();
              });
}

TEST_P(WaitTraceTest, ASignalComesFromTheTaskThatPassesItOn) {
  expect_wait({.reason = BlockReason::ChanRecv,
               .kind = ObjectKind::Channel,
               .object = "signals",
               .waker = "signals"},
              [] {
                const Receiver<int> hangups = signals({SIGHUP});
                WaitGroup group;
                group.go("waiter", [&] { EXPECT_EQ(hangups.recv(), SIGHUP); });
                wait_until_blocked(2);  // and the task that passes it on
                kill(getpid(), SIGHUP);
                group.wait();
                EXPECT_TRUE(stop_signals(hangups));
              });
}

}  // namespace
}  // namespace taskscope
