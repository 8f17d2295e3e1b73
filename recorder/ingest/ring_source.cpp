#include "recorder/ingest/ring_source.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

namespace taskscope::ingest {

using trace_format::Record;
using trace_format::RingHeader;

namespace {

Error refused(const trace_format::RingOffer& offer, const std::string& why) {
  const std::string name = offer.worker_id == trace_format::kNoWorker
                               ? "of the threads outside"
                               : "of worker " + std::to_string(offer.worker_id);
  return Error{"The ring " + name + " was refused: " + why + "."};
}

}  // namespace

Result<RingSource> RingSource::map(const base::UniqueFd& memory,
                                   const trace_format::RingOffer& offer) {
  if (!memory) return refused(offer, "no memory came with it");
  if (!std::has_single_bit(offer.capacity) || offer.capacity < trace_format::kRingCapacityMin ||
      offer.capacity > trace_format::kRingCapacityMax) {
    return refused(offer,
                   "its capacity of " + std::to_string(offer.capacity) + " records is not allowed");
  }
  if (offer.worker_id != trace_format::kNoWorker && offer.worker_id > trace_format::kWorkerMax) {
    return refused(offer, "there is no such worker");
  }
  // Memory that can shrink would kill the recorder with SIGBUS.
  const int seals = fcntl(memory.get(), F_GET_SEALS);
  if (seals < 0 || !(seals & F_SEAL_SHRINK)) return refused(offer, "its memory is not sealed");
  const std::size_t bytes = trace_format::ring_bytes(offer.capacity);
  struct stat status {};
  if (fstat(memory.get(), &status) != 0 || static_cast<std::size_t>(status.st_size) < bytes) {
    return refused(offer, "its memory is too small");
  }
  void* mapped = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, memory.get(), 0);
  if (mapped == MAP_FAILED) return refused(offer, std::strerror(errno));
  RingSource source;
  source.memory_ = mapped;
  source.worker_id_ = offer.worker_id;
  source.capacity_ = offer.capacity;
  const auto* header = static_cast<const RingHeader*>(mapped);
  if (header->magic != trace_format::kRingMagic || header->capacity != offer.capacity) {
    return refused(offer, "its head makes no sense");
  }
  if (header->format_major != trace_format::kFormatMajor) {
    return refused(offer, "it is written in trace format " + std::to_string(header->format_major));
  }
  return source;
}

RingSource::RingSource(RingSource&& other) noexcept
    : memory_(std::exchange(other.memory_, nullptr)),
      worker_id_(other.worker_id_),
      capacity_(other.capacity_),
      tail_(other.tail_) {}

RingSource& RingSource::operator=(RingSource&& other) noexcept {
  if (this == &other) return *this;
  unmap();
  memory_ = std::exchange(other.memory_, nullptr);
  worker_id_ = other.worker_id_;
  capacity_ = other.capacity_;
  tail_ = other.tail_;
  return *this;
}

RingSource::~RingSource() { unmap(); }

void RingSource::unmap() {
  if (memory_ != nullptr) munmap(memory_, trace_format::ring_bytes(capacity_));
  memory_ = nullptr;
}

Result<std::size_t> RingSource::drain(const Room& room) {
  auto* header = static_cast<RingHeader*>(memory_);
  // Pairs with the program's release store: the records before head are complete.
  const std::uint64_t head = header->head.load(std::memory_order_acquire);
  const std::uint64_t count = head - tail_;
  if (count == 0) return std::size_t{0};
  if (count > capacity_) {
    const std::string name = worker_id_ == trace_format::kNoWorker
                                 ? "of the threads outside"
                                 : "of worker " + std::to_string(worker_id_);
    return Error{"The ring " + name +
                 " was given up: its position is impossible, so its memory is damaged."};
  }
  const auto* records = reinterpret_cast<const Record*>(static_cast<const char*>(memory_) +
                                                        trace_format::kRingHeaderBytes);
  const std::span<Record> out = room(static_cast<std::size_t>(count));
  const std::uint64_t first = tail_ & (capacity_ - 1);
  const std::uint64_t before_wrap = std::min(count, capacity_ - first);
  std::memcpy(out.data(), records + first, before_wrap * sizeof(Record));
  std::memcpy(out.data() + before_wrap, records, (count - before_wrap) * sizeof(Record));
  tail_ = head;
  // Pairs with the program's acquire load before it writes there again.
  header->tail.store(tail_, std::memory_order_release);
  return static_cast<std::size_t>(count);
}

std::uint64_t RingSource::lost() const {
  return static_cast<const RingHeader*>(memory_)->lost.load(std::memory_order_relaxed);
}

}  // namespace taskscope::ingest
