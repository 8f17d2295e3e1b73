// What stacks of calls and samples say, summed up: functions by processor time, waits by stack.
//
// Plain functions over a reader, on its thread. Each answers from the views of SCHEMA.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "recorder/store/reader.h"
#include "recorder/store/rows.h"
#include "runtime/base/result.h"

namespace taskscope::store {

// A function that was seen at work.
struct CpuFunction {
  std::string function;
  std::string file;
  std::uint32_t line = 0;   // where it was seen most often itself; 0: never, or not known
  std::uint64_t self = 0;   // samples in itself
  std::uint64_t total = 0;  // and in what it called
};
// Most seen themselves first, then those that called them; not what of the runtime only called
// others. Empty without samples.
Result<std::vector<CpuFunction>> cpu_functions(const Reader& reader, std::size_t rows_max);
Result<std::uint64_t> sample_count(const Reader& reader);

// Waits that began with the same calls.
struct StackWaits {
  StackId stack_id = 0;
  std::string reason;
  std::uint64_t spans = 0;
  std::uint64_t tasks = 0;
  std::int64_t ns = 0;
  std::int64_t longest_ns = 0;
  std::string functions;  // of the program, innermost first: "take < serve < main"
};
// The longest in all first. Empty without stacks.
Result<std::vector<StackWaits>> stack_waits(const Reader& reader, std::size_t rows_max);

}  // namespace taskscope::store
