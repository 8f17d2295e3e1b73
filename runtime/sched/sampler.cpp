#include "runtime/sched/sampler.h"

#include <pthread.h>
#include <time.h>
#include <ucontext.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <new>
#include <span>

#include "runtime/base/sanitizer.h"
#include "runtime/base/spin.h"
#include "runtime/debug/frame_walk.h"
#include "runtime/sched/call_stack.h"
#include "runtime/sched/scheduler.h"
#include "runtime/sched/thread.h"
#include "runtime/trace_format/stack_text.h"

namespace taskscope::sched {
namespace tf = trace_format;
namespace {

constexpr int kSignal = SIGPROF;
constexpr std::int64_t kSecondNs = 1'000'000'000;
// Lower words are numbers, not places.
constexpr std::uintptr_t kLowestCode = 1 << 16;

constinit char g_ours = 0;  // its address tells our timers from others
constinit struct sigaction g_previous {};

struct Registers {
  std::uintptr_t instruction = 0;
  std::uintptr_t stack = 0;
  std::uintptr_t frame = 0;
};

Registers registers_of(const ucontext_t& context) {
#if defined(__x86_64__)
  const auto& registers = context.uc_mcontext.gregs;
  return {.instruction = static_cast<std::uintptr_t>(registers[REG_RIP]),
          .stack = static_cast<std::uintptr_t>(registers[REG_RSP]),
          .frame = static_cast<std::uintptr_t>(registers[REG_RBP])};
#else
  return {.instruction = context.uc_mcontext.pc,
          .stack = context.uc_mcontext.sp,
          .frame = context.uc_mcontext.regs[29]};
#endif
}

// As if ours was not there.
void pass_on(int signal, siginfo_t* info, void* context) {
  if ((g_previous.sa_flags & SA_SIGINFO) != 0) {
    g_previous.sa_sigaction(signal, info, context);
  } else if (g_previous.sa_handler == SIG_DFL) {
    sigaction(signal, &g_previous, nullptr);
    raise(signal);
  } else if (g_previous.sa_handler != SIG_IGN) {
    g_previous.sa_handler(signal);
  }
}

void on_signal(int signal, siginfo_t* info, void* context) {
  const int saved_errno = errno;
  if (info->si_code == SI_TIMER && info->si_value.sival_ptr == &g_ours) {
    // A thread that ends may get its last one late.
    if (Thread* thread = current_thread()) {
      thread->scheduler().tracing().sampler().take(*thread, context);
    }
  } else {
    pass_on(signal, info, context);
  }
  errno = saved_errno;
}

void install_handler() {
  static const int installed = [] {
    struct sigaction action {};
    action.sa_sigaction = on_signal;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
    // Whoever interrupted us would find the lane locked.
    sigfillset(&action.sa_mask);
    for (const int fault : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP}) {
      sigdelset(&action.sa_mask, fault);
    }
    return sigaction(kSignal, &action, &g_previous);
  }();
  static_cast<void>(installed);
}

// The clock of a thread's processor time, by its number (Linux, include/linux/posix-timers.h).
clockid_t clock_of(int os_thread) {
  constexpr unsigned kThread = 4;
  constexpr unsigned kScheduled = 2;
  return static_cast<clockid_t>(~static_cast<unsigned>(os_thread) << 3 | kThread | kScheduled);
}

// The first words of the stack that may be return addresses; others are 0.
TASKSCOPE_UNSANITIZED std::size_t read_top(debug::FrameBounds bounds,
                                           std::span<std::uint64_t> words) {
  const auto* const top = reinterpret_cast<const volatile std::uintptr_t*>(bounds.low);
  std::size_t used = 0;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (bounds.low + (i + 1) * sizeof(std::uintptr_t) > bounds.end) break;
    const std::uintptr_t word = top[i];
    const bool in_stack = word >= bounds.low && word < bounds.end;
    words[i] = in_stack || word < kLowestCode ? 0 : word;
    if (words[i] != 0) used = i + 1;
  }
  return used;
}

}  // namespace

Sampler::Sampler(Scheduler& scheduler, std::uint16_t hz) : scheduler_(scheduler), hz_(0) {
  if (hz == 0) return;
  if (!can_sample()) return;
  install_handler();
  hz_.store(hz, std::memory_order_relaxed);
}

Sampler::~Sampler() = default;

bool Sampler::can_sample() {
  if (!TASKSCOPE_TSAN) return true;
  std::fprintf(stderr,
               "taskscope: there are no samples under ThreadSanitizer; record a build without "
               "it.\n");
  return false;
}

void Sampler::start(std::uint16_t hz) {
  if (hz == 0 || !can_sample()) return;
  install_handler();
  const base::LockGuard guard(lock_);
  hz_.store(hz, std::memory_order_relaxed);
  scheduler_.for_each_thread([this](Thread& thread) TASKSCOPE_NO_ANALYSIS { add_timer(thread); });
}

