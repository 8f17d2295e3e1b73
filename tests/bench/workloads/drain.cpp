#include "tests/bench/workloads/drain.h"

#include <sys/mman.h>
#include <sys/socket.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <string>

#include "runtime/base/check.h"
#include "runtime/trace_format/handshake.h"

namespace taskscope::bench {
namespace tf = trace_format;

namespace {
// A ring holds 524,288 records: some 5 ms of a worker that does nothing but switch.
constexpr auto kPeriod = std::chrono::milliseconds(1);
}  // namespace

Drain::Drain() {
  thread_ = std::thread([this] { loop(); });
}

Drain::~Drain() {
  stop_.store(true, std::memory_order_relaxed);
  thread_.join();
}

void Drain::loop() {
  while (!stop_.load(std::memory_order_relaxed)) {
    take_offers();
    std::uint64_t taken = 0;
    for (tf::RingHeader* ring : rings_) {
      const std::uint64_t head = ring->head.load(std::memory_order_acquire);
      taken += head - ring->tail.load(std::memory_order_relaxed);
      ring->tail.store(head, std::memory_order_release);
    }
    records_.fetch_add(taken, std::memory_order_relaxed);
    std::this_thread::sleep_for(kPeriod);
  }
}

void Drain::take_offers() {
  if (!socket_) socket_ = listening_.accept();
  while (socket_) {
    char packet[sizeof(tf::Hello)];
    iovec part{packet, sizeof packet};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    if (recvmsg(socket_.get(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) <= 0) return;
    const cmsghdr* descriptors = CMSG_FIRSTHDR(&message);
    if (descriptors == nullptr) continue;  // Hello and Bye carry none
    tf::RingOffer offer;
    std::memcpy(&offer, packet, sizeof offer);
    int number = -1;
    std::memcpy(&number, CMSG_DATA(descriptors), sizeof number);
    const base::UniqueFd fd(number);
    void* ring = mmap(nullptr, tf::ring_bytes(offer.capacity), PROT_READ | PROT_WRITE, MAP_SHARED,
                      fd.get(), 0);
    TASKSCOPE_CHECK(ring != MAP_FAILED);
    rings_.push_back(static_cast<tf::RingHeader*>(ring));
  }
}

}  // namespace taskscope::bench
