#include "viewer/analysis/facts.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "viewer/analysis/duration_text.h"

namespace taskscope::analysis {
namespace {

template <class Row>
const Row* find_by_id(const std::vector<Row>& rows, std::uint64_t id) {
  const auto at = std::lower_bound(rows.begin(), rows.end(), id,
                                   [](const Row& row, std::uint64_t of) { return row.id < of; });
  return at == rows.end() || at->id != id ? nullptr : &*at;
}

}  // namespace

std::string plural(std::uint64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count_text(count), noun, count == 1 ? "" : "s");
}

std::string task_label(const store::TaskRow& task) {
  const std::uint64_t number = store::own_id(task.id);
  return task.name.empty() ? fmt::format("task {}", number)
                           : fmt::format("task {} \"{}\"", number, task.name);
}

void Facts::add(const store::TaskRow& task) {
  // It began to run once for its start and once for each wake-up; yields are left out.
  const auto running_ns = static_cast<std::uint64_t>(
      task.state_ns[static_cast<std::size_t>(store::TaskState::Running)]);
  const std::uint64_t slice_ns = running_ns / (task.wakeups + 1);
  store::StateTimes& state_ns = state_ns_[store::program_of(task.id)];
  for (std::size_t i = 0; i < state_ns.size(); ++i) state_ns[i] += task.state_ns[i];
  tasks_.push_back({task.id, task.spawn_site_id,
                    static_cast<std::uint32_t>(std::min<std::uint64_t>(
                        slice_ns, std::numeric_limits<std::uint32_t>::max()))});
}

Result<void> Facts::read_rest() {
  auto objects = reader_.objects();
  if (!objects) return objects.error();
  objects_ = std::move(*objects);
  auto chunks = reader_.chunks();
  if (!chunks) return chunks.error();
  chunks_ = std::move(*chunks);
  auto parks = reader_.parks(park_min_ns_);
  if (!parks) return parks.error();
  std::stable_sort(parks->begin(), parks->end(), [](const auto& a, const auto& b) {
    return std::pair(a.worker_id, a.start_ns) < std::pair(b.worker_id, b.start_ns);
  });
  for (const store::ParkRow& row : *parks) {
    if (parks_.empty() || parks_.back().front().worker_id != row.worker_id) parks_.emplace_back();
    parks_.back().push_back(row);
  }
  return {};
}

const Facts::TaskFacts* Facts::find(store::TaskId id) const { return find_by_id(tasks_, id); }

store::SiteId Facts::spawn_site(store::TaskId id) const {
  const TaskFacts* task = find(id);
  return task == nullptr ? 0 : task->spawn_site_id;
}

std::int64_t Facts::time_in(store::ProgramId program, store::TaskState state) const {
  const auto times = state_ns_.find(program);
  return times == state_ns_.end() ? 0 : times->second[static_cast<std::size_t>(state)];
}

std::int64_t Facts::mean_slice_ns(store::TaskId id) const {
  const TaskFacts* task = find(id);
  return task == nullptr ? 0 : task->slice_ns;
}

const store::ObjectRow* Facts::find_object(store::ObjectId id) const {
  return find_by_id(objects_, id);
}

std::string Facts::object_label(store::ObjectId id) const {
  const store::ObjectRow* object = find_object(id);
  if (object == nullptr) return fmt::format("object {}", store::own_id(id));
  const std::string_view kind =
      object->kind == store::ObjectKind::Unknown ? "object" : to_text(object->kind);
  if (!object->name.empty()) return fmt::format("{} \"{}\"", kind, object->name);
  if (object->site_id != 0) {
    return fmt::format("{} made at {}", kind, report_.short_place(object->site_id));
  }
  return fmt::format("{} {}", kind, store::own_id(id));
}

std::string Facts::task_label(store::TaskId id) const {
  store::TaskRow row{.id = id};
  auto found = reader_.tasks_of({&id, 1});
  if (found && !found->empty()) row = std::move(found->front());
  return analysis::task_label(row);
}

std::string Facts::task_and_origin(store::TaskId id) const {
  const store::SiteId spawn = spawn_site(id);
  if (spawn == 0) return task_label(id);
  return fmt::format("{}, started at {},", task_label(id), report_.short_place(spawn));
}

std::string Facts::program_prefix(store::ProgramId program) const {
  const std::vector<std::string> names = store::program_names(report_.info.programs);
  return names.size() > 1 && program >= 1 && program <= names.size() ? names[program - 1] + ": "
                                                                     : "";
}

Facts::Slept Facts::slept(store::ProgramId program, std::int64_t start_ns,
                          std::int64_t end_ns) const {
  Slept slept;
  for (const auto& parks : parks_) {
    const store::WorkerId worker = parks.front().worker_id;
    if (store::program_of_worker(worker) != program) continue;
    auto at = std::partition_point(parks.begin(), parks.end(), [&](const store::ParkRow& row) {
      return row.end_ns <= start_ns;
    });
    for (; at != parks.end() && at->start_ns < end_ns; ++at) {
      const std::int64_t ns = std::min(at->end_ns, end_ns) - std::max(at->start_ns, start_ns);
      if (ns > slept.longest_ns) {
        slept.longest_ns = ns;
        slept.worker_id = worker;
      }
    }
  }
  return slept;
}

Result<void> Facts::each_span(std::int64_t start_ns, std::int64_t end_ns,
                              const std::function<void(const store::Span&)>& visit) const {
  std::vector<store::Span> spans;
  for (const store::ChunkSummary& chunk : chunks_) {
    if (chunk.end_ns < start_ns || chunk.start_ns > end_ns) continue;
    spans.clear();
    if (auto read = reader_.read_spans(chunk.id, spans); !read) return read;
    for (const store::Span& span : spans) {
      if (span.start_ns < end_ns && span.end_ns > start_ns) visit(span);
    }
  }
  return {};
}

}  // namespace taskscope::analysis
