// Answers to questions that are too dear for a frame, found on a thread of their own.
//
// The UI thread asks every frame whatever it wants to know just then. It gets the answer if that is
// there; else the question is ordered, an older one that nobody asks any more is given up, and the
// caller draws what it has (the last answer, to another question) until on_ready was called.
//
// One UI thread calls everything; `work` runs on the thread that is owned here.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

namespace taskscope::viewer {

template <class Question, class Answer>
class Background {
 public:
  using AnswerPtr = std::shared_ptr<const Answer>;  // shared: drawn while it is replaced
  // Returns early, with whatever it likes, once `stop` is set.
  using Work = std::function<Answer(const Question&, const std::atomic<bool>& stop)>;

  // `on_ready` is called on the other thread after an answer was stored.
  Background(Work work, std::function<void()> on_ready)
      : work_(std::move(work)), on_ready_(std::move(on_ready)) {}
  ~Background() {
    {
      const std::scoped_lock lock(mutex_);
      quit_ = true;
      stop_.store(true);
    }
    wake_.notify_all();
    if (thread_.joinable()) thread_.join();
  }
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  struct Reply {
    AnswerPtr answer;      // the newest there is; nullptr: none yet
    bool current = false;  // it answers this very question
  };
  Reply ask(const Question& question) {
    std::unique_lock lock(mutex_);
    if (answered_ && *answered_ == question) return {answer_, true};
    const Reply reply{answer_, false};
    if (wanted_ && *wanted_ == question) return reply;
    wanted_ = question;
    stop_.store(true);
    if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
    lock.unlock();
    wake_.notify_all();
    return reply;
  }

  // Nobody wants an answer any more: gives up what is under way and forgets the last one.
  void forget() {
    const std::scoped_lock lock(mutex_);
    wanted_.reset();
    answered_.reset();
    answer_.reset();
    stop_.store(true);
  }

  // Until nothing is asked that has no answer; for pictures, which may wait.
  void wait_idle() {
    std::unique_lock lock(mutex_);
    idle_.wait(lock, [this] { return !wanted_ && !busy_; });
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      wake_.wait(lock, [this] { return quit_ || wanted_; });
      if (quit_) return;
      const Question question = *wanted_;
      busy_ = true;
      stop_.store(false);
      lock.unlock();
      auto answer = std::make_shared<const Answer>(work_(question, stop_));  // shared: AnswerPtr
      lock.lock();
      busy_ = false;
      // What was told to stop is not whole, even if it was asked for once more since.
      const bool asked_still = !stop_.load() && wanted_ && *wanted_ == question;
      if (asked_still) {
        answer_ = std::move(answer);
        answered_ = question;
        wanted_.reset();
      }
      lock.unlock();
      idle_.notify_all();
      if (asked_still && on_ready_) on_ready_();
      lock.lock();
    }
  }

  // Constant after construction.
  Work work_;
  std::function<void()> on_ready_;

  // Guarded by mutex_.
  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable idle_;
  std::optional<Question> wanted_;  // without an answer yet
  std::optional<Question> answered_;
  AnswerPtr answer_;
  bool busy_ = false;
  bool quit_ = false;

  // Atomic: set under the mutex when the question under way is no longer wanted, read by work;
  // orders nothing.
  std::atomic<bool> stop_{false};

  std::thread thread_;
};

}  // namespace taskscope::viewer
