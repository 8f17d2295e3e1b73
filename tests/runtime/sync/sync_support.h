// What the tests of locks share.
#pragma once

#include "runtime/taskscope.h"

namespace taskscope::test {

// The least that operations want of a context: a channel that is closed when it is done.
struct FakeContext {
  Chan<int> done = make_chan<int>();
  channel::DoneChannel done_core() const { return done.ref().get(); }
  Error error() const { return {.message = "done", .kind = ErrorKind::Cancelled}; }
};

}  // namespace taskscope::test
