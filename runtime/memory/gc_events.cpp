#include "runtime/memory/gc_events.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <string>
#include <string_view>

#include "runtime/base/clock.h"
#include "runtime/base/lock.h"
#include "runtime/memory/alloc_site.h"
#include "runtime/memory/collector.h"
#include "runtime/memory/page_heap.h"
#include "runtime/sched/annotation.h"

namespace taskscope::memory {
namespace {

using instrument::Lane;
using trace_format::EventKind;

constexpr std::int64_t kHeapEveryNs = 1'000'000;
constexpr std::int64_t kSitesEveryNs = 1'000'000'000;

// Atomic: relaxed; by whoever asks for a collection, taken back by whoever begins one.
constinit std::atomic<bool> g_forced{false};
// Atomic: relaxed; when they may be told of again. Whoever moves it on does.
constinit std::atomic<std::int64_t> g_heap_next_ns{0};
constinit std::atomic<std::int64_t> g_sites_next_ns{0};

// `text()` is called if somebody hears it, right before the event has its time.
template <class Text>
void tell(EventKind kind, std::uint64_t id, Text text) {
  if (!is_recorded()) return;
  sched::annotate<sched::Speaker::Anybody>(
      [](Lane&) { return nullptr; },
      [&](Lane& lane, const sched::Task*, std::nullptr_t) { lane.collected(kind, id, text()); });
}

bool is_time(std::atomic<std::int64_t>& next_ns, std::int64_t every_ns) {
  const std::int64_t now_ns = base::monotonic_ns();
  std::int64_t expected = next_ns.load(std::memory_order_relaxed);
  return now_ns >= expected &&
         next_ns.compare_exchange_strong(expected, now_ns + every_ns, std::memory_order_relaxed);
}

// ---- Figures of the heap ------------------------------------------------------------------------

// With their units.
constexpr std::array<std::string_view, 7> kFigures = {
    "heap live\tbytes",      "heap goal\tbytes",      "heap idle\tbytes",    "heap spans\tspans",
    "heap refills\trefills", "scope blocks recycled", "scope blocks adopted"};
using Figures = std::array<std::int64_t, kFigures.size()>;

// What was said of them last, and in which recording. Zeros need not be said.
struct Told {
  base::Lock lock;
  Figures values TASKSCOPE_GUARDED_BY(lock){};
  std::uint16_t session TASKSCOPE_GUARDED_BY(lock) = 0;
};
constinit Told g_told;

Figures read_figures() {
  const auto get = [](const auto& value) {
    return std::max<std::int64_t>(static_cast<std::int64_t>(value.load(std::memory_order_relaxed)),
                                  0);
  };
  const PageHeapStats pages = g_pages.stats();
  std::uint64_t refills = 0;
  for (const Local* local = first_local(); local != nullptr; local = local->next) {
    refills += local->refills;
  }
  const std::int64_t live = get(g_heap.live);
  return {live + get(g_heap.since),
          live + get(g_heap.goal),
          static_cast<std::int64_t>(pages.free * kSpanBytes),
          static_cast<std::int64_t>(pages.taken),
          static_cast<std::int64_t>(refills),
          get(g_heap.blocks_recycled),
          get(g_heap.blocks_adopted)};
}

// The first one always, which says whether all are new to the recording.
void tell_changes() TASKSCOPE_REQUIRES(g_told.lock) {
  const Figures figures = read_figures();
  for (std::size_t i = 0; i < figures.size(); ++i) {
    if (i != 0 && figures[i] == g_told.values[i]) continue;
    const bool heard = sched::annotate<sched::Speaker::Anybody>(
        [&](Lane& lane) { return lane.name(kFigures[i]); },
        [&](Lane& lane, const sched::Task*, trace_format::NameId name) TASKSCOPE_NO_ANALYSIS {
          if (g_told.session != lane.session()) g_told.values = {};
          g_told.session = lane.session();
          g_told.values[i] = figures[i];
          lane.counter(name, figures[i]);
        });
    if (!heard) return;
  }
}

void tell_heap() {
  if (!is_recorded()) return;
  const base::LockGuard guard(g_told.lock);
  tell_changes();
}

// ---- Sites --------------------------------------------------------------------------------------

std::string text_of(const AllocSite& site) {
  const EscapeStats stats = stats_of(site);
  trace_format::EscapeSiteText text{.file = stats.file,
                                    .line = stats.line,
                                    .function = stats.function,
                                    .type = stats.type,
                                    .learned = stats.learned,
                                    .bytes = stats.bytes,
                                    .escaped_bytes = stats.escaped_bytes,
                                    .stayed = stats.stayed,
                                    .heap = stats.heap};
  std::copy(std::begin(stats.reasons), std::end(stats.reasons), text.reasons.begin());
  return trace_format::format_escape_site(text);
}

}  // namespace

void note_forced() { g_forced.store(true, std::memory_order_relaxed); }

void tell_cycle_begins(std::uint64_t cycle, std::uint64_t heap_bytes, std::uint64_t goal_bytes) {
  const bool forced = g_forced.exchange(false, std::memory_order_relaxed);
  tell(EventKind::GcBegin, cycle, [&] {
    return trace_format::format_gc_begin(
        {.forced = forced, .heap_bytes = heap_bytes, .goal_bytes = goal_bytes});
  });
  tell_heap();
}

void tell_phase(std::uint64_t cycle, GcPhase phase, PhaseTimes times) {
  tell(EventKind::GcPhase, cycle, [&] {
    const auto now_ns = static_cast<std::uint64_t>(base::monotonic_ns());
    return trace_format::format_gc_phase({.phase = phase,
                                          .ago_ns = now_ns - times.begin_ns,
                                          .length_ns = times.end_ns - times.begin_ns});
  });
}

void tell_cycle_ends(std::uint64_t cycle, const trace_format::GcEndText& figures) {
  tell(EventKind::GcEnd, cycle, [&] { return trace_format::format_gc_end(figures); });
  tell_heap();
  if (!is_recorded() || !is_time(g_sites_next_ns, kSitesEveryNs)) return;
  const std::uint32_t end = end_of_sites();
  for (std::uint32_t id = 1; id < end; ++id) {
    tell(EventKind::EscapeSite, id, [&] { return text_of(site_of(id)); });
  }
}

void tell_heap_slowly() TASKSCOPE_NO_ANALYSIS {
  if (!is_time(g_heap_next_ns, kHeapEveryNs)) return;
  if (!g_told.lock.try_lock()) return;  // somebody just does
  tell_changes();
  g_told.lock.unlock();
}

void tell_sites(Lane& lane) {
  const std::uint32_t end = end_of_sites();
  for (std::uint32_t id = 1; id < end; ++id) {
    lane.collected(EventKind::EscapeSite, id, text_of(site_of(id)));
  }
}

}  // namespace taskscope::memory
