#include "viewer/model/loader.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "recorder/store/memory_tables.h"
#include "recorder/store/reader.h"
#include "viewer/model/lane_merge.h"
#include "viewer/model/scheduler_events.h"
#include "viewer/model/session_builder.h"

namespace taskscope::viewer {
namespace {

// How often progress is published, in chunks.
constexpr std::size_t kProgressChunks = 8;
// From so many chunks on (four million events) entities may take longer than a person should wait
// for the first picture.
constexpr std::size_t kOverviewChunks = 256;

template <class T>
bool take(Result<std::vector<T>> from, std::vector<T>& to, std::string& error) {
  if (!from) {
    error = from.error().message;
    return false;
  }
  to = std::move(*from);
  return true;
}

bool read_overview(const store::Reader& reader, SessionEntities& entities, std::string& error) {
  entities.info = reader.info();
  return take(reader.workers(), entities.workers, error) &&
         take(reader.chunks(), entities.chunks, error);
}

bool read_entities(const store::Reader& reader, SessionEntities& entities, std::string& error) {
  return take(reader.tasks(), entities.tasks, error) &&
         take(reader.objects(), entities.objects, error) &&
         take(reader.sites(), entities.sites, error) &&
         take(reader.steals(), entities.steals, error) &&
         take(reader.parks(), entities.parks, error) &&
         take(reader.spins(), entities.spins, error) && take(reader.lost(), entities.lost, error) &&
         take(reader.findings(), entities.findings, error);
}

// What the program said of itself. Most recordings have little of it, and it takes no longer then.
bool read_annotations(const store::Reader& reader, AnnotationRows& rows, std::string& error) {
  std::vector<store::EventRow> samples;
  if (!take(reader.names(), rows.names, error) || !take(reader.regions({}), rows.regions, error) ||
      !take(reader.logs({}), rows.logs, error) || !take(reader.counters(), rows.counters, error) ||
      !take(reader.labels(), rows.labels, error)) {
    return false;
  }
  // Of all counters at one go: asked for each, every chunk would be read once for each.
  if (rows.counters.empty()) return true;
  if (!take(reader.events_of(store::EventKind::Counter), samples, error)) return false;
  std::stable_sort(samples.begin(), samples.end(),
                   [](const auto& a, const auto& b) { return a.ns < b.ns; });
  rows.samples.reserve(samples.size());
  for (const store::EventRow& event : samples) {
    rows.samples.push_back({.ns = event.ns,
                            .counter_id = event.name_id,
                            .value = static_cast<std::int64_t>(event.arg),
                            .task_id = event.task_id});
  }
  return true;
}

bool read_memory(const store::Reader& reader, MemoryRows& rows, std::string& error) {
  return take(store::gc_cycles(reader), rows.cycles, error) &&
         take(store::gc_phases(reader), rows.phases, error) &&
         take(store::escape_sites(reader), rows.sites, error);
}

}  // namespace

SessionLoader::SessionLoader(std::string path, std::function<void()> on_change)
    : path_(std::move(path)), on_change_(std::move(on_change)), thread_([this] { load(); }) {}

SessionLoader::~SessionLoader() {
  stop_.store(true, std::memory_order_relaxed);
  if (thread_.joinable()) thread_.join();
}

SessionLoader::State SessionLoader::poll() const {
  const std::scoped_lock lock(mutex_);
  return state_;
}

SessionLoader::State SessionLoader::wait() {
  if (thread_.joinable()) thread_.join();
  return poll();
}

void SessionLoader::publish(SessionPtr session, double progress) {
  {
    const std::scoped_lock lock(mutex_);
    if (session != nullptr) state_.session = std::move(session);
    state_.progress = progress;
    state_.done = state_.session != nullptr && state_.session->stage() == SessionStage::Complete;
  }
  if (on_change_) on_change_();
}

void SessionLoader::fail(std::string error) {
  {
    const std::scoped_lock lock(mutex_);
    state_.error = std::move(error);
    state_.done = true;
  }
  if (on_change_) on_change_();
}

void SessionLoader::load() {
  Result<store::Reader> reader = store::Reader::open(path_);
  if (!reader) return fail(reader.error().message);
  SessionEntities entities;
  std::string error;
  if (!read_overview(*reader, entities, error)) return fail(std::move(error));
  if (entities.chunks.size() >= kOverviewChunks) {
    publish(SessionBuilder(path_, entities).overview(), 0);
  }
  if (!read_entities(*reader, entities, error)) return fail(std::move(error));
  const std::vector<store::ChunkSummary> chunks = entities.chunks;
  SessionBuilder builder(path_, std::move(entities));
  publish(builder.summary(), 0);
  LaneMerge merge(*reader, kSessionKinds);
  merge.add(chunks);
  std::vector<store::Span> spans;
  std::vector<store::EventRow> events;
  std::size_t published = 0;
  for (;;) {
    if (stop_.load(std::memory_order_relaxed)) return;
    const Result<bool> more = merge.next(spans, events);
    if (!more) return fail(more.error().message);
    if (!*more) break;
    builder.add_spans(spans);
    builder.add_events(events);
    if (merge.chunks_read() >= published + kProgressChunks) {
      published = merge.chunks_read();
      publish(nullptr, static_cast<double>(published) / static_cast<double>(chunks.size()));
    }
  }
  AnnotationRows annotations;
  if (!read_annotations(*reader, annotations, error)) return fail(std::move(error));
  builder.annotate(std::move(annotations));
  Result<store::StackTable> stacks = store::StackTable::read(*reader);
  if (!stacks) return fail(stacks.error().message);
  const Result<std::vector<store::SampleRow>> samples = reader->samples();
  if (!samples) return fail(samples.error().message);
  builder.add_calls(*std::move(stacks), *samples);
  MemoryRows memory;
  if (!read_memory(*reader, memory, error)) return fail(std::move(error));
  builder.add_memory(std::move(memory));
  publish(builder.finish(), 1);
}

}  // namespace taskscope::viewer
