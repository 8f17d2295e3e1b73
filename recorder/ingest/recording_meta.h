// What a recording says of itself as a whole: at its beginning which program it is of, at its end
// what is known only then; the database becomes one finished file. Shared by everything that
// records.
#pragma once

#include <cstdint>
#include <string>

#include "recorder/ingest/span_builder.h"
#include "recorder/store/rows.h"
#include "recorder/store/writer.h"
#include "runtime/trace_format/handshake.h"

namespace taskscope::ingest {

// One of the programs, as it is known while it runs: a row without its totals.
store::ProgramRow describe(const trace_format::Hello& hello, store::ProgramId id,
                           std::int64_t started_ns);
// The same of the recording as a whole: the first program, and when it began.
void describe(const trace_format::Hello& hello, store::Writer& writer);

// What ended at `end_ns`, and what there was of it.
void add_totals(store::ProgramRow& row, const SpanBuilder::Counts& counts, std::int64_t end_ns);

struct RecordingEnd {
  std::int64_t end_ns = 0;
  SpanBuilder::Counts counts;  // of all programs together
  std::string exit_status;     // empty: unknown
  std::string notes;           // a sentence a line
  store::Dropped dropped;      // by retention
};

// REQUIRES: all that is to be in the recording is in the writer, which is used up.
Result<void> complete(store::Writer& writer, const RecordingEnd& end);
// The same for a recording of one program, whose counts and end are the builder's. REQUIRES:
// nothing is left in the merge. The builder is used up; `end.end_ns` may be before the last event,
// which counts then.
Result<void> complete(SpanBuilder& builder, store::Writer& writer, RecordingEnd end,
                      store::ProgramRow program = {.id = 1});

}  // namespace taskscope::ingest
