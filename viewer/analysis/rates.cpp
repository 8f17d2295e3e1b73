#include "viewer/analysis/rates.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <iterator>
#include <utility>

#include "viewer/analysis/alike.h"
#include "viewer/analysis/duration_text.h"

namespace taskscope::analysis {
namespace {

using store::BlockReason;
using store::EventKind;
using store::FindingRow;
using store::Span;

FindingRow row_of(std::string kind, const WindowSums& sums) {
  FindingRow row;
  row.kind = std::move(kind);
  row.tier = "suspected";
  row.severity = "warning";
  row.count = static_cast<std::uint64_t>(sums.total());
  row.first_ns = sums.first_ns();
  row.last_ns = sums.last_ns();
  return row;
}

// A worker that has not slept so long after it began to look has found something. Longer than the
// scheduler searches, shorter than tasks make it worth to search again.
constexpr std::int64_t kSearchMaxNs = 200'000;

template <class Id, class Value>
std::map<Id, const Value*> by_id(const std::unordered_map<Id, Value>& all) {
  std::map<Id, const Value*> sorted;
  for (const auto& [id, value] : all) sorted.emplace(id, &value);
  return sorted;
}

}  // namespace

Rates::Rates(const FindingLimits& limits, std::int64_t duration_ns)
    : limits_(limits), window_ns_(rate_window_ns(limits, duration_ns)) {}

void Rates::add(const store::TaskRow& task) {
  if (!task.created_ns) return;
  Births& births = births_[task.spawn_site_id];
  births.tasks.add(*task.created_ns, 1, window_ns_, windowed(limits_.spawn_rate));
  births.example = task.id;
  if (!task.ended_ns) return;
  // What it did and waited for, without its wait for a worker: that is not the task's doing.
  const std::int64_t runnable_ns =
      task.state_ns[static_cast<std::size_t>(store::TaskState::Runnable)];
  const auto life_ns = static_cast<std::uint64_t>(
      std::max<std::int64_t>(*task.ended_ns - *task.created_ns - runnable_ns, 0));
  ++births.lives[std::min<std::size_t>(static_cast<std::size_t>(std::bit_width(life_ns)), 63)];
  ++births.ended;
}

void Rates::add(std::span<const Span> spans, std::span<const store::EventRow> events) {
  for (const Span& span : spans) {
    const bool of_channel =
        span.reason == BlockReason::ChanSend || span.reason == BlockReason::ChanRecv;
    if (of_channel && span.object_id != 0) add_handover(span);
  }
  for (const store::EventRow& event : events) {
    switch (event.kind) {
      case EventKind::Yield:
        yields_[event.task_id].add(event.ns, 1, window_ns_, windowed(limits_.yield_rate));
        break;
      case EventKind::TimerFire: {
        Timers& timers = timers_[event.program_id];
        const auto fired = static_cast<std::int64_t>(event.arg);
        timers.fired.add(event.ns, fired, window_ns_, windowed(limits_.timer_rate));
        timers.bursts += fired >= limits_.timer_burst ? 1 : 0;
        if (fired > timers.burst) {
          timers.burst = fired;
          timers.burst_ns = event.ns;
        }
        break;
      }
      case EventKind::WorkerSpin:
        searches_[event.program_id].begun.add(event.ns, 1, window_ns_,
                                              windowed(limits_.search_rate));
        search_began_ns_[event.worker_id] = event.ns;
        break;
      case EventKind::WorkerPark: {
        const auto began = search_began_ns_.find(event.worker_id);
        if (began == search_began_ns_.end()) break;
        if (event.ns - began->second <= kSearchMaxNs) ++searches_[event.program_id].in_vain;
        search_began_ns_.erase(began);
        break;
      }
      default:
        break;
    }
  }
}

void Rates::add_handover(const Span& span) {
  Handover& handover = handovers_[span.object_id];
  handover.values.add(span.end_ns, 1, window_ns_, windowed(limits_.ping_pong_rate));
  handover.last = span;
  for (store::TaskId& task : handover.tasks) {
    if (task == 0) task = span.task_id;
    if (task == span.task_id) break;
  }
}

Result<void> Rates::finish(const Facts& facts, std::vector<FindingRow>& found) {
  std::vector<FindingRow> ping_pongs;
  find_ping_pong(facts, ping_pongs);
  fold_alike(facts, ping_pongs);
  std::move(ping_pongs.begin(), ping_pongs.end(), std::back_inserter(found));
  find_births(facts, found);
  find_timers(facts, found);
  find_searches(facts, found);
  find_yields(facts, found);
  return {};
}

void Rates::find_ping_pong(const Facts& facts, std::vector<FindingRow>& found) const {
  for (const auto& [id, handover] : by_id(handovers_)) {
    if (!lasts(handover->values)) continue;
    const store::ObjectRow* channel = facts.find_object(id);
    if (channel == nullptr || channel->capacity.value_or(0) > 0) continue;
    std::int64_t slice_ns = 0;
    for (const store::TaskId task : handover->tasks) {
      if (task != 0) slice_ns = std::max(slice_ns, facts.mean_slice_ns(task));
    }
    if (slice_ns >= limits_.ping_pong_slice) continue;
    FindingRow row = row_of("ping_pong", handover->values);
    row.summary = fmt::format(
        "{}The unbuffered {} made tasks wait {} times, up to {} times a second, and they ran for "
        "less than {} in between.",
        facts.program_prefix(store::program_of(id)), facts.object_label(id), count_text(row.count),
        count_text(per_second(handover->values.peak(), window_ns_)),
        duration_text(limits_.ping_pong_slice));
    row.detail =
        "Most of the time goes into switching. Send more at once, or give the channel a buffer.";
    row.object_id = id;
    row.task_id = handover->last.task_id;
    row.spawn_site_id = facts.spawn_site(row.task_id);
    row.wait_site_id = handover->last.site_id;
    found.push_back(std::move(row));
  }
}

std::int64_t Rates::Births::median_life_ns() const {
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < lives.size(); ++i) {
    seen += lives[i];
    if (seen * 2 >= ended) return i == 0 ? 0 : (std::int64_t{1} << i) - 1;
  }
  return INT64_MAX;
}

