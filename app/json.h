// Recordings' figures as JSON, with the key names that scripts rely on (see README). Any thread.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "recorder/store/rows.h"
#include "viewer/analysis/report.h"

namespace taskscope::app {

using Json = nlohmann::ordered_json;

Json to_json(const store::RecordingInfo& info);
Json to_json(const analysis::Report& report);
Json to_json(const std::vector<store::EscapeSiteRow>& sites);
// As it is printed, with a line end. What is no UTF-8 in it (a program's name may be anything)
// becomes replacement characters.
std::string json_text(const Json& json);

}  // namespace taskscope::app
