// Finds what is wrong with the program on a thread of its own: at once what the recording says of
// itself, then what `taskscope report` finds in the whole of it; of a recording under way what goes
// wrong just now, time and again.
//
// The UI thread asks with look() and poll() and never waits; pictures call wait().
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "viewer/model/findings.h"

namespace taskscope::viewer {

enum class FindingStage : std::uint8_t {
  Waiting,  // for the recording to be read
  Looking,
  Live,     // once it was looked at; the next look is under way or to come
  Done,     // the whole recording was looked at
  Stored,   // what was found when it was recorded is all there is to say
  Stopped,  // by somebody who did not want to wait
  Failed,
};

struct FindingState {
  FindingListPtr list;  // never null
  FindingStage stage = FindingStage::Waiting;
  double progress = 0;  // of Looking, 0 to 1
  std::string error;    // of Failed: a sentence
};

class FindingSearch {
 public:
  enum class Where : std::uint8_t {
    Stored,  // in the session only
    File,    // in the file that the session was read from, too
    Live,    // the same while it is written; one session after another
  };

  // `on_change` is called on the search's thread after the state changed; it may wake the UI.
  explicit FindingSearch(std::function<void()> on_change);
  // Gives up what is under way.
  ~FindingSearch();
  FindingSearch(const FindingSearch&) = delete;
  FindingSearch& operator=(const FindingSearch&) = delete;

  // What is under way is given up, but for one live look, which comes to its end first. The list
  // stays until there is another one. REQUIRES: the session is complete, or a snapshot.
  void look(SessionPtr session, Where where);
  // All that waits in the program now, for live looks: its spans come to the file when they are
  // over. REQUIRES: newer than what was said before by about a second.
  void set_waiting(std::vector<store::WaitingGroup> groups);
  // Gives up, and forgets what was found.
  void forget();
  // Gives up, and keeps what was found so far.
  void stop();

  FindingState poll() const;
  // Until there is nothing to look at.
  void wait();

 private:
  class LiveLook;

  void run();
  void look_once(const SessionPtr& session, Where where);
  void publish(FindingListPtr list, FindingStage stage, std::string error = {});
  bool publish_progress(double progress);  // false: it is to stop

  // Constant after construction.
  std::function<void()> on_change_;

  // Guarded by mutex_.
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  FindingState state_;
  SessionPtr wanted_;
  Where where_ = Where::Stored;
  std::vector<store::WaitingGroup> waiting_;
  bool busy_ = false;
  bool quit_ = false;

  // Atomic: set under the mutex when what is under way is no longer wanted, read by the search;
  // orders nothing.
  std::atomic<bool> stop_{false};

  std::thread thread_;
};

}  // namespace taskscope::viewer
