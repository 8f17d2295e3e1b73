#include "runtime/patterns/retry.h"

namespace taskscope {

bool patterns::Retrying::again() {
  if (attempt_.stopped_ || attempt_.number_ == options_.attempts_max || context_.err())
    return false;
  const std::chrono::nanoseconds delay = backoff_.next();
  if (const std::optional<TimePoint> deadline = context_.deadline()) {
    if (*deadline - now() <= delay) return false;
  }
  if (!sleep(context_, delay, site_)) return false;
  ++attempt_.number_;
  return true;
}

}  // namespace taskscope
