#include "runtime/memory/type.h"

#include "runtime/base/check.h"
#include "runtime/base/lock.h"
#include "runtime/memory/address_space.h"
#include "runtime/memory/header.h"

namespace taskscope::memory {
namespace {

constinit base::Lock g_types_lock;
constinit std::uint32_t g_type_count TASKSCOPE_GUARDED_BY(g_types_lock) = 1;

}  // namespace

// Written under the lock, read by whoever has the number of a type.
constinit TypeInfo* g_types = nullptr;

std::uint32_t register_type(const TypeInfo& type) {
  const base::LockGuard guard(g_types_lock);
  if (g_types == nullptr) {
    g_types = static_cast<TypeInfo*>(map_description(Header::kTypesMax * sizeof(TypeInfo)));
  }
  TASKSCOPE_CHECK(g_type_count < Header::kTypesMax);
  g_types[g_type_count] = type;
  return g_type_count++;
}

}  // namespace taskscope::memory
