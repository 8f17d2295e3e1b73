// SemaphoreGuard: permits of a ts::Semaphore that go back at the end of the block.
//
//   ts::Semaphore connections(10);
//   {
//     ts::SemaphoreGuard held(connections);  // waits for a permit
//     load_tables();
//   }
//   if (ts::SemaphoreGuard held(ctx, connections, 2); held) load_tables();  // not if ctx is done
//   if (ts::SemaphoreGuard held(connections, std::try_to_lock); held) load_tables();
//   ts::SemaphoreGuard several(connections, 3);
//   log(std::to_string(several.count()));
//   several.release();  // now, not at the end of the block
//
// Made as the standard's lock guards are. Movable, so that the duty to give back can be given away,
// also to another task. Belongs to one task at a time like any value; the semaphore must outlive
// it.
#pragma once

#include <cstdint>
#include <mutex>
#include <utility>

#include "runtime/base/site.h"
#include "runtime/sync/semaphore.h"

namespace taskscope {

class [[nodiscard]] SemaphoreGuard {
 public:
  SemaphoreGuard() = default;  // holds nothing
  // Waits for `count` permits.
  explicit SemaphoreGuard(Semaphore& semaphore, std::int64_t count = 1, Site site = Site::here())
      : semaphore_(&semaphore), count_(count) {
    semaphore.acquire(count, site);
  }
  // Holds nothing if `context` is done first, or already.
  template <channel::Cancellable C>
  SemaphoreGuard(const C& context, Semaphore& semaphore, std::int64_t count = 1,
                 Site site = Site::here())
      : SemaphoreGuard(semaphore.acquire(context, count, site), semaphore, count) {}
  // Holds nothing if it would have to wait.
  SemaphoreGuard(Semaphore& semaphore, std::try_to_lock_t, std::int64_t count = 1)
      : SemaphoreGuard(semaphore.try_acquire(count), semaphore, count) {}
  // For permits that the caller has acquired already.
  SemaphoreGuard(Semaphore& semaphore, std::adopt_lock_t, std::int64_t count = 1) noexcept
      : SemaphoreGuard(true, semaphore, count) {}
  SemaphoreGuard(SemaphoreGuard&& other) noexcept
      : semaphore_(std::exchange(other.semaphore_, nullptr)),
        count_(std::exchange(other.count_, 0)) {}
  SemaphoreGuard& operator=(SemaphoreGuard&& other) noexcept {
    SemaphoreGuard old(std::move(*this));
    semaphore_ = std::exchange(other.semaphore_, nullptr);
    count_ = std::exchange(other.count_, 0);
    return *this;
  }
  ~SemaphoreGuard() { release(); }

  // Gives the permits back now; a guard that holds nothing does nothing.
  void release() {
    if (Semaphore* const semaphore = std::exchange(semaphore_, nullptr)) {
      semaphore->release(std::exchange(count_, 0));
    }
  }

  explicit operator bool() const noexcept { return semaphore_ != nullptr; }
  // How many permits it holds.
  std::int64_t count() const noexcept { return count_; }

 private:
  SemaphoreGuard(bool acquired, Semaphore& semaphore, std::int64_t count) noexcept
      : semaphore_(acquired ? &semaphore : nullptr), count_(acquired ? count : 0) {}

  Semaphore* semaphore_ = nullptr;
  std::int64_t count_ = 0;
};

}  // namespace taskscope
