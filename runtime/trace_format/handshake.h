// What a program and its recorder say to each other over a Unix socket (SOCK_SEQPACKET: one
// message a packet). Rings travel as descriptors beside a RingOffer (SCM_RIGHTS).
//
// Order: Hello, then one RingOffer per ring (more may follow at any time), then Bye when the
// runtime stops. End of file without Bye means that the program died; its rings stay readable.
// Everything in here is hostile to the recorder until checked: sizes, versions, lengths.
#pragma once

#include <cstdint>

#include "runtime/base/clock.h"
#include "runtime/trace_format/event.h"

namespace taskscope::trace_format {

// Set by the recorder for the program it launches: the number of an inherited socket descriptor.
inline constexpr const char* kRecorderFdVariable = "TASKSCOPE_RECORDER_FD";

inline constexpr std::uint32_t kHandshakeMagic = 0x504f4353;  // "SCOP"
inline constexpr std::uint16_t kProtocolVersion = 1;

enum class MessageType : std::uint16_t { Hello = 1, RingOffer = 2, Bye = 3 };

struct MessageHeader {
  std::uint32_t magic = kHandshakeMagic;
  std::uint16_t version = kProtocolVersion;
  MessageType type{};
};

struct Hello {
  MessageHeader header{.type = MessageType::Hello};
  std::uint16_t format_major = kFormatMajor;
  std::uint16_t format_minor = kFormatMinor;
  std::uint32_t workers = 0;
  std::int64_t pid = 0;
  base::TickSource tick_source = base::TickSource::Hardware;
  std::uint8_t reserved[7] = {};
  base::ClockAnchor start;  // when tracing began: time zero of the recording
  char program[256] = {};   // zero-terminated path or name
};

struct RingOffer {
  MessageHeader header{.type = MessageType::RingOffer};
  WorkerId worker_id = kNoWorker;
  std::uint32_t reserved = 0;
  std::uint64_t capacity = 0;  // records
};

struct Bye {
  MessageHeader header{.type = MessageType::Bye};
};

}  // namespace taskscope::trace_format
