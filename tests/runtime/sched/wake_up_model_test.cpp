// The wake-up recipe of scheduler.h as a model, in every order of its steps: no task may stay in a
// queue for ever while a worker sleeps. And the proof that each part of the recipe is needed: a
// model without it is found to lose a wake-up.
//
// Unlike run_queue_model_test.cpp, which runs the product's own code one step at a time, this is a
// copy of the recipe, because what matters here is what that explorer leaves out: memory. Each
// thread has a store buffer (total store order, as x86 has it): what it stores is seen by others
// later, in its order; it sees it itself at once; a fence, and everything that reads and writes in
// one step, waits until the buffer is empty. A sequentially consistent store is a store and a
// fence. All states that can be reached are visited, each once.
#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace taskscope::sched {
namespace {

// What may be taken out of the recipe.
struct Recipe {
  bool maker_fence = true;     // between the maker's S1 and S2
  bool worker_fence = true;    // between the worker's S1 and S3
  bool worker_looks = true;    // S3
  bool leaves_before = true;   // S2 before S3
  bool passes_duty_on = true;  // the last to spin, when it finds work, wakes another
  bool looks_again = true;     // a waker that found the pool empty
};

// How many there are of each; a maker makes so many tasks, one after another, and is busy then.
struct Size {
  std::uint8_t makers;
  std::uint8_t tasks_each;
  std::uint8_t workers;
};

constexpr std::size_t kMakersMax = 2;
constexpr std::size_t kThreadsMax = 4;
constexpr std::size_t kBufferMax = 4;

enum Place : std::uint8_t { kTail0, kTail1, kCount, kLock, kPlaces };

// What a thread does next.
enum class At : std::uint8_t {
  Push,
  LookForIdle,
  LookForSpinner,
  Claim,
  OpenPool,
  TakeWorker,
  Wake,
  GiveBack,
  LookAgain,
  BeginSearch,
  Search,
  Found,
  Run,
  OpenPoolToIdle,
  AddToPool,
  LeaveSpinning,
  LookAtQueues,
  OpenPoolToReturn,
  TakeBack,
  Sleep,
  Busy,  // for ever
};

struct Store {
  std::uint8_t place = 0;
  std::uint8_t value = 0;
};

struct ModelThread {
  At at = At::Push;
  At then = At::Busy;      // after a wake-up of another
  std::uint8_t left = 0;   // a maker's tasks, still to be made
  std::uint8_t queue = 0;  // that is looked at next
  std::uint8_t found = 0;  // the worker to wake, by its bit; 0: none
  bool spins = false;
  bool woken = false;
  std::uint8_t stores = 0;
  std::array<Store, kBufferMax> buffer{};  // the oldest first
};

struct State {
  std::array<std::uint8_t, kPlaces> memory{};
  std::array<std::uint8_t, kMakersMax> heads{};  // changed by CAS only
  std::uint8_t spinning = 0;                     // the same
  std::uint8_t pool = 0;                         // guarded by kLock
  std::array<ModelThread, kThreadsMax> threads{};

  friend bool operator==(const State& a, const State& b) {
    return std::memcmp(&a, &b, sizeof(State)) == 0;
  }
};
static_assert(std::has_unique_object_representations_v<State>);

class Model {
 public:
  struct Outcome {
    std::size_t states = 0;
    std::string lost;  // the steps that lose a wake-up; empty: none do
  };

  static Outcome explore(const Recipe& recipe, const Size& size) {
    return Model(recipe, size).visit_all();
  }

 private:
  struct Visited {
    State state;
    std::size_t before = 0;
    std::uint8_t thread = 0;
    std::string_view step;
  };
  struct Hash {
    const std::vector<Visited>* visited;
    std::size_t operator()(std::size_t index) const {
      const State& state = (*visited)[index].state;
      return std::hash<std::string_view>()({reinterpret_cast<const char*>(&state), sizeof state});
    }
  };
  struct Same {
    const std::vector<Visited>* visited;
    bool operator()(std::size_t a, std::size_t b) const {
      return (*visited)[a].state == (*visited)[b].state;
    }
  };

  Model(const Recipe& recipe, const Size& size) : recipe_(recipe), size_(size) {}

