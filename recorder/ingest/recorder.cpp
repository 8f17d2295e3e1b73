#include "recorder/ingest/recorder.h"

#include <poll.h>
#include <signal.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "recorder/ingest/child_process.h"
#include "recorder/ingest/output_file.h"
#include "recorder/ingest/programs.h"
#include "recorder/ingest/recorded_program.h"
#include "recorder/ingest/recorder_endpoint.h"
#include "recorder/ingest/recording_meta.h"
#include "recorder/ingest/store_pace.h"
#include "recorder/ingest/visitors.h"
#include "recorder/store/reader.h"
#include "recorder/store/writer.h"
#include "runtime/base/clock.h"

namespace taskscope::ingest {
namespace {

constexpr std::int64_t kMillisecond = 1'000'000;
// How long the recorder sleeps between two reads: short while rings fill, longer while hardly
// anything comes (each read takes a processor from the program for a moment), never so long that a
// burst of an event each 50 ns could fill half of a ring in between.
constexpr std::int64_t kPauseMin = kMillisecond;
constexpr std::int64_t kPauseBusyMax = 2 * kMillisecond;
constexpr std::int64_t kPauseIdleMax = 10 * kMillisecond;
constexpr std::int64_t kPauseNsPerRecord = 25;
// Of programs at once; others wait until one of these has ended. Each takes two descriptors.
constexpr std::size_t kAtOnceMax = 250;
// How long, after all seems over, who has just knocked may take to say hello.
constexpr std::int64_t kLastCallNs = 200 * kMillisecond;

// A program that writes to a full disk or over its size limit gets an error, not a signal.
void ignore_file_size_signal() {
  struct sigaction current {};
  if (sigaction(SIGXFSZ, nullptr, &current) == 0 && current.sa_handler == SIG_DFL) {
    signal(SIGXFSZ, SIG_IGN);
  }
}

// The sentence of a writer that failed, which names the file, with what became of the recording.
Error keeps_what_is_stored(const Error& failure) {
  std::string sentence = failure.message;
  if (!sentence.empty() && sentence.back() == '.') sentence.pop_back();
  return Error{sentence + "; what was recorded before is in that file, and opens."};
}

}  // namespace

struct Recorder::Impl {
  // Constant after launch.
  std::vector<std::string> command;  // empty if we have attached

  OutputFile output;
  std::optional<store::Writer> writer;
  std::optional<ChildProcess> child;     // none if we have attached
  std::optional<RecorderEndpoint> door;  // the same
  Visitors visitors;
  std::vector<std::unique_ptr<RecordedProgram>> programs;  // by id
  Retention retention;
  std::int64_t zero_monotonic_ns = 0;  // the first program's start
  std::uint64_t refused_programs = 0;  // more than fit into a recording
  std::vector<std::string> notes;
  Visitors::Door waiting_at_door = Visitors::Door::Empty;
  std::int64_t quiet_since_ns = 0;  // since when nobody is left or has come; 0: somebody is
  bool leaving = false;
  bool over = false;
  std::int64_t pause_ns = kPauseMin;
  StorePace pace;
  std::optional<Error> fatal;

  Impl(std::vector<std::string> words, OutputFile file, store::Writer made,
       const RetentionOptions& keep)
      : command(std::move(words)),
        output(std::move(file)),
        writer(std::move(made)),
        retention(*writer, keep) {}

  bool connected() const { return !programs.empty(); }
  template <class Do>
  void for_each_live(Do act) {
    for (const auto& program : programs) {
      if (!program->finished()) act(*program);
    }
  }
  std::size_t live() const {
    return static_cast<std::size_t>(std::count_if(
        programs.begin(), programs.end(), [](const auto& each) { return !each->finished(); }));
  }

