#include "recorder/ingest/text_source.h"

#include <map>

#include "recorder/ingest/merge.h"
#include "recorder/ingest/recording_meta.h"
#include "runtime/trace_format/text.h"

namespace taskscope::ingest {

using trace_format::TextEvent;

Result<void> record_text(std::string_view trace, const std::string& path) {
  const auto events = trace_format::parse_text(trace);
  if (!events) return events.error();
  auto writer = store::Writer::create(path);
  if (!writer) return writer.error();
  writer->put_meta("program", "text trace");

  SpanBuilder builder(*writer);
  const ClockMap clock;
  Merge merge(builder, clock);
  std::map<store::WorkerId, std::size_t> rings;  // ordered, so that files do not depend on hashes
  for (const TextEvent& item : *events) rings.emplace(item.ring, 0);
  for (auto& [worker_id, ring] : rings) ring = merge.add_ring(worker_id);
  for (const TextEvent& item : *events) {
    const auto* spec = trace_format::find_event_spec(static_cast<std::uint8_t>(item.event.kind));
    trace_format::TextRecords records;
    std::size_t count = 1;
    if (spec->aux == trace_format::AuxField::Bytes) {
      count = trace_format::encode_text(item.event, item.text, records);
    } else {
      records[0] = trace_format::encode(item.event);
    }
    merge.append(rings[item.ring], std::span(records.data(), count));
  }
  merge.drain();
  return complete(builder, *writer, {}, {.id = 1, .name = "text trace"});
}

}  // namespace taskscope::ingest
