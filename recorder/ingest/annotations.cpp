// What SpanBuilder takes of what programs say about themselves: regions, counters, logs, labels.
//
// A region is stored once, by the row that ends it. Which one that is, its depth says: the number
// of regions that its task is in, as the recording has seen them begin, modulo 256. So a beginning
// or an end that was lost makes that one region's times unknown, and no other's.
#include <algorithm>
#include <charconv>

#include "recorder/ingest/span_builder.h"

namespace taskscope::ingest {

using store::RegionArgs;
using store::StoredRow;
using trace_format::Event;
using trace_format::EventKind;

namespace {

// What only liars reach.
constexpr std::size_t kOpenRegionsMax = 100'000;
constexpr std::size_t kCountersMax = 100'000;

// The number next to `near` that is `low` modulo 256; at least 0.
std::size_t widen(std::uint8_t low, std::size_t near) {
  const auto distance = static_cast<std::int8_t>(low - static_cast<std::uint8_t>(near));
  const auto wide = static_cast<std::ptrdiff_t>(near) + distance;
  return static_cast<std::size_t>(wide < 0 ? wide + 256 : wide);
}

std::uint8_t stored_depth(std::size_t depth) {
  return static_cast<std::uint8_t>(std::min<std::size_t>(depth, 255));
}

}  // namespace

// Of something that the task does that runs, without an end of its state.
StoredRow SpanBuilder::row_of_actor(Ring& ring, EventKind kind, std::int64_t ns) {
  StoredRow row{.ns = ns, .kind = kind};
  if (const Task* task = actor_of(ring)) {
    row.task_id = task->id;
    row.ns = not_before(ring, *task, ns);
  }
  return row;
}

// Regions of the task beyond the first `depth`: when they ended is not known.
void SpanBuilder::leave_regions_open(Ring& ring, Task& task, std::size_t depth, std::int64_t ns) {
  if (task.details == nullptr) return;
  std::vector<OpenRegion>& regions = task.details->regions;
  for (; regions.size() > depth; regions.pop_back()) {
    const OpenRegion& region = regions.back();
    if (region.since_ns == store::kNoSpan) continue;  // nothing is known of it but that it was
    const std::int64_t now_ns = not_before(ring, task, ns);
    const RegionArgs args{std::max<std::int64_t>(now_ns - region.since_ns, 0),
                          stored_depth(regions.size())};
    add(ring, {.ns = now_ns,
               .task_id = task.id,
               .object_id = region.name_id,
               .arg = args.packed(),
               .site_id = region.site_id,
               .kind = store::kOpenRegion});
  }
}

void SpanBuilder::take_region_begin(Ring& ring, const Event& event, std::int64_t ns) {
  StoredRow row = row_of_actor(ring, EventKind::RegionBegin, ns);
  row.object_id = event.id;
  row.site_id = trace_format::aux_site(event.aux);
  Task* task = actor_of(ring);
  if (task == nullptr) {
    ++counts_.misfits;
    add(ring, row);
    return;
  }
  std::vector<OpenRegion>& regions = details_of(*task).regions;
  const std::size_t depth = widen(trace_format::aux_depth(event.aux), regions.size() + 1);
  if (depth == 0 || depth > kOpenRegionsMax) {
    ++counts_.misfits;
  } else {
    leave_regions_open(ring, *task, depth - 1, row.ns);
    regions.resize(depth);
    regions.back() = {.name_id = event.id, .since_ns = row.ns, .site_id = row.site_id};
  }
  add(ring, row);
}

void SpanBuilder::take_region_end(Ring& ring, const Event& event, std::int64_t ns) {
  StoredRow row = row_of_actor(ring, EventKind::RegionEnd, ns);
  row.object_id = event.id;
  RegionArgs args;
  Task* task = actor_of(ring);
  if (task == nullptr) {
    ++counts_.misfits;
  } else {
    std::vector<OpenRegion>& regions = details_of(*task).regions;
    const std::size_t depth = widen(trace_format::aux_depth(event.aux), regions.size());
    leave_regions_open(ring, *task, depth, row.ns);
    if (depth > 0 && depth == regions.size()) {
      const OpenRegion& region = regions.back();
      if (region.since_ns != store::kNoSpan && region.name_id == event.id) {
        args.length_ns = std::max<std::int64_t>(row.ns - region.since_ns, 0);
        row.site_id = region.site_id;
      }
      regions.pop_back();
    }
    args.depth = stored_depth(std::max<std::size_t>(depth, 1));
  }
  row.arg = args.packed();
  add(ring, row);
}

void SpanBuilder::take_counter(Ring& ring, const Event& event, std::string_view text,
                               std::int64_t ns) {
  StoredRow row = row_of_actor(ring, EventKind::Counter, ns);
  std::int64_t value = 0;
  if (event.kind == EventKind::Counter) {
    value = trace_format::unpack_value(event.id);
    row.object_id = event.aux;
  } else {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) ++counts_.misfits;
    row.object_id = event.id;
  }
  row.arg = static_cast<std::uint64_t>(value);
  add(ring, row);
  const auto found = counters_.find(row.object_id);
  if (found != counters_.end()) {
    auto& [counter, last_ns] = found->second;
    ++counter.samples;
    counter.min = std::min(counter.min, value);
    counter.max = std::max(counter.max, value);
    if (row.ns < last_ns) return;  // of another worker: they do not come in the order of time
    counter.last = value;
    last_ns = row.ns;
  } else if (row.object_id != 0 && counters_.size() < kCountersMax) {
    auto& [counter, last_ns] = counters_[row.object_id];
    counter = {.id = row.object_id, .samples = 1, .min = value, .max = value, .last = value};
    last_ns = row.ns;
    writer_.put_counter(counter, store::Totals::NotYet);
  } else {
    ++counts_.misfits;
  }
}

void SpanBuilder::inherit_labels(const Task& parent, Task& child) {
  if (parent.details->labels != nullptr) details_of(child).labels = parent.details->labels;
}

// May come before the task is known: one that is older than the recording is told of behind it.
void SpanBuilder::take_label(Ring& ring, const Event& event, std::string_view text,
                             std::int64_t ns) {
  StoredRow row{.ns = ns, .task_id = event.id, .kind = EventKind::Label};
  if (is_gone(event.id)) {
    ++counts_.misfits;
    add(ring, row);
    return;
  }
  Task& task = task_of(event.id);
  LabelSets::Reference& labels = details_of(task).labels;
  if (auto changed = label_sets_.with(labels, text, ns)) {
    labels = std::move(*changed);
  } else {
    ++counts_.misfits;
  }
  if (task.state != State::Unborn) {
    row.ns = not_before(ring, task, ns);
    // Its row has the old ones.
    task.stored = false;
    new_tasks_.push_back(task.id);
  }
  if (labels != nullptr) row.arg = labels->id;
  add(ring, row);
}

void SpanBuilder::take_log(Ring& ring, const Event& event, std::string_view text, std::int64_t ns) {
  StoredRow row = row_of_actor(ring, EventKind::Log, ns);
  row.object_id = event.id;
  writer_.add_log({.ns = row.ns,
                   .worker_id = ring.totals.id,
                   .task_id = row.task_id,
                   .category_id = event.id,
                   .message = std::string(text)});
  add(ring, row);
}

}  // namespace taskscope::ingest
