// A program in which every `new` of a thread faults, from when the thread asks for it; in a copy of
// it that a child process is, too.
#pragma once

namespace taskscope::test {

void poison_memory();

}  // namespace taskscope::test
