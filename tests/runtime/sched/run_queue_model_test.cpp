// The run queue of the product in every order of its atomic steps: no task may be lost or doubled.
// And the proof that this finds what it looks for: queues whose atomics are broken.
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "runtime/base/sanitizer.h"
#include "runtime/sched/run_queue.h"
#include "tests/runtime/support/explorer.h"

namespace taskscope::sched {
namespace {

using test::Access;
using test::Explorer;
using test::ModelAtomic;
using test::ModelProgram;

struct Item {
  std::size_t number = 0;
};

// Two queues of four places, a global queue, and what every thread has taken.
template <template <class> class Atomic>
struct Model {
  using Queue = RunQueue<Item, Atomic, 4>;

  // What a worker does when it makes a task runnable, and when it has room for none.
  void push(Queue& queue, std::size_t item) {
    queued |= std::uint32_t{1} << item;
    put(queue, &items[item]);
  }
  void put(Queue& queue, Item* item) {
    if (queue.push(item)) return;
    queue.spill(item, [this](Item* const* tasks, std::uint32_t count) {
      Explorer::step(&global, Access::Write);
      global.insert(global.end(), tasks, tasks + count);
    });
  }
  void make_next(Queue& queue, std::size_t item) {
    queued |= std::uint32_t{1} << item;
    if (Item* const before = queue.exchange_next(&items[item])) put(queue, before);
  }
  void pop(Queue& queue) { take(queue.pop()); }
  void pop_next(Queue& queue) { take(queue.take_next()); }
  // A thief keeps one and puts the others into its own queue.
  void steal(Queue& victim, Queue& own) {
    Item* batch[2 * Queue::kCapacity] = {};
    const std::uint32_t count = victim.grab(batch);
    overrun |= batch[Queue::kCapacity / 2] != nullptr;
    for (std::uint32_t i = 1; i < count; ++i) put(own, batch[i]);
    if (count > 0) take(batch[0]);
  }
  void steal_next(Queue& victim) {
    Item* const next = victim.peek_next();
    if (next != nullptr && victim.steal_next(next)) take(next);
  }
  void take(Item* item) {
    if (item != nullptr) ++taken[item->number];
  }

  // Everything that was queued must have been taken once, or still be somewhere once.
  std::string check() {
    if (overrun) return "more than half was grabbed";
    for (Queue* queue : {&a, &b}) {
      if (queue->size() > Queue::kCapacity) return "the ring is longer than it can be";
      take(queue->take_next());
      while (Item* item = queue->pop()) take(item);
    }
    for (Item* item : global) take(item);
    for (std::size_t i = 0; i < items.size(); ++i) {
      const int expected = (queued >> i & 1) != 0 ? 1 : 0;
      if (taken[i] < expected) return "task " + std::to_string(i) + " is lost";
      if (taken[i] > expected) return "task " + std::to_string(i) + " is doubled";
    }
    return {};
  }

  Model() {
    for (std::size_t i = 0; i < items.size(); ++i) items[i].number = i;
  }

