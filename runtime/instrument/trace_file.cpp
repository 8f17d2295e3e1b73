#include "runtime/instrument/trace_file.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <system_error>

#include "runtime/base/clock.h"
#include "runtime/base/no_signals.h"
#include "runtime/instrument/packet.h"
#include "runtime/trace_format/handshake.h"

namespace taskscope::instrument {
namespace tf = trace_format;
namespace {

constexpr int kPauseBusyMs = 2;
constexpr int kPauseIdleMs = 10;
// How long a dying process waits for the thread to finish a round of its own.
constexpr int kPatienceYields = 100'000;

// The one of this process, for who dies. Written under the lock; who uses it then holds it.
base::Lock g_file_lock;
std::atomic<TraceFile*> g_file{nullptr};

// False if it is held for too long: the process dies without.
bool lock_with_patience(base::Lock& lock) {
  for (int tries = 0; tries < kPatienceYields; ++tries) {
    if (lock.try_lock()) return true;
    sched_yield();
  }
  return false;
}

Error cannot_write(const std::string& path, int code) {
  return Error{std::string(tf::kTraceFileVariable) + ": cannot write " + path + " (" +
               std::strerror(code) + "), so this program runs unrecorded."};
}

// A write over the size limit fails with a signal beside, which waits for this thread to let it in.
void take_back_size_signal() {
  const int saved_errno = errno;
  sigset_t size;
  sigemptyset(&size);
  sigaddset(&size, SIGXFSZ);
  const timespec now{};
  if (saved_errno == EFBIG) sigtimedwait(&size, nullptr, &now);
  errno = saved_errno;
}

template <class T>
bool read_as(std::span<const std::byte> packet, tf::MessageType type, T& out) {
  if (packet.size() != sizeof out) return false;
  std::memcpy(static_cast<void*>(&out), packet.data(), sizeof out);
  return out.header.type == type;
}

}  // namespace

std::string TraceFile::take_path() {
  const char* const value = std::getenv(tf::kTraceFileVariable);
  std::string path = value == nullptr ? "" : value;
  unsetenv(tf::kTraceFileVariable);
  return path;
}

Result<std::unique_ptr<TraceFile>> TraceFile::create(const std::string& path,
                                                     base::UniqueFd& program_end) {
  base::UniqueFd file(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file) return cannot_write(path, errno);
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return cannot_write(path, errno);
  }
  base::UniqueFd mine(ends[0]);
  program_end.reset(ends[1]);
  std::unique_ptr<TraceFile> made(new TraceFile(path, std::move(file), std::move(mine)));
  const base::NoSignals quiet;  // inherited by the thread
  if (!made->write_all(&tf::kTraceFileMagic, sizeof tf::kTraceFileMagic)) {
    return cannot_write(path, errno);
  }
  try {
    made->thread_ = std::thread([file_of = made.get()] { file_of->loop(); });
  } catch (const std::system_error& error) {
    return cannot_write(path, error.code().value());
  }
  {
    const base::LockGuard guard(g_file_lock);
    g_file.store(made.get(), std::memory_order_relaxed);
  }
  static const int at_exit = std::atexit(save_before_death);
  static_cast<void>(at_exit);
  return made;
}

TraceFile::TraceFile(std::string path, base::UniqueFd file, base::UniqueFd socket)
    : path_(std::move(path)), file_(std::move(file)), socket_(std::move(socket)) {
  rings_.reserve(kRingsMax);
}

TraceFile::~TraceFile() {
  if (thread_.joinable()) thread_.join();
  if (exists()) {
    const base::LockGuard guard(g_file_lock);
    g_file.store(nullptr, std::memory_order_relaxed);
  }
  for (const Ring& ring : rings_) munmap(ring.header, tf::ring_bytes(ring.capacity));
}

bool TraceFile::exists() { return g_file.load(std::memory_order_relaxed) != nullptr; }

void TraceFile::forget() { g_file.store(nullptr, std::memory_order_relaxed); }

void TraceFile::save_before_death() TASKSCOPE_NO_ANALYSIS {
  if (!exists()) return;
  const base::NoSignals quiet;
  if (!lock_with_patience(g_file_lock)) return;
  TraceFile* const file = g_file.load(std::memory_order_relaxed);
  if (file != nullptr && lock_with_patience(file->lock_)) {
    static_cast<void>(file->take_packets());
    file->drain();
    file->lock_.unlock();
  }
  g_file_lock.unlock();
}

// ---- The thread ---------------------------------------------------------------------------------

void TraceFile::loop() {
  pthread_setname_np(pthread_self(), "taskscope-file");
  while (const auto pause_ms = round()) {
    pollfd waiting{.fd = socket_.get(), .events = POLLIN, .revents = 0};
    poll(&waiting, 1, *pause_ms);
  }
}

