// CallStacks: the stacks of calls of one program: stored as they come, named when it has ended.
//
// What came is in the file from its next commit on: addresses, and the files of code that they lie
// in, so that a recording whose recorder was killed has them. Names are looked up once, at the end:
// reading the debug information of a large program takes longer than its rings would wait. It
// cannot be later than that, because a recording is carried to other machines, and programs are
// built anew. Stacks of samples are made whole (see SampleText) and compared here: a program's
// signal handler has no table. Where a recording forgets what is old, so do they; and there are at
// most kSampledMax at a time, whatever a program says it does.
//
// Owned by the span builder; one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "recorder/ingest/program_writer.h"
#include "recorder/symbols/program_code.h"
#include "runtime/trace_format/event.h"

namespace taskscope::ingest {

class CallStacks {
 public:
  // Different stacks of samples that are known at a time.
  static constexpr std::size_t kSampledMax = std::size_t{1} << 20;

  explicit CallStacks(ProgramWriter writer, std::size_t sampled_max = kSampledMax)
      : sampled_max_(sampled_max), writer_(writer) {}

  // Each takes the text of an event. False, or none, if it makes no sense.
  bool take_stack(std::uint64_t id, std::string_view text);
  bool take_module(std::string_view text);
  struct Sample {
    bool is_there = false;        // false: it only says that others were lost
    store::StackId stack_id = 0;  // 0: there was no room for one more
    store::WorkerId worker = store::kNoWorker;
    std::uint64_t thread = 0;
    std::uint64_t lost = 0;
  };
  std::optional<Sample> take_sample(std::string_view text, std::int64_t ns);

  // Samples from before `ns` are not in the recording any more, nor stacks that only those had.
  void forget_samples(std::int64_t ns);

  // Writes the frames of all stacks. Once.
  void name_frames();

 private:
  using Calls = std::vector<std::uint64_t>;
  // Those of samples have numbers that no program gives.
  static constexpr store::StackId kFirstSampled = store::StackId{trace_format::kStackMax} + 1;

  // What samples have in common.
  struct Sampled {
    store::StackId id = 0;
    std::int64_t last_ns = 0;  // of the last such sample
  };

  store::StackId sampled_stack(const Calls& calls, std::int64_t ns);
  void put_stack(store::StackId id, store::StackKind kind, const Calls& calls);
  void name_stack(store::StackId id, const Calls& calls, symbols::ProgramCode::First first);

  const std::size_t sampled_max_;
  ProgramWriter writer_;
  symbols::ProgramCode code_;
  std::map<store::StackId, Calls> told_;  // by the program, of waits and spawns
  std::map<Calls, Sampled> sampled_;
  store::StackId next_sampled_ = kFirstSampled;
  using Place = std::tuple<std::string, std::string, int>;  // function, file, line
  std::map<Place, store::SiteId> frame_sites_;
};

}  // namespace taskscope::ingest