  void welcome();
  void begin(Visitors::Arrival arrival);
  void hear_refusals();
  std::size_t read_programs();
  void store(std::int64_t now_ns);
  void round();
  bool nothing_will_come(bool exited);
  std::int64_t longest_pause_ns();
  void wait(std::int64_t until_ns);
  std::int64_t since_start() const {
    return connected() ? base::monotonic_ns() - zero_monotonic_ns : 0;
  }
  std::string end_status() const;
  std::string all_notes() const;
  Result<RecordSummary> complete_recording(RecordSummary summary);
};

// Lets in who wants to be recorded.
void Recorder::Impl::welcome() {
  const std::int64_t now_ns = base::monotonic_ns();
  if (door) {
    const std::size_t there = live() + visitors.size();
    waiting_at_door = visitors.let_in(*door, kAtOnceMax - std::min(there, kAtOnceMax), now_ns);
  }
  for (Visitors::Arrival& arrival : visitors.hear(now_ns)) begin(std::move(arrival));
  hear_refusals();
}

void Recorder::Impl::begin(Visitors::Arrival arrival) {
  if (leaving) return;
  quiet_since_ns = 0;
  if (programs.size() == store::kProgramsMax) {
    ++refused_programs;
    return;
  }
  base::ClockAnchor& start = arrival.hello.start;
  const base::ClockAnchor now = base::read_clock_anchor(arrival.hello.tick_source);
  if (start.monotonic_ns > now.monotonic_ns || start.monotonic_ns < 0 || start.ticks > now.ticks) {
    notes.emplace_back("The program's clock makes no sense; its start was taken to be its hello.");
    start = now;
  }
  if (!connected()) {
    zero_monotonic_ns = start.monotonic_ns;
    pace.set_zero(zero_monotonic_ns);
    describe(arrival.hello, *writer);
    if (child) writer->put_meta("command", command_line(command));
  }
  const RecordedProgram::Introduction introduction{
      .hello = arrival.hello,
      .pid = arrival.pid,
      .is_child = child && arrival.pid == child->pid(),
      .id = static_cast<store::ProgramId>(programs.size() + 1),
      .zero_monotonic_ns = zero_monotonic_ns};
  programs.push_back(
      std::make_unique<RecordedProgram>(std::move(arrival.socket), introduction, *writer));
}

// Whoever was to be the only one is why there will be no recording.
void Recorder::Impl::hear_refusals() {
  for (Visitors::Refusal& refusal : visitors.take_refusals()) {
    const bool only_one = child ? refusal.pid == child->pid() : visitors.size() == 0;
    if (!connected() && only_one && !fatal) fatal = Error{refusal.why};
    notes.push_back(std::move(refusal.why));
  }
}

// Returns how full the fullest ring was, in 256ths.
std::size_t Recorder::Impl::read_programs() {
  std::size_t fullest = 0;
  for_each_live([&](RecordedProgram& program) {
    program.receive();
    fullest = std::max(fullest, program.drain_rings());
    program.advance();
  });
  return fullest;
}

void Recorder::Impl::store(std::int64_t now_ns) {
  std::vector<SpanBuilder*> builders;
  for_each_live([&](RecordedProgram& program) { builders.push_back(&program.builder()); });
  const auto paced = pace.store(now_ns, builders, *writer);
  Result<void> stored;
  if (!paced) stored = paced.error();
  if (paced && *paced == StorePace::Stored::EndedChunks) {
    if (retention.enabled()) {
      for (SpanBuilder* builder : builders) builder->forget_labels(builder->last_ns());
    }
    stored = retention.apply(since_start());
    if (retention.enabled()) {
      const std::int64_t gone_ns = retention.dropped().rows_from_ns;
      for (SpanBuilder* builder : builders) builder->forget_samples(gone_ns);
    }
  }
  if (!stored && !fatal) fatal = keeps_what_is_stored(stored.error());
}

void Recorder::Impl::round() {
  // First, so that what a program wrote before it died is read after its death was seen.
  const bool exited = child && child->has_ended();
  for_each_live([&](RecordedProgram& program) {
    if (exited && program.is_child()) program.died();
    program.look();
  });
  welcome();
  const std::size_t fullest = read_programs();
  for_each_live([](RecordedProgram& program) {
    if (program.over()) program.finish();
  });
  store(base::monotonic_ns());
  over = nothing_will_come(exited);
  if (fullest <= 1) {
    pause_ns = std::clamp(pause_ns * 2, kPauseMin, longest_pause_ns());
  } else if (fullest > 64) {
    pause_ns = 0;
  } else {
    pause_ns = fullest > 16 ? kPauseMin : kPauseBusyMax;
  }
}

// Whether all is over. `exited`: our child had, before anything was read.
bool Recorder::Impl::nothing_will_come(bool exited) {
  if (live() > 0 || (child && !exited && !leaving)) {
    quiet_since_ns = 0;
    return false;
  }
  if (leaving) return true;
  if (!child) return visitors.size() == 0;
  if (visitors.size() == 0 && waiting_at_door == Visitors::Door::Empty) return true;
  const std::int64_t now_ns = base::monotonic_ns();
  if (quiet_since_ns == 0) quiet_since_ns = now_ns;
  return now_ns - quiet_since_ns >= kLastCallNs;
}

std::int64_t Recorder::Impl::longest_pause_ns() {
  std::int64_t longest_ns = kPauseIdleMax;
  for_each_live([&](const RecordedProgram& program) {
    const auto records = static_cast<std::int64_t>(program.smallest_ring());
    if (records > 0) longest_ns = std::min(longest_ns, records * kPauseNsPerRecord);
  });
  return std::max(longest_ns, kPauseMin);
}

// Sleeps until the next read is due; a message, or who knocks, wakes it.
void Recorder::Impl::wait(std::int64_t until_ns) {
  const std::int64_t now_ns = base::monotonic_ns();
  const std::int64_t sleep_ns = std::clamp<std::int64_t>(until_ns - now_ns, 0, pause_ns);
  if (sleep_ns == 0) return;
  std::vector<pollfd> waiting;
  const auto watch = [&](int fd) { waiting.push_back({.fd = fd, .events = POLLIN, .revents = 0}); };
  if (door && waiting_at_door != Visitors::Door::NoRoom) watch(door->fd());
  for (const int fd : visitors.descriptors()) watch(fd);
  for_each_live([&](const RecordedProgram& program) { watch(program.fd()); });
  const timespec time{.tv_sec = sleep_ns / 1'000'000'000, .tv_nsec = sleep_ns % 1'000'000'000};
  ppoll(waiting.data(), waiting.size(), &time, nullptr);
}

// How the program that we launched ended, or those to which we attached.
std::string Recorder::Impl::end_status() const {
  const auto went_on = [](const auto& program) {
    return program->row().exit_status == RecordedProgram::kWentOn;
  };
  if (child) {
    const bool goes_on = leaving && std::any_of(programs.begin(), programs.end(), went_on);
    return goes_on ? RecordedProgram::kWentOn : child->exit_status();
  }
  std::vector<store::ProgramRow> rows;
  bool alike = true;
  for (const auto& program : programs) {
    rows.push_back(program->row());
    alike = alike && rows.back().exit_status == rows.front().exit_status;
  }
  if (rows.empty() || alike) return rows.empty() ? std::string() : rows.front().exit_status;
  const std::vector<std::string> names = store::program_names(rows);
  std::string all;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    all += (i == 0 ? "" : "; ") + names[i] + " " + rows[i].exit_status;
  }
  return all;
}

