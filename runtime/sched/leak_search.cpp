#include "runtime/sched/leak_search.h"

#include <ucontext.h>

#include <algorithm>
#include <array>
#include <memory_resource>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "runtime/debug/child.h"
#include "runtime/debug/own_memory.h"
#include "runtime/debug/wait_graph.h"
#include "runtime/instrument/traced_lock.h"
#include "runtime/sched/park.h"
#include "runtime/sched/scheduler.h"
#include "runtime/sched/traced_channel.h"

namespace taskscope::sched {
namespace {

using debug::MemoryRange;
using debug::WaitGraph;
using instrument::TracedLock;
using instrument::TracedObject;
using trace_format::ArmOperation;
using trace_format::ObjectKind;
using Node = WaitGraph::Node;

// Beyond that it would take seconds.
constexpr std::uintptr_t kBytesMax = std::uintptr_t{8} << 30;
constexpr std::uintptr_t kFramesBytes = 1024;
constexpr std::uintptr_t kFrameMax = 512;  // of a send or a receive
constexpr std::uint32_t kNobody = static_cast<std::uint32_t>(-1);

std::uintptr_t address_of(const void* pointer) { return reinterpret_cast<std::uintptr_t>(pointer); }
MemoryRange range_of(const void* first, std::size_t bytes) {
  return {address_of(first), address_of(first) + bytes};
}
bool is_lock(const TracedObject& object) {
  return object.kind() == ObjectKind::Mutex || object.kind() == ObjectKind::RwMutex;
}

// A channel that tasks wait for.
struct Channel {
  TracedChannel::Parts parts;
  ObjectKind kind;
  std::uintptr_t first;
  std::uintptr_t end;
  Node sending;    // somebody can send on it, or close it
  Node receiving;  // somebody can receive
  bool in_order;   // nobody was just changing it
  // Memory outside of tasks has a word for that.
  bool sent_from_outside = false;
  bool received_outside = false;
};

struct Info {
  const Task* task;
  Node node;
  Node memory;  // of its stack and closure
  MemoryRange stack;
  bool seen_outside = false;  // memory outside of tasks refers to its stack
  // All that it waits for are channels in whose queues it is, for who looks at pointers to these.
  bool only_channels = false;
  // Up to here its stack has the frames of the wait alone, in which no handles are.
  std::uintptr_t user_frames = 0;
  // Who has the lock that it waits for: for sure, and as it seems.
  TaskId proved_holder = 0;
  TaskId likely_holder = 0;
  bool holder_ended = false;
};

class Search {
 public:
  Search(const Scheduler& scheduler, const std::vector<const HaltNote*>& notes,
         const debug::Child& child, const LeakSearchOptions& options)
      : scheduler_(scheduler),
        notes_(notes),
        child_(child),
        options_(options),
        graphs_{WaitGraph(&memory_), WaitGraph(&memory_)} {}

  std::vector<LeakedTask> run() {
    // First: what is made later is not among it.
    std::pmr::vector<MemoryRange> ranges(&list_memory_);
    words_ = options_.words && debug::written_memory(ranges);
    outside_ = add(false);
    root(outside_);
    collect_tasks();
    for (Info& info : tasks_) note_wait(info);
    std::sort(channels_.begin(), channels_.end(),
              [](const Channel& a, const Channel& b) { return a.first < b.first; });
    if (words_) words_ = look_everywhere(ranges);
    if (!words_) doubt_everything();
    return verdicts();
  }

 private:
  using Queued = std::pmr::unordered_map<const Task*, const Waiter*>;
  enum Which : std::size_t { kProved, kLikely };

  // ---- Both graphs at once ----
  Node add(bool is_task) {
    graphs_[kProved].add(is_task);
    return graphs_[kLikely].add(is_task);
  }
  void connect(Node from, Node to) {
    for (WaitGraph& graph : graphs_) graph.connect(from, to);
  }
  void root(Node node) {
    for (WaitGraph& graph : graphs_) graph.make_root(node);
  }

