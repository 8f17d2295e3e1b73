#include "runtime/memory/arena.h"

#include <sys/mman.h>

#include <algorithm>
#include <utility>

#include "runtime/base/check.h"
#include "runtime/base/sanitizer.h"
#include "runtime/memory/collector.h"
#include "runtime/memory/gc_events.h"
#include "runtime/memory/holds_handles.h"
#include "runtime/memory/marking.h"
#include "runtime/memory/page_heap.h"
#include "runtime/memory/settings.h"
#include "runtime/memory/type.h"
#include "runtime/sched/go.h"
#include "runtime/sched/scheduler.h"

namespace taskscope::memory {

constinit Arena* g_arenas = nullptr;

namespace {

constexpr std::size_t kTailMin = 4096;  // less room behind adopted objects is not used

struct ArenaTable {
  base::Lock lock;
  std::uint32_t fresh TASKSCOPE_GUARDED_BY(lock) = 1;
  std::uint32_t free TASKSCOPE_GUARDED_BY(lock) = 0;  // linked through `outer`
};
constinit ArenaTable g_table;

void take_numbers(Local& local) {
  const base::LockGuard guard(g_table.lock);
  if (g_arenas == nullptr) g_arenas = static_cast<Arena*>(map_description(kArenasBytes));
  while (local.arena_count < Local::kArenasMax / 2) {
    std::uint32_t number = g_table.free;
    if (number != 0) {
      g_table.free = g_arenas[number].outer;
    } else {
      TASKSCOPE_CHECK(g_table.fresh < kArenasMax);
      number = g_table.fresh++;
    }
    local.arenas[local.arena_count++] = number;
  }
}

void give_number_back(Local& local, std::uint32_t number) {
  if (local.arena_count == Local::kArenasMax) {
    const base::LockGuard guard(g_table.lock);
    while (local.arena_count > Local::kArenasMax / 2) {
      const std::uint32_t other = local.arenas[--local.arena_count];
      g_arenas[other].outer = g_table.free;
      g_table.free = other;
    }
  }
  local.arenas[local.arena_count++] = number;
}

sched::Task& own_task() { return *sched::quick_current_thread()->task(); }

std::uint32_t offset_in(std::uint32_t block, const void* address) {
  return static_cast<std::uint32_t>(static_cast<const char*>(address) - g_space.start_of(block));
}
// While the collector asks, the block may be closed, and the arena be another's: then what stands
// in the block is right.
std::uint32_t filled_of(std::uint32_t block) {
  const Span& span = g_space.spans[block];
  if (span.seen_kind() == SpanKind::Arena) {
    const Arena& arena = g_arenas[__atomic_load_n(&span.arena, __ATOMIC_ACQUIRE)];
    const char* const cursor = __atomic_load_n(&arena.cursor, __ATOMIC_ACQUIRE);
    const bool open = __atomic_load_n(&arena.last, __ATOMIC_ACQUIRE) == block;
    const auto filled = static_cast<std::size_t>(cursor - g_space.start_of(block));
    if (open && filled <= kSpanBytes) return static_cast<std::uint32_t>(filled);
  }
  return __atomic_load_n(&span.filled, __ATOMIC_ACQUIRE);
}

// The object that an address lies in, if it is one of an open scope.
void* local_object(std::uintptr_t address) {
  const auto* const at = reinterpret_cast<const void*>(address);
  if (!g_space.contains(at)) return nullptr;
  const std::uint32_t block = g_space.index_of(at);
  const Span& span = g_space.spans[block];
  if (span.kind != SpanKind::Arena || offset_in(block, at) < span.arena_start) return nullptr;
  return find_in_block(block, address);
}

// Flags the object itself. False if there is nothing to do.
bool flag(void* object, EscapeReason reason) {
  if (!g_space.contains(object)) return false;
  const std::uint32_t block = g_space.index_of(object);
  Span& span = g_space.spans[block];
  if (span.kind != SpanKind::Arena || offset_in(block, object) < span.arena_start) return false;
  if (!header_of(object).set_escaped()) return false;
  span.careful |= kHasEscaped;
  count_escape(header_of(object), reason);
  return true;
}

// Objects that are yet to be looked into: few of them in place, more in a mapping. Not in memory of
// malloc's, where old addresses would stay and look like handles (verify.h).
class Todo {
 public:
  Todo() = default;
  ~Todo() {
    if (list_ != few_) munmap(list_, capacity_ * sizeof(void*));
  }
  Todo(const Todo&) = delete;
  Todo& operator=(const Todo&) = delete;

