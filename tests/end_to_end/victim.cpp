// victim: a traced program that ends, or does not end, the way its argument says.
//
// Before that it starts 1,000 tasks that come to their end, so that a test can count what a
// recording kept: with the main task 1,001, of which 1,000 are done.
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <stdexcept>
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

// For tests that do something to this program: says that it is time, and goes on for ever.
[[noreturn]] void wait_for_the_end() {
  std::puts("ready");
  std::fflush(stdout);
  while (true) ts::sleep(std::chrono::milliseconds(1));
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
  if (ending == "wait") wait_for_the_end();
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
