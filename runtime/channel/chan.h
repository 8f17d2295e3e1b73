// Chan<T>: Go's channel. Sender<T> and Receiver<T> are its two ends.
//
//   ts::Chan<Job> jobs = ts::make_chan<Job>("jobs", 8);
//   ts::go("feeder", [to = ts::Sender<Job>(jobs)] {
//     for (int i = 0; i < 3; ++i) to.send(i);
//     to.close();
//   });
//   for (Job& job : jobs) work(ctx, job);  // until it is closed and drained
//   if (std::optional<Job> more = jobs.try_recv()) work(ctx, *more);
//
//   ts::Receiver<int> from = numbers;  // the ends, for those who only receive or only send
//   ts::Sender<int> to = numbers;
//   if (!to.send(ctx, 1)) return;      // false: ctx was done first
//   if (!to.try_send(2)) log(std::to_string(from.len()) + " of " + std::to_string(from.cap()));
//   if (ts::Result<int> number = from.recv(ctx)) use(*number);  // or why there is none
//   if (from.drained()) log("no more will come");
//
// Handles are cheap shared references: copies mean the same channel, which lives until the last
// handle is gone. A default-constructed handle is a nil channel: sending and receiving wait for
// ever, close panics. T must be movable without throwing; it may be move-only. Values go by move
// from the sender to the receiver or the buffer. A channel, and its receiving end, is an input
// range, and a view: `jobs | std::views::take(3)` receives three values and no more.
//
// A handle belongs to one task at a time like any value; the channel may be used by all at once.
// Threads that are no task's may use what cannot wait: try_send, try_recv, close, len, cap.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>  // of <ranges>, which clang 14 cannot read, what it needs of ranges
#include <memory>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>

#include "runtime/base/result.h"
#include "runtime/base/site.h"
#include "runtime/channel/chan_core.h"
#include "runtime/memory/barrier.h"
#include "runtime/memory/holds_handles.h"

namespace taskscope {
template <class T>
class Chan;
}

namespace taskscope::channel {

template <class T>
void move_element(void* to, void* from) {
  construct_from(to, *static_cast<T*>(from));
}
template <class T>
void destroy_element(void* element) {
  static_cast<T*>(element)->~T();
}
template <class T>
inline constexpr ElementType kElementType{
    sizeof(T), alignof(T), std::is_trivially_copyable_v<T> ? nullptr : move_element<T>,
    std::is_trivially_destructible_v<T> ? nullptr : destroy_element<T>, memory::holds_handles<T>()};

// A counted reference to one end of a core, or to both; may be null (a nil channel).
//
// One word that says which end it is, so that who looks for leaks knows it wherever it finds it
// (sched/traced_channel.h). A reference that is gone leaves no word behind: what is left of it
// would look like one that may still be used.
template <sched::ChannelEnd kEnd>
class EndRef {
 public:
  EndRef() = default;
  explicit EndRef(ChanCore* core) : word_(word_of(core)) {}  // takes over the caller's reference
  EndRef(const EndRef& other) : word_(other.word_) {
    if (word_ != 0) get()->add_reference();
  }
  template <sched::ChannelEnd kOther>
  EndRef(const EndRef<kOther>& other) : word_(word_of(other.get())) {  // NOLINT: as its owners
    if (word_ != 0) get()->add_reference();
  }
  EndRef(EndRef&& other) noexcept : word_(other.word_) { other.forget(); }
  EndRef& operator=(EndRef other) noexcept {
    std::swap(word_, other.word_);
    return *this;
  }
  ~EndRef() {
    if (word_ == 0) return;
    get()->drop_reference(kEnd);
    forget();
  }
  ChanCore* get() const {
    return word_ == 0 ? nullptr : reinterpret_cast<ChanCore*>(word_ - kMark);
  }

 private:
  static constexpr std::uintptr_t kMark = sched::kHandleMark + static_cast<std::uintptr_t>(kEnd);
  static std::uintptr_t word_of(const ChanCore* core) {
    return core == nullptr ? 0 : reinterpret_cast<std::uintptr_t>(core) + kMark;
  }
  // Volatile: compilers leave out what is written to an object whose life ends.
  void forget() { *static_cast<volatile std::uintptr_t*>(&word_) = 0; }

