#include "app/live_attach.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <ctime>
#include <filesystem>
#include <mutex>
#include <thread>
#include <utility>

#include "app/recording_loop.h"
#include "recorder/ingest/programs.h"
#include "recorder/ingest/recorder.h"

namespace taskscope::app {
namespace {

constexpr int kPollMs = 20;
constexpr int kPatienceMs = 500;
constexpr std::chrono::seconds kLetGoWait{1};
constexpr std::int64_t kBetweenLooksNs = 1'000'000'000;  // at what waits

// "server-20260131-174500.tscope": no recording that is there already is replaced unasked.
std::string output_for(const std::string& program) {
  std::string name = program;
  for (const ingest::RunningProgram& running : ingest::find_programs(kPatienceMs)) {
    if (std::to_string(running.pid) == program) {
      name = std::filesystem::path(running.program).filename().string();
    }
  }
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::localtime_r(&now, &parts);
  return fmt::format("{}-{:%Y%m%d-%H%M%S}.tscope", std::filesystem::path(name).filename().string(),
                     parts);
}

class LiveAttach : public viewer::LiveRecording {
 public:
  LiveAttach(std::string program, std::string output, trace_format::Wanted wanted)
      : program_(std::move(program)),
        wanted_(wanted),
        output_(std::move(output)),
        thread_([this] { run(); }) {}

  ~LiveAttach() override {
    detach();
    let_go();
    thread_.join();
  }
  LiveAttach(const LiveAttach&) = delete;
  LiveAttach& operator=(const LiveAttach&) = delete;

  const std::string& program() const override { return program_; }

  viewer::LiveStatus status() const override {
    const std::scoped_lock lock(mutex_);
    return status_;
  }

  bool interrupted() const override { return interrupts() > 0; }

  void let_go() override {
    {
      const std::scoped_lock lock(mutex_);
      let_go_ = true;
    }
    changed_.notify_all();
  }

  void detach() override { leave_.store(true, std::memory_order_relaxed); }

 private:
  void run() {
    if (output_.empty()) output_ = output_for(program_);
    auto recorder = ingest::Recorder::attach(
        {.programs = {program_}, .output_path = output_, .retention = {}, .wanted = wanted_});
    if (!recorder) return end(recorder.error().message);
    const std::string failure = record(*recorder);
    {
      std::unique_lock lock(mutex_);
      status_.stage = viewer::LiveStage::Finishing;
      // Who still reads it keeps the file from becoming one of those that anybody may open without
      // leaving something beside it.
      changed_.wait_for(lock, kLetGoWait, [this] { return let_go_; });
    }
    const auto summary = recorder->finish();
    if (!failure.empty()) return end(failure);
    if (!summary) return end(summary.error().message);
    if (!summary->connected) {
      return end(
          fmt::format("Nothing was recorded: {} ended, or was left, before its workers had "
                      "stood between two tasks.",
                      program_));
    }
    // Its findings make the file whole.
    if (const Result<void> stored = store_findings(output_); !stored) {
      return end(stored.error().message);
    }
    end("");
  }

  // Until the program has ended or is left. Returns a sentence, or "".
  std::string record(ingest::Recorder& recorder) {
    bool left = false;
    std::int64_t next_look_ns = 0;
    for (;;) {
      const auto progress = recorder.poll(kPollMs);
      if (!progress) return progress.error().message;
      const bool looks = progress->connected && progress->elapsed_ns >= next_look_ns;
      std::vector<store::WaitingGroup> waiting;
      if (looks) waiting = recorder.waiting_groups();
      if (looks) next_look_ns = progress->elapsed_ns + kBetweenLooksNs;
      {
        const std::scoped_lock lock(mutex_);
        if (progress->connected) {
          status_.stage = viewer::LiveStage::Recording;
          status_.path = output_ + ".partial";
        }
        status_.events = progress->events;
        status_.lost_events = progress->lost_events;
        status_.elapsed_ns = progress->elapsed_ns;
        if (looks) status_.waiting = std::move(waiting);
      }
      if (progress->program_ended) return "";
      if (!left && leave_.load(std::memory_order_relaxed)) {
        recorder.leave();
        left = true;
      }
    }
  }

  void end(std::string error) {
    const std::scoped_lock lock(mutex_);
    status_.stage = viewer::LiveStage::Ended;
    if (error.empty()) status_.path = output_;
    status_.error = std::move(error);
  }

  // Constant after construction.
  std::string program_;
  trace_format::Wanted wanted_;
  // A signal that would end the process ends the recording first.
  InterruptGuard guard_{Until::Nothing};

  // Owned by the thread.
  std::string output_;

  // Guarded by mutex_.
  mutable std::mutex mutex_;
  viewer::LiveStatus status_;
  bool let_go_ = false;
  std::condition_variable changed_;

  // Atomic: set once by the UI thread, read between two rounds; orders nothing.
  std::atomic<bool> leave_{false};

  std::thread thread_;  // thread: the recorder beside the window, which must not wait for it
};

}  // namespace

std::unique_ptr<viewer::LiveRecording> attach_live(const std::string& program, std::string output,
                                                   trace_format::Wanted wanted) {
  return std::make_unique<LiveAttach>(program, std::move(output), wanted);
}

}  // namespace taskscope::app
