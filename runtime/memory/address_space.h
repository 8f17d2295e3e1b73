// AddressSpace: where all collected objects lie, and what is known of each part of it.
//
// One reservation, cut into spans of 32 KiB, so one comparison says whether a word may refer to an
// object, and a shift says to which span. Beside it lie the table of spans and two bitmaps with one
// bit for each 16 bytes: what the last collection has marked, and what the one that runs now does.
//
// Process-wide, as ts::make and handles have no argument that would name a heap. Reserved once, by
// whoever allocates first.
//
// Invariants:
//   1. `bytes` is 0 until everything else is there; nothing changes afterwards.
//   2. A span's `kind` is written by its owner: the page heap while it is Free, else whoever took
//      it from there; the collector's while nobody has it. Last, with release: who reads it with
//      acquire may read the rest, as the collector does while it marks.
//   3. An object begins 8 bytes after a multiple of 16 of its header: payloads are aligned to 16.
#pragma once

#include <cstddef>
#include <cstdint>

namespace taskscope::memory {

inline constexpr std::size_t kSpanBytes = std::size_t{32} << 10;
inline constexpr std::size_t kGranuleBytes = 16;
inline constexpr std::size_t kHeaderBytes = 8;
// The first slot begins so that its payload, behind the header, is aligned.
inline constexpr std::size_t kFirstSlot = kGranuleBytes - kHeaderBytes;
inline constexpr std::size_t kMarkBytes = kSpanBytes / kGranuleBytes / 8;  // of one span

enum class SpanKind : std::uint8_t {
  Free,
  Small,    // slots of one size
  Large,    // one object, in this span and the Rest behind it
  Rest,     //
  Arena,    // a block that an open scope fills, one object behind the other
  Adopted,  // such a block whose scope is over, and of which something has escaped
};

inline constexpr std::uint8_t kHasEscaped = 1;  // an object of the open scope's part has escaped
inline constexpr std::uint8_t kHasOlder =
    2;  // objects of a scope that is over lie before that part

struct alignas(64) Span {
  SpanKind kind = SpanKind::Free;
  std::uint8_t list = 0;   // Small: which of the central lists it belongs to
  bool scanned = false;    // Small, Large: the objects may refer to others
  bool destroyed = false;  // Small, Large: destructors are due
  // Arena: not 0 if what is stored into its objects must be looked at closely (kHasEscaped,
  // kHasOlder).
  std::uint8_t careful = 0;
  // Small.
  std::uint32_t slot_bytes = 0;
  std::uint32_t slots = 0;
  std::uint32_t divisor = 0;     // 2^32 / slot_bytes, rounded up
  std::uint32_t free_index = 0;  // slots below are allocated, or were marked
  // Large: how many spans; Rest: the first of them.
  std::uint32_t count = 0;
  // The next in a central list or of an arena.
  std::uint32_t next = 0;
  // Arena, Adopted: where the part of the open scope begins, and up to where it is filled, once it
  // is not the block that is being filled.
  std::uint32_t arena_start = 0;
  std::uint32_t filled = 0;
  std::uint32_t arena = 0;  // its index; 0: none
  // The collector's phase (marking.h) when it was taken; of an Arena, when its last object was
  // made; of an Adopted one, when it was adopted.
  std::uint32_t phase = 0;
  // Adopted: nothing of it has escaped, but it is left as it is until nobody marks.
  bool recycled = false;

  SpanKind seen_kind() const {
    SpanKind seen;
    __atomic_load(&kind, &seen, __ATOMIC_ACQUIRE);
    return seen;
  }
  void publish(SpanKind now) { __atomic_store(&kind, &now, __ATOMIC_RELEASE); }
};
static_assert(sizeof(Span) == 64);

struct AddressSpace {
  std::uintptr_t base = 0;
  std::size_t bytes = 0;
  Span* spans = nullptr;
  // Which bitmap the last collection has written: `marks[marked]`. The other is to be cleared.
  std::uint8_t* marks[2] = {};
  std::uint32_t marked = 0;
  // The stacks of the active run's tasks; handles there need not be known one by one.
  std::uintptr_t stacks = 0;
  std::size_t stacks_bytes = 0;

  bool contains(const void* address) const {
    return reinterpret_cast<std::uintptr_t>(address) - base < bytes;
  }
  bool on_task_stack(const void* address) const {
    return reinterpret_cast<std::uintptr_t>(address) - stacks < stacks_bytes;
  }
  // REQUIRES: contains(address).
  std::uint32_t index_of(const void* address) const {
    return static_cast<std::uint32_t>((reinterpret_cast<std::uintptr_t>(address) - base) /
                                      kSpanBytes);
  }
  Span& span_of(const void* address) const { return spans[index_of(address)]; }
  char* start_of(std::uint32_t span) const {
    return reinterpret_cast<char*>(base + span * kSpanBytes);
  }

  // Of the object that begins at `object`.
  bool is_marked(const void* object) const { return test(marked, object); }
  bool test(std::uint32_t which, const void* object) const {
    const std::size_t bit = (reinterpret_cast<std::uintptr_t>(object) - base) / kGranuleBytes;
    return (__atomic_load_n(&marks[which][bit / 8], __ATOMIC_RELAXED) >> (bit % 8) & 1) != 0;
  }
  // True if it was clear.
  bool set(std::uint32_t which, const void* object) const { return set(marks[which], object); }
  bool set(std::uint8_t* bits, const void* object) const {
    const std::size_t bit = (reinterpret_cast<std::uintptr_t>(object) - base) / kGranuleBytes;
    std::uint8_t& byte = bits[bit / 8];
    const auto mask = static_cast<std::uint8_t>(1u << (bit % 8));
    if ((__atomic_load_n(&byte, __ATOMIC_RELAXED) & mask) != 0) return false;
    return (__atomic_fetch_or(&byte, mask, __ATOMIC_RELAXED) & mask) == 0;
  }
};

// The one of this process.
extern AddressSpace g_space;

// Reserves it if that has not happened yet. Fails a check where the machine refuses even 1 GiB.
void reserve_address_space();

// Lets spans below `end` be used. They are closed until then, so that whoever looks through the
// memory of the process (sched/leak_search.h) does not find a quarter of a terabyte. Under the page
// heap's lock.
void open_spans(std::uint32_t end);

// Lazily touched memory of its own that is never given back.
void* map_lazily(std::size_t bytes);
// The same for what describes objects and holds no handles: copies of the process do without, as
// much of it is address space alone.
void* map_description(std::size_t bytes);

}  // namespace taskscope::memory
