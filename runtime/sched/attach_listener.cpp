#include "runtime/sched/attach_listener.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <system_error>

#include "runtime/base/clock.h"
#include "runtime/base/no_signals.h"
#include "runtime/base/peer.h"
#include "runtime/instrument/packet.h"
#include "runtime/sched/scheduler.h"
#include "runtime/trace_format/attach_place.h"
#include "runtime/trace_format/handshake.h"

namespace taskscope::sched {
namespace tf = trace_format;
namespace {

constexpr std::size_t kVisitorsMax = 16;
// Who has not said by then what it wants is shown out.
constexpr std::int64_t kPatienceNs = 1'000'000'000;

void refuse(int socket, const std::string& reason) {
  tf::Refused refused;
  reason.copy(refused.reason, sizeof refused.reason - 1);
  // Who does not listen need not be told.
  static_cast<void>(instrument::send_packet(socket, &refused, sizeof refused).has_value());
}

// False if the packet is no message of this protocol; `header` is set if it is one of another
// version.
template <class Message>
bool read_as(std::span<const std::byte> packet, Message& message) {
  if (packet.size() != sizeof message) return false;
  std::memcpy(static_cast<void*>(&message), packet.data(), sizeof message);
  return true;
}

}  // namespace

void AttachListener::start() {
  const char* const allowed = std::getenv(tf::kAttachVariable);
  may_attach_ = allowed == nullptr || std::string_view(allowed) != "0";
  if (!may_attach_ && !scheduler_.tracing().active()) return;
  started_ns_ = base::realtime_ns();
  stop_.reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!stop_) return;
  const base::NoSignals no_signals;
  try {
    thread_ = std::thread([this] { loop(); });
  } catch (const std::system_error&) {
    // The program needs no recorder to run.
  }
}

void AttachListener::stop() {
  if (!thread_.joinable()) return;
  const std::uint64_t one = 1;
  static_cast<void>(write(stop_.get(), &one, sizeof one) == sizeof one);
  thread_.join();
  stop_.reset();
}

void AttachListener::forget() {
  if (endpoint_) endpoint_->forget();
  visitors_.clear();
  new (&thread_) std::thread;  // there is no such thread in the child, not even one to detach
}

void AttachListener::loop() {
  if (scheduler_.tracing().active()) {
    const auto recorder = base::peer_of(scheduler_.tracing().socket());
    recorder_pid_ = recorder ? recorder->pid : 0;
  }
  pollfd stop{.fd = stop_.get(), .events = POLLIN, .revents = 0};
  if (poll(&stop, 1, kQuietNs / 1'000'000) == 0) {
    if (may_attach_) open();
    while (wait()) {
    }
  }
  visitors_.clear();
  endpoint_.reset();
}

void AttachListener::open() {
  auto endpoint = instrument::AttachEndpoint::open(started_ns_);
  // Nobody has asked to attach: why nobody could is nothing that the program should print.
  if (endpoint) endpoint_.emplace(std::move(endpoint).value());
}

bool AttachListener::wait() {
  std::array<pollfd, 3 + kVisitorsMax> ready{};
  ready[0] = {.fd = stop_.get(), .events = POLLIN, .revents = 0};
  const bool full = visitors_.size() == kVisitorsMax;
  ready[1] = {.fd = full || !endpoint_ ? -1 : endpoint_->fd(), .events = POLLIN, .revents = 0};
  ready[2] = {.fd = scheduler_.tracing().socket(), .events = POLLIN, .revents = 0};
  std::size_t count = 3;
  for (const Visitor& visitor : visitors_) {
    ready[count++] = {.fd = visitor.socket.get(), .events = POLLIN, .revents = 0};
  }
  const int timeout_ms = visitors_.empty() ? -1 : static_cast<int>(kPatienceNs / 1'000'000);
  poll(ready.data(), count, timeout_ms);
  if (ready[0].revents != 0) return false;
  // Before whoever wants to take its place.
  if (ready[2].revents != 0) watch_recorder();
  for (std::size_t i = 3; i < count; ++i) {
    if (ready[i].revents != 0) hear(visitors_[i - 3]);
  }
  const std::int64_t now_ns = base::monotonic_ns();
  std::erase_if(visitors_, [now_ns](const Visitor& visitor) {
    return !visitor.socket || now_ns - visitor.since_ns >= kPatienceNs;
  });
  if (ready[1].revents != 0) let_in();
  return true;
}

