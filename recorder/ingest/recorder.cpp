#include "recorder/ingest/recorder.h"

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>

#include "recorder/ingest/child_process.h"
#include "recorder/ingest/clock_map.h"
#include "recorder/ingest/handshake_socket.h"
#include "recorder/ingest/merge.h"
#include "recorder/ingest/output_file.h"
#include "recorder/ingest/programs.h"
#include "recorder/ingest/recording_end.h"
#include "recorder/ingest/ring_source.h"
#include "recorder/ingest/span_builder.h"
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
constexpr std::int64_t kCommitEvery = 200 * kMillisecond;
// A chunk that fills slowly is written as it is after this long: what a killed recorder loses.
constexpr std::int64_t kFlushEvery = 1000 * kMillisecond;
constexpr std::size_t kNotesMax = 20;

std::string iso_time(std::int64_t realtime_ns) {
  const auto seconds = static_cast<time_t>(realtime_ns / 1'000'000'000);
  tm parts{};
  if (gmtime_r(&seconds, &parts) == nullptr) return {};
  std::array<char, 64> text{};
  strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text.data();
}

// As a person would type it into a shell.
std::string command_line(const std::vector<std::string>& command) {
  std::string out;
  for (const std::string& word : command) {
    if (!out.empty()) out += ' ';
    const bool plain =
        !word.empty() && word.find_first_of(" \t\n\"'\\$`*?;&|<>()") == std::string::npos;
    if (plain) {
      out += word;
      continue;
    }
    out += '\'';
    for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    out += '\'';
  }
  return out;
}

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
  struct Source {
    RingSource ring;
    std::size_t merge_ring = 0;
    bool given_up = false;
  };

  // Constant after launch.
  std::vector<std::string> command;

  OutputFile output;
  std::optional<store::Writer> writer;
  std::optional<ChildProcess> child;  // none if we have attached
  HandshakeSocket socket;
  ClockMap clock;
  SpanBuilder builder;
  Merge merge;
  Retention retention;
  std::vector<Source> sources;
  std::optional<trace_format::Hello> hello;
  base::UniqueFd hello_process;  // of a program that is not our child itself
  std::vector<std::string> notes;
  bool said_bye = false;
  bool leaving = false;
  std::uint64_t end_ticks = 0;  // 0: the last event's
  bool program_ended = false;
  std::int64_t ended_ns = 0;  // since the hello
  std::int64_t pause_ns = kPauseMin;
  std::int64_t next_commit_ns = 0;
  std::int64_t next_flush_ns = 0;
  std::int64_t flush_every_ns = kCommitEvery;
  std::optional<Error> fatal;

  Impl(std::vector<std::string> words, OutputFile file, store::Writer made,
       std::optional<ChildProcess> started, HandshakeSocket ours, const RetentionOptions& keep)
      : command(std::move(words)),
        output(std::move(file)),
        writer(std::move(made)),
        child(std::move(started)),
        socket(std::move(ours)),
        builder(*writer),
        merge(builder, clock),
        retention(*writer, keep) {}

  void note(std::string sentence) {
    if (notes.size() < kNotesMax) notes.push_back(std::move(sentence));
  }

  void receive_all();
  void receive_hello(const trace_format::Hello& message);
  void receive_ring(Message& message);
  void receive_bye(const trace_format::Bye& message);
  bool nothing_will_come(bool exited, bool gone) const;
  std::string end_status() const;
  bool hello_process_gone() const;
  std::size_t drain_rings();
  void store(std::int64_t now_ns);
  void round();
  std::int64_t longest_pause_ns() const;
  void wait(std::int64_t until_ns);
  std::int64_t since_hello() const {
    return hello ? base::monotonic_ns() - hello->start.monotonic_ns : 0;
  }
  void count_unreported_losses();
  Result<RecordSummary> complete_recording(RecordSummary summary);
};

