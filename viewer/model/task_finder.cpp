#include "viewer/model/task_finder.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <sstream>
#include <string>
#include <unordered_map>

#include "viewer/model/query.h"

namespace taskscope::viewer {
namespace {

constexpr std::size_t kRanks = 5;  // number, start of the label, label, name, place

class Finder {
 public:
  Finder(const TraceSession& session, std::string_view typed) : session_(session) {
    std::istringstream words(lower_case(typed));
    for (std::string word; words >> word;) words_.push_back(word);
  }

  // kRanks: not at all.
  std::size_t rank(const Task& task) {
    std::size_t worst = 0;
    for (std::size_t word = 0; word < words_.size() && worst < kRanks; ++word) {
      worst = std::max(worst, rank_of(task, words_[word]));
    }
    return worst;
  }

 private:
  std::size_t rank_of(const Task& task, const std::string& word) {
    const std::string number = fmt::format("{}", store::own_id(task.row.id));
    if (number == word) return 0;
    if (contains_folded(std::string_view(task.label).substr(0, word.size()), word)) return 1;
    if (contains_folded(task.label, word)) return 2;
    if (contains_folded(task.name, word)) return 3;
    return contains_folded(place(task.row.spawn_site_id), word) ? 4 : kRanks;
  }
  const std::string& place(store::SiteId id) {
    const auto [at, fresh] = places_.try_emplace(id);
    if (fresh) {
      if (const store::SiteRow* site = session_.find_site(id)) {
        at->second = fmt::format("{}:{} {}", site->file, site->line, site->function);
      }
    }
    return at->second;
  }

  const TraceSession& session_;
  std::vector<std::string> words_;
  std::unordered_map<store::SiteId, std::string> places_;
};

}  // namespace

FoundTasks find_tasks(const TraceSession& session, std::string_view typed, std::size_t tasks_max,
                      const std::atomic<bool>& stop) {
  FoundTasks found;
  Finder finder(session, typed);
  std::array<std::vector<TaskIndex>, kRanks> ranks;
  for (TaskIndex task = 0; task < session.tasks().size(); ++task) {
    if (stop.load()) break;
    const std::size_t rank = finder.rank(session.tasks()[task]);
    if (rank == kRanks) continue;
    ++found.total;
    if (ranks[rank].size() < tasks_max) ranks[rank].push_back(task);
  }
  for (const std::vector<TaskIndex>& tasks : ranks) {
    const std::size_t room = tasks_max - found.tasks.size();
    found.tasks.insert(found.tasks.end(), tasks.begin(),
                       tasks.begin() + static_cast<std::ptrdiff_t>(std::min(room, tasks.size())));
  }
  return found;
}

}  // namespace taskscope::viewer
