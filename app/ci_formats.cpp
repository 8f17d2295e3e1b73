#include "app/ci_formats.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "app/json.h"
#include "viewer/analysis/findings.h"
#include "viewer/analysis/gate.h"
#include "viewer/platform/xml_text.h"

namespace taskscope::app {
namespace {

using store::FindingRow;
using viewer::xml_text;

// The line to look at: where it waits, else where it was started.
store::SiteId place_of(const FindingRow& row) {
  return row.wait_site_id != 0 ? row.wait_site_id : row.spawn_site_id;
}

// As in RFC 3986: what a path may hold stays, all else is written as %XX.
std::string uri_path(std::string_view path) {
  constexpr std::string_view kPlain = "-._~/";
  std::string out;
  for (const char c : path) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (letter || kPlain.find(c) != std::string_view::npos) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

std::string junit_case(const FindingRow& row, const analysis::Report& report, bool fails) {
  const auto site = report.sites.find(place_of(row));
  const std::string at =
      site == report.sites.end()
          ? std::string()
          : fmt::format(" file=\"{}\" line=\"{}\"", xml_text(site->second.file), site->second.line);
  std::string out = fmt::format("    <testcase classname=\"taskscope.{}\" name=\"{}\"{}>\n",
                                row.kind, xml_text(row.summary), at);
  const std::string body =
      fmt::format("{}\n{}\nstarted at {}\nwaits at {}\n", row.summary, row.detail,
                  report.place(row.spawn_site_id), report.place(row.wait_site_id));
  if (fails) {
    out += fmt::format("      <failure message=\"{}\" type=\"{} {}\">{}</failure>\n",
                       xml_text(row.summary), row.tier, row.severity, xml_text(body));
  } else {
    out += fmt::format("      <system-out>{}</system-out>\n", xml_text(body));
  }
  return out + "    </testcase>\n";
}

std::string_view sarif_level(const FindingRow& row) {
  if (row.tier == "proved" || row.severity == "severe") return "error";
  return row.severity == "warning" ? "warning" : "note";
}

Json sarif_location(const analysis::Report& report, store::SiteId id, const std::string& root) {
  const store::SiteRow& site = report.sites.at(id);
  const std::string& path = site.file;
  const bool below = !root.empty() && path.size() > root.size() + 1 &&
                     path.compare(0, root.size(), root) == 0 && path[root.size()] == '/';
  Json artifact = Json::object();
  if (below) {
    artifact["uri"] = uri_path(path.substr(root.size() + 1));
    artifact["uriBaseId"] = "%SRCROOT%";
  } else {
    artifact["uri"] = (path.substr(0, 1) == "/" ? "file://" : "") + uri_path(path);
  }
  Json location{{"physicalLocation",
                 {{"artifactLocation", std::move(artifact)},
                  {"region", {{"startLine", std::max<std::uint32_t>(site.line, 1)}}}}}};
  if (!site.function.empty()) {
    location["logicalLocations"] = Json::array({{{"name", site.function}, {"kind", "function"}}});
  }
  return location;
}

Json sarif_result(const FindingRow& row, const analysis::Report& report, const Fails& fails,
                  const std::string& root) {
  Json result{{"ruleId", row.kind},
              {"level", sarif_level(row)},
              {"message", {{"text", row.summary + (row.detail.empty() ? "" : " " + row.detail)}}},
              {"partialFingerprints", {{"taskscope/v1", analysis::fingerprint(row, report)}}},
              {"properties",
               {{"tier", row.tier},
                {"severity", row.severity},
                {"count", row.count},
                {"fails", fails(row)}}}};
  const store::SiteId place = place_of(row);
  if (report.sites.contains(place)) {
    result["locations"] = Json::array({sarif_location(report, place, root)});
  }
  if (row.spawn_site_id != place && report.sites.contains(row.spawn_site_id)) {
    Json started = sarif_location(report, row.spawn_site_id, root);
    started["message"] = {{"text", "its tasks were started here"}};
    result["relatedLocations"] = Json::array({std::move(started)});
  }
  return result;
}

}  // namespace

std::string junit_text(const analysis::Report& report, const Fails& fails) {
  std::string cases;
  std::size_t count = 0;
  std::size_t failures = 0;
  for (const FindingRow& row : report.findings) {
    const bool failed = fails(row);
    cases += junit_case(row, report, failed);
    failures += failed ? 1 : 0;
    ++count;
  }
  for (const analysis::FindingKind& kind : analysis::finding_kinds()) {
    const bool found = std::any_of(report.findings.begin(), report.findings.end(),
                                   [&](const FindingRow& row) { return row.kind == kind.kind; });
    if (found) continue;
    cases += fmt::format("    <testcase classname=\"taskscope.{}\" name=\"no {}\"/>\n", kind.kind,
                         kind.kind);
    ++count;
  }
  const double seconds = static_cast<double>(report.info.duration_ns) / 1e9;
  const std::string totals =
      fmt::format("tests=\"{}\" failures=\"{}\" time=\"{:.3f}\"", count, failures, seconds);
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"taskscope\" {}>\n"
      "  <testsuite name=\"{}\" {}>\n{}  </testsuite>\n</testsuites>\n",
      totals, xml_text(report.info.program), totals, cases);
}

std::string sarif_text(const analysis::Report& report, const Fails& fails,
                       const std::string& source_root) {
  Json rules = Json::array();
  for (const analysis::FindingKind& kind : analysis::finding_kinds()) {
    rules.push_back({{"id", kind.kind},
                     {"shortDescription", {{"text", kind.text}}},
                     {"properties", {{"group", kind.group}}}});
  }
  Json results = Json::array();
  for (const FindingRow& row : report.findings) {
    results.push_back(sarif_result(row, report, fails, source_root));
  }
  Json run{{"tool", {{"driver", {{"name", "Taskscope"}, {"rules", std::move(rules)}}}}},
           {"columnKind", "utf16CodeUnits"},
           {"results", std::move(results)}};
  if (!source_root.empty()) {
    run["originalUriBaseIds"] = {{"%SRCROOT%", {{"uri", "file://" + uri_path(source_root) + "/"}}}};
  }
  return json_text(Json{{"$schema", "https://json.schemastore.org/sarif-2.1.0.json"},
                        {"version", "2.1.0"},
                        {"runs", Json::array({std::move(run)})}});
}

}  // namespace taskscope::app