// A sentence a line; of which program, if there is more than one.
std::string Recorder::Impl::all_notes() const {
  std::string text;
  const auto add = [&text](const std::string& sentence) {
    text += (text.empty() ? "" : "\n") + sentence;
  };
  for (const std::string& sentence : visitors.notes()) add(sentence);
  for (const std::string& sentence : notes) add(sentence);
  if (refused_programs > 0) {
    add(std::to_string(refused_programs) + " programs were not recorded: a recording holds " +
        std::to_string(store::kProgramsMax) + ".");
  }
  std::vector<store::ProgramRow> rows;
  for (const auto& program : programs) rows.push_back(program->row());
  const std::vector<std::string> names = store::program_names(rows);
  for (std::size_t i = 0; i < programs.size(); ++i) {
    for (const std::string& sentence : programs[i]->notes()) {
      add(programs.size() > 1 ? names[i] + ": " + sentence : sentence);
    }
  }
  return text;
}

// REQUIRES: all programs are finished.
Result<RecordSummary> Recorder::Impl::complete_recording(RecordSummary summary) {
  RecordingEnd end{.exit_status = summary.exit_status, .notes = all_notes()};
  std::int64_t last_ns = 0;
  for (const auto& program : programs) {
    const bool known = child && program->is_child() && !child->exit_status().empty();
    if (known) program->set_exit_status(child->exit_status());
    writer->put_program(program->row(), store::Totals::Known);
    end.counts += program->counts();
    end.end_ns = std::max(end.end_ns, *program->row().ended_ns);
    last_ns = std::max(last_ns, program->last_ns());
  }
  if (retention.enabled()) {
    auto kept = writer->commit();
    if (kept) kept = retention.apply(last_ns);
    if (!kept) return keeps_what_is_stored(kept.error());
    end.dropped = retention.dropped();
  }
  const auto completed = complete(*writer, end);
  if (!completed) {
    return keeps_what_is_stored(completed.error());
  }
  if (auto kept = output.keep(); !kept) return kept.error();
  const auto reader = store::Reader::open(output.final_path());
  if (!reader) return reader.error();
  summary.info = reader->info();
  return summary;
}

