#include "viewer/model/wait_chain.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "viewer/model/format.h"

namespace taskscope::viewer {
namespace {

using store::BlockReason;
using store::TaskState;
using trace_format::ReasonClass;

constexpr std::size_t kLinksMax = 12;
constexpr int kLooksMax = 4;  // at all spans
constexpr std::size_t kTasksBetweenLooks = 256;

// What all tasks do with one object.
struct ObjectUse {
  std::int64_t last_end_ns = -1;
  TaskIndex owner = kNoTask;  // whose wait for it ended last
  TaskIndex waker = kNoTask;  // and who ended that
};

bool is_lock(BlockReason reason) {
  return reason == BlockReason::Mutex || reason == BlockReason::RwMutexRead ||
         reason == BlockReason::RwMutexWrite;
}

bool waits_for_children(BlockReason reason) {
  return reason == BlockReason::WaitGroup || reason == BlockReason::Scope ||
         reason == BlockReason::Join || reason == BlockReason::ScopeLimit ||
         reason == BlockReason::Future;
}

class Chain {
 public:
  Chain(const TraceSession& session, const FindingList& findings, const std::atomic<bool>& stop)
      : session_(session), findings_(findings), stop_(stop) {}

  WaitChain find(SpanIndex span) {
    while (span != kNoSpan && out_.links.size() < kLinksMax && !stop_.load()) {
      add_link(span);
      const WaitLink& link = out_.links.back();
      if (link.holder == kNoTask) {
        out_.end = looks_ > kLooksMax ? "it was not looked for any further"
                                      : nobody_text(session_.span_detail(span));
        break;
      }
      for (std::size_t at = 0; at < out_.links.size(); ++at) {
        if (out_.links[at].task == link.holder) out_.cycle = at;
      }
      if (out_.cycle) break;
      span = next(span, link.holder);
      if (span != kNoSpan && out_.links.size() == kLinksMax) out_.end = "and so on";
    }
    return std::move(out_);
  }

 private:
  void add_link(SpanIndex span) {
    const SpanDetail detail = session_.span_detail(span);
    WaitLink link{.task = session_.span_task(span), .span = span, .what = {}};
    link.what = session_.object_text(detail);
    if (link.what.empty()) link.what = std::string(trace_format::to_text(detail.reason));
    find_holder(span, detail, link);
    out_.links.push_back(std::move(link));
  }

  void find_holder(SpanIndex span, const SpanDetail& detail, WaitLink& link) {
    const bool unfinished = session_.span_unfinished(span);
    if (const TaskIndex holder = findings_.holder_of(link.task); unfinished && holder != kNoTask) {
      link.holder = holder;
      link.kind = HolderKind::Proved;
    } else if (detail.woken_by != kNoTask) {
      link.holder = detail.woken_by;
      link.kind = HolderKind::Woke;
    } else if (unfinished && waits_for_children(detail.reason)) {
      link.holder = living_child(link.task);
      link.kind = HolderKind::Child;
    } else if (const store::ObjectRow* object = session_.find_object(detail);
               unfinished && object != nullptr) {
      const ObjectUse use = look_at(object->id);
      link.kind = is_lock(detail.reason) ? HolderKind::LastOwner : HolderKind::LastWaker;
      link.holder = is_lock(detail.reason) ? use.owner : use.waker;
      // Who waits for it now has it no more, unless it locks it twice, which only it knows.
      if (link.holder == link.task) link.holder = kNoTask;
    }
    if (link.holder == kNoTask) link.kind = HolderKind::Unknown;
  }

  // One that waits itself says more than one that runs.
  TaskIndex living_child(TaskIndex parent) const {
    const TaskId id = session_.tasks()[parent].row.id;
    TaskIndex found = kNoTask;
    for (TaskIndex at = 0; at < session_.tasks().size(); ++at) {
      const Task& task = session_.tasks()[at];
      if (task.row.parent_id != id || !task.last_span_unfinished) continue;
      if (found == kNoTask) found = at;
      if (session_.span_detail(task.first_span + task.span_count - 1).state == TaskState::Blocked) {
        return at;
      }
    }
    return found;
  }

