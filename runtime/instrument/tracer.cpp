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

#include "runtime/trace_format/handshake.h"

namespace taskscope::instrument {
namespace tf = trace_format;
namespace {

Error send_failed(int code) {
  return Error{std::string("The recorder does not take this program's trace (") +
               std::strerror(code) + "), so it runs unrecorded."};
}

// One packet, with a descriptor beside it if `fd` is one. Never waits.
Result<void> send_packet(int socket, const void* data, std::size_t bytes, int fd = -1) {
  iovec part{.iov_base = const_cast<void*>(data), .iov_len = bytes};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  if (fd >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
  }
  ssize_t sent = 0;
  do {
    sent = sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (sent < 0 && errno == EINTR);
  if (sent != static_cast<ssize_t>(bytes)) return send_failed(errno);
  return {};
}

void program_name(char* out, std::size_t size) {
  const ssize_t length = readlink("/proc/self/exe", out, size - 1);
  out[length > 0 ? length : 0] = '\0';
}

// Recordings of this process are numbered so that an object knows which of them has heard of it.
std::uint32_t next_session() {
  static std::atomic<std::uint32_t> sessions{0};
  return sessions.fetch_add(1, std::memory_order_relaxed) % tf::kAuxMask + 1;
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
  if (auto handed = tracer->hand_over(options); !handed) return handed.error();
  return tracer;
}

Result<std::unique_ptr<Tracer>> Tracer::without_recorder(const Options& options) {
  std::unique_ptr<Tracer> tracer(new Tracer);
  if (auto made = tracer->make_rings(options); !made) return made.error();
  return tracer;
}

Result<void> Tracer::make_rings(const Options& options) TASKSCOPE_NO_ANALYSIS {
  shared_.tick_source = base::tick_source();
  shared_.session = next_session();
  ring_capacity_ = options.ring_capacity;
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
  if (made && socket_) made = offer(rings_.back());
  if (made) return lanes_.back().get();
  std::fprintf(stderr, "taskscope: worker %u has no ring and is not started: %s\n", worker,
               made.error().message.c_str());
  if (lanes_.size() > worker) {
    lanes_.pop_back();
    rings_.pop_back();
  }
  return nullptr;
}

Result<void> Tracer::hand_over(const Options& options) {
  tf::Hello hello;
  hello.workers = options.workers;
  hello.pid = getpid();
  hello.tick_source = shared_.tick_source;
  hello.start = base::read_clock_anchor(shared_.tick_source);
  program_name(hello.program, sizeof hello.program);
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

Tracer::~Tracer() { say_goodbye(); }

void Tracer::say_goodbye() {
  if (silent_ || !socket_) return;
  const tf::Bye bye;
  // A recorder that is gone needs no goodbye.
  static_cast<void>(send_packet(socket_.get(), &bye, sizeof bye).has_value());
  socket_.reset();
}

}  // namespace taskscope::instrument