  // ---- Tasks ----
  void collect_tasks() {
    const TaskArena& arena = scheduler_.tasks();
    arena.for_each_live([&](const Task& task) { add_task(task); });
    for (const Info& info : tasks_) by_id_.emplace(info.task->id, index_of(info));
    // A thread of ours is on the stack of a task, whatever its state says: it is just leaving it.
    for (const HaltNote* note : notes_) {
      const std::uint32_t index = owner_of(address_of(note->stack_pointer));
      if (index == kNobody) continue;
      Info& info = tasks_[index];
      // What is below is left from calls that have returned, but for what the frames of the halt,
      // or of the copy's making, have put there.
      info.stack = whole_stack(*info.task);
      info.stack.first = std::max(info.stack.first, address_of(note->stack_pointer) - kFramesBytes);
      awake_.insert(index);
    }
  }

  void add_task(const Task& task) {
    Info info{.task = &task, .node = add(true), .memory = add(false), .stack = {}};
    connect(info.node, info.memory);
    const TaskState state = task.state.load(std::memory_order_acquire);
    if (!task.stack.none()) {
      info.stack = whole_stack(task);
      const bool left = state == TaskState::Blocked || state == TaskState::Runnable;
      if (left) info.stack.first = address_of(task.context.left_at());
      const stack::StackId id = task.stack.id();
      if (by_stack_.size() <= id) by_stack_.resize(id + 1, kNobody);
      by_stack_[id] = static_cast<std::uint32_t>(tasks_.size());
    }
    const std::size_t place = static_cast<std::size_t>(&task - scheduler_.tasks().first());
    if (by_place_.size() <= place) by_place_.resize(place + 1, kNobody);
    by_place_[place] = static_cast<std::uint32_t>(tasks_.size());
    if (task.closure_bytes != 0) {
      closures_.emplace_back(range_of(task.closure_address(), task.closure_bytes),
                             static_cast<std::uint32_t>(tasks_.size()));
    }
    tasks_.push_back(info);
  }
  MemoryRange whole_stack(const Task& task) const {
    const stack::Extent extent = scheduler_.stacks().extent(task.stack.id());
    return range_of(extent.low, extent.bytes);
  }
  std::uint32_t index_of(const Info& info) const {
    return static_cast<std::uint32_t>(&info - tasks_.data());
  }
  // Whose stack an address is in.
  std::uint32_t owner_of(std::uintptr_t address) const {
    const stack::StackId id = scheduler_.stacks().find(reinterpret_cast<const void*>(address));
    return id < by_stack_.size() ? by_stack_[id] : kNobody;
  }

  // In whose closure an address is.
  std::uint32_t closure_owner_of(std::uintptr_t address) const {
    const std::uintptr_t arena = address_of(scheduler_.tasks().first());
    if (address - arena < by_place_.size() * sizeof(Task)) {
      const std::uint32_t owner = by_place_[(address - arena) / sizeof(Task)];
      if (owner == kNobody) return kNobody;
      const std::uintptr_t closure = address_of(tasks_[owner].task->closure_memory);
      return address - closure < Task::kInlineClosureBytes ? owner : kNobody;
    }
    auto found = std::upper_bound(
        closures_.begin(), closures_.end(), address,
        [](std::uintptr_t value, const auto& closure) { return value < closure.first.first; });
    if (found == closures_.begin() || address >= (--found)->first.end) return kNobody;
    return found->second;
  }

