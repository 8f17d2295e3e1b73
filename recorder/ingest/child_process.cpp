#include "recorder/ingest/child_process.h"

#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "runtime/trace_format/handshake.h"

namespace taskscope::ingest {
namespace {

Error cannot_start(const std::string& program, int error) {
  const std::string start = "Cannot start " + program + ": ";
  const bool is_path = program.find('/') != std::string::npos;
  struct stat status {};
  const bool exists = is_path && stat(program.c_str(), &status) == 0;
  if (exists && S_ISDIR(status.st_mode)) return Error{start + "it is a folder."};
  switch (error) {
    case ENOENT:
      if (exists) return Error{start + "the interpreter that its first line names is missing."};
      return Error{start + (is_path ? "there is no such file." : "it is not in the PATH.")};
    case EACCES:
      return Error{start + "it is not executable (chmod +x would make it so)."};
    case ENOEXEC:
      return Error{start + "it is not a program that this machine can run."};
    default:
      return Error{start + std::strerror(error) + "."};
  }
}

// Those of this process, but for what is among `variables`.
std::vector<std::string> environment_with(const std::vector<std::string>& variables) {
  std::vector<std::string> out = variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const bool replaced = std::any_of(variables.begin(), variables.end(), [&](const auto& each) {
      return text.starts_with(std::string_view(each).substr(0, each.find('=') + 1));
    });
    if (!replaced) out.emplace_back(text);
  }
  return out;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> out;
  out.reserve(texts.size() + 1);
  for (std::string& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

// What a new process needs besides its arguments; freed in the end.
struct SpawnSetup {
  posix_spawnattr_t attributes;

  SpawnSetup() {
    posix_spawnattr_init(&attributes);
    // What the recorder ignores for itself, the program must not.
    sigset_t defaults;
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGXFSZ);
    sigaddset(&defaults, SIGPIPE);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
  }
  SpawnSetup(const SpawnSetup&) = delete;
  SpawnSetup& operator=(const SpawnSetup&) = delete;
  ~SpawnSetup() { posix_spawnattr_destroy(&attributes); }
};

}  // namespace

Result<ChildProcess> ChildProcess::launch(const std::vector<std::string>& command,
                                          const std::string& recorder_path,
                                          const trace_format::Wanted& wanted) {
  if (command.empty() || command[0].empty()) return Error{"There is no program to record."};
  std::vector<std::string> arguments = command;
  std::vector<std::string> variables{std::string(trace_format::kRecorderVariable) + "=" +
                                     recorder_path};
  if (wanted.stacks != 0) {
    variables.push_back(std::string(trace_format::kStacksVariable) + "=1");
  }
  if (wanted.sample_hz != 0) {
    variables.push_back(std::string(trace_format::kSamplesVariable) + "=" +
                        std::to_string(wanted.sample_hz));
  }
  std::vector<std::string> environment = environment_with(variables);
  std::vector<char*> argv = pointers_to(arguments);
  std::vector<char*> envp = pointers_to(environment);
  const SpawnSetup setup;
  ChildProcess child;
  const int error =
      posix_spawnp(&child.pid_, argv[0], nullptr, &setup.attributes, argv.data(), envp.data());
  if (error != 0) return cannot_start(command[0], error);
  return child;
}

bool ChildProcess::has_ended() {
  if (ended_) return true;
  siginfo_t info{};
  if (waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG) != 0) {
    // Somebody else reaped it: it is gone, how is unknown.
    ended_ = errno == ECHILD;
    return ended_;
  }
  if (info.si_pid == 0) return false;
  ended_ = true;
  if (info.si_code == CLD_EXITED) {
    exit_code_ = info.si_status;
    exit_status_ = "exited " + std::to_string(info.si_status);
    return true;
  }
  exit_code_ = 128 + info.si_status;
  const char* name = sigabbrev_np(info.si_status);
  const char* description = sigdescr_np(info.si_status);
  exit_status_ = "killed by " + (name != nullptr ? "SIG" + std::string(name)
                                                 : "signal " + std::to_string(info.si_status));
  if (description != nullptr) exit_status_ += " (" + std::string(description) + ")";
  return true;
}

void ChildProcess::send_signal(int signal) {
  if (!ended_) ::kill(pid_, signal);
}

}  // namespace taskscope::ingest
