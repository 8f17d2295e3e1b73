// TracedObject: what the trace knows of a channel, mutex or wait group.
//
// Embedded in the object and owned by it. Its id is given at the first wait while a recording runs,
// so objects that nobody waits for cost the trace nothing. An object may outlive a recording; the
// id counts only in the recording (session) that gave it. Whoever needs it first gives it, by a
// CAS: the task that begins to wait, or who tells a recorder that attaches of one that does.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "runtime/base/site.h"
#include "runtime/trace_format/event.h"

namespace taskscope::instrument {

class TracedObject {
 public:
  TracedObject(trace_format::ObjectKind kind, const base::Site& made_at, std::uint32_t capacity = 0,
               const char* name = nullptr)
      : made_at_(made_at), name_(name), capacity_(capacity), kind_(kind) {}
  TracedObject(const TracedObject&) = delete;
  TracedObject& operator=(const TracedObject&) = delete;

  // 0 if that recording has not been told of this object.
  trace_format::ObjectId id_in(std::uint32_t session) const {
    const std::uint64_t value = session_and_id_.load(std::memory_order_relaxed);
    return value >> trace_format::kIdBits == session_bits(session) ? value & trace_format::kIdMask
                                                                   : 0;
  }
  // True if some recording has been told of it.
  bool announced() const { return session_and_id_.load(std::memory_order_relaxed) != 0; }
  // Gives it `id` unless it has one in that recording; returns the one that it has.
  trace_format::ObjectId claim_id(std::uint32_t session, trace_format::ObjectId id) {
    const std::uint64_t wanted = session_bits(session) << trace_format::kIdBits | id;
    std::uint64_t value = session_and_id_.load(std::memory_order_relaxed);
    do {
      if (const auto known = id_in(session); known != 0) return known;
    } while (!session_and_id_.compare_exchange_weak(value, wanted, std::memory_order_relaxed));
    return id;
  }

  const base::Site& made_at() const { return made_at_; }
  const char* name() const { return name_; }
  // For debuggers: where in this object name() lies.
  static constexpr std::size_t name_offset() { return offsetof(TracedObject, name_); }
  std::uint32_t capacity() const { return capacity_; }
  trace_format::ObjectKind kind() const { return kind_; }

 private:
  static std::uint64_t session_bits(std::uint32_t session) {
    return session & trace_format::kAuxMask;
  }

  // Constant after construction.
  base::Site made_at_;
  const char* name_;
  std::uint32_t capacity_;
  trace_format::ObjectKind kind_;

  // Atomic: 24 bits of session, 40 of id; 0 is never announced.
  std::atomic<std::uint64_t> session_and_id_{0};
};

}  // namespace taskscope::instrument