  Queue a;
  Queue b;
  std::array<Item, 12> items;
  std::array<int, 12> taken{};
  std::uint32_t queued = 0;
  bool overrun = false;
  std::vector<Item*> global;
};

// A thread of a program: the model, its owner's queue and the other one.
template <template <class> class Atomic>
using Body = std::function<void(Model<Atomic>&)>;

// Explores the threads after `prepare`, which runs alone.
template <template <class> class Atomic>
Explorer::Outcome explore(const Body<Atomic>& prepare, const std::vector<Body<Atomic>>& threads) {
  return Explorer::explore([&] {
    // shared: the threads and the check of one program look at it.
    auto model = std::make_shared<Model<Atomic>>();
    prepare(*model);
    ModelProgram program;
    for (const auto& thread : threads)
      program.threads.push_back([model, thread] { thread(*model); });
    program.check = [model] { return model->check(); };
    return program;
  });
}

void expect_right(const Explorer::Outcome& outcome, std::size_t orders_min) {
  EXPECT_EQ(outcome.failure, "") << "in the order " << outcome.failed_order;
  EXPECT_GE(outcome.orders, orders_min);
  std::printf("%zu orders\n", outcome.orders);
}

using Right = Model<ModelAtomic>;

void nothing(Right&) {}
// The ring has been round, so that the places of new tasks are those of old ones.
void one_round(Right& m) {
  for (std::size_t i = 0; i < 3; ++i) m.a.push(&m.items[11]);
  while (m.a.pop() != nullptr) {
  }
}

TEST(RunQueueModel, AnOwnerAndAThief) {
  expect_right(explore<ModelAtomic>(one_round, {[](Right& m) {
                                                  m.push(m.a, 0);
                                                  m.push(m.a, 1);
                                                  m.push(m.a, 2);
                                                  m.pop(m.a);
                                                  m.pop(m.a);
                                                },
                                                [](Right& m) {
                                                  m.steal(m.a, m.b);
                                                  m.steal(m.a, m.b);
                                                }}),
               100);
}

TEST(RunQueueModel, AFullQueueSpillsWhileAThiefSteals) {
  expect_right(explore<ModelAtomic>(
                   [](Right& m) {
                     one_round(m);
                     for (std::size_t i = 0; i < 4; ++i) m.push(m.a, i);
                   },
                   {[](Right& m) {
                      m.push(m.a, 4);
                      m.push(m.a, 5);
                      m.push(m.a, 6);
                      m.pop(m.a);
                    },
                    [](Right& m) {
                      m.steal(m.a, m.b);
                      m.pop(m.b);
                      m.steal(m.a, m.b);
                    }}),
               100);
}

TEST(RunQueueModel, AThiefIsSlowerThanARoundOfTheRing) {
  expect_right(explore<ModelAtomic>(
                   [](Right& m) {
                     one_round(m);
                     for (std::size_t i = 0; i < 4; ++i) m.push(m.a, i);
                   },
                   {[](Right& m) {
                      for (std::size_t i = 4; i < 8; ++i) {
                        m.pop(m.a);
                        m.push(m.a, i);
                      }
                    },
                    [](Right& m) { m.steal(m.a, m.b); }}),
               100);
}

TEST(RunQueueModel, TwoThievesAndTheOwnerWantTheSame) {
  expect_right(explore<ModelAtomic>(
                   [](Right& m) {
                     one_round(m);
                     for (std::size_t i = 0; i < 3; ++i) m.push(m.a, i);
                   },
                   {[](Right& m) {
                      m.pop(m.a);
                      m.push(m.a, 3);
                      m.pop(m.a);
                    },
                    [](Right& m) { m.steal(m.a, m.b); },
                    [](Right& m) {
                      Item* batch[Right::Queue::kCapacity / 2];
                      const std::uint32_t count = m.a.grab(batch);
                      for (std::uint32_t i = 0; i < count; ++i) m.take(batch[i]);
                    }}),
               100);
}

TEST(RunQueueModel, WorkersStealFromEachOther) {
  expect_right(explore<ModelAtomic>(one_round, {[](Right& m) {
                                                  m.push(m.a, 0);
                                                  m.push(m.a, 1);
                                                  m.push(m.a, 2);
                                                  m.pop(m.a);
                                                  m.steal(m.b, m.a);
                                                  m.pop(m.a);
                                                },
                                                [](Right& m) {
                                                  m.push(m.b, 3);
                                                  m.push(m.b, 4);
                                                  m.steal(m.a, m.b);
                                                  m.pop(m.b);
                                                  m.pop(m.b);
                                                }}),
               100);
}

TEST(RunQueueModel, TheNextSlotIsTakenByOneOnly) {
  expect_right(explore<ModelAtomic>(nothing, {[](Right& m) {
                                                m.make_next(m.a, 0);
                                                m.make_next(m.a, 1);
                                                m.pop_next(m.a);
                                                m.make_next(m.a, 2);
                                                m.pop(m.a);
                                              },
                                              [](Right& m) {
                                                m.steal_next(m.a);
                                                m.steal(m.a, m.b);
                                                m.steal_next(m.a);
                                              },
                                              [](Right& m) { m.steal_next(m.a); }}),
               100);
}

// ---- The explorer itself ------------------------------------------------------------------------

TEST(Explorer, RunsEveryOrderOfConflictingStepsOnce) {
  int place = 0;
  const auto two_steps = [&place] {
    Explorer::step(&place, Access::Write);
    Explorer::step(&place, Access::Write);
  };
  const auto outcome = Explorer::explore([&] {
    return ModelProgram{.threads = {two_steps, two_steps}, .check = [] { return std::string(); }};
  });
  EXPECT_EQ(outcome.orders, 6u) << "two of four places";
}

TEST(Explorer, SaysThatAProgramDoesNotEnd) {
  int place = 0;
  const auto outcome = Explorer::explore([&] {
    return ModelProgram{.threads = {[&] {
                          for (;;) Explorer::step(&place, Access::Read);
                        }},
                        .check = [] { return std::string(); }};
  });
  EXPECT_EQ(outcome.failure, "it does not end");
}

TEST(Explorer, RunsStepsThatDoNotConflictInOneOrder) {
  int places[2] = {};
  const auto outcome = Explorer::explore([&] {
    return ModelProgram{.threads = {[&] { Explorer::step(&places[0], Access::Write); },
                                    [&] { Explorer::step(&places[1], Access::Write); },
                                    [&] { Explorer::step(&places[1] + 1, Access::Read); }},
                        .check = [] { return std::string(); }};
  });
  EXPECT_EQ(outcome.orders, 1u);
}

// A CAS that does not look.
template <class T>
struct BlindAtomic : ModelAtomic<T> {
  using ModelAtomic<T>::ModelAtomic;
  bool compare_exchange_strong(T&, T value, std::memory_order, std::memory_order) {
    this->store(value, {});
    return true;
  }
  bool compare_exchange_weak(T& expected, T value, std::memory_order, std::memory_order) {
    return compare_exchange_strong(expected, value, {}, {});
  }
};

// A CAS that looks and then writes.
template <class T>
struct TornAtomic : ModelAtomic<T> {
  using ModelAtomic<T>::ModelAtomic;
  bool compare_exchange_strong(T& expected, T value, std::memory_order, std::memory_order) {
    if (this->load({}) != expected) return false;
    this->store(value, {});
    return true;
  }
  bool compare_exchange_weak(T& expected, T value, std::memory_order, std::memory_order) {
    const T wanted = expected;
    expected = this->load({});
    if (expected != wanted) return false;
    this->store(value, {});
    return true;
  }
};

// An exchange that looks and then writes.
template <class T>
struct TornExchangeAtomic : ModelAtomic<T> {
  using ModelAtomic<T>::ModelAtomic;
  T exchange(T value, std::memory_order) {
    const T before = this->load({});
    this->store(value, {});
    return before;
  }
};

template <template <class> class Atomic>
Explorer::Outcome explore_ring() {
  using M = Model<Atomic>;
  return explore<Atomic>([](M& m) { m.push(m.a, 0), m.push(m.a, 1), m.push(m.a, 2); },
                         {[](M& m) { m.pop(m.a), m.pop(m.a); }, [](M& m) { m.steal(m.a, m.b); }});
}

template <template <class> class Atomic>
Explorer::Outcome explore_next() {
  using M = Model<Atomic>;
  return explore<Atomic>(
      [](M& m) { m.make_next(m.a, 0); },
      {[](M& m) { m.pop_next(m.a), m.make_next(m.a, 1); }, [](M& m) { m.steal_next(m.a); }});
}

TEST(RunQueueModel, FindsWhatABrokenQueueLosesAndDoubles) {
  EXPECT_EQ(explore_ring<ModelAtomic>().failure, "");
  EXPECT_EQ(explore_next<ModelAtomic>().failure, "");
  EXPECT_NE(explore_ring<BlindAtomic>().failure, "");
  EXPECT_NE(explore_next<BlindAtomic>().failure, "");
  EXPECT_NE(explore_ring<TornAtomic>().failure, "");
  EXPECT_NE(explore_next<TornAtomic>().failure, "");
  EXPECT_NE(explore_next<TornExchangeAtomic>().failure, "");
}

}  // namespace
}  // namespace taskscope::sched