  // ---- What they wait for ----
  void note_wait(Info& info) {
    const ParkedWait& wait = info.task->wait;
    const bool waits = info.task->state.load(std::memory_order_acquire) == TaskState::Blocked &&
                       !awake_.contains(index_of(info));
    // The world outside wakes it, and the kernel alone knows how.
    const trace_format::ReasonClass of = reason_class(wait.reason);
    const bool by_others = of == trace_format::ReasonClass::Io ||
                           of == trace_format::ReasonClass::Sleep ||
                           of == trace_format::ReasonClass::None;
    if (!waits || by_others) return root(info.node);
    if (wait.object == nullptr && wait.arms == nullptr) {
      const bool for_ever =
          wait.reason == BlockReason::NilChanSend || wait.reason == BlockReason::NilChanRecv ||
          wait.reason == BlockReason::SelectNoCases || wait.reason == BlockReason::Select;
      // A main task that waits for ever means to: it keeps the program alive.
      if (!for_ever || info.task->id == 1) root(info.node);
      return;
    }
    info.only_channels = true;
    each_way_out(wait, [&](const WaitArm& arm) {
      if (arm.object == nullptr || !TracedChannel::is(*arm.object)) return root(info.node);
      wait_for_channel(info, *arm.object, arm.operation == ArmOperation::Send);
    });
    if (wait.object == nullptr) return;
    if (!TracedChannel::is(*wait.object)) {
      info.only_channels = false;
      is_lock(*wait.object) ? wait_for_lock(info) : wait_for_owner_of(info, *wait.object);
    } else if (wait.arms == nullptr) {
      wait_for_channel(info, *wait.object, wait.reason == BlockReason::ChanSend);
    }
  }

  void wait_for_channel(Info& info, const TracedObject& object, bool sends) {
    const Channel& channel = channel_of(static_cast<const TracedChannel&>(object));
    const auto& queued = queued_[&object];
    const auto waiter = queued.find(info.task);
    if (!channel.in_order || waiter == queued.end()) {
      info.only_channels = false;
      return root(info.node);
    }
    if (info.task->wait.arms == nullptr) {
      info.user_frames = end_of_frame_with(address_of(waiter->second), info);
    }
    connect(sends ? channel.receiving : channel.sending, info.node);
  }

  // The frame of the function in which `object` is, of those that the task is in: its end. That of
  // a channel's own send or receive, which are never inlined. 0: it was not to be found out.
  static std::uintptr_t end_of_frame_with(std::uintptr_t object, const Info& info) {
#if defined(__x86_64__)
    constexpr std::uintptr_t kSavedFramePointer = 5 * sizeof(std::uintptr_t);  // as it switches
    std::uintptr_t frame = info.stack.first + kSavedFramePointer;
    for (std::uintptr_t last = info.stack.first; frame > last && frame % 8 == 0;) {
      if (frame + sizeof frame > info.stack.end) return 0;
      if (frame > object && last != info.stack.first) return frame - object < kFrameMax ? frame : 0;
      last = frame;
      frame = *reinterpret_cast<const std::uintptr_t*>(frame);
    }
#else
    static_cast<void>(object);
    static_cast<void>(info);
#endif
    return 0;
  }

  const Channel& channel_of(const TracedChannel& object) {
    const auto [found, fresh] = channel_index_.try_emplace(&object, channels_.size());
    if (!fresh) return channels_[found->second];
    const TracedChannel::Parts parts = object.parts();
    Channel channel{.parts = parts,
                    .kind = object.kind(),
                    .first = address_of(parts.first),
                    .end = address_of(parts.first) + parts.bytes,
                    .sending = add(false),
                    .receiving = add(false),
                    .in_order = !parts.lock->is_locked()};
    auto& queued = queued_[&object];
    if (channel.in_order) {
      channel.in_order = note_queue(*parts.receivers, queued) && note_queue(*parts.senders, queued);
    }
    channels_.push_back(channel);
    return channels_.back();
  }

  // False if it is not what it should be.
  bool note_queue(const WaitQueue& queue, Queued& queued) const {
    bool in_order = true;
    std::size_t left = 2 * tasks_.size() + 1'000'000;
    queue.visit([&](const Waiter& waiter) {
      in_order = left-- != 0 && owner_of(address_of(&waiter)) != kNobody;
      if (!in_order) return false;
      if (waiter.claim == nullptr || waiter.claim->winner() == nullptr)
        queued.emplace(waiter.task, &waiter);
      return true;
    });
    return in_order;
  }

