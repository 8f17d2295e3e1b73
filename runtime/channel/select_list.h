// SelectList: a select whose arms are known only when the program runs (Go's reflect.Select).
//
//   ts::SelectList arms;
//   for (auto& worker : workers) {
//     arms.recv(worker.results, [&](std::optional<Result> r) { if (r) use(*r); });
//   }
//   while (open && arms.wait(ctx) != ts::SelectList::kNone) {}  // kNone: ctx was done
//   if (arms.try_now() == ts::SelectList::kNone) log("nobody is ready");
//   if (arms.wait_for(ctx, 100ms) == ts::SelectList::kNone) arms.remove(0);
//
// Arms stay in the list and are used again by the next wait; a send is carried out once, then its
// arm is disabled. remove() disables any arm. Handlers return nothing. Owned by one task; a wait
// allocates nothing once the list has been used with its number of arms.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "runtime/base/site.h"
#include "runtime/channel/select.h"

namespace taskscope {

class SelectList {
 public:
  SelectList() = default;
  SelectList(SelectList&&) = default;
  SelectList& operator=(SelectList&&) = default;

  // Both return the arm's index.
  template <channel::Receives Handle, class Handler>
  std::size_t recv(const Handle& from, Handler handler) {
    using A = channel::RecvArm<channel::Element<Handle>, channel::ChanRef, Handler>;
    return add(std::make_unique<Kept<A>>(false, from.ref(), nullptr, std::move(handler), Site{}));
  }
  template <channel::Sends Handle, class Handler>
  std::size_t send(const Handle& to, channel::Element<Handle> value, Handler handler) {
    using T = channel::Element<Handle>;
    using A = channel::SendArm<T, channel::ChanRef, T, Handler>;
    return add(
        std::make_unique<Kept<A>>(true, to.ref(), std::move(value), std::move(handler), Site{}));
  }
  // Also from a handler, its own arm's included.
  void remove(std::size_t index) {
    removed_.push_back(std::move(arms_[index]));
    if (handlers_running_ == 0) removed_.clear();
  }

  // Waits for the first arm that can go ahead, carries it out and returns its index.
  std::size_t wait(Site site = Site::here()) { return finish(bind(nullptr).wait(waiting(site))); }
  static constexpr std::size_t kNone = channel::Selection::kNone;
  // The same, but kNone if `context` is done first, or already.
  template <channel::Cancellable C>
  std::size_t wait(const C& context, Site site = Site::here()) {
    const channel::DoneChannel done = context.done_core();
    if (done != nullptr && done->closed()) return kNone;
    return finish(bind(done).wait(waiting(site)));
  }
  // kNone if no arm has been carried out for `duration`.
  template <class Rep, class Period>
  std::size_t wait_for(std::chrono::duration<Rep, Period> duration, Site site = Site::here()) {
    return finish(bind(nullptr).wait_until(waiting(site), deadline_of(duration)));
  }
  // kNone then, and if `context` is done first, or already.
  template <channel::Cancellable C, class Rep, class Period>
  std::size_t wait_for(const C& context, std::chrono::duration<Rep, Period> duration,
                       Site site = Site::here()) {
    const channel::DoneChannel done = context.done_core();
    if (done != nullptr && done->closed()) return kNone;
    return finish(bind(done).wait_until(waiting(site), deadline_of(duration)));
  }
  // kNone if no arm is ready now.
  std::size_t try_now() { return finish(bind(nullptr).try_now()); }

 private:
  struct Entry {
    explicit Entry(bool is_once) : once(is_once) {}
    virtual ~Entry() = default;
    virtual void bind(channel::Arm& arm) = 0;
    virtual void finish(const channel::Arm& arm) = 0;
    const bool once;
  };
  template <class A>
  struct Kept final : Entry {
    template <class... Args>
    explicit Kept(bool is_once, Args&&... args)
        : Entry(is_once), kept(std::forward<Args>(args)...) {}
    void bind(channel::Arm& arm) override { kept.bind(arm); }
    void finish(const channel::Arm& arm) override { static_cast<void>(kept.finish(arm)); }
    A kept;
  };

  std::size_t add(std::unique_ptr<Entry> entry) {
    arms_.push_back(std::move(entry));
    return arms_.size() - 1;
  }
  static sched::WaitSpec waiting(const Site& site) {
    return {.reason = sched::BlockReason::Select, .object = nullptr, .site = site};
  }
  template <class Rep, class Period>
  static std::int64_t deadline_of(std::chrono::duration<Rep, Period> duration) {
    return sched::deadline_after(std::chrono::ceil<std::chrono::nanoseconds>(duration).count());
  }
  // Behind the arms stands one for `done`, disabled if that is null.
  channel::Selection bind(channel::DoneChannel done) {
    const std::size_t count = arms_.size() + 1;
    bound_.assign(count, channel::Arm{});
    order_.resize(count);
    locks_.resize(count + 1);
    for (std::size_t i = 0; i < arms_.size(); ++i) {
      if (arms_[i] != nullptr) arms_[i]->bind(bound_[i]);
    }
    bound_.back().chan = done;
    return channel::Selection({bound_.data(), order_.data(), locks_.data(), count});
  }
  std::size_t finish(std::size_t chosen) {
    if (chosen == kNone || chosen == arms_.size()) return kNone;
    Entry& entry = *arms_[chosen];
    const channel::Arm arm = bound_[chosen];
    const Running running(*this);
    if (entry.once) remove(chosen);
    entry.finish(arm);
    return chosen;
  }

  // While a handler runs, it may remove any arm; what it removes lives until it has returned.
  struct Running {
    explicit Running(SelectList& list) : list_(list) { ++list_.handlers_running_; }
    ~Running() {
      if (--list_.handlers_running_ == 0) list_.removed_.clear();
    }
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;

   private:
    SelectList& list_;
  };

  std::vector<std::unique_ptr<Entry>> arms_;  // null: disabled
  std::vector<std::unique_ptr<Entry>> removed_;
  int handlers_running_ = 0;
  // Room for the selection.
  std::vector<channel::Arm> bound_;
  std::vector<channel::Arm*> order_;
  std::vector<base::Lock*> locks_;
};

}  // namespace taskscope
