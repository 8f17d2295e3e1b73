#include "viewer/panels/flame_graph.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "viewer/model/format.h"
#include "viewer/panels/imgui_compat.h"
#include "viewer/panels/profile_pane.h"
#include "viewer/panels/widgets.h"

namespace taskscope::viewer {
namespace {

// px at scale 1.
constexpr float kRow = 18;
constexpr float kPad = 4;
constexpr float kLabelMin = 22;
constexpr float kWheel = 54;
constexpr float kDim = 0.3F;

class FlameGraph {
 public:
  FlameGraph(const PanelContext& context, ViewState& view, const CallProfile& profile,
             const Box& box)
      : context_(context),
        view_(view),
        profile_(profile),
        box_(box),
        zoomed_(find_node(profile, view.profile.zoom)),
        chosen_(find_node(profile, view.profile.chosen)) {
    const ProfileNode& node = profile.nodes[zoomed_];
    px_per_weight_ = static_cast<double>(box.width()) /
                     static_cast<double>(std::max<std::int64_t>(node.total, 1));
    name_functions();
  }

  void draw(bool mouse) {
    Canvas& canvas = context_.canvas;
    const ImVec2 at = ImGui::GetIO().MousePos;
    const bool inside = mouse && box_.contains(at);
    scroll(inside);
    canvas.push_clip(box_);
    for (std::uint32_t node = zoomed_; node != 0;) {
      node = profile_.nodes[node].parent;
      draw_node(node, {box_.x0, top_of(node), box_.x1, bottom_of(node)}, true);
      if (inside && row_at(at.y) == profile_.nodes[node].depth) pointed_ = node;
    }
    const std::uint32_t end = profile_.nodes[zoomed_].next;
    for (std::uint32_t node = zoomed_; node < end;) {
      const Box bar = bar_of(node);
      // What is too narrow, or too deep, to be seen has nothing below it that could be.
      if (bar.width() < 1 || bar.y0 >= box_.y1) {
        node = profile_.nodes[node].next;
        continue;
      }
      if (inside && bar.contains(at)) pointed_ = node;
      if (bar.y1 > box_.y0) draw_node(node, bar, false);
      ++node;
    }
    canvas.pop_clip();
    if (!pointed_) return;
    draw_pointed(at);
    if (ImGui::GetIO().MouseClicked[0]) {
      view_.profile.zoom = path_to(profile_, *pointed_);
      view_.profile.chosen = view_.profile.zoom;
    }
  }

 private:
  const store::StackTable& stacks() const { return context_.session.stacks(); }
  float px(float at_1) const { return context_.px(at_1); }
  float top_of(std::uint32_t node) const {
    const auto row = static_cast<float>(profile_.nodes[node].depth);
    return box_.y0 - std::round(view_.profile.flame_scroll) + row * px(kRow);
  }
  // A line stays free between rows.
  float bottom_of(std::uint32_t node) const { return top_of(node) + px(kRow) - 1; }
  std::uint32_t row_at(float y) const {
    return static_cast<std::uint32_t>((y - box_.y0 + view_.profile.flame_scroll) / px(kRow));
  }
  Box bar_of(std::uint32_t node) const {
    const ProfileNode& of = profile_.nodes[node];
    const auto x = [&](std::int64_t weight) {
      const auto from = static_cast<double>(weight - profile_.nodes[zoomed_].before);
      return box_.x0 + static_cast<float>(std::round(from * px_per_weight_));
    };
    return {x(of.before), top_of(node), x(of.before + of.total), bottom_of(node)};
  }

  // Names are shortened once: taking C++ names apart for each box of each frame is dear.
  void name_functions() {
    FrameCache& cache = context_.cache;
    if (cache.named == &context_.session) return;
    cache.named = &context_.session;
    cache.function_names.clear();
    cache.function_colors.clear();
    for (const store::StackFunction& function : stacks().functions()) {
      cache.function_names.push_back(shortened_names(plain_name(function.name)));
      cache.function_colors.push_back(region_color(cache.function_names.back().back()));
    }
  }
  std::string name_within(std::uint32_t node, ImFont* font, float room) const {
    if (node == 0) return all_text();
    const auto& names = context_.cache.function_names[profile_.nodes[node].function];
    for (const std::string& name : names) {
      // No letter is narrower than a sixth of its height.
      if (static_cast<float>(name.size()) * font->FontSize / 6 > room) continue;
      if (context_.canvas.width(font, name) <= room) return name;
    }
    return context_.canvas.fit(font, names.back(), room);
  }
  std::string all_text() const {
    return fmt::format("all: {}", weight_text(profile_.of, profile_.whole));
  }

  void scroll(bool inside) {
    float& scroll = view_.profile.flame_scroll;
    if (inside) scroll -= ImGui::GetIO().MouseWheel * px(kWheel);
    if (std::exchange(view_.profile.reveal, false)) {
      const float top = static_cast<float>(profile_.nodes[chosen_].depth) * px(kRow);
      scroll = std::clamp(scroll, std::min(top, top + px(kRow) - box_.height()), top);
    }
    const float content = static_cast<float>(profile_.depth_max + 1) * px(kRow);
    scroll = std::clamp(scroll, 0.0F, std::max(0.0F, content - box_.height()));
  }

