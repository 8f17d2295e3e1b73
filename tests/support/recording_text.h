// A recording as text, for goldens: every table that a test may want to look at, in a fixed order.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <tuple>
#include <vector>

#include "recorder/store/memory_tables.h"
#include "recorder/store/reader.h"

namespace taskscope::tests {

// Every span of a recording, by task and start.
inline std::vector<store::Span> all_spans(const store::Reader& reader) {
  std::vector<store::Span> spans;
  const auto chunks = reader.chunks();
  EXPECT_TRUE(chunks);
  for (const auto& chunk : *chunks) EXPECT_TRUE(reader.read_spans(chunk.id, spans));
  std::stable_sort(spans.begin(), spans.end(), [](const auto& a, const auto& b) {
    return std::tie(a.task_id, a.start_ns, a.end_ns) < std::tie(b.task_id, b.start_ns, b.end_ns);
  });
  return spans;
}

// Every event, in the order of its ring, rings in the order of their workers.
inline std::vector<store::EventRow> all_events(const store::Reader& reader) {
  std::vector<store::EventRow> events;
  const auto chunks = reader.chunks();
  EXPECT_TRUE(chunks);
  for (const auto& chunk : *chunks) EXPECT_TRUE(reader.read_events(chunk.id, events));
  std::stable_sort(events.begin(), events.end(),
                   [](const auto& a, const auto& b) { return a.worker_id < b.worker_id; });
  return events;
}

class RecordingText {
 public:
  explicit RecordingText(const store::Reader& reader) : reader_(reader) {}

  std::string all() {
    const store::RecordingInfo& info = reader_.info();
    line("duration {} events {} tasks {} workers {} threads {} lost {}{}", info.duration_ns,
         info.events, info.tasks, info.workers, info.threads, info.lost_events,
         info.complete ? "" : " INCOMPLETE");
    if (!info.notes.empty()) line("notes: {}", info.notes);
    tasks();
    spans();
    events();
    entities();
    annotations();
    memory();
    return text_;
  }

 private:
  template <class... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    text_ += fmt::format(format, std::forward<Args>(args)...) + '\n';
  }
  static std::string worker(store::WorkerId id) {
    return id == store::kNoWorker ? "-" : fmt::format("w{}", id);
  }
  template <class T>
  static std::string known(const std::optional<T>& value) {
    return value ? std::to_string(*value) : "?";
  }
  static std::string times(const store::StateTimes& state_ns) {
    return fmt::format("running {} runnable {} blocked {} syscall {} sleeping {}", state_ns[0],
                       state_ns[1], state_ns[2], state_ns[3], state_ns[4]);
  }

  void tasks() {
    line("\ntasks");
    const auto rows = reader_.tasks();
    ASSERT_TRUE(rows) << rows.error().message;
    for (const auto& t : *rows) {
      line("  {} \"{}\" parent {} site {} life {}..{} {}; {}; wakeups {} steals {}{}", t.id, t.name,
           t.parent_id, t.spawn_site_id, known(t.created_ns), known(t.ended_ns),
           t.state_known ? to_text(t.state) : "unknown", times(t.state_ns), t.wakeups, t.steals,
           (t.panic_message.empty() ? "" : "; panic: " + t.panic_message) +
               (t.label_set_id == 0 ? "" : fmt::format("; labels {}", t.label_set_id)));
    }
  }

  void spans() {
    line("\nspans");
    for (const auto& s : all_spans(reader_)) {
      std::string more;
      if (s.reason != store::BlockReason::None) more += fmt::format(" {}", to_text(s.reason));
      if (s.object_id != 0) more += fmt::format(" object {}", s.object_id);
      if (s.site_id != 0) more += fmt::format(" site {}", s.site_id);
      if (s.thread_id != 0) more += fmt::format(" thread {}", s.thread_id);
      if (s.woken_by != 0) more += fmt::format(" woken by {}", s.woken_by);
      if (s.woken_by == 0 && s.waker_kind != store::WakerKind::None) {
        more += fmt::format(" ended by {}", to_text(s.waker_kind));
      }
      if (!s.finished) more += " unfinished";
      line("  task {} {} {}..{} {}{}", s.task_id, worker(s.worker_id), s.start_ns, s.end_ns,
           to_text(s.state), more);
    }
  }

  void events() {
    line("\nevents");
    for (const auto& e : all_events(reader_)) {
      line("  {} {} {} task {} object {} site {} arg {}{}{}", worker(e.worker_id), e.ns,
           to_text(e.kind), e.task_id, e.object_id, e.site_id, static_cast<std::int64_t>(e.arg),
           e.arg2 == 0 ? "" : fmt::format(" {}", e.arg2),
           e.name_id == 0 ? "" : fmt::format(" name {}", e.name_id));
    }
  }

