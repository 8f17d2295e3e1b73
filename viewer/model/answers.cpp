#include "viewer/model/answers.h"

#include "runtime/base/check.h"

namespace taskscope::viewer {

Answers::Answers(const std::function<void()>& on_ready)
    : arrangements_(
          [](const Question<ArrangementOptions>& asked, const std::atomic<bool>& stop) {
            return Arrangement(asked.session, asked.what, stop);
          },
          on_ready),
      searches_(
          [](const Question<std::string>& asked, const std::atomic<bool>& stop) {
            return find_hits(*asked.session, parse_query(asked.what).query, kSearchHitsMax, stop);
          },
          on_ready),
      finders_(
          [](const Question<std::string>& asked, const std::atomic<bool>& stop) {
            return find_tasks(*asked.session, asked.what, kFoundTasksMax, stop);
          },
          on_ready),
      areas_(
          [](const Question<Area>& asked, const std::atomic<bool>& stop) {
            return area_statistics(*asked.session, *asked.what.rows, asked.what.time, stop);
          },
          on_ready),
      chains_(
          [](const Question<Wait>& asked, const std::atomic<bool>& stop) {
            return wait_chain(*asked.session, *asked.what.findings, asked.what.span, stop);
          },
          on_ready),
      profiles_(
          [](const Question<ProfileQuestion>& asked, const std::atomic<bool>& stop) {
            return call_profile(*asked.session, asked.what, stop);
          },
          on_ready),
      graphs_(
          [](const Question<Instant>& asked, const std::atomic<bool>& stop) {
            return wait_for_graph(*asked.session, *asked.what.findings, asked.what.ns, stop);
          },
          on_ready) {}

void Answers::set_session(SessionPtr session) {
  arrangements_.forget();
  searches_.forget();
  finders_.forget();
  areas_.forget();
  chains_.forget();
  profiles_.forget();
  graphs_.forget();
  session_ = std::move(session);
  default_ = Arrangement::make_default(session_);
}

template <class Answer, class What>
Answers::Reply<Answer> Answers::ask(Asked<What, Answer>& background, const What& what) {
  TASKSCOPE_CHECK(session_ != nullptr);
  const auto reply = background.ask({session_, what});
  return {reply.answer, reply.current};
}

ArrangementPtr Answers::arrangement(const ArrangementOptions& options) {
  arranging_ = false;
  if (options.is_default()) return default_;
  const auto reply = ask(arrangements_, options);
  arranging_ = !reply.current;
  return reply.answer != nullptr ? reply.answer : default_;
}

Answers::Reply<SearchHits> Answers::hits(const std::string& query) { return ask(searches_, query); }

Answers::Reply<FoundTasks> Answers::tasks(const std::string& typed) { return ask(finders_, typed); }

Answers::Reply<AreaStatistics> Answers::statistics(const Area& area) { return ask(areas_, area); }

Answers::Reply<WaitChain> Answers::chain(SpanIndex span, const FindingListPtr& findings) {
  return ask(chains_, Wait{span, findings});
}

Answers::Reply<CallProfile> Answers::profile(const ProfileQuestion& question) {
  return ask(profiles_, question);
}

Answers::Reply<WaitForGraph> Answers::wait_for(std::int64_t ns, const FindingListPtr& findings) {
  return ask(graphs_, Instant{ns, findings});
}

void Answers::wait_idle() {
  arrangements_.wait_idle();
  searches_.wait_idle();
  finders_.wait_idle();
  areas_.wait_idle();
  chains_.wait_idle();
  profiles_.wait_idle();
  graphs_.wait_idle();
}

}  // namespace taskscope::viewer
