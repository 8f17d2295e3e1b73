// What is proved of tasks that can never go on, and what is not because somebody might still come.
//
// What a scenario does, it does in tasks that end, so that nothing of it is left on the stack of
// the one who looks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <random>
#include <shared_mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/runtime/support/fake_recorder.h"
#include "tests/runtime/support/runtime_test.h"

namespace taskscope {
namespace {

using test::in_another_process;
using test::wait_until_blocked;
using trace_format::LeakKind;
using namespace std::chrono_literals;

constexpr std::chrono::hours kLong{1};

// What refers to channels is found by looking at all memory; sanitizers have too much of their own.
#define TASKSCOPE_NEEDS_WORDS() \
  if (TASKSCOPE_ASAN || TASKSCOPE_TSAN) GTEST_SKIP() << "not with sanitizers"

struct Look {
  std::vector<Leak> leaks;

  // "self_lock: a; leaked: b b +1": kinds, names of tasks, how many wait for these.
  std::string text() const {
    std::vector<std::string> parts;
    for (const Leak& leak : leaks) {
      std::vector<std::string> members;
      for (std::size_t at = 0; (at = leak.text.find("task ", at)) != std::string::npos;) {
        const std::size_t line_end = leak.text.find('\n', at);
        const std::size_t first = leak.text.find('"', at);
        const std::size_t last = leak.text.find('"', first + 1);
        if (first < line_end) members.push_back(leak.text.substr(first + 1, last - first - 1));
        at = line_end;
      }
      std::sort(members.begin(), members.end());
      std::string part(to_text(leak.kind));
      part += ':';
      for (const std::string& member : members) part += ' ' + member;
      if (leak.victims != 0) part += " +" + std::to_string(leak.victims);
      parts.push_back(std::move(part));
    }
    std::sort(parts.begin(), parts.end());
    std::string all;
    for (const std::string& part : parts) all += (all.empty() ? "" : "; ") + part;
    return all;
  }
};

std::size_t living_tasks() {
  std::size_t tasks = 0;
  sched::current_worker()->scheduler().tasks().for_each_live([&](const sched::Task&) { ++tasks; });
  return tasks;
}

class FindLeaksTest : public test::RuntimeTest {
 protected:
  // Runs `scenario` as a task, waits until `blocked` tasks wait, and looks. All is left behind.
  std::string look(const std::function<void()>& scenario, std::size_t blocked) {
    return in_another_process([&] { return look_here(scenario, blocked).text(); });
  }
  // The same while the run is recorded, as proofs about locks need it.
  std::string look_recorded(const std::function<void()>& scenario, std::size_t blocked) {
    return in_another_process([&] {
      test::FakeRecorder recorder;
      return look_here(scenario, blocked).text();
    });
  }
  // How many tasks.
  std::size_t count(const std::function<void()>& scenario, std::size_t blocked) {
    return std::stoul(in_another_process([&] {
      std::size_t tasks = 0;
      for (const Leak& leak : look_here(scenario, blocked).leaks) {
        tasks += leak.tasks.size() + leak.victims;
      }
      return std::to_string(tasks);
    }));
  }

  Look look_here(const std::function<void()>& scenario, std::size_t blocked) {
    Look found;
    ts::run(
        [&] {
          ts::go("scenario", [&scenario] { scenario(); });
          wait_until_blocked(blocked);
          while (living_tasks() != blocked + 1) ts::yield();  // the scenario's has ended
          found.leaks = ts::find_leaks();
        },
        {.workers = workers()});
    return found;
  }
};
TASKSCOPE_AT_ALL_WORKER_COUNTS(FindLeaksTest);

// ---- Locks --------------------------------------------------------------------------------------

// What tasks are left behind with outlives the run, and leaves nothing that looks as if it waited:
// the next run's stacks lie where this one's did.
template <class T>
class Outliving {
 public:
  template <class... Args>
  explicit Outliving(Args&&... args) : object_(new (room_) T(std::forward<Args>(args)...)) {}
  Outliving(const Outliving&) = delete;
  Outliving& operator=(const Outliving&) = delete;
  ~Outliving() {
    object_->~T();
    std::fill(std::begin(room_), std::end(room_), std::byte{});
    asm volatile("" : : "r"(room_) : "memory");
  }
  T& operator*() { return *object_; }

