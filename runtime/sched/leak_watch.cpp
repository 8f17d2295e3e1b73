#include "runtime/sched/leak_watch.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <new>
#include <optional>
#include <string_view>
#include <system_error>
#include <tuple>
#include <utility>

#include "runtime/base/clock.h"
#include "runtime/base/futex.h"
#include "runtime/base/no_signals.h"
#include "runtime/base/sanitizer.h"
#include "runtime/base/unique_fd.h"
#include "runtime/debug/child.h"
#include "runtime/sched/blocking.h"
#include "runtime/sched/deadlock.h"
#include "runtime/sched/describe_wait.h"
#include "runtime/sched/fatal.h"
#include "runtime/sched/halt.h"
#include "runtime/sched/process.h"
#include "runtime/sched/scheduler.h"
#include "runtime/sched/task_info.h"

namespace taskscope::sched {
namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr std::int64_t kLongWaitNs = kSecondNs;
constexpr std::int64_t kBetweenNs = 5 * kSecondNs;
constexpr std::int64_t kBetweenMaxNs = 60 * kSecondNs;
// A look may take one part in so many of the time.
constexpr std::int64_t kShare = 100;
// A copy in which some lock stays closed for ever is given up.
constexpr unsigned kSecondsMax = 20;

struct Work {
  const Scheduler* scheduler = nullptr;
  const Halt* halt = nullptr;  // null: nothing runs
  const debug::Child* child = nullptr;
  int output = -1;
  LeakSearchOptions options;
};

// What comes before the tasks that were found.
struct Header {
  std::uint64_t words = 0;  // whether memory was looked through
};

bool write_all(int output, const void* from, std::size_t left) {
  const char* at = static_cast<const char*>(from);
  while (left > 0) {
    const ssize_t written = write(output, at, left);
    if (written <= 0) return false;
    at += written;
    left -= static_cast<std::size_t>(written);
  }
  return true;
}

// In the copy.
void search_and_write(void* argument) {
  const Work& work = *static_cast<const Work*>(argument);
  LeakSearchOptions options = work.options;
  std::vector<const HaltNote*> notes;
  if (work.halt != nullptr) {
    std::size_t threads = 0;
    work.scheduler->each_listed_thread([&](Thread&) { ++threads; });
    notes = work.halt->notes();
    // One was just beginning, or has not answered.
    if (notes.size() != threads) options.words = false;
  }
  const auto found = search_leaks(*work.scheduler, notes, *work.child, options);
  const Header header{.words = options.words ? 1u : 0u};
  const bool written = write_all(work.output, &header, sizeof header) &&
                       write_all(work.output, found.data(), found.size() * sizeof(LeakedTask));
  if (!written) _exit(1);
}

std::optional<Header> read_all(int file, std::vector<LeakedTask>& found) {
  struct stat status {};
  Header header;
  if (pread(file, &header, sizeof header, 0) != sizeof header || fstat(file, &status) != 0) {
    return std::nullopt;
  }
  const std::size_t bytes = static_cast<std::size_t>(status.st_size) - sizeof header;
  found.resize(bytes / sizeof(LeakedTask));
  if (pread(file, found.data(), bytes, sizeof header) != static_cast<ssize_t>(bytes)) {
    return std::nullopt;
  }
  return header;
}

std::uint64_t ago(const HandleDrop& drop, std::int64_t now_ns) {
  return drop.ns == 0 ? 0 : static_cast<std::uint64_t>(std::max(now_ns - drop.ns, std::int64_t{1}));
}

// Whose tasks wait alike are told of together.
using Alike = std::tuple<trace_format::LeakKind, bool, std::uint32_t, const SpawnPath*, const char*,
                         std::uint32_t, BlockReason>;

Alike alike(const LeakedTask& leaked, const Task& task) {
  // Those in a circle belong together.
  if (leaked.kind != trace_format::LeakKind::Leaked) {
    return {leaked.kind, leaked.proved, leaked.cause, nullptr, nullptr, 0, BlockReason::None};
  }
  return {leaked.kind,         leaked.proved,   0, task.spawn_path, task.wait.site_file,
          task.wait.site_line, task.wait.reason};
}

}  // namespace

// ---- From the first look to the last ------------------------------------------------------------

