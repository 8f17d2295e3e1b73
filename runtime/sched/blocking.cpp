#include "runtime/sched/blocking.h"

#include <cerrno>

namespace taskscope::sched {

BlockingSection::BlockingSection(const base::Site& site, CallLength length) : entered_(false) {
  Thread* const thread = current_thread();
  if (thread != nullptr && thread->task() != nullptr) entered_ = thread->begin_call(site, length);
}

BlockingSection::~BlockingSection() {
  if (entered_) current_thread()->end_call();
}

}  // namespace taskscope::sched
