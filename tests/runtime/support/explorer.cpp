#include "tests/runtime/support/explorer.h"

#include <bit>

#include "runtime/base/check.h"
#include "runtime/base/sanitizer.h"

namespace taskscope::test {
namespace {

thread_local Explorer* t_explorer = nullptr;

// More steps than any program that ends.
constexpr std::size_t kStepsMax = 1000;

std::uint32_t bit(std::size_t thread) { return std::uint32_t{1} << thread; }

}  // namespace

Explorer::Explorer() : pool_({.slots_max = 16}) {
  main_.adopt_thread();
  t_explorer = this;
}

Explorer::~Explorer() {
  for (const auto& thread : threads_) {
    thread->context.retire();
    pool_.give_back(&thread->stack, 1);
  }
  t_explorer = nullptr;
}

Explorer::Outcome Explorer::explore(const std::function<ModelProgram()>& make_program) {
  Explorer explorer;
  Outcome outcome;
  do {
    ModelProgram program = make_program();
    if (!explorer.run(program)) continue;
    ++outcome.orders;
    outcome.failure = explorer.enabled() != 0 ? "it does not end" : program.check();
    if (outcome.failure.empty()) continue;
    outcome.failed_order = explorer.order();
    break;
  } while (explorer.backtrack());
  return outcome;
}

void Explorer::step(const void* where, Access access) {
  if (t_explorer == nullptr || t_explorer->running_ == nullptr) return;
  ModelThread& self = *t_explorer->running_;
  self.next = {where, access};
  Explorer* const explorer = t_explorer;
  // One thread, whose parts come one after another: ThreadSanitizer takes them for concurrent.
  base::annotate_release(explorer);
  self.context.switch_to(explorer->main_);
  base::annotate_acquire(explorer);
}

void Explorer::thread_main(void* memory) {
  stack::Context::entered();
  base::annotate_acquire(t_explorer);
  auto& self = *static_cast<ModelThread*>(memory);
  self.body();
  self.ended = true;
  Explorer* const explorer = t_explorer;
  base::annotate_release(explorer);
  self.context.finish_into(explorer->main_);
}

bool Explorer::run(ModelProgram& program) {
  start(program.threads);
  for (std::size_t depth = 0; enabled() != 0 && depth < kStepsMax; ++depth) {
    if (depth == path_.size()) {
      Node node = next_node();
      const std::uint32_t candidates = node.enabled & ~node.asleep;
      if (candidates == 0) return false;
      node.chosen = static_cast<std::size_t>(std::countr_zero(candidates));
      path_.push_back(std::move(node));
    }
    go_on(*threads_[path_[depth].chosen]);
  }
  return true;
}

// Every thread goes to its first step.
void Explorer::start(std::vector<std::function<void()>>& bodies) {
  while (threads_.size() < bodies.size()) {
    threads_.push_back(std::make_unique<ModelThread>());
    TASKSCOPE_CHECK(pool_.take(&threads_.back()->stack, 1) == 1);
  }
  for (std::size_t i = 0; i < bodies.size(); ++i) {
    ModelThread& thread = *threads_[i];
    thread.context.retire();  // it may not have come to its end
    thread.body = std::move(bodies[i]);
    thread.ended = false;
    thread.context.prepare(pool_.extent(thread.stack), thread_main, &thread, main_);
    go_on(thread);
  }
}

void Explorer::go_on(ModelThread& thread) {
  running_ = &thread;
  base::annotate_release(this);
  main_.switch_to(thread.context);
  base::annotate_acquire(this);
  running_ = nullptr;
}

std::uint32_t Explorer::enabled() const {
  std::uint32_t mask = 0;
  for (std::size_t i = 0; i < threads_.size(); ++i) mask |= threads_[i]->ended ? 0 : bit(i);
  return mask;
}

Explorer::Node Explorer::next_node() const {
  Node node;
  node.enabled = enabled();
  for (const auto& thread : threads_) node.steps.push_back(thread->next);
  if (path_.empty()) return node;
  const Node& before = path_.back();
  for (std::size_t i = 0; i < threads_.size(); ++i) {
    const bool was_tried = ((before.asleep | before.tried) & bit(i)) != 0;
    if (was_tried && !conflict(before.steps[i], before.steps[before.chosen])) node.asleep |= bit(i);
  }
  return node;
}

bool Explorer::backtrack() {
  for (; !path_.empty(); path_.pop_back()) {
    Node& node = path_.back();
    node.tried |= bit(node.chosen);
    const std::uint32_t candidates = node.enabled & ~node.asleep & ~node.tried;
    if (candidates == 0) continue;
    node.chosen = static_cast<std::size_t>(std::countr_zero(candidates));
    return true;
  }
  return false;
}

std::string Explorer::order() const {
  std::string text;
  for (const Node& node : path_) text += std::to_string(node.chosen);
  return text;
}

}  // namespace taskscope::test
