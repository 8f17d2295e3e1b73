// pool_reuse: objects that are dear to make are put back and used again.
//
// Use ts::Pool for buffers and parsers that many short tasks need for a moment each: under load
// everybody finds one that somebody has put back, and when the load is over the pool lets go of
// them by itself. What comes out of it holds whatever its last user left, so clear it first. It is
// no bound: who finds nothing gets a new one. To have no more than N of something use a
// ts::Semaphore, or a channel that holds them.
//
// Here each request builds a page in a buffer of a megabyte. A guard puts it back whatever happens.
#include <atomic>
#include <cstdio>
#include <string>
#include <utility>

#include "runtime/taskscope.h"

namespace {

constexpr std::size_t kBufferBytes = 1 << 20;
constexpr int kRequests = 500;
constexpr std::size_t kAtOnce = 4;

using Buffers = ts::Pool<std::string>;

class BorrowedBuffer {
 public:
  explicit BorrowedBuffer(Buffers& pool) : pool_(pool), buffer_(pool.get()) { buffer_.clear(); }
  ~BorrowedBuffer() { pool_.put(std::move(buffer_)); }
  BorrowedBuffer(const BorrowedBuffer&) = delete;
  BorrowedBuffer& operator=(const BorrowedBuffer&) = delete;
  std::string* operator->() { return &buffer_; }

 private:
  Buffers& pool_;
  std::string buffer_;
};

// The length of its page.
std::size_t answer(int request, Buffers& pool) {
  BorrowedBuffer page(pool);
  for (int line = 0; line < 20; ++line) {
    page->append("request ").append(std::to_string(request)).append(" line\n");
    if (line == 10) ts::yield();  // others work on their pages meanwhile
  }
  return page->size();
}

std::size_t expected(int request) {
  return 20 * (std::string("request  line\n").size() + std::to_string(request).size());
}

}  // namespace

int main() {
  return ts::run([] {
    std::atomic<int> made{0};
    Buffers buffers([&made] {
      ++made;
      std::string buffer;
      buffer.reserve(kBufferBytes);
      return buffer;
    });
    std::atomic<int> right{0};
    {
      ts::Scope requests(ts::background(), {.limit = kAtOnce});
      for (int request = 0; request < kRequests; ++request) {
        requests.go("request", [&, request] {
          if (answer(request, buffers) == expected(request)) ++right;
        });
      }
    }
    const bool reused = made <= kRequests / 2;
    std::printf("%d of %d pages, %s\n", right.load(), kRequests,
                reused ? "most in a buffer that was used before" : "hardly a buffer used twice");
    return right == kRequests && reused ? 0 : 1;
  });
}
