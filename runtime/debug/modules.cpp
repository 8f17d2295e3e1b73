#include "runtime/debug/modules.h"

#include <unistd.h>

namespace taskscope::debug {
namespace {

char* g_debuginfo_path = nullptr;  // libdwfl wants its address to outlive the session; default path

const Dwfl_Callbacks kCallbacks = {
    .find_elf = dwfl_linux_proc_find_elf,
    .find_debuginfo = dwfl_standard_find_debuginfo,
    .section_address = nullptr,
    .debuginfo_path = &g_debuginfo_path,
};

}  // namespace

Modules::Modules() : dwfl_(dwfl_begin(&kCallbacks)) {
  if (dwfl_ == nullptr) return;
  if (dwfl_linux_proc_report(dwfl_, getpid()) != 0 ||
      dwfl_report_end(dwfl_, nullptr, nullptr) != 0) {
    dwfl_end(dwfl_);
    dwfl_ = nullptr;
  }
}

Modules::~Modules() { dwfl_end(dwfl_); }

Dwfl_Module* Modules::at(std::uintptr_t address) const {
  return dwfl_ == nullptr ? nullptr : dwfl_addrmodule(dwfl_, address);
}

}  // namespace taskscope::debug