  Outcome visit_all() {
    State first;
    for (std::uint8_t i = 0; i < threads(); ++i) {
      first.threads[i].at = is_maker(i) ? At::Push : At::BeginSearch;
      first.threads[i].left = is_maker(i) ? size_.tasks_each : 0;
    }
    visited_.push_back({.state = first, .step = ""});
    seen_.insert(0);
    Outcome outcome;
    for (now_ = 0; now_ < visited_.size() && outcome.lost.empty(); ++now_) {
      is_last_ = true;
      for (thread_ = 0; thread_ < threads(); ++thread_) step();
      if (is_last_ && loses(visited_[now_].state)) outcome.lost = steps_to(now_);
    }
    outcome.states = visited_.size();
    return outcome;
  }

  std::uint8_t threads() const { return static_cast<std::uint8_t>(size_.makers + size_.workers); }
  bool is_maker(std::uint8_t thread) const { return thread < size_.makers; }
  std::uint8_t bit() const { return static_cast<std::uint8_t>(1u << thread_); }

  // Nothing can happen any more.
  bool loses(const State& s) const {
    bool queued = false;
    for (std::uint8_t i = 0; i < size_.makers; ++i) queued |= s.heads[i] != s.memory[kTail0 + i];
    bool sleeps = false;
    for (std::uint8_t i = size_.makers; i < threads(); ++i) {
      sleeps |= s.threads[i].at == At::Sleep;
    }
    return queued && sleeps;
  }

  std::string steps_to(std::size_t index) const {
    std::string text;
    for (; index != 0; index = visited_[index].before) {
      const Visited& v = visited_[index];
      const std::string who =
          (is_maker(v.thread) ? "maker " : "worker ") + std::to_string(int{v.thread});
      text = who + ": " + std::string(v.step) + '\n' + text;
    }
    return text;
  }

  // ---- One step of thread_ in every way that it can be taken ------------------------------------

  // A copy of the state to take a step in.
  State copy() const { return visited_[now_].state; }
  ModelThread& self(State& s) const { return s.threads[thread_]; }

  void reach(const State& next, std::string_view step) {
    is_last_ = false;
    visited_.push_back({.state = next, .before = now_, .thread = thread_, .step = step});
    if (!seen_.insert(visited_.size() - 1).second) visited_.pop_back();
  }

  std::uint8_t load(const State& s, std::uint8_t place) const {
    const ModelThread& thread = s.threads[thread_];
    for (std::uint8_t i = thread.stores; i > 0; --i) {
      if (thread.buffer[i - 1u].place == place) return thread.buffer[i - 1u].value;
    }
    return s.memory[place];
  }
  void store(State& s, std::uint8_t place, std::uint8_t value) const {
    ModelThread& thread = self(s);
    thread.buffer[thread.stores++] = {place, value};
  }
  bool queue_is_empty(const State& s, std::uint8_t queue) const {
    return load(s, static_cast<std::uint8_t>(kTail0 + queue)) == s.heads[queue];
  }

  void step() {
    const ModelThread thread = visited_[now_].state.threads[thread_];
    if (thread.stores != 0) {
      State s = copy();
      ModelThread& mine = self(s);
      const Store oldest = mine.buffer[0];
      for (std::size_t i = 1; i < kBufferMax; ++i) mine.buffer[i - 1] = mine.buffer[i];
      mine.buffer[--mine.stores] = {};
      s.memory[oldest.place] = oldest.value;
      reach(s, "its oldest store is seen");
    }
    const bool fenced = thread.stores == 0;
    switch (thread.at) {
      case At::Push:
      case At::LookForIdle:
      case At::LookForSpinner:
      case At::LookAgain:
        return step_maker(thread.at, fenced);
      case At::Claim:
      case At::OpenPool:
      case At::TakeWorker:
      case At::Wake:
      case At::GiveBack:
        return fenced || thread.at == At::TakeWorker ? step_waker(thread.at) : void();
      case At::BeginSearch:
      case At::Search:
      case At::Found:
      case At::Run:
        return step_searcher(thread.at, fenced);
      case At::OpenPoolToIdle:
      case At::AddToPool:
      case At::LeaveSpinning:
      case At::LookAtQueues:
      case At::OpenPoolToReturn:
      case At::TakeBack:
      case At::Sleep:
        return step_idler(thread.at, fenced);
      case At::Busy:
        return;
    }
  }

  // Goes on after the look for somebody to wake.
  static void end_wake(ModelThread& thread) {
    thread.at = thread.left != 0 ? At::Push : thread.then;
  }

