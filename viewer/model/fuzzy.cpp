#include "viewer/model/fuzzy.h"

#include <algorithm>
#include <string>
#include <vector>

#include "viewer/model/query.h"

namespace taskscope::viewer {
namespace {

constexpr int kWordStart = 10;
constexpr int kAfterMatch = 10;  // the letter before was matched, too
constexpr int kInside = 1;
constexpr int kNone = -1'000'000;

bool starts_word(std::string_view name, std::size_t at) {
  if (at == 0) return true;
  const char before = name[at - 1];
  return before == ' ' || before == '_' || before == ':' || before == '-' || before == '/';
}

}  // namespace

std::optional<int> fuzzy_score(std::string_view typed, std::string_view name) {
  std::string wanted = lower_case(typed);
  std::erase(wanted, ' ');
  if (wanted.empty()) return 0;
  const std::string text = lower_case(name);
  // best[i]: the best score of the letters so far with the last one at text[i].
  std::vector<int> best(text.size(), kNone);
  for (std::size_t letter = 0; letter < wanted.size(); ++letter) {
    std::vector<int> next(text.size(), kNone);
    int before = letter == 0 ? 0 : kNone;  // best of all places left of the one before
    for (std::size_t at = 0; at < text.size(); ++at) {
      if (letter > 0 && at > 1) before = std::max(before, best[at - 2]);
      if (text[at] != wanted[letter]) continue;
      const int here = starts_word(text, at) ? kWordStart : kInside;
      int score = before > kNone ? before + here : kNone;
      if (letter > 0 && at > 0 && best[at - 1] > kNone) {
        score = std::max(score, best[at - 1] + std::max(here, kAfterMatch));
      }
      next[at] = score;
    }
    best = std::move(next);
  }
  const int most = best.empty() ? kNone : *std::max_element(best.begin(), best.end());
  if (most <= 0) return std::nullopt;
  // Of equal fits the shorter name has more of what was typed.
  return most * 100 - static_cast<int>(std::min<std::size_t>(name.size(), 99));
}

}  // namespace taskscope::viewer
