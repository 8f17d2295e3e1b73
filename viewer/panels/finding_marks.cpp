#include "viewer/panels/finding_marks.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "viewer/analysis/findings.h"
#include "viewer/panels/pane.h"
#include "viewer/panels/timeline.h"

namespace taskscope::viewer {
namespace {

constexpr float kTickHalf = 4;  // px at scale 1, of a finding in the overview
constexpr float kTickHeight = 7;
constexpr float kEvidenceMin = 4;  // so that it is seen at any zoom

void fill_octagon(Canvas& canvas, const Box& box, ImU32 color) {
  const float cut = std::round(box.width() * 0.29F);
  canvas.fill({box.x0 + cut, box.y0, box.x1 - cut, box.y1}, color);
  canvas.fill({box.x0, box.y0 + cut, box.x1, box.y1 - cut}, color);
  for (float step = 1; step < cut; ++step) {
    canvas.fill({box.x0 + step, box.y0 + cut - step, box.x0 + cut, box.y1 - cut + step}, color);
    canvas.fill({box.x1 - cut, box.y0 + cut - step, box.x1 - step, box.y1 - cut + step}, color);
  }
}

// Row by row, so that both sides look the same without smoothing.
void fill_triangle(Canvas& canvas, const Box& box, ImU32 color) {
  const int rows = static_cast<int>(box.height());
  for (int at = 0; at < rows; ++at) {
    const float share = static_cast<float>(at + 1) / static_cast<float>(rows);
    const float half = std::max(1.0F, std::round(share * box.width() / 2));
    const float middle = std::round((box.x0 + box.x1) / 2);
    const float y = box.y0 + static_cast<float>(at);
    canvas.fill({middle - half, y, middle + half, y + 1}, color);
  }
}

void fill_sign(Canvas& canvas, FindingWeight weight, const Box& box, ImU32 color) {
  switch (weight) {
    case FindingWeight::Severe:
      return fill_octagon(canvas, box, color);
    case FindingWeight::Warning:
      return fill_triangle(canvas, box, color);
    case FindingWeight::Info:
      return canvas.fill(box, color);
  }
}

float map_x(const PanelContext& context, std::int64_t ns) {
  const Box map = context.layout.minimap;
  const auto duration =
      static_cast<double>(std::max<std::int64_t>(context.session.duration_ns(), 1));
  const double share = std::clamp(static_cast<double>(ns) / duration, 0.0, 1.0);
  // A whole tick is seen at both ends.
  const float half = context.px(kTickHalf);
  return std::clamp(map.x0 + std::round(static_cast<float>(share) * map.width()), map.x0 + half,
                    map.x1 - half);
}

const std::vector<FrameCache::SetEvidence>& set_evidence(const PanelContext& context) {
  FrameCache& cache = context.cache;
  const ArrangementPtr& arrangement = context.input.rows->arrangement();
  const FindingListPtr& list = context.input.findings->list;
  if (cache.set_findings == list && cache.set_arrangement == arrangement) {
    return cache.set_evidence;
  }
  cache.set_findings = list;
  cache.set_arrangement = arrangement;
  cache.set_evidence.assign(arrangement->sets().size(), {});
  for (const TaskEvidence& evidence : list->evidence()) {
    const auto position = arrangement->position(evidence.task);
    if (!position) continue;
    const auto index =
        static_cast<std::size_t>(&arrangement->set_at(*position) - arrangement->sets().data());
    FrameCache::SetEvidence& of_set = cache.set_evidence[index];
    if (!of_set.finding || evidence.finding < *of_set.finding) {
      of_set = {evidence.finding, evidence.when};
    } else if (evidence.finding == *of_set.finding) {
      of_set.when = {std::min(of_set.when.start_ns, evidence.when.start_ns),
                     std::max(of_set.when.end_ns, evidence.when.end_ns)};
    }
  }
  return cache.set_evidence;
}

// A bracket from end to end, set off from the spans above it by a line of the panel's colour.
void draw_bracket(const PanelContext& context, const ViewState& view, const ShownFinding& finding,
                  TimeRange when, bool read, const Box& spans) {
  const Box rows = context.layout.rows;
  const float least = context.px(kEvidenceMin);
  float x0 = time_x(context, view, when.start_ns);
  float x1 = std::max(time_x(context, view, when.end_ns), x0 + least);
  // What ends with the recording still has its whole width.
  if (x1 > rows.x1 && x0 < rows.x1) x0 = std::min(x0, rows.x1 - least);
  if (x1 < rows.x0 || x0 > rows.x1) return;
  Canvas& canvas = context.canvas;
  const ImU32 color = finding_color(context, finding);
  // What is proved has a stronger line, as its sign is full.
  const float line = context.px(finding.proved ? 3 : 2);
  const float rise = std::min(context.px(5), std::floor(spans.height() / 2));
  const float y1 = spans.y1;
  x1 = std::min(x1, rows.x1 + 1);
  canvas.fill({x0, y1 - line - 1, x1, y1 - line}, context.colors.panel);
  canvas.fill({x0, y1 - line, x1, y1}, color);
  if (read) {
    canvas.frame({x0, spans.y0, x1, y1}, color, line);
    const Box inner{x0 + line, spans.y0 + line, x1 - line, y1 - line};
    if (inner.width() > line) canvas.frame(inner, context.colors.panel, 1);
  } else if (x1 - x0 > 2 * line) {
    canvas.fill({x0, y1 - rise, x0 + line, y1}, color);
    canvas.fill({x1 - line, y1 - rise, x1, y1}, color);
  }
}

}  // namespace

ImU32 finding_color(const PanelContext& context, const ShownFinding& finding) {
  switch (finding.weight) {
    case FindingWeight::Severe:
      return context.colors.alarm;
    case FindingWeight::Warning:
      return context.colors.warning;
    case FindingWeight::Info:
      break;
  }
  return context.colors.muted;
}

void draw_finding_sign(const PanelContext& context, Canvas& canvas, const ShownFinding& finding,
                       ImVec2 centre, ImU32 background) {
  const float half = context.px(6);
  const float x = std::round(centre.x);
  const float y = std::round(centre.y);
  const Box box{x - half, y - half, x + half, y + half};
  const ImU32 color = finding_color(context, finding);
  fill_sign(canvas, finding.weight, box, color);
  ImU32 ink = background;
  if (!finding.proved) {
    ink = color;
    const float rim = context.px(finding.weight == FindingWeight::Warning ? 2 : 1.5F);
    Box inner{box.x0 + rim, box.y0 + rim, box.x1 - rim, box.y1 - rim};
    if (finding.weight == FindingWeight::Warning) {
      inner = {box.x0 + rim, box.y0 + std::round(rim * 1.6F), box.x1 - rim, box.y1 - context.px(1)};
    }
    fill_sign(canvas, finding.weight, inner, background);
  }
  // An exclamation mark, a little lower where the shape is wider.
  const float bar = context.px(1);
  const float low = finding.weight == FindingWeight::Warning ? context.px(1) : 0;
  canvas.fill({x - bar, y - context.px(3) + low, x + bar, y + low + context.px(1)}, ink);
  canvas.fill({x - bar, y + low + context.px(2), x + bar, y + low + context.px(4)}, ink);
}

const ShownFinding* row_finding(const PanelContext& context, const Row& row) {
  const FindingList& findings = context.findings();
  if (findings.empty()) return nullptr;
  if (row.kind == RowKind::Task) {
    const auto of_task = findings.of_task(row.index);
    return of_task.empty() ? nullptr : &findings[of_task.front().finding];
  }
  if (row.kind != RowKind::GroupHeader) return nullptr;
  const auto& of_set = set_evidence(context)[row.index];
  return of_set.finding ? &findings[*of_set.finding] : nullptr;
}

void draw_row_evidence(const PanelContext& context, const ViewState& view, const Row& row,
                       const Box& spans) {
  const FindingList& findings = context.findings();
  if (findings.empty()) return;
  const auto lit = lit_finding(context, view);
  const auto draw = [&](std::uint32_t finding, TimeRange when) {
    draw_bracket(context, view, findings[finding], when, lit == finding, spans);
  };
  if (row.kind == RowKind::Task) {
    // The worst last, on top of the others; above all the one that is read.
    const auto of_task = findings.of_task(row.index);
    for (auto at = of_task.rbegin(); at != of_task.rend(); ++at) draw(at->finding, at->when);
    for (const TaskEvidence& evidence : of_task) {
      if (lit == evidence.finding) draw(evidence.finding, evidence.when);
    }
  } else if (row.kind == RowKind::GroupHeader) {
    const TaskSet& set = context.input.rows->arrangement()->sets()[row.index];
    const auto& of_set = set_evidence(context)[row.index];
    const bool folded = view.folds.groups.contains(set.key);
    if (folded && of_set.finding) draw(*of_set.finding, of_set.when);
  }
}

bool is_stuck(const PanelContext& context, TaskIndex task) {
  const auto of_task = context.findings().of_task(task);
  return std::any_of(of_task.begin(), of_task.end(), [&](const TaskEvidence& evidence) {
    return analysis::says_stuck(context.findings()[evidence.finding].row);
  });
}

std::optional<std::uint32_t> lit_finding(const PanelContext& context, const ViewState& view) {
  const FindingList& findings = context.findings();
  if (!view.finding || *view.finding >= findings.size() || !view.findings_pane.open) return {};
  const bool chosen = view.keys == KeysOf::Findings || shown_finding(findings, view) != nullptr;
  if (!chosen) return std::nullopt;
  return static_cast<std::uint32_t>(*view.finding);
}

bool is_lit(const PanelContext& context, std::uint32_t finding, TaskIndex task) {
  const auto of_task = context.findings().of_task(task);
  return std::any_of(of_task.begin(), of_task.end(),
                     [&](const TaskEvidence& evidence) { return evidence.finding == finding; });
}

const ShownFinding* finding_at(const PanelContext& context, TaskIndex task, TimeRange when) {
  for (const TaskEvidence& evidence : context.findings().of_task(task)) {
    if (evidence.when.start_ns <= when.end_ns && evidence.when.end_ns >= when.start_ns) {
      return &context.findings()[evidence.finding];
    }
  }
  return nullptr;
}

std::vector<NoteLine> finding_lines(const PanelContext& context, const ShownFinding& finding) {
  constexpr std::size_t kLinesMax = 4;
  ImFont* font = context.fonts().text;
  std::vector<NoteLine> lines{{fmt::format("{}: {}", finding.title, tier_text(finding)),
                               finding_color(context, finding), context.fonts().strong}};
  const auto wrapped = context.canvas.wrap(font, finding.row.summary, context.px(420));
  for (std::size_t at = 0; at < std::min(wrapped.size(), kLinesMax); ++at) {
    const bool cut = at + 1 == kLinesMax && wrapped.size() > kLinesMax;
    lines.push_back({wrapped[at] + (cut ? " …" : ""), context.colors.text, font});
  }
  return lines;
}

std::optional<std::size_t> minimap_finding(const PanelContext& context) {
  const Box map = context.layout.minimap;
  const ImVec2 mouse = ImGui::GetIO().MousePos;
  if (!map.contains(mouse) || mouse.y < map.y1 - context.px(kTickHeight + 3)) return std::nullopt;
  const FindingList& findings = context.findings();
  std::optional<std::size_t> nearest;
  float least = context.px(kTickHalf) + 2;
  for (std::size_t at = 0; at < findings.size(); ++at) {
    const float distance = std::abs(map_x(context, findings[at].when.start_ns) - mouse.x);
    if (distance >= least) continue;
    least = distance;
    nearest = at;
  }
  return nearest;
}

void draw_minimap_findings(const PanelContext& context, const ViewState& view) {
  const FindingList& findings = context.findings();
  const Box map = context.layout.minimap;
  Canvas& canvas = context.canvas;
  const float half = context.px(kTickHalf);
  // The worst last, on top; of many in one pixel one is drawn.
  float last = -1;
  for (std::size_t at = findings.size(); at-- > 0;) {
    const ShownFinding& finding = findings[at];
    const bool read = view.finding == at;
    const float x = map_x(context, finding.when.start_ns);
    const ImU32 color = finding_color(context, finding);
    if (read) {
      const float x1 = std::max(map_x(context, finding.when.end_ns), x + half);
      canvas.fill({x, map.y1 - 1 - context.px(3), x1, map.y1 - 1}, color);
    }
    if (x == last && !read) continue;
    last = x;
    const Box tick{x - half, map.y1 - 1 - context.px(kTickHeight), x + half, map.y1 - 1};
    const Box rim{tick.x0 - 1, tick.y0 - 2, tick.x1 + 1, tick.y1};
    fill_triangle(canvas, rim, context.colors.panel);
    fill_triangle(canvas, tick, color);
  }
  const auto hovered = has_mouse(context, view) ? minimap_finding(context) : std::nullopt;
  if (!hovered) return;
  ImGui::SetMouseCursor(ImGuiMouseCursor_Hand);
  draw_note(context, {ImGui::GetIO().MousePos.x, map.y1 + context.px(4)},
            finding_lines(context, findings[*hovered]));
}

}  // namespace taskscope::viewer
