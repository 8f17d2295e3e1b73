// When what was taken from the rings goes into the file.
//
// Often: a reader beside the recorder sees what happened kCommitEveryNs ago, and a recorder that is
// killed loses no more than that. A chunk under way is stored as it is and replaced later; what
// that costs is bounded by the rows that may be packed for it. Once a second the chunks under way
// are ended, so that each commit packs few rows of a program that does little. Ten times a second,
// as far as that budget allows, a commit has everything that was taken until then, of all rings,
// and says so (store::Cut): who follows the recording reads from one such cut to the next. Times
// are the caller's. One thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "recorder/ingest/span_builder.h"
#include "recorder/store/writer.h"
#include "runtime/base/result.h"

namespace taskscope::ingest {

class StorePace {
 public:
  static constexpr std::int64_t kCommitEveryNs = 20'000'000;
  static constexpr std::int64_t kEndChunksEveryNs = 1'000'000'000;
  static constexpr std::int64_t kCutEveryNs = 100'000'000;
  // Rows of chunks under way that may be packed, on average: some hundredths of a core.
  static constexpr std::size_t kRowsPerCommit = 40'000;

  // The instant from which the recording's times count.
  void set_zero(std::int64_t ns) { zero_ns_ = ns; }

  enum class Stored : std::uint8_t { Nothing, SoFar, EndedChunks };
  // Commits what is due at `now_ns` of all `builders`, which share the writer. After EndedChunks
  // all chunks in the file are final.
  Result<Stored> store(std::int64_t now_ns, std::span<SpanBuilder* const> builders,
                       store::Writer& writer);

 private:
  std::int64_t next_commit_ns_ = 0;
  std::int64_t next_end_ns_ = 0;
  std::int64_t next_cut_ns_ = 0;
  std::int64_t zero_ns_ = 0;
  std::int64_t last_chunk_ = 0;              // of the last cut
  std::vector<store::Cut::Part> under_way_;  // likewise
  std::size_t rows_owed_ = 0;                // packed beyond what was due
};

}  // namespace taskscope::ingest
