// Whose ids are whose in a recording of several programs. Each program numbers its tasks, objects,
// sites and workers for itself; a recording puts the program's own number, less one, above them. So
// ids are one number everywhere, and those of the first program are what it calls them itself.
// Plain functions.
#pragma once

#include <cstdint>

#include "runtime/trace_format/event.h"

namespace taskscope::store {

using ProgramId = std::uint32_t;  // from 1 on, in the order in which they said hello

// More are not recorded: their numbers still fit above every kind of id.
inline constexpr ProgramId kProgramsMax = 1000;

inline constexpr int kWorkerBits = 16;

// Places of frames, of all programs, are numbered from here on: above all that programs have.
inline constexpr trace_format::SiteId kFirstFrameSite = trace_format::SiteId{1} << 31;
static_assert(std::uint64_t{kProgramsMax} << trace_format::kSiteBits < kFirstFrameSite);

// 0, which names none, stays 0.
constexpr std::uint64_t id_of(ProgramId program, std::uint64_t own_id) {
  const std::uint64_t own = own_id & trace_format::kIdMask;
  return own == 0 ? 0 : std::uint64_t{program - 1} << trace_format::kIdBits | own;
}
constexpr trace_format::SiteId site_id_of(ProgramId program, trace_format::SiteId own_id) {
  const trace_format::SiteId own = own_id & trace_format::kSiteMax;
  return own == 0 ? 0 : (program - 1) << trace_format::kSiteBits | own;
}
constexpr trace_format::WorkerId worker_id_of(ProgramId program, trace_format::WorkerId own_id) {
  return own_id > trace_format::kWorkerMax ? own_id : (program - 1) << kWorkerBits | own_id;
}

// Of a task or an object.
constexpr ProgramId program_of(std::uint64_t id) {
  return static_cast<ProgramId>(id >> trace_format::kIdBits) + 1;
}
constexpr ProgramId program_of_site(trace_format::SiteId id) {
  return (id >> trace_format::kSiteBits) + 1;
}
constexpr ProgramId program_of_worker(trace_format::WorkerId id) { return (id >> kWorkerBits) + 1; }

// What the program itself calls the task or the object; people are shown this.
constexpr std::uint64_t own_id(std::uint64_t id) { return id & trace_format::kIdMask; }
constexpr trace_format::WorkerId own_worker_id(trace_format::WorkerId id) {
  return id == trace_format::kNoWorker ? id : id & ((1u << kWorkerBits) - 1);
}

}  // namespace taskscope::store
