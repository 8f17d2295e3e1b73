// What waits were like in the course of a recording: how long they usually are at a place, and
// whether the tasks that wait there get more. Tells a leak from a pool of workers at rest.
//
// Fixed memory per place. One thread at a time.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <tuple>
#include <unordered_map>

#include "recorder/store/rows.h"

namespace taskscope::analysis {

class WaitHistory {
 public:
  // Where its tasks came from, where they wait and why.
  using Key = std::tuple<store::SiteId, store::SiteId, store::BlockReason>;
  static constexpr std::size_t kLooks = 5;
  // How many tasks waited at equally distant instants, the last one the end of the recording.
  using Looks = std::array<std::uint64_t, kLooks>;

  explicit WaitHistory(std::int64_t duration_ns) : duration_ns_(duration_ns) {}

  // A blocked span. `spawn_site(task_id)` is asked for the few that matter.
  template <class SpawnSite>
  void add(const store::Span& span, SpawnSite spawn_site) {
    add_length(span);
    for (std::size_t look = 0; look < kLooks; ++look) {
      if (!is_under_way(span, look)) continue;
      ++looks_[{spawn_site(span.task_id), span.site_id, span.reason}][look];
    }
  }

  Looks looks(const Key& key) const;
  // When that was.
  std::int64_t look_ns(std::size_t look) const {
    return duration_ns_ / static_cast<std::int64_t>(kLooks) * static_cast<std::int64_t>(look + 1);
  }
  // Never less than at the look before, and more at all looks but one, perhaps.
  bool is_growing(const Key& key) const;
  // Of the waits that ended at a place, nearly all took at most so long: p99, rounded up to a power
  // of two; 0 if there were fewer than a hundred.
  std::int64_t usual_ns(store::SiteId wait_site_id) const;

 private:
  struct Ended {
    std::array<std::uint64_t, 64> lengths{};  // by power of two of ns
    std::uint64_t count = 0;
  };
  void add_length(const store::Span& span);
  // At the instant of a look; at the end of the recording those that had not ended.
  bool is_under_way(const store::Span& span, std::size_t look) const {
    if (look + 1 == kLooks) return !span.finished;
    const std::int64_t at_ns = look_ns(look);
    return span.start_ns <= at_ns && at_ns < span.end_ns;
  }

  std::int64_t duration_ns_;
  std::map<Key, Looks> looks_;
  std::unordered_map<store::SiteId, Ended> ended_;
};

}  // namespace taskscope::analysis
