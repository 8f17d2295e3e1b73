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
  rings_.back().records.assign(kNothings, kNothing);
  next_ticks_.push_back(kNever);
  return rings_.size() - 1;
}

std::span<Record> Merge::extend(std::size_t index, std::size_t count) {
  Ring& ring = rings_[index];
  // What was taken makes room first. The head points into the records, so it is read anew.
  const auto first = ring.records.begin();
  std::copy(first + static_cast<std::ptrdiff_t>(ring.at),
            first + static_cast<std::ptrdiff_t>(ring.end), first);
  const std::size_t size = ring.end - ring.at;
  ring.at = 0;
  ring.has_head = false;
  ring.end = size + count;
  if (ring.records.size() < ring.end + kNothings) ring.records.resize(ring.end + kNothings);
  std::fill_n(&ring.records[ring.end], kNothings, kNothing);
  return {ring.records.data() + size, count};
}

void Merge::append(std::size_t ring, std::span<const Record> records) {
  std::copy(records.begin(), records.end(), extend(ring, records.size()).begin());
}

void Merge::discard(std::size_t index) {
  Ring& ring = rings_[index];
  ring.at = 0;
  ring.end = 0;
  std::fill_n(ring.records.data(), kNothings, kNothing);
  ring.has_head = false;
  end_wait(ring);
}

void Merge::end_wait(Ring& ring) {
  if (ring.waiting_since == 0) return;
  ring.waiting_since = 0;
  --waiting_;
}

namespace {

// Kinds that need no look at what follows their record, and no more than to be taken.
constexpr auto kIsPlain = [] {
  std::array<bool, 256> plain{};
#define TASKSCOPE_EVENT(number, name, text, id, aux) \
  plain[number] = trace_format::AuxField::aux != trace_format::AuxField::Bytes;
#include "runtime/trace_format/events.def"
#undef TASKSCOPE_EVENT
  for (const EventKind kind : {EventKind::By, EventKind::Lost, EventKind::Resume}) {
    plain[static_cast<std::uint8_t>(kind)] = false;
  }
  return plain;
}();
constexpr bool is_plain(const Record& record) { return kIsPlain[record.word0 & 0xff]; }

// The key of a ring among others: how long after some instant its next event was; then the ring
// itself; then whether that event must go the long way.
constexpr unsigned kKeyRingBits = 16;
constexpr unsigned kKeyTicksShift = kKeyRingBits + 1;
constexpr std::uint64_t kKeyTicksMax = ~std::uint64_t{0} >> kKeyTicksShift;
constexpr std::uint64_t kLongWay = 1;
constexpr std::uint64_t kNoEvent = kKeyTicksMax << kKeyTicksShift;  // and all above it
constexpr std::size_t ring_of(std::uint64_t key) {
  return static_cast<std::size_t>(key >> 1 & ((1u << kKeyRingBits) - 1));
}

}  // namespace

inline std::uint64_t Merge::key_of(const Record& record, std::size_t index) const {
  const std::uint64_t after = (record.word0 >> 8) - first_ticks_;
  const std::uint64_t long_way = !is_plain(record);
  // Too late for a key, or not to be taken at all; or there is none. Or before all others: clocks
  // of a liar.
  if (after > key_ticks_max_) [[unlikely]] {
    const bool before = (record.word0 >> 8) < first_ticks_;
    return (before ? 0 : kNoEvent) | index << 1 | kLongWay;
  }
  return after << kKeyTicksShift | index << 1 | long_way;
}

void Merge::begin_lines() {
  first_ticks_ = *std::min_element(next_ticks_.begin(), next_ticks_.end());
  key_ticks_max_ = std::min(kKeyTicksMax - 1, end_ticks_ - first_ticks_);
  heads_.resize(rings_.size());
  keys_.clear();
  for (std::size_t i = 0; i < rings_.size(); ++i) keys_.push_back(begin_head(i));
  earliest_.reset(keys_);
}

// Looks at the ring anew; returns the key of its next event.
std::uint64_t Merge::begin_head(std::size_t index) {
  const Ring& ring = rings_[index];
  const Record* const record = &ring.records[ring.at];
  heads_[index] = {record, key_of(record[1], index), ring.builder_ring};
  return key_of(*record, index) | (ring.has_head ? kLongWay : 0);
}

