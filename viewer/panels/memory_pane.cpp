#include "viewer/panels/memory_pane.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "viewer/analysis/memory.h"
#include "viewer/model/format.h"
#include "viewer/model/memory_sites.h"
#include "viewer/panels/imgui_compat.h"
#include "viewer/panels/messages.h"
#include "viewer/panels/pane.h"
#include "viewer/panels/widgets.h"

namespace taskscope::viewer {
namespace {

// px at scale 1.
constexpr float kPad = 12;
constexpr float kHeader = 34;
constexpr float kRow = 18;
constexpr float kSourceLine = 16;
constexpr float kBytes = 116;    // of the bytes that escaped, with their bar
constexpr float kObjects = 128;  // "812 of 1,000"
constexpr float kSourceMin = 280;
constexpr float kTableMin = 420;
constexpr float kWheel = 54;

std::string nothing_text(const PanelContext& context) {
  const TraceSession& session = context.session;
  if (session.stage() != SessionStage::Complete) return "Memory comes with the spans …";
  if (!session.memory().sites().empty()) return "";
  if (context.input.live != nullptr) {
    return "What became of collected objects can be seen once the recording is complete.";
  }
  return "This recording has no collected memory: ts::make was not used.";
}

class Pane {
 public:
  Pane(const PanelContext& context, ViewState& view)
      : context_(context),
        view_(view),
        pane_(view.memory),
        box_(context.layout.profile),
        sites_(context.session.memory().sites()),
        shown_(filtered(sites_, view.memory.filter)),
        mouse_(has_mouse(context, view)) {
    if (!shown_.empty() && chosen() == shown_.size()) pane_.chosen = sites_[shown_.front()].id;
  }

  void draw() {
    Canvas& canvas = context_.canvas;
    const Palette& colors = context_.colors;
    canvas.fill(box_, colors.panel);
    canvas.push_clip(box_);
    const std::string nothing = nothing_text(context_);
    draw_header(nothing.empty());
    const Box body{box_.x0 + px(kPad), box_.y0 + px(kHeader), box_.x1 - px(kPad), box_.y1 - px(4)};
    const std::string message = !nothing.empty() ? nothing
                                : shown_.empty() ? "No place is of this kind."
                                                 : "";
    view_.wanted_source = {};
    if (!message.empty()) {
      canvas.label(context_.fonts().text, {body.x0, body.y0, body.x1, body.y0 + px(24)},
                   colors.muted, message);
    } else {
      draw_body(body);
    }
    draw_edge();
    canvas.pop_clip();
    if (mouse_ && ImGui::GetIO().MouseClicked[0] && box_.contains(ImGui::GetIO().MousePos)) {
      pane_.open ? give_keys(view_, KeysOf::Memory) : take_keys(view_, KeysOf::Memory);
    }
  }

 private:
  float px(float at_1) const { return context_.px(at_1); }

  // Its place among those that are shown; their number if it is not among them.
  std::size_t chosen() const {
    const auto at = std::find_if(shown_.begin(), shown_.end(),
                                 [&](std::size_t site) { return sites_[site].id == pane_.chosen; });
    return static_cast<std::size_t>(at - shown_.begin());
  }

  void draw_edge() {
    const ImVec2 at = ImGui::GetIO().MousePos;
    const bool resizing =
        view_.drag == Drag::Profile || (mouse_ && std::abs(at.y - box_.y0) < px(4));
    const bool has_keys = view_.keys == KeysOf::Memory;
    const bool lit = resizing || has_keys;
    context_.canvas.fill({box_.x0, box_.y0, box_.x1, box_.y0 + (has_keys ? 2.0F : 1.0F)},
                         lit ? context_.colors.accent : context_.colors.border);
  }

  // True when clicked. Moves `x` behind it.
  bool chip(float& x, const std::string& text, bool chosen, float room) {
    const float width = choice_width(context_, text, room - x);
    if (x + width > room) return false;
    const Box box{x, box_.y0 + px(7), x + width, box_.y0 + px(kHeader) - px(6)};
    x += width + px(5);
    return draw_choice(context_, box, text, chosen, mouse_);
  }