void AttachListener::let_in() {
  auto [socket, pid] = endpoint_->accept();
  if (!socket) return;
  visitors_.push_back({.socket = std::move(socket), .pid = pid, .since_ns = base::monotonic_ns()});
}

void AttachListener::hear(Visitor& visitor) {
  std::array<std::byte, sizeof(tf::Request) + 1> packet;
  std::size_t bytes = 0;
  const auto received = instrument::receive_packet(visitor.socket.get(), packet, bytes);
  if (received == instrument::Received::Nothing) return;
  tf::Request request;
  if (received == instrument::Received::Packet && read_as({packet.data(), bytes}, request) &&
      request.header.magic == tf::kHandshakeMagic) {
    if (request.header.version != tf::kProtocolVersion) {
      refuse(visitor.socket.get(), "This program speaks version " +
                                       std::to_string(tf::kProtocolVersion) +
                                       " of the recorder's protocol, this taskscope version " +
                                       std::to_string(request.header.version) + ".");
    } else if (request.header.type == tf::MessageType::Request) {
      if (request.what == tf::Request::What::Info) answer(visitor);
      if (request.what == tf::Request::What::Attach) admit(visitor, request.wanted);
    }
  }
  visitor.socket.reset();
}

void AttachListener::answer(Visitor& visitor) {
  tf::Info info;
  info.workers = scheduler_.worker_count();
  info.pid = getpid();
  info.run_started_ns = started_ns_;
  info.recorder_pid = scheduler_.tracing().active() ? recorder_pid_ : 0;
  scheduler_.tasks().for_each_live([&info](const Task&) { ++info.tasks; });
  instrument::program_name(info.program);
  static_cast<void>(instrument::send_packet(visitor.socket.get(), &info, sizeof info).has_value());
}

void AttachListener::admit(Visitor& visitor, const tf::Wanted& wanted) {
  if (wanted.sample_hz > tf::kSampleHzMax) {
    return refuse(visitor.socket.get(),
                  "It is sampled at most " + std::to_string(tf::kSampleHzMax) +
                      " times a second, not " + std::to_string(wanted.sample_hz) + " times.");
  }
  if (scheduler_.tracing().active()) {
    return refuse(visitor.socket.get(), "It is being recorded already, by process " +
                                            std::to_string(recorder_pid_) + ".");
  }
  recorder_pid_ = visitor.pid;
  base::UniqueFd copy(fcntl(visitor.socket.get(), F_DUPFD_CLOEXEC, 0));
  if (!copy) return refuse(visitor.socket.get(), "It has no file descriptor left.");
  const auto attached = scheduler_.tracing().attach(std::move(visitor.socket), wanted);
  if (!attached) refuse(copy.get(), attached.error().message);
}

void AttachListener::watch_recorder() {
  std::array<std::byte, 64> packet;
  std::size_t bytes = 0;
  const int socket = scheduler_.tracing().socket();
  const auto received = instrument::receive_packet(socket, packet, bytes);
  if (received == instrument::Received::Nothing) return;
  tf::Detach message;
  const bool asks = received == instrument::Received::Packet &&
                    read_as({packet.data(), bytes}, message) &&
                    message.header.type == tf::MessageType::Detach;
  // detached: the recorder, which asked for it or is gone.
  if (asks || received == instrument::Received::Closed) scheduler_.tracing().detach();
}

}  // namespace taskscope::sched
