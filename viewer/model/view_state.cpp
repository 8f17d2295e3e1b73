#include "viewer/model/view_state.h"

#include <algorithm>

namespace taskscope::viewer {

void ViewState::reset(const TraceSession& session) {
  const bool fresh = rows_dirty && selection.empty() && scroll_y == 0;
  time.set_duration(session.duration_ns());
  if (fresh) time.show(time.whole());
  folds = initial_folds(session);
  rows_dirty = true;
  selection.span = kNoSpan;
  hover = {};
}

TimeRange with_margin(TimeRange range) {
  const std::int64_t margin = std::max<std::int64_t>(range.length_ns() / 10, 1);
  return {range.start_ns - margin, range.end_ns + margin};
}

}  // namespace taskscope::viewer