  void draw_header(bool any) {
    Canvas& canvas = context_.canvas;
    const float y1 = box_.y0 + px(kHeader);
    float x = box_.x0 + px(kPad);
    canvas.label(context_.fonts().strong, {x, box_.y0, x + px(70), y1}, context_.colors.text,
                 "Memory");
    x += px(62);
    float right = box_.x1 - px(kPad);
    if (!context_.input.footer) {
      if (draw_cross(context_, {box_.x0, box_.y0, right, y1}, mouse_)) pane_.open = false;
      right -= px(22);
    }
    if (!any) return;
    for (const SiteFilter filter : kSiteFilters) {
      const std::size_t count = filtered(sites_, filter).size();
      if (count == 0 && filter != pane_.filter) continue;
      const std::string text = fmt::format("{} {}", to_text(filter), count);
      if (chip(x, text, pane_.filter == filter, right)) {
        pane_.filter = filter;
        pane_.scroll = 0;
      }
    }
    x += px(6);
    if (x >= right) return;
    canvas.label(context_.fonts().text, {x, box_.y0, right, y1}, context_.colors.muted, summary());
  }

  std::string summary() const {
    std::uint64_t escaped = 0;
    std::uint64_t bytes = 0;
    std::uint64_t objects = 0;
    for (const store::EscapeSiteRow& site : sites_) {
      escaped += site.escaped;
      bytes += site.escaped_bytes;
      objects += site.objects();
    }
    return fmt::format("{} of {} objects escaped, {}", count_text(escaped), count_text(objects),
                       bytes_text(bytes));
  }

  // The table, and the source where there is room for it.
  void draw_body(const Box& body) {
    const bool source = body.width() >= px(kTableMin + kPad + kSourceMin);
    const float table =
        source ? std::max(px(kTableMin), std::floor(body.width() * 0.58F)) : body.width();
    places_ = width_of_places();
    draw_table({body.x0, body.y0, body.x0 + table, body.y1});
    const store::EscapeSiteRow& site = sites_[shown_[std::min(chosen(), shown_.size() - 1)]];
    view_.wanted_source = source_of(site);
    if (source) draw_source(site, {body.x0 + table + px(kPad), body.y0, body.x1, body.y1});
  }

  // Where the columns of a line end.
  struct Columns {
    float place, what, objects, bytes, why;
  };
  Columns columns(const Box& line) const {
    const float fixed = px(kObjects) + px(kBytes);
    const float room = std::max(line.width() - fixed, px(120));
    const float place = line.x0 + std::min(places_, std::floor(room * 0.4F));
    const float what = place + std::floor((line.x1 - fixed - place) * 0.45F);
    const float objects = what + px(kObjects);
    return {place, what, objects, objects + px(kBytes), line.x1};
  }

  // As wide as the widest of the first ones.
  float width_of_places() const {
    constexpr std::size_t kMeasured = 100;
    float width = 0;
    for (std::size_t at = 0; at < std::min(shown_.size(), kMeasured); ++at) {
      width =
          std::max(width, context_.canvas.width(context_.fonts().text, place(sites_[shown_[at]])));
    }
    return std::ceil(width) + px(14);
  }

  void draw_table(const Box& box) {
    Canvas& canvas = context_.canvas;
    ImFont* font = context_.fonts().text;
    const ImU32 muted = context_.colors.muted;
    const Box head{box.x0, box.y0, box.x1, box.y0 + px(kRow)};
    const Columns at = columns(head);
    canvas.label(font, {head.x0, head.y0, at.place, head.y1}, muted, "place");
    canvas.label(font, {at.place, head.y0, at.what, head.y1}, muted, "object");
    canvas.label_right(font, {at.what, head.y0, at.objects - px(8), head.y1}, muted, "escaped");
    canvas.label_right(font, {at.objects, head.y0, at.bytes - px(8), head.y1}, muted, "bytes");
    canvas.label(font, {at.bytes, head.y0, at.why, head.y1}, muted, "why");
    const Box body{box.x0, head.y1, box.x1, box.y1};
    scroll(body);
    canvas.push_clip({body.x0 - px(kPad), body.y0, body.x1, body.y1});
    const auto first = static_cast<std::size_t>(pane_.scroll / px(kRow));
    for (std::size_t row = first; row < shown_.size(); ++row) {
      const float y = body.y0 - std::round(pane_.scroll) + static_cast<float>(row) * px(kRow);
      if (y >= body.y1) break;
      draw_site(sites_[shown_[row]], {body.x0, y, body.x1, y + px(kRow)}, body);
    }
    canvas.pop_clip();
  }

