#include "runtime/base/thread_time.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdio>
#include <string_view>

#include "runtime/base/unique_fd.h"

namespace taskscope::base {
namespace {

using Buffer = std::array<char, 256>;

// The beginning of a file that belongs to a thread; empty if there is none.
std::string_view read_about(int os_id, const char* file, Buffer& buffer) {
  char path[64];
  std::snprintf(path, sizeof path, "/proc/self/task/%d/%s", os_id, file);
  const UniqueFd fd(::open(path, O_RDONLY | O_CLOEXEC));
  if (!fd) return {};
  const ssize_t bytes = ::read(fd.get(), buffer.data(), buffer.size());
  return bytes <= 0 ? std::string_view{}
                    : std::string_view(buffer.data(), static_cast<std::size_t>(bytes));
}

}  // namespace

std::optional<ThreadTime> thread_time(int os_id) {
  Buffer buffer;
  // "ID (name) STATE ...", where the name may hold anything.
  const std::string_view stat = read_about(os_id, "stat", buffer);
  const std::size_t name_end = stat.rfind(')');
  if (name_end == std::string_view::npos || name_end + 2 >= stat.size()) return {};
  ThreadTime time{.runnable = stat[name_end + 2] == 'R'};
  const std::string_view schedstat = read_about(os_id, "schedstat", buffer);
  const char* const end = schedstat.data() + schedstat.size();
  const auto ran = std::from_chars(schedstat.data(), end, time.ran_ns);
  if (ran.ec != std::errc{} || ran.ptr == end) return {};
  if (std::from_chars(ran.ptr + 1, end, time.waited_ns).ec != std::errc{}) return {};
  return time;
}

}  // namespace taskscope::base
