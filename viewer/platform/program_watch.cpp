#include "viewer/platform/program_watch.h"

#include <chrono>
#include <utility>

namespace taskscope::viewer {
namespace {

constexpr std::chrono::seconds kBetweenLooks{1};

}  // namespace

ProgramWatch::ProgramWatch(Find find, std::function<void()> on_change)
    : find_(std::move(find)), on_change_(std::move(on_change)), thread_([this] { run(); }) {}

ProgramWatch::~ProgramWatch() {
  {
    const std::scoped_lock lock(mutex_);
    stop_ = true;
  }
  stopped_.notify_all();
  thread_.join();
}

std::optional<std::vector<RunningProgram>> ProgramWatch::programs() const {
  const std::scoped_lock lock(mutex_);
  return programs_;
}

void ProgramWatch::run() {
  for (;;) {
    std::vector<RunningProgram> found = find_();
    {
      std::unique_lock lock(mutex_);
      programs_ = std::move(found);
      if (stop_) return;
    }
    if (on_change_) on_change_();
    std::unique_lock lock(mutex_);
    if (stopped_.wait_for(lock, kBetweenLooks, [this] { return stop_; })) return;
  }
}

}  // namespace taskscope::viewer
