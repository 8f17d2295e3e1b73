// What the window gets from a trace in text form.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "recorder/ingest/text_source.h"
#include "tests/support/temporary_folder.h"
#include "viewer/model/loader.h"

namespace taskscope::tests {

inline viewer::SessionPtr session_of_trace(std::string_view trace) {
  const TemporaryFolder folder;
  const std::string path = folder.file("a.tscope");
  const Result<void> recorded = ingest::record_text(trace, path);
  EXPECT_TRUE(recorded) << recorded.error().message;
  viewer::SessionLoader loader(path, {});
  const viewer::SessionLoader::State state = loader.wait();
  EXPECT_EQ(state.error, "");
  return state.session;
}

}  // namespace taskscope::tests