void Sampler::stop() {
  if (!running()) return;
  {
    const base::LockGuard guard(lock_);
    hz_.store(0, std::memory_order_relaxed);
    scheduler_.for_each_thread([](Thread& thread) { remove_timer(thread); });
  }
  const std::uint64_t lost = lost_.exchange(0, std::memory_order_relaxed);
  if (lost == 0) return;
  tf::TextBuffer text;
  tf::format_sample({.lost = lost}, text);
  scheduler_.tracing().outside([&](instrument::Lane& lane) { lane.sample(0, text.view()); });
}

void Sampler::join(Thread& thread) {
  pthread_attr_t attributes;
  if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
    void* low = nullptr;
    std::size_t bytes = 0;
    pthread_attr_getstack(&attributes, &low, &bytes);
    pthread_attr_destroy(&attributes);
    thread.sampled().stack_low = reinterpret_cast<std::uintptr_t>(low);
    thread.sampled().stack_end = reinterpret_cast<std::uintptr_t>(low) + bytes;
  }
  const base::LockGuard guard(lock_);
  if (running()) add_timer(thread);
}

void Sampler::leave(Thread& thread) {
  const base::LockGuard guard(lock_);
  thread.sampled().has_left = true;
  remove_timer(thread);
}

void Sampler::forget() {
  new (&lock_) base::Lock;
  hz_.store(0, std::memory_order_relaxed);
}

void Sampler::add_timer(Thread& thread) {
  SampledThread& sampled = thread.sampled();
  const int os_thread = thread.os_id();
  if (sampled.has_timer || sampled.has_left || os_thread == 0) return;  // the last: is to join
  sigevent event{};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = kSignal;
  event.sigev_value.sival_ptr = &g_ours;
  event._sigev_un._tid = os_thread;
  const std::int64_t period_ns = kSecondNs / hz_.load(std::memory_order_relaxed);
  const timespec period{.tv_sec = period_ns / kSecondNs, .tv_nsec = period_ns % kSecondNs};
  const itimerspec each{.it_interval = period, .it_value = period};
  sampled.has_timer = timer_create(clock_of(os_thread), &event, &sampled.timer) == 0;
  if (sampled.has_timer && timer_settime(sampled.timer, 0, &each, nullptr) == 0) return;
  // One that has just ended is not missed.
  if (errno == EINVAL || errno == ESRCH || told_of_failure_) return;
  told_of_failure_ = true;
  std::fprintf(stderr,
               "taskscope: the samples will lack threads for which there is no timer (%s); raise "
               "the limit of pending signals (ulimit -i).\n",
               std::strerror(errno));
}

void Sampler::remove_timer(Thread& thread) {
  SampledThread& sampled = thread.sampled();
  if (!sampled.has_timer) return;
  sampled.has_timer = false;
  timer_delete(sampled.timer);
}

void Sampler::take(Thread& thread, const void* context) {
  const Registers registers = registers_of(*static_cast<const ucontext_t*>(context));
  const stack::StackPool& stacks = scheduler_.stacks();
  const stack::StackId stack = stacks.find(reinterpret_cast<const void*>(registers.stack));
  const SampledThread& sampled = thread.sampled();
  debug::FrameBounds bounds{.low = registers.stack, .end = registers.stack};
  if (stack != stack::kNoStack) {
    bounds = bounds_of_stack(registers.stack, stacks);
  } else if (registers.stack >= sampled.stack_low && registers.stack < sampled.stack_end) {
    bounds.end = sampled.stack_end;
  }
  // Between two tasks the thread may have a task whose stack it has left, or not entered yet.
  const Task* const task = thread.task();
  const bool in_task = task != nullptr && stack != stack::kNoStack && task->stack.id() == stack;
  std::array<std::uint64_t, tf::kStackCallsMax> calls;
  calls[0] = registers.instruction;
  const std::size_t callers =
      debug::walk_frames(registers.frame, bounds, std::span(calls).subspan(1));
  std::array<std::uint64_t, tf::kTopWordsMax> words;
  const std::size_t top = read_top(bounds, words);
  const Worker* const worker = thread.worker();
  const std::uint64_t lost = lost_.exchange(0, std::memory_order_relaxed);
  tf::TextBuffer text;
  tf::format_sample({.worker = worker == nullptr ? tf::kNoWorker : worker->index(),
                     .thread = static_cast<std::uint64_t>(thread.os_id()),
                     .lost = lost,
                     .calls = {calls.data(), callers + 1},
                     .top_words = {words.data(), top}},
                    text);
  if (!scheduler_.tracing().try_sample(in_task ? task->id : 0, text.view())) {
    lost_.fetch_add(lost + 1, std::memory_order_relaxed);
  }
}

}  // namespace taskscope::sched
