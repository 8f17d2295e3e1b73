#include "runtime/annotate/daemon.h"

#include "runtime/annotate/label.h"
#include "runtime/sched/own_labels.h"
#include "runtime/trace_format/daemon_label.h"

namespace taskscope {

void daemon() {
  const sched::LabelSet* const labels = sched::own_labels();
  // Without marks nobody waits for it (runtime/testing).
  if (labels != nullptr && !labels->marks().empty()) {
    sched::replace_own_labels(sched::LabelSet::with_marks(labels, {}));
  }
  set_label(trace_format::kDaemonLabel, "yes");
}

}  // namespace taskscope
