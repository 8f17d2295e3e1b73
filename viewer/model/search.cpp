#include "viewer/model/search.h"

#include <algorithm>
#include <tuple>

namespace taskscope::viewer {
namespace {

bool earlier(const SearchHit& a, const SearchHit& b) {
  return std::tie(a.ns, a.task, a.span) < std::tie(b.ns, b.task, b.span);
}

// Keeps the earliest `most` of what it is given; a heap with the latest of them on top.
class Earliest {
 public:
  explicit Earliest(std::size_t most) : most_(most) {}

  void add(const SearchHit& hit) {
    if (heap_.size() < most_) {
      heap_.push_back(hit);
      std::push_heap(heap_.begin(), heap_.end(), earlier);
    } else if (!heap_.empty() && earlier(hit, heap_.front())) {
      std::pop_heap(heap_.begin(), heap_.end(), earlier);
      heap_.back() = hit;
      std::push_heap(heap_.begin(), heap_.end(), earlier);
    }
  }
  std::vector<SearchHit> take() {
    std::sort_heap(heap_.begin(), heap_.end(), earlier);
    return std::move(heap_);
  }

 private:
  std::size_t most_;
  std::vector<SearchHit> heap_;
};

std::int64_t first_ns(const Task& task) {
  if (task.row.created_ns) return *task.row.created_ns;
  return task.track.start_ns();
}

}  // namespace

SearchHits find_hits(const TraceSession& session, const Query& query, std::size_t hits_max,
                     const std::atomic<bool>& stop) {
  SearchHits found;
  found.of_spans = query.about_spans();
  found.density.resize(kSearchParts);
  if (query.empty()) return found;
  Earliest earliest(hits_max);
  const auto duration = static_cast<double>(std::max<std::int64_t>(session.duration_ns(), 1));
  const auto add = [&](const SearchHit& hit) {
    ++found.total;
    const double part = static_cast<double>(hit.ns) / duration * static_cast<double>(kSearchParts);
    ++found.density[static_cast<std::size_t>(
        std::clamp(part, 0.0, static_cast<double>(kSearchParts - 1)))];
    earliest.add(hit);
  };
  QueryMatcher matcher(session, query);
  for (TaskIndex index = 0; index < session.tasks().size(); ++index) {
    if (stop.load()) return found;
    if (!matcher.task(index)) continue;
    const Task& task = session.tasks()[index];
    if (!found.of_spans) {
      add({.ns = first_ns(task), .task = index});
      continue;
    }
    TrackWalk walk(task.track, INT64_MIN);
    SpanIndex span = task.first_span;
    for (const TrackSpan* next = walk.next(); next != nullptr; next = walk.next(), ++span) {
      if (span % 4096 == 0 && stop.load()) return found;
      if (!matcher.span(span - task.first_span, *next)) continue;
      add({.ns = next->start_ns, .span = span, .task = index});
    }
  }
  found.hits = earliest.take();
  return found;
}

std::size_t step_hit(const std::vector<SearchHit>& hits, std::size_t now, std::int64_t ns,
                     int step) {
  if (hits.empty()) return kNoHit;
  const std::size_t count = hits.size();
  if (now < count) return step > 0 ? (now + 1) % count : (now + count - 1) % count;
  const auto after =
      std::lower_bound(hits.begin(), hits.end(), ns,
                       [](const SearchHit& hit, std::int64_t at) { return hit.ns < at; });
  const auto at = static_cast<std::size_t>(after - hits.begin());
  if (step > 0) return at < count ? at : 0;
  return at > 0 ? at - 1 : count - 1;
}

}  // namespace taskscope::viewer
