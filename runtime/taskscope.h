// Taskscope for programs: tasks, channels and locks as in Go, every scheduling decision traceable.
//
//   #include "runtime/taskscope.h"
//
//   int main() {
//     return ts::run([] {
//       ts::Chan<int> numbers = ts::make_chan<int>(8);
//       ts::go("counter", [numbers] {
//         for (int i = 0; i < 100; ++i) numbers.send(i);
//         numbers.close();
//       });
//       int sum = 0;
//       for (int n : numbers) sum += n;
//       return sum == 4950 ? 0 : 1;
//     });
//   }
//
// This is the only header a program includes; its parts:
//   sched/run.h        ts::run, ts::RunOptions      starts the workers and the main task
//   sched/go.h         ts::go                       starts a task
//   sched/sleep.h      ts::yield, ts::sleep, ts::checkpoint
//   sched/blocking.h   ts::blocking                 calls that block the thread
//   sched/set_workers.h  ts::set_workers            changes their number
//   sched/snapshot_trace.h  ts::snapshot_trace      asks a recorder to keep what it has
//   sched/dump.h       ts::dump_tasks               what every task is doing, as text
//   memory/make.h      ts::make, make_with          objects that live while they are reached
//   memory/ref.h, ptr.h, weak.h, any.h, array.h     handles to them
//   memory/scoped.h    ts::scoped                   what is made there dies with it, or escapes
//   memory/collector.h  ts::gc, ts::mem_stats
//   memory/alloc_site.h  ts::escape_stats           what became of what each call of make made
//   annotate/region.h  ts::region                   a part of what a task does, in the trace
//   annotate/log.h     ts::log                      a line in the trace
//   annotate/counter.h  ts::counter                 a number as a curve in the trace
//   annotate/label.h   ts::set_label, with_labels   what a task works for, inherited
//   annotate/daemon.h  ts::daemon                   a task that is meant to stay
//   sched/recorded.h   ts::is_recorded              whether anybody hears it
//   sched/clock.h      ts::Clock, ts::now
//   sched/manual_clock.h  ts::ManualClock           a clock for tests
//   sched/fatal.h      ts::Panic                    the exception that misuse throws
//   base/result.h      ts::Result, Error, ErrorKind  a value, or why there is none
//   channel/chan.h     ts::Chan, Sender, Receiver, make_chan
//   channel/select.h   ts::select                   the first of recv, send, after, otherwise
//   channel/select_list.h  ts::SelectList           arms that are known when the program runs
//   time/timer.h       ts::Timer, Ticker, time_after, after_func
//   context/context.h  ts::Context                  cancellation, deadlines, values
//   context/context_error.h  ts::ContextErrc, ContextError  why one is done
//   scope/scope.h      ts::Scope                    tasks that end before their block does
//   scope/scope_errors.h  ts::ScopeErrors           what several of them failed with
//   scope/future.h     ts::Future, ts::async        results
//   scope/detach.h     ts::detach
//   sync/wait_group.h  ts::WaitGroup
//   sync/mutex.h       ts::Mutex                    with the standard's lock guards
//   sync/mutex_guards.h                             which know where they stand
//   sync/rwmutex.h     ts::RWMutex                  with std::shared_lock, too
//   sync/cond.h        ts::Cond
//   sync/once.h        ts::Once, ts::Lazy
//   sync/semaphore.h   ts::Semaphore
//   sync/semaphore_guard.h  ts::SemaphoreGuard      permits that go back at the end of a block
//   sync/barrier.h     ts::Barrier
//   sync/pool.h        ts::Pool
//   sync/map.h         ts::Map
//   net/address.h      ts::net::Address             of an end of a connection
//   net/listener.h     ts::net::listen_tcp, listen_unix, Listener
//   net/dial.h         ts::net::dial_tcp, dial_unix
//   net/conn.h         ts::net::Conn                reads, writes, deadlines
//   net/resolve.h      ts::net::resolve             the addresses of a name
//   os/file.h          ts::os::File, read_file, write_file
//   os/process.h       ts::os::Process, output      child processes
//   os/pipe.h          ts::os::Pipe                 their input and output
//   os/signals.h       ts::signals
//   patterns/          what programs build from these:
//     parallel_for.h, parallel_map.h   loops with a bounded number of tasks
//     first_of.h       ts::first_of                 the first success of several functions
//     or_done.h        ts::or_done                  receives until a context is done
//     close_after.h    ts::close_after              closes a channel when a group is done
//     merge.h          ts::merge                    several channels into one
//     batch.h          ts::batch                    values in groups, by number or age
//     single_flight.h  ts::SingleFlight             one works, all get the answer
//     rate_limiter.h   ts::RateLimiter              so many a second
//     retry.h, backoff.h  ts::retry, ts::Backoff    again, later each time
//     circuit_breaker.h   ts::CircuitBreaker        stops asking who fails
//
// What to know:
//   - A task has 256 KiB of stack (RunOptions::stack_bytes). Running over it ends the program with
//     a report that names the task.
//   - A task may continue on another OS thread after anything that waits. thread_local variables
//     belong to the thread, not to the task: do not carry a reference to one over a wait.
//   - Calls that block the OS thread (reads, std::mutex) block its worker, too: put long ones into
//     ts::blocking.
//   - A task that computes for long loses its worker after 10 ms if others wait, by SIGURG; it goes
//     on without one. A program that handles SIGURG itself does without that.
//   - An exception that escapes a task is a panic: the program prints the task, its stack and where
//     it was started, and exits with status 2. So does one whose tasks all wait for each other.
//   - When the main task returns, the others are abandoned, not unwound.
//   - After fork() only exec and _exit are useful to the child: the workers are not there.
//
// Environment: TASKSCOPE_WORKERS, the number of workers; TASKSCOPE_STACK, the size of stacks ("64K"
// to "1G"); TASKSCOPE_RING_RECORDS, the trace records a worker can be ahead of the recorder (1,024
// to 67,108,864, rounded up to a power of two). They are read where ts::run begins, and one that
// cannot be had ends the program with a sentence. TASKSCOPE_ATTACH=0, no recorder may attach;
// TASKSCOPE_LEAKS=abort, the program ends when it is proved that tasks can never go on, =unwind,
// these tasks end by ts::Unwinding (leak_watch.h); TASKSCOPE_TRACE=FILE, the program records its
// first run itself, without a recorder (`taskscope import FILE`). `taskscope record -- PROGRAM`
// records a program, `taskscope attach PID` one that runs; nothing has to be built differently for
// it.
#pragma once

