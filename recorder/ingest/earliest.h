// Which of many queues has the smallest key: a winner tree (Knuth, The Art of Computer Programming,
// volume 3, 5.4.1).
//
// A key is replaced in log2(n) steps without a branch that depends on the keys, so that a processor
// need not guess which queue comes next: of a merge, it guesses wrong nearly every time. Plain
// value; one thread at a time.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace taskscope::ingest {

class Earliest {
 public:
  // All keys anew; they are then known by their place. REQUIRES: at least one.
  void reset(std::span<const std::uint64_t> keys) {
    leaves_ = std::bit_ceil(keys.size());
    keys_.assign(2 * leaves_, ~std::uint64_t{0});
    std::copy(keys.begin(), keys.end(), keys_.begin() + static_cast<std::ptrdiff_t>(leaves_));
    for (std::size_t i = leaves_; i-- > 1;) keys_[i] = std::min(keys_[2 * i], keys_[2 * i + 1]);
  }

  // Returns what is now the smallest key.
  std::uint64_t replace(std::size_t place, std::uint64_t key) {
    std::uint64_t* const keys = keys_.data();
    std::size_t i = leaves_ + place;
    keys[i] = key;
    while (i > 1) {
      key = std::min(key, keys[i ^ 1]);
      i >>= 1;
      keys[i] = key;
    }
    return key;
  }

  // The smallest key. A key should say whose it is.
  std::uint64_t key() const { return keys_[1]; }

 private:
  std::size_t leaves_ = 0;           // a power of two
  std::vector<std::uint64_t> keys_;  // of node i the smaller one of nodes 2i and 2i + 1
};

}  // namespace taskscope::ingest