  // Whoever can get at where it lies, or at the task's stack: he may have taken it out of the
  // object's queue and be about to wake it.
  void wait_for_owner_of(Info& info, const TracedObject& object) {
    const std::uint32_t owner = owner_of(address_of(&object));
    if (owner == kNobody) return root(info.node);
    connect(tasks_[owner].memory, info.node);
    connect(info.memory, info.node);
  }

  void wait_for_lock(Info& info) {
    const auto& lock = static_cast<const TracedLock&>(*info.task->wait.object);
    const bool alone = (lock.state.load(std::memory_order_relaxed) & TracedLock::kLocked) != 0;
    info.proved_holder = alone ? lock.guarding_task() : lock.only_reader();
    const bool passed_around = lock.passed_around.load(std::memory_order_relaxed);
    info.likely_holder = alone && !passed_around ? lock.holder_task() : info.proved_holder;
    if (info.task->wait.reason == BlockReason::RwMutexRead && !alone) wait_for_writers(info, lock);
    // A guard that has gone would have given it back.
    if (!by_id_.contains(info.proved_holder)) info.proved_holder = 0;
    if (info.proved_holder != 0) {
      return connect(tasks_[by_id_.at(info.proved_holder)].node, info.node);
    }
    hold_by_anybody(info, lock);
  }

  // In the likely graph the one that took it gives it back.
  void hold_by_anybody(Info& info, const TracedLock& lock) {
    const std::uint32_t owner = owner_of(address_of(&lock));
    const Node anybody = owner == kNobody ? outside_ : tasks_[owner].memory;
    graphs_[kProved].connect(anybody, info.node);
    graphs_[kProved].connect(info.memory, info.node);
    const auto holder = by_id_.find(info.likely_holder);
    if (info.likely_holder == 0) return graphs_[kLikely].connect(anybody, info.node);
    if (holder == by_id_.end()) {
      info.holder_ended = true;
    } else {
      graphs_[kLikely].connect(tasks_[holder->second].node, info.node);
    }
  }

  // Readers that wait may go on when a writer that waits before them gives up.
  void wait_for_writers(const Info& reader, const TracedLock& lock) {
    bool any = false;
    for (const Info& info : tasks_) {
      const ParkedWait& wait = info.task->wait;
      if (wait.object != &lock || wait.reason != BlockReason::RwMutexWrite ||
          info.task->state.load(std::memory_order_relaxed) != TaskState::Blocked) {
        continue;
      }
      connect(info.node, reader.node);
      any = true;
    }
    if (!any) root(reader.node);  // the one that was woken is to come back
  }

  // ---- Words in memory ----
  bool look_everywhere(std::pmr::vector<MemoryRange>& ranges) {
    std::pmr::vector<MemoryRange> holes(&memory_);
    const stack::StackPool& stacks = scheduler_.stacks();
    const TaskArena& arena = scheduler_.tasks();
    stacks_ = range_of(stacks.mapping(), stacks.mapping_bytes());
    holes.push_back(stacks_);
    holes.push_back(range_of(arena.mapping(), arena.mapping_bytes()));
    holes.push_back(range_of(child_.stack(), debug::Child::kStackBytes));
    list_memory_.each([&](MemoryRange block) { holes.push_back(block); });
    std::pmr::vector<MemoryRange> in_use(&memory_);
    note_threads(ranges, holes, in_use);
    for (const void* frame : options_.frames) holes.push_back(left_below(frame, ranges));
    for (const Channel& channel : channels_) {
      holes.push_back({channel.first, channel.first + channel.parts.header_bytes});
    }
    for (const Info& info : tasks_) {
      const std::size_t bytes = info.task->closure_bytes;
      if (bytes != 0) holes.push_back(range_of(info.task->closure_address(), bytes));
    }
    debug::leave_out(ranges, holes);
    std::sort(closures_.begin(), closures_.end(),
              [](const auto& a, const auto& b) { return a.first.first < b.first.first; });
    arena_ = range_of(arena.first(), by_place_.size() * sizeof(Task));
    if (!closures_.empty())
      heap_closures_ = {closures_.front().first.first, closures_.back().first.end};
    std::uintptr_t bytes = 0;
    for (const MemoryRange& range : ranges) bytes += range.end - range.first;
    if (bytes > kBytesMax) return false;
    for (const MemoryRange& range : ranges) look_at(range, {.node = outside_});
    for (const MemoryRange& range : in_use) look_at(range, {.node = outside_, .uses_cores = true});
    for (const Info& info : tasks_) {
      const Task& task = *info.task;
      const User user{.node = info.memory, .self = index_of(info), .uses_cores = true};
      look_at(range_of(task.closure_memory, sizeof task.closure_memory), user);
      if (task.closure_bytes != 0) {
        look_at(range_of(task.closure_address(), task.closure_bytes), user);
      }
      if (info.stack.end != 0) look_at(info.stack, user);
    }
    return true;
  }

