#include "runtime/trace_format/attach_place.h"

#include <dirent.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace taskscope::trace_format {
namespace {

constexpr std::string_view kSocketSuffix = ".sock";
constexpr std::string_view kRecorderPrefix = "recorder-";
constexpr std::size_t kFileNameMax = sizeof "/recorder-4194304-99999.sock";

bool is_our_folder(const std::string& path) {
  struct stat status {};
  return lstat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == geteuid();
}

// The names of the files there that are called like a socket.
std::vector<std::string> sockets_in(const std::string& folder) {
  std::vector<std::string> names;
  DIR* directory = opendir(folder.c_str());
  if (directory == nullptr) return names;
  while (const dirent* entry = readdir(directory)) {
    const std::string_view name = entry->d_name;
    if (name.size() > kSocketSuffix.size() && name.ends_with(kSocketSuffix)) {
      names.emplace_back(name);
    }
  }
  closedir(directory);
  return names;
}

bool fits_a_socket(const std::string& folder) {
  return folder.size() + kFileNameMax < sizeof(sockaddr_un::sun_path);
}

}  // namespace

std::vector<std::string> attach_folders() {
  std::vector<std::string> folders;
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  if (runtime != nullptr && runtime[0] == '/' && is_our_folder(runtime)) {
    const std::string folder = std::string(runtime) + "/taskscope";
    if (fits_a_socket(folder)) folders.push_back(folder);
  }
  folders.push_back("/tmp/taskscope-" + std::to_string(geteuid()));
  return folders;
}

Result<void> make_attach_folder(const std::string& folder) {
  if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
    return Error{"The folder " + folder + " cannot be made: " + std::strerror(errno) + "."};
  }
  struct stat status {};
  if (lstat(folder.c_str(), &status) != 0 || !S_ISDIR(status.st_mode) ||
      status.st_uid != geteuid() || (status.st_mode & 077) != 0) {
    return Error{folder + " is not a folder of this user alone (chmod 700 would make it so), so " +
                 "nothing in it is trusted."};
  }
  return {};
}

std::string attach_socket_path(const std::string& folder, int pid) {
  return folder + "/" + std::to_string(pid) + std::string(kSocketSuffix);
}

std::string attach_info_path(const std::string& folder, int pid) {
  return folder + "/" + std::to_string(pid) + ".json";
}

std::string recorder_socket_path(const std::string& folder, int pid, std::uint32_t number) {
  return folder + "/" + std::string(kRecorderPrefix) + std::to_string(pid) + "-" +
         std::to_string(number) + std::string(kSocketSuffix);
}

Result<base::UniqueFd> connect_to_socket(const std::string& socket_path, bool& stale) {
  stale = false;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket_path.size() >= sizeof address.sun_path) {
    return Error{"The path " + socket_path + " is too long for a socket."};
  }
  std::memcpy(address.sun_path, socket_path.c_str(), socket_path.size());
  base::UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return Error{std::string("Cannot make a socket: ") + std::strerror(errno) + "."};
  if (connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    stale = errno == ECONNREFUSED || errno == ENOENT;
    const char* why =
        errno == EAGAIN ? "it does not answer, as if it were stopped" : std::strerror(errno);
    return Error{"Cannot connect to " + socket_path + ": " + why + "."};
  }
  return socket;
}

std::vector<int> programs_in(const std::string& folder) {
  std::vector<int> pids;
  for (const std::string& name : sockets_in(folder)) {
    int pid = 0;
    const char* const end = name.data() + name.size() - kSocketSuffix.size();
    const auto [stop, error] = std::from_chars(name.data(), end, pid);
    if (error == std::errc() && stop == end && pid > 0) pids.push_back(pid);
  }
  std::sort(pids.begin(), pids.end());
  return pids;
}

void remove_stale_programs(const std::string& folder) {
  for (const int pid : programs_in(folder)) {
    bool stale = false;
    const std::string socket = attach_socket_path(folder, pid);
    if (connect_to_socket(socket, stale) || !stale) continue;
    unlink(socket.c_str());
    unlink(attach_info_path(folder, pid).c_str());
  }
}

void remove_stale_recorders(const std::string& folder) {
  for (const std::string& name : sockets_in(folder)) {
    if (!std::string_view(name).starts_with(kRecorderPrefix)) continue;
    bool stale = false;
    const std::string socket = folder + "/" + name;
    if (!connect_to_socket(socket, stale) && stale) unlink(socket.c_str());
  }
}

}  // namespace taskscope::trace_format
