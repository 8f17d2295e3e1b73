#include "runtime/stack/stack_pool.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstdio>

#include "runtime/stack/valgrind_stack.h"

namespace taskscope::stack {
namespace {

constexpr std::size_t kGuardBytesMax = std::size_t{1} << 20;

// Colours are multiples of a cache line, at most 1 KiB in all, so that a task with a small frame
// still fits its first page.
constexpr std::size_t kColours = 16;
constexpr std::size_t kColourBytes = 64;

std::size_t page_bytes() {
  static const std::size_t bytes = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return bytes;
}

}  // namespace

StackPool::StackPool(const StackPoolOptions& options)
    : slot_bytes_(std::bit_ceil(std::max(options.stack_bytes, 4 * page_bytes()))),
      guard_bytes_(std::clamp(slot_bytes_ / 16, page_bytes(), kGuardBytesMax)),
      guards_(options.guards) {
  std::size_t slots = std::min(options.slots_max, options.reservation_bytes_max / slot_bytes_);
  for (slots = std::max(slots, kSlotsMin); slots >= kSlotsMin; slots /= 2) {
    // One slot more, so that an aligned range fits.
    mapping_bytes_ = (slots + 1) * slot_bytes_;
    mapping_ = mmap(nullptr, mapping_bytes_, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapping_ != MAP_FAILED) break;
  }
  if (mapping_ == MAP_FAILED) return;
  slots_ = slots;
  // A huge page would cost 2 MiB where a parked task needs 4 KiB. Failure only costs memory.
  madvise(mapping_, mapping_bytes_, MADV_NOHUGEPAGE);
  madvise(mapping_, mapping_bytes_, MADV_DONTDUMP);
  const auto start = reinterpret_cast<std::uintptr_t>(mapping_);
  base_ = reinterpret_cast<char*>((start + slot_bytes_ - 1) / slot_bytes_ * slot_bytes_);
}

StackPool::~StackPool() {
  for (const unsigned stack : valgrind_stacks_) valgrind_forget(stack);
  if (mapping_ != MAP_FAILED) munmap(mapping_, mapping_bytes_);
}

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
    if (fresh_ == dumpable_) make_dumpable();
    install_guard();
    if (under_valgrind()) [[unlikely]]
      valgrind_stacks_.push_back(tell_valgrind(slot(fresh_), slot_bytes_));
    out[taken] = fresh_++;
  }
  taken_.fetch_add(taken, std::memory_order_relaxed);
  return taken;
}

void StackPool::install_guard() {
  if (guards_.install(slot(fresh_), guard_bytes_) || guards_.unguarded() > 1) return;
  std::fprintf(stderr,
               "taskscope: more than %zu stacks: this kernel can guard no more of them, so an "
               "overflow of one beyond is not noticed; raise vm.max_map_count, or use Linux 6.13\n",
               std::size_t{fresh_});
}

// Twice as many each time. Failure only costs a core dump its stacks.
void StackPool::make_dumpable() {
  const std::size_t more = std::min(std::max(dumpable_, kSlotsMin), slots_ - dumpable_);
  madvise(slot(fresh_), more * slot_bytes_, MADV_DODUMP);
  dumpable_ += more;
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
      give_memory_back_below(portion[i], slot(portion[i]) + slot_bytes_);
    }
    const base::LockGuard guard(lock_);
    free_.insert(free_.end(), portion, portion + count);
  }
}

void StackPool::give_memory_back_below(StackId stack, const void* top) {
  char* const low = slot(stack) + guard_bytes_;
  const auto at = reinterpret_cast<std::uintptr_t>(top) / page_bytes() * page_bytes();
  const auto from = reinterpret_cast<std::uintptr_t>(low);
  if (at > from) madvise(low, at - from, MADV_DONTNEED);
}

Extent StackPool::extent(StackId stack) const {
  const std::size_t colour = (stack % kColours) * kColourBytes;
  return {.low = slot(stack) + guard_bytes_, .bytes = slot_bytes_ - guard_bytes_ - colour};
}

StackId StackPool::find(const void* address) const {
  const auto at = reinterpret_cast<std::uintptr_t>(address);
  const auto low = reinterpret_cast<std::uintptr_t>(base_);
  if (at < low || at >= low + slots_ * slot_bytes_) return kNoStack;
  return static_cast<StackId>((at - low) / slot_bytes_);
}

bool StackPool::is_guard(const void* address) const {
  const StackId stack = find(address);
  if (stack == kNoStack) return false;
  return static_cast<std::size_t>(static_cast<const char*>(address) - slot(stack)) < guard_bytes_;
}

}  // namespace taskscope::stack
