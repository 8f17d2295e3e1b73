#include "viewer/analysis/gate.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "viewer/analysis/findings.h"

namespace taskscope::analysis {
namespace {

bool is_of_kind(const store::FindingRow& row, std::string_view wanted) {
  if (wanted == "any" || wanted == row.kind) return true;
  const auto kinds = finding_kinds();
  return std::any_of(kinds.begin(), kinds.end(), [&](const FindingKind& kind) {
    return kind.kind == row.kind && kind.group == wanted;
  });
}

bool is_known_kind(std::string_view wanted) {
  const auto kinds = finding_kinds();
  return wanted == "any" || std::any_of(kinds.begin(), kinds.end(), [&](const FindingKind& kind) {
           return kind.kind == wanted || kind.group == wanted;
         });
}

// "any, panic, deadlock, leak, scheduler, …": the groups; then the kinds that are in them.
std::string kinds_text() {
  std::string groups = "any";
  std::string members;
  std::set<std::string_view> seen;
  for (const FindingKind& kind : finding_kinds()) {
    if (seen.insert(kind.group).second) groups += fmt::format(", {}", kind.group);
    if (kind.kind != kind.group) members += fmt::format(", {}", kind.kind);
  }
  return groups + members;
}

bool ends_with_path(std::string_view full, std::string_view end) {
  if (full.size() < end.size() || full.substr(full.size() - end.size()) != end) return false;
  return full.size() == end.size() || full[full.size() - end.size() - 1] == '/';
}

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

}  // namespace

bool FailRule::matches(const store::FindingRow& row) const {
  if (!is_of_kind(row, kind) || row.severity == "info") return false;
  switch (at_least) {
    case AtLeast::Warning:
      return true;
    case AtLeast::Severe:
      return row.severity == "severe";
    case AtLeast::Proved:
      return row.tier == "proved";
  }
  return false;
}

Result<FailRule> parse_fail_rule(std::string_view text) {
  const std::size_t colon = text.find(':');
  FailRule rule{.kind = std::string(text.substr(0, colon))};
  if (!is_known_kind(rule.kind)) {
    return Error{fmt::format("takes {}, not '{}'", kinds_text(), rule.kind)};
  }
  if (colon == std::string_view::npos) return rule;
  const std::string_view level = text.substr(colon + 1);
  if (level == "severe") {
    rule.at_least = FailRule::AtLeast::Severe;
  } else if (level == "proved") {
    rule.at_least = FailRule::AtLeast::Proved;
  } else if (level != "warning") {
    return Error{fmt::format("takes :warning, :severe or :proved behind the kind, not '{}'", text)};
  }
  return rule;
}

bool Suppression::matches(const store::FindingRow& row, const Report& report) const {
  if (!is_of_kind(row, kind)) return false;
  for (const store::SiteId site : {row.spawn_site_id, row.wait_site_id}) {
    if (site == 0) continue;
    const std::string full = report.place(site);
    if (ends_with_path(full, place) || ends_with_path(full.substr(0, full.rfind(':')), place)) {
      return true;
    }
  }
  return false;
}

Result<std::vector<Suppression>> parse_suppressions(std::string_view lines,
                                                    const std::string& path) {
  std::vector<Suppression> all;
  for (std::size_t number = 1; !lines.empty(); ++number) {
    const std::size_t end = std::min(lines.find('\n'), lines.size());
    const std::string_view line = trim(lines.substr(0, end));
    lines.remove_prefix(std::min(end + 1, lines.size()));
    if (line.empty() || line.front() == '#') continue;
    const std::size_t blank = line.find_first_of(" \t");
    const std::string_view kind = line.substr(0, blank);
    const std::string_view place =
        blank == std::string_view::npos ? std::string_view() : trim(line.substr(blank));
    if (!is_known_kind(kind) || place.empty()) {
      return Error{
          fmt::format("{}, line {}: takes a kind of finding ({}) and a place, such as "
                      "leak server.cpp:42, not '{}'.",
                      path, number, kinds_text(), line)};
    }
    all.push_back({std::string(kind), std::string(place)});
  }
  return all;
}

std::string fingerprint(const store::FindingRow& row, const Report& report) {
  std::string text = row.kind;
  for (const store::SiteId id : {row.spawn_site_id, row.wait_site_id}) {
    const auto site = report.sites.find(id);
    if (site == report.sites.end()) {
      text += " | -";
      continue;
    }
    const std::string& file = site->second.file;
    text += fmt::format(" | {} {}", file.substr(file.rfind('/') + 1), site->second.function);
  }
  return text;
}

std::size_t leave_out(Report& report, const std::vector<Suppression>& suppressions,
                      const std::vector<std::string>& known_fingerprints) {
  const std::set<std::string> known(known_fingerprints.begin(), known_fingerprints.end());
  const std::size_t before = report.findings.size();
  std::erase_if(report.findings, [&](const store::FindingRow& row) {
    return known.contains(fingerprint(row, report)) ||
           std::any_of(suppressions.begin(), suppressions.end(),
                       [&](const Suppression& accepted) { return accepted.matches(row, report); });
  });
  report.info.findings = report.findings.size();
  return before - report.findings.size();
}

}  // namespace taskscope::analysis
