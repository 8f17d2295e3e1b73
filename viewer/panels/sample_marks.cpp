#include "viewer/panels/sample_marks.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>

#include "viewer/model/decision_text.h"
#include "viewer/model/format.h"
#include "viewer/panels/stack_column.h"
#include "viewer/panels/timeline.h"

namespace taskscope::viewer {
namespace {

// px at scale 1.
constexpr float kPitch = 4;    // within which samples share a mark
constexpr float kHeight = 6;   // of a tick
constexpr float kReach = 8;    // from the floor, for the pointer
constexpr float kRowMin = 12;  // lower rows have no room for both
constexpr std::size_t kCallsShown = 6;
constexpr std::size_t kFunctionsShown = 5;
constexpr std::size_t kLookedAtMax = 2'000;  // of a group; of more, every so many

RowSamples samples_of(const PanelContext& context, const Row& row) {
  const SampleTable& samples = context.session.samples();
  if (row.kind == RowKind::Task) return samples.of_task(row.index);
  return row.kind == RowKind::Worker ? samples.of_worker(row.index) : RowSamples{};
}

std::vector<RowSamples> groups_between(const PanelContext& context, const ViewState& view,
                                       const Row& row, std::int64_t first, std::int64_t last) {
  const auto pitch = static_cast<std::int64_t>(context.px(kPitch));
  return context.session.samples().groups(samples_of(context, row), view.time.grid(), first - pitch,
                                          last + pitch, pitch);
}

struct Reach {
  float x0 = 0;
  float x1 = 0;
};
Reach reach_of(const PanelContext& context, const ViewState& view, const RowSamples& group) {
  const SampleTable& samples = context.session.samples();
  return {time_x(context, view, samples.ns_at(group.first)),
          time_x(context, view, samples.ns_at(group.last - 1))};
}

// A pixel more for each doubling.
float strip_height(const PanelContext& context, const RowSamples& group) {
  const auto doublings = static_cast<float>(std::bit_width(group.size()));
  return std::min(context.px(kHeight), context.px(1) + doublings);
}

// The pointer is on it, or the selected sample is one of them.
bool is_lit(const PanelContext& context, const ViewState& view, const Row& row,
            const RowSamples& group) {
  if (view.hover_samples == group && view.hover_row && view.hover_row->is_same(row)) return true;
  if (!view.selection.sample) return false;
  const SampleTable& samples = context.session.samples();
  const Sample& selected = samples[*view.selection.sample];
  if ((row.kind == RowKind::Task ? selected.task : selected.worker) != row.index) return false;
  return *view.selection.sample >= samples.index_at(group.first) &&
         *view.selection.sample <= samples.index_at(group.last - 1);
}

// Which functions of a group were seen most themselves.
std::vector<std::string> most_seen(const PanelContext& context, const RowSamples& group) {
  const SampleTable& samples = context.session.samples();
  const store::StackTable& stacks = context.session.stacks();
  const std::size_t step = group.size() / kLookedAtMax + 1;
  std::map<std::uint32_t, std::size_t> counts;
  std::size_t looked_at = 0;
  for (std::size_t at = group.first; at < group.last; at += step, ++looked_at) {
    const auto calls = stacks.calls(samples.at(at).stack);
    if (!calls.empty()) ++counts[calls.front().function];
  }
  std::vector<std::pair<std::uint32_t, std::size_t>> order(counts.begin(), counts.end());
  std::stable_sort(order.begin(), order.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  std::vector<std::string> lines;
  for (const auto& [function, count] : order) {
    if (lines.size() == kFunctionsShown) break;
    lines.push_back(fmt::format(
        "{}  {}", format_share(static_cast<double>(count) / static_cast<double>(looked_at)),
        shortened_names(plain_name(stacks.functions()[function].name)).back()));
  }
  if (order.size() > lines.size()) {
    lines.push_back(fmt::format("and {} more functions", order.size() - lines.size()));
  }
  return lines;
}

}  // namespace

void draw_sample_marks(const PanelContext& context, const ViewState& view, const Row& row,
                       const Box& spans) {
  if (!view.show_samples || spans.height() < context.px(kRowMin)) return;
  const auto first = view.time.first_column();
  const auto last = first + static_cast<std::int64_t>(std::ceil(spans.width()));
  const std::vector<RowSamples> groups = groups_between(context, view, row, first, last);
  Canvas& canvas = context.canvas;
  const Palette& colors = context.colors;
  const float pitch = context.px(kPitch);
  const float wide = context.px(2);
  // Neighbours of one height are one rectangle.
  Box strip;
  const auto flush = [&] {
    if (strip.width() <= 0) return;
    canvas.fill({strip.x0, strip.y0 - 1, strip.x1, strip.y0}, colors.panel);
    canvas.fill(strip, colors.muted);
    strip = {};
  };
  float before_x1 = 0;
  Reach here = groups.empty() ? Reach{} : reach_of(context, view, groups.front());
  for (std::size_t at = 0; at < groups.size(); ++at) {
    const auto [x0, x1] = here;
    const bool more = at + 1 < groups.size();
    if (more) here = reach_of(context, view, groups[at + 1]);
    const bool before = at > 0 && x0 - before_x1 < pitch;
    const bool after = more && here.x0 - x1 < pitch;
    before_x1 = x1;
    if (!before && !after) {
      flush();
      const float middle = std::round((x0 + x1) / 2);
      const Box tick{middle - wide / 2, spans.y1 - context.px(kHeight), middle + wide / 2,
                     spans.y1};
      // Its rim keeps it apart from whatever state it stands on.
      canvas.fill({tick.x0 - 1, tick.y0 - 1, tick.x1 + 1, tick.y1}, colors.panel);
      canvas.fill(tick, is_lit(context, view, row, groups[at]) ? colors.accent : colors.text);
      continue;
    }
    const float y0 = spans.y1 - strip_height(context, groups[at]);
    const float end = after ? here.x0 : std::max(x1, x0 + wide);
    if (strip.width() > 0 && (strip.y0 != y0 || strip.x1 < x0)) flush();
    if (strip.width() <= 0) strip = {x0, y0, x0, spans.y1};
    strip.x1 = end;
    if (is_lit(context, view, row, groups[at])) {
      flush();
      canvas.fill({x0, y0 - context.px(2), end, spans.y1}, colors.accent);
    }
  }
  flush();
}

std::optional<RowSamples> find_samples(const PanelContext& context, const ViewState& view,
                                       const Row& row, const Box& spans, ImVec2 mouse) {
  const bool within = mouse.y > spans.y1 - context.px(kReach) && mouse.y < spans.y1;
  if (!view.show_samples || !within || spans.height() < context.px(kRowMin)) return std::nullopt;
  const auto column = view.time.first_column() + static_cast<std::int64_t>(mouse.x - spans.x0);
  std::optional<RowSamples> nearest;
  float nearest_px = context.px(kPitch);
  for (const RowSamples& group : groups_between(context, view, row, column - 1, column + 1)) {
    const auto [x0, x1] = reach_of(context, view, group);
    const float x = std::floor(mouse.x);
    const float away = x < x0 ? x0 - x : x > x1 ? x - x1 : 0;
    if (away > nearest_px || (nearest && away == nearest_px)) continue;
    nearest = group;
    nearest_px = away;
  }
  return nearest;
}

std::vector<NoteLine> sample_lines(const PanelContext& context, const ViewState& view) {
  const Fonts& fonts = context.fonts();
  const Palette& colors = context.colors;
  const SampleTable& samples = context.session.samples();
  const RowSamples& group = *view.hover_samples;
  const Row& row = *view.hover_row;
  const std::string who = row.kind == RowKind::Worker
                              ? worker_title(context.session, context.session.workers()[row.index])
                              : context.session.tasks()[row.index].label;
  const Sample& first = samples.at(group.first);
  const bool alone = group.size() == 1;
  std::string title = alone ? who + ", sampled at work"
                            : fmt::format("{}: {} samples", who, count_text(group.size()));
  if (alone && row.kind == RowKind::Worker && first.task != kNoTask) {
    title =
        fmt::format("{}, sampled at work on {}", context.session.tasks()[first.task].label, who);
  }
  std::vector<NoteLine> lines{{title, colors.text, fonts.strong}};
  const std::vector<std::string> said =
      alone ? call_lines(
                  context.session.stacks(),
                  context.session.stacks().own_calls(first.stack, store::StackTable::Inner::All),
                  kCallsShown)
            : most_seen(context, group);
  for (const std::string& line : said) lines.push_back({line, colors.text, fonts.text});
  const std::int64_t step_ns = view.time.visible().length_ns() / 10;
  std::string when = "at " + format_instant(first.ns, step_ns, step_ns / 1000 + 1);
  if (!alone) {
    when += fmt::format(", within {}", duration_text(samples.at(group.last - 1).ns - first.ns));
  }
  lines.push_back({when, colors.muted, fonts.text});
  lines.push_back({alone ? "Click: the whole stack" : "Click: the stack of the first", colors.muted,
                   fonts.small});
  return lines;
}

void step_sample(const PanelContext& context, ViewState& view, int step) {
  const SampleTable& samples = context.session.samples();
  const RowSamples row = row_samples(context.session, view.selection);
  if (row.empty()) return;
  const TimeRange visible = view.time.target();
  const std::int64_t from = view.selection.sample ? samples[*view.selection.sample].ns
                            : step > 0            ? visible.start_ns
                                                  : visible.end_ns;
  // Those at one instant are one after another.
  RowSamples left = samples.within(row, {from, INT64_MAX});
  std::size_t at = left.first;
  if (view.selection.sample) {
    while (at + 1 < row.last && samples.index_at(at) != *view.selection.sample) ++at;
    if (step > 0) ++at;
  }
  if (step < 0) {
    if (at == row.first) return;
    --at;
  }
  if (at >= row.last) return;
  view.selection.sample = samples.index_at(at);
  view.selection.span = kNoSpan;
  view.selection.region.reset();
  const std::int64_t ns = samples.at(at).ns;
  if (visible.contains(ns)) return;
  const std::int64_t half = visible.length_ns() / 2;
  view.time.remember();
  view.time.glide_to({ns - half, ns + half});
}

}  // namespace taskscope::viewer
