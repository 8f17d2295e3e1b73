#include "recorder/ingest/recorded_program.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

#include "recorder/ingest/clock_map.h"
#include "recorder/ingest/merge.h"
#include "recorder/ingest/recording_meta.h"
#include "recorder/ingest/ring_source.h"
#include "runtime/base/clock.h"

namespace taskscope::ingest {
namespace {

constexpr std::size_t kNotesMax = 20;
// More than any honest program has to say at once: who goes on talking must wait for the next
// round.
constexpr int kMessagesPerRound = 10'000;
constexpr std::size_t kCommandBytesMax = 4096;
// What may be read before all rings are here that were announced: 64 MiB.
constexpr std::size_t kHeldRecordsMax = std::size_t{1} << 22;

}  // namespace

struct RecordedProgram::Live {
  struct Source {
    RingSource ring;
    std::size_t merge_ring = 0;
    bool given_up = false;
  };

  ClockMap clock;
  SpanBuilder builder;
  Merge merge;
  std::vector<Source> sources;
  // Rings that the hello announced and that have not been offered: until then an event's cause may
  // be in one that nobody has read.
  std::size_t rings_to_come;
  std::size_t held_records = 0;  // read until then

  Live(const Introduction& introduction, std::int64_t start_ns, store::Writer& writer)
      : clock(introduction.hello.tick_source, introduction.hello.start,
              introduction.zero_monotonic_ns),
        builder(ProgramWriter(writer, introduction.id), start_ns),
        merge(builder, clock),
        // Those of the workers, and that of threads that are no worker's.
        rings_to_come(std::size_t{introduction.hello.workers} + 1) {}
};

RecordedProgram::RecordedProgram(HandshakeSocket socket, const Introduction& introduction,
                                 store::Writer& writer)
    : zero_monotonic_ns_(introduction.zero_monotonic_ns),
      tick_source_(introduction.hello.tick_source),
      is_child_(introduction.is_child),
      socket_(std::move(socket)) {
  const trace_format::Hello& hello = introduction.hello;
  // Two that start together may say hello in the other order.
  const std::int64_t start_ns =
      std::max<std::int64_t>(hello.start.monotonic_ns - zero_monotonic_ns_, 0);
  live_ = std::make_unique<Live>(introduction, start_ns, writer);
  row_ = describe(hello, introduction.id, start_ns);
  if (introduction.pid != 0) row_.pid = introduction.pid;
  row_.command = command_of(static_cast<pid_t>(row_.pid));
  writer.put_program(row_, store::Totals::NotYet);
  if (is_child_) return;
  process_.reset(static_cast<int>(syscall(SYS_pidfd_open, static_cast<pid_t>(row_.pid), 0)));
  gone_ = !process_ && errno == ESRCH;
}

RecordedProgram::~RecordedProgram() = default;

void RecordedProgram::note(std::string sentence) {
  if (notes_.size() < kNotesMax) notes_.push_back(std::move(sentence));
}

void RecordedProgram::look() {
  if (!process_) return;
  pollfd process{.fd = process_.get(), .events = POLLIN, .revents = 0};
  gone_ = gone_ || ::poll(&process, 1, 0) > 0;
}

void RecordedProgram::receive() {
  for (int messages = 0; messages < kMessagesPerRound; ++messages) {
    Message message;
    std::string why;
    switch (socket_.receive(message, why)) {
      case HandshakeSocket::Received::Nothing:
      case HandshakeSocket::Received::Closed:
        return;
      case HandshakeSocket::Received::Junk:
      case HandshakeSocket::Received::WrongVersion:
        note(std::move(why));
        break;
      case HandshakeSocket::Received::Message:
        if (message.type == trace_format::MessageType::RingOffer) receive_ring(message);
        if (message.type == trace_format::MessageType::Hello) {
          note("It said hello a second time; that was skipped.");
        }
        if (message.type == trace_format::MessageType::Bye) {
          said_bye_ = true;
          end_ticks_ = message.bye.end_ticks;
          // What is read from here on only. Without our asking nothing was held back, and nothing
          // is cut.
          if (end_ticks_ != 0 && leaving_) live_->merge.end_at(end_ticks_);
        }
        break;
    }
  }
}

void RecordedProgram::receive_ring(Message& message) {
  if (live_->rings_to_come > 0) --live_->rings_to_come;
  auto ring = RingSource::map(message.memory, message.offer);
  if (!ring) return note(ring.error().message);
  for (const Live::Source& known : live_->sources) {
    if (known.ring.worker_id() != ring->worker_id()) continue;
    return note("A second ring was offered for a worker that has one; it was skipped.");
  }
  const std::size_t merge_ring = live_->merge.add_ring(ring->worker_id());
  live_->sources.push_back({std::move(*ring), merge_ring});
}

std::size_t RecordedProgram::drain_rings() {
  std::size_t fullest = 0;
  for (Live::Source& source : live_->sources) {
    if (source.given_up) continue;
    const auto drained = source.ring.drain(
        [&](std::size_t count) { return live_->merge.extend(source.merge_ring, count); });
    if (!drained) {
      source.given_up = true;
      live_->merge.discard(source.merge_ring);
      note(drained.error().message);
      continue;
    }
    if (live_->rings_to_come > 0) live_->held_records += *drained;
    const std::size_t part = *drained * 256 / static_cast<std::size_t>(source.ring.capacity());
    fullest = std::max(fullest, *drained > 0 ? part + 1 : 0);
  }
  if (fullest > 0) live_->clock.add_anchor(base::read_clock_anchor(tick_source_));
  return fullest;
}

void RecordedProgram::advance() {
  const bool rings_are_here = live_->rings_to_come == 0 || live_->held_records > kHeldRecordsMax;
  // How far its recording goes is known with its goodbye.
  if (rings_are_here && (!leaving_ || said_bye_)) live_->merge.advance();
  snapshot_request_ = live_->builder.snapshot_request();
}

// A program that died had no time to write down what it had lost.
void RecordedProgram::count_unreported_losses(std::int64_t end_ns) {
  for (const Live::Source& source : live_->sources) {
    const std::uint64_t lost = std::min(source.ring.lost(), trace_format::kIdMask);
    const std::uint64_t reported = live_->merge.reported_lost(source.merge_ring);
    if (source.given_up || lost <= reported) continue;
    live_->builder.lose(live_->merge.builder_ring(source.merge_ring), lost - reported, end_ns);
  }
}

void RecordedProgram::finish() {
  std::int64_t end_ns = said_bye_ ? 0 : base::monotonic_ns() - zero_monotonic_ns_;
  if (said_bye_ && end_ticks_ != 0) end_ns = live_->clock.to_ns(end_ticks_);
  live_->merge.drain();
  count_unreported_losses(end_ns);
  if (live_->merge.unknown_records() > 0) {
    note(std::to_string(live_->merge.unknown_records()) +
         " records were of no kind that this version knows and were skipped.");
  }
  last_ns_ = live_->builder.last_ns();
  end_ns = live_->builder.finish(end_ns);
  counts_ = live_->builder.counts();
  add_totals(row_, counts_, end_ns);
  const bool goes_on = leaving_ ? said_bye_ : !over();
  row_.exit_status = goes_on ? kWentOn : said_bye_ ? "ended" : "ended without a goodbye";
  socket_.close();
  process_.reset();
  live_.reset();
}

void RecordedProgram::leave() {
  // A program that does not take it has ended, or is stopped.
  leaving_ = leaving_ || socket_.send_detach();
}

SpanBuilder& RecordedProgram::builder() { return live_->builder; }

const SpanBuilder::Counts& RecordedProgram::counts() const {
  return live_ == nullptr ? counts_ : live_->builder.counts();
}

std::int64_t RecordedProgram::last_ns() const {
  return live_ == nullptr ? last_ns_ : live_->builder.last_ns();
}

std::uint64_t RecordedProgram::smallest_ring() const {
  std::uint64_t smallest = 0;
  for (const Live::Source& source : live_->sources) {
    const std::uint64_t records = source.ring.capacity();
    smallest = smallest == 0 ? records : std::min(smallest, records);
  }
  return smallest;
}

std::vector<store::WaitingGroup> RecordedProgram::waiting_groups(std::int64_t now_ns) {
  return live_->builder.waiting_groups(now_ns);
}

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

std::string command_of(pid_t pid) {
  const std::string path = "/proc/" + std::to_string(pid) + "/cmdline";
  const base::UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, kCommandBytesMax> text;
  const ssize_t size = file ? ::read(file.get(), text.data(), text.size()) : 0;
  std::vector<std::string> words;
  for (ssize_t at = 0; at < size;) {
    const std::string_view rest(text.data() + at, static_cast<std::size_t>(size - at));
    words.emplace_back(rest.substr(0, rest.find('\0')));
    at += static_cast<ssize_t>(words.back().size()) + 1;
  }
  return command_line(words);
}

}  // namespace taskscope::ingest