void Recorder::Impl::receive_all() {
  for (;;) {
    Message message;
    std::string why;
    switch (socket.receive(message, why)) {
      case HandshakeSocket::Received::Nothing:
      case HandshakeSocket::Received::Closed:
        return;
      case HandshakeSocket::Received::Junk:
        note(why);
        break;
      case HandshakeSocket::Received::WrongVersion:
        if (!fatal) fatal = Error{why};
        socket.close();
        return;
      case HandshakeSocket::Received::Message:
        if (message.type == trace_format::MessageType::Hello) receive_hello(message.hello);
        if (message.type == trace_format::MessageType::RingOffer) receive_ring(message);
        if (message.type == trace_format::MessageType::Bye) receive_bye(message.bye);
        if (message.type == trace_format::MessageType::Refused && !hello && !fatal) {
          fatal = Error{"Cannot attach: " + message.refusal};
        }
        break;
    }
  }
}

void Recorder::Impl::receive_hello(const trace_format::Hello& message) {
  if (hello) {
    note("A second program (" + std::string(message.program) +
         ") said hello over the same socket; only the first is recorded.");
    return;
  }
  hello = message;
  const base::ClockAnchor now = base::read_clock_anchor(message.tick_source);
  if (hello->start.monotonic_ns > now.monotonic_ns || hello->start.monotonic_ns < 0 ||
      hello->start.ticks > now.ticks) {
    note("The program's clock makes no sense; its start was taken to be its hello.");
    hello->start = now;
  }
  clock = ClockMap(message.tick_source, hello->start);
  if (!child || message.pid != child->pid()) {
    const long fd = syscall(SYS_pidfd_open, static_cast<pid_t>(message.pid), 0);
    hello_process.reset(static_cast<int>(fd));
  }
  writer->put_meta("program", hello->program);
  if (child) writer->put_meta("command", command_line(command));
  writer->put_meta("started", iso_time(hello->start.realtime_ns));
}

void Recorder::Impl::receive_ring(Message& message) {
  if (!hello) return note("A ring was offered before the program said hello; it was skipped.");
  auto ring = RingSource::map(message.memory, message.offer);
  if (!ring) return note(ring.error().message);
  for (const Source& known : sources) {
    if (known.ring.worker_id() != ring->worker_id()) continue;
    return note("A second ring was offered for a worker that has one; it was skipped.");
  }
  const std::size_t merge_ring = merge.add_ring(ring->worker_id());
  sources.push_back({std::move(*ring), merge_ring});
}

void Recorder::Impl::receive_bye(const trace_format::Bye& message) {
  if (!hello) return;
  said_bye = true;
  end_ticks = message.end_ticks;
  // What is read from here on only. Without our asking nothing was held back, and nothing is cut.
  if (end_ticks != 0 && leaving) merge.end_at(end_ticks);
}

// Whether all is over once what is in the rings has been read: when our child had exited, and
// whoever else said hello had gone, before the last messages were received.
bool Recorder::Impl::nothing_will_come(bool exited, bool gone) const {
  if (said_bye && (!child || leaving)) return true;
  if (!child) return gone || socket.fd() < 0;
  return exited && (gone || said_bye || socket.fd() < 0 || !hello);
}

std::string Recorder::Impl::end_status() const {
  if (leaving && said_bye) return "went on without being recorded";
  if (child) return child->exit_status();
  return said_bye ? "ended" : "ended without a goodbye";
}

// Whether the program that said hello is dead. Our own child is known by its exit.
bool Recorder::Impl::hello_process_gone() const {
  if (!hello_process) return true;
  pollfd process{.fd = hello_process.get(), .events = POLLIN, .revents = 0};
  return ::poll(&process, 1, 0) > 0;
}

// Returns how full the fullest ring was, in 256ths.
std::size_t Recorder::Impl::drain_rings() {
  std::size_t fullest = 0;
  for (Source& source : sources) {
    if (source.given_up) continue;
    const auto drained = source.ring.drain(
        [&](std::size_t count) { return merge.extend(source.merge_ring, count); });
    if (!drained) {
      source.given_up = true;
      merge.discard(source.merge_ring);
      note(drained.error().message);
      continue;
    }
    const std::size_t part = *drained * 256 / static_cast<std::size_t>(source.ring.capacity());
    fullest = std::max(fullest, *drained > 0 ? part + 1 : 0);
  }
  return fullest;
}