Recorder::Recorder(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Recorder::Recorder(Recorder&&) noexcept = default;
Recorder& Recorder::operator=(Recorder&&) noexcept = default;
Recorder::~Recorder() {
  if (impl_ == nullptr || impl_->connected() || !impl_->writer) return;
  impl_->writer.reset();
  impl_->output.discard();
}

Result<Recorder> Recorder::launch(const LaunchOptions& options) {
  ignore_file_size_signal();
  auto output = OutputFile::reserve(options.output_path);
  if (!output) return output.error();
  auto writer = store::Writer::create(output->partial_path());
  if (!writer) {
    output->discard();
    return writer.error();
  }
  auto door = RecorderEndpoint::open();
  auto child = door ? ChildProcess::launch(options.command, door->path(), options.wanted)
                    : Result<ChildProcess>(door.error());
  if (!child) {
    { const store::Writer closed = std::move(*writer); }
    output->discard();
    return child.error();
  }
  auto impl = std::make_unique<Impl>(options.command, std::move(*output), std::move(*writer),
                                     options.retention);
  impl->child = std::move(*child);
  impl->door.emplace(std::move(*door));
  return Recorder(std::move(impl));
}

Result<Recorder> Recorder::attach(const AttachOptions& options) {
  ignore_file_size_signal();
  auto connections = connect_by_names(options.programs, options.wanted);
  if (!connections) return connections.error();
  const std::string& program = connections->front().program;
  auto output = OutputFile::reserve(options.output_path.empty()
                                        ? program.substr(program.rfind('/') + 1) + ".tscope"
                                        : options.output_path);
  if (!output) return output.error();
  auto writer = store::Writer::create(output->partial_path());
  if (!writer) {
    output->discard();
    return writer.error();
  }
  auto impl = std::make_unique<Impl>(std::vector<std::string>{}, std::move(*output),
                                     std::move(*writer), options.retention);
  for (Connection& each : *connections) impl->visitors.expect(std::move(each.socket));
  return Recorder(std::move(impl));
}

std::vector<store::WaitingGroup> Recorder::waiting_groups() {
  std::vector<store::WaitingGroup> all;
  impl_->for_each_live([&](RecordedProgram& program) {
    for (const store::WaitingGroup& group : program.waiting_groups(impl_->since_start())) {
      all.push_back(group);
    }
  });
  return all;
}

void Recorder::leave(const std::string& why) {
  if (impl_->leaving) return;
  impl_->leaving = true;
  if (impl_->door) impl_->door->close();
  impl_->visitors.leave();
  impl_->for_each_live([](RecordedProgram& program) { program.leave(); });
  if (!why.empty()) impl_->writer->put_meta("ended_by", why);
}

const std::string& Recorder::output_path() const { return impl_->output.final_path(); }

Result<Progress> Recorder::poll(int wait_ms) {
  Impl& impl = *impl_;
  const std::int64_t until_ns = base::monotonic_ns() + std::int64_t{wait_ms} * kMillisecond;
  for (;;) {
    impl.round();
    if (impl.fatal) return *impl.fatal;
    if (impl.over || base::monotonic_ns() >= until_ns) break;
    impl.wait(until_ns);
  }
  Progress progress{.elapsed_ns = impl.since_start(),
                    .awaited = impl.door ? 0 : static_cast<std::uint32_t>(impl.visitors.size()),
                    .file_bytes = impl.output.bytes(),
                    .connected = impl.connected(),
                    .program_ended = impl.over};
  for (const auto& program : impl.programs) {
    const SpanBuilder::Counts& counts = program->counts();
    ++progress.programs;
    progress.events += counts.events;
    progress.tasks += counts.tasks;
    if (!program->finished()) progress.tasks_live += counts.tasks_live;
    progress.lost_events += counts.lost_events;
    if (progress.snapshot_request || !program->snapshot_request()) continue;
    progress.snapshot_request = *program->snapshot_request();
    if (impl.programs.size() > 1) {
      *progress.snapshot_request += ", in " + program_names()[program->row().id - 1];
    }
  }
  return progress;
}

void Recorder::signal_program(int signal) {
  if (impl_->child) impl_->child->send_signal(signal);
}

bool Recorder::program_has_ended() { return impl_->child && impl_->child->has_ended(); }

std::vector<std::string> Recorder::program_names() const {
  std::vector<store::ProgramRow> rows;
  for (const auto& program : impl_->programs) rows.push_back(program->row());
  return store::program_names(rows);
}

Result<RecordSummary> Recorder::finish() {
  Impl& impl = *impl_;
  if (!impl.fatal) impl.round();
  if (impl.door) impl.door->close();
  impl.for_each_live([](RecordedProgram& program) { program.finish(); });
  RecordSummary summary;
  summary.connected = impl.connected();
  summary.exit_code = impl.child ? impl.child->exit_code() : 0;
  summary.exit_status = impl.end_status();
  if (impl.connected() && !impl.fatal) return impl.complete_recording(std::move(summary));
  // What was stored before an error stays as it is; without a hello there is nothing to keep.
  impl.writer.reset();
  if (!impl.connected()) impl.output.discard();
  if (impl.fatal) return *impl.fatal;
  return summary;
}

}  // namespace taskscope::ingest