  // Of the run's threads: what is left from calls that have returned, and where the frames and
  // registers are of those that go on.
  void note_threads(const std::pmr::vector<MemoryRange>& ranges,
                    std::pmr::vector<MemoryRange>& holes, std::pmr::vector<MemoryRange>& in_use) {
    scheduler_.each_listed_thread([&](Thread& thread) {
      const HaltNote& note = thread.halt_note();
      if (std::find(notes_.begin(), notes_.end(), &note) == notes_.end()) return;
      const bool on_task = owner_of(address_of(note.stack_pointer)) != kNobody;
      const void* const frame = on_task ? thread.loop_left_at() : note.stack_pointer;
      const MemoryRange hole = left_below(frame, ranges);
      holes.push_back(hole);
      for (const MemoryRange& range : ranges) {
        if (range.first == hole.first && hole.end != 0) in_use.push_back({hole.end, range.end});
      }
      if (note.registers != nullptr) in_use.push_back(range_of(note.registers, sizeof(ucontext_t)));
    });
  }

  // What a thread's stack has been used for before, below where it is now.
  static MemoryRange left_below(const void* frame, const std::pmr::vector<MemoryRange>& ranges) {
    const std::uintptr_t at = address_of(frame);
    for (const MemoryRange& range : ranges) {
      if (at >= range.first + kFramesBytes && at < range.end) {
        return {range.first, at - kFramesBytes};
      }
    }
    return {};
  }

  // Whose memory is looked at. In frames and registers the cores themselves are found, too.
  struct User {
    Node node = 0;
    std::uint32_t self = kNobody;
    bool uses_cores = false;
  };

  __attribute__((no_sanitize("address"))) void look_at(MemoryRange range, const User& user) {
    const std::uintptr_t first_channel = channels_.empty() ? 1 : channels_.front().first;
    const std::uintptr_t channels = channels_.empty() ? 0 : last_channel_end() - first_channel;
    const std::uintptr_t stacks = stacks_.end - stacks_.first;
    const std::uintptr_t arena = arena_.end - arena_.first;
    const std::uintptr_t closures = heap_closures_.end - heap_closures_.first;
    constexpr std::uintptr_t kWord = sizeof(std::uintptr_t);
    for (std::uintptr_t at = (range.first + kWord - 1) & ~(kWord - 1); at + kWord <= range.end;
         at += kWord) {
      const std::uintptr_t word = *reinterpret_cast<const std::uintptr_t*>(at);
      if (word - stacks_.first < stacks) see_stack(word, user);
      if (word - arena_.first < arena || word - heap_closures_.first < closures) {
        see_closure(word, user);
      }
      if (word - kHandleMark - first_channel < channels) see_handle(word - kHandleMark, user);
      if (word - first_channel < channels) see_core(word, user);
    }
  }
  std::uintptr_t last_channel_end() const { return channels_.back().end; }

