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

// What compilers write is some tens deep. A file may be anything, and a stack is short.
constexpr int kDepthMax = 256;

// The functions below `parent` that `pc` is in, outermost first. libdw's own search for scopes ends
// at the first entry of clang's that it cannot place.
void add_functions_at(Dwarf_Die& parent, Dwarf_Addr pc, int depth,
                      std::vector<Dwarf_Die>& functions) {
  Dwarf_Die entry;
  if (depth == kDepthMax || dwarf_child(&parent, &entry) != 0) return;
  do {
    const int tag = dwarf_tag(&entry);
    const bool only_groups = tag == DW_TAG_namespace || tag == DW_TAG_class_type ||
                             tag == DW_TAG_structure_type || tag == DW_TAG_union_type;
    if (!only_groups && dwarf_haspc(&entry, pc) != 1) continue;
    const bool is_function = tag == DW_TAG_subprogram || tag == DW_TAG_inlined_subroutine;
    if (is_function) functions.push_back(entry);
    const std::size_t before = functions.size();
    add_functions_at(entry, pc, depth + 1, functions);
    if (is_function || functions.size() > before)
      return;  // code belongs to one entry of each level
  } while (dwarf_siblingof(&entry, &entry) == 0);
}

// The functions inlined at `pc`, innermost first, and the one they were inlined into. `position` is
// where `pc` itself belongs; every outer frame stands where its inner one was called.
std::vector<Frame> inlined_frames(Dwarf_Die& unit, Dwarf_Addr pc, const Frame& position) {
  std::vector<Frame> frames;
  std::vector<Dwarf_Die> functions;
  add_functions_at(unit, pc, 0, functions);
  Frame next = position;
  for (auto function = functions.rbegin(); function != functions.rend(); ++function) {
    const bool is_inlined = dwarf_tag(&*function) == DW_TAG_inlined_subroutine;
    // The symbol table knows the outermost function best.
    next.function = is_inlined ? function_name(*function) : position.function;
    if (next.function.empty()) break;
    frames.push_back(next);
    if (!is_inlined) break;
    read_call_site(*function, unit, next);
  }
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
