#include "runtime/stack/stack_pool.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>

#include "runtime/base/check.h"

namespace taskscope::stack {
namespace {

constexpr std::size_t kSlotsMin = 256;

// Colours are multiples of a cache line, at most 1 KiB in all, so that a task with a small frame
// still fits its first page.
constexpr std::size_t kColours = 16;
constexpr std::size_t kColourBytes = 64;

std::size_t page_bytes() {
  static const std::size_t bytes = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return bytes;
}

}  // namespace

StackPool::StackPool(std::size_t slots_max) {
  for (slots_ = slots_max; slots_ >= kSlotsMin; slots_ /= 2) {
    // One slot more, so that an aligned range fits.
    mapping_bytes_ = (slots_ + 1) * kSlotBytes;
    mapping_ = mmap(nullptr, mapping_bytes_, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapping_ != MAP_FAILED) break;
  }
  TASKSCOPE_CHECK(mapping_ != MAP_FAILED);
  // A huge page would cost 2 MiB where a parked task needs 4 KiB. Failure only costs memory.
  madvise(mapping_, mapping_bytes_, MADV_NOHUGEPAGE);
  const auto start = reinterpret_cast<std::uintptr_t>(mapping_);
  base_ = reinterpret_cast<char*>((start + kSlotBytes - 1) / kSlotBytes * kSlotBytes);
}

StackPool::~StackPool() { munmap(mapping_, mapping_bytes_); }

std::size_t StackPool::take(StackId* out, std::size_t count) {
  const base::LockGuard guard(lock_);
  std::size_t taken = 0;
  for (; taken < count && !warm_.empty(); ++taken) {
    out[taken] = warm_.back();
    warm_.pop_back();
  }
  warm_unused_ = std::min(warm_unused_, warm_.size());
  for (; taken < count && !free_.empty(); ++taken) {
    out[taken] = free_.back();
    free_.pop_back();
  }
  for (; taken < count && fresh_ < slots_; ++taken) {
    guards_.install(slot(fresh_), page_bytes());
    out[taken] = fresh_++;
  }
  taken_.fetch_add(taken, std::memory_order_relaxed);
  return taken;
}

void StackPool::give_back(const StackId* stacks, std::size_t count) {
  const base::LockGuard guard(lock_);
  warm_.insert(warm_.end(), stacks, stacks + count);
  taken_.fetch_sub(count, std::memory_order_relaxed);
}

void StackPool::age(Keep keep) {
  constexpr std::size_t kPortion = 64;
  std::size_t left = 0;
  {
    const base::LockGuard guard(lock_);
    const std::size_t surplus = warm_.size() > kWarmMin ? warm_.size() - kWarmMin : 0;
    left = keep == Keep::Little ? surplus : std::min(surplus, (warm_unused_ + 1) / 2);
    warm_unused_ = warm_.size();
  }
  StackId portion[kPortion];
  for (std::size_t count = kPortion; left > 0 && count == kPortion; left -= count) {
    count = std::min(kPortion, left);
    {
      const base::LockGuard guard(lock_);
      count = std::min(count, warm_.size());
      std::copy_n(warm_.begin(), count, portion);
      warm_.erase(warm_.begin(), warm_.begin() + static_cast<std::ptrdiff_t>(count));
      warm_unused_ = std::min(warm_unused_, warm_.size());
    }
    for (std::size_t i = 0; i < count; ++i) {
      madvise(slot(portion[i]) + page_bytes(), kSlotBytes - page_bytes(), MADV_DONTNEED);
    }
    const base::LockGuard guard(lock_);
    free_.insert(free_.end(), portion, portion + count);
  }
}

Extent StackPool::extent(StackId stack) const {
  const std::size_t colour = (stack % kColours) * kColourBytes;
  const std::size_t page = page_bytes();
  return {.low = slot(stack) + page, .bytes = kSlotBytes - page - colour};
}

bool StackPool::is_guard(const void* address) const {
  const auto at = reinterpret_cast<std::uintptr_t>(address);
  const auto low = reinterpret_cast<std::uintptr_t>(base_);
  if (at < low || at >= low + slots_ * kSlotBytes) return false;
  return (at - low) % kSlotBytes < page_bytes();
}

}  // namespace taskscope::stack
