#include "viewer/analysis/alike.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "viewer/analysis/findings.h"

namespace taskscope::analysis {

using store::FindingRow;

void fold_alike(const Facts& facts, std::vector<FindingRow>& findings) {
  using Key = std::tuple<store::ProgramId, std::string, store::ObjectKind, store::SiteId>;
  struct Group {
    FindingRow worst;
    std::size_t more = 0;
  };
  std::map<Key, Group> groups;
  for (FindingRow& row : findings) {
    const store::ObjectRow* object = facts.find_object(row.object_id);
    Key key{store::program_of(row.object_id), row.kind,
            object == nullptr ? store::ObjectKind::Unknown : object->kind,
            object == nullptr ? 0 : object->site_id};
    const auto [place, first] = groups.try_emplace(std::move(key));
    Group& group = place->second;
    if (!first) ++group.more;
    if (first || is_worse(row, group.worst)) group.worst = std::move(row);
  }
  findings.clear();
  for (auto& [key, group] : groups) {
    if (group.more > 0) {
      const auto& [program, finding, kind, site] = key;
      const std::string_view noun = kind == store::ObjectKind::Unknown ? "object" : to_text(kind);
      group.worst.detail += fmt::format(
          " The same holds for {} made at {}.", plural(group.more, fmt::format("more {}", noun)),
          site == 0 ? "unknown places" : facts.report().short_place(site));
    }
    findings.push_back(std::move(group.worst));
  }
}

}  // namespace taskscope::analysis
