// SingleFlight: of all who ask for the same thing at the same time, one works and the others wait
// for what it finds. Go's golang.org/x/sync/singleflight.
//
//   ts::SingleFlight<std::string, Page> flights;
//   Page page = flights.call(url, [&] { return load(url); }).value;
//   flights.forget(url);  // who asks from now on works again
//
// Nothing is remembered: once a call has ended, the next one works again. An exception of the
// function reaches everyone who waited for it. A function that calls its own key waits for itself.
// T must be copyable.
//
// Owned by the program, shared by reference; for tasks. Must outlive its calls.
//
// Invariants: a key is in flights_ exactly while its flight is neither over nor forgotten; a flight
// is written by its worker alone until `over` is closed, and by nobody afterwards.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <type_traits>
#include <unordered_map>
#include <utility>

#include "runtime/base/site.h"
#include "runtime/channel/chan.h"
#include "runtime/context/context.h"
#include "runtime/sched/go.h"
#include "runtime/sync/mutex.h"
#include "runtime/sync/mutex_guards.h"

namespace taskscope {

template <class Key, class T, class Hash = std::hash<Key>>
class SingleFlight {
  static_assert(std::is_copy_constructible_v<T>, "everyone who waits gets a copy of the value");

 public:
  struct Answer {
    T value;
    bool shared = false;  // somebody else has got the same
  };

  SingleFlight() = default;
  SingleFlight(const SingleFlight&) = delete;
  SingleFlight& operator=(const SingleFlight&) = delete;

  // Calls `function` in this task, or waits for the task that does so for `key` already.
  template <class F>
  Answer call(const Key& key, F&& function, Site site = Site::here()) {
    const auto [flight, mine] = board(key, site);
    if (mine) {
      work(key, *flight, function);
    } else {
      flight->over.recv(site);
    }
    return answer(*flight);
  }

  // The same in a task of its own, so that nobody has to stay until the end: throws the context's
  // cause() if that is done first. `function` is copied or moved into the task, which others may
  // still wait for: it must not refer to what only the caller keeps alive. If copying it throws,
  // that is the exception of this call and of those who wait for it.
  template <class F>
  Answer call(const Context& context, const Key& key, F&& function, Site site = Site::here()) {
    context.throw_if_done();
    const auto [flight, mine] = board(key, site);
    if (mine) start(key, flight, std::forward<F>(function), site);
    static_cast<void>(flight->over.recv(context, site));  // closed, or done: see below
    if (!flight->ended.load(std::memory_order_acquire)) context.throw_if_done();
    return answer(*flight);
  }

  // Who asks for `key` from now on works again; those who wait go on waiting.
  void forget(const Key& key) {
    const std::scoped_lock guard(mutex_);
    flights_.erase(key);
  }

 private:
  struct Flight {
    explicit Flight(const Site& site) : over(make_chan<Unit>("single flight", 0, site)) {}
    const Chan<Unit> over;  // closed at the end
    std::optional<T> value;
    std::exception_ptr failure;
    // Atomic: set before `over` is closed, release; acquire pairs with it.
    std::atomic<bool> ended{false};
    // Atomic: how many wait for another's work; counted under mutex_, read at the end.
    std::atomic<std::uint32_t> passengers{0};
  };
  // shared: a flight lives until the last of those who wait for it has taken its answer
  using FlightPtr = std::shared_ptr<Flight>;

  struct Boarded {
    FlightPtr flight;
    bool mine;
  };
  Boarded board(const Key& key, const Site& site) {
    const std::scoped_lock guard(mutex_);
    FlightPtr& slot = flights_[key];
    if (slot != nullptr) {
      slot->passengers.fetch_add(1, std::memory_order_relaxed);
      return {slot, false};
    }
    slot = std::make_shared<Flight>(site);
    return {slot, true};
  }

  // A task that works for `flight`. Somebody may wait for it already: without a task it ends here.
  template <class F>
  void start(const Key& key, const FlightPtr& flight, F&& function, const Site& site) {
    try {
      sched::spawn(
          "single flight",
          [this, key, own = flight, body = std::decay_t<F>(std::forward<F>(function))]() mutable {
            work(key, *own, body);
          },
          site);
    } catch (...) {
      flight->failure = std::current_exception();
      end(key, *flight);
      throw;
    }
  }

  template <class F>
  void work(const Key& key, Flight& flight, F& function) {
    try {
      flight.value.emplace(function());
    } catch (...) {
      flight.failure = std::current_exception();
    }
    end(key, flight);
  }

  void end(const Key& key, Flight& flight) {
    {
      const std::scoped_lock guard(mutex_);
      const auto it = flights_.find(key);
      // Somebody may have forgotten it and started another.
      if (it != flights_.end() && it->second.get() == &flight) flights_.erase(it);
    }
    flight.ended.store(true, std::memory_order_release);
    flight.over.close();
  }

  static Answer answer(const Flight& flight) {
    if (flight.failure != nullptr) std::rethrow_exception(flight.failure);
    return {*flight.value, flight.passengers.load(std::memory_order_relaxed) != 0};
  }

  // Guarded by mutex_.
  Mutex mutex_{"single flight"};
  std::unordered_map<Key, FlightPtr, Hash> flights_;
};

}  // namespace taskscope
