#include "runtime/memory/alloc_site.h"

#include <algorithm>
#include <string_view>

#include "runtime/base/check.h"
#include "runtime/base/lock.h"
#include "runtime/memory/address_space.h"
#include "runtime/memory/local.h"

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

void register_site(AllocSite& site, std::uint32_t type, std::size_t arena_bytes) {
  const base::LockGuard guard(g_sites_lock);
  if (site.heap_header.load(std::memory_order_relaxed) != 0) return;
  if (g_sites == nullptr) {
    g_sites = static_cast<AllocSite**>(map_description(Header::kSitesMax * sizeof(AllocSite*)));
  }
  const std::uint32_t id = g_site_count.load(std::memory_order_relaxed);
  TASKSCOPE_CHECK(id < Header::kSitesMax);
  site.id = id;
  site.type_id = type;
  g_sites[id] = &site;
  if (arena_bytes != 0) site.arena_word = Header(type, id, arena_bytes).word();
  g_site_count.store(id + 1, std::memory_order_release);
  site.heap_header.store(Header(type, id, 0).word(), std::memory_order_release);
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

void count_escape(std::uint32_t id, EscapeReason reason) {
  AllocSite& site = site_of(id);
  const auto index = static_cast<std::size_t>(reason);
  const std::uint64_t count = site.escapes[index].fetch_add(1, std::memory_order_relaxed) + 1;
  if (count % kLooksAt == 0) learn(site);
}

void count_on_heap(AllocSite& site, EscapeReason reason) {
  site.escapes[static_cast<std::size_t>(reason)].fetch_add(1, std::memory_order_relaxed);
}

void forget_learned() {
  const std::uint32_t end = g_site_count.load(std::memory_order_acquire);
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

const char* to_text(EscapeReason reason) {
  switch (reason) {
    case EscapeReason::None:
      return "does not escape";
    case EscapeReason::Returned:
      return "returned pointer";
    case EscapeReason::Sent:
      return "sent to channel";
    case EscapeReason::Captured:
      return "captured by closure";
    case EscapeReason::Boxed:
      return "assigned to interface";
    case EscapeReason::TooLarge:
      return "too large for stack";
    case EscapeReason::Stored:
      return "stored in heap object";
    case EscapeReason::OutlivedScope:
      return "outlived scope";
    case EscapeReason::NeedsDestructor:
      return "needs its destructor";
    case EscapeReason::Learned:
      return "its site has learned";
  }
  return "unknown";
}

std::vector<EscapeStats> escape_stats() {
  std::vector<EscapeStats> all;
  const std::uint32_t end = memory::g_site_count.load(std::memory_order_acquire);
  for (std::uint32_t id = 1; id < end; ++id) {
    const AllocSite& site = memory::site_of(id);
    EscapeStats stats{.file = site.file, .line = site.line, .type = memory::shown_type(site.type)};
    std::uint64_t left = 0;
    std::uint64_t never = 0;
    for (std::size_t i = 0; i < memory::kEscapeReasons; ++i) {
      stats.reasons[i] = site.escapes[i].load(std::memory_order_relaxed);
      (memory::left_arena(i) ? left : never) += stats.reasons[i];
    }
    const std::uint64_t in_arenas = memory::made(id, 1);
    const std::uint64_t on_heap = memory::made(id, 0);
    stats.stayed = in_arenas - std::min(left, in_arenas);
    stats.escaped = left + never;
    stats.heap = on_heap - std::min(never, on_heap);
    stats.bytes =
        site.bytes * (in_arenas + on_heap) + site.array_bytes.load(std::memory_order_relaxed);
    stats.learned = site.arena_word != 0 && site.arena_header.load(std::memory_order_relaxed) == 0;
    all.push_back(std::move(stats));
  }
  std::stable_sort(all.begin(), all.end(), [](const EscapeStats& a, const EscapeStats& b) {
    return a.escaped > b.escaped;
  });
  return all;
}

}  // namespace taskscope
