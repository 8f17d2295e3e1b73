// Tasks that could run and did not: what starved, workers that slept meanwhile, and who kept a
// worker while others starved, by running on and on or by a call.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "viewer/analysis/check.h"

namespace taskscope::analysis {

class Starvation : public Check {
 public:
  explicit Starvation(const FindingLimits& limits) : limits_(limits) {}

  void add(std::span<const store::Span> spans, std::span<const store::EventRow> events) override;
  Result<void> finish(const Facts& facts, std::vector<store::FindingRow>& found) override;

 private:
  struct Stretch {
    std::int64_t start_ns = 0;
    std::int64_t end_ns = 0;
    store::TaskId task_id = 0;
    store::SiteId call_site_id = 0;  // of a call
    store::TaskState state{};

    std::int64_t length_ns() const { return end_ns - start_ns; }
  };
  // The longest ones are kept of more.
  static constexpr std::size_t kKept = 20'000;
  static void keep(std::vector<Stretch>& stretches, const store::Span& span);

  std::vector<Stretch> joined_waits() const;
  void find_starved(const Facts& facts, std::vector<store::FindingRow>& found) const;
  void find_idle(const Facts& facts, std::vector<store::FindingRow>& found) const;
  void find_hogs(const Facts& facts, std::vector<store::FindingRow>& found) const;

  FindingLimits limits_;
  std::vector<Stretch> waits_;  // runnable for at least idle_stretch
  std::vector<Stretch> runs_;   // running for at least hog, or in a call and with a worker for call
};

}  // namespace taskscope::analysis
