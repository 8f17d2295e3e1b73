// Events: their kinds, their meaning, and the 16 bytes each takes in a ring.
//
// A leaf of the project: the traced program writes these, the recorder reads them, and nobody else
// defines them. Plain values, usable from any thread. See FORMAT.md for the whole story.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace taskscope::trace_format {

inline constexpr std::uint16_t kFormatMajor = 1;
inline constexpr std::uint16_t kFormatMinor = 7;

using TaskId = std::uint64_t;    // 1 is the main task; 0 is "no task"
using ObjectId = std::uint64_t;  // 0 is "no object"
using SiteId = std::uint32_t;    // 0 is "unknown place"
using WorkerId = std::uint32_t;
using NameId = std::uint32_t;   // 0 is "no name"
using StackId = std::uint32_t;  // 0 is "no stack"

inline constexpr int kIdBits = 40;
inline constexpr int kAuxBits = 24;
inline constexpr int kTickBits = 56;
inline constexpr int kSiteBits = 16;
inline constexpr std::uint64_t kIdMask = (std::uint64_t{1} << kIdBits) - 1;
inline constexpr std::uint32_t kAuxMask = (std::uint32_t{1} << kAuxBits) - 1;
inline constexpr SiteId kSiteMax = (SiteId{1} << kSiteBits) - 1;
inline constexpr NameId kNameMax = kAuxMask;
inline constexpr StackId kStackMax = kAuxMask;
inline constexpr std::uint32_t kSeqMask = kAuxMask;
inline constexpr WorkerId kWorkerMax = 4095;        // fits VictimCount
inline constexpr WorkerId kNoWorker = 0xffff'ffff;  // events from threads that are no worker's
inline constexpr std::size_t kTextBytesMax = 4096;

enum class EventKind : std::uint8_t {
#define TASKSCOPE_EVENT(number, name, text, id, aux) name = number,
#include "runtime/trace_format/events.def"
#undef TASKSCOPE_EVENT
};

enum class BlockReason : std::uint8_t {
  None = 0,
#define TASKSCOPE_BLOCK_REASON(number, name, text, reason_class) name = number,
#include "runtime/trace_format/events.def"
#undef TASKSCOPE_BLOCK_REASON
};

enum class ReasonClass : std::uint8_t { None, Channel, Lock, Sleep, Io };

enum class ObjectKind : std::uint8_t {
  Unknown = 0,
#define TASKSCOPE_OBJECT_KIND(number, name, text) name = number,
#include "runtime/trace_format/events.def"
#undef TASKSCOPE_OBJECT_KIND
};

enum class ArmOperation : std::uint8_t {
  Unknown = 0,
#define TASKSCOPE_ARM_OPERATION(number, name, text) name = number,
#include "runtime/trace_format/events.def"
#undef TASKSCOPE_ARM_OPERATION
};

enum class TimerKind : std::uint8_t {
  Unknown = 0,
#define TASKSCOPE_TIMER_KIND(number, name, text) name = number,
#include "runtime/trace_format/events.def"
#undef TASKSCOPE_TIMER_KIND
};

enum class GcPhase : std::uint8_t {
  Unknown = 0,
#define TASKSCOPE_GC_PHASE(number, name, text) name = number,
#include "runtime/trace_format/events.def"
#undef TASKSCOPE_GC_PHASE
};

enum class EscapeReason : std::uint8_t {
  None = 0,
#define TASKSCOPE_ESCAPE_REASON(number, name, text) name = number,
#include "runtime/trace_format/events.def"
#undef TASKSCOPE_ESCAPE_REASON
};
inline constexpr std::size_t kEscapeReasons = 10;  // with None

// What the two arguments of an event mean.
enum class IdField : std::uint8_t {
  None,
  Task,
  Object,
  Worker,
  Thread,
  Site,
  Count,
  Name,
  Value,
  Stack
};
enum class AuxField : std::uint8_t {
  None,
  Seq,
  Site,
  ReasonSite,
  KindSite,
  VictimCount,
  Operation,
  DepthSite,
  Name,
  Bytes,
  Count
};

