#include "recorder/ingest/recording_end.h"

namespace taskscope::ingest {

Result<void> complete(SpanBuilder& builder, store::Writer& writer, const RecordingEnd& end) {
  const std::int64_t duration_ns = builder.finish(end.end_ns);
  const SpanBuilder::Counts& counts = builder.counts();
  std::string notes = end.notes;
  if (counts.misfits > 0) {
    if (!notes.empty()) notes += '\n';
    notes += std::to_string(counts.misfits) +
             " events did not fit what came before them: others were lost, or the program wrote "
             "nonsense. Times around them are incomplete.";
  }
  writer.put_meta("duration_ns", duration_ns);
  writer.put_meta("events", static_cast<std::int64_t>(counts.events - end.dropped.events));
  writer.put_meta("tasks", static_cast<std::int64_t>(counts.tasks - end.dropped.tasks));
  writer.put_meta("workers", std::int64_t{counts.workers});
  writer.put_meta("threads", std::int64_t{counts.threads});
  writer.put_meta("lost_events", static_cast<std::int64_t>(counts.lost_events));
  writer.put_meta("exit_status", end.exit_status);
  writer.put_meta("notes", notes);
  writer.put_meta("complete", 1);
  return writer.finish();
}

}  // namespace taskscope::ingest
