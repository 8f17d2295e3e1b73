// bounded_parallelism: a function of every element of a list, so many at once, results in order.
//
// Use ts::parallel_map (or ts::parallel_for, where there is nothing to return) for lists that are
// known: it deals the elements out to a few tasks, so that a list of a million does not become a
// million tasks (mistakes/task_per_item.cpp). For calculations as many tasks as there are workers
// are enough, which is the default; functions that wait want more, as they leave their worker to
// others. The first exception ends it all and is thrown to the caller.
//
// Here the pieces of a file get their check sums. An empty piece cannot be read.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>

#include "runtime/taskscope.h"

namespace {

constexpr std::size_t kPieces = 200;
constexpr std::size_t kAtOnce = 6;

std::vector<std::string> make_pieces() {
  std::vector<std::string> pieces;
  for (std::size_t i = 0; i < kPieces; ++i) {
    pieces.push_back(std::string(64 + i % 7, static_cast<char>('a' + i % 26)));
  }
  return pieces;
}

// Adler-32, and the most calls that were at work at once.
class Summer {
 public:
  std::uint32_t sum(const ts::Context& ctx, const std::string& piece) {
    const std::size_t now = ++at_work_;
    std::size_t most = most_.load();
    while (most < now && !most_.compare_exchange_weak(most, now)) {
    }
    const bool read = ts::sleep(ctx, std::chrono::microseconds(100)) && !piece.empty();
    --at_work_;
    if (!read) throw std::runtime_error("a piece cannot be read");
    return adler32(piece);
  }
  static std::uint32_t adler32(const std::string& text) {
    std::uint32_t a = 1;
    std::uint32_t b = 0;
    for (const char c : text) {
      a = (a + static_cast<unsigned char>(c)) % 65521;
      b = (b + a) % 65521;
    }
    return b << 16 | a;
  }
  std::size_t most() const { return most_; }

 private:
  std::atomic<std::size_t> at_work_{0};
  std::atomic<std::size_t> most_{0};
};

}  // namespace

int main() {
  return ts::run([] {
    Summer summer;
    const auto sum = [&](const ts::Context& ctx, const std::string& piece) {
      return summer.sum(ctx, piece);
    };
    std::vector<std::string> pieces = make_pieces();
    const std::vector<std::uint32_t> sums =
        ts::parallel_map(pieces, {.tasks_max = kAtOnce, .chunk = 1}, sum);
    bool right = sums.size() == kPieces && summer.most() <= kAtOnce;
    for (std::size_t i = 0; i < kPieces; ++i) right &= sums[i] == Summer::adler32(pieces[i]);
    std::printf("%zu sums in order, %s %zu at once\n", sums.size(),
                summer.most() <= kAtOnce ? "at most" : "more than", kAtOnce);

    pieces[kPieces / 2].clear();
    try {
      ts::parallel_map(pieces, {.tasks_max = kAtOnce, .chunk = 1}, sum);
      right = false;
    } catch (const std::runtime_error& error) {
      std::printf("and one that fails ends all: %s\n", error.what());
    }
    return right ? 0 : 1;
  });
}
