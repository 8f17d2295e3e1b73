// Recordings' figures as JSON, with the key names that scripts rely on (see README). Any thread.
#pragma once

#include <nlohmann/json.hpp>

#include "recorder/store/rows.h"
#include "viewer/analysis/report.h"

namespace taskscope::app {

using Json = nlohmann::ordered_json;

Json to_json(const store::RecordingInfo& info);
Json to_json(const analysis::Report& report);

}  // namespace taskscope::app
