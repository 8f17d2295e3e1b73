// The sets of labels that tasks of a program have, each stored once however many tasks have it.
//
// What is known here is what tasks still have and what was made lately: a program that labels every
// request makes new sets for ever, and one that was forgotten gets another id when it comes again.
// Owned by the span builder; one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "recorder/ingest/program_writer.h"

namespace taskscope::ingest {

class LabelSets {
 public:
  struct Set {
    store::LabelSetId id = 0;
    std::vector<std::string> texts;  // KEY<tab>VALUE, by key
  };
  // shared: tasks inherit their parent's set, and it goes with the last of them.
  using Reference = std::shared_ptr<const Set>;  // null: no labels

  explicit LabelSets(ProgramWriter writer) : writer_(writer) {}

  // `base` with the label KEY<tab>VALUE, or without the label KEY. None if a task would have more
  // than 256 labels, or 64 KiB of them.
  std::optional<Reference> with(const Reference& base, std::string_view text, std::int64_t ns);

  // Sets that were made before `ns` will not be used for what comes after it, except by tasks that
  // have them: so old ones can be dropped.
  void forget(std::int64_t ns);

 private:
  Reference store(std::vector<std::string> texts, std::int64_t ns);

  ProgramWriter writer_;
  std::unordered_map<std::string, Reference> known_;
  std::size_t known_bytes_ = 0;  // of its keys
  store::LabelSetId next_id_ = 1;
  store::LabelSetId first_known_ = 1;  // ids in known_ are from here on
};

}  // namespace taskscope::ingest
