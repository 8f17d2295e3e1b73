// prime_sieve: a chain of tasks, each of which takes the multiples of one prime out of what passes.
//
//   2, 3, 4, … ──▶ not by 2 ──▶ not by 3 ──▶ not by 5 ──▶ …
//
// Nobody would find primes this way in earnest; it is the classic test piece for channels (Hoare's
// CSP, Go's playground), because the program builds its own pipeline as it runs and a number passes
// through as many tasks as it is hard to divide: 300 primes take 48,648 messages. Use the shape
// where stages are added while the data flows.
//
// Each stage ends when its context does; the scope waits for all of them.
#include <cstdio>
#include <string>
#include <vector>

#include "runtime/examples/command_line.h"
#include "runtime/taskscope.h"

namespace {

ts::Receiver<int> numbers_from_2(ts::Scope& chain) {
  const auto numbers = ts::make_chan<int>("numbers");
  chain.go("numbers", [numbers](const ts::Context& ctx) {
    for (int i = 2; numbers.send(ctx, i); ++i) {
    }
  });
  return numbers;
}

// What is left of `from` without the multiples of `prime`.
ts::Receiver<int> filter(ts::Scope& chain, const ts::Receiver<int>& from, int prime) {
  const auto rest = ts::make_chan<int>("rest");
  chain.go("not by " + std::to_string(prime), [from, rest, prime](const ts::Context& ctx) {
    for (const int number : ts::or_done(ctx, from)) {
      if (number % prime != 0 && !rest.send(ctx, number)) return;
    }
  });
  return rest;
}

std::vector<int> primes(int count) {
  std::vector<int> found;
  ts::Scope chain;
  ts::Receiver<int> candidates = numbers_from_2(chain);
  while (static_cast<int>(found.size()) < count) {
    const int prime = *candidates.recv();
    found.push_back(prime);
    candidates = filter(chain, candidates, prime);
  }
  chain.cancel();
  return found;
}

bool is_prime(int number) {
  for (int divisor = 2; divisor * divisor <= number; ++divisor) {
    if (number % divisor == 0) return false;
  }
  return number > 1;
}

}  // namespace

int main(int argc, char** argv) {
  int count = 60;
  if (!examples::parse_options(argc, argv, {{.name = "--primes", .number = &count}})) return 2;
  return ts::run([&] {
    const std::vector<int> found = primes(count);
    std::printf("%d primes, the last is %d\n", count, found.back());
    std::size_t next = 0;
    for (int number = 2; number <= found.back(); ++number) {
      if (is_prime(number) && (next == found.size() || found[next++] != number)) return 1;
    }
    return next == found.size() ? 0 : 1;
  });
}
