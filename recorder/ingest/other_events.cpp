// What SpanBuilder takes beside the states of tasks: workers, threads, objects, timers, names.
#include <algorithm>
#include <optional>

#include "recorder/ingest/span_builder.h"
#include "recorder/store/chunk_layout.h"
#include "runtime/trace_format/codec.h"
#include "runtime/trace_format/leak_text.h"
#include "runtime/trace_format/pending_timer.h"

namespace taskscope::ingest {

using store::StoredRow;
using trace_format::AuxField;
using trace_format::Event;
using trace_format::EventKind;
using trace_format::IdField;

namespace {

std::optional<std::int64_t> dropped_ns(const trace_format::LeakText::Member& member,
                                       std::int64_t told_ns) {
  if (member.dropped_ago_ns == 0) return std::nullopt;
  return told_ns - static_cast<std::int64_t>(member.dropped_ago_ns);
}

}  // namespace

StoredRow SpanBuilder::row_of_other(const Event& event, std::int64_t ns) {
  StoredRow row{.ns = ns, .kind = event.kind};
  const trace_format::EventSpec* spec =
      trace_format::find_event_spec(static_cast<std::uint8_t>(event.kind));
  switch (spec->id) {
    case IdField::None:
      break;
    case IdField::Task:
      row.task_id = event.id;
      break;
    case IdField::Object:
    case IdField::Name:
      row.object_id = event.id;
      break;
    case IdField::Site:
      row.site_id = static_cast<store::SiteId>(event.id);
      break;
    case IdField::Worker:
    case IdField::Thread:
    case IdField::Count:
    case IdField::Value:
    case IdField::Stack:
      row.arg = event.id;
      break;
  }
  switch (spec->aux) {
    case AuxField::None:
    case AuxField::Bytes:
    case AuxField::Operation:
    case AuxField::ReasonSite:
    case AuxField::Seq:
    case AuxField::DepthSite:
    case AuxField::Name:
      break;
    case AuxField::Site:
      row.site_id = trace_format::aux_site(event.aux);
      break;
    case AuxField::KindSite:
      row.site_id = trace_format::aux_site(event.aux);
      row.arg = static_cast<std::uint64_t>(trace_format::aux_object_kind(event.aux));
      break;
    case AuxField::VictimCount:
      row.arg =
          store::pack_args(trace_format::aux_victim(event.aux), trace_format::aux_count(event.aux));
      break;
    case AuxField::Count:
      row.arg = spec->id == IdField::Object ? event.aux : store::pack_args(event.id, event.aux);
      break;
  }
  return row;
}

void SpanBuilder::take_other(Ring& ring, const Event& event, std::string_view text,
                             std::int64_t ns) {
  if (event.kind == EventKind::Lost) {
    if (ring.idle != Idle::No) end_idle(ring, ring.chunks.last_ns());
    ring.next_stack = 0;  // what it was for is lost
    count_loss(ring, event.id, ns);
  }
  if (event.kind == EventKind::Timer) return take_timer(ring, event, text, ns);
  if (event.kind == EventKind::Finding) return take_finding(text, ns);
  if (!store::is_in_chunks(event.kind)) return take_memory_event(ring, event, text, ns);
  take_object_event(event, ns);
  take_worker_event(ring, event, ns);
  take_text(event, text);
  add(ring, row_of_other(event, ns));
}

void SpanBuilder::take_stack_event(Ring& ring, const Event& event, std::string_view text,
                                   std::int64_t ns) {
  if (event.kind == EventKind::AtStack) {
    if (event.id > trace_format::kStackMax) ++counts_.misfits;
    has_stacks_ = true;
    ring.next_stack = event.id > trace_format::kStackMax
                          ? trace_format::StackId{0}
                          : static_cast<trace_format::StackId>(event.id);
    return;  // stored with what it is about
  }
  StoredRow row = row_of_other(event, ns);
  bool good = true;
  if (event.kind == EventKind::Stack) {
    good = call_stacks_.take_stack(event.id, text);
  } else if (event.kind == EventKind::Module) {
    good = call_stacks_.take_module(text);
  } else {
    const auto sample = call_stacks_.take_sample(text, ns);
    good = sample.has_value();
    if (sample) counts_.lost_samples += sample->lost;
    if (sample && !sample->is_there) return;
    if (sample) {
      row.stack_id = sample->stack_id;
      see_thread(sample->thread);
      writer_.add_sample({.ns = ns,
                          .worker_id = sample->worker,
                          .thread_id = sample->thread,
                          .task_id = event.id,
                          .stack_id = sample->stack_id});
      counts_.samples += 1;
      counts_.bare_samples += sample->stack_id == 0 ? 1 : 0;
    }
  }
  if (!good) ++counts_.misfits;
  add(ring, row);
}

void SpanBuilder::take_timer(Ring& ring, const Event& event, std::string_view text,
                             std::int64_t ns) {
  StoredRow row{.ns = ns, .object_id = event.id, .kind = EventKind::Timer};
  const auto timer = trace_format::parse_pending_timer(text);
  if (!timer) {
    ++counts_.misfits;
    add(ring, row);
    return;
  }
  row.task_id = timer->task;
  row.site_id = timer->site;
  row.arg = timer->due_in_ns;
  writer_.add_timer({.kind = timer->kind,
                     .object_id = event.id,
                     .task_id = timer->task,
                     .site_id = timer->site,
                     .told_ns = ns,
                     .due_ns = ns + static_cast<std::int64_t>(timer->due_in_ns),
                     .period_ns = static_cast<std::int64_t>(timer->period_ns)});
  add(ring, row);
}

void SpanBuilder::take_finding(std::string_view text, std::int64_t ns) {
  const auto leak = trace_format::parse_leak(text);
  if (!leak) {
    ++counts_.misfits;
    return;
  }
  for (const auto& member : leak->members) {
    const Task* const task = tasks_.find(member.task);
    // Who does not wait now is no leak, whatever the program says of it.
    if (task == nullptr || task->state != State::Waiting) continue;
    writer_.add_leak({.ns = ns,
                      .group_id = leak->group,
                      .kind = leak->kind,
                      .proved = leak->proved,
                      .unwound = leak->unwound,
                      .task_id = member.task,
                      .holder_id = member.holder,
                      .is_victim = member.is_victim,
                      .dropped_by = member.dropped_by,
                      .dropped_ns = dropped_ns(member, ns),
                      .dropped_at = leak->dropped_at,
                      .dropped_in = leak->dropped_in,
                      .held_bytes = member.held_bytes,
                      .since_ns = task->since_ns,
                      .reason = task->reason,
                      .object_id = task->object_id,
                      .site_id = task->wait_site_id});
  }
}

void SpanBuilder::take_object_event(const Event& event, std::int64_t ns) {
  switch (event.kind) {
    case EventKind::Object:
      objects_.announce(event.id, trace_format::aux_object_kind(event.aux),
                        trace_format::aux_site(event.aux), ns);
      break;
    case EventKind::Capacity:
      objects_.set_capacity(event.id, event.aux);
      break;
    case EventKind::ObjectEnd:
      objects_.end(event.id, ns);
      break;
    default:
      break;
  }
}

void SpanBuilder::see_thread(std::uint64_t os_id) {
  if (!threads_.insert(os_id).second) return;
  ++counts_.threads;
  writer_.put_thread(os_id);
}

void SpanBuilder::begin_idle(Ring& ring, Idle idle, std::int64_t ns) {
  if (ring.idle != Idle::No) end_idle(ring, ns);
  ring.idle = idle;
  ring.idle_since_ns = ns;
}

void SpanBuilder::end_idle(Ring& ring, std::int64_t ns) {
  const store::ParkRow row{ring.totals.id, ring.idle_since_ns, std::max(ns, ring.idle_since_ns)};
  const std::int64_t idle_ns = row.end_ns - row.start_ns;
  if (ring.idle == Idle::Parked) {
    ring.totals.parked_ns += idle_ns;
    writer_.add_park(row);
  } else {
    ring.totals.spinning_ns += idle_ns;
    writer_.add_spin(row);
  }
  ring.idle = Idle::No;
}

void SpanBuilder::take_worker_event(Ring& ring, const Event& event, std::int64_t ns) {
  switch (event.kind) {
    case EventKind::WorkerStart:
      ring.totals.thread_id = event.id;
      see_thread(event.id);
      break;
    case EventKind::ThreadPark:
    case EventKind::ThreadWake:
      see_thread(event.id);
      break;
    case EventKind::WorkerPark:
      begin_idle(ring, Idle::Parked, ns);
      break;
    case EventKind::WorkerSpin:
      begin_idle(ring, Idle::Spinning, ns);
      break;
    case EventKind::WorkerUnpark:
    case EventKind::WorkerStop:
      if (ring.idle != Idle::No) end_idle(ring, ns);
      break;
    case EventKind::Steal:
      ++task_of(event.id).steals;
      ++ring.totals.steals;
      writer_.add_steal({.ns = ns,
                         .thief = ring.totals.id,
                         .victim = trace_format::aux_victim(event.aux),
                         .count = trace_format::aux_count(event.aux),
                         .task_id = event.id});
      break;
    default:
      break;
  }
}

void SpanBuilder::take_text(const Event& event, std::string_view text) {
  switch (event.kind) {
    case EventKind::SiteName:
      if (const auto site = trace_format::parse_site(text)) {
        writer_.put_site({.id = static_cast<store::SiteId>(event.id),
                          .file = std::string(site->file),
                          .line = site->line,
                          .function = std::string(site->function)});
      }
      break;
    case EventKind::Name:
      if (event.id == 0) {
        ++counts_.misfits;
      } else {
        writer_.put_name({.id = event.id, .text = std::string(text)});
      }
      break;
    case EventKind::TaskName:
      details_of(event.id).name = text;
      break;
    case EventKind::ObjectName:
      objects_.set_name(event.id, text);
      break;
    case EventKind::Snapshot:
      if (!snapshot_request_) snapshot_request_ = text;
      break;
    case EventKind::Panic:
      details_of(event.id).panic_message = text;
      task_of(event.id).panicked = true;
      break;
    default:
      break;
  }
}

}  // namespace taskscope::ingest
