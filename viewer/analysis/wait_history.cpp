#include "viewer/analysis/wait_history.h"

#include <algorithm>
#include <bit>

namespace taskscope::analysis {

void WaitHistory::add_length(const store::Span& span) {
  if (!span.finished) return;
  const auto ns =
      static_cast<std::uint64_t>(std::max<std::int64_t>(span.end_ns - span.start_ns, 0));
  Ended& ended = ended_[span.site_id];
  ++ended.lengths[std::min<std::size_t>(static_cast<std::size_t>(std::bit_width(ns)), 63)];
  ++ended.count;
}

WaitHistory::Looks WaitHistory::looks(const Key& key) const {
  const auto found = looks_.find(key);
  return found == looks_.end() ? Looks{} : found->second;
}

bool WaitHistory::is_growing(const Key& key) const {
  const Looks seen = looks(key);
  std::size_t rises = 0;
  for (std::size_t i = 1; i < seen.size(); ++i) rises += seen[i] > seen[i - 1] ? 1 : 0;
  return std::is_sorted(seen.begin(), seen.end()) && rises + 1 >= seen.size() - 1;
}

std::int64_t WaitHistory::usual_ns(store::SiteId wait_site_id) const {
  constexpr std::uint64_t kEnough = 100;
  const auto found = ended_.find(wait_site_id);
  if (found == ended_.end() || found->second.count < kEnough) return 0;
  const Ended& ended = found->second;
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < ended.lengths.size(); ++i) {
    seen += ended.lengths[i];
    if (seen * 100 >= ended.count * 99)
      return i == 0 ? 0 : static_cast<std::int64_t>((std::uint64_t{1} << i) - 1);
  }
  return INT64_MAX;
}

}  // namespace taskscope::analysis
