// Brings the events of many rings into one legal order and feeds them to the span builder.
//
// The earliest event goes first, unless its turn has not come (SpanBuilder::fit): then its ring
// waits and the others go on. Whoever makes an event possible published its own event before, so
// once every ring was read again after a ring began to wait, a cause that is still missing is lost
// for good, and the earliest waiting event is taken without it. No clock and no timeout decides:
// the same bytes give the same rows, however they were cut into reads, as long as none are lost.
// A `by` and the event after it are taken together, when the turn of both has come. Of events at
// the same time that of the ring added first goes first.
//
// Nearly always no ring waits and events say all by themselves: then they are lined up, many at a
// time, and the builder takes them in a row. Others (texts, `by`, losses) go the long way between
// two lines. Once a ring waits, all do until it no longer does.
//
// Invariants:
//   1. Behind the last record of each ring stands kNothing twice, which is not plain.
//
// Owns what was read and not yet taken. One thread at a time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "recorder/ingest/clock_map.h"
#include "recorder/ingest/earliest.h"
#include "recorder/ingest/span_builder.h"
#include "runtime/trace_format/codec.h"

namespace taskscope::ingest {

class Merge {
 public:
  // Borrows both; they must outlive the merge.
  Merge(SpanBuilder& builder, const ClockMap& clock) : builder_(&builder), clock_(&clock) {}

  // A new producer; the result names it in later calls.
  std::size_t add_ring(store::WorkerId worker_id);

  // Room for `count` records at the end of what was read from the ring; fill it, then advance().
  std::span<trace_format::Record> extend(std::size_t ring, std::size_t count);
  void append(std::size_t ring, std::span<const trace_format::Record> records);
  // Forgets what was read and not taken: the ring turned out to be garbage.
  void discard(std::size_t ring);

  // Takes all events whose turn has come. REQUIRES: since the last call every ring was read to
  // where its producer was.
  void advance();
  // What happened after `ticks` is not taken, nor what followed from it and has an older time: a
  // worker takes its next task with a time that it has read before. REQUIRES: nothing of it has
  // been.
  void end_at(std::uint64_t ticks) { end_ticks_ = ticks; }
  // Takes everything that is left. REQUIRES: no ring will grow any more.
  void drain();

  std::uint64_t unknown_records() const { return unknown_records_; }
  // Events lost, as the ring's own records say.
  std::uint64_t reported_lost(std::size_t ring) const { return rings_[ring].reported_lost; }
  std::size_t builder_ring(std::size_t ring) const { return rings_[ring].builder_ring; }

 private:
  struct Ring {
    std::size_t builder_ring = 0;
    std::vector<trace_format::Record> records;  // room; see invariant 1
    std::size_t at = 0;
    std::size_t end = 0;
    trace_format::Decoded head;  // with a `by`: the event after it, and the records of both
    bool has_head = false;
    bool has_by = false;
    trace_format::Event by;
    std::uint64_t waiting_since = 0;  // the round in which the head was found to wait; 0: it is not
    std::uint64_t reported_lost = 0;

    std::uint64_t ticks() const { return has_by ? by.ticks : head.event.ticks; }
  };

  // What is looked at of a ring to line up its events.
  struct Head {
    const trace_format::Record* record = nullptr;  // whose key is among the others
    std::uint64_t next_key = 0;                    // of the one behind it
    std::size_t builder_ring = 0;
  };

  void take_lined_up();
  std::uint64_t key_of(const trace_format::Record& record, std::size_t index) const;
  void begin_lines();
  std::uint64_t begin_head(std::size_t index);
  std::size_t place_of(std::size_t index) const;
  std::size_t line_up(std::size_t count_max);
  bool take_long_way();
  void end_lines(std::size_t taken, std::size_t count);
  bool load_head(Ring& ring);
  bool load_acted(Ring& ring, std::span<const trace_format::Record> rest);
  bool is_later(const Ring& ring) const;
  void take_head(Ring& ring);
  void take_plain(Ring& ring, std::uint64_t ticks_limit);
  void run_until(std::size_t index, std::uint64_t ticks_limit);
  void see_head(std::size_t index);
  void end_wait(Ring& ring);
  bool recheck_waiting();
  void take_what_fits();
  bool force_one(std::uint64_t read_again_since);
  bool is_about_rest_of(const Ring& other, store::TaskId task) const;
  void cut_what_came_after();

  static constexpr std::uint64_t kNever = ~std::uint64_t{0};
  static constexpr trace_format::Record kNothing{kNever, kNever};
  static constexpr std::size_t kNothings = 2;
  static constexpr std::size_t kLineMin = 16;
  static constexpr std::size_t kLineMax = 128;

  SpanBuilder* builder_;
  const ClockMap* clock_;
  std::vector<Ring> rings_;
  std::vector<std::uint64_t> next_ticks_;  // of each ring's head; kNever: it has none or waits
  Earliest earliest_;                      // of the rings' keys, see key_of()
  std::vector<std::uint64_t> keys_;        // scratch
  std::vector<Head> heads_;                // while events are lined up
  std::uint64_t first_ticks_ = 0;          // from which the keys count
  std::uint64_t key_ticks_max_ = 0;        // how far they may
  std::array<SpanBuilder::Due, kLineMax> line_;
  std::array<std::uint32_t, kLineMax> line_rings_{};
  std::uint64_t end_ticks_ = kNever;
  std::size_t waiting_ = 0;  // rings that wait
  std::uint64_t round_ = 1;
  std::uint64_t unknown_records_ = 0;
};

}  // namespace taskscope::ingest
