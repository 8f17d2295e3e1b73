#include "runtime/os/process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <utility>

#include "runtime/base/os_error.h"
#include "runtime/sched/blocking.h"
#include "runtime/sync/wait_group.h"

namespace taskscope::os {
namespace {

using net::Descriptor;
using net::DescriptorRef;

// The two ends of a standard stream: ours, if it is a pipe, and the child's (-1: inherited).
struct Ends {
  base::UniqueFd ours;
  base::UniqueFd theirs;
};

// 0 or errno.
int make_ends(Stream stream, bool child_reads, Ends& ends) {
  if (stream == Stream::Inherit) return 0;
  if (stream == Stream::Null) {
    ends.theirs.reset(::open("/dev/null", (child_reads ? O_RDONLY : O_WRONLY) | O_CLOEXEC));
    return ends.theirs ? 0 : base::os_error();
  }
  int fds[2] = {};
  if (::pipe2(fds, O_CLOEXEC) != 0) return base::os_error();
  ends.theirs.reset(fds[child_reads ? 0 : 1]);
  ends.ours.reset(fds[child_reads ? 1 : 0]);
  // Only ours: the flag belongs to the open pipe end, and the child expects to block.
  return ::fcntl(ends.ours.get(), F_SETFL, O_NONBLOCK) == 0 ? 0 : base::os_error();
}

std::vector<char*> to_pointers(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  // exec takes them as they are, without writing to them.
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

class SpawnSettings {
 public:
  SpawnSettings() {
    posix_spawn_file_actions_init(&actions_);
    posix_spawnattr_init(&attributes_);
    sigset_t none;
    sigemptyset(&none);
    sigset_t all;
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setsigdefault(&attributes_, &all);
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  ~SpawnSettings() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;

  void put(const base::UniqueFd& fd, int as) {
    if (fd) posix_spawn_file_actions_adddup2(&actions_, fd.get(), as);
  }
  void change_directory(const std::string& to) {
    if (!to.empty()) posix_spawn_file_actions_addchdir_np(&actions_, to.c_str());
  }
  // 0 or errno.
  int spawn(const Command& command, pid_t& id) const {
    const std::vector<char*> arguments = to_pointers(command.arguments);
    std::vector<char*> environment;
    if (command.environment) environment = to_pointers(*command.environment);
    return posix_spawnp(&id, arguments[0], &actions_, &attributes_, arguments.data(),
                        command.environment ? environment.data() : environ);
  }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

// By number: glibc 2.36 declares these two without C linkage.
int open_pidfd(pid_t id) { return static_cast<int>(syscall(SYS_pidfd_open, id, O_NONBLOCK)); }

Pipe adopt(base::UniqueFd fd, const std::string& name, const Site& site) {
  if (!fd) return {};
  return Pipe(DescriptorRef(Descriptor::make(std::move(fd), "pipe " + name, {}, site)));
}

}  // namespace

struct Process::State {
  pid_t id = 0;
  std::string program;
  DescriptorRef pidfd;
  Pipe input;
  Pipe output;
  Pipe error;
  // Owned by whoever reads from pidfd: they take turns.
  std::optional<ExitStatus> status;
  // Atomic: handles, as in ChanCore.
  std::atomic<std::size_t> references{1};
};

Process::StateRef::StateRef(const StateRef& other) : state_(other.state_) {
  state_->references.fetch_add(1, std::memory_order_relaxed);
}

Process::StateRef::~StateRef() {
  if (state_ == nullptr) return;
  // Release: this handle's uses; acquire: all others' before the destruction.
  if (state_->references.fetch_sub(1, std::memory_order_acq_rel) == 1) delete state_;
}

std::string ExitStatus::to_string() const {
  return signal != 0 ? "killed by signal " + std::to_string(signal)
                     : "exit status " + std::to_string(code);
}

Result<Process> Process::start(const Command& command, Site site) {
  if (command.arguments.empty()) return Error{.message = "start: no program was named"};
  const std::string& program = command.arguments[0];
  std::array<Ends, 3> ends;
  const std::array<Stream, 3> streams = {command.input, command.output, command.error};
  for (std::size_t i = 0; i < ends.size(); ++i) {
    const int error = make_ends(streams[i], i == 0, ends[i]);
    if (error != 0) return net::os_failure(error, "make a pipe to", program);
  }
  pid_t id = 0;
  // The parent waits until the child has called exec.
  const int error = blocking(
      [&] {
        SpawnSettings settings;
        for (int i = 0; i < 3; ++i) settings.put(ends[static_cast<std::size_t>(i)].theirs, i);
        settings.change_directory(command.directory);
        return settings.spawn(command, id);
      },
      site);
  if (error != 0) return net::os_failure(error, "start", program);
  base::UniqueFd pidfd(open_pidfd(id));
  if (!pidfd) {
    const int why = base::os_error();
    ::kill(id, SIGKILL);
    blocking([id] { return ::waitpid(id, nullptr, 0); }, site);
    return net::os_failure(why, "watch", program);
  }
  const std::string name = program + " (" + std::to_string(id) + ")";
  StateRef state(new State);
  state->id = id;
  state->program = program;
  state->pidfd = DescriptorRef(Descriptor::make(
      std::move(pidfd), "process " + name,
      {.kind = trace_format::ObjectKind::Process, .reason = trace_format::BlockReason::Process},
      site));
  state->input = adopt(std::move(ends[0].ours), "to " + name, site);
  state->output = adopt(std::move(ends[1].ours), "from " + name, site);
  state->error = adopt(std::move(ends[2].ours), "from " + name, site);
  return Process(std::move(state));
}

Result<ExitStatus> Process::wait(Site site) const { return wait_for({.site = site}); }

Result<ExitStatus> Process::wait(const Context& context, Site site) const {
  return wait_for({.site = site, .context = &context});
}

Result<ExitStatus> Process::wait_for(const net::Caller& caller) const {
  ExitStatus status;
  const net::Attempt ended =
      state_->pidfd->perform(net::PollMode::Read, caller, [this, &status](int fd) {
        if (state_->status) {
          status = *state_->status;
          return 0;
        }
        siginfo_t info{};
        if (waitid(P_PIDFD, static_cast<id_t>(fd), &info, WEXITED | WNOHANG) != 0) return -1;
        if (info.si_pid == 0) {
          base::set_os_error(EAGAIN);
          return -1;
        }
        (info.si_code == CLD_EXITED ? status.code : status.signal) = info.si_status;
        state_->status = status;
        return 0;
      });
  if (!ended.ok()) return to_error(ended, "wait for", state_->pidfd->name());
  return status;
}

Result<void> Process::kill(int signal) const {
  const net::Attempt sent = state_->pidfd->with_fd(
      [signal](int fd) { return syscall(SYS_pidfd_send_signal, fd, signal, nullptr, 0); });
  if (!sent.ok()) return to_error(sent, "signal", state_->pidfd->name());
  return {};
}

pid_t Process::id() const { return state_->id; }
const Pipe& Process::input() const { return state_->input; }
const Pipe& Process::output() const { return state_->output; }
const Pipe& Process::error() const { return state_->error; }

Result<Output> output(Command command, net::Bytes input, Site site) {
  return output(Context(), std::move(command), input, site);
}

Result<Output> output(const Context& context, Command command, net::Bytes input, Site site) {
  command.input = input.empty() ? Stream::Null : Stream::Pipe;
  command.output = Stream::Pipe;
  command.error = Stream::Pipe;
  const Result<Process> process = Process::start(command, site);
  if (!process) return process.error();
  WaitGroup streams;
  if (process->input()) {
    streams.go("child input", [&] {
      // A child may end without having read it all: that is its own affair.
      static_cast<void>(process->input().write_all(context, input, site));
      static_cast<void>(process->input().close(site));
    });
  }
  Result<std::string> error = std::string();
  streams.go("child error", [&] { error = process->error().read_all(context, site); });
  Result<std::string> out = process->output().read_all(context, site);
  streams.wait(site);
  Result<ExitStatus> status = process->wait(context, site);
  if (!status) {
    // It may have ended by itself meanwhile. Whatever it is, it must not stay a zombie.
    static_cast<void>(process->kill(SIGKILL));
    static_cast<void>(process->wait(site));
  }
  if (!out) return out.error();
  if (!error) return error.error();
  if (!status) return status.error();
  return Output{.status = *status, .output = *std::move(out), .error = *std::move(error)};
}

}  // namespace taskscope::os