std::optional<int> TraceFile::round() {
  const base::LockGuard guard(lock_);
  // First, so that what was written before the goodbye is read after it.
  const bool goes_on = take_packets();
  drain();
  if (!goes_on) return std::nullopt;
  return busy_ ? kPauseBusyMs : kPauseIdleMs;
}

// False when the program has said goodbye.

bool TraceFile::take_packets() {
  for (;;) {
    std::array<std::byte, sizeof(tf::Hello)> room;
    std::size_t bytes = 0;
    base::UniqueFd memory;
    switch (receive_packet(socket_.get(), room, bytes, &memory)) {
      case Received::Nothing:
        return true;
      case Received::Closed:
        return false;
      case Received::Packet:
        break;
    }
    const std::span<const std::byte> packet = std::span(room).first(bytes);
    write(tf::BlockKind::Packet, tf::kNoWorker, packet.data(), packet.size());
    tf::Hello hello;
    if (read_as(packet, tf::MessageType::Hello, hello)) tick_source_ = hello.tick_source;
    tf::RingOffer offer;
    if (read_as(packet, tf::MessageType::RingOffer, offer)) {
      take_ring(memory.get(), offer.worker_id, offer.capacity);
    }
    tf::Bye bye;
    if (read_as(packet, tf::MessageType::Bye, bye)) return false;
  }
}

void TraceFile::take_ring(int memory, tf::WorkerId worker_id, std::uint64_t capacity) {
  if (rings_.size() == kRingsMax) return;
  void* const mapped =
      mmap(nullptr, tf::ring_bytes(capacity), PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
  if (mapped == MAP_FAILED) return;
  rings_.push_back({.worker_id = worker_id,
                    .capacity = capacity,
                    .header = static_cast<tf::RingHeader*>(mapped)});
}

void TraceFile::drain() {
  busy_ = false;
  for (Ring& ring : rings_) drain(ring);
  const base::ClockAnchor now = base::read_clock_anchor(tick_source_);
  if (busy_) write(tf::BlockKind::Round, tf::kNoWorker, &now, sizeof now);
}

void TraceFile::drain(Ring& ring) {
  // Acquire pairs with the writer's release: the records before head are complete.
  const std::uint64_t head = ring.header->head.load(std::memory_order_acquire);
  const std::uint64_t lost = ring.header->lost.load(std::memory_order_relaxed);
  if (lost != ring.lost) write(tf::BlockKind::Lost, ring.worker_id, &lost, sizeof lost);
  ring.lost = lost;
  if (head == ring.tail) return;
  busy_ = true;
  const auto* const records = reinterpret_cast<const tf::Record*>(
      reinterpret_cast<const char*>(ring.header) + tf::kRingHeaderBytes);
  const std::uint64_t count = head - ring.tail;
  const std::uint64_t first = ring.tail & (ring.capacity - 1);
  const std::uint64_t before_wrap = std::min(count, ring.capacity - first);
  write(tf::BlockKind::Records, ring.worker_id, records + first, before_wrap * sizeof(tf::Record),
        records, (count - before_wrap) * sizeof(tf::Record));
  ring.tail = head;
  // Pairs with the writer's acquire before it writes there again.
  ring.header->tail.store(head, std::memory_order_release);
}

// ---- The file -----------------------------------------------------------------------------------

void TraceFile::write(tf::BlockKind kind, tf::WorkerId worker_id, const void* first,
                      std::size_t first_bytes, const void* second, std::size_t second_bytes) {
  if (failed_) return;
  const tf::BlockHead head{
      .kind = kind, .worker_id = worker_id, .bytes = first_bytes + second_bytes};
  if (write_all(&head, sizeof head) && write_all(first, first_bytes) &&
      write_all(second, second_bytes)) {
    return;
  }
  failed_ = true;
  std::array<char, 512> text;
  const int length = std::snprintf(
      text.data(), text.size(),
      "taskscope: %s: cannot write %s any more (%s); what was written before is whole.\n",
      tf::kTraceFileVariable, path_.c_str(), std::strerror(errno));
  const auto size = static_cast<std::size_t>(std::clamp(length, 0, 511));
  static_cast<void>(::write(STDERR_FILENO, text.data(), size) >= 0);
}

bool TraceFile::write_all(const void* data, std::size_t bytes) {
  const char* at = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t written = ::write(file_.get(), at, bytes);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      take_back_size_signal();
      return false;
    }
    at += written;
    bytes -= static_cast<std::size_t>(written);
  }
  return true;
}

}  // namespace taskscope::instrument
