// Everything that the window asks about a session and that is too dear for a frame: the arrangement
// of the rows, the hits of a search, the tasks of "go to", the statistics of an area, whom a wait
// depends on, where time went by calls, who waits for whom. Each has a thread of its own, started
// when it is first asked (background.h).
//
// One UI thread calls everything.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "viewer/model/area.h"
#include "viewer/model/arrangement.h"
#include "viewer/model/background.h"
#include "viewer/model/call_profile.h"
#include "viewer/model/search.h"
#include "viewer/model/task_finder.h"
#include "viewer/model/wait_chain.h"
#include "viewer/model/wait_for_graph.h"

namespace taskscope::viewer {

class Answers {
 public:
  // `on_ready` is called on another thread when an answer is there; it may wake the UI.
  explicit Answers(const std::function<void()>& on_ready);

  // Answers about another session are of no use from here on.
  void set_session(SessionPtr session);

  // The newest of this session that there is; the default one until then. REQUIRES: a session.
  ArrangementPtr arrangement(const ArrangementOptions& options);
  bool arranging() const { return arranging_; }  // what was asked last is not there yet

  template <class Answer>
  struct Reply {
    std::shared_ptr<const Answer> answer;  // shared: see background.h; nullptr: none yet
    bool current = false;                  // it is what was asked for
  };
  Reply<SearchHits> hits(const std::string& query);
  Reply<FoundTasks> tasks(const std::string& typed);
  Reply<AreaStatistics> statistics(const Area& area);
  Reply<WaitChain> chain(SpanIndex span, const FindingListPtr& findings);
  Reply<CallProfile> profile(const ProfileQuestion& question);
  Reply<WaitForGraph> wait_for(std::int64_t ns, const FindingListPtr& findings);

  // Until nothing is asked that has no answer; for pictures, which may wait.
  void wait_idle();

 private:
  template <class What>
  struct Question {
    SessionPtr session;
    What what;
    friend bool operator==(const Question&, const Question&) = default;
  };
  template <class What, class Answer>
  using Asked = Background<Question<What>, Answer>;
  template <class Answer, class What>
  Reply<Answer> ask(Asked<What, Answer>& background, const What& what);

  // Owned by the UI thread.
  SessionPtr session_;
  ArrangementPtr default_;
  bool arranging_ = false;

  Asked<ArrangementOptions, Arrangement> arrangements_;
  Asked<std::string, SearchHits> searches_;
  Asked<std::string, FoundTasks> finders_;
  Asked<Area, AreaStatistics> areas_;
  struct Wait {
    SpanIndex span = kNoSpan;
    FindingListPtr findings;
    friend bool operator==(const Wait&, const Wait&) = default;
  };
  Asked<Wait, WaitChain> chains_;
  Asked<ProfileQuestion, CallProfile> profiles_;
  struct Instant {
    std::int64_t ns = 0;
    FindingListPtr findings;
    friend bool operator==(const Instant&, const Instant&) = default;
  };
  Asked<Instant, WaitForGraph> graphs_;
};

inline constexpr std::size_t kFoundTasksMax = 1'000;

}  // namespace taskscope::viewer
