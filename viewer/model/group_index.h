// How many of a group's tasks were in which state, summed over any stretch of time, exactly.
//
// The sum of its members' tracks, kept as breakpoints (an instant and the classes that a task left
// and entered) with, for every block of 64, the counts and the times per class before it.
// Immutable after construction; usable from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "viewer/model/track.h"

namespace taskscope::viewer {

class GroupIndex {
 public:
  GroupIndex() = default;
  explicit GroupIndex(const std::vector<const Track*>& members);

  bool empty() const { return breaks_.empty(); }
  // Task-nanoseconds per class before `ns`, exact.
  ClassTimes times_before(std::int64_t ns) const;
  // Most tasks that had a span at one instant.
  std::uint32_t alive_max() const { return alive_max_; }

  // Mixture cells whose shares are in 1/255 of alive_max() tasks over the column's time.
  std::vector<Cell> cells(const ColumnGrid& grid, std::int64_t first, std::int64_t last) const;

 private:
  static constexpr std::uint8_t kNothing = kStateClasses;
  struct Break {
    std::int64_t ns;
    std::uint8_t left;  // class, or kNothing
    std::uint8_t entered;
  };
  struct Block {
    ClassTimes times{};  // before the block's first break
    std::array<std::int32_t, kStateClasses> counts{};
  };
  ClassTimes walk(std::size_t next, std::int64_t ns) const;

  // Constant after construction.
  std::vector<Break> breaks_;  // by ns
  std::vector<Block> blocks_;
  std::uint32_t alive_max_ = 0;
};

}  // namespace taskscope::viewer
