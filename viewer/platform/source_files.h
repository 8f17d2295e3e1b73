// The file of source that a panel wants to show, read when another one is wanted. UI thread only.
//
// A path that does not begin at the root is looked for in the folders of the program and above it,
// where programs are mostly built, and in the working folder.
#pragma once

#include "viewer/model/source_text.h"

namespace taskscope::viewer {

class SourceFiles {
 public:
  // Files of up to a few megabytes; of what cannot be read the text says why.
  void want(const SourceName& name);
  const SourceText& text() const { return text_; }

 private:
  SourceText text_;
};

}  // namespace taskscope::viewer
