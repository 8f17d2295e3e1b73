#include "runtime/trace_format/event.h"

#include <algorithm>
#include <array>

namespace taskscope::trace_format {
namespace {

constexpr std::array kEvents = {
#define TASKSCOPE_EVENT(number, name, text, id, aux) \
  EventSpec{EventKind::name, text, IdField::id, AuxField::aux},
#include "runtime/trace_format/events.def"
#undef TASKSCOPE_EVENT
};

struct ReasonSpec {
  BlockReason reason;
  std::string_view text;
  ReasonClass reason_class;
};
constexpr std::array kReasons = {
#define TASKSCOPE_BLOCK_REASON(number, name, text, reason_class) \
  ReasonSpec{BlockReason::name, text, ReasonClass::reason_class},
#include "runtime/trace_format/events.def"
#undef TASKSCOPE_BLOCK_REASON
};

struct ObjectSpec {
  ObjectKind kind;
  std::string_view text;
};
constexpr std::array kObjects = {
#define TASKSCOPE_OBJECT_KIND(number, name, text) ObjectSpec{ObjectKind::name, text},
#include "runtime/trace_format/events.def"
#undef TASKSCOPE_OBJECT_KIND
};

struct OperationSpec {
  ArmOperation operation;
  std::string_view text;
};
constexpr std::array kOperations = {
#define TASKSCOPE_ARM_OPERATION(number, name, text) OperationSpec{ArmOperation::name, text},
#include "runtime/trace_format/events.def"
#undef TASKSCOPE_ARM_OPERATION
};

struct TimerSpec {
  TimerKind kind;
  std::string_view text;
};
constexpr std::array kTimers = {
#define TASKSCOPE_TIMER_KIND(number, name, text) TimerSpec{TimerKind::name, text},
#include "runtime/trace_format/events.def"
#undef TASKSCOPE_TIMER_KIND
};

struct PhaseSpec {
  GcPhase phase;
  std::string_view text;
};
constexpr std::array kPhases = {
#define TASKSCOPE_GC_PHASE(number, name, text) PhaseSpec{GcPhase::name, text},
#include "runtime/trace_format/events.def"
#undef TASKSCOPE_GC_PHASE
};

struct EscapeSpec {
  EscapeReason reason;
  std::string_view text;
};
constexpr std::array kEscapes = {
#define TASKSCOPE_ESCAPE_REASON(number, name, text) EscapeSpec{EscapeReason::name, text},
#include "runtime/trace_format/events.def"
#undef TASKSCOPE_ESCAPE_REASON
};
static_assert(kEscapes.size() + 1 == kEscapeReasons);

// Index + 1 into kEvents by event number; 0 where there is none.
constexpr auto kEventByNumber = [] {
  std::array<std::uint8_t, 256> table{};
  for (std::size_t i = 0; i < kEvents.size(); ++i) {
    table[static_cast<std::uint8_t>(kEvents[i].kind)] = static_cast<std::uint8_t>(i + 1);
  }
  return table;
}();

template <class Table, class Match>
auto find_in(const Table& table, Match match) -> decltype(&table[0]) {
  const auto it = std::find_if(table.begin(), table.end(), match);
  return it == table.end() ? nullptr : &*it;
}

}  // namespace

const EventSpec* find_event_spec(std::uint8_t kind) {
  const std::uint8_t index = kEventByNumber[kind];
  return index == 0 ? nullptr : &kEvents[index - 1u];
}

const EventSpec* find_event_spec(std::string_view text) {
  return find_in(kEvents, [=](const EventSpec& spec) { return spec.text == text; });
}

std::string_view to_text(EventKind kind) {
  const EventSpec* spec = find_event_spec(static_cast<std::uint8_t>(kind));
  return spec == nullptr ? "unknown" : spec->text;
}

std::string_view to_text(BlockReason reason) {
  if (reason == BlockReason::None) return "none";
  const auto* spec = find_in(kReasons, [=](const ReasonSpec& s) { return s.reason == reason; });
  return spec == nullptr ? "unknown" : spec->text;
}

std::string_view to_text(ObjectKind kind) {
  const auto* spec = find_in(kObjects, [=](const ObjectSpec& s) { return s.kind == kind; });
  return spec == nullptr ? "unknown" : spec->text;
}

std::string_view to_text(ArmOperation operation) {
  const auto* spec =
      find_in(kOperations, [=](const OperationSpec& s) { return s.operation == operation; });
  return spec == nullptr ? "unknown" : spec->text;
}

std::string_view to_text(TimerKind kind) {
  const auto* spec = find_in(kTimers, [=](const TimerSpec& s) { return s.kind == kind; });
  return spec == nullptr ? "unknown" : spec->text;
}

std::string_view to_text(GcPhase phase) {
  const auto* spec = find_in(kPhases, [=](const PhaseSpec& s) { return s.phase == phase; });
  return spec == nullptr ? "unknown" : spec->text;
}

std::string_view to_text(EscapeReason reason) {
  if (reason == EscapeReason::None) return "does not escape";
  const auto* spec = find_in(kEscapes, [=](const EscapeSpec& s) { return s.reason == reason; });
  return spec == nullptr ? "unknown" : spec->text;
}

ReasonClass reason_class(BlockReason reason) {
  const auto* spec = find_in(kReasons, [=](const ReasonSpec& s) { return s.reason == reason; });
  return spec == nullptr ? ReasonClass::None : spec->reason_class;
}

std::optional<BlockReason> parse_block_reason(std::string_view text) {
  if (text == "none") return BlockReason::None;
  const auto* spec = find_in(kReasons, [=](const ReasonSpec& s) { return s.text == text; });
  return spec == nullptr ? std::nullopt : std::optional(spec->reason);
}

std::optional<ObjectKind> parse_object_kind(std::string_view text) {
  const auto* spec = find_in(kObjects, [=](const ObjectSpec& s) { return s.text == text; });
  return spec == nullptr ? std::nullopt : std::optional(spec->kind);
}

std::optional<ArmOperation> parse_arm_operation(std::string_view text) {
  const auto* spec = find_in(kOperations, [=](const OperationSpec& s) { return s.text == text; });
  return spec == nullptr ? std::nullopt : std::optional(spec->operation);
}

std::optional<TimerKind> parse_timer_kind(std::string_view text) {
  const auto* spec = find_in(kTimers, [=](const TimerSpec& s) { return s.text == text; });
  return spec == nullptr ? std::nullopt : std::optional(spec->kind);
}

std::optional<GcPhase> parse_gc_phase(std::string_view text) {
  const auto* spec = find_in(kPhases, [=](const PhaseSpec& s) { return s.text == text; });
  return spec == nullptr ? std::nullopt : std::optional(spec->phase);
}

std::optional<EscapeReason> parse_escape_reason(std::string_view text) {
  const auto* spec = find_in(kEscapes, [=](const EscapeSpec& s) { return s.text == text; });
  return spec == nullptr ? std::nullopt : std::optional(spec->reason);
}

}  // namespace taskscope::trace_format
