#include "recorder/store/memory_tables.h"

#include <string>
#include <unordered_map>
#include <utility>

#include "recorder/store/query_rows.h"

namespace taskscope::store {
namespace {

// Nothing of a table that the recording does not have.
template <class Row, class Make>
Result<std::vector<Row>> rows_if_any(const Reader& reader, const char* table,
                                     const std::string& sql, Make make) {
  constexpr const char* kWhat = "what collected memory did";
  const auto there = rows_of<int>(reader, kWhat,
                                  std::string("SELECT count(*) FROM sqlite_master WHERE type ="
                                              " 'table' AND name = '") +
                                      table + "'",
                                  [](const Values& row) { return row.number<int>(0); });
  if (!there) return there.error();
  if (there->empty() || there->front() == 0) return std::vector<Row>();
  return rows_of<Row>(reader, kWhat, sql, make);
}

}  // namespace

Result<std::vector<GcCycleRow>> gc_cycles(const Reader& reader) {
  return rows_if_any<GcCycleRow>(
      reader, "gc_cycle",
      "SELECT id, start_ns, end_ns, forced, before_bytes, goal_bytes, live_bytes, live_objects,"
      " freed_bytes, next_goal_bytes, task_id FROM gc_cycle ORDER BY id",
      [](const Values& row) {
        const auto forced = row.known<int>(3);
        return GcCycleRow{.id = row.number<GcCycleId>(0),
                          .start_ns = row.known<std::int64_t>(1),
                          .end_ns = row.known<std::int64_t>(2),
                          .forced = forced ? std::optional(*forced != 0) : std::nullopt,
                          .before_bytes = row.known<std::uint64_t>(4),
                          .goal_bytes = row.known<std::uint64_t>(5),
                          .live_bytes = row.known<std::uint64_t>(6),
                          .live_objects = row.known<std::uint64_t>(7),
                          .freed_bytes = row.known<std::uint64_t>(8),
                          .next_goal_bytes = row.known<std::uint64_t>(9),
                          .task_id = row.number<TaskId>(10)};
      });
}

Result<std::vector<GcPhaseRow>> gc_phases(const Reader& reader) {
  return rows_if_any<GcPhaseRow>(
      reader, "gc_phase",
      "SELECT cycle_id, phase, start_ns, end_ns, worker_id, task_id FROM gc_phase"
      " ORDER BY start_ns, cycle_id, rowid",
      [](const Values& row) {
        return GcPhaseRow{
            .cycle_id = row.number<GcCycleId>(0),
            .phase = trace_format::parse_gc_phase(row.text(1)).value_or(GcPhase::Unknown),
            .start_ns = row.number<std::int64_t>(2),
            .end_ns = row.number<std::int64_t>(3),
            .worker_id = row.known<WorkerId>(4).value_or(kNoWorker),
            .task_id = row.number<TaskId>(5)};
      });
}

Result<std::vector<EscapeSiteRow>> escape_sites(const Reader& reader) {
  auto sites = rows_if_any<EscapeSiteRow>(
      reader, "escape_site",
      "SELECT id, file, line, function, type, stayed, escaped, heap, bytes, escaped_bytes, learned"
      " FROM escape_site ORDER BY escaped_bytes DESC, escaped DESC, bytes DESC, id",
      [](const Values& row) {
        return EscapeSiteRow{.id = row.number<std::uint64_t>(0),
                             .file = row.text(1),
                             .line = row.number<std::uint32_t>(2),
                             .function = row.text(3),
                             .type = row.text(4),
                             .stayed = row.number<std::uint64_t>(5),
                             .escaped = row.number<std::uint64_t>(6),
                             .heap = row.number<std::uint64_t>(7),
                             .bytes = row.number<std::uint64_t>(8),
                             .escaped_bytes = row.number<std::uint64_t>(9),
                             .learned = row.number<int>(10) != 0};
      });
  if (!sites) return sites;
  struct Reason {
    std::uint64_t site = 0;
    std::string text;
    std::uint64_t objects = 0;
  };
  const auto reasons = rows_if_any<Reason>(
      reader, "escape_reason", "SELECT site_id, reason, objects FROM escape_reason",
      [](const Values& row) {
        return Reason{row.number<std::uint64_t>(0), row.text(1), row.number<std::uint64_t>(2)};
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
