#include "runtime/memory/heap.h"

#include <bit>

#include "runtime/base/check.h"
#include "runtime/base/sanitizer.h"
#include "runtime/memory/collector.h"
#include "runtime/memory/gc_events.h"
#include "runtime/memory/marking.h"
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

// Slots [first, end) of a span.
void mark_slots(std::uint32_t marks, std::uint32_t index, std::uint32_t first, std::uint32_t end) {
  if (settings().broken == Broken::Born) return;
  const Span& span = g_space.spans[index];
  auto* const words =
      reinterpret_cast<std::uint64_t*>(g_space.marks[marks] + std::size_t{index} * kMarkBytes);
  std::uint32_t word = granule_of(span, first) / 64;
  std::uint64_t bits = 0;
  for (std::uint32_t slot = first; slot < end; ++slot) {
    const std::uint32_t granule = granule_of(span, slot);
    if (granule / 64 != word) {
      if (bits != 0) __atomic_fetch_or(&words[word], bits, __ATOMIC_RELAXED);
      word = granule / 64;
      bits = 0;
    }
    bits |= std::uint64_t{1} << granule % 64;
  }
  if (bits != 0) __atomic_fetch_or(&words[word], bits, __ATOMIC_RELAXED);
}

// What is left of slots from earlier lives must not look like objects.
void prepare_slots(const Run& run, std::uint32_t slot_bytes) {
  if (settings().poison) {
    std::memset(run.cursor, 0, static_cast<std::size_t>(run.end - run.cursor));
  }
  for (char* slot = run.cursor; slot != run.end; slot += slot_bytes) {
    std::memset(slot, 0, kHeaderBytes);
  }
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
  char* const first = g_space.start_of(index) + kFirstSlot;
  run = {first + std::size_t{slot} * span.slot_bytes, first + std::size_t{end} * span.slot_bytes};
  prepare_slots(run, span.slot_bytes);
  if (is_marking()) mark_slots(g_space.marked ^ 1, index, slot, end);
  // Release: who finds them handed out finds them marked.
  __atomic_store_n(&span.free_index, end, __ATOMIC_RELEASE);
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
  if (contents == Contents::Destructible) {
    base::annotate_owner(g_space.start_of(index), kSpanBytes);
    g_heap.destroyed_spans.fetch_add(1, std::memory_order_relaxed);
  }
  Span& span = g_space.spans[index];
  span = Span{};
  span.list = static_cast<std::uint8_t>(list);
  span.scanned = contents != Contents::Plain;
  span.destroyed = contents == Contents::Destructible;
  span.slot_bytes = slot_bytes_of(list);
  span.slots = slots_of(list);
  span.divisor = static_cast<std::uint32_t>(((std::uint64_t{1} << 32) + span.slot_bytes - 1) /
                                            span.slot_bytes);
  span.phase = phase();
  std::memset(g_space.marks[g_space.marked] + index * kMarkBytes, 0, kMarkBytes);
  span.publish(SpanKind::Small);
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
  count_bytes(static_cast<std::size_t>(run.end - run.cursor));
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

// A row of spans for one object.
void lay_out_large(std::uint32_t first, std::uint32_t count, Contents contents) {
  for (std::uint32_t index = first + count; index-- > first;) {
    Span& span = g_space.spans[index];
    span = Span{};
    span.count = index == first ? count : first;
    span.scanned = contents != Contents::Plain;
    span.destroyed = contents == Contents::Destructible;
    span.phase = phase();
    span.publish(index == first ? SpanKind::Large : SpanKind::Rest);
  }
}

}  // namespace

constinit HeapCounters g_heap;
constinit CentralList g_central[kLists];

void* allocate_from_list(std::size_t list, std::uint64_t header) {
  static_assert(kLists <= 256, "Span::list has 8 bits");
  tell_heap_now_and_then();
  own_local("ts::make");
  collect_if_due();
  Local& local = own_local("ts::make");
  refill(local, list);
  return take_slot(local.runs[list], slot_bytes_of(list), static_cast<Contents>(list % kContents),
                   header);
}