 private:
  alignas(T) std::byte room_[sizeof(T)];
  T* object_;
};

TEST_P(FindLeaksTest, ATaskThatWaitsForItsOwnLockWaitsForEver) {
  Outliving<ts::Mutex> room;
  ts::Mutex& mutex = *room;
  const auto text = look_recorded(
      [&] {
        ts::go("self", [&] {
          const std::scoped_lock outer(mutex);
          const std::unique_lock inner(mutex);
        });
      },
      1);
  EXPECT_EQ(text, "self_lock: self");
}

TEST_P(FindLeaksTest, WhoWaitsForTheLockOfSuchATaskIsItsVictim) {
  Outliving<ts::Mutex> room;
  ts::Mutex& mutex = *room;
  const auto text = look_recorded(
      [&] {
        ts::go("self", [&] {
          const std::lock_guard outer(mutex);
          ts::go("victim", [&] { const std::scoped_lock lock(mutex); });
          ts::go("victim", [&] { mutex.lock(); });
          const std::lock_guard inner(mutex);
        });
      },
      3);
  EXPECT_EQ(text, "self_lock: self +2");
}

TEST_P(FindLeaksTest, ALockThatAContextMayEndTheWaitForIsNoProof) {
  Outliving<ts::Mutex> room;
  ts::Mutex& mutex = *room;
  const auto text = look_recorded(
      [&] {
        auto request = ts::with_cancel(ts::background());
        ts::go("self", [&mutex, ctx = request.ctx] {
          const std::scoped_lock outer(mutex);
          static_cast<void>(mutex.lock(ctx));
        });
        ts::go("canceller", [request = std::move(request)]() mutable {
          ts::sleep(kLong);
          request.cancel();
        });
      },
      2);
  EXPECT_EQ(text, "");
}

TEST_P(FindLeaksTest, TasksThatHaveEachOthersLocksWaitForEver) {
  for (const int tasks : {2, 3, 7}) {
    Outliving<ts::Barrier> barrier(static_cast<std::size_t>(tasks));
    Outliving<std::array<ts::Mutex, 7>> room;
    auto& mutexes = *room;
    const auto text = look_recorded(
        [&] {
          auto& meeting = *barrier;
          for (int i = 0; i < tasks; ++i) {
            ts::go("circle", [&mutexes, &meeting, i, tasks] {
              const std::scoped_lock first(mutexes[static_cast<std::size_t>(i)]);
              meeting.wait();
              const std::scoped_lock second(mutexes[static_cast<std::size_t>((i + 1) % tasks)]);
            });
          }
        },
        static_cast<std::size_t>(tasks));
    std::string expected = "lock_deadlock:";
    for (int i = 0; i < tasks; ++i) expected += " circle";
    EXPECT_EQ(text, expected);
  }
}

TEST_P(FindLeaksTest, ACircleThatIsOpenAtOnePlaceIsNone) {
  Outliving<std::array<ts::Mutex, 3>> room;
  auto& mutexes = *room;
  const auto text = look_recorded(
      [&] {
        ts::go("third", [&mutexes] {
          const std::scoped_lock own(mutexes[2]);
          ts::sleep(kLong);
        });
        for (int i = 1; i >= 0; --i) {
          ts::sleep(1ms);
          ts::go("waits", [&mutexes, i] {
            const std::scoped_lock first(mutexes[static_cast<std::size_t>(i)]);
            const std::scoped_lock second(mutexes[static_cast<std::size_t>(i + 1)]);
          });
        }
      },
      3);
  EXPECT_EQ(text, "");
}

TEST_P(FindLeaksTest, ALockThatWasTakenWithoutAGuardMayBeGivenBackByAnybody) {
  Outliving<ts::Mutex> room;
  ts::Mutex& mutex = *room;
  const auto text = look_recorded(
      [&] {
        ts::go("hands over", [&] {
          mutex.lock();
          ts::go("gives back", [&] {
            ts::sleep(kLong);
            mutex.unlock();
          });
          mutex.lock();
        });
      },
      2);
  EXPECT_EQ(text, "");
}

TEST_P(FindLeaksTest, AGuardThatHasLeftItsBlockMayGiveTheLockBackElsewhere) {
  Outliving<ts::Mutex> room;
  ts::Mutex& mutex = *room;
  const auto text = look_recorded(
      [&] {
        ts::go("hands over", [&] {
          std::unique_lock lock(mutex);
          auto moved = std::make_unique<std::unique_lock<ts::Mutex>>(std::move(lock));
          ts::go("gives back", [moved = std::move(moved)] {
            ts::sleep(kLong);
            moved->unlock();
          });
          const std::scoped_lock again(mutex);
        });
      },
      2);
  EXPECT_EQ(text, "");
}

TEST_P(FindLeaksTest, AReaderThatReentersBehindAWriterWaitsForEver) {
  Outliving<ts::RWMutex> room;
  ts::RWMutex& mutex = *room;
  const auto text = look_recorded(
      [&] {
        ts::go("reader", [&] {
          const std::shared_lock outer(mutex);
          ts::go("writer", [&] { const std::scoped_lock lock(mutex); });
          while (mutex.try_lock_shared()) {  // until the writer waits
            mutex.unlock_shared();
            ts::yield();
          }
          const std::shared_lock inner(mutex);
        });
      },
      2);
  EXPECT_EQ(text, "lock_deadlock: reader writer");
}

TEST_P(FindLeaksTest, AReaderBesideTheOneThatReentersLeavesADoubt) {
  Outliving<ts::RWMutex> room;
  ts::RWMutex& mutex = *room;
  std::atomic<bool> taken{false};
  const auto text = look_recorded(
      [&] {
        ts::go("other", [&] {
          const std::shared_lock lock(mutex);
          taken = true;
          ts::sleep(kLong);
        });
        while (!taken) ts::yield();
        ts::go("reader", [&] {
          const std::shared_lock outer(mutex);
          ts::go("writer", [&] { const std::scoped_lock lock(mutex); });
          while (mutex.try_lock_shared()) {
            mutex.unlock_shared();
            ts::yield();
          }
          const std::shared_lock inner(mutex);
        });
      },
      3);
  EXPECT_EQ(text, "");
}

TEST_P(FindLeaksTest, AReaderThatWantsToWriteWaitsForItself) {
  Outliving<ts::RWMutex> room;
  ts::RWMutex& mutex = *room;
  const auto text = look_recorded(
      [&] {
        ts::go("upgrades", [&] {
          const std::shared_lock reading(mutex);
          const std::unique_lock writing(mutex);
        });
      },
      1);
  EXPECT_EQ(text, "self_lock: upgrades");
}

// ---- Channels -----------------------------------------------------------------------------------

TEST_P(FindLeaksTest, NobodyComesToANilChannelOrAnEmptySelect) {
  const auto text = look(
      [] {
        ts::go("nil recv", [] { ts::Chan<int>().recv(); });
        ts::go("nil send", [] { ts::Chan<int>().send(1); });
        ts::go("select", [] { ts::select(); });
      },
      3);
  EXPECT_EQ(text, "leaked: nil recv; leaked: nil send; leaked: select");
}

TEST_P(FindLeaksTest, AReceiverWhoseLastSenderIsGoneWaitsForEver) {
  TASKSCOPE_NEEDS_WORDS();
  const auto text = look(
      [] {
        const ts::Chan<int> lost = ts::make_chan<int>();
        ts::go("receiver", [from = ts::Receiver<int>(lost)] { from.recv(); });
      },
      1);
  EXPECT_EQ(text, "leaked: receiver");
}

TEST_P(FindLeaksTest, ASenderWhoseLastReceiverIsGoneWaitsForEver) {
  TASKSCOPE_NEEDS_WORDS();
  const auto text = look(
      [] {
        const ts::Chan<std::string> lost = ts::make_chan<std::string>(1);
        ts::go("sender", [to = ts::Sender<std::string>(lost)] {
          to.send("the buffer has room for this");
          to.send("and not for this");
        });
      },
      1);
  EXPECT_EQ(text, "leaked: sender");
}

[[gnu::noinline]] void forget_sender(const char* name) {
  ts::go(name, [to = ts::make_chan<int>()] { to.recv(); });
}

// ---- Who gave up the last handle ----------------------------------------------------------------

TEST_P(FindLeaksTest, WhoGaveUpTheLastOtherHandleIsNamedWithThePlace) {
  TASKSCOPE_NEEDS_WORDS();
  const std::string told = in_another_process([&] {
    test::FakeRecorder recorder;
    const auto found = look_here(
        [] {
          while (!sched::drops_are_noted.load()) ts::yield();  // the recorder comes meanwhile
          const ts::Chan<int> lost = ts::make_chan<int>();
          ts::go("receiver", [from = ts::Receiver<int>(lost)] { from.recv(); });
          test::wait_until_blocked(1);
          // Neither can end the wait: they are not what it waits for.
          const ts::Receiver<int> another(lost);
          const ts::Chan<int> other = ts::make_chan<int>();
        },
        1);
    return found.leaks.empty() ? std::string() : found.leaks.front().text;
  });
  EXPECT_THAT(told, ::testing::ContainsRegex("the last other handle was given up by task [0-9]+ at "
                                             ".*find_leaks_test.cpp:[0-9]+ \\("));
}

TEST_P(FindLeaksTest, OfAHandleThatTheWaiterItselfGaveUpNothingIsSaid) {
  TASKSCOPE_NEEDS_WORDS();
  const std::string told = in_another_process([&] {
    test::FakeRecorder recorder;
    const auto found = look_here([] { forget_sender("alone"); }, 1);
    return found.leaks.empty() ? std::string("none") : found.leaks.front().text;
  });
  EXPECT_THAT(told, ::testing::Not(::testing::HasSubstr("given up")));
  EXPECT_THAT(told, ::testing::HasSubstr("\"alone\""));
}

TEST_P(FindLeaksTest, WhoCanOnlyReceiveDoesNotWakeAReceiver) {
  TASKSCOPE_NEEDS_WORDS();
  const auto text = look(
      [] {
        const ts::Chan<int> lost = ts::make_chan<int>();
        ts::go("receiver", [from = ts::Receiver<int>(lost)] { from.recv(); });
        ts::go("another", [from = ts::Receiver<int>(lost)] {
          ts::sleep(kLong);
          from.recv();
        });
      },
      2);
  EXPECT_EQ(text, "leaked: receiver");
}

ts::Chan<int> global;  // NOLINT: what the test is about
struct Node {
  ts::Sender<int> to;
};

// Who can send on the channel, and where it has it.
std::map<std::string, std::function<void(const ts::Chan<int>&)>> places() {
  return {{"its closure",
           [](const ts::Chan<int>& chan) {
             ts::go([to = ts::Sender<int>(chan)] {
               ts::sleep(kLong);
               to.send(1);
             });
           }},
          {"a large closure",
           [](const ts::Chan<int>& chan) {
             ts::go([to = ts::Sender<int>(chan), room = std::array<long, 40>()] {
               ts::sleep(kLong);
               to.send(static_cast<int>(room[0]));
             });
           }},
          {"the heap",
           [](const ts::Chan<int>& chan) {
             ts::go([node = std::make_unique<Node>(Node{chan})] {
               ts::sleep(kLong);
               node->to.close();
             });
           }},
          {"a function object",
           [](const ts::Chan<int>& chan) {
             std::function<void()> later = [chan, room = std::array<long, 40>()] {
               chan.send(static_cast<int>(room[0]));
             };
             ts::go([later] {
               ts::sleep(kLong);
               later();
             });
           }},
          {"a global",
           [](const ts::Chan<int>& chan) {
             global = chan;
             ts::go([] {
               ts::sleep(kLong);
               global.send(1);
             });
           }},
          {"a timer's function",
           [](const ts::Chan<int>& chan) {
             ts::after_func(kLong, [to = ts::Sender<int>(chan)] { to.send(1); });
             ts::go([] { ts::sleep(kLong); });
           }},
          {"the buffer of another channel", [](const ts::Chan<int>& chan) {
             const auto chans = ts::make_chan<ts::Chan<int>>(1);
             chans.send(chan);
             ts::go([chans] {
               ts::sleep(kLong);
               chans.recv()->send(1);
             });
           }}};
}

TEST_P(FindLeaksTest, WhoCanSendMayComeWhereverItHasTheChannel) {
  TASKSCOPE_NEEDS_WORDS();
  for (const auto& one : places()) {
    const auto text = look(
        [&] {
          const ts::Chan<int> chan = ts::make_chan<int>();
          ts::go("receiver", [from = ts::Receiver<int>(chan)] { from.recv(); });
          one.second(chan);
        },
        2);
    EXPECT_EQ(text, "") << one.first;
    global = {};
  }
}

TEST_P(FindLeaksTest, WhoHasAReferenceToTheWaitersOwnHandleMayCome) {
  TASKSCOPE_NEEDS_WORDS();
  const auto text = look(
      [] {
        ts::go("receiver", [] {
          const ts::Chan<int> own = ts::make_chan<int>();
          ts::go("by reference", [&own] {
            ts::sleep(kLong);
            own.send(1);
          });
          own.recv();
        });
        ts::go("receiver", [] {
          const ts::Chan<int> own = ts::make_chan<int>();
          std::function<void()> send = [&own, a = 1L, b = 2L] {
            own.send(static_cast<int>(a + b));
          };
          ts::go("by function", [later = std::make_unique<std::function<void()>>(send)] {
            ts::sleep(kLong);
            (*later)();
          });
          own.recv();
        });
      },
      4);
  EXPECT_EQ(text, "");
}

TEST_P(FindLeaksTest, WhoHasAReferenceIntoTheWaitersClosureMayCome) {
  TASKSCOPE_NEEDS_WORDS();
  const auto text = look(
      [] {
        ts::go("small closure", [chan = ts::make_chan<int>()] {
          ts::go([&chan] {
            ts::sleep(kLong);
            chan.send(1);
          });
          chan.recv();
        });
        ts::go("large closure", [chan = ts::make_chan<int>(), room = std::array<long, 40>()] {
          ts::go([&chan, &room] {
            ts::sleep(kLong);
            chan.send(static_cast<int>(room[0]));
          });
          chan.recv();
        });
      },
      4);
  EXPECT_EQ(text, "");
}

TEST_P(FindLeaksTest, WhoWaitsForTheWorldOutsideIsNotLeaked) {
  const auto text = look(
      [] {
        ts::go("accepts", [] {
          auto listener = ts::net::listen_tcp("127.0.0.1:0");
          static_cast<void>(listener->accept().has_value());
        });
      },
      1);
  EXPECT_EQ(text, "");
}

TEST_P(FindLeaksTest, AReferenceThatOnlyALeakedTaskHasHelpsNobody) {
  TASKSCOPE_NEEDS_WORDS();
  const auto text = look(
      [] {
        ts::go("receiver", [] {
          const ts::Chan<int> own = ts::make_chan<int>();
          ts::go("by reference", [&own] {
            ts::Chan<int>().recv();
            own.send(1);
          });
          own.recv();
        });
      },
      2);
  EXPECT_EQ(text, "leaked: by reference +1");
}

TEST_P(FindLeaksTest, ASelectIsLeakedWhenNoneOfItsArmsCanBe) {
  TASKSCOPE_NEEDS_WORDS();
  const auto text = look(
      [] {
        const ts::Chan<int> a = ts::make_chan<int>();
        const ts::Chan<int> b = ts::make_chan<int>();
        ts::go("leaked", [a = ts::Receiver<int>(a), b = ts::Sender<int>(b)] {
          ts::select(ts::recv(a), ts::send(b, 1));
        });
        const ts::Chan<int> c = ts::make_chan<int>();
        ts::go("has a friend", [c = ts::Sender<int>(c), d = ts::make_chan<int>()] {
          ts::select(ts::recv(d), ts::send(c, 1));
        });
        ts::go("friend", [c = ts::Receiver<int>(c)] {
          ts::sleep(kLong);
          c.recv();
        });
        ts::go("gives up",
               [d = ts::make_chan<int>()] { ts::select(ts::recv(d), ts::after(kLong)); });
      },
      4);
  EXPECT_EQ(text, "leaked: leaked");
}

TEST_P(FindLeaksTest, AWaitThatAContextCanEndIsNotLeaked) {
  TASKSCOPE_NEEDS_WORDS();
  const auto text = look(
      [] {
        const ts::Chan<int> lost = ts::make_chan<int>();
        auto request = ts::with_cancel(ts::background());
        ts::go("receiver", [ctx = request.ctx, from = ts::Receiver<int>(lost)] {
          static_cast<void>(from.recv(ctx).has_value());
        });
        ts::go("canceller", [request = std::move(request)]() mutable {
          ts::sleep(kLong);
          request.cancel();
        });
      },
      2);
  EXPECT_EQ(text, "");
}

// Go's daisy chain: each wakes the next, and the first one is woken from outside.
TEST_P(FindLeaksTest, AChainIsAsLeakedAsItsFirstTask) {
  TASKSCOPE_NEEDS_WORDS();
  for (const bool alive : {true, false}) {
    constexpr int kTasks = 100;
    const auto text = look(
        [alive] {
          ts::Chan<int> chan = ts::make_chan<int>();
          const ts::Chan<int> first = chan;
          for (int i = 0; i < kTasks; ++i) {
            const ts::Chan<int> next = ts::make_chan<int>();
            ts::go("link", [from = ts::Receiver<int>(chan), to = ts::Sender<int>(next)] {
              to.send(*from.recv());
            });
            chan = next;
          }
          if (alive) {
            ts::go("head", [to = ts::Sender<int>(first)] {
              ts::sleep(kLong);
              to.send(1);
            });
          }
        },
        kTasks + (alive ? 1 : 0));
    EXPECT_EQ(text, alive ? "" : "leaked: link +99");
  }
}

TEST_P(FindLeaksTest, WhoWaitsForLeakedTasksIsTheirVictim) {
  TASKSCOPE_NEEDS_WORDS();
  const auto text = look(
      [] {
        ts::go("parent", [] {
          ts::WaitGroup children;
          const ts::Chan<int> lost = ts::make_chan<int>();
          children.go("child", [from = ts::Receiver<int>(lost)] { from.recv(); });
          children.wait();
        });
        ts::go("parent of one that will end", [] {
          ts::WaitGroup children;
          children.go("sleeper", [] { ts::sleep(kLong); });
          children.wait();
        });
      },
      4);
  // Each waits for the other: the parent has the channel.
  EXPECT_EQ(text, "leaked: child; leaked: parent");
}

TEST_P(FindLeaksTest, AnotherThreadMayKnowAChannelThatNobodyElseDoes) {
  TASKSCOPE_NEEDS_WORDS();
  const auto text = in_another_process([&] {
    std::atomic<bool> done{false};
    std::thread other([&] {
      while (!done) std::this_thread::yield();
    });
    const Look found = look_here(
        [] {
          const ts::Chan<int> lost = ts::make_chan<int>();
          ts::go("receiver", [from = ts::Receiver<int>(lost)] { from.recv(); });
        },
        1);
    done = true;
    other.join();
    return found.text();
  });
  EXPECT_EQ(text, "");
}

// ---- At random ----------------------------------------------------------------------------------

constexpr int kChans = 6;
constexpr int kEnds = 3;

// What a task of a random program has, and what it does.
struct Part {
  std::array<int, kEnds> sends{};     // channels it can send on; -1: none
  std::array<int, kEnds> receives{};  // and receive from
  int waits_for = -1;                 // the place in one of these; -1: it sleeps
  bool by_sending = false;
};

std::vector<Part> random_parts(std::mt19937& random) {
  std::array<bool, kChans> sending{};  // on each channel all wait in the same way
  for (bool& each : sending) each = random() % 2 == 0;
  std::vector<Part> parts(2 + random() % 8);
  for (Part& part : parts) {
    const auto pick = [&] { return random() % 2 == 0 ? -1 : static_cast<int>(random() % kChans); };
    for (int& end : part.sends) end = pick();
    for (int& end : part.receives) end = pick();
    if (random() % 5 == 0) continue;
    const int chan = static_cast<int>(random() % kChans);
    part.waits_for = static_cast<int>(random() % kEnds);
    part.by_sending = sending[static_cast<std::size_t>(chan)];
    auto& ends = part.by_sending ? part.sends : part.receives;
    ends[static_cast<std::size_t>(part.waits_for)] = chan;
  }
  return parts;
}

// How many can never go on, by asking again until nothing changes.
std::size_t leaked_of(const std::vector<Part>& parts) {
  std::vector<bool> alive(parts.size());
  for (bool changed = true; changed;) {
    changed = false;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      if (alive[i]) continue;
      const Part& part = parts[i];
      bool now = part.waits_for < 0;
      for (std::size_t j = 0; !now && j < parts.size(); ++j) {
        const auto& ends = part.by_sending ? parts[j].receives : parts[j].sends;
        const int chan =
            (part.by_sending ? part.sends
                             : part.receives)[static_cast<std::size_t>(part.waits_for)];
        now = alive[j] && std::find(ends.begin(), ends.end(), chan) != ends.end();
      }
      alive[i] = now;
      changed = changed || now;
    }
  }
  return static_cast<std::size_t>(std::count(alive.begin(), alive.end(), false));
}

void start(const std::vector<Part>& parts) {
  std::array<ts::Chan<int>, kChans> chans;
  for (auto& chan : chans) chan = ts::make_chan<int>();
  for (const Part& part : parts) {
    std::array<ts::Sender<int>, kEnds> sends;
    std::array<ts::Receiver<int>, kEnds> receives;
    for (std::size_t i = 0; i < kEnds; ++i) {
      if (part.sends[i] >= 0) sends[i] = chans[static_cast<std::size_t>(part.sends[i])];
      if (part.receives[i] >= 0) receives[i] = chans[static_cast<std::size_t>(part.receives[i])];
    }
    ts::go("part", [part, sends, receives] {
      if (part.waits_for < 0) {
        ts::sleep(kLong);
      } else if (part.by_sending) {
        sends[static_cast<std::size_t>(part.waits_for)].send(1);
      } else {
        receives[static_cast<std::size_t>(part.waits_for)].recv();
      }
    });
  }
}

TEST_P(FindLeaksTest, FindsInRandomProgramsWhatAskingAgainAndAgainFinds) {
  TASKSCOPE_NEEDS_WORDS();
  std::mt19937 random(workers());
  std::size_t found = 0;
  for (int round = 0; round < 60; ++round) {
    const auto parts = random_parts(random);
    const std::size_t leaked = count([&] { start(parts); }, parts.size());
    EXPECT_EQ(leaked, leaked_of(parts)) << "round " << round;
    found += leaked;
  }
  EXPECT_GT(found, 0u);
}

}  // namespace
}  // namespace taskscope
