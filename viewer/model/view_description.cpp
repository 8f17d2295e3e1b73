#include "viewer/model/view_description.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "viewer/model/view_state.h"

namespace taskscope::viewer {
namespace {

std::uint64_t set_id(const Arrangement& arrangement, const TaskSet& set) {
  std::uint64_t lowest = 0;
  for (const TaskIndex task : arrangement.tasks_of(set)) {
    const std::uint64_t id = arrangement.session()->tasks()[task].row.id;
    if (lowest == 0 || id < lowest) lowest = id;
  }
  return lowest;
}

RowName name_of(const TraceSession& session, RowKind kind, std::uint32_t index) {
  switch (kind) {
    case RowKind::Worker:
      return {kind, session.workers()[index].row.id};
    case RowKind::Thread:
      return {kind, session.threads()[index].id};
    case RowKind::Task:
      return {kind, session.tasks()[index].row.id};
    case RowKind::Counter:
      return {kind, index + 1};
    default:
      return {kind, 0};
  }
}

RowName name_of(const Arrangement& arrangement, const Row& row) {
  if (row.kind != RowKind::GroupHeader) return name_of(*arrangement.session(), row.kind, row.index);
  return {row.kind, set_id(arrangement, arrangement.sets()[row.index])};
}

// The one of the heading; nothing if the task is alone, or hidden.
const TaskSet* find_set(const Arrangement& arrangement, store::TaskId id) {
  const TaskIndex task = arrangement.session()->find_task(id);
  const auto position = task == kNoTask ? std::nullopt : arrangement.position(task);
  if (!position || !arrangement.set_at(*position).has_header) return nullptr;
  return &arrangement.set_at(*position);
}

// The index of what the row shows. Not of headings.
std::optional<std::uint32_t> find_index(const TraceSession& session, const RowName& name) {
  switch (name.kind) {
    case RowKind::Worker:
      return session.find_worker(name.id);
    case RowKind::Task: {
      const TaskIndex task = session.find_task(name.id);
      return task == kNoTask ? std::nullopt : std::optional(task);
    }
    case RowKind::Thread:
      for (std::uint32_t at = 0; at < session.threads().size(); ++at) {
        if (session.threads()[at].id == name.id) return at;
      }
      return std::nullopt;
    case RowKind::Counter:
      if (name.id == 0 || name.id > session.annotations().counters().size()) return std::nullopt;
      return static_cast<std::uint32_t>(name.id - 1);
    default:
      return 0;
  }
}

// Those that `now` has folded and `before` has not.
std::vector<RowName> folded_beyond(const Arrangement& arrangement, const Folds& now,
                                   const Folds& before) {
  std::vector<RowName> names;
  if (now.workers && !before.workers) names.push_back({RowKind::WorkersHeader});
  if (now.threads && !before.threads) names.push_back({RowKind::ThreadsHeader});
  if (now.counters && !before.counters) names.push_back({RowKind::CountersHeader});
  if (now.tasks && !before.tasks) names.push_back({RowKind::TasksHeader});
  for (const TaskSet& set : arrangement.sets()) {
    if (set.has_header && now.groups.contains(set.key) && !before.groups.contains(set.key)) {
      names.push_back({RowKind::GroupHeader, set_id(arrangement, set)});
    }
  }
  return names;
}

void note(std::string& missing, const std::string& what) {
  if (missing.empty()) missing = fmt::format("There is no {} in this recording.", what);
}

void fold(const std::vector<RowName>& names, bool folded, const Arrangement& arrangement,
          Folds& folds, std::string& missing) {
  for (const RowName& name : names) {
    if (name.kind == RowKind::WorkersHeader) folds.workers = folded;
    if (name.kind == RowKind::ThreadsHeader) folds.threads = folded;
    if (name.kind == RowKind::CountersHeader) folds.counters = folded;
    if (name.kind == RowKind::TasksHeader) folds.tasks = folded;
    if (name.kind != RowKind::GroupHeader) continue;
    const TaskSet* set = find_set(arrangement, name.id);
    if (set == nullptr) {
      note(missing, fmt::format("group that begins with task {}", name.id));
    } else if (folded) {
      folds.groups.insert(set->key);
    } else {
      folds.groups.erase(set->key);
    }
  }
}

SpanIndex find_span(const TraceSession& session, TaskIndex index, std::int64_t start_ns) {
  const Task& task = session.tasks()[index];
  const std::size_t at = task.track.first_ending_after(start_ns);
  return at < task.track.size() && task.track.start_ns(at) == start_ns
             ? task.first_span + static_cast<SpanIndex>(at)
             : kNoSpan;
}

std::optional<std::uint32_t> find_sample(const TraceSession& session, const Selection& of,
                                         std::int64_t ns) {
  const SampleTable& samples = session.samples();
  const RowSamples row =
      samples.within(row_samples(session, of), {ns, ns == INT64_MAX ? ns : ns + 1});
  return row.empty() ? std::nullopt : std::optional(samples.index_at(row.first));
}

void select(const ViewDescription& wanted, const TraceSession& session, ViewState& view,
            std::string& missing) {
  view.selection = {};
  if (wanted.task) {
    view.selection.task = session.find_task(*wanted.task);
    if (view.selection.task == kNoTask) {
      note(missing, fmt::format("task {}", *wanted.task));
    } else if (wanted.span_ns && session.stage() == SessionStage::Complete) {
      view.selection.span = find_span(session, view.selection.task, *wanted.span_ns);
      if (view.selection.span == kNoSpan) {
        note(missing,
             fmt::format("span of task {} that begins at {} ns", *wanted.task, *wanted.span_ns));
      }
    }
  }
  if (wanted.worker) {
    view.selection.worker = session.find_worker(*wanted.worker);
    if (!view.selection.worker) note(missing, fmt::format("worker {}", *wanted.worker));
  }
  if (wanted.collection && session.stage() == SessionStage::Complete) {
    view.selection.collection = session.memory().find_collection(*wanted.collection);
    if (!view.selection.collection) note(missing, fmt::format("collection {}", *wanted.collection));
  }
  if (wanted.sample_ns && session.stage() == SessionStage::Complete) {
    view.selection.sample = find_sample(session, view.selection, *wanted.sample_ns);
    if (!view.selection.sample) note(missing, fmt::format("sample at {} ns", *wanted.sample_ns));
  }
  view.finding.reset();
  view.wanted_finding = wanted.finding;
}

}  // namespace

ViewDescription describe(const TraceSession& session, const ViewState& view, const RowList& rows,
                         float scale) {
  ViewDescription out;
  out.range = view.time.target();
  out.theme = view.theme;
  out.left_width = std::round(view.left_width);
  out.drawer_height = std::round(view.drawer_height);
  out.findings_width = std::round(view.findings_width);
  out.profile_height = std::round(view.profile_height);
  out.profile = {view.profile.open, view.profile.of, view.profile.scope};
  out.wait_for = view.wait_for.open;
  out.memory = {view.memory.open, view.memory.filter};
  out.regions_hidden = !view.show_regions;
  out.samples_hidden = !view.show_samples;
  if (view.measured && view.measured->length_ns() != 0) {
    const auto [start, end] = std::minmax(view.measured->start_ns, view.measured->end_ns);
    out.measured = TimeRange{start, end};
  }
  if (view.selection.task != kNoTask) {
    out.task = session.tasks()[view.selection.task].row.id;
    if (view.selection.span != kNoSpan) {
      out.span_ns = session.span_range(view.selection.span).start_ns;
    }
  }
  if (view.selection.sample) out.sample_ns = session.samples()[*view.selection.sample].ns;
  if (view.selection.collection) {
    out.collection = session.memory().collections()[*view.selection.collection].row.id;
  }
  if (view.selection.worker) out.worker = session.workers()[*view.selection.worker].row.id;
  if (view.finding) out.finding = static_cast<std::int64_t>(*view.finding) + 1;
  if (view.wanted_finding) out.finding = view.wanted_finding;
  const FindingsPane& pane = view.findings_pane;
  out.findings = !pane.open ? "closed" : pane.filter.empty() ? "all" : pane.filter;
  out.grouping = view.arrangement.grouping;
  out.sort = view.arrangement.sort;
  if (out.sort == SortBy::Time) out.sort_class = view.arrangement.sort_class;
  out.filters = view.arrangement.filters;
  for (const Pin& pin : view.pins) out.pins.push_back(name_of(session, pin.kind, pin.index));
  if (rows.arrangement() == nullptr) return out;
  const Arrangement& arrangement = *rows.arrangement();
  const Folds initial = initial_folds(arrangement);
  out.folds.folded = folded_beyond(arrangement, view.folds, initial);
  out.folds.unfolded = folded_beyond(arrangement, initial, view.folds);
  const auto y = static_cast<std::int64_t>(std::round(view.scroll_y));
  const std::size_t at = rows.row_at(y);
  if (y > 0 && at < rows.size()) {
    const Row row = rows.row(at);
    const auto hidden = static_cast<float>(std::max<std::int64_t>(y - row.y, 0));
    out.top = RowAnchor{name_of(arrangement, row), static_cast<int>(std::lround(hidden / scale))};
  }
  return out;
}

std::string apply(const ViewDescription& wanted, const TraceSession& session, ViewState& view) {
  std::string missing;
  if (wanted.range) view.time.show(*wanted.range);
  if (wanted.theme) view.theme = *wanted.theme;
  if (wanted.left_width) view.left_width = *wanted.left_width;
  if (wanted.drawer_height) view.drawer_height = *wanted.drawer_height;
  if (wanted.findings_width) view.findings_width = *wanted.findings_width;
  if (wanted.findings) {
    view.findings_pane.open = *wanted.findings != "closed";
    view.findings_pane.filter = "";
    if (*wanted.findings != "closed" && *wanted.findings != "all") {
      view.findings_pane.filter = *wanted.findings;
    }
  }
  if (wanted.profile_height) view.profile_height = *wanted.profile_height;
  if (wanted.profile) {
    view.profile.open = wanted.profile->open;
    view.profile.of = wanted.profile->of;
    view.profile.scope = wanted.profile->scope;
  }
  view.wait_for.open = wanted.wait_for;
  if (wanted.memory) {
    view.memory.open = wanted.memory->open;
    view.memory.filter = wanted.memory->filter;
    // They have one place.
    if (view.memory.open) view.profile.open = false;
  }
  view.show_regions = !wanted.regions_hidden;
  view.show_samples = !wanted.samples_hidden;
  view.measured = wanted.measured;
  if (session.stage() == SessionStage::Overview) return missing;
  select(wanted, session, view, missing);
  view.arrangement.grouping = wanted.grouping;
  view.arrangement.sort = wanted.sort;
  view.arrangement.sort_class = wanted.sort_class;
  view.arrangement.filters = wanted.filters;
  view.pins.clear();
  for (const RowName& name : wanted.pins) {
    if (const auto index = find_index(session, name)) {
      view.pins.push_back({name.kind, *index});
    } else if (session.stage() == SessionStage::Complete) {
      note(missing, fmt::format("pinned row {}", name.id));
    }
  }
  view.wanted_folds = wanted.folds;
  view.rows_dirty = true;
  view.scroll_y = 0;
  view.anchor = wanted.top;
  return missing;
}

std::string apply_folds(const FoldNames& wanted, const Arrangement& arrangement, Folds& folds) {
  std::string missing;
  folds = initial_folds(arrangement);
  fold(wanted.folded, true, arrangement, folds, missing);
  fold(wanted.unfolded, false, arrangement, folds, missing);
  return missing;
}

std::optional<double> anchored_scroll(const RowAnchor& anchor, const RowList& rows, float scale) {
  const Arrangement& arrangement = *rows.arrangement();
  std::optional<std::uint32_t> index = 0;
  if (anchor.row.kind == RowKind::GroupHeader) {
    const TaskSet* set = find_set(arrangement, anchor.row.id);
    if (set == nullptr) return std::nullopt;
    index = static_cast<std::uint32_t>(set - arrangement.sets().data());
  } else {
    index = find_index(*arrangement.session(), anchor.row);
  }
  const auto at = index ? rows.index_of(anchor.row.kind, *index) : std::nullopt;
  if (!at) return std::nullopt;
  return static_cast<double>(rows.row(*at).y) +
         std::round(static_cast<double>(anchor.offset) * static_cast<double>(scale));
}

}  // namespace taskscope::viewer
