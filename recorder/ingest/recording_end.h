// Completes a recording: what is known only at its end goes into the database, which then becomes
// one finished file. Shared by everything that records.
#pragma once

#include <cstdint>
#include <string>

#include "recorder/ingest/span_builder.h"
#include "recorder/store/writer.h"

namespace taskscope::ingest {

struct RecordingEnd {
  std::int64_t end_ns = 0;  // the last event counts if it is later
  std::string exit_status;  // empty: unknown
  std::string notes;        // a sentence a line
  store::Dropped dropped;   // by retention
};

// REQUIRES: nothing is left in the merge. The builder and the writer are used up.
Result<void> complete(SpanBuilder& builder, store::Writer& writer, const RecordingEnd& end);

}  // namespace taskscope::ingest