  void scroll(const Box& body) {
    float& scroll = pane_.scroll;
    const ImGuiIO& io = ImGui::GetIO();
    if (mouse_ && body.contains(io.MousePos)) scroll -= io.MouseWheel * px(kWheel);
    if (std::exchange(pane_.reveal, false)) {
      const float top = static_cast<float>(chosen()) * px(kRow);
      scroll = std::clamp(scroll, top + px(kRow) - body.height(), top);
    }
    const float content = static_cast<float>(shown_.size()) * px(kRow);
    scroll = std::clamp(scroll, 0.0F, std::max(0.0F, content - body.height()));
  }

  void draw_site(const store::EscapeSiteRow& site, const Box& line, const Box& body) {
    Canvas& canvas = context_.canvas;
    const Palette& colors = context_.colors;
    const ImGuiIO& io = ImGui::GetIO();
    const bool hovered = mouse_ && body.contains(io.MousePos) && line.contains(io.MousePos);
    const bool chosen = site.id == pane_.chosen;
    if (hovered || chosen) canvas.fill(line, colors.raised);
    if (chosen) canvas.fill({line.x0 - px(6), line.y0, line.x0 - px(3), line.y1}, colors.accent);
    const Columns at = columns(line);
    ImFont* font = context_.fonts().text;
    canvas.label(font, {line.x0, line.y0, at.place, line.y1}, colors.text,
                 cropped_left(place(site), at.place - px(8) - line.x0));
    canvas.label(font, {at.place, line.y0, at.what - px(8), line.y1}, colors.text,
                 cropped(analysis::made_text(site), at.what - px(8) - at.place));
    const std::string objects =
        site.escaped == 0
            ? fmt::format("0 of {}", count_text(site.objects()))
            : fmt::format("{} of {}", count_text(site.escaped), count_text(site.objects()));
    canvas.label_right(font, {at.what, line.y0, at.objects - px(8), line.y1},
                       site.escaped == 0 ? colors.muted : colors.text, objects);
    draw_bytes(site, {at.objects, line.y0, at.bytes - px(8), line.y1});
    canvas.label(font, {at.bytes, line.y0, at.why, line.y1},
                 site.escaped == 0 ? colors.muted : colors.text, why(site));
    if (!hovered) return;
    draw_site_note(site);
    if (io.MouseClicked[0]) pane_.chosen = site.id;
  }

  // A bar as long as its share of the worst's.
  void draw_bytes(const store::EscapeSiteRow& site, const Box& cell) {
    const std::uint64_t most = std::max<std::uint64_t>(sites_.front().escaped_bytes, 1);
    const float share = static_cast<float>(site.escaped_bytes) / static_cast<float>(most);
    const float bar = std::round(std::min(share, 1.0F) * (cell.width() - px(4)));
    context_.canvas.fill({cell.x1 - bar, cell.y0 + px(2), cell.x1, cell.y1 - px(2)},
                         with_alpha(context_.colors.state[index_of(StateClass::Gc)], 0.35F));
    if (site.escaped == 0) return;
    context_.canvas.label_right(context_.fonts().text, {cell.x0, cell.y0, cell.x1 - px(3), cell.y1},
                                context_.colors.text, bytes_text(site.escaped_bytes));
  }

  // From its beginning: what a label shortens of a type is what tells it from others.
  std::string cropped(std::string text, float room) const {
    ImFont* font = context_.fonts().text;
    if (context_.canvas.width(font, text) <= room) return text;
    while (!text.empty() && context_.canvas.width(font, text + "…") > room) {
      do {
        text.pop_back();
      } while (!text.empty() && (text.back() & 0xc0) == 0x80);
    }
    return text + "…";
  }

  // Of a place, the end: the line is what matters.
  std::string cropped_left(std::string text, float room) const {
    ImFont* font = context_.fonts().text;
    if (context_.canvas.width(font, text) <= room) return text;
    while (!text.empty() && context_.canvas.width(font, "…" + text) > room) {
      do {
        text.erase(0, 1);
      } while (!text.empty() && (text.front() & 0xc0) == 0x80);
    }
    return "…" + text;
  }

