// What of this process's memory it has written, and memory for who looks through all of that.
//
// For the copy of a process in which somebody looks for words in memory (child.h): what he writes
// down meanwhile must not be found, so it lies in mappings that are made after the list was, or are
// taken out of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <vector>

namespace taskscope::debug {

struct MemoryRange {
  std::uintptr_t first = 0;
  std::uintptr_t end = 0;
};

// The mappings that can be read, and written or once could be, ascending; without those of devices
// and the rings of a trace. False if the list could not be read.
bool written_memory(std::pmr::vector<MemoryRange>& ranges);

// Takes the `holes` out of the ranges.
void leave_out(std::pmr::vector<MemoryRange>& ranges, std::pmr::vector<MemoryRange>& holes);

// Mappings of its own; gives nothing back before the process ends.
class MappedMemory final : public std::pmr::memory_resource {
 public:
  // Calls `visit(range)` with what it has mapped.
  template <class Visit>
  void each(Visit visit) const {
    for (const Block* block = blocks_; block != nullptr; block = block->next) {
      const auto first = reinterpret_cast<std::uintptr_t>(block);
      visit(MemoryRange{first, first + block->bytes});
    }
  }

 private:
  struct alignas(std::max_align_t) Block {
    Block* next;
    std::size_t bytes;
  };

  void* do_allocate(std::size_t bytes, std::size_t alignment) override;
  void do_deallocate(void*, std::size_t, std::size_t) override {}
  bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }

  Block* blocks_ = nullptr;
  char* at_ = nullptr;
  std::size_t left_ = 0;
};

}  // namespace taskscope::debug
