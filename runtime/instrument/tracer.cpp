#include "runtime/instrument/tracer.h"

#include <unistd.h>

#include <atomic>
#include <bit>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string_view>

#include "runtime/instrument/packet.h"
#include "runtime/trace_format/attach_place.h"
#include "runtime/trace_format/handshake.h"

namespace taskscope::instrument {
namespace tf = trace_format;
namespace {

// Recordings of this process are numbered so that an object knows which of them has heard of it.
std::uint16_t next_session() {
  static std::atomic<std::uint32_t> sessions{0};
  const std::uint32_t before = sessions.fetch_add(1, std::memory_order_relaxed);
  return static_cast<std::uint16_t>(before % Lane::kSessionMax + 1);
}

// Whether this process has not been asked about `recorder` before. A forked child is another
// process.
bool is_first_time(std::string_view recorder) {
  static std::atomic<std::size_t> last{0};
  const std::size_t now =
      std::hash<std::string_view>()(recorder) * 31 + static_cast<std::size_t>(getpid());
  return last.exchange(now, std::memory_order_relaxed) != now;
}

std::optional<std::uint64_t> parse_number(const char* text) {
  std::uint64_t value = 0;
  const char* end = text + std::strlen(text);
  const auto [stop, error] = std::from_chars(text, end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

}  // namespace

Result<base::UniqueFd> connect_to_recorder() {
  const char* const path = std::getenv(tf::kRecorderVariable);
  if (path == nullptr || !is_first_time(path)) return base::UniqueFd();
  bool stale = false;
  auto socket = tf::connect_to_socket(path, stale);
  if (socket) return socket;
  // The recorder has gone: whoever it launched goes on without it.
  if (stale) return base::UniqueFd();
  return Error{std::string(tf::kRecorderVariable) + ": " + socket.error().message +
               " This program runs unrecorded."};
}

Result<std::uint64_t> ring_capacity_from_environment() {
  constexpr std::uint64_t kDefault = Tracer::Options().ring_capacity;
  const char* text = std::getenv("TASKSCOPE_RING_RECORDS");
  if (text == nullptr) return kDefault;
  const auto value = parse_number(text);
  if (value && *value >= tf::kRingCapacityMin && *value <= tf::kRingCapacityMax) {
    return std::bit_ceil(*value);
  }
  return Error{"TASKSCOPE_RING_RECORDS=" + std::string(text) + " is not a number from " +
               std::to_string(tf::kRingCapacityMin) + " to " +
               std::to_string(tf::kRingCapacityMax) + ": give one, or unset it for " +
               std::to_string(kDefault) + "."};
}

Result<tf::Wanted> wanted_from_environment() {
  tf::Wanted wanted;
  if (const char* text = std::getenv(tf::kStacksVariable)) {
    const auto value = parse_number(text);
    if (!value || *value > 1) {
      return Error{std::string(tf::kStacksVariable) + "=" + text +
                   " is neither 0 nor 1: give 1 for the stacks of spawns and blocks, or unset it."};
    }
    wanted.stacks = static_cast<std::uint16_t>(*value);
  }
  if (const char* text = std::getenv(tf::kSamplesVariable)) {
    const auto value = parse_number(text);
    if (!value || *value > tf::kSampleHzMax) {
      return Error{std::string(tf::kSamplesVariable) + "=" + text + " is not a number from 0 to " +
                   std::to_string(tf::kSampleHzMax) +
                   ": give how many samples a second there are to be, or unset it for none."};
    }
    wanted.sample_hz = static_cast<std::uint16_t>(*value);
  }
  return wanted;
}

Result<std::unique_ptr<Tracer>> Tracer::connect(base::UniqueFd socket, const Options& options) {
  std::unique_ptr<Tracer> tracer(new Tracer);
  tracer->socket_ = std::move(socket);
  if (auto made = tracer->make_rings(options); !made) return made.error();
  if (auto handed = tracer->hand_over(); !handed) return handed.error();
  if (tracer->wanted_.anything()) tracer->ext_lane_->tell_modules();
  return tracer;
}

Result<std::unique_ptr<Tracer>> Tracer::write_file(const std::string& path,
                                                   const Options& options) {
  base::UniqueFd socket;
  auto file = TraceFile::create(path, socket);
  if (!file) return file.error();
  // After an error the socket is closed first, at which the file's thread ends.
  auto tracer = connect(std::move(socket), options);
  if (tracer) (*tracer)->file_ = std::move(file).value();
  return tracer;
}

Result<std::unique_ptr<Tracer>> Tracer::prepare(base::UniqueFd socket, const Options& options) {
  std::unique_ptr<Tracer> tracer(new Tracer);
  tracer->socket_ = std::move(socket);
  tracer->shared_.open.store(false, std::memory_order_relaxed);
  if (auto made = tracer->make_rings(options); !made) return made.error();
  return tracer;
}

Result<void> Tracer::begin() {
  shared_.open.store(true, std::memory_order_release);
  return hand_over();
}

Result<std::unique_ptr<Tracer>> Tracer::without_recorder(const Options& options) {
  std::unique_ptr<Tracer> tracer(new Tracer);
  if (auto made = tracer->make_rings(options); !made) return made.error();
  return tracer;
}

Result<void> Tracer::make_rings(const Options& options) {
  shared_.tick_source = base::tick_source();
  shared_.session = next_session();
  ring_capacity_ = options.ring_capacity;
  wanted_ = options.wanted;
  shared_.tells_stacks = wanted_.stacks != 0;
  rings_.reserve(tf::kWorkerMax + 1);
  lanes_.reserve(tf::kWorkerMax + 1);
  for (std::uint32_t i = 0; i < options.workers; ++i) {
    if (auto made = make_ring(i); !made) return made;
  }
  auto ring = RingMemory::create(tf::kNoWorker, ring_capacity_);
  if (!ring) return ring.error();
  const RingMemory& memory = ext_ring_.emplace_back(std::move(ring).value());
  ext_lane_ = std::make_unique<Lane>(
      RingWriter(memory.header(), memory.records(), memory.capacity()), shared_);
  return {};
}

Result<void> Tracer::make_ring(std::uint32_t worker) {
  auto ring = RingMemory::create(worker, ring_capacity_);
  if (!ring) return ring.error();
  const RingMemory& memory = rings_.emplace_back(std::move(ring).value());
  lanes_.push_back(std::make_unique<Lane>(
      RingWriter(memory.header(), memory.records(), memory.capacity()), shared_));
  return {};
}

Lane* Tracer::lane_for(std::uint32_t worker) {
  if (worker < lanes_.size()) return lanes_[worker].get();
  auto made = make_ring(worker);
  // Before begin() it is handed over with the others.
  if (made && socket_ && !silent()) made = offer(rings_.back());
  if (made) return lanes_.back().get();
  std::fprintf(stderr, "taskscope: worker %u has no ring and is not started: %s\n", worker,
               made.error().message.c_str());
  if (lanes_.size() > worker) {
    lanes_.pop_back();
    rings_.pop_back();
  }
  return nullptr;
}

Result<void> Tracer::hand_over() {
  tf::Hello hello;
  hello.workers = static_cast<std::uint32_t>(rings_.size());
  hello.pid = getpid();
  hello.tick_source = shared_.tick_source;
  hello.start = base::read_clock_anchor(shared_.tick_source);
  program_name(hello.program);
  if (auto sent = send_packet(socket_.get(), &hello, sizeof hello); !sent) return sent;
  for (RingMemory& ring : rings_) {
    if (auto offered = offer(ring); !offered) return offered;
  }
  return offer(ext_ring_.front());
}

Result<void> Tracer::offer(RingMemory& ring) {
  tf::RingOffer offer;
  offer.worker_id = ring.header().worker_id;
  offer.capacity = ring.capacity();
  auto sent = send_packet(socket_.get(), &offer, sizeof offer, ring.fd());
  if (sent) ring.close_fd();
  return sent;
}

bool Tracer::ext_ring_is_half_full() const {
  const tf::RingHeader& header = ext_ring_.front().header();
  const std::uint64_t used =
      header.head.load(std::memory_order_relaxed) - header.tail.load(std::memory_order_relaxed);
  return used > ext_ring_.front().capacity() / 2;
}

Tracer::~Tracer() { say_goodbye(); }

void Tracer::say_goodbye(std::uint64_t end_ticks) {
  if (!socket_) return;
  tf::Bye bye;
  bye.end_ticks = end_ticks;
  // A recorder that is gone needs no goodbye.
  static_cast<void>(send_packet(socket_.get(), &bye, sizeof bye).has_value());
  socket_.reset();
  file_.reset();
}

void Tracer::forget_recorder() {
  socket_.reset();
  // Its thread is not here, so it cannot be ended either.
  static_cast<void>(file_.release());
  TraceFile::forget();
}

}  // namespace taskscope::instrument
