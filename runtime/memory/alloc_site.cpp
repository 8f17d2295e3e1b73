#include "runtime/memory/alloc_site.h"

#include <algorithm>
#include <string_view>

#include "runtime/base/check.h"
#include "runtime/base/lock.h"
#include "runtime/memory/address_space.h"
#include "runtime/memory/gc_events.h"
#include "runtime/memory/local.h"
#include "runtime/sched/tracing.h"

namespace taskscope::memory {
namespace {

constinit base::Lock g_sites_lock;
constinit AllocSite** g_sites = nullptr;
constinit std::atomic<std::uint32_t> g_site_count{1};

// Escapes of objects that were made in an arena, as opposed to those that never were.
constexpr bool left_arena(std::size_t reason) {
  return reason >= static_cast<std::size_t>(EscapeReason::Returned) &&
         reason <= static_cast<std::size_t>(EscapeReason::OutlivedScope) &&
         reason != static_cast<std::size_t>(EscapeReason::TooLarge);
}

std::uint64_t made(std::uint32_t id, std::size_t where) {
  std::uint64_t count = 0;
  for (const Local* local = first_local(); local != nullptr; local = local->next) {
    count += local->site_counts[2 * id + where];
  }
  return count;
}

// What the compiler writes of the type of type_name<T>().
std::string shown_type(std::string_view name) {
  const std::size_t first = name.find("T = ");
  if (first == std::string_view::npos) return std::string(name);
  name.remove_prefix(first + 4);
  std::string type(name.substr(0, name.find_last_of(']')));
  for (const std::string_view space : {"{anonymous}::", "(anonymous namespace)::"}) {
    for (std::size_t at; (at = type.find(space)) != std::string::npos;)
      type.erase(at, space.size());
  }
  return type;
}

constexpr std::uint64_t kLooksAt = 64;    // as many escapes are a reason to look
constexpr std::uint32_t kRetries = 4096;  // as many objects on the heap, and it is tried again

void learn(AllocSite& site) {
  std::uint64_t escaped = 0;
  for (std::size_t i = 0; i < kEscapeReasons; ++i) {
    if (left_arena(i)) escaped += site.escapes[i].load(std::memory_order_relaxed);
  }
  const std::uint64_t made_now = made(site.id, 1);
  const std::uint64_t made_since = made_now - site.made_then.load(std::memory_order_relaxed);
  const std::uint64_t since = escaped - site.escaped_then.load(std::memory_order_relaxed);
  if (since < kLooksAt) return;
  site.made_then.store(made_now, std::memory_order_relaxed);
  site.escaped_then.store(escaped, std::memory_order_relaxed);
  if (since * 2 > made_since) site.arena_header.store(0, std::memory_order_relaxed);
}

}  // namespace

void register_site(AllocSite& site, const SiteFacts& facts) {
  const base::LockGuard guard(g_sites_lock);
  if (site.heap_header.load(std::memory_order_relaxed) != 0) return;
  if (g_sites == nullptr) {
    g_sites = static_cast<AllocSite**>(map_description(Header::kSitesMax * sizeof(AllocSite*)));
    sched::set_last_words(tell_sites);
  }
  const std::uint32_t id = g_site_count.load(std::memory_order_relaxed);
  TASKSCOPE_CHECK(id < Header::kSitesMax);
  site.file = facts.place.file;
  site.function = facts.place.function;
  site.line = facts.place.line;
  site.type = facts.type;
  site.bytes = facts.bytes;
  site.id = id;
  site.type_id = facts.type_id;
  g_sites[id] = &site;
  if (facts.arena_bytes != 0) {
    site.arena_word = Header(facts.type_id, id, facts.arena_bytes).word();
  }
  g_site_count.store(id + 1, std::memory_order_release);
  site.heap_header.store(Header(facts.type_id, id, 0).word(), std::memory_order_release);
  site.arena_header.store(site.arena_word, std::memory_order_release);
}

AllocSite& site_of(std::uint32_t id) { return *g_sites[id]; }

bool is_site_of(Header header) {
  const std::uint32_t id = header.site();
  if (id == 0 || id >= g_site_count.load(std::memory_order_acquire)) return false;
  const AllocSite& site = site_of(id);
  if (site.type_id != header.type()) return false;
  return site.bytes == 0 || Header::of_word(site.arena_word).bytes() == header.bytes();
}

std::uint32_t end_of_sites() { return g_site_count.load(std::memory_order_acquire); }

void count_escape(const Header& header, EscapeReason reason) {
  AllocSite& site = site_of(header.site());
  const auto index = static_cast<std::size_t>(reason);
  const std::uint64_t count = site.escapes[index].fetch_add(1, std::memory_order_relaxed) + 1;
  if (site.bytes == 0) {
    site.array_escaped_bytes.fetch_add(header.bytes() - kHeaderBytes, std::memory_order_relaxed);
  }
  if (count % kLooksAt == 0) learn(site);
}

void count_on_heap(AllocSite& site, EscapeReason reason, std::size_t bytes) {
  site.escapes[static_cast<std::size_t>(reason)].fetch_add(1, std::memory_order_relaxed);
  if (site.bytes == 0) site.array_escaped_bytes.fetch_add(bytes, std::memory_order_relaxed);
}

void forget_learned() {
  const std::uint32_t end = end_of_sites();
  for (std::uint32_t id = 1; id < end; ++id) {
    AllocSite& site = site_of(id);
    site.arena_header.store(site.arena_word, std::memory_order_relaxed);
  }
}

bool try_again(AllocSite& site) {
  if (site.learned.fetch_add(1, std::memory_order_relaxed) % kRetries != kRetries - 1) return false;
  site.arena_header.store(site.arena_word, std::memory_order_relaxed);
  return true;
}

}  // namespace taskscope::memory