  std::string place(const store::EscapeSiteRow& site) const {
    return context_.session.program_prefix(site.id) + format_site(site.file, site.line);
  }

  SourceName source_of(const store::EscapeSiteRow& site) const {
    const std::vector<store::ProgramRow>& programs = context_.session.info().programs;
    const store::ProgramId program = store::program_of(site.id);
    return {site.file, program <= programs.size() ? programs[program - 1].name : ""};
  }

  static std::string why(const store::EscapeSiteRow& site) {
    std::string text = site.escaped > 0  ? analysis::reasons_text(site)
                       : site.stayed > 0 ? "does not escape"
                                         : "made outside of all scopes";
    return site.learned ? "learned; " + text : text;
  }

  void draw_site_note(const store::EscapeSiteRow& site) {
    const Fonts& fonts = context_.fonts();
    const Palette& colors = context_.colors;
    std::vector<NoteLine> note{
        {analysis::made_text(site), colors.text, fonts.strong},
        {fmt::format("{}:{}", site.file, site.line), colors.muted, fonts.text},
        {fmt::format("{} objects, {}: {} stayed in their scope, {} escaped, {} made outside",
                     count_text(site.objects()), bytes_text(site.bytes), count_text(site.stayed),
                     count_text(site.escaped), count_text(site.heap)),
         colors.text, fonts.text}};
    for (std::size_t reason = 0; reason < site.reasons.size(); ++reason) {
      if (site.reasons[reason] == 0) continue;
      note.push_back({fmt::format("{}  {}", count_text(site.reasons[reason]),
                                  to_text(static_cast<store::EscapeReason>(reason))),
                      colors.text, fonts.text});
    }
    if (site.learned) {
      note.push_back(
          {"Most escape, so they are made on the heap at once", colors.muted, fonts.text});
    }
    note.push_back({"Click: its source", colors.muted, fonts.small});
    draw_note(context_, {ImGui::GetIO().MousePos.x + px(16), ImGui::GetIO().MousePos.y + px(18)},
              note);
  }

  void draw_source(const store::EscapeSiteRow& site, const Box& box) {
    Canvas& canvas = context_.canvas;
    const Palette& colors = context_.colors;
    canvas.fill({box.x0 - px(kPad / 2), box.y0, box.x0 - px(kPad / 2) + 1, box.y1}, colors.border);
    const Box head{box.x0, box.y0, box.x1, box.y0 + px(kRow)};
    const std::string where = site.function.empty() || site.function == "operator()"
                                  ? ""
                                  : fmt::format("  in {}()", site.function);
    canvas.label(context_.fonts().text, head, colors.muted,
                 format_site(site.file, site.line) + where);
    const SourceText* source = context_.input.source;
    const Box body{box.x0, head.y1, box.x1, box.y1};
    if (source == nullptr || source->name != source_of(site))
      return;  // it comes with the next frame
    if (source->lines.empty()) {
      float y = body.y0 + px(4);
      const std::string problem =
          source->problem.empty() ? site.file + " is empty." : source->problem;
      for (const std::string& line : canvas.wrap(context_.fonts().text, problem, body.width())) {
        canvas.text(context_.fonts().text, body.x0, y, colors.muted, line);
        y += px(kSourceLine);
      }
      return;
    }
    draw_lines(*source, site.line, body);
  }

  // As many as there is room for, the place in their middle.
  void draw_lines(const SourceText& source, std::uint32_t place, const Box& body) {
    Canvas& canvas = context_.canvas;
    const Palette& colors = context_.colors;
    ImFont* mono = context_.fonts().mono;
    const auto room = static_cast<std::int64_t>(body.height() / px(kSourceLine));
    const auto count = static_cast<std::int64_t>(source.lines.size());
    std::int64_t first = static_cast<std::int64_t>(place) - 1 - room / 2;
    first = std::clamp<std::int64_t>(first, 0, std::max<std::int64_t>(count - room, 0));
    const std::int64_t last = std::min(first + std::max<std::int64_t>(room, 1), count);
    const float numbers = std::ceil(canvas.width(mono, std::to_string(last))) + px(18);
    canvas.push_clip(body);
    for (std::int64_t at = first; at < last; ++at) {
      const float y = body.y0 + static_cast<float>(at - first) * px(kSourceLine);
      const Box line{body.x0, y, body.x1, y + px(kSourceLine)};
      const bool here = at + 1 == static_cast<std::int64_t>(place);
      if (here) {
        canvas.fill(line, colors.raised);
        canvas.fill({line.x0, line.y0, line.x0 + px(3), line.y1},
                    colors.state[index_of(StateClass::Gc)]);
      }
      canvas.label_right(mono, {line.x0, line.y0, line.x0 + numbers - px(10), line.y1},
                         here ? colors.text : colors.muted, std::to_string(at + 1));
      // No label: those shorten what looks like the name of a function.
      canvas.text(mono, line.x0 + numbers, y + px(1),
                  here ? colors.text : with_alpha(colors.text, 0.75F),
                  source.lines[static_cast<std::size_t>(at)], line.x1 - line.x0 - numbers);
    }
    canvas.pop_clip();
  }

