#include "runtime/memory/make.h"

#include "runtime/memory/local.h"

namespace taskscope::memory {

void* allocate_array(AllocSite& site, Place place, void (*introduce)(AllocSite&, Place),
                     std::size_t bytes, Contents contents) {
  if (site.heap_header.load(std::memory_order_acquire) == 0) introduce(site, place);
  site.array_bytes.fetch_add(bytes, std::memory_order_relaxed);
  Local& local = own_local("ts::make_array");
  sched::Task& task = *sched::quick_current_thread()->task();
  const std::size_t slot =
      (bytes + kHeaderBytes + kGranuleBytes - 1) / kGranuleBytes * kGranuleBytes;
  const bool in_scope = task.arena != 0;
  if (in_scope && contents != Contents::Destructible && slot <= kArenaBytesMax) {
    return allocate_in_arena(task, slot, contents, site);
  }
  if (in_scope) {
    count_on_heap(
        site,
        contents == Contents::Destructible ? EscapeReason::NeedsDestructor : EscapeReason::TooLarge,
        bytes);
  }
  ++local.site_counts[2 * site.id];
  return allocate_any(bytes + kHeaderBytes, contents, site.heap_header.load());
}

}  // namespace taskscope::memory
