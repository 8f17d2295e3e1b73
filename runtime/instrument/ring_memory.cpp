#include "runtime/instrument/ring_memory.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <bit>
#include <cerrno>
#include <cstring>
#include <new>
#include <string>
#include <utility>

#include "runtime/base/check.h"

namespace taskscope::instrument {
namespace tf = trace_format;

Result<RingMemory> RingMemory::create(tf::WorkerId worker, std::uint64_t capacity) {
  TASKSCOPE_CHECK(std::has_single_bit(capacity) && capacity >= tf::kRingCapacityMin &&
                  capacity <= tf::kRingCapacityMax);
  const auto failed = [](const char* what) {
    return Error{std::string("A trace ring could not be made (") + what +
                 " failed: " + std::strerror(errno) + ")."};
  };
  base::UniqueFd fd(memfd_create("taskscope-ring", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) return failed("memfd_create");
  const std::size_t bytes = tf::ring_bytes(capacity);
  if (ftruncate(fd.get(), static_cast<off_t>(bytes)) != 0) return failed("ftruncate");
  if (fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    return failed("sealing");
  }
  void* mapping = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (mapping == MAP_FAILED) return failed("mmap");
  auto* header = new (mapping) tf::RingHeader;
  header->worker_id = worker;
  header->capacity = capacity;
  return RingMemory(std::move(fd), mapping, capacity);
}

RingMemory::RingMemory(RingMemory&& other) noexcept
    : fd_(std::move(other.fd_)),
      mapping_(std::exchange(other.mapping_, nullptr)),
      capacity_(other.capacity_) {}

RingMemory::~RingMemory() {
  if (mapping_ != nullptr) munmap(mapping_, tf::ring_bytes(capacity_));
}

}  // namespace taskscope::instrument
