// What checks ask about a recording beside its spans: whose task something is, what an object is
// called, which workers slept when.
//
// Filled while a report is built, constant afterwards. Memory: 16 bytes a task, and the rows of
// objects and long parks. One thread at a time; borrows the reader and the report, which must
// outlive it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "recorder/store/reader.h"
#include "recorder/store/rows.h"
#include "runtime/base/result.h"
#include "viewer/analysis/report.h"

namespace taskscope::analysis {

inline constexpr std::uint64_t kMainTask = 1;  // of each program, by its own number

// "1 task", "3 tasks".
std::string plural(std::uint64_t count, std::string_view noun);
// `task 12 "reader"`.
std::string task_label(const store::TaskRow& task);

class Facts {
 public:
  // Of the workers' sleeps only those of at least `park_min_ns` are looked at: there may be
  // thousands of short ones a second.
  Facts(const store::Reader& reader, const Report& report, std::int64_t park_min_ns)
      : reader_(reader), report_(report), park_min_ns_(park_min_ns) {}

  // In the order of ids.
  void add(const store::TaskRow& task);
  // Reads what else there is.
  Result<void> read_rest();

  const Report& report() const { return report_; }
  std::int64_t duration_ns() const { return report_.info.duration_ns; }
  store::SiteId spawn_site(store::TaskId id) const;  // 0: not known
  // How long the task ran at a stretch, on average; 0: not known.
  std::int64_t mean_slice_ns(store::TaskId id) const;
  // That all of a program's tasks together were in a state.
  std::int64_t time_in(store::ProgramId program, store::TaskState state) const;
  const store::ObjectRow* find_object(store::ObjectId id) const;  // null: not known
  const std::vector<store::ChunkSummary>& chunks() const { return chunks_; }

  // `mutex "cache"`, "mutex made at cache.cpp:12", "mutex 7".
  std::string object_label(store::ObjectId id) const;
  // Reads the task's row for its name.
  std::string task_label(store::TaskId id) const;
  // The same and where it was started, as the subject of a sentence: `task 12, started at
  // a.cpp:3,`.
  std::string task_and_origin(store::TaskId id) const;
  // "server: " in recordings of several programs.
  std::string program_prefix(store::ProgramId program) const;

  // Of a program's workers: the longest that one of them slept within the range at a stretch, and
  // which one.
  struct Slept {
    std::int64_t longest_ns = 0;
    store::WorkerId worker_id = store::kNoWorker;
  };
  Slept slept(store::ProgramId program, std::int64_t start_ns, std::int64_t end_ns) const;

  // Every span that overlaps the range, from the chunks that can have one.
  Result<void> each_span(std::int64_t start_ns, std::int64_t end_ns,
                         const std::function<void(const store::Span&)>& visit) const;

 private:
  struct TaskFacts {
    store::TaskId id = 0;
    store::SiteId spawn_site_id = 0;
    std::uint32_t slice_ns = 0;
  };
  const TaskFacts* find(store::TaskId id) const;

  const store::Reader& reader_;
  const Report& report_;
  const std::int64_t park_min_ns_;
  std::unordered_map<store::ProgramId, store::StateTimes> state_ns_;
  std::vector<TaskFacts> tasks_;                    // by id
  std::vector<store::ObjectRow> objects_;           // by id
  std::vector<store::ChunkSummary> chunks_;         // by id
  std::vector<std::vector<store::ParkRow>> parks_;  // by worker, each by time
};

}  // namespace taskscope::analysis