LeakWatch::LeakWatch(Scheduler& scheduler) : scheduler_(scheduler) {
  const char* const text = std::getenv("TASKSCOPE_LEAKS");
  const std::string_view asked = text == nullptr ? "report" : text;
  policy_ = asked == "abort"    ? Policy::Abort
            : asked == "unwind" ? Policy::Unwind
            : asked == "off"    ? Policy::Off
                                : Policy::Report;
}

bool LeakWatch::somebody_listens() const {
  const bool acts = policy_ == Policy::Abort || policy_ == Policy::Unwind;
  return acts || (policy_ == Policy::Report && scheduler_.tracing().active());
}

void LeakWatch::start() {
  if (!somebody_listens()) return;
  const base::LockGuard guard(lock_);
  if (thread_.joinable()) return;
  const base::NoSignals no_signals;
  drops_are_noted.store(true, std::memory_order_relaxed);
  try {
    runs_.store(true, std::memory_order_relaxed);
    thread_ = std::thread([this] { loop(); });
  } catch (const std::system_error&) {
    runs_.store(false, std::memory_order_relaxed);  // then nobody looks
  }
}

void LeakWatch::stop() {
  const base::LockGuard guard(lock_);
  if (!thread_.joinable()) return;
  ends_.store(1, std::memory_order_release);
  base::futex_wake(ends_, 1);
  thread_.join();
  runs_.store(false, std::memory_order_relaxed);
  drops_are_noted.store(false, std::memory_order_relaxed);
}

void LeakWatch::forget() {
  new (&lock_) base::Lock;
  new (&thread_) std::thread;  // there is no such thread in the child, not even one to detach
}

void LeakWatch::loop() {
  std::int64_t next_ns = 0;
  std::int64_t between_ns = kBetweenNs;
  bool goes_on = false;  // some were unwound: others may be next
  while (ends_.load(std::memory_order_acquire) == 0) {
    base::futex_wait_until(ends_, 0, base::monotonic_ns() + kSecondNs);
    drops_are_noted.store(somebody_listens(), std::memory_order_relaxed);
    const std::int64_t begun_ns = base::monotonic_ns();
    if (ends_.load(std::memory_order_acquire) != 0 || begun_ns < next_ns) continue;
    if (!somebody_listens() || (!goes_on && !anybody_waits_long(begun_ns))) continue;
    const std::vector<LeakedTask> found = look_in_copy(Threads::Running, kLongWaitNs);
    const bool news = tell(found) != 0;
    goes_on = policy_ == Policy::Unwind && unwind(found) != 0;
    const std::int64_t now_ns = base::monotonic_ns();
    between_ns = goes_on ? 0 : news ? kBetweenNs : std::min(2 * between_ns, kBetweenMaxNs);
    next_ns = now_ns + std::max(between_ns, kShare * (now_ns - begun_ns));
  }
}

// Somebody whose wait another task would have to end, and who was not told of.
bool LeakWatch::anybody_waits_long(std::int64_t now_ns) const {
  bool any = false;
  scheduler_.tasks().for_each_live([&](const Task& task) {
    any = any || (task.state.load(std::memory_order_acquire) == TaskState::Blocked &&
                  now_ns - task.wait_since_ns.load(std::memory_order_relaxed) >= kLongWaitNs &&
                  !told_.contains(task.id));
  });
  return any;
}

void LeakWatch::look_at_end() {
  if (!somebody_listens()) return;
  bool any = false;
  scheduler_.tasks().for_each_live([&](const Task& task) {
    any = any || task.state.load(std::memory_order_relaxed) == TaskState::Blocked;
  });
  if (any) tell(look_in_copy(Threads::Stopped, 0));
}

// ---- A look -------------------------------------------------------------------------------------

std::vector<LeakedTask> LeakWatch::look(std::int64_t waited_ns) {
  return look_in_copy(Threads::Running, waited_ns);
}

// One of ours that is not up yet looks like another's: it soon is.
bool LeakWatch::only_our_threads(bool running) const {
  constexpr int kTries = 20;
  for (int i = 0; i < kTries; ++i) {
    if (foreign_threads(scheduler_, running ? scheduler_.threads_up() : 0) == 0) return true;
    usleep(1000);
  }
  return false;
}

