// Records programs: launches one, with all that it starts, or attaches to some; drains their rings,
// merges, builds spans, writes chunks.
//
// The single-threaded engine behind `taskscope record` and `attach`. The caller owns the loop:
// poll() does one bounded round of work and says what there is to show; finish() drains what is
// left, closes open spans and turns the database into one finished file. Not thread-safe; the
// traced programs never wait for it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "recorder/ingest/retention.h"
#include "recorder/store/rows.h"
#include "runtime/base/result.h"
#include "runtime/trace_format/handshake.h"

namespace taskscope::ingest {

struct LaunchOptions {
  std::vector<std::string> command;  // program and arguments; looked up in PATH like execvp
  std::string output_path;  // replaced if it is a recording; refused if it is anything else
  RetentionOptions retention;
  trace_format::Wanted wanted;  // of it and of what it starts
};

struct AttachOptions {
  std::vector<std::string> programs;  // process ids, or names as connect_by_names() takes them
  std::string output_path;            // empty: the first program's name with .tscope behind it
  RetentionOptions retention;
  trace_format::Wanted wanted;
};

struct Progress {
  std::int64_t elapsed_ns = 0;  // since the first program began; 0 before
  std::uint32_t programs = 0;   // that have said hello
  std::uint32_t awaited = 0;    // that were asked to by attach(), and have not yet
  std::uint64_t events = 0;
  std::uint64_t tasks = 0;  // ever seen
  std::uint64_t tasks_live = 0;
  std::uint64_t lost_events = 0;
  std::uint64_t file_bytes = 0;  // database and its WAL
  bool connected = false;        // a program has said hello
  bool program_ended = false;    // as all others, or has left us, and what they wrote has been read
  std::optional<std::string> snapshot_request;  // why a program called ts::snapshot_trace
};

struct RecordSummary {
  store::RecordingInfo info;
  bool connected = false;   // false: nothing recorded and no file left behind
  int exit_code = 0;        // of the program; 128 + signal if it was killed
  std::string exit_status;  // "exited 0", "killed by SIGSEGV (Segmentation fault)"
};

class Recorder {
 public:
  // Creates the file first (so that a bad path is an error before anything runs), then starts the
  // program. Errors: program not found or not executable, output not writable, not a recording.
  static Result<Recorder> launch(const LaunchOptions& options);
  // The same for programs that run. They are recorded from the first poll() that says so. Errors:
  // no such program, output not writable. That all of them refuse is an error of poll().
  static Result<Recorder> attach(const AttachOptions& options);
  Recorder(Recorder&&) noexcept;
  Recorder& operator=(Recorder&&) noexcept;
  ~Recorder();

  // One round: waits for at most `wait_ms` for something to do. An error is fatal to the recording
  // (disk full, database gone) but what was stored before stays; call finish() all the same.
  Result<Progress> poll(int wait_ms);

  // The recording is to end while the programs go on. poll() says when it has. Does not wait.
  // `why` completes "was ended by …" and goes into the file; empty: not worth saying.
  void leave(const std::string& why = {});

  // What waits now. Costs some 50 ns for each living task.
  std::vector<store::WaitingGroup> waiting_groups();

  // Sends `signal` to the program, if we have launched it (the caller forwards Ctrl-C this way).
  void signal_program(int signal);

  // Of the programs so far, by their ids.
  std::vector<std::string> program_names() const;

  // Whether the program that we launched has ended; also after finish(). Does not wait for it.
  bool program_has_ended();

  const std::string& output_path() const;

  // Waits for nothing: stores what the rings hold now and completes the file. Programs that still
  // run go on without being recorded.
  Result<RecordSummary> finish();

 private:
  struct Impl;
  explicit Recorder(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace taskscope::ingest
