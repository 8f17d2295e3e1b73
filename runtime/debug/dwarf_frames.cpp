#include "runtime/debug/dwarf_frames.h"

#include <cxxabi.h>
#include <dwarf.h>

#include <array>
#include <cstdio>
#include <cstdlib>

namespace taskscope::debug {
namespace {

std::string demangle(const char* name) {
  int status = 0;
  char* readable = abi::__cxa_demangle(name, nullptr, nullptr, &status);
  if (readable == nullptr) return name;
  std::string result = readable;
  std::free(readable);
  // "[clone .cold]": which part of a function the compiler moved away is no news to its author.
  return result.substr(0, result.find(" [clone "));
}

// "outer::inner" for an entry that has no linkage name (what little -g1 keeps of inlined
// functions).
std::string qualified_name(Dwarf_Die& die) {
  Dwarf_Attribute memory;
  Dwarf_Die origin = die;
  if (Dwarf_Attribute* found = dwarf_attr(&die, DW_AT_abstract_origin, &memory)) {
    dwarf_formref_die(found, &origin);
  }
  Dwarf_Die* scopes = nullptr;
  const int count = dwarf_getscopes_die(&origin, &scopes);
  std::string name;
  for (int i = 0; i < count; ++i) {
    const int tag = dwarf_tag(&scopes[i]);
    if (tag == DW_TAG_lexical_block || tag == DW_TAG_compile_unit) continue;
    const char* part = dwarf_diename(&scopes[i]);
    if (part == nullptr) continue;
    name = name.empty() ? part : std::string(part) + "::" + name;
  }
  std::free(scopes);
  return name;
}

// The name of a function's entry; it may stand in the definition that this one refers to.
std::string function_name(Dwarf_Die& die) {
  Dwarf_Attribute memory;
  for (const unsigned attribute : {DW_AT_linkage_name, DW_AT_MIPS_linkage_name}) {
    if (Dwarf_Attribute* found = dwarf_attr_integrate(&die, attribute, &memory)) {
      if (const char* name = dwarf_formstring(found)) return demangle(name);
    }
  }
  return qualified_name(die);
}

// Where an inlined function was called.
void read_call_site(Dwarf_Die& inlined, Dwarf_Die& unit, Frame& frame) {
  Dwarf_Attribute memory;
  Dwarf_Word value = 0;
  if (dwarf_formudata(dwarf_attr(&inlined, DW_AT_call_line, &memory), &value) == 0) {
    frame.line = static_cast<int>(value);
  }
  Dwarf_Files* files = nullptr;
  std::size_t count = 0;
  if (dwarf_formudata(dwarf_attr(&inlined, DW_AT_call_file, &memory), &value) == 0 &&
      dwarf_getsrcfiles(&unit, &files, &count) == 0 && value < count) {
    const char* name = dwarf_filesrc(files, value, nullptr, nullptr);
    frame.file = name == nullptr ? "" : name;
  }
}

// The functions inlined at `pc`, innermost first, and the one they were inlined into. `position` is
// where `pc` itself belongs; every outer frame stands where its inner one was called.
std::vector<Frame> inlined_frames(Dwarf_Die& unit, Dwarf_Addr pc, const Frame& position) {
  std::vector<Frame> frames;
  Dwarf_Die* scopes = nullptr;
  int count = dwarf_getscopes(&unit, pc, &scopes);
  if (count <= 0) return frames;
  // getscopes follows the source; getscopes_die the code, which is what was inlined into what.
  Dwarf_Die innermost = scopes[0];
  std::free(scopes);
  scopes = nullptr;
  count = dwarf_getscopes_die(&innermost, &scopes);
  Frame next = position;
  for (int i = 0; i < count; ++i) {
    const int tag = dwarf_tag(&scopes[i]);
    if (tag != DW_TAG_inlined_subroutine && tag != DW_TAG_subprogram) continue;
    // The symbol table knows the outermost function best.
    next.function = tag == DW_TAG_subprogram ? position.function : function_name(scopes[i]);
    if (next.function.empty()) break;
    frames.push_back(next);
    if (tag == DW_TAG_subprogram) break;
    read_call_site(scopes[i], unit, next);
  }
  std::free(scopes);
  return frames;
}

// The compilation unit that `address` was compiled in. clang writes no .debug_aranges, which
// libdw's own lookup wants, so the units are asked one by one then.
Dwarf_Die* find_unit(Dwfl_Module* module, Dwarf_Addr address, Dwarf_Addr& bias) {
  if (Dwarf_Die* unit = dwfl_module_addrdie(module, address, &bias)) return unit;
  for (Dwarf_Die* unit = nullptr; (unit = dwfl_module_nextcu(module, unit, &bias)) != nullptr;) {
    if (dwarf_haspc(unit, address - bias) == 1) return unit;
  }
  return nullptr;
}

}  // namespace

std::vector<Frame> frames_at(Dwfl_Module* module, Dwarf_Addr address) {
  std::array<char, 32> hexadecimal;
  std::snprintf(hexadecimal.data(), hexadecimal.size(), "0x%zx", std::size_t{address});
  const char* const name = dwfl_module_addrname(module, address);
  Frame frame{.function = name == nullptr ? hexadecimal.data() : demangle(name), .file = {}};
  Dwarf_Addr bias = 0;
  Dwarf_Die* unit = find_unit(module, address, bias);
  if (unit == nullptr) return {frame};
  if (Dwarf_Line* line = dwarf_getsrc_die(unit, address - bias)) {
    const char* file = dwarf_linesrc(line, nullptr, nullptr);
    if (file != nullptr && dwarf_lineno(line, &frame.line) == 0) frame.file = file;
  }
  std::vector<Frame> frames = inlined_frames(*unit, address - bias, frame);
  if (!frames.empty()) return frames;
  return {frame};
}

}  // namespace taskscope::debug
