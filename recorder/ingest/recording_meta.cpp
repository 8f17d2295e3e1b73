#include "recorder/ingest/recording_meta.h"

#include <time.h>

#include <array>

namespace taskscope::ingest {
namespace {

std::string iso_time(std::int64_t realtime_ns) {
  const auto seconds = static_cast<time_t>(realtime_ns / 1'000'000'000);
  tm parts{};
  if (gmtime_r(&seconds, &parts) == nullptr) return {};
  std::array<char, 64> text{};
  strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text.data();
}

}  // namespace

store::ProgramRow describe(const trace_format::Hello& hello, store::ProgramId id,
                           std::int64_t started_ns) {
  return {.id = id, .pid = hello.pid, .name = hello.program, .started_ns = started_ns};
}

void describe(const trace_format::Hello& hello, store::Writer& writer) {
  writer.put_meta("program", hello.program);
  writer.put_meta("started", iso_time(hello.start.realtime_ns));
}

void add_totals(store::ProgramRow& row, const SpanBuilder::Counts& counts, std::int64_t end_ns) {
  row.ended_ns = end_ns;
  row.workers = counts.workers;
  row.tasks = counts.tasks;
  row.events = counts.events;
  row.lost_events = counts.lost_events;
}

Result<void> complete(store::Writer& writer, const RecordingEnd& end) {
  const SpanBuilder::Counts& counts = end.counts;
  std::string notes = end.notes;
  const auto note = [&notes](const std::string& sentence) {
    notes += (notes.empty() ? "" : "\n") + sentence;
  };
  if (counts.misfits > 0) {
    note(std::to_string(counts.misfits) +
         " events did not fit what came before them: others were lost, or the program wrote "
         "nonsense. Times around them are incomplete.");
  }
  if (counts.bare_samples > 0) {
    note(std::to_string(counts.bare_samples) + " samples have no stack: a program had more than " +
         std::to_string(CallStacks::kSampledMax) + " different ones.");
  }
  writer.put_meta("duration_ns", end.end_ns);
  writer.put_meta("events", static_cast<std::int64_t>(counts.events - end.dropped.events));
  writer.put_meta("tasks", static_cast<std::int64_t>(counts.tasks - end.dropped.tasks));
  writer.put_meta("workers", std::int64_t{counts.workers});
  writer.put_meta("threads", std::int64_t{counts.threads});
  writer.put_meta("lost_events", static_cast<std::int64_t>(counts.lost_events));
  if (counts.samples + counts.lost_samples > 0) {
    writer.put_meta("samples", static_cast<std::int64_t>(counts.samples));
    writer.put_meta("lost_samples", static_cast<std::int64_t>(counts.lost_samples));
  }
  writer.put_meta("exit_status", end.exit_status);
  writer.put_meta("notes", notes);
  writer.put_meta("complete", 1);
  return writer.finish();
}

Result<void> complete(SpanBuilder& builder, store::Writer& writer, RecordingEnd end,
                      store::ProgramRow program) {
  end.end_ns = builder.finish(end.end_ns);
  end.counts = builder.counts();
  add_totals(program, end.counts, end.end_ns);
  program.exit_status = end.exit_status;
  writer.put_program(program, store::Totals::Known);
  return complete(writer, end);
}

}  // namespace taskscope::ingest
