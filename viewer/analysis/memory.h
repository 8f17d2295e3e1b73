// What collected memory did, summed up: collections and their pauses, and the sites that make
// objects, as `go build -gcflags=-m` says it, with counts.
//
// Pure values; read_memory() runs on whatever thread calls it and keeps nothing.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "recorder/store/reader.h"
#include "recorder/store/rows.h"
#include "runtime/base/result.h"

namespace taskscope::analysis {

struct Collections {
  std::uint64_t count = 0;   // that ended in the recording
  std::uint64_t forced = 0;  // of them, by the program
  std::uint64_t freed_bytes = 0;
  std::uint64_t live_bytes = 0;  // after the last one
  std::uint64_t pauses = 0;
  std::int64_t pause_ns = 0;  // all of them together
  std::int64_t longest_pause_ns = 0;
};

struct CollectedMemory {
  Collections collections;
  std::vector<store::EscapeSiteRow> sites;  // most escaped bytes first

  bool empty() const { return collections.count == 0 && sites.empty(); }
};

Result<CollectedMemory> read_memory(const store::Reader& reader);

// "make<Msg>", "make_array<int>".
std::string made_text(const store::EscapeSiteRow& site);
// "sent to channel", "sent to channel 800, stored in heap object 12": most frequent first, and
// without the objects of a site that has learned since. Empty if nothing escaped.
std::string reasons_text(const store::EscapeSiteRow& site);
// "make<Msg> escapes to heap: sent to channel (812 of 1,000, 25.4 KiB)".
std::string escape_text(const store::EscapeSiteRow& site);

}  // namespace taskscope::analysis
