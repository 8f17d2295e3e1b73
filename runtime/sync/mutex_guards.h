// The standard's lock guards for ts::Mutex and ts::RWMutex, so that they know where they stand.
//
// The standard guards call mutex.lock() from inside a standard header, so every contended wait
// would be reported as one place in <mutex>. These specialisations, which the standard allows for a
// program's own types, behave the same and pass on the place where the guard is made, or where its
// lock() is called. A std::scoped_lock of several mutexes is the standard's own, and so is the
// place that it reports. Code that calls lock() itself needs none of this.
//
//   std::scoped_lock both(from, to);
//   std::unique_lock later(log_mutex, std::defer_lock);
//   later.lock();
#pragma once

#include <cstdint>
#include <mutex>
#include <shared_mutex>
#include <system_error>
#include <type_traits>
#include <utility>

#include "runtime/base/site.h"
#include "runtime/sync/mutex.h"
#include "runtime/sync/rwmutex.h"

namespace taskscope::sync {

// std::lock_guard and std::scoped_lock of one mutex.
template <class M>
class ScopeGuard {
 public:
  using mutex_type = M;

  explicit ScopeGuard(M& mutex, Site site = Site::here()) : mutex_(mutex) {
    mutex_.lock(site);
    mutex_.note_guard(this);
  }
  ScopeGuard(std::adopt_lock_t, M& mutex) noexcept : mutex_(mutex) {}
  ~ScopeGuard() { mutex_.unlock(); }
  ScopeGuard(const ScopeGuard&) = delete;
  ScopeGuard& operator=(const ScopeGuard&) = delete;

 private:
  M& mutex_;
};

// How a movable guard locks: for writing, or for reading.
struct Exclusive {
  template <class M>
  static void lock(M& mutex, const Site& site) {
    mutex.lock(site);
  }
  // What a guard that stands in a block notes, and takes back (LockCore::note_guard).
  template <class M>
  static std::uint64_t note(M& mutex, const void* guard) {
    mutex.note_guard(guard);
    return 0;
  }
  template <class M>
  static void forget(M& mutex, std::uint64_t) {
    mutex.forget_guard();
  }
  template <class M>
  static bool try_lock(M& mutex) {
    return mutex.try_lock();
  }
  template <class M>
  static void unlock(M& mutex) {
    mutex.unlock();
  }
};
struct Shared {
  template <class M>
  static void lock(M& mutex, const Site& site) {
    mutex.lock_shared(site);
  }
  template <class M>
  static std::uint64_t note(M& mutex, const void* guard) {
    return mutex.note_reader(guard);
  }
  template <class M>
  static void forget(M& mutex, std::uint64_t noted) {
    mutex.forget_reader(noted);
  }
  template <class M>
  static bool try_lock(M& mutex) {
    return mutex.try_lock_shared();
  }
  template <class M>
  static void unlock(M& mutex) {
    mutex.unlock_shared();
  }
};

// std::unique_lock and std::shared_lock, without what needs a clock.
template <class M, class How>
class MovableGuard {
 public:
  using mutex_type = M;

  MovableGuard() = default;
  explicit MovableGuard(M& mutex, Site site = Site::here()) : mutex_(&mutex) { lock(site); }
  MovableGuard(M& mutex, std::defer_lock_t) noexcept : mutex_(&mutex) {}
  MovableGuard(M& mutex, std::try_to_lock_t) : mutex_(&mutex), owns_(How::try_lock(mutex)) {}
  MovableGuard(M& mutex, std::adopt_lock_t) noexcept : mutex_(&mutex), owns_(true) {}
  MovableGuard(MovableGuard&& other) noexcept : MovableGuard() { swap(other); }
  MovableGuard& operator=(MovableGuard&& other) noexcept {
    MovableGuard(std::move(other)).swap(*this);
    return *this;
  }
  ~MovableGuard() {
    if (owns_) give_back();
  }

  void lock(Site site = Site::here()) {
    require_unlocked();
    How::lock(*mutex_, site);
    owns_ = true;
    noted_ = How::note(*mutex_, this);
  }
  bool try_lock() {
    require_unlocked();
    owns_ = How::try_lock(*mutex_);
    return owns_;
  }
  void unlock() {
    if (!owns_) throw std::system_error(std::make_error_code(std::errc::operation_not_permitted));
    give_back();
  }

  void swap(MovableGuard& other) noexcept {
    leave_block();
    other.leave_block();
    std::swap(mutex_, other.mutex_);
    std::swap(owns_, other.owns_);
  }
  M* release() noexcept {
    leave_block();
    owns_ = false;
    return std::exchange(mutex_, nullptr);
  }
  bool owns_lock() const noexcept { return owns_; }
  explicit operator bool() const noexcept { return owns_; }
  M* mutex() const noexcept { return mutex_; }

 private:
  void give_back() {
    owns_ = false;
    if constexpr (std::is_same_v<How, Shared>) How::forget(*mutex_, std::exchange(noted_, 0));
    How::unlock(*mutex_);
  }
  // From now on it may be given back anywhere.
  void leave_block() noexcept {
    if (owns_) How::forget(*mutex_, std::exchange(noted_, 0));
  }
  void require_unlocked() const {
    if (mutex_ == nullptr) {
      throw std::system_error(std::make_error_code(std::errc::operation_not_permitted));
    }
    if (owns_) {
      throw std::system_error(std::make_error_code(std::errc::resource_deadlock_would_occur));
    }
  }

  M* mutex_ = nullptr;
  std::uint64_t noted_ = 0;  // of a reader
  bool owns_ = false;
};

}  // namespace taskscope::sync

template <>
class std::scoped_lock<taskscope::Mutex> : public taskscope::sync::ScopeGuard<taskscope::Mutex> {
  using ScopeGuard::ScopeGuard;
};
template <>
class std::scoped_lock<taskscope::RWMutex>
    : public taskscope::sync::ScopeGuard<taskscope::RWMutex> {
  using ScopeGuard::ScopeGuard;
};
template <>
class std::lock_guard<taskscope::Mutex> : public taskscope::sync::ScopeGuard<taskscope::Mutex> {
 public:
  using ScopeGuard::ScopeGuard;
  lock_guard(taskscope::Mutex& mutex, std::adopt_lock_t adopt) noexcept
      : ScopeGuard(adopt, mutex) {}
};
template <>
class std::lock_guard<taskscope::RWMutex> : public taskscope::sync::ScopeGuard<taskscope::RWMutex> {
 public:
  using ScopeGuard::ScopeGuard;
  lock_guard(taskscope::RWMutex& mutex, std::adopt_lock_t adopt) noexcept
      : ScopeGuard(adopt, mutex) {}
};
template <>
class std::unique_lock<taskscope::Mutex>
    : public taskscope::sync::MovableGuard<taskscope::Mutex, taskscope::sync::Exclusive> {
  using MovableGuard::MovableGuard;
};
template <>
class std::unique_lock<taskscope::RWMutex>
    : public taskscope::sync::MovableGuard<taskscope::RWMutex, taskscope::sync::Exclusive> {
  using MovableGuard::MovableGuard;
};
template <>
class std::shared_lock<taskscope::RWMutex>
    : public taskscope::sync::MovableGuard<taskscope::RWMutex, taskscope::sync::Shared> {
  using MovableGuard::MovableGuard;
};
