// Everything at once, for as long as is wanted: TASKSCOPE_SOAK_SECONDS (default: two seconds in
// all; a sanitizer takes an eighth of what is asked for), TASKSCOPE_SOAK_SEED. Each round is a run
// of its own with a random mix of tasks, and must leave nothing behind: no task, stack, thread,
// descriptor, reservation (RuntimeTest) and no bytes of the heap; every job is counted. One round
// in three is recorded from its beginning, another by a recorder that attaches in the middle of it.
//
// The seed repeats what is done and in which order it is started. How threads interleave it does
// not: that is the system's.
#include <gtest/gtest.h>
#include <malloc.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <mutex>
#include <optional>
#include <random>
#include <shared_mutex>
#include <stdexcept>
#include <string>

#include "runtime/base/clock.h"
#include "tests/runtime/net/net_test_support.h"
#include "tests/runtime/support/fake_recorder.h"
#include "tests/runtime/support/runtime_test.h"
#include "tests/runtime/support/trace_checker.h"
#include "tests/support/temporary_folder.h"

namespace taskscope {
namespace {

using std::chrono::microseconds;
using Random = std::mt19937_64;

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

std::size_t heap_bytes() { return mallinfo2().uordblks; }

// ---- The kinds of work --------------------------------------------------------------------------

// What the jobs of a round share.
struct Round {
  net::Listener listener;
  Chan<int> left = make_chan<int>();
  Chan<int> right = make_chan<int>(1);
  std::atomic<int> signals_sent{0};
  RWMutex table_lock;
  std::array<int, 2> table{};  // guarded by table_lock: both are the same
  Mutex desk;
  Cond served;
  int tickets = 0;  // guarded by desk, as what follows
  int serving = 0;
  Semaphore permits{3};
  std::atomic<int> permitted{0};
  SingleFlight<std::uint32_t, std::uint32_t> flights;
};

// One job: `number` is random.
using Work = void (*)(Round& round, std::uint32_t number);

// Not from the heap; given back with their stacks.
[[gnu::noinline]] int dig(int kib) {
  volatile char frame[1024];
  frame[0] = 1;
  return kib == 0 ? 0 : dig(kib - 1) + frame[0];
}

void give_way(Round&, std::uint32_t) { yield(); }

void sleep_a_little(Round&, std::uint32_t number) { sleep(microseconds(20 + number % 20)); }

void call_shortly(Round&, std::uint32_t) {
  blocking([] { return base::monotonic_ns(); });
}

void call_long(Round&, std::uint32_t) {
  blocking_long([] {
    const timespec moment{.tv_sec = 0, .tv_nsec = 50'000};
    clock_nanosleep(CLOCK_MONOTONIC, 0, &moment, nullptr);
  });
}

void use_a_pipe(Round&, std::uint32_t) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  blocking([&] { EXPECT_EQ(write(ends[1], "x", 1), 1); });
  close(ends[0]);
  close(ends[1]);
}

void start_children(Round&, std::uint32_t) {
  WaitGroup children;
  for (int i = 0; i < 3; ++i) children.go([] { yield(); });
  children.wait();
}

void use_a_deep_stack(Round&, std::uint32_t number) {
  EXPECT_EQ(dig(100), 100);
  sleep(microseconds(600 + number % 100));
  EXPECT_EQ(dig(100), 100);
}

void time_out(Round&, std::uint32_t number) {
  const auto [context, cancel] = with_timeout(background(), microseconds(70 + number % 10));
  static_cast<void>(context.done().recv());
  cancel();
}

void cancel_a_tree(Round&, std::uint32_t) {
  const auto parent = with_cancel(background());
  WaitGroup children;
  for (int i = 0; i < 3; ++i) {
    children.go([&parent] {
      const auto child = with_timeout(parent.ctx, std::chrono::hours(1));
      EXPECT_FALSE(child.ctx.done().recv());
    });
  }
  yield();
  parent.cancel();
  children.wait();
}

void reset_and_stop_timers(Round&, std::uint32_t number) {
  Timer late(std::chrono::hours(1));
  for (unsigned i = 0; i < 5; ++i) EXPECT_TRUE(late.reset(std::chrono::hours(2 + i)));
  EXPECT_TRUE(late.stop());
  Timer timer(std::chrono::hours(1));
  EXPECT_TRUE(timer.reset(microseconds(number % 50)));
  EXPECT_TRUE(timer.c().recv());
  std::atomic<bool> ran{false};
  FuncTimer function = after_func(std::chrono::hours(1), [&ran] { ran = true; });
  EXPECT_TRUE(function.stop());
  EXPECT_FALSE(ran);
  Ticker ticker{microseconds(20 + number % 20)};
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(ticker.c().recv());
  ticker.stop();
}

// What one sends another receives, now here and now there; nobody is left over who waits for ever.
void select_between(Round& round, std::uint32_t number) {
  int value = 1;
  std::optional<int> got;
  for (int i = 0; i < 3; ++i) {
    select(send(round.left, value), recv(round.left, got), send(round.right, value),
           recv(round.right, got), after(microseconds(number % 100)));
  }
  select(recv(round.right, got), otherwise());
}

void echo(Round& round, std::uint32_t number) {
  const Result<net::Conn> conn = net::dial_tcp(round.listener.address().to_string());
  ASSERT_TRUE(conn) << conn.error().message;
  std::array<char, 64> buffer{};
  for (unsigned i = 0; i <= number % 4; ++i) {
    buffer.fill(static_cast<char>('a' + i));
    EXPECT_TRUE(conn->write_all(buffer));
    std::array<char, 64> answer{};
    EXPECT_TRUE(conn->read_full(answer));
    EXPECT_EQ(answer, buffer);
  }
  if (number % 4 == 0) {  // nothing comes any more
    conn->set_read_deadline(now() + microseconds(50));
    EXPECT_EQ(test::kind_of(conn->read(buffer)), ErrorKind::Timeout);
  }
  EXPECT_TRUE(conn->close());
}

void run_a_child_process(Round&, std::uint32_t number) {
  const int code = static_cast<int>(number % 3);
  const Result<os::Output> result =
      os::output({.arguments = {"sh", "-c", "cat; exit " + std::to_string(code)}}, "hello");
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->output, "hello");
  EXPECT_EQ(result->status.code, code);
}

// Here and now: one to the process may wait for another thread until the round has stopped
// listening and the signal ends the process again.
void send_a_signal(Round& round, std::uint32_t) {
  EXPECT_EQ(raise(SIGUSR1), 0);
  ++round.signals_sent;
}

void read_and_write(Round& round, std::uint32_t number) {
  for (unsigned i = 0; i < 8; ++i) {
    if ((number + i) % 8 == 0) {
      const std::unique_lock writing(round.table_lock);
      ++round.table[0];
      if (number % 16 == 0) yield();
      ++round.table[1];
    } else {
      const std::shared_lock reading(round.table_lock);
      EXPECT_EQ(round.table[0], round.table[1]);
      if (number % 32 == 1) yield();
    }
  }
}

// In the order of the tickets; whoever has been served wakes all that wait.
void wait_for_the_turn(Round& round, std::uint32_t) {
  std::unique_lock lock(round.desk);
  const int mine = round.tickets++;
  round.served.wait(lock, [&] { return round.serving == mine; });
  ++round.serving;
  round.served.broadcast();
}

void hold_permits(Round& round, std::uint32_t number) {
  const int count = 1 + static_cast<int>(number % 3);
  const SemaphoreGuard held(round.permits, count);
  EXPECT_LE(round.permitted += count, 3);
  yield();
  round.permitted -= count;
}

// Children in a limited scope, one of which may fail: then the others give up.
void open_a_scope(Round&, std::uint32_t number) {
  std::atomic<int> ended{0};
  const bool fails = number % 2 == 0;
  const auto work = [&] {
    Scope scope(background(), {.limit = 2});
    Future<int> sum = scope.async([] { return 42; });
    for (int i = 0; i < 3; ++i) {
      scope.go([&](const Context& context) {
        if (fails) static_cast<void>(context.done().recv());
        ++ended;
      });
      if (i == 0 && fails) scope.go([] { throw std::runtime_error("planted"); });
    }
    scope.wait();
    EXPECT_EQ(sum.get(), 42);
  };
  if (fails) {
    EXPECT_THROW(work(), std::runtime_error);
  } else {
    work();
  }
  EXPECT_EQ(ended, 3);
}

void work_in_parallel(Round& round, std::uint32_t number) {
  std::atomic<int> calls{0};
  parallel_for(20, [&](std::size_t) { ++calls; });
  EXPECT_EQ(calls, 20);
  const auto flight = round.flights.call(number % 4, [&] {
    yield();
    return number % 4;
  });
  EXPECT_EQ(flight.value, number % 4);
}

void write_and_read_a_file(Round&, std::uint32_t number) {
  const tests::TemporaryFolder folder;
  const std::string path = folder.path() + "/notes";
  const std::string text(number % 5'000, 'n');
  EXPECT_TRUE(os::write_file(path, text));
  const Result<std::string> back = os::read_file(path);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(*back, text);
}

void compute_with_checkpoints(Round&, std::uint32_t) {
  const std::int64_t end = base::monotonic_ns() + 12'000'000;
  while (base::monotonic_ns() < end) checkpoint();
}

// Long enough to lose its worker now and then.
void compute(Round&, std::uint32_t) {
  const std::int64_t end = base::monotonic_ns() + 12'000'000;
  while (base::monotonic_ns() < end) {
  }
}

// How many of 1,000 jobs do it.
struct Kind {
  unsigned share;
  Work work;
};
constexpr Kind kKinds[] = {
    {110, give_way},
    {60, sleep_a_little},
    {60, call_shortly},
    {20, call_long},
    {30, use_a_pipe},
    {80, start_children},
    {40, use_a_deep_stack},
    {40, time_out},
    {40, cancel_a_tree},
    {60, reset_and_stop_timers},
    {80, select_between},
    {60, echo},
    {4, run_a_child_process},
    {16, send_a_signal},
    {70, read_and_write},
    {60, wait_for_the_turn},
    {50, hold_permits},
    {50, open_a_scope},
    {40, work_in_parallel},
    {20, write_and_read_a_file},
    {5, compute_with_checkpoints},
    {5, compute},
};

Work pick_work(std::uint32_t number) {
  unsigned rest = number % 1'000;
  for (const Kind& kind : kKinds) {
    if (rest < kind.share) return kind.work;
    rest -= kind.share;
  }
  ADD_FAILURE() << "the shares are less than 1,000";
  return give_way;
}

// ---- A round ------------------------------------------------------------------------------------

void serve(const net::Listener& listener, WaitGroup& group) {
  group.go("server", [&, listener] {
    while (const Result<net::Conn> conn = listener.accept()) {
      group.go("connection", [conn = *conn] {
        std::array<char, 64> buffer{};
        while (conn.read_full(buffer)) EXPECT_TRUE(conn.write_all(buffer));
      });
    }
  });
}

// All jobs and what they need; returns when nothing of it is left.
void run_round(Random& random) {
  constexpr int kJobs = test::sized(1'000);
  Round round{.listener = test::listen_here()};
  WaitGroup group;
  serve(round.listener, group);
  const Receiver<int> arrived = signals({SIGUSR1});
  std::atomic<int> signals_seen{0};
  group.go("signals", [&] {
    for (const int number : arrived) {
      EXPECT_EQ(number, SIGUSR1);
      ++signals_seen;
    }
  });
  auto chan = make_chan<int>(random() % 3);
  std::atomic<int> done{0};
  group.go("counter", [&, chan] {
    for ([[maybe_unused]] int value : chan) ++done;
  });
  Mutex mutex;
  int guarded = 0;
  WaitGroup jobs;
  for (int i = 0; i < kJobs; ++i) {
    const auto number = static_cast<std::uint32_t>(random());
    if (number / 1'000 % 100 == 0) set_workers(1 + number / 100'000 % 8);
    jobs.go([&, chan, number] {
      pick_work(number)(round, number / 1'000);
      {
        const std::scoped_lock lock(mutex);
        ++guarded;
      }
      chan.send(1);
    });
  }
  jobs.wait();
  // Signals that come together are one, but the first does arrive.
  while (round.signals_sent != 0 && signals_seen == 0) yield();
  EXPECT_TRUE(stop_signals(arrived));
  EXPECT_TRUE(round.listener.close());
  chan.close();
  group.wait();
  EXPECT_EQ(guarded, kJobs);
  EXPECT_EQ(done, kJobs);
  EXPECT_LE(signals_seen, round.signals_sent);
}

// Takes what the rings hold, so that nothing is lost; what was kept is a legal trace.
class Recording {
 public:
  Recording() = default;
  explicit Recording(test::FakeRecorder::How how) : recorder_(how) {}

  void drain() {
    recorder_.receive();
    recorder_.drain_into(rings_);
  }
  bool said_bye() const { return recorder_.said_bye(); }
  void leave() { recorder_.leave(); }
  void check() {
    std::uint64_t lost = 0;
    for (auto& ring : recorder_.rings()) lost += ring.header().lost;
    if (lost != 0) return;
    if (const std::uint64_t end = recorder_.end_ticks();
        end != 0) {  // it left before the run's end
      for (auto& [ring, events] : rings_) {
        std::erase_if(events, [&](const auto& each) { return each.event.ticks > end; });
      }
    }
    EXPECT_GT(test::check_trace(rings_).events, 0u);
  }

 private:
  test::FakeRecorder recorder_;
  test::Rings rings_;
};

class SoakTest : public test::RuntimeTest {
 protected:
  SoakTest() { setenv("XDG_RUNTIME_DIR", folder_.path().c_str(), 1); }

  void soak(Random& random) {
    run([&] {
      // So that parked stacks are looked at all the time.
      sched::current_thread()->scheduler().monitor().parked_stacks().give_back_after(0);
      run_round(random);
      set_workers(workers());
    });
  }

  void soak_recorded(Random& random) {
    Recording recording;
    soak(random);
    recording.drain();
    EXPECT_TRUE(recording.said_bye());
    recording.check();
  }

  // Rounds follow one another in one run until a recorder has come and gone.
  void soak_attached(Random& random) {
    run([&] {
      std::atomic<bool> gone{false};
      WaitGroup group;
      group.go("recorder", [&] {
        blocking_long([&] {
          Recording recording(test::FakeRecorder::How::Attach);
          for (int i = 0; i < 100; ++i) recording.drain();
          recording.leave();
          while (!recording.said_bye()) recording.drain();
          recording.drain();
          recording.check();
        });
        gone = true;
      });
      do {
        run_round(random);
      } while (!gone);
      group.wait();
      set_workers(workers());
    });
  }

 private:
  tests::TemporaryFolder folder_;
};
TASKSCOPE_AT_ALL_WORKER_COUNTS(SoakTest);

TEST_P(SoakTest, NothingIsLostAndNothingIsLeft) {
  const std::uint64_t seed = from_environment("TASKSCOPE_SOAK_SEED", 20'26);
  const double asked = static_cast<double>(from_environment("TASKSCOPE_SOAK_SECONDS", 2));
  const double seconds = (TASKSCOPE_ASAN || TASKSCOPE_TSAN ? asked / 8 : asked) / 4;
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  const std::int64_t end = base::monotonic_ns() + static_cast<std::int64_t>(seconds * 1e9);
  constexpr std::uint64_t kWays = 3;
  std::uint64_t round = 0;
  std::size_t heap_after_first = 0;
  do {
    Random random(seed + round);
    switch (round % kWays) {
      case 0:
        soak(random);
        break;
      case 1:
        soak_recorded(random);
        break;
      default:
        // What orders workers and the thread that attaches is not annotated for ThreadSanitizer.
        TASKSCOPE_TSAN ? soak(random) : soak_attached(random);
        break;
    }
    if (++round == kWays) heap_after_first = heap_bytes();
  } while ((base::monotonic_ns() < end || round < 2 * kWays) && !HasFailure());
  // What the C library keeps for itself varies a little.
  if (!TASKSCOPE_ASAN && !TASKSCOPE_TSAN) {
    EXPECT_LE(heap_bytes(), heap_after_first + (std::size_t{64} << 10));
  }
  std::printf("%llu rounds, %zu bytes of the heap in use, %zu after the first %llu\n",
              static_cast<unsigned long long>(round), heap_bytes(), heap_after_first,
              static_cast<unsigned long long>(kWays));
}

}  // namespace
}  // namespace taskscope
