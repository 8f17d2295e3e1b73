#include "recorder/store/memory_tables.h"

#include <string>
#include <unordered_map>
#include <utility>

#include "recorder/store/query_rows.h"

namespace taskscope::store {
namespace {

constexpr const char* kWhat = "what collected memory did";

}  // namespace

Result<std::vector<GcCycleRow>> gc_cycles(const Reader& reader) {
  return rows_of<GcCycleRow>(
      reader, kWhat,
      "SELECT id, start_ns, end_ns, forced, before_bytes, goal_bytes, live_bytes, live_objects,"
      " freed_bytes, next_goal_bytes, task_id FROM gc_cycle ORDER BY id",
      [](const RowValues& row) {
        const auto forced = known_in<int>(row[3]);
        return GcCycleRow{.id = number_in<GcCycleId>(row[0]),
                          .start_ns = known_in<std::int64_t>(row[1]),
                          .end_ns = known_in<std::int64_t>(row[2]),
                          .forced = forced ? std::optional(*forced != 0) : std::nullopt,
                          .before_bytes = known_in<std::uint64_t>(row[4]),
                          .goal_bytes = known_in<std::uint64_t>(row[5]),
                          .live_bytes = known_in<std::uint64_t>(row[6]),
                          .live_objects = known_in<std::uint64_t>(row[7]),
                          .freed_bytes = known_in<std::uint64_t>(row[8]),
                          .next_goal_bytes = known_in<std::uint64_t>(row[9]),
                          .task_id = number_in<TaskId>(row[10])};
      });
}

Result<std::vector<GcPhaseRow>> gc_phases(const Reader& reader) {
  return rows_of<GcPhaseRow>(
      reader, kWhat,
      "SELECT cycle_id, phase, start_ns, end_ns, worker_id, task_id FROM gc_phase"
      " ORDER BY start_ns, cycle_id, rowid",
      [](const RowValues& row) {
        return GcPhaseRow{
            .cycle_id = number_in<GcCycleId>(row[0]),
            .phase = trace_format::parse_gc_phase(text_in(row[1])).value_or(GcPhase::Unknown),
            .start_ns = number_in<std::int64_t>(row[2]),
            .end_ns = number_in<std::int64_t>(row[3]),
            .worker_id = known_in<WorkerId>(row[4]).value_or(kNoWorker),
            .task_id = number_in<TaskId>(row[5])};
      });
}

Result<std::vector<EscapeSiteRow>> escape_sites(const Reader& reader) {
  auto sites = rows_of<EscapeSiteRow>(
      reader, kWhat,
      "SELECT id, file, line, function, type, stayed, escaped, heap, bytes, escaped_bytes, learned"
      " FROM escape_site ORDER BY escaped_bytes DESC, escaped DESC, bytes DESC, id",
      [](const RowValues& row) {
        return EscapeSiteRow{.id = number_in<std::uint64_t>(row[0]),
                             .file = std::string(text_in(row[1])),
                             .line = number_in<std::uint32_t>(row[2]),
                             .function = std::string(text_in(row[3])),
                             .type = std::string(text_in(row[4])),
                             .stayed = number_in<std::uint64_t>(row[5]),
                             .escaped = number_in<std::uint64_t>(row[6]),
                             .heap = number_in<std::uint64_t>(row[7]),
                             .bytes = number_in<std::uint64_t>(row[8]),
                             .escaped_bytes = number_in<std::uint64_t>(row[9]),
                             .learned = number_in<int>(row[10]) != 0};
      });
  if (!sites) return sites;
  struct Reason {
    std::uint64_t site = 0;
    std::string text;
    std::uint64_t objects = 0;
  };
  const auto reasons = rows_of<Reason>(
      reader, kWhat, "SELECT site_id, reason, objects FROM escape_reason",
      [](const RowValues& row) {
        return Reason{number_in<std::uint64_t>(row[0]), std::string(text_in(row[1])),
                      number_in<std::uint64_t>(row[2])};
      });
  if (!reasons) return reasons.error();
  std::unordered_map<std::uint64_t, EscapeSiteRow*> by_id;
  for (EscapeSiteRow& site : *sites) by_id[site.id] = &site;
  for (const Reason& row : *reasons) {
    const auto site = by_id.find(row.site);
    const auto reason = trace_format::parse_escape_reason(row.text);
    if (site == by_id.end() || !reason) continue;
    site->second->reasons[static_cast<std::size_t>(*reason)] = row.objects;
  }
  return sites;
}

}  // namespace taskscope::store
