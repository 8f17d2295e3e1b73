#include "tests/runtime/support/fake_recorder.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <utility>

#include "runtime/base/check.h"
#include "runtime/trace_format/attach_place.h"

namespace taskscope::test {
namespace tf = trace_format;

MappedRing::MappedRing(base::UniqueFd fd, tf::WorkerId worker, std::uint64_t capacity)
    : worker_(worker), capacity_(capacity) {
  mapping_ =
      mmap(nullptr, tf::ring_bytes(capacity), PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  TASKSCOPE_CHECK(mapping_ != MAP_FAILED);
}

MappedRing::MappedRing(MappedRing&& other) noexcept
    : worker_(other.worker_),
      capacity_(other.capacity_),
      mapping_(std::exchange(other.mapping_, nullptr)) {}

MappedRing::~MappedRing() {
  if (mapping_ != nullptr) munmap(mapping_, tf::ring_bytes(capacity_));
}

std::vector<tf::TextEvent> MappedRing::drain() {
  const auto* records =
      reinterpret_cast<const tf::Record*>(static_cast<char*>(mapping_) + tf::kRingHeaderBytes);
  const std::uint64_t head = header().head.load(std::memory_order_acquire);
  const std::uint64_t tail = header().tail.load(std::memory_order_relaxed);
  std::vector<tf::Record> copy;
  copy.reserve(head - tail);
  for (std::uint64_t i = tail; i < head; ++i) copy.push_back(records[i % capacity_]);
  header().tail.store(head, std::memory_order_release);
  std::vector<tf::TextEvent> events;
  for (std::span<const tf::Record> rest = copy; !rest.empty();) {
    const tf::Decoded decoded = tf::decode_next(rest);
    TASKSCOPE_CHECK(decoded.status == tf::DecodeStatus::Ok);
    events.push_back({worker_, decoded.event, std::string(decoded.text)});
    rest = rest.subspan(decoded.records);
  }
  return events;
}

FakeRecorder::FakeRecorder() : mine_(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)) {
  listening_.emplace();
}

FakeRecorder::FakeRecorder(How, const tf::Wanted& wanted) {
  const std::string path = tf::attach_socket_path(tf::attach_folders().front(), getpid());
  bool stale = false;
  for (;;) {
    auto connected = tf::connect_to_socket(path, stale);
    connected_ = connected.has_value();
    if (connected_) mine_ = std::move(*connected);
    if (connected_) break;
    std::this_thread::yield();
  }
  tf::Request request;
  request.what = tf::Request::What::Attach;
  request.wanted = wanted;
  TASKSCOPE_CHECK(send(mine_.get(), &request, sizeof request, 0) == sizeof request);
}

void FakeRecorder::leave() {
  const tf::Detach message;
  TASKSCOPE_CHECK(send(mine_.get(), &message, sizeof message, 0) == sizeof message);
}

void FakeRecorder::receive() {
  if (!connected_) {
    base::UniqueFd accepted = listening_ ? listening_->accept() : base::UniqueFd();
    if (!accepted) return;
    mine_ = std::move(accepted);
    connected_ = true;
  }
  for (;;) {
    char packet[1024];
    iovec part{packet, sizeof packet};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t bytes = recvmsg(mine_.get(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (bytes <= 0) return;
    tf::MessageHeader header;
    std::memcpy(&header, packet, sizeof header);
    if (header.type == tf::MessageType::Hello) {
      hello_.emplace();
      std::memcpy(&*hello_, packet, sizeof *hello_);
    } else if (header.type == tf::MessageType::RingOffer) {
      tf::RingOffer offer;
      std::memcpy(&offer, packet, sizeof offer);
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
      rings_.emplace_back(base::UniqueFd(fd), offer.worker_id, offer.capacity);
    } else if (header.type == tf::MessageType::Refused) {
      tf::Refused refused;
      std::memcpy(&refused, packet, sizeof refused);
      refusal_ = refused.reason;
    } else {
      tf::Bye bye;
      std::memcpy(&bye, packet, sizeof bye);
      bye_ = true;
      end_ticks_ = bye.end_ticks;
    }
  }
}

void FakeRecorder::drain_into(std::map<tf::WorkerId, std::vector<tf::TextEvent>>& events) {
  for (MappedRing& ring : rings_) {
    for (tf::TextEvent& event : ring.drain()) events[ring.worker()].push_back(std::move(event));
  }
}

}  // namespace taskscope::test
