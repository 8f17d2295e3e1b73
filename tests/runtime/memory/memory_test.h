// MemoryTest: the fixture of tests that make collected objects.
#pragma once

#include "runtime/memory/collector.h"
#include "runtime/memory/make.h"
#include "runtime/memory/scoped.h"
#include "runtime/memory/settings.h"
#include "tests/runtime/support/runtime_test.h"

namespace taskscope::test {

class MemoryTest : public RuntimeTest {
 protected:
  // The heap is the process's: what is reserved for it is no run's.
  void SetUp() override {
    ts::run([] {
      ts::scoped([] { ts::make<int>(); });
      ts::gc();
    });
    settings_ = memory::settings();
    memory::forget_learned();
  }
  void TearDown() override { memory::set_settings(settings_); }

 private:
  memory::Settings settings_;
};

// Runs it on a stack of its own, so that nothing of it is left on the caller's.
template <class F>
void in_another_task(F function) {
  const Chan<bool> done = make_chan<bool>();
  go([&] {
    function();
    done.send(true);
  });
  done.recv();
}

}  // namespace taskscope::test
