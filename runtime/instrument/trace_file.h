// TraceFile: a program's own recorder: a thread that writes what the rings hold to a file.
//
// For programs that run where no recorder can, or is wanted (`TASKSCOPE_TRACE=FILE`). To the tracer
// it is the other end of the recorder's socket. A program that dies by a panic, a deadlock
// or a fault, by exit() or at the end of main() has all of its trace in the file; one that aborts
// or is killed loses the last few milliseconds. Never makes the program wait, but for the end of
// the file.
//
// One of them in a process. Owned by the tracer.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/base/lock.h"
#include "runtime/base/result.h"
#include "runtime/base/unique_fd.h"
#include "runtime/trace_format/ring_layout.h"
#include "runtime/trace_format/trace_file.h"

namespace taskscope::instrument {

class TraceFile {
 public:
  // The path in the environment, which is taken out of it so that children do not write over the
  // file. Empty: none.
  static std::string take_path();
  // Makes the file anew and starts the thread. `program_end` is set to the socket for the tracer.
  // An error is a sentence that names the file.
  static Result<std::unique_ptr<TraceFile>> create(const std::string& path,
                                                   base::UniqueFd& program_end);

  TraceFile(const TraceFile&) = delete;
  TraceFile& operator=(const TraceFile&) = delete;
  // Waits until all is written. REQUIRES: the tracer has said goodbye, or its socket is closed.
  ~TraceFile();

  // The process is about to die: writes what the rings hold now. Nothing if there is no file.
  // Async-signal-safe.
  static void save_before_death();
  // Whether this process has one, and with it a thread of its own. Any thread.
  static bool exists();
  // In the child of a fork: the file and the thread are the parent's.
  static void forget();

 private:
  // A ring as it is mapped here.
  struct Ring {
    trace_format::WorkerId worker_id = trace_format::kNoWorker;
    std::uint64_t capacity = 0;
    std::uint64_t tail = 0;
    std::uint64_t lost = 0;  // as written last
    trace_format::RingHeader* header = nullptr;
  };
  static constexpr std::size_t kRingsMax = trace_format::kWorkerMax + 2;

  TraceFile(std::string path, base::UniqueFd file, base::UniqueFd socket);
  void loop();
  // How long to wait for the next one, in milliseconds; none after the program's goodbye.
  std::optional<int> round();
  bool take_packets();
  void take_ring(int memory, trace_format::WorkerId worker_id, std::uint64_t capacity);
  void drain();
  void drain(Ring& ring);
  void write(trace_format::BlockKind kind, trace_format::WorkerId worker_id, const void* first,
             std::size_t first_bytes, const void* second = nullptr, std::size_t second_bytes = 0);
  bool write_all(const void* data, std::size_t bytes);

  // Constant after construction.
  const std::string path_;
  const base::UniqueFd file_;
  const base::UniqueFd socket_;

  // Guarded by lock_: the thread's, or whoever saves what there is before the process dies.
  base::Lock lock_;
  std::vector<Ring> rings_;  // never moves: its capacity is that of all rings there can be
  base::TickSource tick_source_ = base::TickSource::MonotonicNs;
  bool busy_ = false;    // the last round found something
  bool failed_ = false;  // what does not fit on the disk is not tried again

  std::thread thread_;
};

}  // namespace taskscope::instrument
