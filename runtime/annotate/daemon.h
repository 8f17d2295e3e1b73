// ts::daemon: says of a task that it is meant to stay.
//
//   ts::go("reaper", [expired] {
//     ts::daemon();  // lives as long as the program
//     for (const Session& session : expired) report(session);
//   });
#pragma once

namespace taskscope {

// The calling task, and what it starts from then on, is left behind on purpose when the main task
// returns: neither ts::testing::LeakCheck nor a recording's findings call it a leak. It carries the
// label `taskscope.daemon`, and ends as all tasks do. Inside with_labels() this holds until the end
// of that block. On a thread that runs no task it does nothing.
void daemon();

}  // namespace taskscope
