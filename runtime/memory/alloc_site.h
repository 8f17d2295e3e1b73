// AllocSite: one call of ts::make in the source, and what became of the objects made there.
//
// A static record for each; registered with its first object. Counting costs the one who allocates
// an increment in its own thread's array (local.h).
//
// A site of whose objects most escape learns: they are made on the heap at once, and now and then
// it is tried again.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "runtime/memory/header.h"

namespace taskscope::memory {

struct AllocSite {
  // Atomic: 0 until it is registered, which is the last thing then written (release; whoever finds
  // another value reads the rest). What its objects' headers are, on the heap and in arenas; the
  // latter is 0 again while the site has learned.
  std::atomic<std::uint64_t> heap_header{0};
  std::atomic<std::uint64_t> arena_header{0};

  // Constant after registration.
  const char* file = nullptr;
  const char* function = nullptr;
  const char* type = nullptr;  // as the compiler writes it
  std::uint32_t line = 0;
  std::uint32_t id = 0;
  std::uint32_t type_id = 0;
  std::uint32_t bytes = 0;  // of one object; 0: of arrays, whose sizes differ
  std::uint64_t arena_word = 0;

  // Atomic: counters, relaxed.
  std::atomic<std::uint64_t> escapes[kEscapeReasons] = {};
  std::atomic<std::uint64_t> array_bytes{0};  // of arrays, whose sizes differ
  std::atomic<std::uint64_t> array_escaped_bytes{0};
  std::atomic<std::uint32_t> learned{0};    // objects made on the heap since it has learned
  std::atomic<std::uint64_t> made_then{0};  // in arenas, when it was last looked at
  std::atomic<std::uint64_t> escaped_then{0};
};

// Where a ts::make stands.
struct Place {
  const char* file;
  const char* function;
  std::uint32_t line;
};

// What is known of a site when it makes its first object.
struct SiteFacts {
  Place place;
  const char* type = nullptr;  // as the compiler writes it
  std::uint32_t type_id = 0;
  std::uint32_t bytes = 0;      // of one object; 0: sizes differ
  std::size_t arena_bytes = 0;  // of its slot there; 0: none is made there
};
// Gives it its number, once.
void register_site(AllocSite& site, const SiteFacts& facts);
AllocSite& site_of(std::uint32_t id);
// Whether objects in arenas have that header, but for its flags.
bool is_site_of(Header header);
// Sites have numbers from 1 up to this one, which none has yet.
std::uint32_t end_of_sites();
// The object with this header has escaped: counts it, and its site learns.
void count_escape(const Header& header, EscapeReason reason);
// Whether a site that has learned is to be tried again with this object.
bool try_again(AllocSite& site);
// For tests: as if nothing had been learned.
void forget_learned();
// An object of so many bytes was made on the heap for this reason.
void count_on_heap(AllocSite& site, EscapeReason reason, std::size_t bytes);

}  // namespace taskscope::memory

namespace taskscope {

using memory::EscapeReason;
const char* to_text(EscapeReason reason);

// What became of the objects that one call of ts::make has made.
struct EscapeStats {
  const char* file = nullptr;
  const char* function = nullptr;  // "serve"; "operator()" of a lambda
  std::uint32_t line = 0;
  std::string type;
  std::uint64_t stayed = 0;   // gone with their scope
  std::uint64_t escaped = 0;  // live as long as they are reached, made inside of a scope
  std::uint64_t heap = 0;     // made outside of all scopes
  std::uint64_t bytes = 0;    // of all
  std::uint64_t escaped_bytes = 0;
  std::uint64_t reasons[memory::kEscapeReasons] = {};
  bool learned = false;  // made on the heap at once
};
// Of all sites, those with most escaped objects first. Any thread.
//
//   for (const ts::EscapeStats& site : ts::escape_stats()) {
//     const auto sent = static_cast<std::size_t>(ts::EscapeReason::Sent);
//     if (site.reasons[sent] != 0) log(site.type + ts::to_text(ts::EscapeReason::Sent));
//   }
std::vector<EscapeStats> escape_stats();

namespace memory {
EscapeStats stats_of(const AllocSite& site);
}  // namespace memory

}  // namespace taskscope
