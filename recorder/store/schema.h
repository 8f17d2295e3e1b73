// The tables of a recording, and the numbers by which a file is known to be one. Constants only.
//
// SCHEMA.md tells people what the columns mean.
#pragma once

#include <cstdint>

namespace taskscope::store {

inline constexpr std::int32_t kApplicationId = 0x54536370;  // "TScp"
inline constexpr std::int32_t kSchemaMajor = 6;             // user_version; an old reader refuses
inline constexpr const char* kFormatText = "taskscope 6.0";

extern const char* const kSchemaSql;

}  // namespace taskscope::store