  void draw_node(std::uint32_t node, const Box& bar, bool above) {
    Canvas& canvas = context_.canvas;
    const Palette& colors = context_.colors;
    const ProfileNode& of = profile_.nodes[node];
    const bool root = node == 0;
    const store::StackFunction* function = root ? nullptr : &stacks().functions()[of.function];
    ImU32 color = root || function->runtime
                      ? colors.border
                      : colors.region[context_.cache.function_colors[of.function]];
    const std::string& typed = view_.profile.search.text();
    const bool found = !root && name_matches(function->name, typed);
    const bool dim = above || (!typed.empty() && !found);
    if (dim) color = with_alpha(color, kDim);
    if (pointed_before(bar)) color = shifted(color, 0.12F);
    canvas.fill({bar.x0, bar.y0, std::max(bar.x1 - 1, bar.x0 + 1), bar.y1}, color);
    if (found) canvas.frame({bar.x0, bar.y0, bar.x1 - 1, bar.y1}, colors.accent, px(1));
    if (node == chosen_ && view_.keys == KeysOf::Calls) {
      canvas.frame({bar.x0, bar.y0, bar.x1 - 1, bar.y1}, colors.text, px(1.5F));
    }
    const float pad = px(kPad);
    const Box room{bar.x0 + pad, bar.y0, bar.x1 - pad, bar.y1};
    if (room.width() < px(kLabelMin)) return;
    ImFont* font = context_.fonts().small;
    const std::string text = name_within(node, font, room.width());
    if (text.ends_with("…") && canvas.width(font, text) < px(kLabelMin)) return;
    const float y = room.y0 + std::floor((room.height() - font->FontSize) / 2);
    canvas.text(font, room.x0, y, dim ? colors.muted : colors.text, text);
  }
  bool pointed_before(const Box& bar) const {
    return !context_.input.footer && box_.contains(ImGui::GetIO().MousePos) &&
           bar.contains(ImGui::GetIO().MousePos);
  }

  void draw_pointed(ImVec2 mouse) const {
    const ProfileNode& node = profile_.nodes[*pointed_];
    const Palette& colors = context_.colors;
    const Fonts& fonts = context_.fonts();
    const auto share = [&](std::int64_t weight) {
      return format_share(static_cast<double>(weight) /
                          static_cast<double>(std::max<std::int64_t>(profile_.whole, 1)));
    };
    std::vector<NoteLine> lines;
    if (*pointed_ == 0) {
      lines.push_back({all_text(), colors.text, fonts.strong});
    } else {
      const store::StackFunction& function = stacks().functions()[node.function];
      lines.push_back({function.name, colors.text, fonts.strong});
      if (!function.file.empty()) lines.push_back({function.file, colors.muted, fonts.text});
    }
    lines.push_back(
        {fmt::format("{}  {}, itself {}  {}", weight_text(profile_.of, node.total),
                     share(node.total), weight_text(profile_.of, node.self), share(node.self)),
         colors.text, fonts.text});
    if (*pointed_ != 0 || zoomed_ != 0) {
      lines.push_back({*pointed_ == zoomed_ ? "Esc or a click above: zoom out" : "Click: zoom",
                       colors.muted, fonts.small});
    }
    const float height = px(20) * static_cast<float>(lines.size()) + px(10);
    ImVec2 at{mouse.x + px(16), mouse.y + px(18)};
    if (at.y + height > ImGui::GetIO().DisplaySize.y) at.y = mouse.y - height - px(4);
    draw_note(context_, at, lines);
  }

  const PanelContext& context_;
  ViewState& view_;
  const CallProfile& profile_;
  Box box_;
  std::uint32_t zoomed_;
  std::uint32_t chosen_;
  double px_per_weight_ = 0;
  std::optional<std::uint32_t> pointed_;
};

// The node beside one, below the same caller: the next one (step 1) or the one before (-1).
std::uint32_t sibling(const CallProfile& profile, std::uint32_t node, int step) {
  if (node == 0) return node;
  const std::uint32_t parent = profile.nodes[node].parent;
  if (step > 0) {
    const std::uint32_t next = profile.nodes[node].next;
    return next < profile.nodes[parent].next ? next : node;
  }
  std::uint32_t before = node;
  for (std::uint32_t at = parent + 1; at < node; at = profile.nodes[at].next) before = at;
  return before;
}

}  // namespace

void draw_flame_graph(const PanelContext& context, ViewState& view, const CallProfile& profile,
                      const Box& box, bool mouse) {
  if (profile.nodes.empty() || box.width() <= 0 || box.height() <= 0) return;
  FlameGraph(context, view, profile, box).draw(mouse);
}

bool handle_flame_keys(ViewState& view, const CallProfile& profile) {
  if (profile.nodes.empty()) return false;
  ProfilePane& pane = view.profile;
  const std::uint32_t at = find_node(profile, pane.chosen);
  const ProfileNode& node = profile.nodes[at];
  std::uint32_t to = at;
  if (key_pressed(Key::Down)) {
    if (node.next > at + 1) to = at + 1;
  } else if (key_pressed(Key::Up)) {
    to = node.parent;
  } else if (key_pressed(Key::Right)) {
    to = sibling(profile, at, 1);
  } else if (key_pressed(Key::Left)) {
    to = sibling(profile, at, -1);
  } else if (key_pressed(Key::Enter, false)) {
    pane.zoom = pane.chosen;
  } else {
    return false;
  }
  pane.chosen = path_to(profile, to);
  pane.reveal = true;
  return true;
}

}  // namespace taskscope::viewer
