// A made-up recording of a plausible program: eight workers, tasks of several spawn sites that play
// ping-pong over channels, fight for locks, sleep, get stolen, and one interval of lost events.
//
// The same options give the same recording on every machine. For tests and benchmarks of viewer
// and store. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "viewer/model/session_builder.h"

namespace taskscope::tests {

struct SyntheticOptions {
  std::uint64_t spans = 4'000;  // roughly; the schedule ends when there are as many
  std::uint32_t workers = 8;
  std::uint32_t task_scale = 1;  // multiplies the number of tasks (43 at 1)
  std::uint64_t seed = 1;
};

struct SyntheticRecording {
  viewer::SessionEntities entities;
  std::vector<store::Span> spans;  // in the order of their ends
};

SyntheticRecording make_synthetic_recording(const SyntheticOptions& options);
// What that program might have said of itself: nested regions, some with unknown edges, lines of a
// log, two counters, labels. REQUIRES: before the entities are given away.
viewer::AnnotationRows make_synthetic_annotations(SyntheticRecording& recording);
viewer::SessionPtr make_annotated_session(const SyntheticOptions& options);
// That program recorded with stacks and samples: its waits, spawns and samples have calls of
// made-up functions, some of them inlined, some of the runtime.
viewer::SessionPtr make_called_session(const SyntheticOptions& options);
// That program with collected memory: collections with their phases, counters of the heap, sites in
// the file `source`, or in one that there is not.
viewer::MemoryRows make_synthetic_memory(std::int64_t duration_ns);
viewer::SessionPtr make_collected_session(const SyntheticOptions& options,
                                          const std::string& source = {});
viewer::SessionPtr make_synthetic_session(const SyntheticOptions& options);

}  // namespace taskscope::tests