  bool empty() const { return count_ == 0; }
  void push(void* object) {
    if (count_ == capacity_) grow();
    list_[count_++] = object;
  }
  void* pop() { return list_[--count_]; }

 private:
  static constexpr std::size_t kFew = 32;

  void grow() {
    const std::size_t more = std::max<std::size_t>(4 * capacity_, 8192);
    auto* const list = static_cast<void**>(map_lazily(more * sizeof(void*)));
    std::copy_n(list_, count_, list);
    if (list_ != few_) munmap(list_, capacity_ * sizeof(void*));
    list_ = list;
    capacity_ = more;
  }

  void* few_[kFew];
  void** list_ = few_;
  std::size_t count_ = 0;
  std::size_t capacity_ = kFew;
};

// Collects what objects refer to, for objects that are yet to be flagged.
class Reached final : public Tracer {
 public:
  explicit Reached(EscapeReason reason) : Tracer(true), reason_(reason) {}

  void reach(void* object) {
    if (flag(object, reason_)) todo_.push(object);
  }
  void edge(const void*, void* target) override { reach(target); }
  TASKSCOPE_UNSANITIZED void words(const void* first, std::size_t bytes) override {
    const auto* const words = static_cast<const std::uintptr_t*>(first);
    for (std::size_t i = 0; i < bytes / sizeof(std::uintptr_t); ++i) {
      if (void* const object = local_object(words[i])) reach(object);
    }
  }
  void finish() {
    while (!todo_.empty()) {
      show_object(todo_.pop(), *this);
    }
  }