  std::uintptr_t word_ = 0;
};
using ChanRef = EndRef<sched::ChannelEnd::Both>;
using SenderRef = EndRef<sched::ChannelEnd::Send>;
using ReceiverRef = EndRef<sched::ChannelEnd::Receive>;

// What a value that leaves its task refers to outlives its scope.
template <class T>
inline void note_sent(const T& value) {
  if constexpr (memory::holds_handles<T>()) memory::note_sent(&value, sizeof value);
}

// Room for a T that the core constructs.
template <class T>
union Slot {
  Slot() {}   // NOLINT: nothing is constructed yet
  ~Slot() {}  // NOLINT: take() has destroyed the value
  std::optional<T> take() {
    if constexpr (memory::holds_handles<T>()) memory::note_taken(&value, sizeof value);
    std::optional<T> result(std::move(value));
    std::destroy_at(&value);
    return result;
  }
  T value;
};

// What has a done channel, and says why it is done: a Context, which is a layer above.
template <class C>
concept Cancellable = requires(const C& context) {
  { context.done_core() } -> std::convertible_to<DoneChannel>;
  { context.error() } -> std::convertible_to<base::Error>;
};

template <class T>
[[gnu::always_inline]] inline void send(ChanCore* core, T& value, const base::Site& site) {
  if (core == nullptr) [[unlikely]]
    nil_send(site);
  note_sent(value);
  core->send(value, site);
}
template <class T>
bool send_unless(DoneChannel done, ChanCore* core, T& value, const base::Site& site) {
  note_sent(value);
  if (core != nullptr) return core->send_unless(done, value, site);
  nil_send_unless(done, site);
  return false;
}
template <class T>
bool try_send(ChanCore* core, T& value) {
  note_sent(value);
  return core != nullptr && core->try_send(value);
}
template <class T>
[[gnu::always_inline]] inline std::optional<T> recv(ChanCore* core, const base::Site& site) {
  if (core == nullptr) [[unlikely]]
    nil_recv(site);
  Slot<T> slot;
  if (core->recv(&slot.value, site) != RecvStatus::Value) return std::nullopt;
  return slot.take();
}
template <class T, Cancellable C>
base::Result<T> recv_unless(const C& context, ChanCore* core, const base::Site& site) {
  const DoneChannel done = context.done_core();
  if (core == nullptr) {
    nil_recv_unless(done, site);
    return context.error();
  }
  Slot<T> slot;
  const RecvStatus status = core->recv_unless(done, &slot.value, site);
  if (status == RecvStatus::Value) return *slot.take();
  if (status == RecvStatus::WouldWait) return context.error();
  return base::Error{.message = "the channel is closed", .kind = base::ErrorKind::Closed};
}
template <class T>
std::optional<T> try_recv(ChanCore* core) {
  if (core == nullptr) return std::nullopt;
  Slot<T> slot;
  if (core->try_recv(&slot.value) != RecvStatus::Value) return std::nullopt;
  return slot.take();
}
inline bool drained(const ChanCore* core) {
  // In this order: once closed it gets no more.
  return core != nullptr && core->closed() && core->length() == 0;
}
inline void close(ChanCore* core, const base::Site& site) {
  if (core == nullptr) nil_close();
  core->close(site);
}

// A channel that is part of something else, a timer say: the trace calls it that.
template <class T>
Chan<T> make_part(trace_format::ObjectKind whole, std::size_t capacity, const base::Site& site);

// Receives until the channel is closed and drained: what `for (T& v : ch)` runs on. Holds the
// channel itself, as Go's range does: the handle may be given away inside the loop. A value is
// received when it is asked for, by a look at it or at the end, so that whoever takes a number of
// values waits for none beyond.
template <class T>
class RecvIterator {
 public:
  using value_type = T;
  using difference_type = std::ptrdiff_t;
  using iterator_concept = std::input_iterator_tag;

  RecvIterator(ChanRef chan, const base::Site& site) : chan_(std::move(chan)), site_(site) {}

  T& operator*() const {
    fetch();
    return *value_;
  }
  T* operator->() const { return &**this; }
  [[gnu::always_inline]] RecvIterator& operator++() {
    fetch();
    value_.reset();
    return *this;
  }
  void operator++(int) { ++*this; }
  [[gnu::always_inline]] friend bool operator==(const RecvIterator& it, std::default_sentinel_t) {
    it.fetch();
    return !it.value_;
  }