  void memory() {
    const auto cycles = store::gc_cycles(reader_);
    const auto phases = store::gc_phases(reader_);
    const auto sites = store::escape_sites(reader_);
    ASSERT_TRUE(cycles && phases && sites);
    for (const auto& c : *cycles) {
      line("  gc {} {}..{} {} heap {} of {} live {} in {} freed {} next {} task {}", c.id,
           known(c.start_ns), known(c.end_ns),
           !c.forced   ? "?"
           : *c.forced ? "forced"
                       : "due",
           known(c.before_bytes), known(c.goal_bytes), known(c.live_bytes), known(c.live_objects),
           known(c.freed_bytes), known(c.next_goal_bytes), c.task_id);
    }
    for (const auto& p : *phases) {
      line("  gc {} {} {}..{} {} task {}", p.cycle_id, to_text(p.phase), p.start_ns, p.end_ns,
           worker(p.worker_id), p.task_id);
    }
    for (const auto& s : *sites) {
      line("  escape {} {}:{} {} \"{}\" stayed {} escaped {} heap {} bytes {} escaped {}{}", s.id,
           s.file, s.line, s.function, s.type, s.stayed, s.escaped, s.heap, s.bytes,
           s.escaped_bytes, s.learned ? " learned" : "");
      for (std::size_t reason = 0; reason < s.reasons.size(); ++reason) {
        if (s.reasons[reason] == 0) continue;
        line("    {} {}", trace_format::to_text(static_cast<store::EscapeReason>(reason)),
             s.reasons[reason]);
      }
    }
  }

  void annotations() {
    const auto names = reader_.names();
    const auto regions = reader_.regions({});
    const auto logs = reader_.logs({});
    const auto counters = reader_.counters();
    const auto labels = reader_.labels();
    ASSERT_TRUE(names && regions && logs && counters && labels);
    for (const auto& l : *labels) line("  label {} \"{}\" \"{}\"", l.set_id, l.key, l.value);
    for (const auto& n : *names) line("  name {} \"{}\"", n.id, n.text);
    for (const auto& r : *regions) {
      line("  region {} of task {} {} depth {} {}..{} site {}", r.name_id, r.task_id,
           worker(r.worker_id), r.depth, known(r.start_ns), known(r.end_ns), r.site_id);
    }
    for (const auto& l : *logs) {
      line("  log {} {} task {} \"{}\": \"{}\"", worker(l.worker_id), l.ns, l.task_id, l.category,
           l.message);
    }
    for (const auto& c : *counters) {
      line("  counter {} \"{}\" \"{}\" samples {} min {} max {} last {}", c.id, c.name, c.unit,
           c.samples, c.min, c.max, c.last);
      store::Reader::QueryError error;
      const bool read = reader_.query(
          "SELECT ns, value, coalesce(task_id, 0) FROM counter_sample WHERE counter_id = " +
              std::to_string(c.id) + " ORDER BY ns",
          {},
          [this](const auto&, const std::vector<const char*>& row) {
            line("    {} {} task {}", row[0], row[1], row[2]);
            return true;
          },
          error);
      ASSERT_TRUE(read) << error.message;
    }
  }

  void entities() {
    const auto workers = reader_.workers();
    const auto objects = reader_.objects();
    const auto sites = reader_.sites();
    const auto steals = reader_.steals();
    const auto parks = reader_.parks();
    const auto spins = reader_.spins();
    const auto lost = reader_.lost();
    const auto timers = reader_.timers();
    const auto leaks = reader_.leaks();
    ASSERT_TRUE(workers && objects && sites && steals && parks && spins && lost && timers && leaks);
    line("\nworkers");
    for (const auto& w : *workers) {
      line("  w{} thread {} running {} syscall {} spinning {} parked {} events {} steals {}", w.id,
           w.thread_id, w.running_ns, w.syscall_ns, w.spinning_ns, w.parked_ns, w.events, w.steals);
    }
    line("\nobjects");
    for (const auto& o : *objects) {
      line("  {} {} \"{}\" site {} capacity {} life {}..{} waits {} wait_ns {}", o.id,
           to_text(o.kind), o.name, o.site_id, known(o.capacity), known(o.created_ns),
           known(o.destroyed_ns), o.waits, o.wait_ns);
    }
    line("\nothers");
    for (const auto& s : *sites) line("  site {} {}:{} {}", s.id, s.file, s.line, s.function);
    for (const auto& t : *timers) {
      line("  timer {} object {} task {} site {} told {} due {} period {}", to_text(t.kind),
           t.object_id, t.task_id, t.site_id, t.told_ns, t.due_ns, t.period_ns);
    }
    for (const auto& l : *leaks) {
      line("  leak {} group {} {} {} task {} holder {}{}", l.ns, l.group_id, to_text(l.kind),
           l.proved ? "proved" : "suspected", l.task_id, l.holder_id, l.is_victim ? " victim" : "");
    }
    for (const auto& s : *steals) {
      line("  steal {} {} from {}: {} tasks, first {}", s.ns, worker(s.thief), worker(s.victim),
           s.count, s.task_id);
    }
    for (const auto& p : *parks)
      line("  park {} {}..{}", worker(p.worker_id), p.start_ns, p.end_ns);
    for (const auto& p : *spins)
      line("  spin {} {}..{}", worker(p.worker_id), p.start_ns, p.end_ns);
    for (const auto& l : *lost) {
      line("  lost {} {}..{}: {} events", worker(l.worker_id), l.start_ns, l.end_ns, l.events);
    }
  }

  const store::Reader& reader_;
  std::string text_;
};

}  // namespace taskscope::tests
