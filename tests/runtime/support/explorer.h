// Explorer: runs a small concurrent program in every order of its steps, as loom and CHESS do.
//
// The program's threads are contexts on one real thread. Each announces what it is about to touch
// (step), and the explorer decides who goes on; it then runs the program again with another
// decision, until all have been tried. Orders that differ only in steps which do not touch the same
// place, or only read it, are run once (sleep sets, after Godefroid). Memory is sequentially
// consistent here: what the hardware and the compiler may reorder beyond that is not explored.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "runtime/stack/context.h"
#include "runtime/stack/stack_pool.h"

namespace taskscope::test {

enum class Access : std::uint8_t { Read, Write };

// One program: what its threads do, and what must hold when all have ended. Made anew for each
// order.
struct ModelProgram {
  std::vector<std::function<void()>> threads;
  // What is wrong, or nothing.
  std::function<std::string()> check;
};

class Explorer {
 public:
  struct Outcome {
    std::size_t orders = 0;    // run to their end
    std::string failure;       // of the first that failed; empty: none did
    std::string failed_order;  // by the numbers of the threads
  };

  static Outcome explore(const std::function<ModelProgram()>& make_program);

  // The running thread is about to touch `where`. Does nothing outside of a program's threads.
  static void step(const void* where, Access access);

  Explorer(const Explorer&) = delete;
  Explorer& operator=(const Explorer&) = delete;

 private:
  struct Step {
    const void* where = nullptr;
    Access access = Access::Read;
  };
  // A decision: who could go on, with what step, and who did.
  struct Node {
    std::uint32_t enabled = 0;
    std::uint32_t asleep = 0;  // whatever they do next has been tried in another order
    std::uint32_t tried = 0;
    std::size_t chosen = 0;
    std::vector<Step> steps;
  };
  struct ModelThread {
    stack::StackId stack = stack::kNoStack;
    stack::Context context;
    std::function<void()> body;
    Step next;
    bool ended = true;
  };

  Explorer();
  ~Explorer();
  static void thread_main(void* thread);
  static bool conflict(const Step& a, const Step& b) {
    return a.where == b.where && (a.access == Access::Write || b.access == Access::Write);
  }

  // Until all threads have ended, or have gone on for too long. False if the order turned out to be
  // one that was run already.
  bool run(ModelProgram& program);
  void start(std::vector<std::function<void()>>& bodies);
  void go_on(ModelThread& thread);
  std::uint32_t enabled() const;
  Node next_node() const;
  // Prepares the next order; false if all were run.
  bool backtrack();
  std::string order() const;

  stack::StackPool pool_;
  stack::Context main_;
  std::vector<std::unique_ptr<ModelThread>> threads_;
  ModelThread* running_ = nullptr;
  std::vector<Node> path_;
};

// An atomic whose every operation is a step.
template <class T>
class ModelAtomic {
 public:
  ModelAtomic() = default;
  ModelAtomic(T value) : value_(value) {}  // as std::atomic's

  T load(std::memory_order) const {
    Explorer::step(this, Access::Read);
    return value_;
  }
  void store(T value, std::memory_order) {
    Explorer::step(this, Access::Write);
    value_ = value;
  }
  T exchange(T value, std::memory_order) {
    Explorer::step(this, Access::Write);
    return std::exchange(value_, value);
  }
  bool compare_exchange_strong(T& expected, T value, std::memory_order, std::memory_order) {
    Explorer::step(this, Access::Write);
    if (value_ != expected) {
      expected = value_;
      return false;
    }
    value_ = value;
    return true;
  }
  bool compare_exchange_weak(T& expected, T value, std::memory_order, std::memory_order) {
    return compare_exchange_strong(expected, value, {}, {});
  }

 private:
  T value_{};
};

}  // namespace taskscope::test
