// ts::signals: the process's signals as values of a channel. Go's signal.Notify.
//
//   ts::Receiver<int> interrupts = ts::signals({SIGINT, SIGTERM});
//   ts::go("shutdown", [interrupts, listener] {
//     if (interrupts.recv()) static_cast<void>(listener.close());
//   });
//   ts::stop_signals(interrupts);  // the channel is closed
//
// While somebody is subscribed a signal does nothing else: its handler only leaves a note, and a
// task of the runtime ("signals") passes it on. Several subscribers of one signal all get it. With
// the last one gone, and at the end of the run, what the process did with the signal before is put
// back. Tasks only.
#pragma once

#include <initializer_list>

#include "runtime/base/site.h"
#include "runtime/channel/chan.h"

namespace taskscope {

// The numbers of the signals that arrive from now on. Like the kernel, which remembers a pending
// signal once however often it is sent, the channel holds a few and drops what finds it full.
// Panics if a number is no signal that can be handled, SIGURG, with which tasks are preempted, or a
// fault (SIGSEGV, SIGBUS, SIGFPE, SIGILL), of which the runtime prints a report.
Receiver<int> signals(std::initializer_list<int> numbers, Site site = Site::here());

// Ends a subscription: the channel is closed, what it holds can still be received. False if it has
// been ended before.
bool stop_signals(const Receiver<int>& subscription, Site site = Site::here());

}  // namespace taskscope
