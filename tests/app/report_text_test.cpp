// What a report says in words.
#include "app/report_text.h"

#include <gtest/gtest.h>

#include <string>

#include "app/json.h"

namespace taskscope::app {
namespace {

TEST(ReportText, SaysHowManySamplesAreMissing) {
  analysis::Report report;
  report.calls.samples = 40;
  report.calls.functions.push_back({.function = "work()", .self = 40, .total = 40});
  EXPECT_NE(report_text(report, {}, 10).find("Where CPU time went (40 samples)\n"),
            std::string::npos);
  report.info.lost_samples = 3;
  EXPECT_NE(report_text(report, {}, 10).find("Where CPU time went (40 samples, 3 lost)\n"),
            std::string::npos);
  EXPECT_EQ(to_json(report.info)["lost_samples"], 3);
  report.calls = {};
  EXPECT_NE(report_text(report, {}, 10).find("Where CPU time went (0 samples, 3 lost)\n"),
            std::string::npos);
}

}  // namespace
}  // namespace taskscope::app
