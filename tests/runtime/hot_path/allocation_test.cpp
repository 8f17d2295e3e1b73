// What runs all the time must not allocate: every operator new of this program is counted.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <mutex>
#include <new>
#include <shared_mutex>

#include "tests/runtime/support/runtime_test.h"

namespace {
std::atomic<std::uint64_t> allocations{0};
}  // namespace

// The sanitizers want their own.
#if !TASKSCOPE_ASAN && !TASKSCOPE_TSAN
namespace {
void* allocate(std::size_t size, std::size_t alignment) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  void* memory = nullptr;
  if (posix_memalign(&memory, alignment < sizeof(void*) ? sizeof(void*) : alignment, size) != 0) {
    throw std::bad_alloc();
  }
  return memory;
}
}  // namespace

void* operator new(std::size_t size) { return allocate(size, alignof(std::max_align_t)); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  return allocate(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
#endif

namespace taskscope {
namespace {

class HotPath : public test::RuntimeTest {};
TASKSCOPE_AT_ALL_WORKER_COUNTS(HotPath);

constexpr int kRounds = 1'000;
// The scheduler starts a thread when it first needs one, at any time. What is measured happens
// kRounds times in every attempt, so one attempt without an allocation is proof.
constexpr int kAttempts = 20;

// The fewest allocations made by one call of `function`, after one that may make what is made once.
template <class F>
std::uint64_t allocations_of(F function) {
  function();
  std::uint64_t fewest = ~std::uint64_t{0};
  for (int attempt = 0; attempt < kAttempts && fewest != 0; ++attempt) {
    const std::uint64_t before = allocations.load();
    function();
    fewest = std::min(fewest, allocations.load() - before);
  }
  return fewest;
}

TEST_P(HotPath, TheCounterCounts) {
#if !TASKSCOPE_ASAN && !TASKSCOPE_TSAN
  EXPECT_GE(allocations_of([] { delete new int(1); }), 1u);
#endif
}

TEST_P(HotPath, BufferedChannelsDoNotAllocate) {
  run([] {
    auto chan = make_chan<int>(8);
    EXPECT_EQ(allocations_of([&] {
                for (int i = 0; i < kRounds; ++i) {
                  chan.send(i);
                  static_cast<void>(chan.try_send(i));
                  chan.recv();
                  chan.try_recv();
                }
              }),
              0u);
  });
}

TEST_P(HotPath, WaitingOperationsDoNotAllocate) {
  run([] {
    auto to = make_chan<int>();
    auto back = make_chan<int>();
    go([=] {
      for (int value : to) back.send(value);
      back.close();
    });
    EXPECT_EQ(allocations_of([&] {
                for (int i = 0; i < kRounds; ++i) {
                  to.send(i);
                  back.recv();
                }
              }),
              0u);
    to.close();
    back.recv();
  });
}

TEST_P(HotPath, SelectsDoNotAllocate) {
  run([] {
    auto a = make_chan<int>(1);
    auto b = make_chan<int>();
    auto c = make_chan<int>();
    go([=] {
      for (int value : b) c.send(value);
      c.close();
    });
    EXPECT_EQ(allocations_of([&] {
                for (int i = 0; i < kRounds; ++i) {
                  ts::select(ts::send(a, i), ts::recv(c));
                  ts::select(ts::recv(a), ts::recv(c), ts::otherwise());
                  b.send(i);
                  ts::select(ts::recv(a), ts::recv(c));
                }
              }),
              0u);
    b.close();
    c.recv();
  });
}

TEST_P(HotPath, LocksDoNotAllocate) {
  run([] {
    Mutex mutex;
    RWMutex rwmutex;
    Semaphore semaphore(2);
    WaitGroup group;
    Once once;
    EXPECT_EQ(allocations_of([&] {
                for (int i = 0; i < kRounds; ++i) {
                  const std::scoped_lock lock(mutex);
                  { const std::scoped_lock write(rwmutex); }
                  { const std::shared_lock read(rwmutex); }
                  semaphore.acquire();
                  semaphore.release();
                  group.add();
                  group.done();
                  group.wait();
                  once.run([] {});
                }
              }),
              0u);
  });
}

}  // namespace
}  // namespace taskscope