#include "runtime/annotate/counter.h"
#include "runtime/annotate/daemon.h"
#include "runtime/annotate/label.h"
#include "runtime/annotate/log.h"
#include "runtime/annotate/region.h"
#include "runtime/channel/chan.h"
#include "runtime/channel/select.h"
#include "runtime/channel/select_list.h"
#include "runtime/context/context.h"
#include "runtime/memory/alloc_site.h"
#include "runtime/memory/any.h"
#include "runtime/memory/array.h"
#include "runtime/memory/collector.h"
#include "runtime/memory/make.h"
#include "runtime/memory/ptr.h"
#include "runtime/memory/ref.h"
#include "runtime/memory/scoped.h"
#include "runtime/memory/weak.h"
#include "runtime/net/address.h"
#include "runtime/net/conn.h"
#include "runtime/net/dial.h"
#include "runtime/net/listener.h"
#include "runtime/net/resolve.h"
#include "runtime/os/file.h"
#include "runtime/os/process.h"
#include "runtime/os/signals.h"
#include "runtime/patterns/backoff.h"
#include "runtime/patterns/batch.h"
#include "runtime/patterns/circuit_breaker.h"
#include "runtime/patterns/close_after.h"
#include "runtime/patterns/first_of.h"
#include "runtime/patterns/merge.h"
#include "runtime/patterns/or_done.h"
#include "runtime/patterns/parallel_for.h"
#include "runtime/patterns/parallel_map.h"
#include "runtime/patterns/rate_limiter.h"
#include "runtime/patterns/retry.h"
#include "runtime/patterns/single_flight.h"
#include "runtime/sched/blocking.h"
#include "runtime/sched/clock.h"
#include "runtime/sched/dump.h"
#include "runtime/sched/fatal.h"
#include "runtime/sched/go.h"
#include "runtime/sched/leak_watch.h"
#include "runtime/sched/manual_clock.h"
#include "runtime/sched/recorded.h"
#include "runtime/sched/run.h"
#include "runtime/sched/set_workers.h"
#include "runtime/sched/sleep.h"
#include "runtime/sched/snapshot_trace.h"
#include "runtime/sched/unwinding.h"
#include "runtime/scope/detach.h"
#include "runtime/scope/future.h"
#include "runtime/scope/scope.h"
#include "runtime/scope/scope_errors.h"
#include "runtime/sync/barrier.h"
#include "runtime/sync/cond.h"
#include "runtime/sync/map.h"
#include "runtime/sync/mutex.h"
#include "runtime/sync/mutex_guards.h"
#include "runtime/sync/once.h"
#include "runtime/sync/pool.h"
#include "runtime/sync/rwmutex.h"
#include "runtime/sync/semaphore.h"
#include "runtime/sync/semaphore_guard.h"
#include "runtime/sync/wait_group.h"
#include "runtime/time/timer.h"

namespace taskscope {
using sched::Panic;
}  // namespace taskscope

namespace ts = taskscope;
