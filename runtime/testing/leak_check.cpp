#include "runtime/testing/leak_check.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <utility>

#include "runtime/base/check.h"
#include "runtime/base/clock.h"
#include "runtime/sched/blocking.h"
#include "runtime/sched/fatal.h"
#include "runtime/sched/own_labels.h"
#include "runtime/sched/sleep.h"
#include "runtime/sched/task_selection.h"
#include "runtime/sched/thread.h"

namespace taskscope::testing {
namespace {

using sched::LabelSet;

// Rounds in which the others may end, before the clock matters.
constexpr int kYields = 64;
constexpr int kGraceOfRunning = 10;
constexpr std::chrono::nanoseconds kPauseMin = std::chrono::microseconds(10);
constexpr std::chrono::nanoseconds kPauseMax = std::chrono::milliseconds(10);

void print(const LeakReport& report) { sched::write_to_stderr("taskscope: " + report.text); }

// Atomic: see set_leak_handler().
constinit std::atomic<LeakHandler> g_handler{print};

sched::TaskId id_of_caller() {
  const sched::Task* const task = sched::current_task();
  if (task == nullptr) {
    sched::fatal("LeakCheck made on a thread that runs no task; make it inside ts::run");
  }
  return task->id;
}

LabelSet::Marks own_marks() {
  const LabelSet* const labels = sched::own_labels();
  return labels == nullptr ? LabelSet::Marks() : labels->marks();
}

void set_own_marks(LabelSet::Marks marks) {
  sched::replace_own_labels(LabelSet::with_marks(sched::own_labels(), std::move(marks)));
}

std::string headline(std::size_t tasks, const Site& site) {
  return (tasks == 1 ? "a task is" : std::to_string(tasks) + " tasks are") +
         " left of those started since " + site.file + ":" + std::to_string(site.line) + '\n';
}

}  // namespace

LeakHandler set_leak_handler(LeakHandler handler) { return g_handler.exchange(handler); }

LeakCheck::LeakCheck(LeakOptions options, Site site)
    : options_(std::move(options)),
      site_(site),
      task_(id_of_caller()),
      mark_(std::make_shared<sched::TaskMark>()) {  // shared: see the header
  LabelSet::Marks marks = own_marks();
  marks.push_back(mark_);
  set_own_marks(std::move(marks));
}

LeakCheck::~LeakCheck() {
  TASKSCOPE_CHECK(id_of_caller() == task_);
  LeakReport left;
  if (!dismissed_ && !wait_for_none(options_.grace) &&
      (only_waiting_are_left() || !wait_for_none((kGraceOfRunning - 1) * options_.grace))) {
    left = report();
  }
  LabelSet::Marks marks = own_marks();
  std::erase(marks, mark_);
  set_own_marks(std::move(marks));
  base::annotate_release(mark_.get());
  if (left.tasks == 0) return;
  // A check around this one need not say it again.
  mark_->settle();
  options_.on_leak ? options_.on_leak(left) : g_handler.load()(left);
}

std::size_t LeakCheck::tasks() const {
  const LabelSet* const own = sched::own_labels();
  const std::size_t tasks = mark_->tasks();
  return own != nullptr && own->has(*mark_) ? tasks - 1 : tasks;
}

bool LeakCheck::wait_for_none(std::chrono::nanoseconds timeout) const {
  const std::int64_t deadline_ns = base::monotonic_ns() + timeout.count();
  for (int i = 0; i < kYields && tasks() != 0; ++i) yield();
  for (auto pause = kPauseMin; tasks() != 0; pause = std::min(2 * pause, kPauseMax)) {
    if (base::monotonic_ns() >= deadline_ns) return false;
    blocking_long([&] { std::this_thread::sleep_for(pause); });
  }
  return true;
}

// Who has or waits for a worker may be on its way to its end.
bool LeakCheck::only_waiting_are_left() const {
  const auto numbers = sched::count_some_tasks({.mark = mark_.get(), .except = task_});
  return numbers && numbers->able_to_run == 0;
}

LeakReport LeakCheck::report() const {
  const sched::TaskSelection selection{.mark = mark_.get(), .except = task_};
  const auto numbers = sched::count_some_tasks(selection);
  LeakReport report{.tasks = numbers ? numbers->tasks : tasks(), .site = site_, .text = {}};
  if (report.tasks != 0) {
    report.text = headline(report.tasks, site_) + sched::dump_some_tasks(selection);
  }
  return report;
}

}  // namespace taskscope::testing
