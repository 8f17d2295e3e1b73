// How well what somebody typed fits a name: letters in their order, best at the starts of words
// ("zi" finds "Zoom in"). Pure, any thread.
#pragma once

#include <optional>
#include <string_view>

namespace taskscope::viewer {

// Higher is better; nothing if a letter of `typed` is missing. Blanks in `typed` count for nothing,
// case neither. An empty `typed` fits everything equally.
std::optional<int> fuzzy_score(std::string_view typed, std::string_view name);

}  // namespace taskscope::viewer
