// A stand-in for a traced program: speaks the handshake by hand and behaves as its argument says.
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "runtime/base/unique_fd.h"
#include "runtime/trace_format/attach_place.h"
#include "runtime/trace_format/handshake.h"
#include "runtime/trace_format/ring_layout.h"

namespace {

using namespace taskscope;
using trace_format::EventKind;

constexpr std::uint64_t kCapacity = 4096;

// Waits until there is room for it, which a real program never does.
base::UniqueFd connect_to_recorder() {
  const char* path = std::getenv(trace_format::kRecorderVariable);
  for (;;) {
    bool stale = false;
    auto socket = trace_format::connect_to_socket(path == nullptr ? "" : path, stale);
    if (socket) return std::move(*socket);
    if (errno != EAGAIN) return {};
    std::this_thread::yield();
  }
}

// What messages go to.
base::UniqueFd& recorder_socket() {
  static base::UniqueFd socket = connect_to_recorder();
  return socket;
}

template <class T>
void send_message(const T& message, int descriptor = -1) {
  iovec data{const_cast<T*>(&message), sizeof message};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr header{};
  header.msg_iov = &data;
  header.msg_iovlen = 1;
  if (descriptor >= 0) {
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    cmsghdr* c = CMSG_FIRSTHDR(&header);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(c), &descriptor, sizeof(int));
  }
  if (sendmsg(recorder_socket().get(), &header, MSG_NOSIGNAL) < 0) std::perror("helper: sendmsg");
}

