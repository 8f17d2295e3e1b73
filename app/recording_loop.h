// What `record` and `attach` share: signals, the live line, the options of retention, the end of a
// recording. Main thread only.
#pragma once

#include <cstdint>
#include <string>

#include <CLI/CLI.hpp>

#include "recorder/ingest/recorder.h"

namespace taskscope::app {

// --keep, --max-size.
void add_retention(CLI::App& command, ingest::RetentionOptions& retention);
// What ends a flight recorder's recording, apart from the end of the program and of --for.
enum class Until : std::uint8_t {
  Nothing,   // not a flight recorder
  Snapshot,  // ts::snapshot_trace(), or SIGUSR1 to the recorder
  Finding,   // these, or a finding
};
// --until; keeps the last minute if neither --keep nor --max-size says otherwise. After them.
void add_until(CLI::App& command, Until& until, ingest::RetentionOptions& retention);

// --stacks, --samples.
void add_wanted(CLI::App& command, trace_format::Wanted& wanted);
// --for; fills `duration_ns`.
void add_duration(CLI::App& command, std::int64_t& duration_ns);

// Takes SIGINT, SIGTERM and SIGHUP for its lifetime, and SIGUSR1 for a flight recorder. One at a
// time.
class InterruptGuard {
 public:
  explicit InterruptGuard(Until until);
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;
};
// How many signals came so far.
int interrupts();
// Whether a flight recorder was told by signal to keep what it has.
bool asked_to_save();
// A signal that came to us alone and is to be passed on to the program; 0: none. Once each.
int take_signal_to_forward();

struct DriveOptions {
  bool quiet = false;
  std::int64_t duration_ns = 0;     // 0: until the program ends
  bool interrupt_detaches = false;  // false: it is for the program to end
  Until until = Until::Nothing;
};

// Runs the recording to its end. Returns false after a fatal error, which has been printed.
bool drive(ingest::Recorder& recorder, const DriveOptions& options);

// Finds what is wrong in a finished file and stores it there.
Result<void> store_findings(const std::string& path);

// The same, and prints the summary. Returns false after an error, which has been printed.
bool conclude(const std::string& path, bool quiet);

}  // namespace taskscope::app
