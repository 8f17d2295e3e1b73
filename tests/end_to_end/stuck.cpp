// A program whose tasks wait for each other in known places, for debuggers to look at.
//
//   stuck wait    says "ready" and goes on waiting
//   stuck abort   dies by SIGABRT
//   stuck quit    sends itself SIGQUIT
//   stuck exit    ends when the task that computes has done so for a while
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "runtime/taskscope.h"

namespace {

// Stands after a call so that it is no tail call.
void keep_frame() { asm volatile(""); }

[[gnu::noinline]] void read_requests(const ts::Chan<int>& requests) {
  const int local = 4711;
  requests.recv();
  keep_frame();
  static_cast<void>(local);
}

[[gnu::noinline]] void take(ts::Mutex& books) {
  books.lock();
  keep_frame();
}

std::atomic<bool> g_computes{false};
std::atomic<bool> g_enough{false};

[[gnu::noinline]] void compute(bool for_ever) {
  g_computes = true;
  for (std::uint64_t i = 0; for_ever || i < 200'000'000; ++i) asm volatile("");
  g_enough = true;
  keep_frame();
}

// Tasks that wait, by the program's own account.
std::size_t waiting() {
  const std::string text = ts::dump_tasks();
  std::size_t count = 0;
  for (const char* each : {"3 tasks [chan recv", "\"writer\" [mutex", "\"boss\" [wait_group"}) {
    if (text.find(each) != std::string::npos) count += each[0] == '3' ? 3 : 1;
  }
  return count;
}

void end_by(std::string_view what) {
  while (what == "exit" && !g_enough) ts::yield();
  if (what == "exit") return;
  if (what == "abort") std::abort();
  if (what == "quit") kill(getpid(), SIGQUIT);
  std::puts("ready");
  std::fflush(stdout);
  ts::blocking_long([] { pause(); });
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 1;
  return ts::run(
      [what = std::string_view(argv[1])] {
        const auto requests = ts::make_chan<int>("requests");
        const auto results = ts::make_chan<int>("results", 4);
        results.send(10);
        results.send(20);
        ts::Mutex books("books");
        books.lock();
        ts::WaitGroup group("workers");
        group.add(3);
        for (int i = 0; i < 3; ++i) ts::go("reader", [&] { read_requests(requests); });
        ts::go("writer", [&] { take(books); });
        ts::go("boss", [&] { group.wait(); });
        ts::go("thinker", [what] { compute(what != "exit"); });
        while (!g_computes) ts::yield();
        // All the others, and this one asks.
        while (waiting() < 5) ts::yield();
        end_by(what);
      },
      {.workers = 2});
}
