// What the debug information of one module says of an address in its code.
//
// Slow the first time (tens of milliseconds for a large module) and allocating; libdw keeps what it
// has read with the module. One thread at a time for each of these.
#pragma once

#include <elfutils/libdwfl.h>

#include <vector>

#include "runtime/debug/symbolizer.h"

namespace taskscope::debug {

// The functions at `address`, innermost inlined first; each but the last is inlined into the next.
// Never empty; without debug information one with a name from the symbol table, or where there is
// none either with the address for a name: "0x12ab".
std::vector<Frame> frames_at(Dwfl_Module* module, Dwarf_Addr address);

}  // namespace taskscope::debug
