#include "runtime/base/os_error.h"

#include <cerrno>

namespace taskscope::base {

int os_error() { return errno; }
void set_os_error(int error) { errno = error; }

}  // namespace taskscope::base
