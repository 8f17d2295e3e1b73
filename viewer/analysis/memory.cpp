#include "viewer/analysis/memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "recorder/store/memory_tables.h"
#include "viewer/analysis/duration_text.h"

namespace taskscope::analysis {

Result<CollectedMemory> read_memory(const store::Reader& reader) {
  CollectedMemory memory;
  const auto cycles = store::gc_cycles(reader);
  if (!cycles) return cycles.error();
  Collections& sum = memory.collections;
  for (const store::GcCycleRow& row : *cycles) {
    if (!row.end_ns) continue;
    ++sum.count;
    sum.forced += row.forced.value_or(false) ? 1 : 0;
    sum.freed_bytes += row.freed_bytes.value_or(0);
    sum.live_bytes = row.live_bytes.value_or(sum.live_bytes);
  }
  const auto phases = store::gc_phases(reader);
  if (!phases) return phases.error();
  for (const store::GcPhaseRow& row : *phases) {
    if (row.phase != store::GcPhase::Pause) continue;
    ++sum.pauses;
    sum.pause_ns += row.end_ns - row.start_ns;
    sum.longest_pause_ns = std::max(sum.longest_pause_ns, row.end_ns - row.start_ns);
  }
  auto sites = store::escape_sites(reader);
  if (!sites) return sites.error();
  memory.sites = std::move(*sites);
  return memory;
}

std::string made_text(const store::EscapeSiteRow& site) {
  // As the compiler writes the type of what ts::make_array makes.
  constexpr std::string_view kArray = "taskscope::array<";
  if (site.type.starts_with(kArray) && site.type.ends_with('>')) {
    return fmt::format("make_array<{}>",
                       site.type.substr(kArray.size(), site.type.size() - kArray.size() - 1));
  }
  return fmt::format("make<{}>", site.type);
}

std::string reasons_text(const store::EscapeSiteRow& site) {
  std::vector<std::pair<std::uint64_t, store::EscapeReason>> reasons;
  for (std::size_t reason = 0; reason < site.reasons.size(); ++reason) {
    const auto kind = static_cast<store::EscapeReason>(reason);
    // Those would have escaped as the others did.
    const bool learned = kind == store::EscapeReason::Learned;
    if (site.reasons[reason] == 0 || (learned && site.reasons[reason] < site.escaped)) continue;
    reasons.emplace_back(site.reasons[reason], kind);
  }
  std::stable_sort(reasons.begin(), reasons.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  if (reasons.size() == 1) return std::string(to_text(reasons.front().second));
  std::string text;
  for (const auto& [objects, reason] : reasons) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", to_text(reason), count_text(objects));
  }
  return text;
}

std::string escape_text(const store::EscapeSiteRow& site) {
  std::string text = made_text(site);
  if (site.escaped == 0 && site.stayed == 0) {
    text += fmt::format(" is made outside of all scopes ({}, {})", count_text(site.objects()),
                        bytes_text(site.bytes));
  } else if (site.escaped == 0) {
    text += fmt::format(" does not escape ({}, {})", count_text(site.objects()),
                        bytes_text(site.bytes));
  } else {
    text += fmt::format(" escapes to heap: {} ({} of {}, {})", reasons_text(site),
                        count_text(site.escaped), count_text(site.objects()),
                        bytes_text(site.escaped_bytes));
  }
  return site.learned ? text + "; learned: made on the heap at once" : text;
}

}  // namespace taskscope::analysis
