#include "viewer/model/arrows.h"

namespace taskscope::viewer {
namespace {

constexpr std::size_t kSpansBackMax = 64;  // from a span to the wait before it

// `span`, or the nearest one before it in its task, that somebody ended; kNoSpan if there is none
// nearby. `first` is set if the search came to the task's beginning.
SpanIndex wait_before(const TraceSession& session, SpanIndex span, SpanIndex first_span,
                      bool& first) {
  for (std::size_t steps = 0; steps < kSpansBackMax; ++steps) {
    if (session.span_detail(span).woken_by != kNoTask) return span;
    // Nobody in particular ended it: the chain ends here.
    if (session.span_detail(span).state == store::TaskState::Blocked) return kNoSpan;
    if (span == first_span) {
      first = true;
      return kNoSpan;
    }
    --span;
  }
  return kNoSpan;
}

void add_backward(const TraceSession& session, SpanIndex span, std::vector<CausalArrow>& arrows) {
  for (std::size_t hop = 1; hop <= kArrowHops && span != kNoSpan; ++hop) {
    const TaskIndex task = session.span_task(span);
    bool first = false;
    const SpanIndex wait = wait_before(session, span, session.tasks()[task].first_span, first);
    if (wait == kNoSpan) {
      if (!first) return;
      for (CausalArrow arrow : spawn_arrow(session, task)) {
        arrow.hop = static_cast<std::uint8_t>(hop);
        arrows.push_back(arrow);
      }
      return;
    }
    arrows.push_back({.kind = ArrowKind::Wake,
                      .from = session.span_detail(wait).woken_by,
                      .to = task,
                      .ns = session.span_range(wait).end_ns,
                      .hop = static_cast<std::uint8_t>(hop)});
    span = session.waker_span(wait);
  }
}

// The run that follows a wait, or kNoSpan.
SpanIndex run_after(const TraceSession& session, SpanIndex wait) {
  const Task& task = session.tasks()[session.span_task(wait)];
  const SpanIndex end = task.first_span + task.span_count;
  for (SpanIndex span = wait + 1; span < end && span <= wait + 2; ++span) {
    if (session.span_class(span) == StateClass::Running) return span;
  }
  return kNoSpan;
}

void add_forward(const TraceSession& session, SpanIndex span, std::vector<CausalArrow>& arrows) {
  for (std::size_t hop = 1; hop <= kArrowHops && span != kNoSpan; ++hop) {
    const SpanIndex wait = session.woken_span(span);
    if (wait == kNoSpan) return;
    arrows.push_back({.kind = ArrowKind::Wake,
                      .from = session.span_task(span),
                      .to = session.span_task(wait),
                      .ns = session.span_range(wait).end_ns,
                      .hop = static_cast<std::uint8_t>(hop)});
    span = run_after(session, wait);
  }
}

}  // namespace

std::vector<CausalArrow> spawn_arrow(const TraceSession& session, TaskIndex task) {
  const store::TaskRow& row = session.tasks()[task].row;
  const TaskIndex parent = session.find_task(row.parent_id);
  if (parent == kNoTask || !row.created_ns) return {};
  return {{.kind = ArrowKind::Spawn, .from = parent, .to = task, .ns = *row.created_ns}};
}

std::vector<CausalArrow> causal_arrows(const TraceSession& session, SpanIndex span) {
  std::vector<CausalArrow> arrows;
  add_backward(session, span, arrows);
  add_forward(session, span, arrows);
  return arrows;
}

}  // namespace taskscope::viewer