void Rates::find_births(const Facts& facts, std::vector<FindingRow>& found) const {
  for (const auto& [site, births] : births_) {
    if (!lasts(births.tasks) || births.ended * 2 < static_cast<std::uint64_t>(births.tasks.total()))
      continue;
    const std::int64_t life_ns = births.median_life_ns();
    if (life_ns / 2 >= limits_.spawn_life) continue;
    FindingRow row = row_of("spawn_explosion", births.tasks);
    row.summary = fmt::format(
        "{}{} tasks were started at {}, up to {} a second, and half of them took less than {} "
        "each, without their wait for a worker.",
        facts.program_prefix(store::program_of(births.example)), count_text(row.count),
        facts.report().short_place(site), count_text(per_second(births.tasks.peak(), window_ns_)),
        duration_text(life_ns + 1));
    row.detail =
        "Starting them costs more than what they do. Give each task several items, or let a few "
        "workers receive from a channel (ts::parallel_for cuts the work for you).";
    row.task_id = births.example;
    row.spawn_site_id = site;
    found.push_back(std::move(row));
  }
}

void Rates::find_timers(const Facts& facts, std::vector<FindingRow>& found) const {
  for (const auto& [program, timers] : timers_) {
    const bool often = lasts(timers.fired);
    if (!often && timers.bursts < limits_.persist) continue;
    FindingRow row = row_of("timer_storm", timers.fired);
    row.spawn_site_id = facts.spawn_site(store::id_of(program, kMainTask));
    row.summary =
        often
            ? fmt::format(
                  "{}Up to {} timers fired a second, {} in all.", facts.program_prefix(program),
                  count_text(per_second(timers.fired.peak(), window_ns_)), count_text(row.count))
            : fmt::format("{}{} times more than {} timers fired at one moment, at worst {} at {}.",
                          facts.program_prefix(program), timers.bursts,
                          count_text(static_cast<std::uint64_t>(limits_.timer_burst)),
                          count_text(static_cast<std::uint64_t>(timers.burst)),
                          duration_text(timers.burst_ns));
    row.detail = often ? "Let one ticker serve many tasks, or wait for longer."
                       : "Spread the instants, for example by a random part of the period.";
    found.push_back(std::move(row));
  }
}

void Rates::find_searches(const Facts& facts, std::vector<FindingRow>& found) const {
  for (const auto& [program, searches] : searches_) {
    if (!lasts(searches.begun)) continue;
    const double success = 100.0 - 100.0 * static_cast<double>(searches.in_vain) /
                                       static_cast<double>(searches.begun.total());
    if (success >= static_cast<double>(limits_.search_success)) continue;
    FindingRow row = row_of("steal_storm", searches.begun);
    row.spawn_site_id = facts.spawn_site(store::id_of(program, kMainTask));
    row.summary = fmt::format(
        "{}Workers began to look for work {} times, up to {} times a second, and found some in "
        "{:.1f} % of these.",
        facts.program_prefix(program), count_text(row.count),
        count_text(per_second(searches.begun.peak(), window_ns_)), success);
    row.detail =
        "There is work for fewer workers: set TASKSCOPE_WORKERS lower, or make pieces of work "
        "larger.";
    found.push_back(std::move(row));
  }
}

void Rates::find_yields(const Facts& facts, std::vector<FindingRow>& found) const {
  struct Group {
    std::uint64_t tasks = 0;
    FindingRow row;
    std::int64_t peak = 0;
  };
  std::map<std::pair<store::ProgramId, store::SiteId>, Group> groups;
  for (const auto& [id, yields] : by_id(yields_)) {
    if (!lasts(*yields)) continue;
    Group& group = groups[{store::program_of(id), facts.spawn_site(id)}];
    FindingRow row = row_of("busy_wait", *yields);
    row.task_id = id;
    if (group.tasks++ > 0) {
      row.task_id = group.row.task_id;
      row.count += group.row.count;
      row.first_ns = std::min(row.first_ns, group.row.first_ns);
      row.last_ns = std::max(row.last_ns, group.row.last_ns);
    }
    group.row = std::move(row);
    group.peak = std::max(group.peak, yields->peak());
  }
  for (auto& [key, group] : groups) {
    FindingRow& row = group.row;
    row.spawn_site_id = key.second;
    const std::string who = group.tasks == 1
                                ? facts.task_and_origin(row.task_id)
                                : fmt::format("{} started at {}", plural(group.tasks, "task"),
                                              facts.report().short_place(key.second));
    row.summary = fmt::format("{}{} yielded {} times, up to {} times a second{}.",
                              facts.program_prefix(key.first), who, count_text(row.count),
                              count_text(per_second(group.peak, window_ns_)),
                              group.tasks == 1 ? "" : " each");
    row.detail =
        "It asks again and again for something that it could wait for: a channel, a Cond, a "
        "WaitGroup.";
    found.push_back(std::move(row));
  }
}

}  // namespace taskscope::analysis