  ObjectUse look_at(store::ObjectId id) {
    ObjectUse use;
    if (++looks_ > kLooksMax) return use;
    for (TaskIndex index = 0; index < session_.tasks().size(); ++index) {
      if (index % kTasksBetweenLooks == 0 && stop_.load()) break;
      const Task& task = session_.tasks()[index];
      TrackWalk walk(task.track, INT64_MIN);
      std::size_t at = 0;
      while (const TrackSpan* span = walk.next()) {
        const bool ended = ++at < task.span_count || !task.last_span_unfinished;
        if (!ended || span->end_ns <= use.last_end_ns || !is_about(span->payload, id)) continue;
        use = {span->end_ns, index, span->extra == 0 ? kNoTask : span->extra - 1};
      }
    }
    return use;
  }

  bool is_about(std::uint32_t payload, store::ObjectId id) const {
    const SpanDetail& detail = session_.detail(payload);
    if (detail.state != TaskState::Blocked) return false;
    const store::ObjectRow* object = session_.find_object(detail);
    return object != nullptr && object->id == id;
  }

  static std::string nobody_text(const SpanDetail& detail) {
    if (is_lock(detail.reason)) return "who has it is not known: a free lock is taken unseen";
    if (detail.state == TaskState::Sleeping) return "time";
    return "nobody is known who would end it";
  }

  // The wait of the holder because of which `span` takes so long; kNoSpan: it does something else.
  SpanIndex next(SpanIndex span, TaskIndex holder) {
    const Task& task = session_.tasks()[holder];
    if (task.span_count == 0) return kNoSpan;
    if (session_.span_unfinished(span)) {
      const SpanIndex last = task.first_span + task.span_count - 1;
      if (task.last_span_unfinished && has_wait_chain(session_, last)) return last;
      out_.end = task.last_span_unfinished ? "which is " + doing_text(last) : ended_text(task);
      return kNoSpan;
    }
    const TimeRange range = session_.span_range(span);
    TrackWalk walk(task.track, range.start_ns);
    SpanIndex at =
        task.first_span + static_cast<SpanIndex>(task.track.first_ending_after(range.start_ns));
    SpanIndex longest = kNoSpan;
    std::int64_t most_ns = 0;
    for (; const TrackSpan* part = walk.next(); ++at) {
      if (part->start_ns >= range.end_ns || stop_.load()) break;
      const std::int64_t within =
          std::min(part->end_ns, range.end_ns) - std::max(part->start_ns, range.start_ns);
      if (within <= most_ns) continue;
      most_ns = within;
      longest = at;
    }
    if (longest == kNoSpan) return kNoSpan;
    if (has_wait_chain(session_, longest)) return longest;
    out_.end =
        fmt::format("which was {} for {} of it", doing_text(longest), duration_text(most_ns));
    return kNoSpan;
  }

  std::string doing_text(SpanIndex span) const {
    switch (session_.span_detail(span).state) {
      case TaskState::Running:
        return "running";
      case TaskState::Runnable:
        return "waiting for a worker";
      case TaskState::Syscall:
        return "in a call";
      case TaskState::Sleeping:
        return "asleep";
      default:
        return fmt::format("waiting: {}", trace_format::to_text(session_.span_detail(span).reason));
    }
  }

  static std::string ended_text(const Task& task) {
    return task.row.ended_ns ? "which ended at " + duration_text(*task.row.ended_ns)
                             : std::string("which has ended");
  }

  const TraceSession& session_;
  const FindingList& findings_;
  const std::atomic<bool>& stop_;
  WaitChain out_;
  int looks_ = 0;
};

}  // namespace

std::string_view to_text(HolderKind kind) {
  switch (kind) {
    case HolderKind::Unknown:
      return "";
    case HolderKind::Proved:
      return "had by";
    case HolderKind::Woke:
      return "ended by";
    case HolderKind::LastOwner:
      return "had last by";
    case HolderKind::LastWaker:
      return "served last by";
    case HolderKind::Child:
      return "its task";
  }
  return "";
}

bool has_wait_chain(const TraceSession& session, SpanIndex span) {
  const SpanDetail detail = session.span_detail(span);
  if (detail.state != TaskState::Blocked) return false;
  const ReasonClass of = trace_format::reason_class(detail.reason);
  return of == ReasonClass::Channel || of == ReasonClass::Lock;
}

WaitChain wait_chain(const TraceSession& session, const FindingList& findings, SpanIndex span,
                     const std::atomic<bool>& stop) {
  if (span >= session.span_count() || !has_wait_chain(session, span)) return {};
  return Chain(session, findings, stop).find(span);
}

}  // namespace taskscope::viewer
