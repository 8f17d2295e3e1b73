#include "tests/runtime/support/trace_checker.h"

#include <gtest/gtest.h>

#include <set>

#include "runtime/trace_format/alive.h"

namespace taskscope::test {
namespace tf = trace_format;
namespace {

enum class State { Runnable, Running, InCall, Blocked, Done };

struct TaskModel {
  State state = State::Runnable;
  std::uint32_t seq = 0;
  bool workerless = false;
};

class Merger {
 public:
  explicit Merger(const Rings& rings) : rings_(rings) {}

  TraceTotals merge() {
    for (bool progress = true; progress;) {
      progress = false;
      for (const auto& [ring, events] : rings_) {
        std::size_t& at = position_[ring];
        for (; at < events.size() && take(ring, events[at]); ++at) progress = true;
      }
    }
    for (const auto& [ring, events] : rings_) {
      if (position_[ring] == events.size()) continue;
      ADD_FAILURE() << "no cause was ever recorded for: "
                    << tf::format_text(events[position_[ring]]);
    }
    return std::move(totals_);
  }

 private:
  // False: not yet.
  bool take(tf::WorkerId ring, const tf::TextEvent& item) {
    const tf::Event& event = item.event;
    const tf::TaskId current = current_[ring];
    if (event.kind == tf::EventKind::By && !may_act(event)) return false;
    switch (event.kind) {
      case tf::EventKind::Spawn:
        EXPECT_TRUE(tasks_.emplace(event.id, TaskModel{}).second) << tf::format_text(item);
        break;
      case tf::EventKind::Alive:
        take_alive(ring, item);
        break;
      case tf::EventKind::Resume:
        EXPECT_EQ(event.id, current) << tf::format_text(item);
        break;
      case tf::EventKind::Run:
        if (!follows(event, State::Runnable)) return false;
        EXPECT_EQ(current, 0u) << "two tasks at once: " << tf::format_text(item);
        tasks_[event.id] = {State::Running, event.aux};
        current_[ring] = event.id;
        break;
      case tf::EventKind::Ready:
        if (!follows(event, State::Blocked) && !queues_without_worker(ring, event)) return false;
        tasks_[event.id] = {State::Runnable, event.aux};
        break;
      case tf::EventKind::Syscall:
        expect_current(ring, State::Running, item);
        tasks_[current].state = State::InCall;
        break;
      case tf::EventKind::SyscallEnd:
        expect_current(ring, State::InCall, item);
        tasks_[current].state = State::Running;
        break;
      case tf::EventKind::Preempt:
      case tf::EventKind::Handoff:
        lose_worker(ring, item);
        break;
      case tf::EventKind::By:
        EXPECT_EQ(ring, tf::kNoWorker) << tf::format_text(item);
        break;
      case tf::EventKind::Yield:
        stop(ring, State::Runnable, item);
        break;
      case tf::EventKind::Arm:
        if (event.id != 0 && objects_.count(event.id) == 0) return false;
        if (ring != tf::kNoWorker || by_ == 0) expect_current(ring, State::Running, item);
        break;
      case tf::EventKind::Block:
        if (event.id != 0 && objects_.count(event.id) == 0) return false;
        stop(ring, State::Blocked, item);
        break;
      case tf::EventKind::Exit:
        EXPECT_EQ(event.id, ring == tf::kNoWorker ? by_ : current) << tf::format_text(item);
        stop(ring, State::Done, item);
        ++totals_.tasks_done;
        break;
      default:
        take_definition(item);
        break;
    }
    // On `ext`, which many write, a processor may read the clock before it has the ring's lock.
    if (ring != tf::kNoWorker) {
      EXPECT_GE(event.ticks, last_ticks_[ring]) << tf::format_text(item);
    }
    last_ticks_[ring] = event.ticks;
    if (ring == tf::kNoWorker) by_ = event.kind == tf::EventKind::By ? event.id : 0;
    ++totals_.count[event.kind];
    ++totals_.events;
    return true;
  }