struct EventSpec {
  EventKind kind;
  std::string_view text;  // its name in the text form and in SQL
  IdField id;
  AuxField aux;
};

// Null for numbers the table does not have.
const EventSpec* find_event_spec(std::uint8_t kind);
const EventSpec* find_event_spec(std::string_view text);

// Names as in SQL and on screen; "unknown" for numbers the table does not have.
std::string_view to_text(EventKind kind);
std::string_view to_text(BlockReason reason);
std::string_view to_text(ObjectKind kind);
std::string_view to_text(ArmOperation operation);
std::string_view to_text(TimerKind kind);
std::string_view to_text(GcPhase phase);
std::string_view to_text(EscapeReason reason);  // of None: "does not escape"
ReasonClass reason_class(BlockReason reason);
std::optional<BlockReason> parse_block_reason(std::string_view text);
std::optional<ObjectKind> parse_object_kind(std::string_view text);
std::optional<ArmOperation> parse_arm_operation(std::string_view text);
std::optional<TimerKind> parse_timer_kind(std::string_view text);
std::optional<GcPhase> parse_gc_phase(std::string_view text);
std::optional<EscapeReason> parse_escape_reason(std::string_view text);  // never None

// One event as the program means it. Which of the two arguments an event uses, and for what, is in
// its EventSpec.
struct Event {
  std::uint64_t ticks = 0;
  std::uint64_t id = 0;   // below 2^40
  std::uint32_t aux = 0;  // below 2^24
  EventKind kind{};

  friend bool operator==(const Event&, const Event&) = default;
};

// Packing of two-part aux values.
constexpr std::uint32_t pack_reason_site(BlockReason reason, SiteId site) {
  return static_cast<std::uint32_t>(reason) << kSiteBits | (site & kSiteMax);
}
constexpr std::uint32_t pack_kind_site(ObjectKind kind, SiteId site) {
  return static_cast<std::uint32_t>(kind) << kSiteBits | (site & kSiteMax);
}
constexpr std::uint32_t pack_victim_count(WorkerId victim, std::uint32_t count) {
  return (victim & 0xfff) << 12 | (count > 0xfff ? 0xfff : count);
}
constexpr std::uint32_t pack_depth_site(std::uint8_t depth, SiteId site) {
  return std::uint32_t{depth} << kSiteBits | (site & kSiteMax);
}
// Values of counters: 40 bits with a sign.
inline constexpr std::int64_t kValueMax = (std::int64_t{1} << (kIdBits - 1)) - 1;
constexpr bool fits_value(std::int64_t value) {
  return value <= kValueMax && value >= -kValueMax - 1;
}
constexpr std::uint64_t pack_value(std::int64_t value) {
  return static_cast<std::uint64_t>(value) & kIdMask;
}
constexpr std::int64_t unpack_value(std::uint64_t id) {
  return static_cast<std::int64_t>(id << (64 - kIdBits)) >> (64 - kIdBits);
}
constexpr std::uint8_t aux_depth(std::uint32_t aux) {
  return static_cast<std::uint8_t>(aux >> kSiteBits & 0xff);
}
constexpr SiteId aux_site(std::uint32_t aux) { return aux & kSiteMax; }
constexpr BlockReason aux_reason(std::uint32_t aux) {
  return static_cast<BlockReason>(aux >> kSiteBits & 0xff);
}
constexpr ObjectKind aux_object_kind(std::uint32_t aux) {
  return static_cast<ObjectKind>(aux >> kSiteBits & 0xff);
}
constexpr ArmOperation aux_operation(std::uint32_t aux) {
  return static_cast<ArmOperation>(aux & 0xff);
}
constexpr WorkerId aux_victim(std::uint32_t aux) { return aux >> 12 & 0xfff; }
constexpr std::uint32_t aux_count(std::uint32_t aux) { return aux & 0xfff; }

}  // namespace taskscope::trace_format
