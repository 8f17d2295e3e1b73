#include "runtime/annotate/log.h"

#include "runtime/sched/annotation.h"

namespace taskscope {

using instrument::Lane;

void log(std::string_view message) { log({}, message); }

void log(std::string_view category, std::string_view message) {
  if (!is_recorded()) return;
  sched::annotate<sched::Speaker::Anybody>(
      [&](Lane& lane) { return lane.name(category); },
      [&](Lane& lane, const sched::Task*, trace_format::NameId name) { lane.log(name, message); });
}

}  // namespace taskscope
