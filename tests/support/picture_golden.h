// Golden pictures: what a test draws, compared with a PNG that a person has looked at.
//
// Anti-aliased letters may differ by a little between versions of FreeType, so pixels may differ by
// a few levels, and a small share of them by more. UPDATE_GOLDENS=1 rewrites the file; look at the
// new picture before committing it. After a difference the picture that was drawn lies beside the
// build as NAME.actual.png. For tests only.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "viewer/platform/png_writer.h"

namespace taskscope::tests {

struct PictureTolerance {
  int level_max = 8;          // of 255, per channel: not counted as different
  double pixels_max = 0.002;  // share of pixels that may differ by more
};

inline double share_of_different_pixels(const viewer::Image& a, const viewer::Image& b,
                                        int level_max) {
  if (a.width != b.width || a.height != b.height || a.pixels.empty()) return 1;
  std::size_t different = 0;
  for (std::size_t at = 0; at < a.pixels.size(); ++at) {
    for (int shift = 0; shift < 24; shift += 8) {
      const int left = static_cast<int>(a.pixels[at] >> shift & 0xff);
      const int right = static_cast<int>(b.pixels[at] >> shift & 0xff);
      if (std::abs(left - right) > level_max) {
        ++different;
        break;
      }
    }
  }
  return static_cast<double>(different) / static_cast<double>(a.pixels.size());
}

// `name` is a path below tests/golden, with its ending.
inline void expect_golden_picture(const std::string& name, const viewer::Image& actual,
                                  PictureTolerance tolerance = {}) {
  const std::string path = std::string(TASKSCOPE_SOURCE_DIR) + "/tests/golden/" + name;
  const char* update = std::getenv("UPDATE_GOLDENS");
  if (update != nullptr && std::string(update) == "1") {
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    const Result<void> written = viewer::write_png(actual, path);
    ASSERT_TRUE(written) << written.error().message;
    return;
  }
  const Result<viewer::Image> golden = viewer::read_png(path);
  ASSERT_TRUE(golden) << golden.error().message << " (UPDATE_GOLDENS=1 writes it)";
  const double share = share_of_different_pixels(actual, *golden, tolerance.level_max);
  if (share <= tolerance.pixels_max) return;
  const std::string kept = std::string(TASKSCOPE_BINARY_DIR) + "/" +
                           std::filesystem::path(name).stem().string() + ".actual.png";
  const bool saved = viewer::write_png(actual, kept).has_value();
  ADD_FAILURE() << share * 100 << " % of the pixels differ from " << path
                << (saved ? "; what was drawn: " + kept : "") << " (UPDATE_GOLDENS=1 rewrites it)";
}

}  // namespace taskscope::tests
