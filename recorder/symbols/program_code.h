// ProgramCode: the code of a recorded program, as the files say that it was loaded from: which
// function and line an address belongs to, and where a function keeps its return address.
//
// Reads those files with libdw, when an address is asked for that lies in them; a file that is not
// the one any more that was loaded (by its build id) says nothing. One that had no build id and has
// none is believed to be the same. The paths are a program's word: only regular files are opened.
// The program itself need not live. Allocates, may take tens of milliseconds for a file. One thread
// at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace taskscope::symbols {

struct CodeModule {
  std::uint64_t bias = 0;   // address in memory less address in the file
  std::uint64_t first = 0;  // where it begins in memory
  std::uint64_t end = 0;    // the first byte behind it
  std::string build_id;     // hexadecimal digits; empty: it has none
  std::string path;

  friend bool operator==(const CodeModule&, const CodeModule&) = default;
};

struct CodeFrame {
  std::string function;  // a short C++ name; without one "FILE+0x12ab", or the address itself
  std::string file;      // empty: not known
  int line = 0;
  std::uint64_t address = 0;  // an instruction of the call, or the one that was next
  std::size_t module = 0;     // its number, from 1 on; 0: none is known
  bool inlined = false;       // into the next frame
  bool runtime = false;       // the machinery of the runtime, not the program's own code

  friend bool operator==(const CodeFrame&, const CodeFrame&) = default;
};

class ProgramCode {
 public:
  ProgramCode();
  ~ProgramCode();
  ProgramCode(ProgramCode&&) noexcept;
  ProgramCode& operator=(ProgramCode&&) noexcept;

  // More of one program are not looked at.
  static constexpr std::size_t kModulesMax = 65'536;
  // Of two at one address the later one counts. Returns its number; 0: there are too many.
  std::size_t add(CodeModule module);

  // Addresses of a stack, innermost first. The first may be that of the next instruction; the rest
  // are return addresses.
  enum class First : std::uint8_t { ReturnAddress, NextInstruction };
  std::vector<CodeFrame> frames(std::span<const std::uint64_t> calls, First first);

  // Who called the function that was interrupted at `instruction`, and the callers of that one, as
  // long as they have no frame that a walk by frame pointers would find: return addresses among
  // `top_words`, the first words of the stack. None but on x86-64, where a call puts its return
  // address there.
  std::vector<std::uint64_t> frameless_callers(std::uint64_t instruction,
                                               std::span<const std::uint64_t> top_words);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace taskscope::symbols
