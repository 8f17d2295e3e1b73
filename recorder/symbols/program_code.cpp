#include "recorder/symbols/program_code.h"

#include <dwarf.h>
#include <elf.h>
#include <elfutils/libdwfl.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "runtime/base/hex_digits.h"
#include "runtime/base/unique_fd.h"
#include "runtime/debug/debug_files.h"
#include "runtime/debug/dwarf_frames.h"
#include "runtime/debug/short_name.h"
#include "runtime/debug/stack_trace.h"

namespace taskscope::symbols {
namespace {

// Files are looked at as if they were loaded here; libdw takes a low address for none.
constexpr std::uint64_t kBase = 0x1000'0000;
constexpr std::size_t kWordBytes = 8;
constexpr std::size_t kFramelessMax = 8;
constexpr unsigned kStackRegister = 7;  // of x86-64
// Answers that are kept. A program may name as many addresses as it likes.
constexpr std::size_t kKnownMax = std::size_t{1} << 20;

struct EndSession {
  void operator()(Dwfl* session) const { dwfl_end(session); }
};

std::string hexadecimal(std::uint64_t value) {
  char text[32];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
  return text;
}

// One file, opened when it is first asked about.
class CodeFile {
 public:
  explicit CodeFile(const CodeModule& module) : session_(dwfl_begin(&debug::kLocalFiles)) {
    if (session_ == nullptr || module.path.empty() || module.path.front() != '/') return;
    base::UniqueFd file = debug::open_regular(module.path.c_str());
    std::array<char, SELFMAG> magic{};
    // Packed ones libdwfl would unpack, and close.
    if (!file || pread(file.get(), magic.data(), SELFMAG, 0) != SELFMAG ||
        std::memcmp(magic.data(), ELFMAG, SELFMAG) != 0) {
      return;
    }
    Dwfl_Module* const found =
        dwfl_report_elf(session_.get(), "code", module.path.c_str(), file.get(), kBase, true);
    if (found != nullptr) static_cast<void>(file.release());  // the session closes it
    if (dwfl_report_end(session_.get(), nullptr, nullptr) != 0 || found == nullptr) return;
    if (build_id_of(found) == module.build_id) module_ = found;
  }

  // Null: it cannot be read, or is another one by now.
  Dwfl_Module* module() const { return module_; }

 private:
  static std::string build_id_of(Dwfl_Module* module) {
    const unsigned char* bits = nullptr;
    GElf_Addr where = 0;
    const int bytes = dwfl_module_build_id(module, &bits, &where);
    return bytes <= 0 ? "" : base::hex_digits({bits, static_cast<std::size_t>(bytes)});
  }

  std::unique_ptr<Dwfl, EndSession> session_;
  Dwfl_Module* module_ = nullptr;
};

// Words above the stack pointer to where the function at `address` has its caller's stack end; none
// if it keeps a frame pointer there, or nothing is known.
std::optional<std::uint64_t> frame_words(Dwfl_Module* module, std::uint64_t address) {
  Dwarf_Addr bias = 0;
  Dwarf_CFI* const information = dwfl_module_eh_cfi(module, &bias);
  Dwarf_Frame* frame = nullptr;
  if (information == nullptr || dwarf_cfi_addrframe(information, address - bias, &frame) != 0) {
    return std::nullopt;
  }
  Dwarf_Op* operations = nullptr;
  std::size_t count = 0;
  std::optional<std::uint64_t> words;
  if (dwarf_frame_cfa(frame, &operations, &count) == 0 && count == 1) {
    const bool plain = operations[0].atom == DW_OP_breg0 + kStackRegister;
    const bool wide = operations[0].atom == DW_OP_bregx && operations[0].number == kStackRegister;
    if (plain) words = operations[0].number / kWordBytes;
    if (wide) words = operations[0].number2 / kWordBytes;
  }
  std::free(frame);
  return words;
}

}  // namespace

struct ProgramCode::Impl {
  struct Place {
    std::vector<debug::Frame> frames;
    std::size_t module = 0;
  };

  std::vector<CodeModule> modules;
  std::vector<std::unique_ptr<CodeFile>> files;  // of each; null: not asked yet
  std::unordered_map<std::uint64_t, Place> places;
  std::unordered_map<std::uint64_t, std::optional<std::uint64_t>> words;
  Place nowhere;  // the last answer about what lies in no module

