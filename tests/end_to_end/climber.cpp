// What stacks and samples are taken of: functions that call each other, known by name and line.
//
//   climber wait TIMES       a task waits at the end of a chain of calls, started by another chain
//   climber burn ROUNDS      a task works twice so many rounds in one function, another one once
//   climber search ROUNDS    the main task works so many rounds in a function of libc
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <string>

#include "runtime/taskscope.h"

namespace climb {

// What makes a call one that is not the last thing its function does.
volatile std::uint64_t g_sink = 0;
volatile int g_zero = 0;

[[gnu::noinline]] void wait_at_the_top() {
  ts::sleep(std::chrono::microseconds(100));  // LINE: wait
  g_sink = g_sink + 1;
}
[[gnu::noinline]] void climb_higher() {
  wait_at_the_top();  // LINE: higher
  g_sink = g_sink + 1;
}
[[gnu::noinline]] void climb() {
  climb_higher();  // LINE: climb
  g_sink = g_sink + 1;
}

[[gnu::noinline]] void start_climber(ts::WaitGroup& done) {
  ts::go([&] {  // LINE: spawn
    climb();
    done.done();
  });
  g_sink = g_sink + 1;
}
[[gnu::noinline]] void send_somebody(ts::WaitGroup& done) {
  start_climber(done);  // LINE: send
  g_sink = g_sink + 1;
}

void wait(int times) {
  for (int i = 0; i < times; ++i) {
    ts::WaitGroup done;
    done.add(1);
    send_somebody(done);
    done.wait();
  }
}

[[gnu::noinline]] std::uint64_t collatz(std::uint64_t number) {
  std::uint64_t steps = 0;
  for (; number != 1; ++steps) number = number % 2 == 0 ? number / 2 : 3 * number + 1;
  return steps;
}
// A round takes some 0.1 ms.
[[gnu::noinline]] void burn_for(int rounds) {
  for (int round = 0; round < rounds; ++round) {
    for (std::uint64_t i = 1; i < 1000; ++i) g_sink = g_sink + collatz(i);
  }
}

void burn(int rounds) {
  ts::WaitGroup done;
  done.add(2);
  ts::go("hot", [&] {
    burn_for(2 * rounds);
    done.done();
  });
  ts::go("warm", [&] {
    burn_for(rounds);
    done.done();
  });
  done.wait();
}

// In a function of libc, which has no frame.
[[gnu::noinline]] void search(int rounds) {
  const std::string hay(std::size_t{1} << 16, 'a');
  for (int round = 0; round < rounds; ++round) {
    for (int i = 0; i < 40; ++i) {
      const void* const found = std::memchr(hay.data(), 'b' + g_zero, hay.size());
      g_sink = g_sink + (found == nullptr ? 0 : 1);
    }
  }
}

}  // namespace climb

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  int number = 0;
  const char* const end = argv[2] + std::strlen(argv[2]);
  if (std::from_chars(argv[2], end, number).ptr != end) return 2;
  if (std::strcmp(argv[1], "wait") == 0) return ts::run([number] { climb::wait(number); });
  if (std::strcmp(argv[1], "burn") == 0) return ts::run([number] { climb::burn(number); });
  if (std::strcmp(argv[1], "search") == 0) return ts::run([number] { climb::search(number); });
  return 2;
}
