// ContainerContents: which objects the containers of collected objects referred to when marking
// began.
//
// A container cannot be looked into while its task may change it. So when all tasks are held where
// they change none, those of all objects with a destructor are looked through and what they hold is
// written down; the rest goes on beside tasks. Handles in such containers are no roots then
// (roots.h): circles through them are collected.
//
// The collector's, one at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "runtime/memory/marker.h"
#include "runtime/memory/tracer.h"

namespace taskscope::memory {

class ContainerContents final : public Tracer {
  struct Edge {
    const void* holder;
    const void* place;  // null: a word that may be a handle
    void* target;
  };
  static constexpr std::size_t kEdgesMax = std::size_t{1} << 27;

 public:
  static constexpr std::size_t kOwnBytes = kEdgesMax * sizeof(Edge);

  ContainerContents();

  // Looks for where such objects are. Beside tasks.
  void find_holders();
  bool any_holders() const { return !spans_.empty(); }
  // While no task runs, and each is where it changes no container.
  void record();
  // Beside tasks, behind record(): handles in those places are no roots.
  void claim_handles() const;

  // What the containers of that object held.
  void show(const void* holder, Marker& marker) const;

  // What it writes its notes into.
  static const void* own_memory();

 private:
  void edge(const void* place, void* target) override;
  void words(const void* first, std::size_t bytes) override;
  void add(const void* place, void* target);

  std::vector<std::uint32_t> spans_;
  Edge* const edges_;  // in the order of their holders
  std::size_t count_ = 0;
  const void* holder_ = nullptr;  // while recording
};

}  // namespace taskscope::memory