  void see_stack(std::uintptr_t word, const User& user) {
    const std::uint32_t owner = owner_of(word);
    if (owner == kNobody || owner == user.self) return;
    Info& info = tasks_[owner];
    if (word < info.stack.first || word >= info.stack.end) return;
    // Left from when other frames were there: of the runtime's calls, too.
    if (info.only_channels && word < info.user_frames) return;
    // From the queue that the task was found in, or from its neighbour there.
    const bool is_waiter = info.only_channels && word % alignof(Waiter) == 0 &&
                           word + sizeof(Waiter) <= info.stack.end &&
                           reinterpret_cast<const Waiter*>(word)->task == info.task;
    if (is_waiter || (user.node == outside_ && std::exchange(info.seen_outside, true))) return;
    connect(user.node, info.memory);
  }

  void see_closure(std::uintptr_t word, const User& user) {
    const std::uint32_t owner = closure_owner_of(word);
    if (owner == kNobody || owner == user.self) return;
    Info& info = tasks_[owner];
    if (user.node == outside_ && std::exchange(info.seen_outside, true)) return;
    connect(user.node, info.memory);
  }

  void see_handle(std::uintptr_t word, const User& user) {
    Channel* const channel = find_channel(word);
    if (channel == nullptr) return;
    const auto end = static_cast<ChannelEnd>(word - channel->first);
    if (end == ChannelEnd::Both || end == ChannelEnd::Send) use(*channel, ArmOperation::Send, user);
    if (end == ChannelEnd::Both || end == ChannelEnd::Receive) {
      use(*channel, ArmOperation::Recv, user);
    }
  }

  // Who uses a channel has the core itself for a moment; a context has it as long as it lives.
  void see_core(std::uintptr_t word, const User& user) {
    Channel* const channel = find_channel(word);
    if (channel == nullptr || word != channel->first) return;
    if (!user.uses_cores && channel->kind != ObjectKind::Context) return;
    use(*channel, ArmOperation::Send, user);
    use(*channel, ArmOperation::Recv, user);
  }

  // In the order of their addresses.
  Channel* find_channel(std::uintptr_t word) {
    auto found = std::upper_bound(
        channels_.begin(), channels_.end(), word,
        [](std::uintptr_t value, const Channel& channel) { return value < channel.first; });
    return found == channels_.begin() || word >= (--found)->end ? nullptr : &*found;
  }

  void use(Channel& channel, ArmOperation operation, const User& user) {
    const bool sends = operation == ArmOperation::Send;
    bool& seen = sends ? channel.sent_from_outside : channel.received_outside;
    if (user.node == outside_ && std::exchange(seen, true)) return;
    connect(user.node, sends ? channel.sending : channel.receiving);
  }

  void doubt_everything() {
    for (const Channel& channel : channels_) {
      root(channel.sending);
      root(channel.receiving);
    }
    for (const Info& info : tasks_) root(info.memory);
  }

  // ---- What follows ----
  std::vector<LeakedTask> verdicts() {
    std::vector<LeakedTask> found;
    std::uint32_t causes = 0;
    for (const Which which : {kProved, kLikely}) {
      WaitGraph& graph = graphs_[which];
      graph.solve();
      std::pmr::unordered_map<std::uint32_t, std::pair<std::uint32_t, LeakKind>> kinds(&memory_);
      for (const Info& info : tasks_) {
        if (graph.can_act(info.node) || !graph.is_cause(info.node)) continue;
        const auto [known, fresh] =
            kinds.try_emplace(graph.cause(info.node), causes, kind_of(info, which));
        if (fresh) ++causes;
        // In a circle with something that is no lock.
        if (!waits_for_lock(info)) known->second.second = LeakKind::Leaked;
      }
      for (const Info& info : tasks_) {
        if (!is_reported(info, which)) continue;
        const auto& [cause, kind] = kinds.at(graph.cause(info.node));
        // Without locks nothing is believed that is not proved.
        if (which == kLikely && kind == LeakKind::Leaked) continue;
        found.push_back(
            {.task = info.task->id,
             .waits_for = holder(info, which),
             .place = static_cast<std::uint64_t>(info.task - scheduler_.tasks().first()),
             .seq = info.task->seq,
             .cause = cause,
             .kind = kind,
             .proved = which == kProved,
             .held_bytes = held_bytes(info),
             .is_cause = graph.is_cause(info.node),
             .last_drop = kind == LeakKind::Leaked ? last_drop(info) : HandleDrop{}});
      }
    }
    return found;
  }

