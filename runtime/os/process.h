// ts::os::Process: child processes.
//
//   ts::Result<ts::os::Output> out =
//       ts::os::output(ctx, {.arguments = {"git", "rev-parse", "HEAD"}});
//   if (!out) return report(out.error().message);            // it could not be started
//   if (!out->status.success()) return report(out->error);   // it said why
//   use(out->output);
//
//   ts::os::Command sort{.arguments = {"sort"}};
//   sort.input = sort.output = ts::os::Stream::Pipe;
//   ts::Result<ts::os::Process> child = ts::os::Process::start(sort);
//   if (!child) return report(child.error().message);
//   log("sort is process " + std::to_string(child->id()));
//   if (auto put = child->input().write_all(ctx, "b\na\n"); !put) report(put.error().message);
//   if (auto closed = child->input().close(); !closed) report(closed.error().message);
//   ts::Result<std::string> sorted = child->output().read_all(ctx);
//   if (!sorted) log(child->kill(SIGTERM) ? "gave up" : "it has ended");
//   ts::Result<ts::os::ExitStatus> status = child->wait();
//   if (status && !status->success()) log(status->to_string());
//
// A task that waits for a child waits in the poller, for the child's pidfd: it keeps no thread, and
// nobody else's children are reaped by mistake. Signals of the child are at their defaults, its
// descriptors are the three standard ones. Tasks only.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/base/site.h"
#include "runtime/context/context.h"
#include "runtime/net/descriptor.h"
#include "runtime/os/pipe.h"

namespace taskscope::os {

// Where one of a child's standard streams goes.
enum class Stream : std::uint8_t { Inherit, Pipe, Null };

struct Command {
  // The first is the program, looked for in PATH unless it has a slash.
  std::vector<std::string> arguments;
  // "NAME=value"; none: this process's environment.
  std::optional<std::vector<std::string>> environment = std::nullopt;
  std::string directory = {};  // to start in; empty: this process's
  Stream input = Stream::Null;
  Stream output = Stream::Inherit;
  Stream error = Stream::Inherit;
};

struct ExitStatus {
  int code = 0;    // what it returned; meaningless if a signal ended it
  int signal = 0;  // 0: it ended by itself

  bool success() const { return code == 0 && signal == 0; }
  // "exit status 1", "killed by signal 9".
  std::string to_string() const;
};

// A shared handle. A child that nobody waits for stays a zombie until this process ends.
class Process {
 public:
  static Result<Process> start(const Command& command, Site site = Site::here());

  // Returns when it has ended; may be called again, and by several tasks.
  Result<ExitStatus> wait(Site site = Site::here()) const;
  // The same, but given up, with an error of context.error()'s kind, if `context` is done first;
  // the child goes on.
  Result<ExitStatus> wait(const Context& context, Site site = Site::here()) const;
  // Never hits another process that has got the same id meanwhile. ESRCH if it has ended.
  Result<void> kill(int signal) const;

  pid_t id() const;
  // The ends of the pipes that the command asked for; no pipe otherwise.
  const Pipe& input() const;
  const Pipe& output() const;
  const Pipe& error() const;

 private:
  struct State;
  class StateRef {
   public:
    explicit StateRef(State* state) : state_(state) {}
    StateRef(const StateRef& other);
    StateRef(StateRef&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
    StateRef& operator=(StateRef other) noexcept {
      std::swap(state_, other.state_);
      return *this;
    }
    ~StateRef();
    State* operator->() const { return state_; }

   private:
    State* state_;
  };

  explicit Process(StateRef state) : state_(std::move(state)) {}
  Result<ExitStatus> wait_for(const net::Caller& caller) const;

  StateRef state_;  // shared: with the tasks that wait for the child
};

// What a child wrote, and how it ended.
struct Output {
  ExitStatus status;
  std::string output;
  std::string error;
};

// Runs a command to its end, with `input` as its standard input.
Result<Output> output(Command command, net::Bytes input = {}, Site site = Site::here());
// The same, but given up, with an error of context.error()'s kind, if `context` is done first: the
// child is killed then (SIGKILL).
Result<Output> output(const Context& context, Command command, net::Bytes input = {},
                      Site site = Site::here());

}  // namespace taskscope::os
