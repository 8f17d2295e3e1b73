// Findings for machines that run tests: JUnit XML, which every CI shows as tests, and SARIF 2.1.0,
// which code hosts show at the source line. Pure; any thread.
#pragma once

#include <functional>
#include <string>

#include "recorder/store/rows.h"
#include "viewer/analysis/report.h"

namespace taskscope::app {

// Whether a finding makes the build fail.
using Fails = std::function<bool(const store::FindingRow&)>;

// A test case for every finding, failed if it `fails`, and one that passes for every kind without
// findings.
std::string junit_text(const analysis::Report& report, const Fails& fails);

// Paths below `source_root` are written relative to it, as code hosts want them.
std::string sarif_text(const analysis::Report& report, const Fails& fails,
                       const std::string& source_root);

}  // namespace taskscope::app