  // Its number; 0: there is none.
  std::size_t module_at(std::uint64_t address) const {
    for (std::size_t i = modules.size(); i > 0; --i) {
      if (address >= modules[i - 1].first && address < modules[i - 1].end) return i;
    }
    return 0;
  }

  Dwfl_Module* file_of(std::size_t number) {
    if (files[number - 1] == nullptr) {
      files[number - 1] = std::make_unique<CodeFile>(modules[number - 1]);
    }
    return files[number - 1]->module();
  }

  // Only what lies in a module is kept. Stays valid until the next call.
  const Place& place(std::uint64_t address) {
    if (const auto found = places.find(address); found != places.end()) return found->second;
    const std::size_t number = module_at(address);
    if (number == 0) {
      nowhere = {{{.function = hexadecimal(address), .file = {}}}, 0};
      return nowhere;
    }
    if (places.size() == kKnownMax) places.clear();
    return places.try_emplace(address, look_up(address, number)).first->second;
  }

  Place look_up(std::uint64_t address, std::size_t number) {
    const CodeModule& module = modules[number - 1];
    const std::uint64_t in_file = address - module.bias;
    Place place{.frames = {}, .module = number};
    if (Dwfl_Module* const file = file_of(number)) {
      place.frames = debug::frames_at(file, in_file + kBase);
    } else {
      place.frames.push_back({.function = "0x", .file = {}});
    }
    std::string& function = place.frames.back().function;
    if (function.starts_with("0x")) {
      function = module.path.substr(module.path.rfind('/') + 1) + '+' + hexadecimal(in_file);
    }
    return place;
  }

  std::optional<std::uint64_t> words_of(std::uint64_t address) {
    if (const auto found = words.find(address); found != words.end()) return found->second;
    const std::size_t number = module_at(address);
    if (number == 0) return std::nullopt;
    std::optional<std::uint64_t> count;
    if (Dwfl_Module* const file = file_of(number)) {
      count = frame_words(file, address - modules[number - 1].bias + kBase);
    }
    if (words.size() == kKnownMax) words.clear();
    return words.try_emplace(address, count).first->second;
  }
};

ProgramCode::ProgramCode() : impl_(std::make_unique<Impl>()) {}
ProgramCode::~ProgramCode() = default;
ProgramCode::ProgramCode(ProgramCode&&) noexcept = default;
ProgramCode& ProgramCode::operator=(ProgramCode&&) noexcept = default;

std::size_t ProgramCode::add(CodeModule module) {
  const std::size_t there = impl_->module_at(module.first);
  if (there != 0 && impl_->modules[there - 1] == module) return there;
  if (impl_->modules.size() == kModulesMax) return 0;
  impl_->modules.push_back(std::move(module));
  impl_->files.push_back(nullptr);
  impl_->places.clear();
  impl_->words.clear();
  return impl_->modules.size();
}

std::vector<CodeFrame> ProgramCode::frames(std::span<const std::uint64_t> calls, First first) {
  std::vector<CodeFrame> out;
  std::vector<debug::Frame> named;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    // A return address is the instruction after the call; one less lies in the call's own line.
    const bool is_next = i == 0 && first == First::NextInstruction;
    const std::uint64_t address = is_next || calls[i] == 0 ? calls[i] : calls[i] - 1;
    const Impl::Place& place = impl_->place(address);
    for (std::size_t j = 0; j < place.frames.size(); ++j) {
      named.push_back(place.frames[j]);
      out.push_back({.function = {},
                     .file = place.frames[j].file,
                     .line = place.frames[j].line,
                     .address = address,
                     .module = place.module,
                     .inlined = j + 1 < place.frames.size()});
    }
  }
  const std::vector<bool> hidden = debug::mark_runtime(named);
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i].function = debug::short_name(named[i].function);
    out[i].runtime = hidden[i];
  }
  return out;
}

std::vector<std::uint64_t> ProgramCode::frameless_callers(
    std::uint64_t instruction, std::span<const std::uint64_t> top_words) {
  std::vector<std::uint64_t> callers;
#if defined(__x86_64__)
  std::uint64_t address = instruction;
  std::uint64_t used = 0;
  while (callers.size() < kFramelessMax) {
    const auto words = impl_->words_of(address);
    if (!words || *words == 0 || *words > top_words.size() - used) break;
    used += *words;
    // The return address is the last word below its caller's.
    const std::uint64_t caller = top_words[used - 1];
    if (impl_->module_at(caller) == 0) break;
    callers.push_back(caller);
    address = caller - 1;
  }
#endif
  return callers;
}

}  // namespace taskscope::symbols
