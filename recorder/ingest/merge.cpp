#include "recorder/ingest/merge.h"

#include <algorithm>
#include <array>
#include <limits>

namespace taskscope::ingest {

using trace_format::DecodeStatus;
using trace_format::EventKind;
using trace_format::Record;

std::size_t Merge::add_ring(store::WorkerId worker_id) {
  rings_.emplace_back();
  rings_.back().builder_ring = builder_->add_ring(worker_id);
  next_ticks_.push_back(kNever);
  return rings_.size() - 1;
}

std::span<Record> Merge::extend(std::size_t index, std::size_t count) {
  Ring& ring = rings_[index];
  // What was taken makes room first. The head points into the records, so it is read anew.
  ring.records.erase(ring.records.begin(),
                     ring.records.begin() + static_cast<std::ptrdiff_t>(ring.at));
  ring.at = 0;
  ring.has_head = false;
  const std::size_t size = ring.records.size();
  ring.records.resize(size + count);
  return {ring.records.data() + size, count};
}

void Merge::append(std::size_t ring, std::span<const Record> records) {
  std::copy(records.begin(), records.end(), extend(ring, records.size()).begin());
}

void Merge::discard(std::size_t index) {
  Ring& ring = rings_[index];
  ring.records.clear();
  ring.at = 0;
  ring.has_head = false;
  end_wait(ring);
}

void Merge::end_wait(Ring& ring) {
  if (ring.waiting_since == 0) return;
  ring.waiting_since = 0;
  --waiting_;
}

namespace {

// Kinds that need no look at what follows their record.
constexpr auto kIsPlain = [] {
  std::array<bool, 256> plain{};
  for (const EventKind kind :
       {EventKind::Spawn, EventKind::Run, EventKind::Yield, EventKind::Arm, EventKind::Chosen,
        EventKind::Block, EventKind::Ready, EventKind::Exit}) {
    plain[static_cast<std::uint8_t>(kind)] = true;
  }
  return plain;
}();

}  // namespace

bool Merge::load_head(Ring& ring) {
  if (ring.has_head) return true;
  while (ring.at < ring.records.size()) {
    const std::span<const Record> rest(ring.records.data() + ring.at,
                                       ring.records.size() - ring.at);
    ring.head = trace_format::decode_next(rest);
    ring.has_by = false;
    if (ring.head.status == DecodeStatus::Ok) {
      ring.has_head = ring.head.event.kind != EventKind::By || load_acted(ring, rest);
      if (ring.has_head || ring.head.status == DecodeStatus::NeedMore) return ring.has_head;
    }
    if (ring.head.status == DecodeStatus::NeedMore) return false;
    unknown_records_ += ring.head.records;
    ring.at += ring.head.records;
  }
  return false;
}

// Replaces the `by` at the head by the event after it. False if that is not there yet (NeedMore) or
// not one that a task does: then the head says how many records to skip.
bool Merge::load_acted(Ring& ring, std::span<const Record> rest) {
  ring.by = ring.head.event;
  if (rest.size() == 1) {
    ring.head.status = DecodeStatus::NeedMore;
    return false;
  }
  trace_format::Decoded acted = trace_format::decode_next(rest.subspan(1));
  const EventKind kind = acted.event.kind;
  if (kind == EventKind::By || kind == EventKind::Lost || kind == EventKind::Resume) {
    ring.head.status = DecodeStatus::UnknownKind;
    return false;
  }
  ++acted.records;
  ring.head = acted;
  ring.has_by = acted.status == DecodeStatus::Ok;
  return ring.has_by;
}

bool Merge::is_later(const Ring& ring) const {
  const trace_format::Event& event = ring.head.event;
  if (ring.has_by) {
    if (builder_->fit(ring.builder_ring, ring.by) == SpanBuilder::Fit::Later) return true;
    if (event.kind == EventKind::Exit) return false;
  }
  return builder_->fit(ring.builder_ring, event) == SpanBuilder::Fit::Later;
}

void Merge::take_head(Ring& ring) {
  const trace_format::Event& event = ring.head.event;
  if (ring.has_by) {
    builder_->take(ring.builder_ring, ring.by, {}, clock_->to_ns(ring.by.ticks));
  }
  if (event.kind == EventKind::Lost) ring.reported_lost += event.id;
  builder_->take(ring.builder_ring, event, ring.head.text, clock_->to_ns(event.ticks));
  ring.at += ring.head.records;
  ring.has_head = false;
  end_wait(ring);
}

// Takes the plain events at the front of a ring that are due. The next event is then not due, not
// plain, or waits.
void Merge::take_plain(Ring& ring, std::uint64_t ticks_limit) {
  while (!ring.has_head && ring.at < ring.records.size()) {
    const Record& record = ring.records[ring.at];
    if (!kIsPlain[record.word0 & 0xff]) return;
    const trace_format::Event event = trace_format::decode(record);
    if (event.ticks > ticks_limit) return;
    if (builder_->fit(ring.builder_ring, event) == SpanBuilder::Fit::Later) return;
    builder_->take(ring.builder_ring, event, {}, clock_->to_ns(event.ticks));
    ++ring.at;
  }
}

// Takes the ring's events up to `ticks_limit`, or to the first whose turn has not come.
void Merge::run_until(std::size_t index, std::uint64_t ticks_limit) {
  Ring& ring = rings_[index];
  for (;;) {
    take_plain(ring, ticks_limit);
    see_head(index);
    if (next_ticks_[index] > ticks_limit || !load_head(ring)) return;
    if (is_later(ring)) {
      ring.waiting_since = round_;
      ++waiting_;
      next_ticks_[index] = kNever;
      return;
    }
    take_head(ring);
  }
}

// When the ring's next event is due. That of a plain one is in its record, which is left alone.
void Merge::see_head(std::size_t index) {
  Ring& ring = rings_[index];
  std::uint64_t& next = next_ticks_[index];
  if (ring.waiting_since != 0) {
    next = kNever;
  } else if (!ring.has_head && ring.at < ring.records.size() &&
             kIsPlain[ring.records[ring.at].word0 & 0xff]) {
    next = trace_format::decode(ring.records[ring.at]).ticks;
  } else {
    next = load_head(ring) ? ring.ticks() : kNever;
  }
  if (next > end_ticks_) next = kNever;
}

// Wakes the rings whose head's turn has come meanwhile. True if there was one.
bool Merge::recheck_waiting() {
  bool found = false;
  for (std::size_t i = 0; i < rings_.size(); ++i) {
    Ring& ring = rings_[i];
    if (ring.waiting_since == 0 || !load_head(ring) || is_later(ring)) continue;
    take_head(ring);
    see_head(i);
    found = true;
  }
  return found;
}

void Merge::take_what_fits() {
  for (std::size_t i = 0; i < rings_.size(); ++i) see_head(i);
  for (;;) {
    std::size_t first = 0;
    std::uint64_t first_ticks = kNever;
    std::uint64_t second_ticks = kNever;
    for (std::size_t i = 0; i < next_ticks_.size(); ++i) {
      const std::uint64_t ticks = next_ticks_[i];
      if (ticks < first_ticks) {
        second_ticks = first_ticks;
        first_ticks = ticks;
        first = i;
      } else {
        second_ticks = std::min(second_ticks, ticks);
      }
    }
    if (first_ticks != kNever) run_until(first, std::min(second_ticks, end_ticks_));
    const bool woken = waiting_ > 0 && recheck_waiting();
    if (first_ticks == kNever && !woken) return;
  }
}

// Takes the earliest waiting event if all that wait have waited since a round before
// `read_again_since`: then what they wait for is in no ring.
bool Merge::force_one(std::uint64_t read_again_since) {
  Ring* earliest = nullptr;
  for (Ring& ring : rings_) {
    if (ring.waiting_since == 0 || !load_head(ring)) continue;
    if (ring.waiting_since >= read_again_since) return false;
    if (earliest == nullptr || ring.ticks() < earliest->ticks()) earliest = &ring;
  }
  if (earliest == nullptr) return false;
  take_head(*earliest);
  return true;
}

void Merge::advance() {
  take_what_fits();
  // Rings that begin to wait because of a forced event have been read again as well, but not after
  // that was known; they get their own round.
  // What waits when the end is known may wait for what is after it: drain() finds out.
  while (end_ticks_ == kNever && force_one(round_)) take_what_fits();
  ++round_;
}

// Whether an event of `task` is in what is left of the ring.
bool Merge::is_about_rest_of(const Ring& ring, store::TaskId task) const {
  std::span<const Record> rest(ring.records.data() + ring.at, ring.records.size() - ring.at);
  while (!rest.empty()) {
    const trace_format::Decoded decoded = trace_format::decode_next(rest);
    if (decoded.status == DecodeStatus::NeedMore) return false;
    const auto* spec = trace_format::find_event_spec(static_cast<std::uint8_t>(decoded.event.kind));
    if (decoded.status == DecodeStatus::Ok && spec->id == trace_format::IdField::Task &&
        decoded.event.id == task) {
      return true;
    }
    rest = rest.subspan(decoded.records);
  }
  return false;
}

// An event that waits for one after the end happened after the end, too, whatever its own time, and
// so did all that follows in its ring.
void Merge::cut_what_came_after() {
  std::vector<bool> is_over(rings_.size());
  for (std::size_t i = 0; i < rings_.size(); ++i) is_over[i] = rings_[i].waiting_since == 0;
  for (bool found = true; found;) {
    found = false;
    for (std::size_t i = 0; i < rings_.size(); ++i) {
      Ring& ring = rings_[i];
      if (is_over[i] || !load_head(ring)) continue;
      const store::TaskId task = ring.has_by ? ring.by.id : ring.head.event.id;
      for (std::size_t other = 0; other < rings_.size() && !is_over[i]; ++other) {
        is_over[i] = is_over[other] && is_about_rest_of(rings_[other], task);
      }
      found = found || is_over[i];
    }
  }
  for (std::size_t i = 0; i < rings_.size(); ++i) {
    if (is_over[i]) discard(i);
  }
}

void Merge::drain() {
  take_what_fits();
  if (end_ticks_ != kNever) cut_what_came_after();
  while (force_one(std::numeric_limits<std::uint64_t>::max())) take_what_fits();
  if (end_ticks_ != kNever) return;
  // What is left is a text that its program never finished.
  for (const Ring& ring : rings_) unknown_records_ += ring.records.size() - ring.at;
}

}  // namespace taskscope::ingest
