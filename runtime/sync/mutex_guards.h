// std::scoped_lock and std::lock_guard for ts::Mutex, so that they know where they stand.
//
// The standard guards call mutex.lock() from inside a standard header, so every contended wait
// would be reported as one place in <mutex>. These specialisations, which the standard allows for a
// program's own types, behave the same and pass on the place where the guard is made. Code that
// calls lock() itself needs none of this.
#pragma once

#include <mutex>

#include "runtime/sync/mutex.h"

template <>
class std::scoped_lock<taskscope::Mutex> {
 public:
  using mutex_type = taskscope::Mutex;

  explicit scoped_lock(mutex_type& mutex, taskscope::Site site = taskscope::Site::here())
      : mutex_(mutex) {
    mutex_.lock(site);
  }
  explicit scoped_lock(std::adopt_lock_t, mutex_type& mutex) noexcept : mutex_(mutex) {}
  ~scoped_lock() { mutex_.unlock(); }
  scoped_lock(const scoped_lock&) = delete;
  scoped_lock& operator=(const scoped_lock&) = delete;

 private:
  mutex_type& mutex_;
};

template <>
class std::lock_guard<taskscope::Mutex> {
 public:
  using mutex_type = taskscope::Mutex;

  explicit lock_guard(mutex_type& mutex, taskscope::Site site = taskscope::Site::here())
      : mutex_(mutex) {
    mutex_.lock(site);
  }
  lock_guard(mutex_type& mutex, std::adopt_lock_t) noexcept : mutex_(mutex) {}
  ~lock_guard() { mutex_.unlock(); }
  lock_guard(const lock_guard&) = delete;
  lock_guard& operator=(const lock_guard&) = delete;

 private:
  mutex_type& mutex_;
};
