// bustle: a program that is in the middle of everything when somebody attaches to it.
//
// Tasks that wait for a channel, a mutex, a wait group, several channels and a timer, some that
// pass messages, one that computes without ever calling the runtime, and one in a long call. Says
// "ready" when all are, and goes on until its standard input ends. Then it prints how many messages
// were passed, how many had come in a wrong order, and "done".
#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "runtime/taskscope.h"

namespace {

using namespace std::chrono_literals;

std::atomic<bool> g_over{false};
std::atomic<long> g_passed{0};
std::atomic<long> g_wrong{0};

void pass_messages(const std::string& name, ts::WaitGroup& all) {
  auto there = ts::make_chan<long>();
  auto back = ts::make_chan<long>();
  all.go(name + " server", [=] {
    for (const long value : there) back.send(value + 1);
    back.close();
  });
  all.go(name + " client", [=] {
    for (long i = 0; !g_over; ++i) {
      there.send(i);
      if (back.recv() != i + 1) ++g_wrong;
      ++g_passed;
      if (i % 50 == 0) ts::sleep(1ms);  // as much as a recorder on a busy machine can take
    }
    there.close();
  });
}

void say_whether(bool heard) {
  std::puts(heard ? "heard" : "not heard");
  std::fflush(stdout);
}

// Until standard input ends, in a call that takes as long. What it is told meanwhile: 's' asks the
// recorder for a snapshot, 't' asks as a thread that is no task's, 'p' adds to a pile that waits.
void wait_for_the_end(ts::WaitGroup& waiting, const ts::Chan<int>& never) {
  ts::blocking([&] {
    char byte;
    while (::read(STDIN_FILENO, &byte, 1) > 0) {
      if (byte == 'p') waiting.go("one of a pile", [never] { never.recv(); });
      if (byte == 's') say_whether(ts::snapshot_trace("standard input says so"));
      if (byte == 't') {
        std::thread([] { say_whether(ts::snapshot_trace("a thread says so")); }).join();
      }
    }
  });
}

int bustle() {
  auto never = ts::make_chan<int>("never");
  auto neither = ts::make_chan<int>("neither");
  ts::Mutex held("held");
  ts::WaitGroup busy("busy");
  ts::WaitGroup waiting;
  held.lock();
  waiting.go("waits for a channel", [=] { never.recv(); });
  waiting.go("waits for one of two", [=] {
    std::optional<int> value;
    ts::select(ts::recv(never, value), ts::recv(neither, value));
  });
  waiting.go("waits for a mutex", [&] { const std::scoped_lock lock(held); });
  waiting.go("waits for a group", [&] { busy.wait(); });
  waiting.go("sleeps", [&] {
    while (!g_over) ts::sleep(1ms);
  });
  busy.go("computes", [] {
    while (!g_over.load(std::memory_order_relaxed)) {
    }
  });
  busy.go("spawns", [] {
    while (!g_over) {
      ts::WaitGroup children;
      for (int i = 0; i < 20; ++i) children.go("short", [] { ts::yield(); });
      children.wait();
      ts::sleep(200us);
    }
  });
  for (const char* name : {"first", "second"}) pass_messages(name, busy);
  while (g_passed < 100) ts::sleep(100us);
  std::puts("ready");
  std::fflush(stdout);
  wait_for_the_end(waiting, never);
  g_over = true;
  never.close();
  neither.close();
  held.unlock();
  busy.wait();
  waiting.wait();
  std::printf("%ld passed, %ld wrong\ndone\n", g_passed.load(), g_wrong.load());
  return 0;
}

}  // namespace

int main() { return ts::run(bustle); }
