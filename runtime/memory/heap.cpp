#include "runtime/memory/heap.h"

#include <bit>

#include "runtime/base/check.h"
#include "runtime/base/sanitizer.h"
#include "runtime/memory/collector.h"
#include "runtime/memory/gc_events.h"
#include "runtime/memory/page_heap.h"
#include "runtime/memory/settings.h"

namespace taskscope::memory {
namespace {

// Which granule of its span the object in a slot begins at.
std::uint32_t granule_of(const Span& span, std::uint32_t slot) {
  return 1 + slot * (span.slot_bytes / kGranuleBytes);
}

std::uint64_t marks_word(const std::uint8_t* marks, std::uint32_t word) {
  std::uint64_t value;
  std::memcpy(&value, marks + word * sizeof value, sizeof value);
  return value;
}

// The first slot from `from` on that is marked, or the number of slots.
std::uint32_t next_marked(const Span& span, const std::uint8_t* marks, std::uint32_t from) {
  const std::uint32_t at = granule_of(span, from);
  constexpr std::uint32_t kWords = kMarkBytes / 8;
  std::uint32_t word = at / 64;
  if (word >= kWords) return span.slots;
  std::uint64_t bits = marks_word(marks, word) & ~std::uint64_t{0} << at % 64;
  while (bits == 0) {
    if (++word == kWords) return span.slots;
    bits = marks_word(marks, word);
  }
  const auto granule = word * 64 + static_cast<std::uint32_t>(std::countr_zero(bits));
  return (granule - 1) / (span.slot_bytes / kGranuleBytes);
}

// The next run of free slots of the span, from free_index on. False: there is none.
bool next_run(std::uint32_t index, Run& run) {
  Span& span = g_space.spans[index];
  const std::uint8_t* const marks = g_space.marks[g_space.marked] + index * kMarkBytes;
  std::uint32_t slot = span.free_index;
  const auto is_marked = [&](std::uint32_t at) {
    const std::uint32_t granule = granule_of(span, at);
    return (marks[granule / 8] >> granule % 8 & 1) != 0;
  };
  while (slot < span.slots && is_marked(slot)) ++slot;
  if (slot >= span.slots) {
    span.free_index = span.slots;
    return false;
  }
  const std::uint32_t end = next_marked(span, marks, slot);
  span.free_index = end;
  char* const first = g_space.start_of(index) + kFirstSlot;
  run = {first + std::size_t{slot} * span.slot_bytes, first + std::size_t{end} * span.slot_bytes};
  return true;
}

std::uint32_t take_partial(std::size_t list) {
  CentralList& central = g_central[list];
  const base::LockGuard guard(central.lock);
  const std::uint32_t index = central.first;
  if (index != 0) central.first = g_space.spans[index].next;
  return index;
}

std::uint32_t new_small_span(std::size_t list) {
  bool zeroed = false;
  const std::uint32_t index = g_pages.take(1, zeroed);
  const auto contents = static_cast<Contents>(list % kContents);
  // Headers tell what of a span is an object whose destructor is due.
  if (!zeroed && contents == Contents::Destructible) {
    std::memset(g_space.start_of(index), 0, kSpanBytes);
  }
  if (contents == Contents::Destructible) base::annotate_owner(g_space.start_of(index), kSpanBytes);
  Span& span = g_space.spans[index];
  span = Span{};
  span.list = static_cast<std::uint8_t>(list);
  span.scanned = contents != Contents::Plain;
  span.destroyed = contents == Contents::Destructible;
  span.slot_bytes = slot_bytes_of(list);
  span.slots = slots_of(list);
  span.divisor = static_cast<std::uint32_t>(((std::uint64_t{1} << 32) + span.slot_bytes - 1) /
                                            span.slot_bytes);
  span.kind = SpanKind::Small;
  std::memset(g_space.marks[g_space.marked] + index * kMarkBytes, 0, kMarkBytes);
  return index;
}

void count_bytes(std::size_t bytes) {
  g_heap.since.fetch_add(static_cast<std::int64_t>(bytes), std::memory_order_relaxed);
}

void refill(Local& local, std::size_t list) {
  const BusySection busy(local);
  ++local.refills;
  Run& run = local.runs[list];
  std::uint32_t index = local.run_spans[list];
  while (index == 0 || !next_run(index, run)) {
    index = take_partial(list);
    if (index == 0) index = new_small_span(list);
    local.run_spans[list] = index;
  }
  const auto bytes = static_cast<std::size_t>(run.end - run.cursor);
  if (settings().poison) std::memset(run.cursor, 0, bytes);
  count_bytes(bytes);
}

// As fill_slot, of any size.
void* take_slot(Run& run, std::size_t bytes, Contents contents, std::uint64_t header) {
  char* const slot = run.cursor;
  std::memcpy(slot, &header, sizeof header);
  if (contents != Contents::Plain) std::memset(slot + kHeaderBytes, 0, bytes - kHeaderBytes);
  asm volatile("" : : "r"(slot) : "memory");
  *const_cast<char* volatile*>(&run.cursor) = slot + bytes;
  return slot + kHeaderBytes;
}

}  // namespace

constinit HeapCounters g_heap;
constinit CentralList g_central[kLists];

void* allocate_from_list(std::size_t list, std::uint64_t header) {
  static_assert(kLists <= 256, "Span::list has 8 bits");
  tell_heap_now_and_then();
  Local& local = own_local("ts::make");
  collect_if_due(local);
  refill(local, list);
  return take_slot(local.runs[list], slot_bytes_of(list), static_cast<Contents>(list % kContents),
                   header);
}

void* allocate_large(std::size_t bytes, Contents contents, std::uint64_t header) {
  tell_heap_now_and_then();
  Local& local = own_local("ts::make");
  collect_if_due(local);
  const BusySection busy(local);
  bool zeroed = false;
  const auto count = static_cast<std::uint32_t>((bytes + kFirstSlot + kSpanBytes - 1) / kSpanBytes);
  const std::uint32_t first = g_pages.take(count, zeroed);
  char* const start = g_space.start_of(first);
  if (!zeroed) std::memset(start, 0, std::size_t{count} * kSpanBytes);
  for (std::uint32_t index = first; index < first + count; ++index) {
    Span& span = g_space.spans[index];
    span = Span{};
    span.kind = index == first ? SpanKind::Large : SpanKind::Rest;
    span.count = index == first ? count : first;
    span.scanned = contents != Contents::Plain;
    span.destroyed = contents == Contents::Destructible;
  }
  if (contents == Contents::Destructible) base::annotate_owner(start, count * kSpanBytes);
  std::memset(g_space.marks[g_space.marked] + first * kMarkBytes, 0, kMarkBytes);
  std::memcpy(start + kFirstSlot, &header, sizeof header);
  count_bytes(std::size_t{count} * kSpanBytes);
  return start + kGranuleBytes;
}

void* allocate_any(std::size_t bytes, Contents contents, std::uint64_t header) {
  if (bytes > kSmallBytesMax) return allocate_large(bytes, contents, header);
  const std::size_t list = list_of(bytes, contents);
  Local* const local = quick_local();
  Run& run = local->runs[list];
  const std::size_t slot_bytes = slot_bytes_of(list);
  char* const slot = run.cursor;
  if (static_cast<std::size_t>(run.end - slot) < slot_bytes) {
    return allocate_from_list(list, header);
  }
  return take_slot(run, slot_bytes, contents, header);
}

std::uint32_t take_block(Local& local) {
  std::uint32_t index;
  if (local.block_count != 0) {
    index = local.blocks[--local.block_count];
  } else {
    bool zeroed = false;
    index = g_pages.take(1, zeroed);
    count_bytes(kSpanBytes);
  }
  g_space.spans[index] = Span{};
  g_space.spans[index].kind = SpanKind::Arena;
  g_space.spans[index].arena_start = kFirstSlot;
  g_space.spans[index].scanned = true;
  return index;
}

void give_block_back(Local& local, std::uint32_t block) {
  if (settings().poison) std::memset(g_space.start_of(block), kPoison, kSpanBytes);
  g_space.spans[block].kind = SpanKind::Free;
  if (local.block_count < Local::kBlocksMax) {
    local.blocks[local.block_count++] = block;
  } else {
    g_pages.give_back(block, 1);
    g_heap.since.fetch_sub(kSpanBytes, std::memory_order_relaxed);
  }
}

// ---- The collector's ----------------------------------------------------------------------------

void empty_locals(std::uint32_t marks_to_write) {
  for (Local* local = first_local(); local != nullptr; local = local->next) {
    for (std::size_t list = 0; list < kLists; ++list) {
      Run& run = local->runs[list];
      if (run.cursor != run.end) {
        // Its thread may hold the slot at the cursor: nobody else is to get it before the next
        // collection.
        Span& span = g_space.span_of(run.cursor);
        const auto offset =
            static_cast<std::size_t>(run.cursor - g_space.start_of(g_space.index_of(run.cursor))) -
            kFirstSlot;
        span.free_index = static_cast<std::uint32_t>(offset / span.slot_bytes);
        g_space.set(marks_to_write, run.cursor + kHeaderBytes);
      }
      run = {};
      local->run_spans[list] = 0;
    }
    local->tail = 0;
    // Blocks that nobody needs now.
    while (local->block_count > Local::kBlocksMax / 4) {
      g_pages.give_back(local->blocks[--local->block_count], 1);
    }
  }
}

namespace {

std::uint32_t count_marked(std::uint32_t index) {
  const std::uint8_t* const marks = g_space.marks[g_space.marked] + index * kMarkBytes;
  std::uint32_t count = 0;
  for (std::uint32_t word = 0; word < kMarkBytes / 8; ++word) {
    count += static_cast<std::uint32_t>(std::popcount(marks_word(marks, word)));
  }
  return count;
}

void poison_free_slots(std::uint32_t index) {
  const Span& span = g_space.spans[index];
  const std::uint8_t* const marks = g_space.marks[g_space.marked] + index * kMarkBytes;
  for (std::uint32_t slot = 0; slot < span.slots; ++slot) {
    const std::uint32_t granule = granule_of(span, slot);
    if ((marks[granule / 8] >> granule % 8 & 1) != 0) continue;
    char* const at = g_space.start_of(index) + kFirstSlot + std::size_t{slot} * span.slot_bytes;
    std::memset(at, 0, kHeaderBytes);
    std::memset(at + kHeaderBytes, kPoison, span.slot_bytes - kHeaderBytes);
  }
}

void put_back_small(std::uint32_t index, std::uint32_t marked) TASKSCOPE_NO_ANALYSIS {
  Span& span = g_space.spans[index];
  if (settings().poison) poison_free_slots(index);
  if (marked == 0) {
    span.kind = SpanKind::Free;
    if (span.destroyed) base::annotate_no_owner(g_space.start_of(index), kSpanBytes);
    g_pages.give_back(index, 1);
    return;
  }
  span.free_index = 0;
  if (marked >= span.slots) return;
  CentralList& central = g_central[span.list];
  span.next = central.first;
  central.first = index;
}

void free_large(std::uint32_t index) {
  const std::uint32_t count = g_space.spans[index].count;
  if (g_space.spans[index].destroyed) {
    base::annotate_no_owner(g_space.start_of(index), count * kSpanBytes);
  }
  for (std::uint32_t i = index; i < index + count; ++i) g_space.spans[i].kind = SpanKind::Free;
  g_pages.give_back(index, count);
}

void chain(std::uint32_t index, std::uint32_t& first) {
  g_space.spans[index].next = first;
  first = index;
}

}  // namespace

Rebuilt rebuild_lists() TASKSCOPE_NO_ANALYSIS {
  Rebuilt rebuilt;
  std::uint32_t& to_destroy = rebuilt.to_destroy;
  for (CentralList& central : g_central) central.first = 0;
  const std::uint32_t end = g_pages.fresh();
  for (std::uint32_t index = 1; index < end; ++index) {
    Span& span = g_space.spans[index];
    if (span.kind == SpanKind::Free || span.kind == SpanKind::Rest) continue;
    const std::uint32_t marked = count_marked(index);
    rebuilt.live_objects += marked;
    switch (span.kind) {
      case SpanKind::Small:
        rebuilt.live_bytes += std::uint64_t{marked} * span.slot_bytes;
        if (span.destroyed) {
          chain(index, to_destroy);
        } else {
          put_back_small(index, marked);
        }
        break;
      case SpanKind::Large:
        if (marked != 0) {
          rebuilt.live_bytes += span.count * kSpanBytes;
          break;
        }
        if (span.destroyed) {
          chain(index, to_destroy);
        } else {
          free_large(index);
        }
        break;
      case SpanKind::Adopted:
        if (marked != 0) {
          rebuilt.live_bytes += kSpanBytes;
          break;
        }
        if (settings().poison) std::memset(g_space.start_of(index), kPoison, kSpanBytes);
        span.kind = SpanKind::Free;
        g_pages.give_back(index, 1);
        break;
      case SpanKind::Arena:
        rebuilt.live_bytes += kSpanBytes;
        break;
      case SpanKind::Free:
      case SpanKind::Rest:
        break;
    }
  }
  return rebuilt;
}

void put_back_swept(std::uint32_t index) {
  if (g_space.spans[index].kind == SpanKind::Large) return free_large(index);
  Span& span = g_space.spans[index];
  CentralList& central = g_central[span.list];
  // An empty span goes to the page heap; else it is put into the list.
  const base::LockGuard guard(central.lock);
  put_back_small(index, count_marked(index));
}

}  // namespace taskscope::memory