void Recorder::Impl::store(std::int64_t now_ns) {
  if (now_ns < next_commit_ns) return;
  next_commit_ns = now_ns + kCommitEvery;
  const bool flushes = now_ns >= next_flush_ns;
  if (flushes) {
    // Short programs are over before a second is.
    next_flush_ns = now_ns + flush_every_ns;
    flush_every_ns = std::min(2 * flush_every_ns, kFlushEvery);
    builder.flush_chunks();
  }
  builder.store_new_entities();
  auto stored = writer->commit();
  if (stored && flushes) stored = retention.apply(since_hello());
  if (!stored && !fatal) fatal = keeps_what_is_stored(stored.error());
}

void Recorder::Impl::round() {
  // First, so that what the program wrote before it died is read after its death was seen.
  const bool exited = child && child->has_ended();
  const bool gone = child ? exited && hello_process_gone() : hello_process && hello_process_gone();
  receive_all();
  const std::size_t fullest = drain_rings();
  if (fullest > 0) clock.add_anchor(base::read_clock_anchor(hello->tick_source));
  // How far the recording goes is known with the goodbye.
  if (!leaving || said_bye) merge.advance();
  store(base::monotonic_ns());
  if (nothing_will_come(exited, gone) && !program_ended) {
    program_ended = true;
    ended_ns = said_bye ? 0 : since_hello();
  }
  if (fullest <= 1) {
    pause_ns = std::clamp(pause_ns * 2, kPauseMin, longest_pause_ns());
  } else if (fullest > 64) {
    pause_ns = 0;
  } else {
    pause_ns = fullest > 16 ? kPauseMin : kPauseBusyMax;
  }
}

std::int64_t Recorder::Impl::longest_pause_ns() const {
  std::int64_t longest_ns = kPauseIdleMax;
  for (const Source& source : sources) {
    const auto capacity = static_cast<std::int64_t>(source.ring.capacity());
    longest_ns = std::min(longest_ns, capacity * kPauseNsPerRecord);
  }
  return std::max(longest_ns, kPauseMin);
}

// Sleeps until the next read is due; a message wakes it.
void Recorder::Impl::wait(std::int64_t until_ns) {
  const std::int64_t now_ns = base::monotonic_ns();
  const std::int64_t sleep_ns = std::clamp<std::int64_t>(until_ns - now_ns, 0, pause_ns);
  if (sleep_ns == 0) return;
  pollfd waiting{.fd = socket.fd(), .events = POLLIN, .revents = 0};
  const timespec time{.tv_sec = sleep_ns / 1'000'000'000, .tv_nsec = sleep_ns % 1'000'000'000};
  ppoll(&waiting, socket.fd() >= 0 ? 1 : 0, &time, nullptr);
}

// A program that died had no time to write down what it had lost.
void Recorder::Impl::count_unreported_losses() {
  for (const Source& source : sources) {
    const std::uint64_t lost = std::min(source.ring.lost(), trace_format::kIdMask);
    const std::uint64_t reported = merge.reported_lost(source.merge_ring);
    if (source.given_up || lost <= reported) continue;
    builder.lose(merge.builder_ring(source.merge_ring), lost - reported, ended_ns);
  }
}