class Ring {
 public:
  explicit Ring(trace_format::WorkerId worker_id) {
    const int fd = memfd_create("ring", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    const std::size_t bytes = trace_format::ring_bytes(kCapacity);
    if (ftruncate(fd, static_cast<off_t>(bytes)) != 0) std::abort();
    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
    void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    header_ = new (memory) trace_format::RingHeader;
    header_->worker_id = worker_id;
    header_->capacity = kCapacity;
    records_ = reinterpret_cast<trace_format::Record*>(static_cast<char*>(memory) +
                                                       trace_format::kRingHeaderBytes);
    trace_format::RingOffer offer;
    offer.worker_id = worker_id;
    offer.capacity = kCapacity;
    send_message(offer, fd);
    close(fd);
  }

  // Waits for room, which a real program never does: what is recorded must be known beforehand.
  void put(EventKind kind, std::uint64_t id = 0, std::uint32_t aux = 0) {
    const std::uint64_t head = header_->head.load(std::memory_order_relaxed);
    while (head - header_->tail.load(std::memory_order_acquire) == kCapacity) {
      std::this_thread::yield();
    }
    const trace_format::Event event{
        .ticks = base::ticks(base::tick_source()), .id = id, .aux = aux, .kind = kind};
    records_[head % kCapacity] = trace_format::encode(event);
    header_->head.store(head + 1, std::memory_order_release);
  }
  void wait_until_read() const {
    while (header_->tail.load(std::memory_order_acquire) !=
           header_->head.load(std::memory_order_relaxed)) {
      std::this_thread::yield();
    }
  }
  trace_format::RingHeader& header() { return *header_; }

 private:
  trace_format::RingHeader* header_;
  trace_format::Record* records_;
};

void say_hello(std::uint16_t major = trace_format::kFormatMajor, std::uint32_t workers = 1) {
  trace_format::Hello hello;
  hello.format_major = major;
  hello.workers = workers;
  hello.pid = getpid();
  hello.tick_source = base::tick_source();
  hello.start = base::read_clock_anchor(hello.tick_source);
  std::snprintf(hello.program, sizeof hello.program, "helper");
  send_message(hello);
}

// The life of `tasks` tasks after the main one: five events each.
void run_tasks(Ring& ring, std::uint64_t tasks) {
  ring.put(EventKind::Spawn, 1);
  ring.put(EventKind::Run, 1, 1);
  for (std::uint64_t id = 2; id < 2 + tasks; ++id) {
    const auto sequence = static_cast<std::uint32_t>(2 * id - 2);
    ring.put(EventKind::Spawn, id, 7);
    ring.put(EventKind::Yield);
    ring.put(EventKind::Run, id, 1);
    ring.put(EventKind::Exit, id);
    ring.put(EventKind::Run, 1, sequence / 2 + 1);
  }
}

void die_of(int signal) {
  // Sanitizers would turn the signal into an exit.
  ::signal(signal, SIG_DFL);
  raise(signal);
}

void send_junk() {
  send_message(std::array<char, 3>{'x', 'y', 'z'});
  send_message(std::array<char, 4000>{});
  trace_format::MessageHeader unknown;
  unknown.type = static_cast<trace_format::MessageType>(77);
  send_message(unknown, 0);
  trace_format::RingOffer no_memory;
  no_memory.capacity = kCapacity;
  send_message(no_memory);
  no_memory.capacity = 12345;
  send_message(no_memory, 0);
}

// Many programs, as far as a recorder can tell, one after the other.
void be_many(std::uint64_t programs) {
  for (std::uint64_t i = 0; i < programs; ++i) {
    recorder_socket() = connect_to_recorder();
    say_hello();
    send_message(trace_format::Bye{});
  }
}

// Connections that say nothing, or nonsense, and stay.
std::vector<base::UniqueFd> make_storm(std::uint64_t connections) {
  std::vector<base::UniqueFd> storm;
  for (std::uint64_t i = 0; i < connections; ++i) {
    storm.push_back(connect_to_recorder());
    if (i % 2 == 0) continue;
    static_cast<void>(send(storm.back().get(), "nonsense", 8, MSG_NOSIGNAL) == 8);
  }
  return storm;
}

// The recorder reads one of the rings several times before the next is offered, in which is what
// led to the events in the first.
int hand_over_slowly() {
  say_hello(trace_format::kFormatMajor, 2);
  Ring first(0);
  first.put(EventKind::Run, 1, 1);
  for (int i = 0; i < 4; ++i) {
    first.put(EventKind::WorkerWake, 1);
    first.wait_until_read();
  }
  Ring second(1);
  second.put(EventKind::Spawn, 1);
  const Ring outside(trace_format::kNoWorker);
  first.put(EventKind::Exit, 1);
  send_message(trace_format::Bye{});
  return 0;
}

int behave(std::string_view how, std::uint64_t tasks) {
  if (how == "exits-at-once") return 3;
  if (how == "dies-at-once") die_of(SIGTERM);
  if (how == "junk-only") return send_junk(), 0;
  if (how == "newer") return say_hello(trace_format::kFormatMajor + 1), 0;
  if (how == "many") return be_many(tasks), 0;
  if (how == "hands-over-slowly") return hand_over_slowly();
  std::vector<base::UniqueFd> storm;
  if (how == "storm") storm = make_storm(tasks);
  if (how == "junk") send_junk();
  say_hello();
  // From here on it is known to the recorder, whatever becomes of who started it.
  if (how == "outlives" && kill(getppid(), SIGUSR1) != 0) return 5;
  if (how == "hello-only") return 4;
  if (how == "junk") send_junk();
  Ring ring(0);
  const Ring outside(trace_format::kNoWorker);
  run_tasks(ring, tasks);
  if (how == "crashes") die_of(SIGSEGV);
  if (how == "is-killed") die_of(SIGKILL);
  if (how == "loses-twice") ring.put(EventKind::Lost, 5);
  if (how == "loses" || how == "loses-twice") {
    ring.header().lost.store(17);
    die_of(SIGKILL);
  }
  if (how == "grows") {
    Ring late(1);
    late.put(EventKind::WorkerStart, 4321);
    ring.put(EventKind::Spawn, 2 + tasks, 7);
    late.put(EventKind::Run, 2 + tasks, 1);
    late.put(EventKind::Exit, 2 + tasks);
  }
  if (how == "lies") {
    Ring liar(1);
    liar.put(EventKind::WorkerPark);
    liar.header().head.store(1'000'000'000);
  }
  if (how == "forks" && fork() == 0) {
    // Lives on with the socket and the ring, until the test's process is long gone.
    alarm(60);
    close(0), close(1), close(2);
    pause();
  }
  if (how == "waits-for-signal") {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, nullptr);
    ring.put(EventKind::WorkerWake, 5);
    int signal = 0;
    sigwait(&set, &signal);
  }
  ring.put(EventKind::Exit, 1);
  send_message(trace_format::Bye{});
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  // A limit that a test sets for its recorder is not meant for the rings.
  rlimit limit{};
  getrlimit(RLIMIT_FSIZE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_FSIZE, &limit);
  alarm(120);  // no test is kept waiting by a helper that it forgot
  std::uint64_t tasks = 10;
  if (argc > 2) std::from_chars(argv[2], argv[2] + std::strlen(argv[2]), tasks);
  return behave(argv[1], tasks);
}
