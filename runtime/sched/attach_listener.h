// AttachListener: the thread that lets recorders in, and notices when one leaves.
//
// It sleeps in the kernel until somebody knocks. A run shorter than kQuietNs never opens a door.
// What knocks is somebody of the same user (AttachEndpoint), and otherwise not trusted: a few at a
// time, each with one short packet to say what it wants.
//
// Owned by the Scheduler. start() and stop() are called by the thread in ts::run.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <thread>
#include <vector>

#include "runtime/base/unique_fd.h"
#include "runtime/instrument/attach_endpoint.h"
#include "runtime/trace_format/handshake.h"

namespace taskscope::sched {

class Scheduler;

class AttachListener {
 public:
  static constexpr std::int64_t kQuietNs = 20'000'000;

  explicit AttachListener(Scheduler& scheduler) : scheduler_(scheduler) {}
  AttachListener(const AttachListener&) = delete;
  AttachListener& operator=(const AttachListener&) = delete;

  // Nothing if TASKSCOPE_ATTACH is 0 and no recorder has launched the program.
  void start();
  void stop();
  bool runs() const { return thread_.joinable(); }

  // In the child of a fork.
  void forget();

 private:
  struct Visitor {
    base::UniqueFd socket;
    std::int64_t pid = 0;
    std::int64_t since_ns = 0;
  };

  void loop();
  void open();
  // Waits until something happens. False if it was stop().
  bool wait();
  void let_in();
  void hear(Visitor& visitor);
  void answer(Visitor& visitor);
  void admit(Visitor& visitor, const trace_format::Wanted& wanted);
  void watch_recorder();

  // Constant after construction.
  Scheduler& scheduler_;
  std::int64_t started_ns_ = 0;  // since 1970
  bool may_attach_ = true;

  // Owned by the thread in ts::run.
  std::thread thread_;

  // Owned by the listener's thread.
  std::optional<instrument::AttachEndpoint> endpoint_;  // none: nobody can attach
  std::vector<Visitor> visitors_;
  std::int64_t recorder_pid_ = 0;

  // Constant while the thread lives: becomes readable when it is to end.
  base::UniqueFd stop_;
};

}  // namespace taskscope::sched
