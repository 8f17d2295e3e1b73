// Arena: the memory of one open scope of one task. Objects are made one behind the other in blocks
// of 32 KiB; when the scope ends, the blocks are used again at once.
//
// An arena never owns: it is a guess that objects die with their scope. One that escapes (is
// returned, sent, captured by a task, stored in what lives longer, or found in an older frame) is
// not moved: it and all it reaches are flagged, and its block is adopted by the collected heap. A
// block whose objects another task may have seen in an unknown way is given to the heap, too.
//
// The collector sees no difference: objects in arenas are marked like all others, and their flags
// only say how statistics are counted. While objects are marked no block is used again: it is
// adopted with a note that it is free as soon as nobody marks. Full blocks of an open scope in
// which nothing was marked are used again by the scope's own task, when it needs a block.
//
//   a block       from    → to       by
//                 Free    → Arena    take_block, when the scope's block is full
//                 Arena   → Free     close_arena: nothing of it has escaped
//                 Arena   → Adopted  close_arena: something has
//                 Adopted → Arena    the room behind, by the thread's next scope
//                 Adopted → Free     the collector: nothing of it is reached, or nobody marks any
//                 more
//
// An arena is its task's; other tasks that store into its objects only set flags of its blocks.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "runtime/memory/alloc_site.h"
#include "runtime/memory/header.h"
#include "runtime/memory/heap.h"
#include "runtime/memory/tracer.h"
#include "runtime/sched/task.h"
#include "runtime/sched/thread.h"

namespace taskscope::memory {

// Larger objects are made on the heap, as Go does with implicit variables.
inline constexpr std::size_t kArenaBytesMax = std::size_t{16} << 10;
// What a scope may hold; it is no short one then, and makes the rest on the heap.
inline constexpr std::uint32_t kArenaBlocksMax = 1u << 16;

struct alignas(64) Arena {
  char* cursor = nullptr;
  char* end = nullptr;
  std::uint32_t first = 0;  // of its blocks
  std::uint32_t last = 0;   // the one that is being filled
  std::uint32_t blocks = 0;
  std::uint32_t outer = 0;  // the arena of the scope around it, of the same task
  std::uint32_t depth = 0;
  std::uint32_t trimmed = 0;  // the collector's phase when it was last looked at for free blocks
  bool shared = false;        // another task was given the address of a frame: nothing is recycled
  const sched::Task* task = nullptr;
};

inline constexpr std::uint32_t kArenasMax = 1u << 22;
inline constexpr std::size_t kArenasBytes = kArenasMax * sizeof(Arena);
// By their numbers, in a table of this process; 0 is none.
extern Arena* g_arenas;

// Opens one for the calling task; its number.
std::uint32_t open_arena();
// `result` is what the scope returns, or null. `frames` is where the frames older than the scope's
// begin.
void close_arena(std::uint32_t arena, const void* frames);
// The same by an exception: everything is given to the heap.
void abandon_arena(std::uint32_t arena);

// The slow way of making an object: its block is full, or its site is new or has learned.
void* allocate_in_arena(sched::Task& task, std::size_t bytes, Contents contents, AllocSite& site);

// Flags what `word` refers to, if it is an object of an open scope, and all it reaches.
void escape_word(std::uintptr_t word, EscapeReason reason);
void escape_object(void* object, EscapeReason reason);
void escape_words(const void* first, std::size_t bytes, EscapeReason reason);

// Shows what an object refers to.
void show_object(void* object, Tracer& tracer);

// Where the object that an address in a block lies in begins; null: nowhere. For the collector too.
void* find_in_block(std::uint32_t block, std::uintptr_t address);
// Whether what lies there can be looked into as an object. Says so of what was one and of what
// looks like one, too; takes no search.
bool may_be_object(std::uint32_t block, const void* object);

}  // namespace taskscope::memory