 private:
  [[gnu::always_inline]] void fetch() const {
    if (!value_) value_ = recv<T>(chan_.get(), site_);
  }

  ChanRef chan_;
  base::Site site_;
  mutable std::optional<T> value_;  // the one at which it stands, once that was asked for
};

}  // namespace taskscope::channel

namespace taskscope {

template <class T>
class Sender;
template <class T>
class Receiver;

template <class T>
class Chan {
  static_assert(std::is_object_v<T> && !std::is_const_v<T>, "a channel carries plain values");
  static_assert(std::is_nothrow_move_constructible_v<T>,
                "values travel through a channel by move, under its lock, where nothing may throw: "
                "give the type a noexcept move constructor, or send a std::unique_ptr to it");

 public:
  Chan() = default;  // a nil channel

  // Waits until the value is received (unbuffered) or in the buffer. Panics on a closed channel.
  [[gnu::always_inline]] void send(T value, Site site = Site::here()) const {
    channel::send(ref_.get(), value, site);
  }
  // The same, but false, and `value` is as it was, if `context` is done first.
  template <channel::Cancellable C>
  [[nodiscard]] bool send(const C& context, T&& value, Site site = Site::here()) const {
    return channel::send_unless(context.done_core(), ref_.get(), value, site);
  }
  template <channel::Cancellable C>
  [[nodiscard]] bool send(const C& context, const T& value, Site site = Site::here()) const {
    return send(context, T(value), site);
  }
  // False, and `value` is as it was, if it would have to wait.
  bool try_send(T&& value) const { return channel::try_send(ref_.get(), value); }
  bool try_send(const T& value) const { return try_send(T(value)); }

  // The next value; waits for one. nullopt: closed and drained.
  [[gnu::always_inline]] std::optional<T> recv(Site site = Site::here()) const {
    return channel::recv<T>(ref_.get(), site);
  }
  // The same, but an error: of the kind Closed, or if `context` is done first, what context.error()
  // says.
  template <channel::Cancellable C>
  Result<T> recv(const C& context, Site site = Site::here()) const {
    return channel::recv_unless<T>(context, ref_.get(), site);
  }
  // nullopt also if there is no value now.
  std::optional<T> try_recv() const { return channel::try_recv<T>(ref_.get()); }
  // True if it is closed and everything was received: there will never be a value again.
  bool drained() const { return channel::drained(ref_.get()); }

  // No more values will be sent: receivers drain the buffer, then get nullopt. Panics if closed
  // already, or nil.
  void close(Site site = Site::here()) const { channel::close(ref_.get(), site); }

  // How many values are in the buffer, and how many it has room for. Of a timer's channel both are
  // 0, as in Go: what it holds back is not there before somebody receives it.
  std::size_t len() const { return ref_.get() == nullptr ? 0 : ref_.get()->length(); }
  std::size_t cap() const { return ref_.get() == nullptr ? 0 : ref_.get()->capacity(); }
  explicit operator bool() const { return ref_.get() != nullptr; }
  friend bool operator==(const Chan& a, const Chan& b) { return a.ref_.get() == b.ref_.get(); }

  const channel::ChanRef& ref() const { return ref_; }  // for ts::select

  // for (T& value : channel): receives until closed and drained.
  channel::RecvIterator<T> begin(Site site = Site::here()) const { return {ref_, site}; }
  std::default_sentinel_t end() const { return {}; }

 private:
  friend class Sender<T>;
  friend class Receiver<T>;
  template <class U>
  friend Chan<U> make_chan(std::size_t capacity, Site site);
  template <class U>
  friend Chan<U> make_chan(const char* name, std::size_t capacity, Site site);
  template <class U>
  friend Chan<U> channel::make_part(trace_format::ObjectKind whole, std::size_t capacity,
                                    const base::Site& site);

  explicit Chan(channel::ChanRef ref) : ref_(std::move(ref)) {}

  channel::ChanRef ref_;  // shared: a channel has as many owners as tasks that use it
};

// The sending end: made from a channel, cannot receive.
template <class T>
class Sender {
 public:
  Sender() = default;
  Sender(const Chan<T>& chan) : ref_(chan.ref_) {}  // NOLINT: implicit, as in Go

