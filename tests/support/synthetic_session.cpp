#include "tests/support/synthetic_session.h"

#include <algorithm>
#include <array>
#include <deque>
#include <queue>

namespace taskscope::tests {
namespace {

using store::BlockReason;
using store::ObjectKind;
using store::Span;
using store::TaskState;

// xorshift64*: the same numbers on every machine, unlike the standard distributions.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed * 0x9e37'79b9'7f4a'7c15 + 1) {}
  std::uint64_t next() {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return state_ * 0x2545'f491'4f6c'dd1d;
  }
  std::uint64_t below(std::uint64_t bound) { return (next() >> 20) % bound; }
  bool chance(std::uint64_t percent) { return below(100) < percent; }
  // Mostly near `typical`, with a long tail.
  std::int64_t duration(std::int64_t typical) {
    const auto base =
        static_cast<std::int64_t>(below(static_cast<std::uint64_t>(typical))) + typical / 2;
    return chance(4) ? base * 12 : base;
  }

 private:
  std::uint64_t state_;
};

enum class Role : std::uint8_t { Main, Walk, Read, Split, Count, Merge, Log, Stuck };

struct Plan {
  Role role;
  const char* function;
  const char* name;
  std::uint32_t line;
  std::uint32_t count;
  std::int64_t burst_ns;
};

constexpr Plan kPlans[] = {
    {Role::Main, "main", "", 20, 1, 60'000},
    {Role::Walk, "app::Walker::walk(std::string const&)", "walk", 41, 1, 90'000},
    {Role::Read, "app::read_files<Buffer>(Chan<Path>)", "reader", 58, 8, 140'000},
    {Role::Split, "app::split_words", "", 77, 16, 70'000},
    {Role::Count, "app::count_words", "counter", 96, 12, 50'000},
    {Role::Merge, "app::merge", "merge", 118, 1, 40'000},
    {Role::Log, "app::Progress::report()", "progress", 131, 1, 20'000},
    {Role::Stuck, "app::handle_request", "handler", 150, 3, 30'000},
};

struct SimTask {
  Role role = Role::Main;
  std::int64_t burst_ns = 0;
  std::int64_t since_ns = 0;
  TaskState state = TaskState::Runnable;
  BlockReason reason = BlockReason::None;
  store::ObjectId object = 0;
  store::SiteId site = 0;
  std::uint32_t worker = 0;
  bool ended = false;
};

enum class Kind : std::uint8_t { BurstEnd, TimerEnd, WorkerPoll };
struct Event {
  std::int64_t ns;
  std::uint64_t order;
  Kind kind;
  std::uint32_t id;
  bool operator>(const Event& other) const {
    return ns != other.ns ? ns > other.ns : order > other.order;
  }
};

constexpr store::ObjectId kPaths = 1;
constexpr store::ObjectId kLines = 2;
constexpr store::ObjectId kWords = 3;
constexpr store::ObjectId kResults = 4;
constexpr store::ObjectId kTableLock = 5;
constexpr store::ObjectId kDone = 6;
constexpr store::ObjectId kReplies = 7;
constexpr std::size_t kObjects = 8;

class Simulation {
 public:
  explicit Simulation(const SyntheticOptions& options)
      : options_(options),
        random_(options.seed),
        queues_(options.workers),
        running_(options.workers, kNobody),
        parked_since_(options.workers, 0),
        waiting_(kObjects) {
    add_entities();
  }

  SyntheticRecording run() {
    while (!events_.empty() && out_.spans.size() < options_.spans) {
      const Event event = events_.top();
      events_.pop();
      now_ = event.ns;
      switch (event.kind) {
        case Kind::BurstEnd:
          end_burst(event.id);
          break;
        case Kind::TimerEnd:
          ready(event.id, kNobody);
          break;
        case Kind::WorkerPoll:
          break;
      }
      dispatch();
      const auto busy = std::count_if(running_.begin(), running_.end(),
                                      [](std::uint32_t id) { return id != kNobody; });
      if (busy < 2) wake_anybody();
    }
    finish();
    return std::move(out_);
  }

 private:
  static constexpr std::uint32_t kNobody = 0xffff'ffff;

  void add_entities() {
    auto& entities = out_.entities;
    store::SiteId site = 1;
    for (const Plan& plan : kPlans) {
      entities.sites.push_back({site, "src/wordcount/pipeline.cpp", plan.line, plan.function});
      const std::uint32_t count = plan.count > 1 && plan.role != Role::Stuck
                                      ? plan.count * options_.task_scale
                                      : plan.count;
      for (std::uint32_t at = 0; at < count; ++at) {
        store::TaskRow row;
        row.id = tasks_.size() + 1;
        row.name = plan.name;
        row.parent_id = row.id == 1 ? 0 : 1;
        row.spawn_site_id = site;
        row.created_ns = static_cast<std::int64_t>(tasks_.size()) * 4'000;
        entities.tasks.push_back(row);
        SimTask task;
        task.role = plan.role;
        task.burst_ns = plan.burst_ns;
        task.since_ns = *row.created_ns;
        tasks_.push_back(task);
        push(*row.created_ns, Kind::TimerEnd, static_cast<std::uint32_t>(row.id - 1));
      }
      ++site;
    }
    for (std::uint32_t line : {62U, 81U, 99U, 121U, 102U, 30U, 155U}) {
      entities.sites.push_back({site++, "src/wordcount/pipeline.cpp", line, "app::wait"});
    }
    const auto object = [&](store::ObjectId id, ObjectKind kind, const char* name,
                            std::optional<std::uint64_t> capacity) {
      store::ObjectRow row;
      row.id = id;
      row.kind = kind;
      row.name = name;
      row.capacity = capacity;
      entities.objects.push_back(row);
    };
    object(kPaths, ObjectKind::Channel, "paths", 16);
    object(kLines, ObjectKind::Channel, "lines", 64);
    object(kWords, ObjectKind::Channel, "words", 0);
    object(kResults, ObjectKind::Channel, "results", 8);
    object(kTableLock, ObjectKind::Mutex, "table", std::nullopt);
    object(kDone, ObjectKind::WaitGroup, "", std::nullopt);
    object(kReplies, ObjectKind::Channel, "replies", 0);
    for (std::uint32_t id = 0; id < options_.workers; ++id) {
      entities.workers.push_back({.id = id, .thread_id = 4200 + id});
    }
  }

  void push(std::int64_t ns, Kind kind, std::uint32_t id) {
    events_.push({ns, order_++, kind, id});
  }

  void close_span(std::uint32_t id, std::uint32_t woken_by, bool finished = true) {
    SimTask& task = tasks_[id];
    if (now_ > task.since_ns || !finished) {
      Span span;
      span.start_ns = task.since_ns;
      span.end_ns = now_;
      span.task_id = id + 1;
      span.woken_by = woken_by == kNobody ? 0 : woken_by + 1;
      span.object_id = task.object;
      // A call hands its worker off at once.
      span.worker_id = task.state == TaskState::Syscall ? store::kNoWorker : task.worker;
      span.site_id = task.site;
      span.state = task.state;
      span.reason = task.reason;
      span.finished = finished;
      out_.spans.push_back(span);
      out_.entities.tasks[id].state_ns[static_cast<std::size_t>(task.state)] +=
          now_ - task.since_ns;
    }
    task.since_ns = now_;
    task.object = 0;
    task.site = 0;
    task.reason = BlockReason::None;
  }

  void ready(std::uint32_t id, std::uint32_t waker) {
    SimTask& task = tasks_[id];
    if (task.state != TaskState::Runnable) {
      ++out_.entities.tasks[id].wakeups;
      close_span(id, waker);
    }
    task.state = TaskState::Runnable;
    task.since_ns = now_;
    const std::uint32_t queue = waker == kNobody
                                    ? static_cast<std::uint32_t>(random_.below(options_.workers))
                                    : tasks_[waker].worker;
    queues_[queue].push_back(id);
  }

  void block(std::uint32_t id, TaskState state, BlockReason reason, store::ObjectId object) {
    SimTask& task = tasks_[id];
    task.state = state;
    task.reason = reason;
    task.object = object;
    task.site = object == 0 ? 0 : static_cast<store::SiteId>(8 + object);
    if (object != 0) waiting_[object].push_back(id);
  }

  // Wakes the one that waits longest for `object`; says whether there was one.
  bool wake_one(store::ObjectId object, std::uint32_t waker) {
    if (waiting_[object].empty()) return false;
    const std::uint32_t id = waiting_[object].front();
    waiting_[object].pop_front();
    ready(id, waker);
    return true;
  }

  // Hands something on from one channel to the next: wakes who waits for it, may wait itself.
  void pass(std::uint32_t id, store::ObjectId from, store::ObjectId to) {
    if (to != 0) wake_one(to, id);
    if (from != 0 && random_.chance(40)) wake_one(from, id);
    if (from != 0 && random_.chance(32)) {
      block(id, TaskState::Blocked, BlockReason::ChanRecv, from);
    } else if (to != 0 && random_.chance(16)) {
      block(id, TaskState::Blocked, BlockReason::ChanSend, to);
    } else {
      tasks_[id].state = TaskState::Runnable;
      queues_[tasks_[id].worker].push_back(id);
    }
  }

  void end_burst(std::uint32_t id) {
    const std::uint32_t worker = tasks_[id].worker;
    close_span(id, kNobody);
    running_[worker] = kNobody;
    parked_since_[worker] = now_;
    switch (tasks_[id].role) {
      case Role::Main:
        block(id, TaskState::Blocked, BlockReason::WaitGroup, kDone);
        break;
      case Role::Walk:
        pass(id, 0, kPaths);
        break;
      case Role::Read:
        if (random_.chance(30)) {
          block(id, TaskState::Syscall, BlockReason::None, 0);
          push(now_ + random_.duration(180'000), Kind::TimerEnd, id);
        } else {
          pass(id, kPaths, kLines);
        }
        break;
      case Role::Split:
        pass(id, kLines, kWords);
        break;
      case Role::Count:
        if (random_.chance(30)) {
          wake_one(kTableLock, id);
          block(id, TaskState::Blocked, BlockReason::Mutex, kTableLock);
          if (waiting_[kTableLock].size() == 1)
            push(now_ + random_.duration(30'000), Kind::WorkerPoll, 0);
        } else {
          wake_one(kTableLock, id);
          pass(id, kWords, kResults);
        }
        break;
      case Role::Merge:
        pass(id, kResults, 0);
        break;
      case Role::Log:
        block(id, TaskState::Sleeping, BlockReason::Sleep, 0);
        push(now_ + 1'500'000, Kind::TimerEnd, id);
        break;
      case Role::Stuck:
        block(id, TaskState::Blocked, BlockReason::ChanRecv, kReplies);
        break;
    }
  }

  void dispatch() {
    for (std::uint32_t worker = 0; worker < options_.workers; ++worker) {
      if (running_[worker] != kNobody) continue;
      std::uint32_t victim = worker;
      if (queues_[worker].empty()) {
        const auto longest =
            std::max_element(queues_.begin(), queues_.end(),
                             [](const auto& a, const auto& b) { return a.size() < b.size(); });
        if (longest->size() < 2) continue;
        victim = static_cast<std::uint32_t>(longest - queues_.begin());
      }
      const std::uint32_t id = queues_[victim].front();
      queues_[victim].pop_front();
      if (victim != worker) {
        out_.entities.steals.push_back({now_, worker, victim, 1, id + 1});
        ++out_.entities.tasks[id].steals;
        ++out_.entities.workers[worker].steals;
      }
      start(worker, id);
    }
  }

  void start(std::uint32_t worker, std::uint32_t id) {
    close_span(id, kNobody);
    SimTask& task = tasks_[id];
    task.state = TaskState::Running;
    task.worker = worker;
    running_[worker] = id;
    if (now_ - parked_since_[worker] > 2'000) {
      out_.entities.parks.push_back({worker, parked_since_[worker], now_});
      out_.entities.workers[worker].parked_ns += now_ - parked_since_[worker];
    }
    const std::int64_t burst = random_.duration(task.burst_ns);
    out_.entities.workers[worker].running_ns += burst;
    push(now_ + burst, Kind::BurstEnd, id);
  }

  void wake_anybody() {
    for (store::ObjectId object = kPaths; object <= kTableLock; ++object) {
      wake_one(object, kNobody);
    }
    dispatch();
  }

  void finish() {
    for (std::uint32_t id = 0; id < tasks_.size(); ++id) {
      if (now_ <= tasks_[id].since_ns) continue;
      close_span(id, kNobody, false);
      out_.entities.tasks[id].state = tasks_[id].state;
    }
    lose_events();
    store::FindingRow finding;
    finding.id = 1;
    finding.kind = "leak";
    finding.tier = "suspected";
    finding.severity = "warning";
    finding.summary = "3 handler tasks still wait to receive from channel replies.";
    finding.task_id = tasks_.size();
    finding.spawn_site_id = 8;
    finding.wait_site_id = 8 + kReplies;
    finding.count = 3;
    out_.entities.findings.push_back(finding);
    auto& info = out_.entities.info;
    info.format = "taskscope 4.0";
    info.source = "taskscope";
    info.program = "wordcount";
    info.command = "./wordcount /usr/share/doc";
    info.started = "2026-01-01T12:00:00Z";
    info.duration_ns = now_;
    info.complete = true;
    info.exit_status = "exited 0";
    info.events = out_.spans.size() * 3 / 2;
    info.tasks = tasks_.size();
    info.workers = options_.workers;
    info.threads = options_.workers;
    info.findings = 1;
    for (const store::LostRow& lost : out_.entities.lost) info.lost_events += lost.events;
  }

  // One worker's ring was full for a while: what it ran then is not known.
  void lose_events() {
    const std::uint32_t worker = options_.workers - 1;
    store::LostRow lost{worker, now_ / 100 * 62, now_ / 100 * 65, 0};
    std::erase_if(out_.spans, [&](const Span& span) {
      const bool gone = span.worker_id == worker && span.state == TaskState::Running &&
                        span.end_ns > lost.start_ns && span.start_ns < lost.end_ns;
      lost.events += gone ? 2 : 0;
      return gone;
    });
    out_.entities.lost.push_back(lost);
  }

  SyntheticOptions options_;
  Random random_;
  std::vector<SimTask> tasks_;
  std::vector<std::deque<std::uint32_t>> queues_;
  std::vector<std::uint32_t> running_;
  std::vector<std::int64_t> parked_since_;
  std::vector<std::deque<std::uint32_t>> waiting_;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::uint64_t order_ = 0;
  std::int64_t now_ = 0;
  SyntheticRecording out_;
};

}  // namespace

SyntheticRecording make_synthetic_recording(const SyntheticOptions& options) {
  return Simulation(options).run();
}

viewer::AnnotationRows make_synthetic_annotations(SyntheticRecording& recording) {
  viewer::AnnotationRows rows;
  rows.names = {{1, "serve"}, {2, "parse"}, {3, "look up"}, {4, "render"}, {5, "page"}};
  rows.counters = {{.id = 6, .name = "bytes read", .unit = "bytes", .samples = 1},
                   {.id = 7, .name = "requests waiting", .unit = "", .samples = 1}};
  rows.labels = {{1, "user", "7"}, {2, "request", "42"}, {2, "user", "8"}};
  std::vector<std::vector<Span>> of_tasks(recording.entities.tasks.size());
  for (const Span& span : recording.spans) of_tasks[span.task_id - 1].push_back(span);
  std::int64_t bytes = 0;
  std::int64_t waiting = 0;
  for (const Span& span : recording.spans) {
    if (span.state == TaskState::Syscall) {
      bytes += 4'096;
      rows.samples.push_back({span.end_ns, 6, bytes, span.task_id});
    }
    if (span.task_id % 5 != 0) continue;
    waiting = (waiting * 5 + 3) % 17;
    rows.samples.push_back({span.end_ns, 7, waiting, span.task_id});
  }
  for (std::size_t task = 0; task < of_tasks.size(); ++task) {
    const std::vector<Span>& spans = of_tasks[task];
    recording.entities.tasks[task].label_set_id = task % 3;
    for (std::size_t at = 0; at + 8 < spans.size(); at += 9) {
      const store::TaskId id = task + 1;
      rows.regions.push_back({.task_id = id,
                              .name_id = 1,
                              .start_ns = spans[at].start_ns,
                              .end_ns = spans[at + 7].end_ns,
                              .site_id = 10});
      rows.regions.push_back({.task_id = id,
                              .name_id = 2,
                              .start_ns = spans[at].start_ns,
                              .end_ns = spans[at + 2].end_ns,
                              .site_id = 11,
                              .depth = 2});
      rows.regions.push_back({.task_id = id,
                              .name_id = 4,
                              .start_ns = spans[at + 4].start_ns,
                              .end_ns = spans[at + 7].end_ns,
                              .site_id = 12,
                              .depth = 2});
      rows.regions.push_back({.task_id = id,
                              .name_id = 5,
                              .start_ns = spans[at + 5].start_ns,
                              .end_ns = spans[at + 6].end_ns,
                              .site_id = 13,
                              .depth = 3});
      rows.logs.push_back({spans[at + 1].start_ns, 0, id, 0, "cache", "miss"});
      if (at % 27 != 0) continue;
      rows.logs.push_back({spans[at + 1].start_ns + 900, 0, id, 0, "", "and again"});
      rows.regions.back().end_ns.reset();
    }
  }
  return rows;
}

namespace {

// Stacks 1 to 12 of waits and spawns, and as many of samples behind them.
constexpr store::StackId kMadeUpStacks = 12;

store::StackTable make_stacks() {
  store::StackTable stacks;
  const auto function = [&](const char* name, const char* file, bool runtime = false) {
    return stacks.add_function({name, file, runtime});
  };
  const std::uint32_t entry = function("taskscope::sched::task_main(void*)", "sched.cpp", true);
  const std::uint32_t wait = function("taskscope::Receiver<Job>::recv()", "chan.h", true);
  const std::uint32_t park = function("taskscope::sched::park()", "sched.cpp", true);
  const std::array<std::uint32_t, 6> own{
      function("shop::Server::serve(shop::Request const&)", "/src/shop/server.cpp"),
      function("shop::(anonymous namespace)::parse_header(char const*)", "/src/shop/parse.cpp"),
      function("shop::Cache<std::string, 7>::find(std::string const&) const", "/src/shop/cache.h"),
      function("shop::render_page(shop::Page&)", "/src/shop/render.cpp"),
      function("std::_Hash_bytes(void const*, unsigned long)", ""),
      function("shop::Queue::take()", "/src/shop/queue.cpp")};
  for (store::StackId id = 1; id <= 2 * kMadeUpStacks; ++id) {
    std::vector<store::StackCall> calls;
    const bool sample = id > kMadeUpStacks;
    if (!sample) calls = {{park, 31, 0}, {wait, 90, 0}};
    const auto number = static_cast<std::uint32_t>(id);
    for (std::uint32_t at = 0; at < 1 + number % 4; ++at) {
      calls.push_back({own[(number + at * 5) % own.size()], 10 * number + at, at == 1 ? 1U : 0U});
    }
    calls.push_back({own[0], 40 + number % 3, 0});
    calls.push_back({entry, 12, 0});
    stacks.add_stack(id, calls);
  }
  return stacks;
}

}  // namespace

viewer::SessionPtr make_called_session(const SyntheticOptions& options) {
  SyntheticRecording recording = make_synthetic_recording(options);
  std::vector<store::SampleRow> samples;
  std::int64_t next_ns = 0;
  for (Span& span : recording.spans) {
    const auto number = static_cast<std::uint32_t>((span.task_id * 7 + span.site_id) % 12);
    const bool waits = span.state == TaskState::Blocked || span.state == TaskState::Sleeping;
    if (waits) span.own_stack_id = 1 + number;
    if (span.state != TaskState::Running || span.end_ns < next_ns) continue;
    // Sometimes many, sometimes few.
    next_ns = span.end_ns + (span.end_ns / 2'000'000 % 4 == 0 ? 10'000 : 150'000);
    samples.push_back({.ns = span.end_ns - 1,
                       .worker_id = span.worker_id,
                       .task_id = samples.size() % 19 == 0 ? 0 : span.task_id,
                       .stack_id = kMadeUpStacks + 1 + (number + samples.size() % 5) % 12});
  }
  for (store::TaskRow& task : recording.entities.tasks) {
    if (task.id > 1) task.spawn_stack_id = 1 + task.id % kMadeUpStacks;
  }
  std::stable_sort(samples.begin(), samples.end(),
                   [](const auto& a, const auto& b) { return a.ns < b.ns; });
  viewer::SessionBuilder builder("wordcount.tscope", std::move(recording.entities));
  builder.add_spans(recording.spans);
  builder.add_calls(make_stacks(), samples);
  return builder.finish();
}

viewer::SessionPtr make_annotated_session(const SyntheticOptions& options) {
  SyntheticRecording recording = make_synthetic_recording(options);
  viewer::AnnotationRows rows = make_synthetic_annotations(recording);
  viewer::SessionBuilder builder("wordcount.tscope", std::move(recording.entities));
  builder.add_spans(recording.spans);
  builder.annotate(std::move(rows));
  return builder.finish();
}

namespace {

store::EscapeSiteRow made_up_site(std::uint64_t id, std::uint32_t line, const char* function,
                                  const char* type, std::uint64_t stayed,
                                  std::uint64_t bytes_each) {
  return {.id = id,
          .file = "/src/shop/server.cpp",
          .line = line,
          .function = function,
          .type = type,
          .stayed = stayed,
          .bytes = stayed * bytes_each};
}

void escape(store::EscapeSiteRow& site, store::EscapeReason reason, std::uint64_t objects,
            std::uint64_t bytes_each) {
  site.reasons[static_cast<std::size_t>(reason)] += objects;
  site.escaped += objects;
  site.bytes += objects * bytes_each;
  site.escaped_bytes += objects * bytes_each;
}

}  // namespace

viewer::MemoryRows make_synthetic_memory(std::int64_t duration_ns) {
  using store::GcPhase;
  viewer::MemoryRows rows;
  constexpr std::uint64_t kCycles = 12;
  for (std::uint64_t id = 1; id <= kCycles; ++id) {
    const std::int64_t start_ns = duration_ns * static_cast<std::int64_t>(id) / (kCycles + 1);
    const std::int64_t scale = 20'000 * static_cast<std::int64_t>(1 + id % 4);
    std::int64_t at = start_ns;
    const auto phase = [&](GcPhase kind, std::int64_t length_ns) {
      rows.phases.push_back(
          {.cycle_id = id, .phase = kind, .start_ns = at, .end_ns = at + length_ns});
      return at += length_ns;
    };
    phase(GcPhase::Handshake, scale / 2);
    const std::int64_t stopped_ns = at;
    phase(GcPhase::Mark, scale * 6);
    phase(GcPhase::Sweep, scale * 3);
    rows.phases.push_back(
        {.cycle_id = id, .phase = GcPhase::Pause, .start_ns = stopped_ns, .end_ns = at});
    phase(GcPhase::Destroy, scale * 2);
    rows.cycles.push_back({.id = id,
                           .start_ns = start_ns,
                           .end_ns = at,
                           .forced = id % 5 == 0,
                           .before_bytes = 8'400'000 + id * 700'000,
                           .goal_bytes = 8'388'608 + id * 700'000,
                           .live_bytes = 3'900'000 + id * 110'000,
                           .live_objects = 40'000 + id * 900,
                           .freed_bytes = 4'500'000 + id * 590'000,
                           .next_goal_bytes = 7'800'000 + id * 220'000,
                           .task_id = 1 + id % 3});
  }
  using store::EscapeReason;
  rows.sites.push_back(made_up_site(1, 31, "serve", "Answer", 0, 4'000));
  escape(rows.sites.back(), EscapeReason::Sent, 800, 4'000);
  escape(rows.sites.back(), EscapeReason::Learned, 11'200, 4'000);
  rows.sites.back().learned = true;
  rows.sites.push_back(made_up_site(2, 14, "get", "Page", 0, 512));
  escape(rows.sites.back(), EscapeReason::OutlivedScope, 1'990, 512);
  escape(rows.sites.back(), EscapeReason::Stored, 10, 512);
  rows.sites.push_back(
      made_up_site(3, 22, "add", "taskscope::array<std::pair<int, int>>", 40, 20'000));
  escape(rows.sites.back(), EscapeReason::TooLarge, 12, 20'000);
  rows.sites.push_back(made_up_site(4, 20, "add", "Word", 12'000, 32));
  rows.sites.push_back(made_up_site(5, 37, "operator()", "std::map<std::string, Setting>", 0, 96));
  rows.sites.back().heap = 4;
  rows.sites.back().bytes = 4 * 96;
  return rows;
}

viewer::SessionPtr make_collected_session(const SyntheticOptions& options,
                                          const std::string& source) {
  SyntheticRecording recording = make_synthetic_recording(options);
  viewer::AnnotationRows said;
  said.counters = {{.id = 1, .name = "heap live", .unit = "bytes", .samples = 1},
                   {.id = 2, .name = "heap goal", .unit = "bytes", .samples = 1}};
  viewer::MemoryRows memory = make_synthetic_memory(recording.entities.info.duration_ns);
  for (store::EscapeSiteRow& site : memory.sites) {
    if (!source.empty()) site.file = source;
  }
  std::int64_t from_ns = 0;
  std::int64_t live = 0;
  for (const store::GcCycleRow& row : memory.cycles) {
    const auto before = static_cast<std::int64_t>(*row.before_bytes);
    for (int step = 0; step < 20; ++step) {
      said.samples.push_back({from_ns + (*row.start_ns - from_ns) * step / 20, 1,
                              live + (before - live) * step / 20, 1});
    }
    said.samples.push_back({from_ns, 2, static_cast<std::int64_t>(*row.goal_bytes), 1});
    live = static_cast<std::int64_t>(*row.live_bytes);
    from_ns = *row.end_ns;
    said.samples.push_back({from_ns, 1, live, 1});
  }
  std::stable_sort(said.samples.begin(), said.samples.end(),
                   [](const auto& a, const auto& b) { return a.ns < b.ns; });
  viewer::SessionBuilder builder("wordcount.tscope", std::move(recording.entities));
  builder.add_spans(recording.spans);
  builder.annotate(std::move(said));
  builder.add_memory(std::move(memory));
  return builder.finish();
}

viewer::SessionPtr make_synthetic_session(const SyntheticOptions& options) {
  SyntheticRecording recording = make_synthetic_recording(options);
  viewer::SessionBuilder builder("wordcount.tscope", std::move(recording.entities));
  builder.add_spans(recording.spans);
  return builder.finish();
}

}  // namespace taskscope::tests
