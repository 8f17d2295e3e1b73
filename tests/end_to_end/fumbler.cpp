// A program for memory checkers.
//
//   fumbler clean   tasks that wait, throw and recurse; nothing is wrong
//   fumbler read    a task reads behind a block of memory that it has
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string_view>

#include "runtime/taskscope.h"

namespace {

[[gnu::noinline]] int recurse(int depth) {
  volatile char frame[200] = {};
  if (depth == 0) throw std::runtime_error("deep enough");
  return recurse(depth - 1) + frame[7];
}

[[gnu::noinline]] int read_behind(const int* numbers) {
  asm volatile("" : "+r"(numbers));
  return numbers[8];
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 1;
  const bool clean = std::string_view(argv[1]) == "clean";
  return ts::run(
      [clean] {
        const auto numbers = ts::make_chan<int>();
        ts::WaitGroup group;
        for (int i = 0; i < 20; ++i) {
          group.go([&] {
            try {
              numbers.recv();
              recurse(30);
            } catch (const std::runtime_error&) {
              ts::yield();
            }
          });
        }
        for (int i = 0; i < 20; ++i) numbers.send(i);
        group.wait();
        if (clean) return 0;
        ts::Future<int> read = ts::async("reader", [] {
          const auto block = std::make_unique<int[]>(8);
          ts::yield();
          return read_behind(block.get());
        });
        std::printf("%d\n", read.get());
        return 0;
      },
      {.workers = 2});
}
