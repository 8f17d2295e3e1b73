// TypeInfo: how the collector finds the handles in an object of one type, and how it ends.
//
// One for each type that ts::make was called with, registered with its first object and never
// changed. The first 64 words of an object are described by masks; what is beyond, or moves, by a
// function.
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/memory/tracer.h"

namespace taskscope::memory {

struct TypeInfo {
  std::uint64_t edges = 0;                                // words that are handles
  std::uint64_t words = 0;                                // words that may be anything
  void (*trace)(void* object, Tracer& tracer) = nullptr;  // instead of the masks
  bool only_handles = false;  // an array: all behind its first 16 bytes are handles
  void (*destroy)(void* object) = nullptr;
  const char* name = nullptr;  // as the compiler writes it
};

// Never 0. Any thread.
std::uint32_t register_type(const TypeInfo& type);
extern TypeInfo* g_types;
inline const TypeInfo& type_info(std::uint32_t type) { return g_types[type]; }

}  // namespace taskscope::memory
