// ts::set_workers: changes the number of workers while the program runs (Go's GOMAXPROCS).
//
//   const std::uint32_t before = ts::set_workers(2);
//   ts::set_workers(before);
#pragma once

#include <cstdint>

namespace taskscope {

// From now on `count` workers run tasks, from 1 to 1024; 0 only asks. Returns the number before.
// More than 1024 end the program with a sentence.
// Tasks that wait on a worker that goes are taken over by the others; the one that runs there
// leaves it at its next wait, yield or checkpoint. REQUIRES: a ts::run is active.
std::uint32_t set_workers(std::uint32_t count);

}  // namespace taskscope