  [[gnu::always_inline]] void send(T value, Site site = Site::here()) const {
    channel::send(ref_.get(), value, site);
  }
  template <channel::Cancellable C>
  [[nodiscard]] bool send(const C& context, T&& value, Site site = Site::here()) const {
    return channel::send_unless(context.done_core(), ref_.get(), value, site);
  }
  template <channel::Cancellable C>
  [[nodiscard]] bool send(const C& context, const T& value, Site site = Site::here()) const {
    return send(context, T(value), site);
  }
  bool try_send(T&& value) const { return channel::try_send(ref_.get(), value); }
  bool try_send(const T& value) const { return try_send(T(value)); }
  void close(Site site = Site::here()) const { channel::close(ref_.get(), site); }
  std::size_t len() const { return ref_.get() == nullptr ? 0 : ref_.get()->length(); }
  std::size_t cap() const { return ref_.get() == nullptr ? 0 : ref_.get()->capacity(); }
  explicit operator bool() const { return ref_.get() != nullptr; }
  friend bool operator==(const Sender& a, const Sender& b) { return a.ref_.get() == b.ref_.get(); }

  const channel::SenderRef& ref() const { return ref_; }  // for ts::select

 private:
  channel::SenderRef ref_;  // shared: as Chan
};

// The receiving end: made from a channel, cannot send or close.
template <class T>
class Receiver {
 public:
  Receiver() = default;
  Receiver(const Chan<T>& chan) : ref_(chan.ref_) {}  // NOLINT: implicit, as in Go
  explicit Receiver(channel::ReceiverRef ref) : ref_(std::move(ref)) {}

  [[gnu::always_inline]] std::optional<T> recv(Site site = Site::here()) const {
    return channel::recv<T>(ref_.get(), site);
  }
  template <channel::Cancellable C>
  Result<T> recv(const C& context, Site site = Site::here()) const {
    return channel::recv_unless<T>(context, ref_.get(), site);
  }
  std::optional<T> try_recv() const { return channel::try_recv<T>(ref_.get()); }
  bool drained() const { return channel::drained(ref_.get()); }
  std::size_t len() const { return ref_.get() == nullptr ? 0 : ref_.get()->length(); }
  std::size_t cap() const { return ref_.get() == nullptr ? 0 : ref_.get()->capacity(); }
  explicit operator bool() const { return ref_.get() != nullptr; }
  friend bool operator==(const Receiver& a, const Receiver& b) {
    return a.ref_.get() == b.ref_.get();
  }

  const channel::ReceiverRef& ref() const { return ref_; }  // for ts::select
  channel::RecvIterator<T> begin(Site site = Site::here()) const { return {ref_, site}; }
  std::default_sentinel_t end() const { return {}; }

 private:
  channel::ReceiverRef ref_;  // shared: as Chan
};

// A new channel with room for `capacity` values; 0: every send waits for its receive.
template <class T>
Chan<T> make_chan(std::size_t capacity = 0, Site site = Site::here()) {
  return Chan<T>(channel::ChanRef(
      channel::ChanCore::make(channel::kElementType<T>, {.capacity = capacity}, site)));
}
// The same with a name for traces; `name` must live for ever (a literal).
template <class T>
Chan<T> make_chan(const char* name, std::size_t capacity = 0, Site site = Site::here()) {
  return Chan<T>(channel::ChanRef(channel::ChanCore::make(
      channel::kElementType<T>, {.capacity = capacity, .name = name}, site)));
}

template <class T>
Chan<T> channel::make_part(trace_format::ObjectKind whole, std::size_t capacity,
                           const base::Site& site) {
  return Chan<T>(
      ChanRef(ChanCore::make(kElementType<T>, {.capacity = capacity, .kind = whole}, site)));
}

}  // namespace taskscope

// Copies of a handle mean the same channel, and iterators hold it themselves.
template <class T>
inline constexpr bool std::ranges::enable_view<taskscope::Chan<T>> = true;
template <class T>
inline constexpr bool std::ranges::enable_view<taskscope::Receiver<T>> = true;
template <class T>
inline constexpr bool std::ranges::enable_borrowed_range<taskscope::Chan<T>> = true;
template <class T>
inline constexpr bool std::ranges::enable_borrowed_range<taskscope::Receiver<T>> = true;