Result<RecordSummary> Recorder::Impl::complete_recording(RecordSummary summary) {
  if (!program_ended) ended_ns = said_bye ? 0 : since_hello();
  if (said_bye && end_ticks != 0) ended_ns = clock.to_ns(end_ticks);
  merge.drain();
  count_unreported_losses();
  if (merge.unknown_records() > 0) {
    note(std::to_string(merge.unknown_records()) +
         " records were of no kind that this version knows and were skipped.");
  }
  RecordingEnd end{.end_ns = ended_ns, .exit_status = summary.exit_status, .notes = {}};
  for (const std::string& sentence : notes) {
    if (!end.notes.empty()) end.notes += '\n';
    end.notes += sentence;
  }
  if (retention.enabled()) {
    builder.flush_chunks();
    builder.store_new_entities();
    auto kept = writer->commit();
    if (kept) kept = retention.apply(builder.last_ns());
    if (!kept) return keeps_what_is_stored(kept.error());
    end.dropped = retention.dropped();
  }
  const auto completed = complete(builder, *writer, end);
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
  if (impl_ == nullptr || impl_->hello || !impl_->writer) return;
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
  auto pair = make_socket_pair();
  auto child = pair ? ChildProcess::launch(options.command, pair->theirs)
                    : Result<ChildProcess>(pair.error());
  if (!child) {
    { const store::Writer closed = std::move(*writer); }
    output->discard();
    return child.error();
  }
  return Recorder(std::make_unique<Impl>(options.command, std::move(*output), std::move(*writer),
                                         std::move(*child), HandshakeSocket(std::move(pair->ours)),
                                         options.retention));
}

Result<Recorder> Recorder::attach(const AttachOptions& options) {
  ignore_file_size_signal();
  auto connection = connect_by_name(options.program);
  if (!connection) return connection.error();
  const std::string& program = connection->program;
  auto output = OutputFile::reserve(options.output_path.empty()
                                        ? program.substr(program.rfind('/') + 1) + ".tscope"
                                        : options.output_path);
  if (!output) return output.error();
  auto writer = store::Writer::create(output->partial_path());
  if (!writer) {
    output->discard();
    return writer.error();
  }
  return Recorder(std::make_unique<Impl>(
      std::vector<std::string>{}, std::move(*output), std::move(*writer), std::nullopt,
      HandshakeSocket(std::move(connection->socket)), options.retention));
}

void Recorder::leave() {
  if (impl_->leaving) return;
  // A program that does not take it has ended, or is stopped: then finish() is all there is.
  impl_->leaving = impl_->socket.send_detach();
}

const std::string& Recorder::output_path() const { return impl_->output.final_path(); }

Result<Progress> Recorder::poll(int wait_ms) {
  Impl& impl = *impl_;
  const std::int64_t until_ns = base::monotonic_ns() + std::int64_t{wait_ms} * kMillisecond;
  for (;;) {
    impl.round();
    if (impl.fatal) return *impl.fatal;
    if (impl.program_ended || base::monotonic_ns() >= until_ns) break;
    impl.wait(until_ns);
  }
  const SpanBuilder::Counts& counts = impl.builder.counts();
  return Progress{.elapsed_ns = impl.since_hello(),
                  .events = counts.events,
                  .tasks = counts.tasks,
                  .tasks_live = counts.tasks_live,
                  .lost_events = counts.lost_events,
                  .file_bytes = impl.output.bytes(),
                  .connected = impl.hello.has_value(),
                  .program_ended = impl.program_ended};
}

void Recorder::signal_program(int signal) {
  if (impl_->child) impl_->child->send_signal(signal);
}

bool Recorder::program_has_ended() { return impl_->child && impl_->child->has_ended(); }

Result<RecordSummary> Recorder::finish() {
  Impl& impl = *impl_;
  if (!impl.fatal) impl.round();
  const std::string status = impl.end_status();
  impl.socket.close();
  RecordSummary summary;
  summary.connected = impl.hello.has_value();
  summary.exit_code = impl.child ? impl.child->exit_code() : 0;
  summary.exit_status = status;
  if (impl.hello && !impl.fatal) return impl.complete_recording(std::move(summary));
  // What was stored before an error stays as it is; without a hello there is nothing to keep.
  impl.writer.reset();
  if (!impl.hello) impl.output.discard();
  if (impl.fatal) return *impl.fatal;
  return summary;
}

}  // namespace taskscope::ingest
