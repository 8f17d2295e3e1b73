#include "runtime/memory/settings.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <string>
#include <string_view>
#include <system_error>

#include "runtime/sched/fatal.h"

namespace taskscope::memory {
namespace {

std::string_view variable(const char* name) {
  const char* const text = std::getenv(name);
  return text == nullptr ? std::string_view() : text;
}

[[noreturn]] void refuse(const char* name, const char* takes, std::string_view given) {
  sched::fatal(std::string(name) + " takes " + takes + ", not \"" + std::string(given) + '"');
}

Settings read() {
  Settings settings;
  for (std::string_view words = variable("TASKSCOPE_GC"); !words.empty();) {
    const std::string_view word = words.substr(0, words.find(','));
    words.remove_prefix(std::min(word.size() + 1, words.size()));
    if (word != "verify" && word != "poison" && word != "recheck") {
      refuse("TASKSCOPE_GC", "verify, poison or recheck, joined by commas", word);
    }
    settings.verify = settings.verify || word == "verify";
    settings.poison = settings.poison || word == "poison";
    settings.recheck = settings.recheck || word == "recheck";
  }
  settings.trace = variable("TASKSCOPE_GCTRACE") == "1";
  const std::string_view percent = variable("TASKSCOPE_GOGC");
  if (percent == "off") {
    settings.percent = -1;
  } else if (!percent.empty()) {
    constexpr int kPercentMax = 100'000;
    const char* const end = percent.data() + percent.size();
    const auto parsed = std::from_chars(percent.data(), end, settings.percent);
    const bool known = parsed.ec == std::errc() && parsed.ptr == end && settings.percent > 0 &&
                       settings.percent <= kPercentMax;
    if (!known) refuse("TASKSCOPE_GOGC", "per cent from 1 to 100,000, or off", percent);
  }
  return settings;
}

Settings& own() {
  static Settings settings = read();
  return settings;
}

}  // namespace

const Settings& settings() { return own(); }
void set_settings(const Settings& settings) { own() = settings; }

}  // namespace taskscope::memory
