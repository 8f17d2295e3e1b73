// fan_out: several tasks receive from one channel, and each value goes to whoever is free.
//
// Use it where one source feeds work that can be done side by side: nobody deals out shares in
// advance, so a dear value delays one task and not a fixed part of the rest. Here strips of the
// Mandelbrot set are computed; those in its middle take a hundred times as long as those at the
// edge, and still all tasks end at about the same time.
//
// The channel is closed by the one who sends, which ends the loops of all who receive. What each
// task writes is its own element of a vector, so there is nothing to lock.
#include <complex>
#include <cstdio>
#include <string>
#include <vector>

#include "runtime/taskscope.h"

namespace {

constexpr int kStrips = 96;
constexpr int kColumns = 96;
constexpr int kTasks = 4;
constexpr int kStepsMax = 400;

int steps_at(std::complex<double> c) {
  std::complex<double> z = 0;
  int steps = 0;
  while (steps < kStepsMax && std::norm(z) < 4) {
    z = z * z + c;
    ++steps;
  }
  return steps;
}

long strip(int number) {
  long sum = 0;
  for (int column = 0; column < kColumns; ++column) {
    sum += steps_at({-2.2 + 3.0 * column / kColumns, -1.2 + 2.4 * number / kStrips});
  }
  return sum;
}

std::vector<long> compute_all() {
  std::vector<long> sums(kStrips);
  const auto strips = ts::make_chan<int>("strips");
  ts::Scope tasks;
  for (int i = 1; i <= kTasks; ++i) {
    tasks.go("painter " + std::to_string(i), [&, from = ts::Receiver<int>(strips)] {
      for (const int number : from) sums[static_cast<std::size_t>(number)] = strip(number);
    });
  }
  for (int number = 0; number < kStrips; ++number) strips.send(number);
  strips.close();
  tasks.wait();
  return sums;
}

}  // namespace

int main() {
  return ts::run([] {
    const std::vector<long> sums = compute_all();
    bool right = true;
    long total = 0;
    for (int number = 0; number < kStrips; ++number) {
      right = right && sums[static_cast<std::size_t>(number)] == strip(number);
      total += sums[static_cast<std::size_t>(number)];
    }
    std::printf("%d strips, %ld thousand steps\n", kStrips, total / 1000);
    if (!right) std::fprintf(stderr, "fan_out: without tasks the strips are others\n");
    return right ? 0 : 1;
  });
}
