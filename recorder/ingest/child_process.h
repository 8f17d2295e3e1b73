// The program that is recorded: started, watched, reaped. One thread at a time.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/trace_format/handshake.h"

namespace taskscope::ingest {

class ChildProcess {
 public:
  // Starts `command` (looked up in PATH) with our standard streams; its environment says where its
  // recorder listens and what that wants. Fails with one sentence that names the program.
  static Result<ChildProcess> launch(const std::vector<std::string>& command,
                                     const std::string& recorder_path,
                                     const trace_format::Wanted& wanted);

  // True once it has ended; reaps it. Does not block.
  bool has_ended();
  void send_signal(int signal);

  pid_t pid() const { return pid_; }
  // Of a program that has ended: its code, or 128 + the signal that killed it.
  int exit_code() const { return exit_code_; }
  // "exited 0", "killed by SIGSEGV (Segmentation fault)"; empty while it runs.
  const std::string& exit_status() const { return exit_status_; }

 private:
  pid_t pid_ = -1;
  bool ended_ = false;
  int exit_code_ = 0;
  std::string exit_status_;
};

}  // namespace taskscope::ingest
