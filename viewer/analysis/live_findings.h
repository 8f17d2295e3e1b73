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

// Tasks that wait for a lock that nobody gives back, or get more and more at one place.
struct LiveFinding {
  enum class Kind : std::uint8_t { HeldLock, Growing };
  Kind kind = Kind::HeldLock;
  store::WaitingGroup group;
};

class LiveFindings {
 public:
  // Of how many looks in a row each must find at least as many tasks at a place as the one before.
  static constexpr std::uint32_t kGrowingLooks = 5;

  explicit LiveFindings(const FindingLimits& limits = {}) : limits_(limits) {}

  // `groups` is all that waits now, `programs` the names of what is recorded. Returns what is
  // wrong, as it completes "ended by …", or nothing. REQUIRES: about a second since the last look.
  std::string look(const std::vector<store::WaitingGroup>& groups,
                   const std::vector<std::string>& programs = {});
  // All that the last look found.
  const std::vector<LiveFinding>& found() const { return found_; }

 private:
  using Key = std::tuple<store::ProgramId, store::SiteId, store::SiteId, store::BlockReason>;
  struct Growth {
    std::uint64_t first = 0;  // tasks when it began not to shrink
    std::uint64_t last = 0;
    std::uint32_t looks = 0;
  };

  FindingLimits limits_;
  std::map<Key, Growth> growth_;
  std::vector<LiveFinding> found_;
};

// As a finding of a recording: a leak that is suspected. `wait_place` is where they wait; times and
// tasks are the caller's to fill in.
store::FindingRow to_row(const LiveFinding& found, const std::string& wait_place);

}  // namespace taskscope::analysis
