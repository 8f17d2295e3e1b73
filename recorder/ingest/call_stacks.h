// CallStacks: the stacks of calls of one program: stored as they come, named when it has ended.
//
// What came is in the file from its next commit on: addresses, and the files of code that they lie
// in, so that a recording whose recorder was killed has them. Names are looked up once, at the end:
// reading the debug information of a large program takes longer than its rings would wait. It
// cannot be later than that, because a recording is carried to other machines, and programs are
// built anew. Stacks of samples are made whole (see SampleText) and compared here: a program's
// signal handler has no table.
//
// Owned by the span builder; one thread at a time.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "recorder/ingest/program_writer.h"
#include "recorder/symbols/program_code.h"
#include "runtime/trace_format/event.h"

namespace taskscope::ingest {

class CallStacks {
 public:
  explicit CallStacks(ProgramWriter writer) : writer_(writer) {}

  // Each takes the text of an event. False, or none, if it makes no sense.
  bool take_stack(std::uint64_t id, std::string_view text);
  bool take_module(std::string_view text);
  struct Sample {
    store::StackId stack_id = 0;
    store::WorkerId worker = store::kNoWorker;
    std::uint64_t thread = 0;
    std::uint64_t lost = 0;
  };
  std::optional<Sample> take_sample(std::string_view text);

  // Writes the frames of all stacks. Once.
  void name_frames();

 private:
  using Calls = std::vector<std::uint64_t>;
  // Those of samples have numbers that no program gives.
  static constexpr store::StackId kFirstSampled = store::StackId{trace_format::kStackMax} + 1;

  struct Stack {
    store::StackId id = 0;
    store::StackKind kind = store::StackKind::Call;
    Calls calls;
  };

  store::StackId sampled_stack(const Calls& calls);
  void put_stack(Stack stack);

  ProgramWriter writer_;
  symbols::ProgramCode code_;
  std::vector<Stack> stacks_;
  std::map<Calls, store::StackId> sampled_;
};

}  // namespace taskscope::ingest