void* allocate_large(std::size_t bytes, Contents contents, std::uint64_t header) {
  tell_heap_now_and_then();
  own_local("ts::make");
  collect_if_due();
  const BusySection busy(own_local("ts::make"));
  bool zeroed = false;
  const auto count = static_cast<std::uint32_t>((bytes + kFirstSlot + kSpanBytes - 1) / kSpanBytes);
  const std::uint32_t first = g_pages.take(count, zeroed);
  char* const start = g_space.start_of(first);
  if (!zeroed) std::memset(start, 0, std::size_t{count} * kSpanBytes);
  if (contents == Contents::Destructible) {
    base::annotate_owner(start, count * kSpanBytes);
    g_heap.destroyed_spans.fetch_add(1, std::memory_order_relaxed);
  }
  std::memset(g_space.marks[g_space.marked] + first * kMarkBytes, 0, kMarkBytes);
  std::memcpy(start + kFirstSlot, &header, sizeof header);
  if (is_marking()) g_space.set(g_space.marked ^ 1, start + kGranuleBytes);
  lay_out_large(first, count, contents);
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
  Span& span = g_space.spans[index];
  span = Span{};
  span.arena_start = kFirstSlot;
  span.filled = kFirstSlot;
  span.scanned = true;
  span.phase = phase();
  span.publish(SpanKind::Arena);
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

namespace {

// Of the span that a run is in: which slots are left.
template <class Visit>
void each_run(Visit visit) {
  for (Local* local = first_local(); local != nullptr; local = local->next) {
    for (Run& run : local->runs) {
      if (run.cursor == run.end) continue;
      const std::uint32_t index = g_space.index_of(run.cursor);
      const Span& span = g_space.spans[index];
      const auto slot_of = [&](const char* at) {
        const auto offset = static_cast<std::uint32_t>(at - g_space.start_of(index));
        return (offset - static_cast<std::uint32_t>(kFirstSlot)) / span.slot_bytes;
      };
      visit(index, slot_of(run.cursor), slot_of(run.end));
    }
  }
}

}  // namespace

void mark_runs(std::uint32_t marks) {
  each_run([&](std::uint32_t index, std::uint32_t first, std::uint32_t end) {
    mark_slots(marks, index, first, end);
  });
}

Kept empty_lists() TASKSCOPE_NO_ANALYSIS {
  Kept kept;
  each_run([&](std::uint32_t index, std::uint32_t first, std::uint32_t end) {
    kept.objects += end - first;
    kept.bytes += std::uint64_t{end - first} * g_space.spans[index].slot_bytes;
  });
  for (Local* local = first_local(); local != nullptr; local = local->next) {
    std::memset(local->run_spans, 0, sizeof local->run_spans);
    local->tail = 0;
    // Blocks that nobody needs now.
    while (local->block_count > Local::kBlocksMax / 4) {
      g_pages.give_back(local->blocks[--local->block_count], 1);
    }
  }
  for (CentralList& central : g_central) central.first = 0;
  return kept;
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

void forget_destroyed(std::uint32_t index, std::uint32_t count) {
  if (!g_space.spans[index].destroyed) return;
  g_heap.destroyed_spans.fetch_sub(1, std::memory_order_relaxed);
  base::annotate_no_owner(g_space.start_of(index), count * kSpanBytes);
}

void put_back_small(std::uint32_t index, std::uint32_t marked) {
  Span& span = g_space.spans[index];
  if (settings().poison) poison_free_slots(index);
  if (marked == 0) {
    forget_destroyed(index, 1);
    span.publish(SpanKind::Free);
    g_pages.give_back(index, 1);
    return;
  }
  span.free_index = 0;
  if (marked >= span.slots) return;
  CentralList& central = g_central[span.list];
  const base::LockGuard guard(central.lock);
  span.next = central.first;
  central.first = index;
}

void free_large(std::uint32_t index) {
  const std::uint32_t count = g_space.spans[index].count;
  forget_destroyed(index, count);
  for (std::uint32_t i = index; i < index + count; ++i) g_space.spans[i].publish(SpanKind::Free);
  g_pages.give_back(index, count);
}

void chain(std::uint32_t index, std::uint32_t& first) {
  g_space.spans[index].next = first;
  first = index;
}

bool any_dead(std::uint32_t index) {
  bool any = false;
  each_built_object(index, [&](const void* object) { any = any || !g_space.is_marked(object); });
  return any;
}

}  // namespace

Sweep::Sweep() : end_(g_pages.fresh()), phase_(phase()) {}

void Sweep::small(std::uint32_t index, std::uint32_t& dead) {
  const Span& span = g_space.spans[index];
  const std::uint32_t marked = count_marked(index);
  live_objects += marked;
  live_bytes += std::uint64_t{marked} * span.slot_bytes;
  if (span.destroyed && any_dead(index)) {
    chain(index, dead);
  } else {
    put_back_small(index, marked);
  }
}

void Sweep::large(std::uint32_t index, std::uint32_t& dead) {
  const Span& span = g_space.spans[index];
  if (count_marked(index) != 0) {
    ++live_objects;
    live_bytes += std::size_t{span.count} * kSpanBytes;
  } else if (span.destroyed) {
    chain(index, dead);
  } else {
    free_large(index);
  }
}

// Its scope gives it back, if nothing of it lives.
void Sweep::arena(std::uint32_t index) {
  const std::uint32_t marked = count_marked(index);
  live_objects += marked;
  if (marked != 0 || g_space.spans[index].phase + 1 >= phase_) live_bytes += kSpanBytes;
}

void Sweep::adopted(std::uint32_t index) {
  Span& span = g_space.spans[index];
  const std::uint32_t marked = count_marked(index);
  // Objects that were made while others were marked have no marks.
  const bool is_old = span.phase + 1 < phase_;
  if (!span.recycled && (marked != 0 || !is_old)) {
    live_objects += marked;
    live_bytes += kSpanBytes;
    return;
  }
  if (settings().poison) std::memset(g_space.start_of(index), kPoison, kSpanBytes);
  span.publish(SpanKind::Free);
  g_pages.give_back(index, 1);
}

void Sweep::run(std::uint32_t& dead) {
  for (std::uint32_t index = 1; index < end_; ++index) {
    const Span& span = g_space.spans[index];
    const SpanKind kind = span.seen_kind();
    if (kind == SpanKind::Free || kind == SpanKind::Rest) continue;
    if (kind == SpanKind::Arena) {
      arena(index);
    } else if (span.phase == phase_) {
      continue;
    } else if (kind == SpanKind::Small) {
      small(index, dead);
    } else if (kind == SpanKind::Large) {
      large(index, dead);
    } else {
      adopted(index);
    }
  }
}

void put_back_swept(std::uint32_t index) {
  if (g_space.spans[index].kind == SpanKind::Large) return free_large(index);
  put_back_small(index, count_marked(index));
}

}  // namespace taskscope::memory
