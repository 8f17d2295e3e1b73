// Which part of a structure that is split by worker the caller should use.
#pragma once

#include <cstdint>

namespace taskscope::sync {

// The index of the calling task's worker, 0 where there is none. Only a hint: the task may continue
// on another worker before the answer is used.
std::uint32_t worker_slot();

}  // namespace taskscope::sync
