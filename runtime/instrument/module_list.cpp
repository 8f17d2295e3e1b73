#include "runtime/instrument/module_list.h"

#include <elf.h>
#include <limits.h>
#include <link.h>
#include <stdlib.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

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
      std::string digits;
      for (std::size_t i = 0; i < note.n_descsz; ++i) {
        const auto byte = static_cast<unsigned char>(name[name_bytes + i]);
        digits += "0123456789abcdef"[byte >> 4];
        digits += "0123456789abcdef"[byte & 15];
      }
      return digits;
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

void ModuleList::tell(const Write& write) {
  const base::LockGuard guard(lock_);
  Look look{.known_loads = loads_};
  dl_iterate_phdr(see, &look);
  bool all = true;
  for (const Loaded& module : look.modules) {
    const std::string path = path_of(module);
    const std::string text = tf::format_module({.bias = module.bias,
                                                .first = module.first,
                                                .end = module.end,
                                                .build_id = module.build_id,
                                                .path = path});
    if (told_.contains(text)) continue;
    if (write(told_.size() + 1, text)) {
      told_.insert(text);
    } else {
      all = false;
    }
  }
  if (all) loads_ = look.loads;
}

}  // namespace taskscope::instrument
