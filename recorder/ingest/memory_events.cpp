// What SpanBuilder takes of what collected memory does: collections, their phases, sites that make
// objects. All of it stands in tables of its own and none in chunks, as it is little.
#include <algorithm>

#include "recorder/ingest/span_builder.h"
#include "runtime/trace_format/gc_text.h"

namespace taskscope::ingest {

using trace_format::Event;
using trace_format::EventKind;

// What is told of at the beginning of a collection, and at its end, meets in one row.
bool SpanBuilder::take_gc_cycle(const Ring& ring, const Event& event, std::string_view text,
                                std::int64_t ns) {
  store::GcCycleRow row{.id = event.id};
  if (event.kind == EventKind::GcBegin) {
    const auto begin = trace_format::parse_gc_begin(text);
    if (!begin) return false;
    row.start_ns = ns;
    row.forced = begin->forced;
    row.before_bytes = begin->heap_bytes;
    row.goal_bytes = begin->goal_bytes;
    if (const Task* task = actor_of(ring)) row.task_id = task->id;
  } else {
    const auto end = trace_format::parse_gc_end(text);
    if (!end) return false;
    row.end_ns = ns;
    row.live_bytes = end->live_bytes;
    row.live_objects = end->live_objects;
    row.freed_bytes = end->freed_bytes;
    row.next_goal_bytes = end->goal_bytes;
  }
  writer_.put_gc_cycle(row);
  return true;
}

bool SpanBuilder::take_gc_phase(const Ring& ring, const Event& event, std::string_view text,
                                std::int64_t ns) {
  const auto phase = trace_format::parse_gc_phase_text(text);
  if (!phase) return false;
  store::GcPhaseRow row{
      .cycle_id = event.id, .phase = phase->phase, .worker_id = ring.totals.id, .task_id = 0};
  // Of one that began before its program was recorded, what lies in the recording.
  const std::int64_t start_ns = ns - static_cast<std::int64_t>(phase->ago_ns);
  row.end_ns = std::max(start_ns + static_cast<std::int64_t>(phase->length_ns), start_ns_);
  row.start_ns = std::max(start_ns, start_ns_);
  if (const Task* task = actor_of(ring)) row.task_id = task->id;
  writer_.add_gc_phase(row);
  return true;
}

bool SpanBuilder::take_escape_site(const Event& event, std::string_view text) {
  const auto site = trace_format::parse_escape_site(text);
  if (!site) return false;
  store::EscapeSiteRow row{.id = event.id,
                           .file = site->file,
                           .line = site->line,
                           .function = site->function,
                           .type = site->type,
                           .stayed = site->stayed,
                           .heap = site->heap,
                           .bytes = site->bytes,
                           .escaped_bytes = site->escaped_bytes,
                           .learned = site->learned,
                           .reasons = site->reasons};
  for (const std::uint64_t objects : site->reasons) row.escaped += objects;
  writer_.put_escape_site(row);
  return true;
}

void SpanBuilder::take_memory_event(const Ring& ring, const Event& event, std::string_view text,
                                    std::int64_t ns) {
  const bool good =
      event.id != 0 && (event.kind == EventKind::EscapeSite ? take_escape_site(event, text)
                        : event.kind == EventKind::GcPhase  ? take_gc_phase(ring, event, text, ns)
                                                            : take_gc_cycle(ring, event, text, ns));
  if (!good) ++counts_.misfits;
}

}  // namespace taskscope::ingest
