#include "runtime/debug/own_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <new>
#include <string_view>

#include "runtime/base/unique_fd.h"

namespace taskscope::debug {
namespace {

constexpr std::size_t kMappedAtOnce = std::size_t{4} << 20;

// "7f0000000000-7f0000001000 rw-p …"
bool add_line(std::string_view line, std::pmr::vector<MemoryRange>& ranges) {
  MemoryRange range;
  const char* const end = line.data() + line.size();
  auto parsed = std::from_chars(line.data(), end, range.first, 16);
  if (parsed.ec != std::errc() || parsed.ptr == end || *parsed.ptr != '-') return false;
  parsed = std::from_chars(parsed.ptr + 1, end, range.end, 16);
  if (parsed.ec != std::errc() || end - parsed.ptr < 3) return false;
  const auto has = [line](std::string_view text) {
    return line.find(text) != std::string_view::npos;
  };
  // To look at the memory of a device may do something.
  const bool is_device = has(" /dev/") && !has(" /dev/shm/") && !has(" /dev/zero");
  const bool is_file = has(" /");
  const bool is_written = parsed.ptr[1] == 'r' && (parsed.ptr[2] == 'w' || !is_file);
  const bool is_left_out = is_device || has("memfd:taskscope-ring") || has("[vvar");
  if (is_written && !is_left_out) ranges.push_back(range);
  return true;
}

}  // namespace

bool written_memory(std::pmr::vector<MemoryRange>& ranges) {
  const base::UniqueFd file(open("/proc/self/maps", O_RDONLY | O_CLOEXEC));
  if (!file) return false;
  std::pmr::vector<char> text(ranges.get_allocator().resource());
  constexpr std::size_t kPortion = 1 << 16;
  for (;;) {
    const std::size_t before = text.size();
    text.resize(before + kPortion);
    const ssize_t got = read(file.get(), text.data() + before, kPortion);
    text.resize(before + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got < 0) return false;
    if (got == 0) break;
  }
  // What was mapped for the text itself is in the list.
  std::string_view rest(text.data(), text.size());
  while (!rest.empty()) {
    const std::size_t length = std::min(rest.find('\n'), rest.size());
    if (!add_line(rest.substr(0, length), ranges)) return false;
    rest.remove_prefix(std::min(length + 1, rest.size()));
  }
  return true;
}

void leave_out(std::pmr::vector<MemoryRange>& ranges, std::pmr::vector<MemoryRange>& holes) {
  std::sort(holes.begin(), holes.end(),
            [](const MemoryRange& a, const MemoryRange& b) { return a.first < b.first; });
  std::pmr::vector<MemoryRange> kept(ranges.get_allocator());
  auto hole = holes.begin();
  for (const MemoryRange& range : ranges) {
    std::uintptr_t at = range.first;
    while (hole != holes.end() && hole->end <= at) ++hole;
    for (auto next = hole; next != holes.end() && next->first < range.end; ++next) {
      if (next->first > at) kept.push_back({at, next->first});
      at = std::max(at, next->end);
    }
    if (at < range.end) kept.push_back({at, range.end});
  }
  ranges = std::move(kept);
}

void* MappedMemory::do_allocate(std::size_t bytes, std::size_t alignment) {
  const auto misaligned = reinterpret_cast<std::uintptr_t>(at_) % alignment;
  std::size_t skip = misaligned == 0 ? 0 : alignment - misaligned;
  if (at_ == nullptr || skip + bytes > left_) {
    const std::size_t wanted = std::max(bytes + alignment + sizeof(Block), kMappedAtOnce);
    void* const mapped = mmap(nullptr, wanted, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped == MAP_FAILED) throw std::bad_alloc();
    blocks_ = new (mapped) Block{blocks_, wanted};
    at_ = static_cast<char*>(mapped) + sizeof(Block);
    left_ = wanted - sizeof(Block);
    skip = (alignment - reinterpret_cast<std::uintptr_t>(at_) % alignment) % alignment;
  }
  char* const result = at_ + skip;
  at_ = result + bytes;
  left_ -= skip + bytes;
  return result;
}

}  // namespace taskscope::debug
