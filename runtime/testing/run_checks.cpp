#include "runtime/testing/run_checks.h"

#include <atomic>

#include "runtime/sched/own_labels.h"
#include "runtime/sched/scheduler.h"
#include "runtime/testing/leak_check.h"

namespace taskscope::testing {
namespace {

// Atomic: see allow_leaks().
constinit std::atomic<bool> g_leaks_allowed{false};

void around_main(void (*body)(void* memory), void* memory) {
  LeakCheck check({}, sched::current_task()->spawn_site());
  const sched::LabelSet* const labels = sched::own_labels();
  labels->retain();
  sched::current_thread()->scheduler().set_strangers_labels(labels);
  body(memory);
  if (g_leaks_allowed.load()) check.dismiss();
}

}  // namespace

void allow_leaks() { g_leaks_allowed.store(true); }

RunChecks::RunChecks() : before_(sched::set_around_main(around_main)) { begin_test(); }

RunChecks::~RunChecks() { sched::set_around_main(before_); }

void RunChecks::begin_test() { g_leaks_allowed.store(false); }

}  // namespace taskscope::testing
