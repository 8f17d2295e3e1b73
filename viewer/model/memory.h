// What collected memory did in a recording, ready to draw: collections with their phases and pauses
// as tracks, and the sites that make objects.
//
// In the tracks a span's StateClass is no state: it is the number of a phase. A span's payload is
// the number of its collection.
//
// Built at once by a loader thread, immutable from then on; usable from any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "recorder/store/rows.h"
#include "viewer/model/packed_arena.h"
#include "viewer/model/time_range.h"
#include "viewer/model/track.h"

namespace taskscope::viewer {

constexpr StateClass class_of(store::GcPhase phase) { return static_cast<StateClass>(phase); }
constexpr store::GcPhase phase_of(StateClass state_class) {
  return static_cast<store::GcPhase>(state_class);
}

// The rows that it is made from.
struct MemoryRows {
  std::vector<store::GcCycleRow> cycles;  // by id
  std::vector<store::GcPhaseRow> phases;  // by start
  std::vector<store::EscapeSiteRow> sites;
};

// A collection, with what its phases amount to.
struct Collection {
  store::GcCycleRow row;
  TimeRange range;                                     // as far as it is known
  std::array<std::int64_t, kStateClasses> phase_ns{};  // by class_of()
  std::int64_t longest_pause_ns = 0;
  std::uint32_t pauses = 0;
  std::uint32_t assists = 0;

  std::int64_t ns_of(store::GcPhase phase) const {
    return phase_ns[static_cast<std::size_t>(class_of(phase))];
  }
};

class Memory {
 public:
  Memory() = default;
  // `end_ns`: of the recording.
  Memory(MemoryRows rows, std::int64_t end_ns);

  bool empty() const { return collections_.empty() && sites_.empty(); }
  const std::vector<Collection>& collections() const { return collections_; }  // by start
  // What was done, one after the other: of phases that overlap, the one that began first.
  const Track& phases() const { return phases_; }
  const Track& pauses() const { return pauses_; }
  const std::vector<store::EscapeSiteRow>& sites() const { return sites_; }  // worst first

  // The collection that reaches into the range, the last one of several; nothing if none does.
  std::optional<std::uint32_t> collection_in(TimeRange range) const;
  // How many begin in the range, with one that is under way when it begins.
  std::size_t count_in(TimeRange range) const;
  std::optional<std::uint32_t> find_collection(store::GcCycleId id) const;
  // How long no task ran.
  std::int64_t paused_ns(TimeRange range) const;

 private:
  void add_phases(const std::vector<store::GcPhaseRow>& rows);

  // Constant after construction.
  std::unique_ptr<PackedArena> arena_;
  std::vector<Collection> collections_;
  Track phases_;
  Track pauses_;
  std::vector<store::EscapeSiteRow> sites_;
};

// "Collection 7, asked for".
std::string collection_title(const Collection& collection);
// "30.1 MiB to 4.00 MiB, 26.1 MiB freed"; what is not known is left out.
std::string collection_amounts(const Collection& collection);
// "mark 1.20 ms, sweep 310 µs": longest first, without pauses.
std::string collection_phases(const Collection& collection);

}  // namespace taskscope::viewer
