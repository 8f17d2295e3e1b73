#include "runtime/memory/collector.h"

#include <algorithm>
#include <cstdio>
#include <thread>

#include "runtime/base/check.h"
#include "runtime/base/clock.h"
#include "runtime/base/futex.h"
#include "runtime/base/lock.h"
#include "runtime/base/no_signals.h"
#include "runtime/memory/cycle.h"
#include "runtime/memory/gc_events.h"
#include "runtime/memory/marking.h"
#include "runtime/memory/page_heap.h"
#include "runtime/memory/roots.h"
#include "runtime/memory/type.h"
#include "runtime/sched/blocking.h"
#include "runtime/sched/process.h"
#include "runtime/sched/scheduler.h"
#include "runtime/sched/thread.h"

namespace taskscope::memory {

constinit std::atomic<std::uint32_t> g_collecting{0};
constinit std::atomic<std::uint32_t> g_dead{0};
constinit CollectionFigures g_collections;

namespace {

enum : std::uint32_t { kIdle, kCalled, kAsked };
// Atomic: see the table; a futex.
constinit std::atomic<std::uint32_t> g_collector{kIdle};
// Written by whoever calls the collector.
constinit sched::Scheduler* g_scheduler = nullptr;
constinit int g_patience = 0;

// How often tasks are waited for that change containers, 50 µs each.
constexpr int kPatience = 4;
constexpr int kPatienceOfGc = 20;
// For how long a task waits that takes a run of slots beyond the goal.
constexpr std::int64_t kSlowedNs = 50'000;

struct CollectorThread {
  base::Lock lock;
  std::thread thread TASKSCOPE_GUARDED_BY(lock);
  std::atomic<bool> ends{false};  // relaxed, before g_collector is written
};
CollectorThread& collector_thread() {
  static CollectorThread instance;
  return instance;
}

constinit base::Lock g_dead_lock;
// Atomic: the task that runs destructors; a null one: nobody. Waited for by g_destroying.
constinit std::atomic<const sched::Task*> g_destroyer{nullptr};
constinit std::atomic<std::uint32_t> g_destroying{0};  // a futex: 1 while there is one

std::uint64_t not_negative(const std::atomic<std::int64_t>& value) {
  return static_cast<std::uint64_t>(
      std::max<std::int64_t>(value.load(std::memory_order_relaxed), 0));
}

void scavenge() {
  const std::uint64_t live = g_heap.live.load(std::memory_order_relaxed);
  const auto goal = static_cast<std::uint64_t>(g_heap.goal.load(std::memory_order_relaxed));
  g_pages.scavenge((live + goal) / 10 / kSpanBytes);
}

void note_figures(const CycleTimes& times) {
  g_collections.pauses.fetch_add(times.pauses, std::memory_order_relaxed);
  g_collections.pause_ns.store(times.pause_ns, std::memory_order_relaxed);
  g_collections.pause_ns_sum.fetch_add(times.pauses_ns, std::memory_order_relaxed);
  g_collections.pause_ns_max.store(
      std::max(times.pause_ns, g_collections.pause_ns_max.load(std::memory_order_relaxed)),
      std::memory_order_relaxed);
  g_collections.mark_ns.store(times.marked_ns - times.marking_ns, std::memory_order_relaxed);
  g_collections.count.fetch_add(1, std::memory_order_release);
}

// As Go's: gc N @SECONDSs: BEGIN+MARK+SWEEP ms clock, PAUSE ms pause, BEFORE->LIVE MB, GOAL MB
// goal, N T
void print_trace(const Cycle& cycle) {
  if (!settings().trace) return;
  const CycleTimes& times = cycle.times();
  static const std::uint64_t start_ns = times.begun_ns;
  const auto ms = [](std::uint64_t from, std::uint64_t to) {
    return static_cast<double>(to - from) / 1e6;
  };
  const auto mb = [](std::uint64_t bytes) { return static_cast<unsigned long>(bytes >> 20); };
  const std::uint64_t live = g_heap.live.load(std::memory_order_relaxed);
  std::fprintf(stderr,
               "gc %lu @%.3fs: %.3g+%.3g+%.3g ms clock, %.3g ms pause, %lu->%lu MB, %lu MB goal, "
               "%zu T\n",
               static_cast<unsigned long>(g_collections.count.load(std::memory_order_relaxed)),
               static_cast<double>(times.begun_ns - start_ns) / 1e9,
               ms(times.begun_ns, times.marking_ns), ms(times.marking_ns, times.marked_ns),
               ms(times.marked_ns, times.swept_ns), ms(0, times.pause_ns), mb(cycle.before_bytes()),
               mb(live), mb(live + not_negative(g_heap.goal)), cycle.threads());
}

void tell_of(std::uint64_t number, const Cycle& cycle) {
  const CycleTimes& times = cycle.times();
  tell_phase(number, GcPhase::Handshake, {times.begun_ns, times.marking_ns});
  tell_phase(number, GcPhase::Mark, {times.marking_ns, times.marked_ns});
  tell_phase(number, GcPhase::Sweep, {times.marked_ns, times.swept_ns});
  for (const PhaseTimes& pause : times.held) tell_phase(number, GcPhase::Pause, pause);
  const std::uint64_t live = g_heap.live.load(std::memory_order_relaxed);
  tell_cycle_ends(number,
                  {.live_bytes = live,
                   .live_objects = g_heap.live_objects.load(std::memory_order_relaxed),
                   .freed_bytes = cycle.before_bytes() - std::min(live, cycle.before_bytes()),
                   .goal_bytes = live + not_negative(g_heap.goal)});
}

// Of the collection that is under way, or is next.
std::uint64_t number_of_next() { return g_collections.count.load(std::memory_order_relaxed) + 1; }

void collect_once() {
  const std::uint64_t number = number_of_next();
  const std::uint64_t live = g_heap.live.load(std::memory_order_relaxed);
  tell_cycle_begins(number, live + not_negative(g_heap.since), live + not_negative(g_heap.goal));
  Cycle cycle(*g_scheduler, g_patience);
  if (!cycle.run()) return;
  {
    const base::LockGuard guard(g_dead_lock);
    g_dead.store(cycle.dead(), std::memory_order_relaxed);
  }
  scavenge();
  note_figures(cycle.times());
  print_trace(cycle);
  tell_of(number, cycle);
}

void collector_main() {
  const sched::HelperThread helper;
  for (;;) {
    std::uint32_t seen = g_collector.load(std::memory_order_acquire);
    if (seen != kAsked) {
      base::futex_wait(g_collector, seen);
      continue;
    }
    if (collector_thread().ends.load(std::memory_order_relaxed)) return;
    collect_once();
    g_collector.store(kIdle, std::memory_order_release);
    base::futex_wake(g_collector, 1 << 30);
    base::futex_wake(g_phase, 1 << 30);
  }
}

void start_collector() {
  CollectorThread& collector = collector_thread();
  const base::LockGuard guard(collector.lock);
  if (collector.thread.joinable()) return;
  const base::NoSignals no_signals;
  collector.ends.store(false, std::memory_order_relaxed);
  collector.thread = std::thread(collector_main);
}

bool may_collect() {
  return !sched::in_forked_child() && !sched::current_thread()->scheduler().stopping();
}

// REQUIRES: no destructors are due, or run. Unless somebody has called it already.
void call_collector(int patience) {
  std::uint32_t idle = kIdle;
  if (!g_collector.compare_exchange_strong(idle, kCalled)) return;
  // What the last one has left came before it was idle.
  if (g_dead.load(std::memory_order_acquire) != 0 ||
      g_destroyer.load(std::memory_order_acquire) != nullptr) {
    g_collector.store(kIdle, std::memory_order_release);
  } else {
    start_collector();
    g_scheduler = &sched::current_thread()->scheduler();
    g_patience = patience;
    g_collector.store(kAsked, std::memory_order_release);
  }
  base::futex_wake(g_collector, 1 << 30);
}

// What the last use of registers that calls do not keep has left there looks like handles: two
// pointers at once are often moved by them.
inline void clear_vector_registers() {
#if defined(__x86_64__)
  asm volatile(
      "pxor %%xmm0, %%xmm0\n\tpxor %%xmm1, %%xmm1\n\tpxor %%xmm2, %%xmm2\n\t"
      "pxor %%xmm3, %%xmm3\n\tpxor %%xmm4, %%xmm4\n\tpxor %%xmm5, %%xmm5\n\t"
      "pxor %%xmm6, %%xmm6\n\tpxor %%xmm7, %%xmm7\n\tpxor %%xmm8, %%xmm8\n\t"
      "pxor %%xmm9, %%xmm9\n\tpxor %%xmm10, %%xmm10\n\tpxor %%xmm11, %%xmm11\n\t"
      "pxor %%xmm12, %%xmm12\n\tpxor %%xmm13, %%xmm13\n\tpxor %%xmm14, %%xmm14\n\t"
      "pxor %%xmm15, %%xmm15"
      :
      :
      : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",
        "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
#endif
}

// While the task waits, it changes no container.
void wait_where_settled(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                        std::int64_t deadline_ns = 0) {
  Local& local = own_local("ts::gc");
  local.waits.store(true, std::memory_order_release);
  clear_vector_registers();
  if (deadline_ns == 0) {
    base::futex_wait(word, expected);
  } else {
    base::futex_wait_until(word, expected, deadline_ns);
  }
  local.waits.store(false, std::memory_order_release);
}

// ---- Destructors --------------------------------------------------------------------------------

// One task at a time; it may be one of those whose destructors allocate.
bool begin_destroying() {
  const sched::Task* nobody = nullptr;
  const sched::Task* const self = sched::current_thread()->task();
  if (!g_destroyer.compare_exchange_strong(nobody, self)) return false;
  g_destroying.store(1, std::memory_order_relaxed);
  return true;
}
void end_destroying() {
  g_destroyer.store(nullptr, std::memory_order_release);
  g_destroying.store(0, std::memory_order_release);
  base::futex_wake(g_destroying, 1 << 30);
}

std::uint32_t take_dead() {
  const base::LockGuard guard(g_dead_lock);
  const std::uint32_t index = g_dead.load(std::memory_order_relaxed);
  if (index != 0) g_dead.store(g_space.spans[index].next, std::memory_order_relaxed);
  return index;
}

// False: there is nothing left. Whoever has died is known, and nobody else can reach it.
bool destroy_one_span() {
  std::uint32_t index;
  {
    const BusySection busy(own_local("ts::gc"));
    index = take_dead();
  }
  if (index == 0) return false;
  each_built_object(index, [](void* object) {
    if (g_space.is_marked(object)) return;
    const TypeInfo& type = type_info(header_of(object).type());
    header_of(object) = {};
    type.destroy(object);
    g_collections.destroyed.fetch_add(1, std::memory_order_relaxed);
  });
  const BusySection busy(own_local("ts::gc"));
  put_back_swept(index);
  return true;
}

// False if the caller is a destructor itself.
bool destroy_all() {
  while (g_dead.load(std::memory_order_acquire) != 0 ||
         g_destroyer.load(std::memory_order_acquire) != nullptr) {
    if (g_destroyer.load() == sched::current_thread()->task()) return false;
    if (begin_destroying()) {
      const auto begun_ns = static_cast<std::uint64_t>(base::monotonic_ns());
      while (destroy_one_span()) {
      }
      end_destroying();
      tell_phase(g_collections.count.load(std::memory_order_relaxed), GcPhase::Destroy,
                 {begun_ns, static_cast<std::uint64_t>(base::monotonic_ns())});
    } else {
      wait_where_settled(g_destroying, 1);
    }
  }
  return true;
}

}  // namespace

void destroy_some() {
  if (!begin_destroying()) return;
  destroy_one_span();
  end_destroying();
}

void wait_for_collection() {
  while (g_collecting.load(std::memory_order_acquire) != 0) {
    wait_where_settled(g_collecting, 1);
  }
}

void collect_soon() {
  if (!may_collect()) return;
  if (g_collector.load(std::memory_order_relaxed) == kIdle) {
    // One span at a time would take too long now.
    if (g_destroyer.load(std::memory_order_relaxed) == nullptr) destroy_all();
    call_collector(kPatience);
  }
  // Who allocates faster than the collector marks is slowed down beyond the goal, and waits for it
  // at some point.
  const auto beyond = [] {
    return g_heap.since.load(std::memory_order_relaxed) -
           g_heap.goal.load(std::memory_order_relaxed);
  };
  const std::uint32_t seen = phase();
  if (beyond() < 0 || g_collector.load(std::memory_order_acquire) == kIdle) return;
  const auto now_ns = [] { return static_cast<std::uint64_t>(base::monotonic_ns()); };
  const std::uint64_t begun_ns = now_ns();
  const std::uint64_t number = number_of_next();
  wait_where_settled(g_phase, seen, base::monotonic_ns() + kSlowedNs);
  while (beyond() >= g_heap.goal.load(std::memory_order_relaxed) / 2) {
    const std::uint32_t now = phase();
    if (g_collector.load(std::memory_order_acquire) == kIdle) break;
    wait_where_settled(g_phase, now);
  }
  tell_phase(number, GcPhase::Assist, {begun_ns, now_ns()});
}

void end_collector() {
  CollectorThread& collector = collector_thread();
  const base::LockGuard guard(collector.lock);
  if (!collector.thread.joinable()) return;
  for (std::uint32_t seen; (seen = g_collector.load(std::memory_order_acquire)) != kIdle;) {
    base::futex_wait(g_collector, seen);
  }
  collector.ends.store(true, std::memory_order_relaxed);
  g_collector.store(kAsked, std::memory_order_release);
  base::futex_wake(g_collector, 1 << 30);
  collector.thread.join();
  g_collector.store(kIdle, std::memory_order_release);
}

}  // namespace taskscope::memory

namespace taskscope {

void gc() {
  using memory::g_collections;
  memory::own_local("ts::gc");
  if (memory::g_pages.fresh() <= 1) return;  // nothing was ever made
  // One that has begun already may have missed what has died since.
  const std::uint64_t before = g_collections.count.load(std::memory_order_acquire);
  const bool under_way = memory::g_collector.load(std::memory_order_acquire) != memory::kIdle;
  while (memory::may_collect() && memory::destroy_all() &&
         g_collections.count.load(std::memory_order_acquire) < before + 1 + under_way) {
    memory::note_forced();
    memory::call_collector(memory::kPatienceOfGc);
    // Others may have the worker meanwhile.
    const sched::BlockingSection section(base::Site::here(), sched::CallLength::Unknown);
    const std::uint32_t seen = memory::g_collector.load(std::memory_order_acquire);
    if (seen != memory::kIdle) memory::wait_where_settled(memory::g_collector, seen);
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
      .pauses = get(g_collections.pauses),
      .pause_ns = get(g_collections.pause_ns),
      .pause_ns_max = get(g_collections.pause_ns_max),
      .pause_ns_total = get(g_collections.pause_ns_sum),
      .mark_ns = get(g_collections.mark_ns),
      .destroyed = get(g_collections.destroyed),
      .blocks_recycled = get(g_heap.blocks_recycled),
      .blocks_adopted = get(g_heap.blocks_adopted),
      .hidden_handles = get(g_collections.hidden),
      .missed_objects = get(g_collections.missed)};
  for (const memory::Local* local = memory::first_local(); local != nullptr; local = local->next) {
    stats.refills += local->refills;
  }
  return stats;
}

}  // namespace taskscope
