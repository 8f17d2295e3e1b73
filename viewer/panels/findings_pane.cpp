#include "viewer/panels/findings_pane.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "viewer/analysis/findings.h"
#include "viewer/model/format.h"
#include "viewer/panels/actions.h"
#include "viewer/panels/finding_marks.h"
#include "viewer/panels/imgui_compat.h"
#include "viewer/panels/messages.h"
#include "viewer/panels/pane.h"
#include "viewer/panels/widgets.h"

namespace taskscope::viewer {
namespace {

// px at scale 1.
constexpr float kPad = 12;
constexpr float kSign = 24;  // from the pane's edge to the sentences, after the padding
constexpr float kTitle = 20;
constexpr float kLine = 16;
constexpr float kFact = 18;
constexpr float kFactName = 66;
constexpr float kHeader = 32;
constexpr float kHint = 24;
constexpr float kOutOfSight = -20'000;
constexpr std::size_t kLinesMax = 3;  // of the sentence of a finding that is not read
constexpr int kTaskLinesMax = 5;      // of the finding that is read: its tasks, by name

using Lines = std::vector<std::string>;

// Lines that fit; a word that is longer than the room is cut in two.
Lines wrapped(const Canvas& canvas, ImFont* font, std::string_view text, float room) {
  Lines lines;
  for (std::string& line : canvas.wrap(font, text, room)) {
    while (canvas.width(font, line) > room && line.size() > 4) {
      std::size_t fits = line.size();
      while (fits > 4 && canvas.width(font, std::string_view(line).substr(0, fits)) > room) --fits;
      while (fits > 1 && (line[fits] & 0xc0) == 0x80) --fits;
      lines.push_back(line.substr(0, fits));
      line.erase(0, fits);
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

// Those that the list has, or would have if it were open.
std::vector<std::size_t> listed(const PanelContext& context, const ViewState& view) {
  const FindingList& findings = context.findings();
  std::vector<std::size_t> shown;
  for (std::size_t at = 0; at < findings.size(); ++at) {
    if (!view.findings_pane.open || passes(findings[at], view.findings_pane.filter))
      shown.push_back(at);
  }
  return shown;
}

class Pane {
 public:
  Pane(const PanelContext& context, ViewState& view)
      : context_(context),
        view_(view),
        box_(context.layout.findings),
        text_(context.fonts().text),
        shown_(listed(context, view)),
        mouse_(has_mouse(context, view)) {}

  void draw() {
    Canvas& canvas = context_.canvas;
    const Palette& colors = context_.colors;
    canvas.fill(box_, colors.panel);
    canvas.push_clip(box_);
    wrap_all();
    float y = draw_header();
    y = draw_stage(y);
    y = draw_filters(y);
    const float bottom = box_.y1 - (context_.input.footer ? 0 : context_.px(kHint));
    draw_list({box_.x0, y, box_.x1, std::max(bottom, y)});
    draw_hint(bottom);
    const bool resizing = view_.drag == Drag::Findings || (mouse_ && on_edge());
    const bool has_keys = view_.keys == KeysOf::Findings;
    const ImU32 edge = resizing || has_keys ? colors.accent : colors.border;
    canvas.fill({box_.x0, box_.y0, box_.x0 + (has_keys ? 2.0F : 1.0F), box_.y1}, edge);
    canvas.pop_clip();
    if (mouse_ && ImGui::GetIO().MouseClicked[0] && box_.contains(ImGui::GetIO().MousePos)) {
      view_.findings_pane.open ? give_keys(view_, KeysOf::Findings)
                               : take_keys(view_, KeysOf::Findings);
    }
  }

 private:
  float px(float at_1) const { return context_.px(at_1); }
  float left() const { return box_.x0 + px(kPad) + px(kSign); }
  float right() const { return box_.x1 - px(kPad); }
  bool on_edge() const {
    const ImVec2 mouse = ImGui::GetIO().MousePos;
    return std::abs(mouse.x - box_.x0) < px(4) && mouse.y >= box_.y0 && mouse.y < box_.y1;
  }

  void wrap_all() {
    FrameCache& cache = context_.cache;
    const float room = right() - left();
    const FindingListPtr& list = context_.input.findings->list;
    if (cache.wrapped == list && cache.wrapped_px == room) return;
    cache.wrapped = list;
    cache.wrapped_px = room;
    cache.finding_lines.clear();
    for (const ShownFinding& finding : *list) {
      cache.finding_lines.push_back(wrapped(context_.canvas, text_, finding.row.summary, room));
    }
  }

  float draw_header() {
    Canvas& canvas = context_.canvas;
    const float y1 = box_.y0 + px(kHeader);
    canvas.label(context_.fonts().strong, {box_.x0 + px(kPad), box_.y0, right(), y1},
                 context_.colors.text, "Findings");
    if (context_.input.footer) return y1;
    if (draw_cross(context_, {box_.x0, box_.y0, right(), y1}, mouse_)) {
      view_.findings_pane.open = false;
    }
    return y1;
  }

  // What is being done to find more, or why nothing is.
  float draw_stage(float y) {
    const FindingState& state = *context_.input.findings;
    Canvas& canvas = context_.canvas;
    const Box line{box_.x0 + px(kPad), y, right(), y + px(20)};
    if (state.stage == FindingStage::Looking) {
      const float link = std::ceil(canvas.width(text_, "Stop"));
      canvas.label(text_, {line.x0, line.y0, line.x1 - link - px(8), line.y1},
                   context_.colors.muted,
                   fmt::format("Looking at the whole recording: {:.0f} %", state.progress * 100));
      if (draw_link(context_, {line.x1 - link, line.y0, line.x1 + 1, line.y1}, "Stop") && mouse_) {
        view_.findings_pane.stop_requested = true;
      }
      const Box bar{line.x0, line.y1 + px(2), line.x1, line.y1 + px(5)};
      canvas.fill(bar, context_.colors.grid);
      const auto share = static_cast<float>(std::clamp(state.progress, 0.0, 1.0));
      canvas.fill({bar.x0, bar.y0, bar.x0 + std::round(share * bar.width()), bar.y1},
                  context_.colors.accent);
      return bar.y1 + px(8);
    }
    const bool failed = state.stage == FindingStage::Failed;
    if (!failed && state.stage != FindingStage::Stopped) return y;
    const std::string what = failed ? "The recording could not be looked at, so this is what was "
                                      "found when it ended: " +
                                          state.error
                                    : "The recording was not looked at to its end.";
    for (const std::string& part : wrapped(canvas, text_, what, line.width())) {
      canvas.text(text_, line.x0, y, failed ? context_.colors.alarm : context_.colors.warning,
                  part);
      y += px(kLine);
    }
    if (draw_link(context_, {line.x0, y, line.x1, y + px(20)}, "Look again") && mouse_) {
      view_.findings_pane.again_requested = true;
    }
    return y + px(26);
  }

  float draw_filters(float y) {
    const std::vector<FindingFilter> filters = finding_filters(context_.findings());
    if (filters.size() < 2) return y;
    float x = box_.x0 + px(kPad);
    const float height = px(22);
    for (const FindingFilter& filter : filters) {
      const std::string text =
          fmt::format("{} {}", filter.word.empty() ? "all" : filter.word, filter.count);
      const float width = choice_width(context_, text, right() - left());
      if (x + width > right() && x > box_.x0 + px(kPad)) {
        x = box_.x0 + px(kPad);
        y += height + px(4);
      }
      const Box chip{x, y, x + width, y + height};
      if (draw_choice(context_, chip, text, filter.word == view_.findings_pane.filter, mouse_)) {
        view_.findings_pane.filter = filter.word;
        view_.findings_pane.scroll = 0;
      }
      x += width + px(5);
    }
    return y + height + px(8);
  }

  void draw_list(const Box& area) {
    Canvas& canvas = context_.canvas;
    FindingsPane& pane = view_.findings_pane;
    canvas.push_clip(area);
    float top = area.y0 - std::round(pane.scroll);
    const float begin = top;
    for (const std::size_t at : shown_) {
      const bool read = view_.finding == at;
      const float height = item_height(at, read);
      const Box item{area.x0, top, area.x1, top + height};
      if (item.y1 > area.y0 && item.y0 < area.y1) draw_item(at, read, item, area);
      if (read && std::exchange(pane.reveal, false)) reveal(item, area);
      top = item.y1;
    }
    top = draw_looked_at(top, area.x1);
    canvas.pop_clip();
    scroll(area, top - begin);
  }

  void reveal(const Box& item, const Box& area) {
    float& scroll = view_.findings_pane.scroll;
    if (item.y1 > area.y1) scroll += item.y1 - area.y1;
    const float top = item.y0 - (item.y1 > area.y1 ? item.y1 - area.y1 : 0);
    if (top < area.y0) scroll -= area.y0 - top;
    view_.animating = true;
  }

  void scroll(const Box& area, float content) {
    float& scroll = view_.findings_pane.scroll;
    const ImGuiIO& io = ImGui::GetIO();
    if (mouse_ && area.contains(io.MousePos)) scroll -= io.MouseWheel * px(57);
    const float most = std::max(0.0F, content - area.height());
    scroll = std::clamp(scroll, 0.0F, most);
    if (most <= 0) return;
    const float length = std::max(px(24), area.height() * area.height() / content);
    const float y = area.y0 + std::round((area.height() - length) * scroll / most);
    context_.canvas.fill({area.x1 - px(6), y, area.x1 - px(2), y + length},
                         with_alpha(context_.colors.muted, 0.5F));
  }

  float item_height(std::size_t at, bool read) {
    const std::size_t lines = context_.cache.finding_lines[at].size();
    const float head = px(10) + px(kTitle) + px(10);
    if (!read) return head + px(kLine) * static_cast<float>(std::min(lines, kLinesMax));
    // Drawn out of sight, it says how high it is.
    Canvas& canvas = context_.canvas;
    canvas.push_clip({0, 0, 0, 0});
    const bool mouse = std::exchange(mouse_, false);
    const float end = draw_evidence(context_.findings()[at], kOutOfSight);
    mouse_ = mouse;
    canvas.pop_clip();
    return head + px(kLine) * static_cast<float>(lines) + end;
  }

  void draw_item(std::size_t at, bool read, const Box& item, const Box& area) {
    Canvas& canvas = context_.canvas;
    const Palette& colors = context_.colors;
    const ShownFinding& finding = context_.findings()[at];
    const ImVec2 mouse = ImGui::GetIO().MousePos;
    const bool hovered = mouse_ && item.contains(mouse) && area.contains(mouse);
    const ImU32 ground = read || hovered ? colors.raised : colors.panel;
    canvas.fill(item, ground);
    if (read) canvas.fill({item.x0, item.y0, item.x0 + px(3), item.y1}, colors.accent);
    canvas.fill({item.x0, item.y1 - 1, item.x1, item.y1}, colors.border);
    const float y = item.y0 + px(10);
    draw_finding_sign(context_, canvas, finding, {box_.x0 + px(kPad) + px(7), y + px(9)}, ground);
    const std::string tier = tier_text(finding);
    const float tier_width = std::ceil(canvas.width(text_, tier));
    canvas.label(context_.fonts().strong, {left(), y, right() - tier_width - px(8), y + px(18)},
                 colors.text, finding.title);
    canvas.label(text_, {right() - tier_width, y, right() + 1, y + px(18)},
                 finding_color(context_, finding), tier);
    const Lines& lines = context_.cache.finding_lines[at];
    const std::size_t count = read ? lines.size() : std::min(lines.size(), kLinesMax);
    float line_y = y + px(kTitle);
    for (std::size_t line = 0; line < count; ++line, line_y += px(kLine)) {
      const bool cut = line + 1 == count && count < lines.size();
      canvas.text(text_, left(), line_y, colors.text,
                  cut ? cut_short(lines[line], right() - left()) : lines[line]);
    }
    if (read) draw_evidence(finding, line_y);
    if (hovered && !taken_ && ImGui::GetIO().MouseClicked[0]) {
      go_to_finding(context_, view_, at);
    }
    taken_ = false;
  }

  // With " …" behind as many words of it as fit.
  std::string cut_short(std::string line, float room) const {
    while (context_.canvas.width(text_, line + " …") > room && line.find(' ') != line.npos) {
      line.resize(line.rfind(' '));
    }
    return line + " …";
  }

  // What is known of it and what to try, from y on; returns how much height that takes.
  float draw_evidence(const ShownFinding& finding, float from) {
    float y = from;
    if (!finding.row.detail.empty()) {
      y += px(6);
      for (const std::string& line :
           wrapped(context_.canvas, text_, finding.row.detail, right() - left())) {
        context_.canvas.text(text_, left(), y, context_.colors.muted, line);
        y += px(kLine);
      }
    }
    y += px(6);
    const auto fact = [&](const char* name, const std::string& value) {
      const Box room = named(name, y);
      for (const std::string& line : wrapped(context_.canvas, text_, value, room.width())) {
        context_.canvas.label(text_, {room.x0, y, room.x1 + px(8), y + px(kFact)},
                              context_.colors.text, line);
        y += px(kFact);
      }
    };
    fact("when", when_text(finding));
    // Of those that are stuck the count is that of the tasks.
    const bool counted = analysis::says_stuck(finding.row) || finding.row.count < 2;
    if (!counted) fact("times", count_text(finding.row.count));
    const TraceSession& session = context_.session;
    const auto place = [&](const char* name, store::SiteId id) {
      const store::SiteRow* site = session.find_site(id);
      if (site != nullptr) draw_place(named(name, y), session.site_text(id), site->function);
      if (site != nullptr) y += px(kFact);
    };
    place("started at", finding.row.spawn_site_id);
    place("waits at", finding.row.wait_site_id);
    draw_tasks(finding, y);
    y += px(4);
    if (!context_.input.footer) draw_buttons(y);
    return y - from + px(2);
  }

  Box named(const char* name, float y) {
    const Box line{left(), y, right(), y + px(kFact)};
    context_.canvas.label(text_, {line.x0, line.y0, line.x0 + px(kFactName), line.y1},
                          context_.colors.muted, name);
    return {line.x0 + px(kFactName), line.y0, line.x1, line.y1};
  }

  // The function beside it, if there is room for it and it says something.
  void draw_place(const Box& room, const std::string& place, std::string_view function) {
    Canvas& canvas = context_.canvas;
    const std::string shown = canvas.fit(text_, place, room.width());
    canvas.label(text_, room, context_.colors.text, shown);
    if (function.empty() || function.find("operator()") != std::string_view::npos) return;
    const std::string in = "in " + shortened_names(function).back();
    const float x = room.x0 + std::ceil(canvas.width(text_, shown)) + px(5);
    if (x + canvas.width(text_, in) > room.x1) return;
    canvas.label(text_, {x, room.y0, room.x1 + 1, room.y1}, context_.colors.muted, in);
  }

  // One after the other, as words of a line.
  void draw_tasks(const ShownFinding& finding, float& y) {
    const std::size_t count = finding.tasks.size();
    if (count == 0) return;
    Box room = named(count == 1 ? "task" : "tasks", y);
    const float x0 = room.x0;
    int lines = 1;
    const auto begin = [&](float width) {
      if (room.x0 + width <= room.x1 || room.x0 == x0) return;
      y += px(kFact);
      ++lines;
      room = {x0, y, room.x1, y + px(kFact)};
    };
    std::size_t at = 0;
    for (; at < count && lines < kTaskLinesMax; ++at) {
      const std::string label = numbered_label(context_.session.tasks()[finding.tasks[at]]);
      const float width = std::ceil(context_.canvas.width(text_, label));
      begin(width);
      if (draw_link(context_, room, label) && mouse_) {
        taken_ = true;
        select_task(view_, finding.tasks[at]);
      }
      room.x0 += width + px(12);
    }
    if (at < count) {
      const std::string rest = fmt::format("and {} more", count_text(count - at));
      begin(std::ceil(context_.canvas.width(text_, rest)));
      context_.canvas.label(text_, room, context_.colors.muted, rest);
    }
    y += px(kFact);
  }

  void draw_buttons(float& y) {
    float x = left();
    const auto button = [&](const char* text, const char* hint) {
      const float width = std::ceil(context_.canvas.width(text_, text)) + px(20);
      const Box box{x, y, x + width, y + px(24)};
      x = box.x1 + px(6);
      const bool clicked = draw_button(context_, box, text, mouse_ ? hint : "") && mouse_;
      taken_ = taken_ || clicked;
      return clicked;
    };
    if (button("Go to it", "Enter") && view_.finding)
      go_to_finding(context_, view_, *view_.finding);
    if (button("Copy", "Ctrl+C while the keys go to this list")) copy_finding(context_, view_);
    y += px(28);
  }

  // What was looked at, and what may be missing; without findings that is all there is to say.
  float draw_looked_at(float y, float x1) {
    const FindingState& state = *context_.input.findings;
    const bool pending =
        state.stage == FindingStage::Waiting || state.stage == FindingStage::Looking;
    const Palette& colors = context_.colors;
    const float x = box_.x0 + px(kPad);
    const float room = x1 - px(kPad) - x;
    y += px(10);
    const auto put = [&](ImU32 color, const std::string& text) {
      for (const std::string& line : wrapped(context_.canvas, text_, text, room)) {
        context_.canvas.text(text_, x, y, color, line);
        y += px(kLine);
      }
      y += px(6);
    };
    const FindingList& findings = context_.findings();
    if (findings.empty() && pending) {
      put(colors.muted, state.stage == FindingStage::Waiting
                            ? "Findings come once the recording is read."
                            : "Nothing so far.");
      return y;
    }
    const bool ended = state.stage != FindingStage::Failed && state.stage != FindingStage::Stopped;
    if (findings.empty() && ended) {
      context_.canvas.label(context_.fonts().strong, {x, y, x1, y + px(18)}, colors.text,
                            "Nothing found");
      y += px(22);
    }
    put(colors.muted, looked_at_text());
    const store::RecordingInfo& info = context_.session.info();
    if (info.lost_events > 0) {
      put(colors.alarm, fmt::format("{} events were lost: something may be missing here.",
                                    count_text(info.lost_events)));
    }
    if (!info.complete && context_.input.live == nullptr) {
      put(colors.alarm, "The recorder was stopped before it could finish: the end is missing.");
    }
    if (!info.ended_by.empty()) {
      put(colors.muted, "The recording was ended by " + info.ended_by + ".");
    }
    if (info.kept_from_ns > 0) {
      put(colors.muted, fmt::format("What was before {} was dropped on purpose.",
                                    duration_text(info.kept_from_ns)));
    }
    return y;
  }

  std::string looked_at_text() const {
    const store::RecordingInfo& info = context_.session.info();
    const FindingStage stage = context_.input.findings->stage;
    const std::string what =
        fmt::format("{} tasks and {} events", count_text(context_.session.tasks().size()),
                    count_text(info.events));
    if (stage == FindingStage::Live) {
      return "Looked at every second while it is recorded. Tasks that merely wait are no leak yet.";
    }
    const bool stored = stage == FindingStage::Stored || stage == FindingStage::Failed ||
                        stage == FindingStage::Stopped;
    if (stored) return "As it was found when the recording ended.";
    return fmt::format(
        "Looked at: {}, {} long, for {} kinds of trouble: panics, deadlocks, leaks, the scheduler, "
        "contention, pace.",
        what, duration_text(info.duration_ns), analysis::finding_kinds().size());
  }

  void draw_hint(float y) {
    if (context_.input.footer) return;
    context_.canvas.fill({box_.x0, y, box_.x1, y + 1}, context_.colors.border);
    // What does not fit is left out whole; the most important comes first.
    ImFont* font = context_.fonts().small;
    float x = box_.x0 + px(kPad);
    const auto put = [&](const char* text) {
      const float width = std::ceil(context_.canvas.width(font, text));
      if (x + width > box_.x1 - px(4)) return;
      context_.canvas.label(font, {x, y, x + width + 1, box_.y1}, context_.colors.muted, text);
      x += width + px(12);
    };
    if (view_.keys == KeysOf::Findings) {
      for (const char* key :
           {"Up Down: choose", "Enter: go", "Esc: rows", "Left Right: filter", "Ctrl+C: copy"}) {
        put(key);
      }
    } else {
      for (const char* key : {"I: keys for this list", "N: the next finding"}) put(key);
    }
  }

  const PanelContext& context_;
  ViewState& view_;
  Box box_;
  ImFont* text_;
  std::vector<std::size_t> shown_;
  bool mouse_;          // follows it
  bool taken_ = false;  // the click, by something within an item
};

void step_filter(const PanelContext& context, ViewState& view, int step) {
  const std::vector<FindingFilter> filters = finding_filters(context.findings());
  const auto now = std::find_if(filters.begin(), filters.end(), [&](const FindingFilter& filter) {
    return filter.word == view.findings_pane.filter;
  });
  const auto count = static_cast<std::ptrdiff_t>(filters.size());
  const std::ptrdiff_t at = now == filters.end() ? 0 : now - filters.begin();
  const std::ptrdiff_t next = (at + step + count) % count;
  view.findings_pane.filter = filters[static_cast<std::size_t>(next)].word;
  view.findings_pane.scroll = 0;
}

// Reads the one above or below, without going there.
void choose(const PanelContext& context, ViewState& view, int step) {
  const std::vector<std::size_t> shown = listed(context, view);
  if (shown.empty()) return;
  auto at = static_cast<std::ptrdiff_t>(step > 0 ? 0 : shown.size() - 1);
  const auto now =
      view.finding ? std::find(shown.begin(), shown.end(), *view.finding) : shown.end();
  if (now != shown.end()) {
    at = std::clamp<std::ptrdiff_t>(now - shown.begin() + step, 0,
                                    static_cast<std::ptrdiff_t>(shown.size()) - 1);
  }
  view.finding = shown[static_cast<std::size_t>(at)];
  view.findings_pane.reveal = true;
  view.finding_news = {};
}

}  // namespace

void draw_findings_pane(const PanelContext& context, ViewState& view) {
  if (!view.findings_pane.open) return;
  // A filter of what is there no more would hide all.
  const std::vector<FindingFilter> filters = finding_filters(context.findings());
  const bool known = std::any_of(filters.begin(), filters.end(), [&](const FindingFilter& filter) {
    return filter.word == view.findings_pane.filter;
  });
  const FindingStage stage = context.input.findings->stage;
  const bool settled = stage == FindingStage::Done || stage == FindingStage::Stored;
  if (!known && settled) view.findings_pane.filter.clear();
  Pane(context, view).draw();
}

bool handle_finding_keys(const PanelContext& context, ViewState& view) {
  FindingsPane& pane = view.findings_pane;
  if (!pane.open || view.keys != KeysOf::Findings || view.help_open || context.input.footer) {
    return false;
  }
  const ImGuiIO& io = ImGui::GetIO();
  if (io.KeyCtrl && !io.KeyShift && !io.KeyAlt && key_pressed(Key::C, false) && view.finding) {
    copy_finding(context, view);
    return true;
  }
  if (io.KeyCtrl || io.KeyShift || io.KeyAlt) return false;
  if (key_pressed(Key::Up)) {
    choose(context, view, -1);
  } else if (key_pressed(Key::Down)) {
    choose(context, view, 1);
  } else if (key_pressed(Key::Left)) {
    step_filter(context, view, -1);
  } else if (key_pressed(Key::Right)) {
    step_filter(context, view, 1);
  } else if (key_pressed(Key::Enter)) {
    if (view.finding) go_to_finding(context, view, *view.finding);
  } else if (key_pressed(Key::Escape)) {
    take_keys(view, KeysOf::Findings);
  } else {
    return false;
  }
  return true;
}

void toggle_findings(ViewState& view) {
  show_findings(view, !(view.findings_pane.open && view.keys == KeysOf::Findings));
}

void show_findings(ViewState& view, bool open) {
  view.findings_pane.open = open;
  open ? give_keys(view, KeysOf::Findings) : take_keys(view, KeysOf::Findings);
  view.finding_news = {};
}

void go_to_finding(const PanelContext& context, ViewState& view, std::size_t at) {
  if (at >= context.findings().size()) return;
  read_finding(context.findings(), context.session, view, at);
  view.area.reset();
  view.time.remember();
  view.time.glide_to(finding_view(context.findings()[at], context.session.duration_ns()));
}

void step_to_finding(const PanelContext& context, ViewState& view, int step) {
  const std::vector<std::size_t> shown = listed(context, view);
  if (shown.empty()) return;
  const auto count = static_cast<std::ptrdiff_t>(shown.size());
  const auto now =
      view.finding ? std::find(shown.begin(), shown.end(), *view.finding) : shown.end();
  const std::ptrdiff_t first = step > 0 ? 0 : count - 1;
  const std::ptrdiff_t at =
      now == shown.end() ? first : (now - shown.begin() + step + count) % count;
  go_to_finding(context, view, shown[static_cast<std::size_t>(at)]);
}

void copy_finding(const PanelContext& context, ViewState& view) {
  if (!view.finding || *view.finding >= context.findings().size()) return;
  ImGui::SetClipboardText(finding_text(context.session, context.findings()[*view.finding]).c_str());
  show_toast(view, "The finding is in the clipboard.");
}

}  // namespace taskscope::viewer
