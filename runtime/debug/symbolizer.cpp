#include "runtime/debug/symbolizer.h"

#include <elfutils/libdwfl.h>

#include <cstdio>
#include <unordered_map>

#include "runtime/debug/dwarf_frames.h"
#include "runtime/debug/modules.h"

namespace taskscope::debug {

struct Symbolizer::Session {
  Modules modules;
  std::unordered_map<std::uintptr_t, std::vector<Frame>> known;
};

Symbolizer::Symbolizer() : session_(std::make_unique<Session>()) {}

Symbolizer::~Symbolizer() = default;

const std::vector<Frame>& Symbolizer::lookup(std::uintptr_t address) const {
  const auto [found, is_new] = session_->known.try_emplace(address);
  if (is_new) found->second = find(address);
  return found->second;
}

std::vector<Frame> Symbolizer::find(std::uintptr_t address) const {
  Dwfl_Module* module = session_->modules.at(address);
  if (module == nullptr) {
    char hexadecimal[32];
    std::snprintf(hexadecimal, sizeof hexadecimal, "0x%zx", address);
    return {{.function = hexadecimal, .file = {}}};
  }
  std::vector<Frame> frames = frames_at(module, address);
  const char* const path =
      dwfl_module_info(module, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr);
  const bool is_named = !frames.back().function.starts_with("0x");
  if (!is_named && path != nullptr) frames.back().function += std::string(" in ") + path;
  return frames;
}

}  // namespace taskscope::debug
