#include "runtime/debug/modules.h"

#include <unistd.h>

#include "runtime/debug/debug_files.h"

namespace taskscope::debug {

Modules::Modules() : dwfl_(dwfl_begin(&kLocalFiles)) {
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
