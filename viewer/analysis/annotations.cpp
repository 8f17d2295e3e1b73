#include "viewer/analysis/annotations.h"

#include <algorithm>
#include <map>
#include <unordered_map>
#include <utility>

namespace taskscope::analysis {

std::uint64_t Annotations::region_count() const {
  std::uint64_t count = 0;
  for (const RegionTotals& row : regions) count += row.regions;
  return count;
}

Result<Annotations> read_annotations(const store::Reader& reader) {
  std::unordered_map<store::NameId, RegionTotals> by_id;
  auto read = reader.each_region({}, [&](const store::RegionRow& region) {
    RegionTotals& row = by_id[region.name_id];
    ++row.regions;
    if (!region.start_ns || !region.end_ns) {
      ++row.unknown;
      return;
    }
    row.total_ns += *region.end_ns - *region.start_ns;
    row.max_ns = std::max(row.max_ns, *region.end_ns - *region.start_ns);
  });
  if (!read) return read.error();
  auto names = reader.names();
  if (!names) return names.error();
  auto counters = reader.counters();
  if (!counters) return counters.error();
  auto labels = reader.label_totals();
  if (!labels) return labels.error();
  auto logs = reader.log_count();
  if (!logs) return logs.error();

  Annotations found{.counters = std::move(*counters), .labels = std::move(*labels), .logs = *logs};
  for (const store::NameRow& name : *names) {
    const auto it = by_id.find(name.id);
    if (it != by_id.end()) it->second.name = name.text;
  }
  // Several programs may have regions of one name.
  std::map<std::string, RegionTotals> by_name;
  for (const auto& [id, row] : by_id) {
    RegionTotals& sum = by_name[row.name];
    sum.name = row.name;
    sum.regions += row.regions;
    sum.total_ns += row.total_ns;
    sum.max_ns = std::max(sum.max_ns, row.max_ns);
    sum.unknown += row.unknown;
  }
  for (auto& [name, row] : by_name) found.regions.push_back(std::move(row));
  std::stable_sort(found.regions.begin(), found.regions.end(),
                   [](const auto& a, const auto& b) { return a.total_ns > b.total_ns; });
  return found;
}

}  // namespace taskscope::analysis
