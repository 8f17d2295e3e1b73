#include "runtime/memory/collector.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <vector>

#include "runtime/base/check.h"
#include "runtime/base/clock.h"
#include "runtime/base/futex.h"
#include "runtime/memory/alloc_site.h"
#include "runtime/memory/arena.h"
#include "runtime/memory/gc_events.h"
#include "runtime/memory/marker.h"
#include "runtime/memory/page_heap.h"
#include "runtime/memory/roots.h"
#include "runtime/memory/stopped_world.h"
#include "runtime/memory/type.h"
#include "runtime/memory/verify.h"
#include "runtime/memory/weak_table.h"
#include "runtime/sched/scheduler.h"
#include "runtime/sched/thread.h"

namespace taskscope::memory {

constinit std::atomic<std::uint32_t> g_collecting{0};
// Atomic: 1 while somebody collects, destructors included; a futex.
constinit std::atomic<std::uint32_t> g_collector{0};
constinit CollectionFigures g_collections;

namespace {

constexpr std::int64_t kGoalMin = std::int64_t{4} << 20;

// Says which handles in containers belong to collected objects.
class OwnTracer final : public Tracer {
 public:
  OwnTracer() : Tracer(true) {}
  void edge(const void* place, void*) override {
    if (!g_space.contains(place)) set_owned(place);
  }
  void words(const void*, std::size_t) override {}
};

template <class Visit>
void each_built_object(std::uint32_t index, Visit visit) {
  const Span& span = g_space.spans[index];
  char* const start = g_space.start_of(index);
  if (span.kind == SpanKind::Large) {
    void* const object = start + kGranuleBytes;
    if (header_of(object).built()) visit(object);
    return;
  }
  for (std::uint32_t slot = 0; slot < span.slots; ++slot) {
    void* const object = start + kFirstSlot + std::size_t{slot} * span.slot_bytes + kHeaderBytes;
    if (header_of(object).built()) visit(object);
  }
}

template <class Visit>
void each_destructible(Visit visit) {
  const std::uint32_t end = g_pages.fresh();
  for (std::uint32_t index = 1; index < end; ++index) {
    const Span& span = g_space.spans[index];
    const bool begins = span.kind == SpanKind::Small || span.kind == SpanKind::Large;
    if (begins && span.destroyed) each_built_object(index, visit);
  }
}

struct Collection {
  std::uint64_t before_bytes = 0;
  std::uint64_t begun_ns = 0;
  std::uint64_t stopped_ns = 0;
  std::uint64_t marked_ns = 0;
  std::uint64_t ended_ns = 0;
  std::uint64_t swept_ns = 0;
  std::uint32_t to_destroy = 0;
  std::vector<const sched::HaltNote*> notes;
};

std::uint64_t not_negative(const std::atomic<std::int64_t>& value) {
  return static_cast<std::uint64_t>(
      std::max<std::int64_t>(value.load(std::memory_order_relaxed), 0));
}

std::uint64_t now_ns() { return static_cast<std::uint64_t>(base::monotonic_ns()); }

void mark_roots(Marker& marker, const StoppedWorld& world, const void* stack_pointer) {
  world.show_tasks(marker, stack_pointer);
  each_root(
      [](void* context, void* const* place, bool owned) {
        if (!owned) static_cast<Marker*>(context)->mark(*place);
      },
      &marker);
  each_range([](void* context, const void* first,
                std::size_t bytes) { static_cast<Marker*>(context)->words(first, bytes); },
             &marker);
}

void clear_marks(std::uint32_t which) {
  std::memset(g_space.marks[which], 0, std::size_t{g_pages.fresh()} * kMarkBytes);
}

void set_goal(std::uint64_t live) {
  const std::int64_t percent = std::max(settings().percent, 0);
  g_heap.goal.store(std::max(kGoalMin, static_cast<std::int64_t>(live) * percent / 100),
                    std::memory_order_relaxed);
  g_heap.before.fetch_add(g_heap.since.exchange(0, std::memory_order_relaxed),
                          std::memory_order_relaxed);
}

// With the world stopped.
void mark_and_free(Collection& collection, const StoppedWorld& world, const void* stack_pointer) {
  const std::uint32_t next = g_space.marked ^ 1;
  clear_marks(next);
  empty_locals(next);
  if (world.settled()) {
    OwnTracer tracer;
    each_destructible([&](void* object) { show_object(object, tracer); });
    g_collections.exact.fetch_add(1, std::memory_order_relaxed);
  }
  Marker marker(world.settled());
  mark_roots(marker, world, stack_pointer);
  marker.drain();
  if (world.settled()) forget_owned();
  if (settings().verify) find_hidden_handles(marker, collection.notes);
  collection.marked_ns = now_ns();
  clear_dead_weaks(next);
  g_space.marked = next;
  trim_arenas();
  const Rebuilt rebuilt = rebuild_lists();
  collection.to_destroy = rebuilt.to_destroy;
  g_heap.live.store(rebuilt.live_bytes, std::memory_order_relaxed);
  g_heap.live_objects.store(rebuilt.live_objects, std::memory_order_relaxed);
  set_goal(rebuilt.live_bytes);
}

[[gnu::noinline]] void collect_stopped(void* argument, const void* stack_pointer) {
  Collection& collection = *static_cast<Collection*>(argument);
  const sched::RuntimeSection section(*sched::current_thread());
  const StoppedWorld world(collection.notes);
  collection.stopped_ns = now_ns();
  mark_and_free(collection, world, stack_pointer);
  collection.ended_ns = now_ns();
}

// Tasks run again; whoever has died is known, and nobody else can reach it.
void destroy_dead(std::uint32_t first) {
  while (first != 0) {
    const std::uint32_t next = g_space.spans[first].next;
    each_built_object(first, [](void* object) {
      if (g_space.is_marked(object)) return;
      const TypeInfo& type = type_info(header_of(object).type());
      header_of(object) = {};
      type.destroy(object);
      g_collections.destroyed.fetch_add(1, std::memory_order_relaxed);
    });
    Local& local = own_local("ts::gc");
    const BusySection busy(local);
    put_back_swept(first);
    first = next;
  }
}

void scavenge() {
  const std::uint64_t live = g_heap.live.load(std::memory_order_relaxed);
  const auto goal = static_cast<std::uint64_t>(g_heap.goal.load(std::memory_order_relaxed));
  g_pages.scavenge((live + goal) / 10 / kSpanBytes);
}

void note_figures(const Collection& collection) {
  const std::uint64_t pause = collection.ended_ns - collection.stopped_ns;
  g_collections.count.fetch_add(1, std::memory_order_relaxed);
  g_collections.pause_ns.store(pause, std::memory_order_relaxed);
  g_collections.pause_ns_sum.fetch_add(pause, std::memory_order_relaxed);
  g_collections.pause_ns_max.store(
      std::max(pause, g_collections.pause_ns_max.load(std::memory_order_relaxed)),
      std::memory_order_relaxed);
}

// As Go's: gc N @SECONDSs: STOP+MARK+SWEEP ms clock, BEFORE->LIVE MB, GOAL MB goal, N T
void print_trace(const Collection& collection) {
  if (!settings().trace) return;
  static const std::uint64_t start_ns = collection.begun_ns;
  const auto ms = [](std::uint64_t from, std::uint64_t to) {
    return static_cast<double>(to - from) / 1e6;
  };
  const auto mb = [](std::uint64_t bytes) { return static_cast<unsigned long>(bytes >> 20); };
  const std::uint64_t live = g_heap.live.load(std::memory_order_relaxed);
  std::fprintf(stderr, "gc %lu @%.3fs: %.3g+%.3g+%.3g ms clock, %lu->%lu MB, %lu MB goal, %zu T\n",
               static_cast<unsigned long>(g_collections.count.load(std::memory_order_relaxed)),
               static_cast<double>(collection.begun_ns - start_ns) / 1e9,
               ms(collection.begun_ns, collection.stopped_ns),
               ms(collection.stopped_ns, collection.ended_ns),
               ms(collection.ended_ns, collection.swept_ns), mb(collection.before_bytes), mb(live),
               mb(live + not_negative(g_heap.goal)), collection.notes.size());
}

void tell_of(std::uint64_t cycle, const Collection& collection) {
  tell_phase(cycle, GcPhase::Handshake, {collection.begun_ns, collection.stopped_ns});
  tell_phase(cycle, GcPhase::Pause, {collection.stopped_ns, collection.ended_ns});
  tell_phase(cycle, GcPhase::Mark, {collection.stopped_ns, collection.marked_ns});
  tell_phase(cycle, GcPhase::Sweep, {collection.marked_ns, collection.ended_ns});
  tell_phase(cycle, GcPhase::Destroy, {collection.ended_ns, collection.swept_ns});
  const std::uint64_t live = g_heap.live.load(std::memory_order_relaxed);
  tell_cycle_ends(cycle,
                  {.live_bytes = live,
                   .live_objects = g_heap.live_objects.load(std::memory_order_relaxed),
                   .freed_bytes = collection.before_bytes - std::min(live, collection.before_bytes),
                   .goal_bytes = live + not_negative(g_heap.goal)});
}

}  // namespace

void wait_for_collection(Local& local) {
  local.waits.store(true, std::memory_order_release);
  while (g_collecting.load(std::memory_order_acquire) != 0) base::futex_wait(g_collecting, 1);
  local.waits.store(false, std::memory_order_release);
}

// Until nobody collects, destructors included.
void wait_for_collector(Local& local) {
  local.waits.store(true, std::memory_order_release);
  while (g_collector.load(std::memory_order_acquire) != 0) base::futex_wait(g_collector, 1);
  local.waits.store(false, std::memory_order_release);
}

void collect(Local& local) {
  std::uint32_t nobody = 0;
  if (!g_collector.compare_exchange_strong(nobody, 1)) {
    // Destructors of the last one's dead may still run, and this may be one of them.
    if (g_collecting.load(std::memory_order_relaxed) != 0) wait_for_collection(local);
    return;
  }
  Collection collection;
  const std::uint64_t live = g_heap.live.load(std::memory_order_relaxed);
  collection.before_bytes = live + not_negative(g_heap.since);
  const std::uint64_t cycle = g_collections.count.load(std::memory_order_relaxed) + 1;
  tell_cycle_begins(cycle, collection.before_bytes, live + not_negative(g_heap.goal));
  g_collecting.store(1);
  collection.begun_ns = now_ns();
  taskscope_with_registers(collect_stopped, &collection);
  g_collecting.store(0, std::memory_order_release);
  base::futex_wake(g_collecting, 1 << 30);
  destroy_dead(collection.to_destroy);
  scavenge();
  collection.swept_ns = now_ns();
  note_figures(collection);
  print_trace(collection);
  tell_of(cycle, collection);
  g_collector.store(0, std::memory_order_release);
  base::futex_wake(g_collector, 1 << 30);
}

}  // namespace taskscope::memory