  void step_maker(At at, bool fenced) {
    State s = copy();
    ModelThread& mine = self(s);
    const auto tail = static_cast<std::uint8_t>(kTail0 + thread_);
    switch (at) {
      case At::Push:
        store(s, tail, static_cast<std::uint8_t>(load(s, tail) + 1));
        --mine.left;
        mine.at = At::LookForIdle;
        return reach(s, "S1 queues a task");
      case At::LookForIdle:
        if (recipe_.maker_fence && !fenced) return;
        load(s, kCount) == 0 ? end_wake(mine) : void(mine.at = At::LookForSpinner);
        return reach(s, "S2 looks for an idle worker");
      case At::LookForSpinner:
        s.spinning != 0 ? end_wake(mine) : void(mine.at = At::Claim);
        return reach(s, "S2 looks whether somebody spins");
      default:
        load(s, kCount) == 0 ? end_wake(mine) : void(mine.at = At::Claim);
        return reach(s, "looks for an idle worker again");
    }
  }

  void step_waker(At at) {
    State s = copy();
    ModelThread& mine = self(s);
    switch (at) {
      case At::Claim:
        s.spinning != 0 ? end_wake(mine) : void(mine.at = At::OpenPool);
        if (s.spinning == 0) s.spinning = 1;
        return reach(s, "counts the one that it is about to wake");
      case At::OpenPool:
        return lock_pool(s, At::TakeWorker);
      case At::TakeWorker:
        if (s.pool == 0) return leave_pool(s, 0, At::GiveBack, "finds the pool empty");
        for (std::uint8_t pool = s.pool; pool != 0; pool &= static_cast<std::uint8_t>(pool - 1)) {
          const auto first = static_cast<std::uint8_t>(pool & -pool);
          leave_pool(copy(), first, At::Wake, "takes a worker out of the pool");
        }
        return;
      case At::Wake:
        s.threads[static_cast<std::size_t>(std::countr_zero(mine.found))].woken = true;
        mine.found = 0;
        end_wake(mine);
        return reach(s, "wakes it");
      default:
        --s.spinning;
        recipe_.looks_again ? void(mine.at = At::LookAgain) : end_wake(mine);
        return reach(s, "takes its count back");
    }
  }

  void step_searcher(At at, bool fenced) {
    State s = copy();
    ModelThread& mine = self(s);
    switch (at) {
      case At::BeginSearch:
        mine.at = At::OpenPoolToIdle;
        reach(s, "does not search, because enough do");
        if (!fenced) return;
        mine.at = At::Search;
        mine.spins = true;
        ++s.spinning;
        return reach(s, "begins to spin");
      case At::Search:
        if (!queue_is_empty(s, mine.queue)) {
          if (!fenced) return;
          ++s.heads[mine.queue];
          mine.queue = 0;
          mine.at = At::Found;
          return reach(s, "takes a task");
        }
        mine.queue = static_cast<std::uint8_t>((mine.queue + 1) % size_.makers);
        if (mine.queue == 0) mine.at = At::OpenPoolToIdle;
        return reach(s, "finds a queue empty");
      case At::Found:
        if (!fenced) return;
        mine.at = At::Run;
        if (mine.spins && --s.spinning == 0 && recipe_.passes_duty_on) {
          mine.at = At::LookForIdle;
          mine.then = At::Run;
        }
        mine.spins = false;
        return reach(s, "stops spinning");
      default:
        mine.then = At::Busy;
        mine.at = At::Busy;
        reach(s, "is busy with the task from now on");
        mine.at = At::BeginSearch;
        return reach(s, "has run the task");
    }
  }

  void step_idler(At at, bool fenced) {
    State s = copy();
    ModelThread& mine = self(s);
    switch (at) {
      case At::OpenPoolToIdle:
        return fenced ? lock_pool(s, At::AddToPool) : void();
      case At::AddToPool:
        s.pool |= bit();
        store(s, kCount, static_cast<std::uint8_t>(std::popcount(s.pool)));
        store(s, kLock, 0);
        mine.at = recipe_.leaves_before ? At::LeaveSpinning : At::LookAtQueues;
        return reach(s, "S1 is in the pool");
      case At::LeaveSpinning:
        if (recipe_.worker_fence && !fenced) return;
        if (mine.spins && !fenced) return;
        if (mine.spins) --s.spinning;
        mine.spins = false;
        mine.at = recipe_.leaves_before && recipe_.worker_looks ? At::LookAtQueues : At::Sleep;
        return reach(s, "S2 does not spin any more");
      case At::LookAtQueues:
        if (recipe_.worker_fence && !fenced) return;
        return look_at_queues(s);
      case At::OpenPoolToReturn:
        return fenced ? lock_pool(s, At::TakeBack) : void();
      case At::TakeBack:
        if ((s.pool & bit()) == 0) return leave_pool(s, 0, At::Sleep, "was taken already");
        mine.spins = false;
        return leave_pool(s, bit(), At::BeginSearch, "takes itself back");
      default:
        if (!mine.woken || !fenced) return;
        mine.woken = false;
        mine.spins = true;
        mine.at = At::Search;
        return reach(s, "wakes up");
    }
  }

