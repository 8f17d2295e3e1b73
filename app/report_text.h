// The report as text for a terminal: one screen, worst news first. Any thread.
#pragma once

#include <string>

#include "app/terminal.h"
#include "viewer/analysis/report.h"

namespace taskscope::app {

// The whole report. `rows_max` bounds each table.
std::string report_text(const analysis::Report& report, const Palette& palette,
                        std::size_t rows_max);
// A line for each place that makes collected objects, as `go build -gcflags=-m` says it, those of
// which most bytes escaped first. Files below `folder` are named from there.
std::string escapes_text(const analysis::CollectedMemory& memory, const std::string& folder);
// What `record` prints when it is done: a few lines with the file and what to do next.
std::string record_summary_text(const analysis::Report& report, const std::string& path,
                                const Palette& palette);

}  // namespace taskscope::app
