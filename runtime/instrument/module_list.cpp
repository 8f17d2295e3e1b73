#include "runtime/instrument/module_list.h"

#include <elf.h>
#include <limits.h>
#include <link.h>
#include <stdlib.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>
#include <utility>
#include <vector>

#include "runtime/base/hex_digits.h"
#include "runtime/trace_format/stack_text.h"

namespace taskscope::instrument {
namespace tf = trace_format;
namespace {

struct Loaded {
  std::uint64_t bias = 0;
  std::uint64_t first = ~std::uint64_t{0};
  std::uint64_t end = 0;
  std::string build_id;
  std::string name;
};

struct Look {
  unsigned long long known_loads = 0;
  unsigned long long loads = 0;
  std::vector<Loaded> modules;
};

constexpr std::size_t align4(std::size_t bytes) { return (bytes + 3) & ~std::size_t{3}; }

// Of the notes at `at`, which lie in memory.
std::string build_id_in(const char* at, std::size_t bytes) {
  ElfW(Nhdr) note;
  while (bytes >= sizeof note) {
    std::memcpy(&note, at, sizeof note);
    const std::size_t name_bytes = align4(note.n_namesz);
    const std::size_t whole = sizeof note + name_bytes + align4(note.n_descsz);
    if (whole > bytes) break;
    const char* const name = at + sizeof note;
    if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && std::memcmp(name, "GNU", 4) == 0) {
      const auto* const id = reinterpret_cast<const unsigned char*>(name + name_bytes);
      return base::hex_digits({id, note.n_descsz});
    }
    at += whole;
    bytes -= whole;
  }
  return {};
}

int see(dl_phdr_info* info, std::size_t, void* argument) {
  Look& look = *static_cast<Look*>(argument);
  look.loads = info->dlpi_adds;
  if (look.loads == look.known_loads) return 1;
  Loaded module{.bias = info->dlpi_addr, .build_id = {}, .name = info->dlpi_name};
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)& part = info->dlpi_phdr[i];
    const std::uint64_t at = info->dlpi_addr + part.p_vaddr;
    if (part.p_type == PT_LOAD) {
      module.first = std::min(module.first, at);
      module.end = std::max(module.end, at + part.p_memsz);
    } else if (part.p_type == PT_NOTE && module.build_id.empty()) {
      module.build_id = build_id_in(reinterpret_cast<const char*>(at), part.p_memsz);
    }
  }
  if (module.first < module.end) look.modules.push_back(std::move(module));
  return 0;
}

// The program itself has no name for the linker.
std::string path_of(const Loaded& module) {
  const char* const name = module.name.empty() ? "/proc/self/exe" : module.name.c_str();
  std::array<char, PATH_MAX> path;
  if (realpath(name, path.data()) != nullptr) return path.data();
  return module.name.empty() ? "[program]" : module.name;
}

}  // namespace

bool ToldModules::contains(std::uint64_t first, std::string_view text) const {
  const auto found = places_.find(first);
  return found != places_.end() && found->second.text == text;
}

void ToldModules::add(std::uint64_t first, std::uint64_t end, std::string text) {
  auto at = places_.lower_bound(first);
  if (at != places_.begin() && std::prev(at)->second.end > first) --at;
  while (at != places_.end() && at->first < end) at = places_.erase(at);
  places_.insert_or_assign(first, Place{.end = end, .text = std::move(text)});
  ++count_;
}

void ModuleList::tell(const Write& write) {
  const base::LockGuard guard(lock_);
  Look look{.known_loads = loads_};
  dl_iterate_phdr(see, &look);
  bool all = true;
  for (const Loaded& module : look.modules) {
    const std::string path = path_of(module);
    std::string text = tf::format_module({.bias = module.bias,
                                          .first = module.first,
                                          .end = module.end,
                                          .build_id = module.build_id,
                                          .path = path});
    if (told_.contains(module.first, text)) continue;
    if (write(told_.count() + 1, text)) {
      told_.add(module.first, module.end, std::move(text));
    } else {
      all = false;
    }
  }
  if (all) loads_ = look.loads;
}

}  // namespace taskscope::instrument
