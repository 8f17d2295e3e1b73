#include "recorder/ingest/programs.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include <nlohmann/json.hpp>

#include "runtime/base/clock.h"
#include "runtime/trace_format/attach_place.h"
#include "runtime/trace_format/handshake.h"

namespace taskscope::ingest {
namespace tf = trace_format;
namespace {

constexpr int kPatienceMs = 1000;
constexpr std::size_t kInfoFileMax = 4096;

// What the file beside the socket says; what is wrong in it stays unknown.
void read_info_file(const std::string& path, RunningProgram& out) {
  const base::UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file) return;
  std::array<char, kInfoFileMax> text;
  const ssize_t size = ::read(file.get(), text.data(), text.size());
  if (size <= 0) return;
  const auto json = nlohmann::json::parse(text.data(), text.data() + size, nullptr, false);
  if (!json.is_object()) return;
  const auto program = json.find("program");
  if (program != json.end() && program->is_string()) out.program = program->get<std::string>();
  const auto started = json.find("started_ns");
  if (started != json.end() && started->is_number_integer()) {
    out.started_ns = started->get<std::int64_t>();
  }
}

Result<void> send_request(int socket, tf::Request::What what, const tf::Wanted& wanted = {}) {
  tf::Request request;
  request.what = what;
  request.wanted = wanted;
  if (::send(socket, &request, sizeof request, MSG_NOSIGNAL | MSG_DONTWAIT) != sizeof request) {
    return Error{std::string("it does not take a request: ") + std::strerror(errno)};
  }
  return {};
}

// Reads the answer to a request for Info.
void receive_info(int socket, RunningProgram& out) {
  std::array<std::byte, sizeof(tf::Info) + 1> packet;
  const ssize_t size = ::recv(socket, packet.data(), packet.size(), MSG_DONTWAIT);
  tf::MessageHeader header;
  out.why = "it speaks another version of the protocol";
  if (size < static_cast<ssize_t>(sizeof header)) return;
  std::memcpy(static_cast<void*>(&header), packet.data(), sizeof header);
  if (header.magic != tf::kHandshakeMagic || header.version != tf::kProtocolVersion) return;
  if (header.type != tf::MessageType::Info || size != sizeof(tf::Info)) return;
  tf::Info info;
  std::memcpy(static_cast<void*>(&info), packet.data(), sizeof info);
  info.program[sizeof info.program - 1] = 0;
  out.program = info.program;
  out.started_ns = info.run_started_ns;
  out.tasks = info.tasks;
  out.workers = info.workers;
  out.recorder_pid = static_cast<int>(info.recorder_pid);
  out.answers = true;
  out.why.clear();
}

struct Asked {
  RunningProgram program;
  base::UniqueFd socket;
};

std::vector<Asked> ask_all() {
  std::vector<Asked> asked;
  for (const std::string& folder : tf::attach_folders()) {
    const auto pids = tf::programs_in(folder);
    // An existing folder is only checked, not made: it has programs in it.
    if (pids.empty() || !tf::make_attach_folder(folder)) continue;
    for (const int pid : pids) {
      RunningProgram program{.pid = pid, .socket_path = tf::attach_socket_path(folder, pid)};
      read_info_file(tf::attach_info_path(folder, pid), program);
      bool stale = false;
      auto socket = tf::connect_to_socket(program.socket_path, stale);
      if (stale) {
        unlink(program.socket_path.c_str());
        unlink(tf::attach_info_path(folder, pid).c_str());
        continue;
      }
      auto sent = socket ? send_request(socket->get(), tf::Request::What::Info)
                         : Result<void>(socket.error());
      if (!sent) program.why = sent.error().message;
      asked.push_back({std::move(program), sent ? std::move(*socket) : base::UniqueFd()});
    }
  }
  return asked;
}

}  // namespace

std::vector<RunningProgram> find_programs(int patience_ms) {
  std::vector<Asked> asked = ask_all();
  const std::int64_t deadline_ns = base::monotonic_ns() + std::int64_t{patience_ms} * 1'000'000;
  for (Asked& each : asked) {
    if (!each.socket) continue;
    const std::int64_t left_ns = deadline_ns - base::monotonic_ns();
    pollfd ready{.fd = each.socket.get(), .events = POLLIN, .revents = 0};
    const int wait_ms = static_cast<int>(std::max<std::int64_t>(left_ns / 1'000'000, 0));
    if (poll(&ready, 1, wait_ms) > 0) {
      receive_info(each.socket.get(), each.program);
    } else {
      each.program.why = "it does not answer, as if it were stopped";
    }
  }
  std::vector<RunningProgram> programs;
  programs.reserve(asked.size());
  for (Asked& each : asked) programs.push_back(std::move(each.program));
  std::sort(programs.begin(), programs.end(),
            [](const RunningProgram& a, const RunningProgram& b) { return a.pid < b.pid; });
  return programs;
}

namespace {

Result<RunningProgram> find_by_name(const std::vector<RunningProgram>& programs,
                                    const std::string& name) {
  int pid = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
  const bool by_pid = error == std::errc() && end == name.data() + name.size();
  const RunningProgram* found = nullptr;
  std::string others;
  for (const RunningProgram& each : programs) {
    const std::string file = each.program.substr(each.program.rfind('/') + 1);
    if (by_pid ? each.pid != pid : name != file && name != each.program) continue;
    others += (others.empty() ? "" : ", ") + std::to_string(each.pid);
    if (found != nullptr) continue;
    found = &each;
  }
  if (found == nullptr) {
    return Error{"No program " + (by_pid ? "with the process id " + name : "called " + name) +
                 " can be attached to; taskscope list shows those that can."};
  }
  if (others.find(',') != std::string::npos) {
    return Error{"Several programs are called " + name + ": name one by its process id (" + others +
                 ")."};
  }
  return *found;
}

Result<Connection> connect_to(const RunningProgram& program, const tf::Wanted& wanted) {
  bool stale = false;
  auto socket = tf::connect_to_socket(program.socket_path, stale);
  if (!socket) return socket.error();
  if (auto sent = send_request(socket->get(), tf::Request::What::Attach, wanted); !sent) {
    return Error{"Cannot attach to " + program.program + " (process " +
                 std::to_string(program.pid) + "): " + sent.error().message + "."};
  }
  return Connection{.socket = std::move(*socket), .pid = program.pid, .program = program.program};
}

}  // namespace

Result<std::vector<Connection>> connect_by_names(const std::vector<std::string>& names,
                                                 const tf::Wanted& wanted) {
  const std::vector<RunningProgram> programs = find_programs(kPatienceMs);
  std::vector<RunningProgram> found;
  for (const std::string& name : names) {
    auto program = find_by_name(programs, name);
    if (!program) return program.error();
    for (const RunningProgram& before : found) {
      if (before.pid != program->pid) continue;
      return Error{"Process " + std::to_string(before.pid) + " is named twice."};
    }
    found.push_back(std::move(*program));
  }
  // Nobody is asked before it is known that all are there.
  std::vector<Connection> connections;
  for (const RunningProgram& program : found) {
    auto connection = connect_to(program, wanted);
    if (!connection) return connection.error();
    connections.push_back(std::move(*connection));
  }
  return connections;
}

}  // namespace taskscope::ingest