 private:
  EscapeReason reason_;
  Todo todo_;
};

// Of blocks that go to the heap as a whole.
void count_all(std::uint32_t block, EscapeReason reason) {
  const Span& span = g_space.spans[block];
  char* const start = g_space.start_of(block);
  const std::uint32_t end = filled_of(block);
  for (std::uint32_t at = span.arena_start; at < end;) {
    void* const object = start + at + kHeaderBytes;
    if (header_of(object).set_escaped()) count_escape(header_of(object), reason);
    at += static_cast<std::uint32_t>(header_of(object).bytes());
  }
}

// Objects that older frames of the task's stack refer to.
TASKSCOPE_UNSANITIZED void escape_from_frames(std::uint32_t arena, const void* frames) {
  const sched::Thread& thread = *sched::quick_current_thread();
  const stack::Extent extent = thread.scheduler().stacks().extent(thread.task()->stack.id());
  const auto* const end =
      reinterpret_cast<const std::uintptr_t*>(static_cast<const char*>(extent.low) + extent.bytes);
  for (auto* word = static_cast<const std::uintptr_t*>(frames); word < end; ++word) {
    const auto* const at = reinterpret_cast<const void*>(*word);
    if (!g_space.contains(at)) continue;
    const Span& span = g_space.span_of(at);
    if (span.kind == SpanKind::Arena && span.arena == arena) {
      escape_word(*word, EscapeReason::OutlivedScope);
    }
  }
}

void adopt(std::uint32_t block, std::uint32_t filled) {
  Span& span = g_space.spans[block];
  __atomic_store_n(&span.filled, filled, __ATOMIC_RELEASE);
  __atomic_store_n(&span.arena, 0, __ATOMIC_RELEASE);
  span.careful = 0;
  span.phase = phase();
  span.publish(SpanKind::Adopted);
  g_heap.blocks_adopted.fetch_add(1, std::memory_order_relaxed);
}

// The room behind what was adopted is used by the thread's next scope.
void keep_tail(Local& local, std::uint32_t block) {
  if (local.tail == 0 && kSpanBytes - g_space.spans[block].filled >= kTailMin) local.tail = block;
}

// While objects are marked: what is in it may be on the list of what is to be looked into.
void leave_as_it_is(std::uint32_t block) {
  Span& span = g_space.spans[block];
  span.recycled = span.arena_start == kFirstSlot;
  adopt(block, filled_of(block));
  if (!span.recycled) return;
  g_heap.since.fetch_sub(kSpanBytes, std::memory_order_relaxed);
  g_heap.blocks_adopted.fetch_sub(1, std::memory_order_relaxed);
  g_heap.blocks_recycled.fetch_add(1, std::memory_order_relaxed);
}

void release_blocks(Local& local, Arena& arena) {
  const BusySection busy(local);
  for (std::uint32_t block = arena.first; block != 0;) {
    Span& span = g_space.spans[block];
    const std::uint32_t next = span.next;
    if (arena.shared || (span.careful & kHasEscaped) != 0) {
      adopt(block, filled_of(block));
      if (next == 0) keep_tail(local, block);
    } else if (is_marking() && settings().broken != Broken::Recycled) {
      leave_as_it_is(block);
    } else if (span.arena_start != kFirstSlot) {
      adopt(block, span.arena_start);
      keep_tail(local, block);
    } else {
      give_block_back(local, block);
      g_heap.blocks_recycled.fetch_add(1, std::memory_order_relaxed);
    }
    block = next;
  }
}

void end_arena(std::uint32_t number) {
  Arena& arena = g_arenas[number];
  TASKSCOPE_CHECK(own_task().arena == number);
  Local& local = own_local("ts::scoped");
  if (arena.first != 0) release_blocks(local, arena);
  const BusySection busy(local);
  own_task().arena = arena.outer;
  arena = Arena{};
  give_number_back(local, number);
}

bool any_marked(std::uint32_t block) {
  const std::uint8_t* const marks = g_space.marks[g_space.marked] + block * kMarkBytes;
  for (std::size_t i = 0; i < kMarkBytes; ++i) {
    if (marks[i] != 0) return true;
  }
  return false;
}

// Gives back full blocks of which the last collection has reached nothing: all that is in them was
// made before it began.
void trim(Local& local, Arena& arena) {
  arena.trimmed = phase();
  std::uint32_t* link = &arena.first;
  while (*link != 0) {
    const std::uint32_t block = *link;
    Span& span = g_space.spans[block];
    if (block == arena.last || span.phase + 1 >= phase() || any_marked(block)) {
      link = &span.next;
      continue;
    }
    *link = span.next;
    give_block_back(local, block);
    --arena.blocks;
  }
}

void give_block(Local& local, std::uint32_t number) {
  const BusySection busy(local);
  Arena& arena = g_arenas[number];
  if (arena.trimmed != phase() && !is_marking()) trim(local, arena);
  std::uint32_t block = std::exchange(local.tail, 0);
  if (block != 0) {
    Span& span = g_space.spans[block];
    span.publish(SpanKind::Arena);
    span.careful = kHasOlder;
    span.arena_start = span.filled;
    g_heap.blocks_adopted.fetch_sub(1, std::memory_order_relaxed);
  } else {
    block = take_block(local);
  }
  Span& span = g_space.spans[block];
  span.next = 0;
  span.phase = phase();
  __atomic_store_n(&span.arena, number, __ATOMIC_RELEASE);
  if (arena.last != 0) {
    Span& full = g_space.spans[arena.last];
    __atomic_store_n(&full.filled, offset_in(arena.last, arena.cursor), __ATOMIC_RELEASE);
    full.next = block;
    full.phase = phase();
  } else {
    arena.first = block;
  }
  ++arena.blocks;
  __atomic_store_n(&arena.last, block, __ATOMIC_RELEASE);
  __atomic_store_n(&arena.cursor, g_space.start_of(block) + span.arena_start, __ATOMIC_RELEASE);
  arena.end = g_space.start_of(block) + kSpanBytes;
}

}  // namespace

namespace {

// A task with an open arena starts another: what its closure refers to lives on. If the closure has
// an address in a stack, what lies in frames may be seen in ways that nobody can follow.
void look_at_closure(const sched::Task& task) {
  const void* const closure =
      task.closure_bytes == 0 ? task.closure_memory : task.closure_address();
  const std::size_t bytes =
      task.closure_bytes == 0 ? sizeof task.closure_memory : task.closure_bytes;
  const auto* const words = static_cast<const std::uintptr_t*>(closure);
  for (std::size_t i = 0; i < bytes / sizeof(std::uintptr_t); ++i) {
    escape_word(words[i], EscapeReason::Captured);
    if (!g_space.on_task_stack(reinterpret_cast<const void*>(words[i]))) continue;
    for (std::uint32_t arena = own_task().arena; arena != 0; arena = g_arenas[arena].outer) {
      g_arenas[arena].shared = true;
    }
  }
}

}  // namespace

// ---- Scopes -------------------------------------------------------------------------------------

std::uint32_t open_arena() {
  Local& local = own_local("ts::scoped");
  const BusySection busy(local);
  if ((watched() & kScopesUsed) == 0) {
    sched::set_closure_hook(look_at_closure);
    g_watch.fetch_or(kScopesUsed);
  }
  if (local.arena_count == 0) take_numbers(local);
  const std::uint32_t number = local.arenas[--local.arena_count];
  sched::Task& task = own_task();
  Arena& arena = g_arenas[number];
  arena = Arena{.outer = task.arena, .task = &task};
  arena.depth = task.arena == 0 ? 1 : g_arenas[task.arena].depth + 1;
  task.arena = number;
  return number;
}

void close_arena(std::uint32_t number, const void* frames) {
  Arena& arena = g_arenas[number];
  if (arena.first != 0 && !arena.shared) escape_from_frames(number, frames);
  if (arena.first != 0 && arena.shared) {
    for (std::uint32_t block = arena.first; block != 0; block = g_space.spans[block].next) {
      count_all(block, EscapeReason::Captured);
    }
  }
  end_arena(number);
}

void abandon_arena(std::uint32_t number) {
  Arena& arena = g_arenas[number];
  for (std::uint32_t block = arena.first; block != 0; block = g_space.spans[block].next) {
    count_all(block, EscapeReason::OutlivedScope);
  }
  arena.shared = true;
  end_arena(number);
}

void* allocate_in_arena(sched::Task& task, std::size_t bytes, Contents contents, AllocSite& site) {
  const std::uint32_t number = task.arena;
  Arena& arena = g_arenas[number];
  const bool learned = site.arena_header.load(std::memory_order_relaxed) == 0 && !try_again(site);
  if (learned || arena.blocks >= kArenaBlocksMax) {
    count_on_heap(site, learned ? EscapeReason::Learned : EscapeReason::TooLarge,
                  bytes - kHeaderBytes);
    ++own_local("ts::make").site_counts[2 * site.id];
    return allocate_any(bytes, contents, site.heap_header.load(std::memory_order_relaxed));
  }
  if (static_cast<std::size_t>(arena.end - arena.cursor) < bytes) {
    tell_heap_now_and_then();
    own_local("ts::make");
    collect_if_due();
    give_block(own_local("ts::make"), number);
  }
  Local& local = own_local("ts::make");
  // The room behind adopted objects may be too small for this one.
  if (static_cast<std::size_t>(arena.end - arena.cursor) < bytes) give_block(local, number);
  ++local.site_counts[2 * site.id + 1];
  char* const slot = arena.cursor;
  const Header header(site.type_id, site.id, bytes);
  std::memcpy(slot, &header, sizeof header);
  if (contents != Contents::Plain) std::memset(slot + kHeaderBytes, 0, bytes - kHeaderBytes);
  asm volatile("" : : "r"(slot) : "memory");
  *const_cast<char* volatile*>(&arena.cursor) = slot + bytes;
  return slot + kHeaderBytes;
}

// ---- Escapes ------------------------------------------------------------------------------------

void* find_in_block(std::uint32_t block, std::uintptr_t address) {
  char* const start = g_space.start_of(block);
  const auto offset = static_cast<std::uint32_t>(address - reinterpret_cast<std::uintptr_t>(start));
  const std::uint32_t end = filled_of(block);
  if (offset >= end) return nullptr;
  for (std::uint32_t at = kFirstSlot; at < end;) {
    void* const object = start + at + kHeaderBytes;
    const auto bytes = static_cast<std::uint32_t>(header_of(object).bytes());
    if (bytes == 0) return nullptr;
    at += bytes;
    if (offset < at) return object;
  }
  return nullptr;
}

bool may_be_object(std::uint32_t block, const void* object) {
  const std::uint32_t at = offset_in(block, object);
  if (at < kGranuleBytes || at % kGranuleBytes != 0 || at >= filled_of(block)) return false;
  const Header header = header_of(object).seen();
  const std::size_t end = at - kHeaderBytes + header.bytes();
  return header.bytes() != 0 && end <= filled_of(block) && is_site_of(header);
}

void show_object(void* object, Tracer& tracer) {
  const TypeInfo& type = type_info(header_of(object).type());
  if (type.trace != nullptr) return type.trace(object, tracer);
  auto* const words = static_cast<void**>(object);
  for (std::uint64_t edges = type.edges; edges != 0; edges &= edges - 1) {
    void** const place = words + __builtin_ctzll(edges);
    if (void* const target = *place) tracer.edge(place, target);
  }
  for (std::uint64_t left = type.words; left != 0; left &= left - 1) {
    tracer.words(words + __builtin_ctzll(left), sizeof(void*));
  }
}

void escape_object(void* object, EscapeReason reason) {
  if (!flag(object, reason)) return;
  Reached reached(reason);
  show_object(object, reached);
  reached.finish();
}

void escape_word(std::uintptr_t word, EscapeReason reason) {
  if (void* const object = local_object(word)) escape_object(object, reason);
}

TASKSCOPE_UNSANITIZED void escape_words(const void* first, std::size_t bytes, EscapeReason reason) {
  const auto* const words = static_cast<const std::uintptr_t*>(first);
  for (std::size_t i = 0; i < bytes / sizeof(std::uintptr_t); ++i) escape_word(words[i], reason);
}

void note_sent(const void* value, std::size_t bytes) {
  // A task opens its scope before it makes anything there.
  if ((watched() & kScopesUsed) == 0) return;
  escape_words(value, bytes, EscapeReason::Sent);
}

[[gnu::noinline]] void note_stored(const void* place, void* object) {
  const std::uint32_t to_block = g_space.index_of(object);
  const Span& to = g_space.spans[to_block];
  if (to.kind != SpanKind::Arena || offset_in(to_block, object) < to.arena_start) return;
  const std::uint32_t from_block = g_space.index_of(place);
  const Span& from = g_space.spans[from_block];
  if (from.kind == SpanKind::Arena && offset_in(from_block, place) >= from.arena_start &&
      (from.careful & kHasEscaped) == 0) {
    const Arena& holder = g_arenas[from.arena];
    const Arena& held = g_arenas[to.arena];
    // The holder goes first.
    if (from.arena == to.arena || (holder.task == held.task && holder.depth > held.depth)) return;
  }
  escape_object(object, EscapeReason::Stored);
}

}  // namespace taskscope::memory
