// What a program and its recorder say to each other over a Unix socket (SOCK_SEQPACKET: one
// message a packet). Rings travel as descriptors beside a RingOffer (SCM_RIGHTS).
//
// A recorder that has launched something listens, and every program below it that starts a run
// connects by itself: each has a connection of its own. One that attaches to a program connects to
// that, says Request first and may be Refused. Then: Hello, one RingOffer for each of its workers
// and one for threads that are no worker's (more may follow at any time), and Bye when the runtime
// stops, or when the recorder has asked for it with Detach. End of file without Bye means that the
// program died; its rings stay readable. A Request for Info is answered by Info, and that is all.
// Everything in here is hostile to the other side until checked: sizes, versions, lengths.
#pragma once

#include <cstdint>

#include "runtime/base/clock.h"
#include "runtime/trace_format/event.h"

namespace taskscope::trace_format {

// Set by the recorder for what it launches, and inherited by all that this starts: the path of the
// socket at which it listens.
inline constexpr const char* kRecorderVariable = "TASKSCOPE_RECORDER";

// What else a recorder wants of a program than its events. Of those that it launches it leaves that
// in the environment: "1" for stacks, and how many samples a second.
struct Wanted {
  std::uint16_t stacks = 0;     // not 0: of calls, at spawns and blocks
  std::uint16_t sample_hz = 0;  // of what each thread's processor does; 0: none

  bool anything() const { return stacks != 0 || sample_hz != 0; }
};
inline constexpr const char* kStacksVariable = "TASKSCOPE_STACKS";
inline constexpr const char* kSamplesVariable = "TASKSCOPE_SAMPLES";
inline constexpr std::uint16_t kSampleHzDefault = 99;  // not in step with what happens each 10 ms
inline constexpr std::uint16_t kSampleHzMax = 1000;

inline constexpr std::uint32_t kHandshakeMagic = 0x504f4353;  // "SCOP"
inline constexpr std::uint16_t kProtocolVersion = 3;

enum class MessageType : std::uint16_t {
  Hello = 1,
  RingOffer = 2,
  Bye = 3,
  Request = 4,
  Info = 5,
  Refused = 6,
  Detach = 7
};

struct MessageHeader {
  std::uint32_t magic = kHandshakeMagic;
  std::uint16_t version = kProtocolVersion;
  MessageType type{};
};

// ---- From the program ---------------------------------------------------------------------------

struct Hello {
  MessageHeader header{.type = MessageType::Hello};
  std::uint16_t format_major = kFormatMajor;
  std::uint16_t format_minor = kFormatMinor;
  std::uint32_t workers = 0;
  std::int64_t pid = 0;
  base::TickSource tick_source = base::TickSource::Hardware;
  std::uint8_t reserved[7] = {};
  base::ClockAnchor start;  // when tracing began: time zero, if it is the recording's first program
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
  // The recording ends here: what has later ticks is incomplete. 0: at the last event.
  std::uint64_t end_ticks = 0;
};

struct Info {
  MessageHeader header{.type = MessageType::Info};
  std::uint16_t format_major = kFormatMajor;
  std::uint16_t format_minor = kFormatMinor;
  std::uint32_t workers = 0;
  std::int64_t pid = 0;
  std::uint64_t tasks = 0;          // that live now
  std::int64_t run_started_ns = 0;  // since 1970
  std::int64_t recorder_pid = 0;    // 0: nobody records it
  char program[256] = {};
};

struct Refused {
  MessageHeader header{.type = MessageType::Refused};
  char reason[256] = {};  // a sentence, zero-terminated
};

// ---- From the recorder --------------------------------------------------------------------------

struct Request {
  enum class What : std::uint32_t { Info = 1, Attach = 2 };
  MessageHeader header{.type = MessageType::Request};
  What what = What::Info;
  Wanted wanted;  // of Attach
};

struct Detach {
  MessageHeader header{.type = MessageType::Detach};
};

}  // namespace taskscope::trace_format
