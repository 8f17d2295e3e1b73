#include "runtime/instrument/ring_memory.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstring>
#include <new>
#include <string>
#include <utility>

#include "runtime/base/check.h"

namespace taskscope::instrument {
namespace tf = trace_format;

namespace {

Error failed(const char* what) {
  return Error{std::string("A trace ring could not be made (") + what +
               " failed: " + std::strerror(errno) + "), so this program runs unrecorded."};
}

// ftruncate without the signal that a size above RLIMIT_FSIZE sends to the calling thread, and
// kills it with.
bool truncate_quietly(int fd, std::size_t bytes) {
  sigset_t mine;
  sigset_t before;
  sigset_t pending;
  sigemptyset(&mine);
  sigaddset(&mine, SIGXFSZ);
  sigpending(&pending);
  pthread_sigmask(SIG_BLOCK, &mine, &before);
  const bool done = ftruncate(fd, static_cast<off_t>(bytes)) == 0;
  const int error = errno;
  if (!done && error == EFBIG && sigismember(&pending, SIGXFSZ) == 0) {
    const timespec at_once{};
    sigtimedwait(&mine, nullptr, &at_once);
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = error;
  return done;
}

// The limit on the size of files (ulimit -f) counts for memory files too, though it means disks.
// Where only the soft limit is in the way it is lifted for the moment.
Result<void> set_size(int fd, std::size_t bytes) {
  if (truncate_quietly(fd, bytes)) return {};
  rlimit limit{};
  if (errno != EFBIG || getrlimit(RLIMIT_FSIZE, &limit) != 0) return failed("ftruncate");
  if (limit.rlim_max >= bytes) {
    const rlimit lifted{.rlim_cur = bytes, .rlim_max = limit.rlim_max};
    setrlimit(RLIMIT_FSIZE, &lifted);
    const bool done = truncate_quietly(fd, bytes);
    setrlimit(RLIMIT_FSIZE, &limit);
    if (done) return {};
  }
  return Error{"A trace ring of " + std::to_string(bytes >> 10) +
               " KiB is larger than this process's file-size limit of " +
               std::to_string(limit.rlim_max >> 10) +
               " KiB (ulimit -f), so this program runs unrecorded. Raise the limit, or lower "
               "TASKSCOPE_RING_RECORDS."};
}

}  // namespace

Result<RingMemory> RingMemory::create(tf::WorkerId worker, std::uint64_t capacity) {
  TASKSCOPE_CHECK(std::has_single_bit(capacity) && capacity >= tf::kRingCapacityMin &&
                  capacity <= tf::kRingCapacityMax);
  base::UniqueFd fd(memfd_create("taskscope-ring", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) return failed("memfd_create");
  const std::size_t bytes = tf::ring_bytes(capacity);
  if (auto sized = set_size(fd.get(), bytes); !sized) return sized.error();
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