namespace taskscope {

using memory::AllocSite;
using memory::kEscapeReasons;
using memory::left_arena;
using memory::made;
using memory::shown_type;

const char* to_text(EscapeReason reason) { return trace_format::to_text(reason).data(); }

EscapeStats memory::stats_of(const AllocSite& site) {
  EscapeStats stats{.file = site.file,
                    .function = site.function,
                    .line = site.line,
                    .type = shown_type(site.type)};
  std::uint64_t left = 0;
  std::uint64_t never = 0;
  for (std::size_t i = 0; i < kEscapeReasons; ++i) {
    stats.reasons[i] = site.escapes[i].load(std::memory_order_relaxed);
    (left_arena(i) ? left : never) += stats.reasons[i];
  }
  const std::uint64_t in_arenas = made(site.id, 1);
  const std::uint64_t on_heap = made(site.id, 0);
  stats.stayed = in_arenas - std::min(left, in_arenas);
  stats.escaped = left + never;
  stats.heap = on_heap - std::min(never, on_heap);
  stats.bytes =
      site.bytes * (in_arenas + on_heap) + site.array_bytes.load(std::memory_order_relaxed);
  stats.escaped_bytes =
      std::min(stats.bytes, site.bytes * stats.escaped +
                                site.array_escaped_bytes.load(std::memory_order_relaxed));
  stats.learned = site.arena_word != 0 && site.arena_header.load(std::memory_order_relaxed) == 0;
  return stats;
}

std::vector<EscapeStats> escape_stats() {
  std::vector<EscapeStats> all;
  const std::uint32_t end = memory::end_of_sites();
  for (std::uint32_t id = 1; id < end; ++id) all.push_back(memory::stats_of(memory::site_of(id)));
  std::stable_sort(all.begin(), all.end(), [](const EscapeStats& a, const EscapeStats& b) {
    return a.escaped > b.escaped;
  });
  return all;
}

}  // namespace taskscope