  void look_at_queues(State s) {
    ModelThread& mine = self(s);
    if (!queue_is_empty(s, mine.queue)) {
      mine.queue = 0;
      mine.at = At::OpenPoolToReturn;
      return reach(s, "S3 sees a task");
    }
    mine.queue = static_cast<std::uint8_t>((mine.queue + 1) % size_.makers);
    if (mine.queue == 0) mine.at = recipe_.leaves_before ? At::Sleep : At::LeaveSpinning;
    reach(s, "S3 finds a queue empty");
  }

  void lock_pool(State s, At then) {
    if (s.memory[kLock] != 0) return;
    s.memory[kLock] = 1;
    self(s).at = then;
    reach(s, "locks the pool");
  }

  // With the worker `taken` (its bit), if that is one; unlocks the pool.
  void leave_pool(State s, std::uint8_t taken, At then, std::string_view step) {
    ModelThread& mine = self(s);
    if (taken != 0) {
      s.pool = static_cast<std::uint8_t>(s.pool & ~taken);
      store(s, kCount, static_cast<std::uint8_t>(std::popcount(s.pool)));
      if (taken != bit()) mine.found = taken;
    }
    store(s, kLock, 0);
    mine.at = then;
    reach(s, step);
  }

  const Recipe recipe_;
  const Size size_;
  std::vector<Visited> visited_;
  std::unordered_set<std::size_t, Hash, Same> seen_{1024, Hash{&visited_}, Same{&visited_}};
  std::size_t now_ = 0;      // whose successors are looked for
  std::uint8_t thread_ = 0;  // who takes the step
  bool is_last_ = false;     // nobody has taken one so far
};

// The sizes at which each part of the recipe is needed.
constexpr Size kOneMaker{.makers = 1, .tasks_each = 2, .workers = 2};
constexpr Size kTwoMakers{.makers = 2, .tasks_each = 1, .workers = 2};

void expect_lost(const Recipe& recipe, const Size& size) {
  const Model::Outcome outcome = Model::explore(recipe, size);
  EXPECT_NE(outcome.lost, "") << "nothing is lost in " << outcome.states << " states";
}

TEST(WakeUpModel, TheRecipeLosesNoWakeUp) {
  for (const Size& size : {kOneMaker, kTwoMakers}) {
    const Model::Outcome outcome = Model::explore({}, size);
    EXPECT_EQ(outcome.lost, "");
    EXPECT_GE(outcome.states, 10'000u);
    std::printf("%zu states\n", outcome.states);
  }
}

TEST(WakeUpModel, AMakerMustFenceBetweenQueueAndLook) {
  expect_lost({.maker_fence = false}, {.makers = 1, .tasks_each = 1, .workers = 1});
}

TEST(WakeUpModel, AWorkerMustFenceBetweenPoolAndLook) {
  expect_lost({.worker_fence = false}, {.makers = 1, .tasks_each = 1, .workers = 1});
}

TEST(WakeUpModel, AWorkerMustLookAgainOnceItIsInThePool) {
  expect_lost({.worker_looks = false}, {.makers = 1, .tasks_each = 1, .workers = 1});
}

TEST(WakeUpModel, AWorkerMustLeaveSpinningBeforeItLooksAgain) {
  expect_lost({.leaves_before = false}, {.makers = 1, .tasks_each = 1, .workers = 1});
}

TEST(WakeUpModel, TheLastSpinnerMustPassItsDutyOn) {
  expect_lost({.passes_duty_on = false}, kOneMaker);
}

TEST(WakeUpModel, AWakerThatFoundNobodyMustLookAgain) {
  expect_lost({.looks_again = false}, kTwoMakers);
}

}  // namespace
}  // namespace taskscope::sched