// Again if a thread was just beginning.
std::vector<LeakedTask> LeakWatch::look_in_copy(Threads threads, std::int64_t waited_ns) {
  constexpr int kTries = 5;
  std::vector<LeakedTask> found;
  for (int i = 0; i < kTries; ++i) {
    if (look_once(threads, waited_ns, found)) break;
    usleep(1000);
  }
  return found;
}

// True if another look would find no more.
bool LeakWatch::look_once(Threads threads, std::int64_t waited_ns, std::vector<LeakedTask>& found) {
  found.clear();
  const base::UniqueFd file(memfd_create("taskscope-leaks", MFD_CLOEXEC));
  if (!file) return true;
  const bool running = threads == Threads::Running;
  const bool words = !TASKSCOPE_ASAN && !TASKSCOPE_TSAN && only_our_threads(running);
  debug::Child child;
  Work work{.scheduler = &scheduler_,
            .child = &child,
            .output = file.get(),
            .options = {.waited_ns = waited_ns,
                        .now_ns = base::monotonic_ns(),
                        .words = words,
                        .frames = {__builtin_frame_address(0), scheduler_.run_frame()}}};
  if (running) {
    const Halt halt(scheduler_, nullptr);
    work.halt = &halt;
    child.start(search_and_write, &work, kSecondsMax);
  } else {
    child.start(search_and_write, &work, kSecondsMax);
  }
  if (child.wait() != debug::Child::End::Done) return true;
  const auto header = read_all(file.get(), found);
  if (!header) found.clear();
  // One that came and went meanwhile may have known what nobody else did.
  if (header && header->words != 0 && !only_our_threads(running)) found.clear();
  return !words || (header && header->words != 0);
}

// ---- What it says -------------------------------------------------------------------------------

// The task, if it is still as it was.
Task* LeakWatch::find(const LeakedTask& leaked) const {
  if (leaked.place >= scheduler_.tasks().size()) return nullptr;
  Task& task = scheduler_.tasks().first()[leaked.place];
  const bool same = task.state.load(std::memory_order_acquire) == TaskState::Blocked &&
                    task.id == leaked.task && task.seq == leaked.seq;
  return same ? &task : nullptr;
}

std::size_t LeakWatch::tell(const std::vector<LeakedTask>& found) {
  std::map<Alike, std::vector<const LeakedTask*>> groups;
  std::map<std::uint32_t, Alike> group_of;
  std::vector<const LeakedTask*> victims;
  std::size_t news = 0;
  bool proved = false;
  for (const LeakedTask& leaked : found) {
    const Task* const task = find(leaked);
    if (task == nullptr) continue;
    if (leaked.is_cause) group_of.emplace(leaked.cause, alike(leaked, *task));
    if (!told_.insert(leaked.task).second) continue;
    ++news;
    proved = proved || leaked.proved;
    if (leaked.is_cause) groups[alike(leaked, *task)].push_back(&leaked);
    if (!leaked.is_cause) victims.push_back(&leaked);
  }
  for (const LeakedTask* victim : victims) {
    const auto theirs = group_of.find(victim->cause);
    if (theirs != group_of.end()) groups[theirs->second].push_back(victim);
  }
  const std::int64_t now_ns = base::monotonic_ns();
  for (const auto& [key, group] : groups) tell_of_group(group, now_ns);
  if (proved && policy_ == Policy::Abort) {
    std::string report = "fatal error: tasks can never go on\n\n";
    for (const Leak& leak : describe(found)) report += leak.text + '\n';
    die(report);
  }
  return news;
}

// Of tasks that might wake each other one at a time: two wakers of one task must not meet.
std::size_t LeakWatch::unwind(const std::vector<LeakedTask>& found) const {
  constexpr TaskId kMain = 1;
  std::unordered_set<std::uint32_t> done;
  const base::LockGuard guard(unwinding_);
  for (const LeakedTask& leaked : found) {
    if (!leaked.proved || !leaked.is_cause || leaked.task == kMain) continue;
    Task* const task = find(leaked);
    if (task == nullptr || task->exceptions.uncaught != 0) continue;
    if (done.insert(leaked.cause).second) sched::unwind(task);
  }
  return done.size();
}

