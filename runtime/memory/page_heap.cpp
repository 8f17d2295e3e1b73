#include "runtime/memory/page_heap.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <string>

#include "runtime/base/check.h"
#include "runtime/memory/address_space.h"
#include "runtime/sched/fatal.h"

namespace taskscope::memory {
namespace {

bool test(const std::uint64_t* bits, std::uint32_t at) {
  return (bits[at / 64] >> at % 64 & 1) != 0;
}
void set(std::uint64_t* bits, std::uint32_t at) { bits[at / 64] |= std::uint64_t{1} << at % 64; }
void clear(std::uint64_t* bits, std::uint32_t at) {
  bits[at / 64] &= ~(std::uint64_t{1} << at % 64);
}

}  // namespace

constinit PageHeap g_pages;

void PageHeap::reserve() {
  reserve_address_space();
  const std::size_t bytes = g_space.bytes / kSpanBytes / 8;
  free_ = static_cast<std::uint64_t*>(map_description(bytes));
  backed_ = static_cast<std::uint64_t*>(map_description(bytes));
  idle_ = static_cast<std::uint64_t*>(map_description(bytes));
}

// The first of `count` free spans in a row below fresh_, or 0.
std::uint32_t PageHeap::find(std::uint32_t count) {
  if (free_count_ < count) return 0;
  std::uint32_t in_a_row = 0;
  for (std::uint32_t at = first_free_; at < fresh_;) {
    if (at % 64 == 0 && free_[at / 64] == 0) {
      in_a_row = 0;
      at += 64;
    } else if (!test(free_, at)) {
      in_a_row = 0;
      ++at;
    } else if (++in_a_row, ++at; in_a_row == count) {
      return at - count;
    }
  }
  return 0;
}

std::uint32_t PageHeap::take(std::uint32_t count, bool& zeroed) {
  const base::LockGuard guard(lock_);
  if (free_ == nullptr) reserve();
  std::uint32_t first = find(count);
  zeroed = true;
  if (first == 0) {
    first = fresh_;
    if ((std::size_t{fresh_} + count) * kSpanBytes > g_space.bytes) {
      sched::fatal("collected memory is used up: all of its " +
                   std::to_string(g_space.bytes >> 30) +
                   " GiB of addresses are taken; see ts::escape_stats() for what makes so many "
                   "objects, and let go of handles that are not needed");
    }
    open_spans(fresh_ + count);
    fresh_ += count;
    return first;
  }
  for (std::uint32_t span = first; span < first + count; ++span) {
    clear(free_, span);
    clear(idle_, span);
    if (!test(backed_, span)) continue;
    clear(backed_, span);
    --backed_free_;
    zeroed = false;
  }
  free_count_ -= count;
  if (first == first_free_) first_free_ = first + count;
  return first;
}

void PageHeap::give_back(std::uint32_t first, std::uint32_t count) {
  const base::LockGuard guard(lock_);
  for (std::uint32_t span = first; span < first + count; ++span) {
    set(free_, span);
    set(backed_, span);
  }
  free_count_ += count;
  backed_free_ += count;
  first_free_ = std::min(first_free_, first);
}

void PageHeap::scavenge(std::size_t keep) {
  const base::LockGuard guard(lock_);
  if (free_ == nullptr) return;
  // From the top: low addresses are handed out first.
  for (std::uint32_t at = fresh_; at > 1 && backed_free_ > keep;) {
    std::uint32_t span = --at;
    if (!test(backed_, span) || !test(idle_, span)) continue;
    const std::uint32_t end = span + 1;
    clear(backed_, span);
    while (span > 1 && test(backed_, span - 1) && test(idle_, span - 1)) clear(backed_, --span);
    madvise(g_space.start_of(span), (end - span) * kSpanBytes, MADV_DONTNEED);
    backed_free_ -= end - span;
    given_ += end - span;
    at = span;
  }
  std::copy_n(backed_, fresh_ / 64 + 1, idle_);
}

PageHeapStats PageHeap::stats() {
  const base::LockGuard guard(lock_);
  return {.taken = fresh_ - 1 - free_count_, .free = backed_free_, .given = given_};
}

}  // namespace taskscope::memory