  const PanelContext& context_;
  ViewState& view_;
  MemoryPane& pane_;
  Box box_;
  const std::vector<store::EscapeSiteRow>& sites_;
  std::vector<std::size_t> shown_;
  float places_ = 0;  // px, of their column
  bool mouse_;
};

void step_site(const PanelContext& context, ViewState& view, int step) {
  const std::vector<store::EscapeSiteRow>& sites = context.session.memory().sites();
  const std::vector<std::size_t> shown = filtered(sites, view.memory.filter);
  if (shown.empty()) return;
  const auto now = std::find_if(shown.begin(), shown.end(),
                                [&](std::size_t at) { return sites[at].id == view.memory.chosen; });
  const auto count = static_cast<std::ptrdiff_t>(shown.size());
  const std::ptrdiff_t at =
      now == shown.end() ? 0 : std::clamp<std::ptrdiff_t>(now - shown.begin() + step, 0, count - 1);
  view.memory.chosen = sites[shown[static_cast<std::size_t>(at)]].id;
  view.memory.reveal = true;
}

void copy_site(const PanelContext& context, ViewState& view) {
  for (const store::EscapeSiteRow& site : context.session.memory().sites()) {
    if (site.id != view.memory.chosen) continue;
    const std::string text =
        fmt::format("{}:{}: {}", site.file, site.line, analysis::escape_text(site));
    ImGui::SetClipboardText(text.c_str());
    show_toast(view, "What became of its objects is in the clipboard.");
  }
}

}  // namespace

void draw_memory_pane(const PanelContext& context, ViewState& view) {
  if (!view.memory.open || context.layout.profile.height() <= 0) {
    view.wanted_source = {};
    return;
  }
  Pane(context, view).draw();
}

bool handle_memory_keys(const PanelContext& context, ViewState& view) {
  if (!view.memory.open || view.keys != KeysOf::Memory || view.help_open) return false;
  if (context.input.footer) return false;
  if (!context.shows_rows()) return false;
  const ImGuiIO& io = ImGui::GetIO();
  if (io.KeyCtrl && !io.KeyShift && !io.KeyAlt && key_pressed(Key::C, false)) {
    copy_site(context, view);
    return true;
  }
  if (io.KeyCtrl || io.KeyShift || io.KeyAlt) return false;
  if (key_pressed(Key::Up)) {
    step_site(context, view, -1);
  } else if (key_pressed(Key::Down)) {
    step_site(context, view, 1);
  } else if (key_pressed(Key::Left)) {
    step_memory_filter(view, -1);
  } else if (key_pressed(Key::Right)) {
    step_memory_filter(view, 1);
  } else if (key_pressed(Key::Escape, false)) {
    take_keys(view, KeysOf::Memory);
  } else {
    return false;
  }
  return true;
}

void toggle_memory(ViewState& view) {
  MemoryPane& pane = view.memory;
  pane.open = !(pane.open && view.keys == KeysOf::Memory);
  pane.open ? give_keys(view, KeysOf::Memory) : take_keys(view, KeysOf::Memory);
  if (pane.open) view.profile.open = false;
}

void step_memory_filter(ViewState& view, int step) {
  const auto count = static_cast<int>(kSiteFilters.size());
  const int next = (static_cast<int>(view.memory.filter) + step + count) % count;
  view.memory.filter = kSiteFilters[static_cast<std::size_t>(next)];
  view.memory.scroll = 0;
}

}  // namespace taskscope::viewer
