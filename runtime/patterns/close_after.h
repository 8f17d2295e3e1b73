// close_after: closes a channel when all tasks of a group are done: when nobody sends any more.
//
//   ts::WaitGroup workers;
//   for (int i = 0; i < 4; ++i) workers.go([=] { work(jobs, results); });
//   ts::close_after(workers, results);
//   for (const Reply& reply : results) print(reply);
//
// A task of its own waits for the group. The group must live until the channel is closed.
#pragma once

#include "runtime/base/site.h"
#include "runtime/channel/chan.h"
#include "runtime/sched/go.h"
#include "runtime/sync/wait_group.h"

namespace taskscope {

// REQUIRES: the tasks have been added to `group`.
template <class T>
void close_after(WaitGroup& group, const Chan<T>& channel, Site site = Site::here()) {
  sched::spawn(
      "closer",
      [&group, channel, site] {
        group.wait(site);
        channel.close(site);
      },
      site);
}

}  // namespace taskscope
