// victim: a traced program that ends, or does not end, the way its argument says.
//
// Before that it starts 1,000 tasks that come to their end, so that a test can count what a
// recording kept: with the main task 1,001, of which 1,000 are done.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <string_view>

#include "runtime/taskscope.h"

namespace {

void run_tasks(int count) {
  ts::WaitGroup all;
  all.add(count);
  for (int i = 0; i < count; ++i) {
    ts::go("short", [&all] {
      ts::yield();
      all.done();
    });
  }
  all.wait();
}

// Says all that a program can say about itself.
int annotate() {
  ts::counter rounds("rounds", "times");
  ts::WaitGroup all;
  for (int i = 0; i < 10; ++i) {
    ts::set_label("round", std::to_string(i));
    all.go([&] {
      const ts::region work("work");
      ts::log("victim", "in round " + ts::label("round").value_or("?"));
      rounds.add(1);
    });
  }
  all.wait();
  return 0;
}

// For tests that do something to this program: says that it is time, and goes on for ever.
[[noreturn]] void wait_for_the_end() {
  std::puts("ready");
  std::fflush(stdout);
  while (true) ts::sleep(std::chrono::milliseconds(1));
}

// Starts a task and waits for it, again and again, and says how often in the file "count": for
// tests that end this program, or its recorder, at any moment.
int count_for_ever() {
  const int fd = ::open("count", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0 || ::ftruncate(fd, sizeof(std::uint64_t)) != 0) return 1;
  void* const shared =
      ::mmap(nullptr, sizeof(std::uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (shared == MAP_FAILED) return 1;
  std::puts("ready");
  std::fflush(stdout);
  const std::atomic_ref count(*static_cast<std::uint64_t*>(shared));
  for (;;) {
    for (int i = 0; i < 50; ++i) {
      run_tasks(1);
      count.fetch_add(1, std::memory_order_release);
    }
    ts::sleep(std::chrono::milliseconds(1));  // as much as a recorder on a busy machine can take
  }
}

void write_to_nowhere() {
  volatile int* nowhere = nullptr;
  *nowhere = 1;
}

int fork_a_child(const char* program, const char* child_ending) {
  const pid_t child = ::fork();
  if (child < 0) return 1;
  if (child == 0) {
    if (child_ending != nullptr) ::execl(program, program, child_ending, nullptr);
    ::_exit(child_ending != nullptr ? 127 : 5);
  }
  int status = 0;
  if (::waitpid(child, &status, 0) != child || !WIFEXITED(status)) return 1;
  run_tasks(1000);
  return WEXITSTATUS(status);
}

int end_as(std::string_view ending, const char* program) {
  if (ending == "exit-7") return 7;
  if (ending == "annotate") return annotate();
  if (ending == "wait") wait_for_the_end();
  if (ending == "count") return count_for_ever();
  if (ending == "segv") write_to_nowhere();
  if (ending == "kill") std::raise(SIGKILL);
  if (ending == "panic") throw std::runtime_error("the victim throws");
  if (ending == "deadlock") ts::make_chan<int>().recv();
  if (ending == "fork") return fork_a_child(program, nullptr);
  if (ending == "fork-exec") return fork_a_child(program, "exit-7");
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  return ts::run([&] {
    run_tasks(1000);
    return end_as(argv[1], argv[0]);
  });
}