  static std::uint64_t held_bytes(const Info& info) {
    constexpr std::uint64_t kPage = 4096;
    const std::uint64_t stack = info.stack.end - info.stack.first;
    return (stack + kPage - 1) / kPage * kPage + info.task->closure_bytes;
  }

  // Who has last given up a handle that could have ended the wait.
  static HandleDrop last_drop(const Info& info) {
    HandleDrop last;
    const auto look = [&](const TracedObject* object, bool sends) {
      if (object == nullptr || !TracedChannel::is(*object)) return;
      const HandleDrop drop = static_cast<const TracedChannel&>(*object).last_drop(
          sends ? ChannelEnd::Receive : ChannelEnd::Send);
      if (drop.ns > last.ns && drop.task != info.task->id) last = drop;
    };
    const ParkedWait& wait = info.task->wait;
    each_way_out(
        wait, [&](const WaitArm& arm) { look(arm.object, arm.operation == ArmOperation::Send); });
    if (wait.arms == nullptr) look(wait.object, wait.reason == BlockReason::ChanSend);
    return last;
  }

  bool is_reported(const Info& info, Which which) const {
    if (graphs_[which].can_act(info.node)) return false;
    if (which == kLikely && !graphs_[kProved].can_act(info.node)) return false;
    const std::int64_t since = info.task->wait_since_ns.load(std::memory_order_relaxed);
    return options_.now_ns - since >= options_.waited_ns;
  }
  static TaskId holder(const Info& info, Which which) {
    return which == kProved ? info.proved_holder : info.likely_holder;
  }
  static bool waits_for_lock(const Info& info) {
    return info.task->wait.object != nullptr && is_lock(*info.task->wait.object);
  }
  LeakKind kind_of(const Info& info, Which which) const {
    const TaskId by = holder(info, which);
    if (!waits_for_lock(info) || by == 0) return LeakKind::Leaked;
    if (which == kLikely && info.holder_ended) return LeakKind::AbandonedLock;
    return by == info.task->id && info.task->wait.reason != BlockReason::RwMutexRead
               ? LeakKind::SelfLock
               : LeakKind::LockCycle;
  }

  const Scheduler& scheduler_;
  const std::vector<const HaltNote*>& notes_;
  const debug::Child& child_;
  const LeakSearchOptions& options_;
  bool words_ = false;
  debug::MappedMemory list_memory_;
  debug::MappedMemory memory_;
  std::array<WaitGraph, 2> graphs_;
  Node outside_ = 0;
  MemoryRange stacks_;
  MemoryRange arena_;
  MemoryRange heap_closures_;
  std::pmr::vector<Info> tasks_{&memory_};
  std::pmr::vector<std::uint32_t> by_stack_{&memory_};
  std::pmr::vector<std::uint32_t> by_place_{&memory_};                          // in the arena
  std::pmr::vector<std::pair<MemoryRange, std::uint32_t>> closures_{&memory_};  // on the heap
  std::pmr::unordered_map<TaskId, std::uint32_t> by_id_{&memory_};
  std::pmr::unordered_set<std::uint32_t> awake_{&memory_};
  std::pmr::vector<Channel> channels_{&memory_};
  std::pmr::unordered_map<const TracedObject*, std::size_t> channel_index_{&memory_};
  std::pmr::unordered_map<const TracedObject*, Queued> queued_{&memory_};
};

}  // namespace

std::vector<LeakedTask> search_leaks(const Scheduler& scheduler,
                                     const std::vector<const HaltNote*>& notes,
                                     const debug::Child& child, const LeakSearchOptions& options) {
  return Search(scheduler, notes, child, options).run();
}

}  // namespace taskscope::sched
