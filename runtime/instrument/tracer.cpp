#include "runtime/instrument/tracer.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "runtime/instrument/packet.h"
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

std::optional<std::uint64_t> parse_number(const char* text) {
  std::uint64_t value = 0;
  const char* end = text + std::strlen(text);
  const auto [stop, error] = std::from_chars(text, end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

}  // namespace

Result<base::UniqueFd> take_recorder_socket() {
  const char* text = std::getenv(tf::kRecorderFdVariable);
  if (text == nullptr) return base::UniqueFd();
  const std::string value = text;
  unsetenv(tf::kRecorderFdVariable);
  const Error wrong{std::string(tf::kRecorderFdVariable) + "=" + value +
                    " is not a recorder's socket, so this program runs unrecorded."};
  const auto number = parse_number(value.c_str());
  if (!number || *number > 1u << 30) return wrong;
  const int fd = static_cast<int>(*number);
  int type = 0;
  socklen_t size = sizeof type;
  if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_SEQPACKET) {
    return wrong;
  }
  base::UniqueFd socket(fd);
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  return socket;
}

std::uint64_t ring_capacity_from_environment() {
  constexpr std::uint64_t kDefault = std::uint64_t{1} << 19;
  const char* text = std::getenv("TASKSCOPE_RING_RECORDS");
  const auto value = text == nullptr ? std::nullopt : parse_number(text);
  if (!value) return kDefault;
  return std::bit_ceil(std::clamp(*value, tf::kRingCapacityMin, tf::kRingCapacityMax));
}

Result<std::unique_ptr<Tracer>> Tracer::connect(base::UniqueFd socket, const Options& options) {
  std::unique_ptr<Tracer> tracer(new Tracer);
  tracer->socket_ = std::move(socket);
  if (auto made = tracer->make_rings(options); !made) return made.error();
  if (auto handed = tracer->hand_over(); !handed) return handed.error();
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
}

}  // namespace taskscope::instrument