// The next events in order of time, up to the first that has to go the long way.
std::size_t Merge::line_up(std::size_t count_max) {
  std::uint64_t key = earliest_.key();
  std::size_t count = 0;
  for (; count < count_max && !(key & kLongWay); ++count) {
    const std::size_t index = ring_of(key);
    Head& head = heads_[index];
    key = earliest_.replace(index, head.next_key);
    const Record& record = *head.record++;
    head.next_key = key_of(head.record[1], index);
    line_rings_[count] = static_cast<std::uint32_t>(index);
    line_[count] = {record, clock_->to_ns(record.word0 >> 8), head.builder_ring};
  }
  return count;
}

// Takes the next event in order of time, which is not plain. False if there is none, or it has to
// wait.
bool Merge::take_long_way() {
  const std::uint64_t key = earliest_.key();
  if (key >= kNoEvent) return false;
  const std::size_t index = ring_of(key);
  Ring& ring = rings_[index];
  ring.at = place_of(index);
  const std::size_t seen_at = ring.at;
  const bool loaded = load_head(ring);
  // Records that mean nothing may have stood before the event: then it has a key of its own.
  if (loaded && ring.at == seen_at) {
    if (is_later(ring)) return false;
    take_head(ring);
  }
  const std::uint64_t next_key = begin_head(index);
  earliest_.replace(index, loaded ? next_key : kNoEvent | index << 1 | kLongWay);
  return true;
}

std::size_t Merge::place_of(std::size_t index) const {
  return static_cast<std::size_t>(heads_[index].record - rings_[index].records.data());
}

// The rings are read up to where their heads are, without what was lined up in vain.
void Merge::end_lines(std::size_t taken, std::size_t count) {
  for (std::size_t i = taken; i < count; ++i) --heads_[line_rings_[i]].record;
  for (std::size_t i = 0; i < rings_.size(); ++i) {
    rings_[i].at = place_of(i);
    see_head(i);
  }
}

// Takes what can be lined up. The line is short at first: what stands behind an event that has to
// wait has been lined up in vain.
void Merge::take_lined_up() {
  if (waiting_ > 0 || rings_.empty() || rings_.size() > std::size_t{1} << kKeyRingBits) return;
  begin_lines();
  if (first_ticks_ == kNever) return;
  for (std::size_t count_max = kLineMin;; count_max = std::min(2 * count_max, kLineMax)) {
    const std::size_t count = line_up(count_max);
    const std::size_t taken = builder_->take_in_turn({line_.data(), count});
    if (taken < count || (count < count_max && !take_long_way())) return end_lines(taken, count);
  }
}

bool Merge::load_head(Ring& ring) {
  if (ring.has_head) return true;
  while (ring.at < ring.end) {
    const std::span<const Record> rest(ring.records.data() + ring.at, ring.end - ring.at);
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

// Takes the ring's events up to `ticks_limit`, or to the first whose turn has not come.
void Merge::run_until(std::size_t index, std::uint64_t ticks_limit) {
  Ring& ring = rings_[index];
  for (;;) {
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
  } else if (!ring.has_head && is_plain(ring.records[ring.at])) {
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
    take_lined_up();
    std::size_t first = 0;
    std::size_t second = 0;
    std::uint64_t first_ticks = kNever;
    std::uint64_t second_ticks = kNever;
    for (std::size_t i = 0; i < next_ticks_.size(); ++i) {
      const std::uint64_t ticks = next_ticks_[i];
      if (ticks < first_ticks) {
        second_ticks = first_ticks;
        second = first;
        first_ticks = ticks;
        first = i;
      } else if (ticks < second_ticks) {
        second_ticks = ticks;
        second = i;
      }
    }
    // At the same time the earlier ring goes first.
    const std::uint64_t limit = second_ticks - (second < first && second_ticks != kNever);
    if (first_ticks != kNever) run_until(first, std::min(limit, end_ticks_));
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
    // A sample is of the task's, not an event of it.
    if (decoded.status == DecodeStatus::Ok && spec->id == trace_format::IdField::Task &&
        decoded.event.kind != EventKind::Sample && decoded.event.id == task) {
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
  for (const Ring& ring : rings_) unknown_records_ += ring.end - ring.at;
}

}  // namespace taskscope::ingest
