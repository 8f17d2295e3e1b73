#include "viewer/analysis/starvation.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "viewer/analysis/duration_text.h"

namespace taskscope::analysis {
namespace {

using store::FindingRow;
using store::Span;
using store::TaskState;

std::string worker_label(store::WorkerId id) {
  return fmt::format("worker {}", store::own_worker_id(id));
}

}  // namespace

void Starvation::keep(std::vector<Stretch>& stretches, const Span& span) {
  stretches.push_back({span.start_ns, span.end_ns, span.task_id, span.site_id, span.state});
  if (stretches.size() < 2 * kKept) return;
  std::nth_element(
      stretches.begin(), stretches.begin() + kKept, stretches.end(),
      [](const Stretch& a, const Stretch& b) { return a.length_ns() > b.length_ns(); });
  stretches.resize(kKept);
}

void Starvation::add(std::span<const Span> spans, std::span<const store::EventRow>) {
  for (const Span& span : spans) {
    const std::int64_t ns = span.end_ns - span.start_ns;
    if (span.state == TaskState::Runnable && ns >= limits_.idle_stretch) keep(waits_, span);
    if (span.worker_id == store::kNoWorker) continue;
    if (span.state == TaskState::Running && ns >= limits_.hog) keep(runs_, span);
    if (span.state == TaskState::Syscall && ns >= limits_.call) keep(runs_, span);
  }
}

Result<void> Starvation::finish(const Facts& facts, std::vector<FindingRow>& found) {
  const auto longest_first = [](const Stretch& a, const Stretch& b) {
    return std::pair(b.length_ns(), a.start_ns) < std::pair(a.length_ns(), b.start_ns);
  };
  std::sort(waits_.begin(), waits_.end(), longest_first);
  std::sort(runs_.begin(), runs_.end(), longest_first);
  find_starved(facts, found);
  find_idle(facts, found);
  find_hogs(facts, found);
  return {};
}

// By where the tasks were started.
void Starvation::find_starved(const Facts& facts, std::vector<FindingRow>& found) const {
  struct Group {
    Stretch longest;
    std::uint64_t waits = 0;
    std::set<store::TaskId> tasks;
    std::set<std::int64_t> windows;
    std::int64_t first_ns = INT64_MAX;
    std::int64_t last_ns = 0;
  };
  std::map<std::pair<store::ProgramId, store::SiteId>, Group> groups;
  for (const Stretch& wait : waits_) {
    if (wait.length_ns() < limits_.starved_wait) break;
    Group& group = groups[{store::program_of(wait.task_id), facts.spawn_site(wait.task_id)}];
    if (group.waits++ == 0) group.longest = wait;
    group.tasks.insert(wait.task_id);
    group.windows.insert(wait.start_ns / limits_.window);
    group.first_ns = std::min(group.first_ns, wait.start_ns);
    group.last_ns = std::max(group.last_ns, wait.end_ns);
  }
  for (const auto& [key, group] : groups) {
    if (static_cast<std::int64_t>(group.windows.size()) < limits_.persist) continue;
    const Stretch& longest = group.longest;
    const Facts::Slept slept = facts.slept(key.first, longest.start_ns, longest.end_ns);
    FindingRow row;
    row.kind = "starvation";
    row.tier = "suspected";
    row.severity = longest.length_ns() >= limits_.starved_severe ? "severe" : "warning";
    row.summary = fmt::format(
        "{}{} started at {} waited more than {} for a worker, {} in all; the longest, {}, waited "
        "{} from {} on.",
        facts.program_prefix(key.first), plural(group.tasks.size(), "task"),
        facts.report().short_place(key.second), duration_text(limits_.starved_wait),
        plural(group.waits, "time"), facts.task_label(longest.task_id),
        duration_text(longest.length_ns()), duration_text(longest.start_ns));
    row.detail =
        slept.longest_ns * 2 >= longest.length_ns()
            ? fmt::format(
                  "Meanwhile {} slept for {}: the wait was the scheduler's, or the "
                  "machine's, which let no thread run.",
                  worker_label(slept.worker_id), duration_text(slept.longest_ns))
            : "All workers were busy: look at what ran then. More workers, shorter pieces of work "
              "(ts::checkpoint()) or fewer tasks at once would help.";
    row.task_id = longest.task_id;
    row.spawn_site_id = key.second;
    row.count = group.waits;
    row.first_ns = group.first_ns;
    row.last_ns = group.last_ns;
    found.push_back(std::move(row));
  }
}

// The waits of a program that overlap are one, with the task of the longest: one worker that wakes
// late keeps a hundred tasks waiting, and has slept once.
std::vector<Starvation::Stretch> Starvation::joined_waits() const {
  std::vector<Stretch> waits = waits_;
  std::sort(waits.begin(), waits.end(), [](const Stretch& a, const Stretch& b) {
    return std::pair(store::program_of(a.task_id), a.start_ns) <
           std::pair(store::program_of(b.task_id), b.start_ns);
  });
  std::vector<Stretch> joined;
  std::int64_t longest_ns = 0;  // of those that are in the last one
  for (const Stretch& wait : waits) {
    const bool apart =
        joined.empty() ||
        store::program_of(joined.back().task_id) != store::program_of(wait.task_id) ||
        joined.back().end_ns <= wait.start_ns;
    if (apart) {
      joined.push_back(wait);
      longest_ns = wait.length_ns();
      continue;
    }
    joined.back().end_ns = std::max(joined.back().end_ns, wait.end_ns);
    if (wait.length_ns() > longest_ns) {
      longest_ns = wait.length_ns();
      joined.back().task_id = wait.task_id;
    }
  }
  return joined;
}

// Runnable tasks beside sleeping workers.
void Starvation::find_idle(const Facts& facts, std::vector<FindingRow>& found) const {
  struct Sum {
    std::int64_t ns = 0;
    std::uint64_t waits = 0;
    std::set<std::int64_t> windows;
    Stretch worst;
    Facts::Slept slept;
    std::int64_t first_ns = INT64_MAX;
    std::int64_t last_ns = 0;
  };
  std::map<store::ProgramId, Sum> sums;
  for (const Stretch& wait : joined_waits()) {
    const store::ProgramId program = store::program_of(wait.task_id);
    const Facts::Slept slept = facts.slept(program, wait.start_ns, wait.end_ns);
    if (slept.longest_ns < limits_.idle_stretch) continue;
    Sum& sum = sums[program];
    sum.ns += slept.longest_ns;
    ++sum.waits;
    sum.windows.insert(wait.start_ns / limits_.window);
    sum.first_ns = std::min(sum.first_ns, wait.start_ns);
    sum.last_ns = std::max(sum.last_ns, wait.end_ns);
    if (slept.longest_ns > sum.slept.longest_ns) {
      sum.slept = slept;
      sum.worst = wait;
    }
  }
  for (const auto& [program, sum] : sums) {
    const auto workers = static_cast<std::int64_t>(
        std::count_if(facts.report().workers.begin(), facts.report().workers.end(),
                      [&, of = program](const store::WorkerRow& worker) {
                        return store::program_of_worker(worker.id) == of;
                      }));
    const std::int64_t limit_ns =
        product(product(facts.duration_ns() / 100, limits_.idle_share), workers);
    if (static_cast<std::int64_t>(sum.windows.size()) < limits_.persist || sum.ns < limit_ns) {
      continue;
    }
    FindingRow row;
    row.kind = "idle_worker";
    row.tier = "suspected";
    row.severity = "warning";
    row.summary = fmt::format(
        "{}Workers slept while tasks were runnable, {} for {} in all; at worst {} slept {} while "
        "{} waited, from {} on.",
        facts.program_prefix(program), plural(sum.waits, "time"), duration_text(sum.ns),
        worker_label(sum.slept.worker_id), duration_text(sum.slept.longest_ns),
        facts.task_label(sum.worst.task_id), duration_text(sum.worst.start_ns));
    row.detail =
        "A worker that is woken needs a processor: on a machine that is busy with other programs "
        "this is what one sees. On a quiet one it is a fault of the scheduler.";
    row.task_id = sum.worst.task_id;
    row.spawn_site_id = facts.spawn_site(sum.worst.task_id);
    row.count = sum.waits;
    row.first_ns = sum.first_ns;
    row.last_ns = sum.last_ns;
    found.push_back(std::move(row));
  }
}

// Long runs during which others starved; those alone are no fault.
void Starvation::find_hogs(const Facts& facts, std::vector<FindingRow>& found) const {
  const auto starved_during = [&](const Stretch& run) {
    std::set<store::TaskId> tasks;
    for (const Stretch& wait : waits_) {
      if (store::program_of(wait.task_id) == store::program_of(run.task_id) &&
          std::min(wait.end_ns, run.end_ns) - std::max(wait.start_ns, run.start_ns) >=
              limits_.starved_wait) {
        tasks.insert(wait.task_id);
      }
    }
    return tasks.size();
  };
  std::set<std::pair<store::SiteId, store::SiteId>> told;
  constexpr std::size_t kLooked = 100;
  std::size_t looked = 0;
  for (const Stretch& run : runs_) {
    const store::SiteId spawn = facts.spawn_site(run.task_id);
    if (told.contains({spawn, run.call_site_id})) continue;
    if (++looked > kLooked) break;
    const std::uint64_t starved = starved_during(run);
    if (starved == 0) continue;
    told.emplace(spawn, run.call_site_id);
    const bool is_call = run.state == TaskState::Syscall;
    FindingRow row;
    row.kind = is_call ? "blocking_call" : "cpu_hog";
    row.tier = "suspected";
    row.severity = run.length_ns() >= limits_.hog_severe ? "severe" : "warning";
    const std::string what = is_call ? fmt::format("kept its worker in a call at {}",
                                                   facts.report().short_place(run.call_site_id))
                                     : std::string("ran without a pause");
    row.summary = fmt::format(
        "{}{} {} for {} from {} on, while {} waited more than {} for a worker.",
        facts.program_prefix(store::program_of(run.task_id)), facts.task_and_origin(run.task_id),
        what, duration_text(run.length_ns()), duration_text(run.start_ns), plural(starved, "task"),
        duration_text(limits_.starved_wait));
    row.detail = is_call ? "Wait for the descriptor with ts::net or ts::os instead, where that is "
                           "possible."
                         : "Call ts::checkpoint() in its loop, or give the work to several tasks.";
    row.wait_site_id = run.call_site_id;
    row.task_id = run.task_id;
    row.spawn_site_id = spawn;
    row.count = starved;
    row.first_ns = run.start_ns;
    row.last_ns = run.end_ns;
    found.push_back(std::move(row));
  }
}

}  // namespace taskscope::analysis