namespace taskscope {

void gc() {
  memory::Local& local = memory::own_local("ts::gc");
  // One that has begun already may have missed what has died since.
  const std::uint64_t before = memory::g_collections.count.load(std::memory_order_relaxed);
  const bool under_way = memory::g_collector.load(std::memory_order_acquire) != 0;
  while (memory::g_collections.count.load(std::memory_order_relaxed) < before + 1 + under_way) {
    memory::wait_for_collector(local);
    memory::note_forced();
    memory::collect(local);
  }
}

MemStats mem_stats() {
  using memory::g_collections;
  using memory::g_heap;
  const auto get = [](const std::atomic<std::uint64_t>& value) {
    return value.load(std::memory_order_relaxed);
  };
  const memory::PageHeapStats pages = memory::g_pages.stats();
  MemStats stats{
      .live_bytes = get(g_heap.live),
      .live_objects = get(g_heap.live_objects),
      .allocated_bytes = memory::not_negative(g_heap.before) + memory::not_negative(g_heap.since),
      .goal_bytes = memory::not_negative(g_heap.goal),
      .heap_bytes = pages.taken * memory::kSpanBytes,
      .idle_bytes = pages.free * memory::kSpanBytes,
      .returned_bytes = pages.given * memory::kSpanBytes,
      .roots = memory::root_count(),
      .collections = get(g_collections.count),
      .exact_collections = get(g_collections.exact),
      .pause_ns = get(g_collections.pause_ns),
      .pause_ns_max = get(g_collections.pause_ns_max),
      .pause_ns_total = get(g_collections.pause_ns_sum),
      .destroyed = get(g_collections.destroyed),
      .blocks_recycled = get(g_heap.blocks_recycled),
      .blocks_adopted = get(g_heap.blocks_adopted),
      .hidden_handles = get(g_collections.hidden)};
  for (const memory::Local* local = memory::first_local(); local != nullptr; local = local->next) {
    stats.refills += local->refills;
  }
  return stats;
}

}  // namespace taskscope