  void take_definition(const tf::TextEvent& item) {
    const tf::Event& event = item.event;
    switch (event.kind) {
      case tf::EventKind::Object:
        objects_.insert(event.id);
        break;
      case tf::EventKind::TaskName:
        totals_.task_names[event.id] = item.text;
        break;
      case tf::EventKind::ObjectName:
        totals_.object_names[event.id] = item.text;
        break;
      case tf::EventKind::Timer: {
        const auto timer = tf::parse_pending_timer(item.text);
        ASSERT_TRUE(timer) << tf::format_text(item);
        totals_.timers.emplace(event.id, *timer);
        break;
      }
      case tf::EventKind::SiteName:
        totals_.sites[static_cast<tf::SiteId>(event.id)] = item.text;
        break;
      default:
        break;
    }
  }

  void take_alive(tf::WorkerId ring, const tf::TextEvent& item) {
    const auto alive = tf::parse_alive(item.text);
    ASSERT_TRUE(alive) << tf::format_text(item);
    constexpr State kStates[] = {State::Runnable, State::Running, State::Blocked, State::InCall};
    const State state = kStates[static_cast<std::size_t>(alive->state)];
    const bool runs = state == State::Running || state == State::InCall;
    const TaskModel task{state, alive->seq, runs && ring == tf::kNoWorker};
    EXPECT_TRUE(tasks_.emplace(item.event.id, task).second)
        << "told of twice, or after its spawn: " << tf::format_text(item);
    ++totals_.tasks_alive;
    if (!runs || ring == tf::kNoWorker) return;
    EXPECT_EQ(current_[ring], 0u) << "two tasks at once: " << tf::format_text(item);
    current_[ring] = item.event.id;
  }

  // Whether the event is the next of its task and the task is in `state`.
  bool follows(const tf::Event& event, State state) const {
    const auto it = tasks_.find(event.id);
    return it != tasks_.end() && it->second.state == state &&
           ((it->second.seq + 1) & tf::kSeqMask) == event.aux;
  }

  // Whether what a `by` names is a task without a worker since the run that it names.
  bool may_act(const tf::Event& event) const {
    const auto it = tasks_.find(event.id);
    return it != tasks_.end() && it->second.workerless && it->second.seq == event.aux;
  }

  // Whether the event is the plain `ready` of a task that lost its worker.
  bool queues_without_worker(tf::WorkerId ring, const tf::Event& event) const {
    if (ring != tf::kNoWorker || by_ != 0) return false;
    const auto it = tasks_.find(event.id);
    return it != tasks_.end() && it->second.workerless &&
           (follows(event, State::Running) || follows(event, State::InCall));
  }

  void expect_current(tf::WorkerId ring, State state, const tf::TextEvent& item) {
    EXPECT_NE(current_[ring], 0u) << "nobody runs: " << tf::format_text(item);
    EXPECT_EQ(tasks_[current_[ring]].state, state) << tf::format_text(item);
  }

  void lose_worker(tf::WorkerId ring, const tf::TextEvent& item) {
    const bool preempted = item.event.kind == tf::EventKind::Preempt;
    expect_current(ring, preempted ? State::Running : State::InCall, item);
    EXPECT_EQ(item.event.id, current_[ring]) << tf::format_text(item);
    tasks_[current_[ring]].workerless = true;
    current_[ring] = 0;
  }

  void stop(tf::WorkerId ring, State state, const tf::TextEvent& item) {
    if (ring == tf::kNoWorker && by_ != 0) {
      tasks_[by_].state = state;
      tasks_[by_].workerless = false;
      return;
    }
    const tf::TaskId current = current_[ring];
    EXPECT_NE(current, 0u) << "nobody runs: " << tf::format_text(item);
    tasks_[current].state = state;
    current_[ring] = 0;
  }

  const Rings& rings_;
  std::map<tf::WorkerId, std::size_t> position_;
  std::map<tf::WorkerId, tf::TaskId> current_;
  tf::TaskId by_ = 0;  // whose the next event of `ext` is
  std::map<tf::WorkerId, std::uint64_t> last_ticks_;
  std::map<tf::TaskId, TaskModel> tasks_;
  std::set<tf::ObjectId> objects_;
  TraceTotals totals_;
};

}  // namespace

TraceTotals check_trace(const Rings& rings) { return Merger(rings).merge(); }

}  // namespace taskscope::test
