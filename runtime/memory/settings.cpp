#include "runtime/memory/settings.h"

#include <charconv>
#include <cstdlib>
#include <string_view>

namespace taskscope::memory {
namespace {

std::string_view variable(const char* name) {
  const char* const text = std::getenv(name);
  return text == nullptr ? std::string_view() : text;
}

Settings read() {
  Settings settings;
  const std::string_view words = variable("TASKSCOPE_GC");
  settings.verify = words.find("verify") != std::string_view::npos;
  settings.poison = words.find("poison") != std::string_view::npos;
  settings.recheck = words.find("recheck") != std::string_view::npos;
  settings.trace = variable("TASKSCOPE_GCTRACE") == "1";
  const std::string_view percent = variable("TASKSCOPE_GOGC");
  if (percent == "off") {
    settings.percent = -1;
  } else if (!percent.empty()) {
    int value = 0;
    std::from_chars(percent.data(), percent.data() + percent.size(), value);
    if (value > 0) settings.percent = value;
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
