#include "viewer/model/session_follower.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "recorder/store/reader.h"
#include "viewer/model/lane_merge.h"
#include "viewer/model/scheduler_events.h"
#include "viewer/model/session_builder.h"

namespace taskscope::viewer {
namespace {

template <class Id>
void sort_ids(std::vector<Id>& ids) {
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
}

// A reader, what was made of what it read, and how far that is.
class Reading {
 public:
  Reading(const std::string& path, store::Reader reader)
      : reader_(std::move(reader)),
        merge_(reader_, kLiveKinds),
        builder_(path, {.info = reader_.info()}, SessionBuilder::Extent::Growing) {}
  Reading(const Reading&) = delete;  // its parts refer to its reader
  Reading& operator=(const Reading&) = delete;

  enum class Outcome : std::uint8_t {
    Nothing,  // is new
    More,
    Anew,  // all has to be read again, by another Reading
  };
  // Everything up to the newest cut.
  Result<Outcome> read_on();
  SessionPtr snapshot() { return builder_.snapshot(until_ns_); }

 private:
  Result<bool> read_entities();
  Result<void> read_batch(std::span<const store::Span> spans,
                          std::span<const store::EventRow> events);
  Result<bool> read_ended();

  store::Reader reader_;
  LaneMerge merge_;
  SessionBuilder builder_;
  std::int64_t until_ns_ = -1;  // of the last cut; negative: there was none
  std::int64_t drops_ = 0;      // likewise
  store::Reader::IdlePlaces idle_places_;
  std::int64_t lost_place_ = 0;
  std::vector<TaskId> ended_;  // since the last snapshot
};

Result<bool> Reading::read_entities() {
  SessionEntities more;
  const auto take = [](auto from, auto& to) -> Result<void> {
    if (!from) return from.error();
    to = std::move(*from);
    return {};
  };
  more.info = reader_.info();
  for (const Result<void>& read :
       {take(reader_.programs(), more.info.programs), take(reader_.workers(), more.workers),
        take(reader_.sites(), more.sites), take(reader_.lost_after(lost_place_), more.lost),
        reader_.idle_after(idle_places_, more.parks, more.spins)}) {
    if (!read) return read.error();
  }
  return builder_.add(std::move(more));
}

// The tasks and objects that are met for the first time come before what is about them.
Result<void> Reading::read_batch(std::span<const store::Span> spans,
                                 std::span<const store::EventRow> events) {
  std::vector<TaskId> tasks;
  std::vector<store::ObjectId> objects;
  const auto meet = [&](TaskId task, store::ObjectId object) {
    if (task != 0 && !builder_.knows_task(task)) tasks.push_back(task);
    if (object != 0 && !builder_.knows_object(object)) objects.push_back(object);
  };
  for (const store::Span& span : spans) {
    meet(span.task_id, span.object_id);
    meet(span.woken_by, 0);
  }
  for (const store::EventRow& event : events) {
    meet(event.task_id, event.object_id);
    if (event.kind == store::EventKind::Exit) ended_.push_back(event.task_id);
  }
  sort_ids(tasks);
  sort_ids(objects);
  SessionEntities more;
  if (!tasks.empty()) {
    auto rows = reader_.tasks_of(tasks);
    if (!rows) return rows.error();
    more.tasks = std::move(*rows);
  }
  if (!objects.empty()) {
    auto rows = reader_.objects_of(objects);
    if (!rows) return rows.error();
    more.objects = std::move(*rows);
  }
  if (!tasks.empty() || !objects.empty()) builder_.add(std::move(more));
  builder_.add_spans(spans);
  builder_.add_events(events);
  return {};
}

// What is known of a task at its end, in one go.
Result<bool> Reading::read_ended() {
  std::erase_if(ended_, [&](TaskId id) { return !builder_.lives(id); });
  sort_ids(ended_);
  auto rows = reader_.tasks_of(ended_);
  if (!rows) return rows.error();
  ended_.clear();
  SessionEntities more;
  more.tasks = std::move(*rows);
  return builder_.add(std::move(more));
}

Result<Reading::Outcome> Reading::read_on() {
  const auto cut = reader_.cut();
  if (!cut) return cut.error();
  if (!*cut || (*cut)->until_ns == until_ns_) return Outcome::Nothing;
  if (until_ns_ >= 0 && (*cut)->drops != drops_) return Outcome::Anew;
  drops_ = (*cut)->drops;
  const auto fits = read_entities();
  if (!fits) return fits.error();
  if (!*fits) return Outcome::Anew;
  if (auto added = merge_.add(**cut); !added) return added.error();
  std::vector<store::Span> spans;
  std::vector<store::EventRow> events;
  for (;;) {
    const Result<bool> more = merge_.next(spans, events);
    if (!more) return more.error();
    if (!*more) break;
    if (auto read = read_batch(spans, events); !read) return read.error();
  }
  if (auto read = read_ended(); !read) return read.error();
  until_ns_ = (*cut)->until_ns;
  return Outcome::More;
}

// Brings `reading` up to date, which is none at first and after an error; null: nothing is new.
Result<SessionPtr> read_on(const std::string& path, std::unique_ptr<Reading>& reading) {
  for (int attempt = 0;; ++attempt) {
    if (reading == nullptr) {
      auto reader = store::Reader::open(path);
      if (!reader) return reader.error();
      reading = std::make_unique<Reading>(path, std::move(*reader));
    }
    const auto outcome = reading->read_on();
    if (!outcome || *outcome == Reading::Outcome::Anew) reading.reset();
    // Chunks may have been dropped meanwhile, and others may have got their ids.
    if (!outcome && attempt > 0) return outcome.error();
    if (outcome && *outcome == Reading::Outcome::Nothing) return SessionPtr();
    if (outcome && *outcome == Reading::Outcome::More) return reading->snapshot();
  }
}

}  // namespace

SessionFollower::SessionFollower(std::string path, std::function<void()> on_change)
    : path_(std::move(path)), on_change_(std::move(on_change)), thread_([this] { run(); }) {}

SessionFollower::~SessionFollower() {
  {
    const std::scoped_lock lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void SessionFollower::refresh() {
  {
    const std::scoped_lock lock(mutex_);
    if (state_.busy) return;
    state_.busy = true;
  }
  changed_.notify_all();
}

SessionFollower::State SessionFollower::poll() const {
  const std::scoped_lock lock(mutex_);
  return state_;
}

SessionFollower::State SessionFollower::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !state_.busy; });
  return state_;
}

void SessionFollower::run() {
  std::unique_ptr<Reading> reading;
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stop_ || state_.busy; });
    if (stop_) return;
    lock.unlock();
    Result<SessionPtr> session = read_on(path_, reading);
    lock.lock();
    state_.busy = false;
    state_.error = session ? "" : session.error().message;
    if (session && *session != nullptr) state_.session = std::move(*session);
    lock.unlock();
    changed_.notify_all();
    if (on_change_) on_change_();
    lock.lock();
  }
}

}  // namespace taskscope::viewer
