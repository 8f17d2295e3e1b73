// Findings while a program is being recorded: is it time to keep what a flight recorder has?
//
// Looks now and then at what waits, and speaks when something goes wrong that a finished recording
// would call a finding, too (findings.h): a lock that nobody gives back, or tasks that gather at
// one place and do not get fewer. What merely waits for work, however long, is no finding while its
// program runs. One thread at a time.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "recorder/store/rows.h"
#include "viewer/analysis/findings.h"

namespace taskscope::analysis {

class LiveFindings {
 public:
  // Of how many looks in a row each must find at least as many tasks at a place as the one before.
  static constexpr std::uint32_t kGrowingLooks = 5;

  explicit LiveFindings(const FindingLimits& limits = {}) : limits_(limits) {}

  // `groups` is all that waits now, `programs` the names of what is recorded. Returns what is
  // wrong, as it completes "ended by …", or nothing. REQUIRES: about a second since the last look.
  std::string look(const std::vector<store::WaitingGroup>& groups,
                   const std::vector<std::string>& programs = {});

 private:
  using Key = std::tuple<store::ProgramId, store::SiteId, store::SiteId, store::BlockReason>;
  struct Growth {
    std::uint64_t first = 0;  // tasks when it began not to shrink
    std::uint64_t last = 0;
    std::uint32_t looks = 0;
  };

  FindingLimits limits_;
  std::map<Key, Growth> growth_;
};

}  // namespace taskscope::analysis
