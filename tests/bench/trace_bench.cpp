// What one event costs the traced program, timestamp included.
//
// Events go into a ring that this benchmark empties itself, every few hundred events, by moving the
// reader's tail: what a recorder that keeps up looks like to the producer.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <memory>

#include "runtime/base/check.h"
#include "runtime/base/clock.h"
#include "runtime/instrument/tracer.h"

namespace {

using taskscope::instrument::Lane;
using taskscope::instrument::Tracer;
using taskscope::trace_format::BlockReason;

constexpr std::int64_t kEventsPerRound = 512;

std::unique_ptr<Tracer> make_tracer() {
  auto tracer = Tracer::without_recorder({.workers = 1, .ring_capacity = 1 << 16});
  TASKSCOPE_CHECK(tracer.has_value());
  return *std::move(tracer);
}

void empty_ring(Tracer& tracer) {
  auto& header = tracer.ring(0).header();
  header.tail.store(header.head.load(std::memory_order_relaxed), std::memory_order_release);
}

// Adds the time of one event; an iteration is a round of them.
void count_events(benchmark::State& state) {
  state.counters["event_s"] = benchmark::Counter(
      static_cast<double>(kEventsPerRound),
      benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

void timestamp(benchmark::State& state) {
  const auto source = taskscope::base::tick_source();
  for (auto _ : state) {
    for (std::int64_t i = 0; i < kEventsPerRound; ++i) {
      benchmark::DoNotOptimize(taskscope::base::ticks(source));
    }
  }
  count_events(state);
}
BENCHMARK(timestamp);

void event(benchmark::State& state) {
  const auto tracer = make_tracer();
  Lane& lane = tracer->lane(0);
  for (auto _ : state) {
    for (std::uint32_t i = 0; i < kEventsPerRound; ++i) lane.ready(7, i);
    empty_ring(*tracer);
  }
  count_events(state);
}
BENCHMARK(event);

void hand_off(benchmark::State& state) {
  const auto tracer = make_tracer();
  Lane& lane = tracer->lane(0);
  for (auto _ : state) {
    for (std::uint32_t i = 0; i < kEventsPerRound / 2; ++i) {
      const std::uint64_t now = lane.now();
      lane.block(now, 3, BlockReason::ChanRecv, 1);
      lane.run(now, 7, i);
    }
    empty_ring(*tracer);
  }
  count_events(state);
}
BENCHMARK(hand_off);

// A beginning and an end, with the names looked up: two events.
void region(benchmark::State& state) {
  const auto tracer = make_tracer();
  Lane& lane = tracer->lane(0);
  const auto here = taskscope::base::Site::here();
  for (auto _ : state) {
    for (std::uint32_t i = 0; i < kEventsPerRound / 2; ++i) {
      const auto name = lane.name("parse a request");
      lane.region_begin(name, 1, lane.site(here));
      lane.region_end(name, 1);
    }
    empty_ring(*tracer);
  }
  count_events(state);
}
BENCHMARK(region);

void counter(benchmark::State& state) {
  const auto tracer = make_tracer();
  Lane& lane = tracer->lane(0);
  for (auto _ : state) {
    for (std::uint32_t i = 0; i < kEventsPerRound; ++i) lane.counter(lane.name("queue depth"), i);
    empty_ring(*tracer);
  }
  count_events(state);
}
BENCHMARK(counter);

void full_ring(benchmark::State& state) {
  const auto tracer = make_tracer();
  Lane& lane = tracer->lane(0);
  while (lane.writer().lost() == 0) lane.ready(7, 0);
  for (auto _ : state) {
    for (std::uint32_t i = 0; i < kEventsPerRound; ++i) lane.ready(7, i);
  }
  count_events(state);
}
BENCHMARK(full_ring);

}  // namespace

BENCHMARK_MAIN();