void LeakWatch::tell_of_group(const std::vector<const LeakedTask*>& group, std::int64_t now_ns) {
  ++groups_told_;
  std::map<std::pair<std::string, std::string>, trace_format::LeakText> by_place;
  const auto send = [&](trace_format::LeakText& text) {
    scheduler_.tracing().outside([&](instrument::Lane& lane) {
      lane.finding(text.members.front().task, trace_format::format_leak(text));
    });
    text.members.clear();
  };
  for (const LeakedTask* leaked : group) {
    debug::Frame place = places_.find(leaked->last_drop);
    constexpr std::size_t kBytesMax = trace_format::LeakText::kPlaceBytesMax;
    std::string line = line_of(place);
    if (line.size() > kBytesMax) line.erase(0, line.size() - kBytesMax);
    if (place.function.size() > kBytesMax) place.function.resize(kBytesMax);
    trace_format::LeakText& text = by_place[{line, place.function}];
    if (text.members.empty()) {
      text = {.kind = leaked->kind,
              .proved = leaked->proved,
              .unwound = leaked->proved && policy_ == Policy::Unwind,
              .group = groups_told_,
              .dropped_at = line,
              .dropped_in = place.function,
              .members = {}};
    }
    text.members.push_back({.task = leaked->task,
                            .holder = leaked->waits_for,
                            .is_victim = !leaked->is_cause,
                            .dropped_by = leaked->last_drop.task,
                            .dropped_ago_ns = ago(leaked->last_drop, now_ns),
                            .held_bytes = leaked->held_bytes});
    if (text.members.size() == trace_format::LeakText::kMembersMax) send(text);
  }
  for (auto& [place, text] : by_place) {
    if (!text.members.empty()) send(text);
  }
}

std::vector<Leak> LeakWatch::describe(const std::vector<LeakedTask>& found) const {
  std::map<Alike, Leak> leaks;
  std::map<std::uint32_t, std::size_t> victims;
  for (const LeakedTask& leaked : found) {
    if (leaked.proved && !leaked.is_cause) ++victims[leaked.cause];
  }
  const std::int64_t now_ns = base::monotonic_ns();
  for (const LeakedTask& leaked : found) {
    const Task* const task = find(leaked);
    if (task == nullptr || !leaked.proved || !leaked.is_cause) continue;
    Leak& leak = leaks[alike(leaked, *task)];
    leak.kind = leaked.kind;
    leak.tasks.push_back(leaked.task);
    leak.victims += std::exchange(victims[leaked.cause], 0);
    const std::string object = name_of(task->wait.object);
    leak.text += debug::format_task(task_info(*task)) + " waits in " +
                 std::string(trace_format::to_text(task->wait.reason)) +
                 (object.empty() ? "" : " \"" + object + '"') + " at " +
                 debug::format_site(task->wait.site());
    const auto find_task = [&](TaskId id) -> const Task* {
      const auto other = std::find_if(found.begin(), found.end(),
                                      [&](const LeakedTask& one) { return one.task == id; });
      return other == found.end() ? nullptr : find(*other);
    };
    const std::string holder =
        leaked.waits_for == 0 ? "" : describe_holder(*task, find_task, now_ns);
    leak.text += (holder.empty() ? "" : ": " + holder) + '\n';
    const std::string dropped = describe_drop(leaked.last_drop, places_.find(leaked.last_drop));
    if (!dropped.empty()) leak.text += "  " + dropped + '\n';
  }
  std::vector<Leak> result;
  for (auto& [key, leak] : leaks) result.push_back(std::move(leak));
  return result;
}

}  // namespace taskscope::sched

namespace taskscope {

namespace {

// What `look` says of the leaks of the run; nothing between runs.
template <class Look>
auto with_watch(Look look) -> decltype(look(std::declval<sched::LeakWatch&>())) {
  if (sched::Thread* const thread = sched::current_thread()) {
    sched::LeakWatch& watch = thread->scheduler().leak_watch();
    return blocking_long([&] { return look(watch); });
  }
  const sched::ActiveRun active;
  if (active.scheduler() == nullptr) return {};
  return look(active.scheduler()->leak_watch());
}

}  // namespace

std::vector<Leak> find_leaks() {
  return with_watch([](sched::LeakWatch& watch) { return watch.describe(watch.look(0)); });
}

std::size_t unwind_leaks() {
  return with_watch([](sched::LeakWatch& watch) { return watch.unwind(watch.look(0)); });
}

}  // namespace taskscope
