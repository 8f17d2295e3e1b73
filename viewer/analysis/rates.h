// Things that happen too often: values handed to and fro, tasks that live hardly at all, timers,
// looks for work, yields.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <unordered_map>
#include <vector>

#include "viewer/analysis/check.h"

namespace taskscope::analysis {

class Rates : public Check {
 public:
  Rates(const FindingLimits& limits, std::int64_t duration_ns);

  // Every task, in any order.
  void add(const store::TaskRow& task);
  // The events that it wants.
  static constexpr std::array kKinds = {store::EventKind::Yield, store::EventKind::TimerFire,
                                        store::EventKind::WorkerSpin, store::EventKind::WorkerPark};
  void add(std::span<const store::Span> spans, std::span<const store::EventRow> events) override;
  Result<void> finish(const Facts& facts, std::vector<store::FindingRow>& found) override;

 private:
  struct Handover {
    WindowSums values;
    std::array<store::TaskId, 4> tasks{};  // the first ones that were met
    store::Span last;
  };
  struct Births {
    WindowSums tasks;
    std::array<std::uint64_t, 64> lives{};  // of those that ended; by power of two of ns
    std::uint64_t ended = 0;
    store::TaskId example = 0;

    std::int64_t median_life_ns() const;  // at most a power of two too long
  };
  struct Timers {
    WindowSums fired;
    std::int64_t burst = 0;
    std::int64_t burst_ns = 0;
    std::int64_t bursts = 0;
  };
  struct Searches {
    WindowSums begun;
    std::uint64_t in_vain = 0;  // ended in the worker's sleep
  };

  std::int64_t windowed(std::int64_t rate) const { return in_window(rate, window_ns_); }
  void add_handover(const store::Span& span);
  bool lasts(const WindowSums& sums) const { return sums.reached() >= limits_.persist; }
  void find_ping_pong(const Facts& facts, std::vector<store::FindingRow>& found) const;
  void find_births(const Facts& facts, std::vector<store::FindingRow>& found) const;
  void find_timers(const Facts& facts, std::vector<store::FindingRow>& found) const;
  void find_searches(const Facts& facts, std::vector<store::FindingRow>& found) const;
  void find_yields(const Facts& facts, std::vector<store::FindingRow>& found) const;

  FindingLimits limits_;
  std::int64_t window_ns_;
  std::unordered_map<store::ObjectId, Handover> handovers_;
  std::map<store::SiteId, Births> births_;
  std::map<store::ProgramId, Timers> timers_;
  std::map<store::ProgramId, Searches> searches_;
  std::unordered_map<store::WorkerId, std::int64_t> search_began_ns_;
  std::unordered_map<store::TaskId, WindowSums> yields_;
};

}  // namespace taskscope::analysis
