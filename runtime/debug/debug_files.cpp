#include "runtime/debug/debug_files.h"

#include <elfutils/libdwelf.h>
#include <fcntl.h>
#include <libelf.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>

namespace taskscope::debug {
namespace {

constexpr const char* kSystemFolder = "/usr/lib/debug";

char* g_path = nullptr;  // libdwfl wants its address to outlive a session; the default path

bool has_build_id(int fd, const unsigned char* wanted, int bytes) {
  elf_version(EV_CURRENT);
  Elf* const elf = elf_begin(fd, ELF_C_READ_MMAP, nullptr);
  if (elf == nullptr) return false;
  const void* found = nullptr;
  const bool same = dwelf_elf_gnu_build_id(elf, &found) == bytes &&
                    std::memcmp(found, wanted, static_cast<std::size_t>(bytes)) == 0;
  elf_end(elf);
  return same;
}

// As dwfl_standard_find_debuginfo, without its last resort, a server. What was split from a file
// is told by its build id, so a file without one has its debug information in itself.
int find_debuginfo(Dwfl_Module* module, void** userdata, const char* name, Dwarf_Addr base,
                   const char* file, const char* link, GElf_Word checksum, char** found) {
  const int by_id =
      dwfl_build_id_find_debuginfo(module, userdata, name, base, file, link, checksum, found);
  if (by_id >= 0 || file == nullptr) return by_id;
  const unsigned char* id = nullptr;
  GElf_Addr where = 0;
  const int id_bytes = dwfl_module_build_id(module, &id, &where);
  char* const real = id_bytes > 0 ? realpath(file, nullptr) : nullptr;
  const std::string path = real == nullptr ? "" : real;
  std::free(real);
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return -1;
  const std::string folder = path.substr(0, slash + 1);
  const std::string part = link != nullptr ? link : path.substr(slash + 1) + ".debug";
  for (const std::string& candidate :
       {folder + part, folder + ".debug/" + part, kSystemFolder + folder + part}) {
    base::UniqueFd fd = open_regular(candidate.c_str());
    if (!fd || candidate == path || !has_build_id(fd.get(), id, id_bytes)) continue;
    *found = strdup(candidate.c_str());
    return fd.release();
  }
  errno = 0;  // there is none, and nothing went wrong
  return -1;
}

}  // namespace

const Dwfl_Callbacks kLocalFiles = {
    .find_elf = dwfl_linux_proc_find_elf,
    .find_debuginfo = find_debuginfo,
    .section_address = nullptr,
    .debuginfo_path = &g_path,
};

base::UniqueFd open_regular(const char* path) {
  // Opening a pipe that nobody writes to would wait for ever.
  base::UniqueFd fd(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat status {};
  if (!fd || fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) return {};
  return fd;
}

}  // namespace taskscope::debug
