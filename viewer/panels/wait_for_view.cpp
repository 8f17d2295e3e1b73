#include "viewer/panels/wait_for_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "viewer/model/format.h"
#include "viewer/panels/actions.h"
#include "viewer/panels/imgui_compat.h"
#include "viewer/panels/pane.h"
#include "viewer/panels/widgets.h"

namespace taskscope::viewer {
namespace {

// px at scale 1.
constexpr float kHeader = 34;
constexpr float kPad = 14;
constexpr float kNodeWidth = 220;
constexpr float kNodeWidthMin = 140;
constexpr float kNodeHeight = 42;
constexpr float kColumnGap = 70;
constexpr float kRowGap = 16;
constexpr float kReturn = 34;
constexpr float kWheel = 57;

Box box_of(const PanelContext& context) {
  const Layout& layout = context.layout;
  return {0, layout.minimap.y1, layout.rows.x1, layout.rows.y1};
}

std::int64_t instant(const PanelContext& context, const ViewState& view) {
  return std::min(view.time.target().end_ns, context.session.duration_ns());
}

Answers::Reply<WaitForGraph> ask(const PanelContext& context, const ViewState& view) {
  return context.input.answers->wait_for(instant(context, view), context.input.findings->list);
}

// What is chosen, if the graph still has such a node.
std::size_t chosen_node(const WaitForGraph& graph, const ViewState& view) {
  return std::min(view.wait_for.chosen, graph.nodes.empty() ? 0 : graph.nodes.size() - 1);
}

class View {
 public:
  View(const PanelContext& context, ViewState& view, const WaitForGraph& graph)
      : context_(context),
        view_(view),
        graph_(graph),
        box_(box_of(context)),
        body_{box_.x0, box_.y0 + context.px(kHeader), box_.x1, box_.y1},
        chosen_(chosen_node(graph, view)),
        mouse_(has_mouse(context, view)) {
    const auto columns = static_cast<float>(std::max(graph.columns, 1U));
    // An edge that leads back needs room behind the last column, too.
    const float room = body_.width() - 2 * px(kPad) - px(kReturn) - (columns - 1) * px(kColumnGap);
    node_width_ = std::clamp(std::floor(room / columns), px(kNodeWidthMin), px(kNodeWidth));
  }

  void draw() {
    scroll();
    context_.canvas.push_clip(body_);
    for (const WaitForEdge& edge : graph_.edges) {
      if (!edge.in_cycle) draw_edge(edge);
    }
    for (const WaitForEdge& edge : graph_.edges) {
      if (edge.in_cycle) draw_edge(edge);
    }
    for (std::size_t node = 0; node < graph_.nodes.size(); ++node) draw_node(node);
    context_.canvas.pop_clip();
  }

 private:
  float px(float at_1) const { return context_.px(at_1); }

  Box box_of_node(const WaitForNode& node) const {
    const float x = body_.x0 + px(kPad) - std::round(view_.wait_for.scroll_x) +
                    static_cast<float>(node.column) * (node_width_ + px(kColumnGap));
    const float y = body_.y0 + px(4) - std::round(view_.wait_for.scroll_y) +
                    static_cast<float>(node.row) * (px(kNodeHeight) + px(kRowGap));
    return {x, y, x + node_width_, y + px(kNodeHeight)};
  }

  void scroll() {
    WaitForPane& pane = view_.wait_for;
    const ImGuiIO& io = ImGui::GetIO();
    if (mouse_ && body_.contains(io.MousePos)) {
      (io.KeyShift ? pane.scroll_x : pane.scroll_y) -= io.MouseWheel * px(kWheel);
      pane.scroll_x += io.MouseWheelH * px(kWheel);
    }
    const float width = 2 * px(kPad) - px(kColumnGap) +
                        static_cast<float>(graph_.columns) * (node_width_ + px(kColumnGap));
    const float height =
        px(kPad) + static_cast<float>(graph_.rows) * (px(kNodeHeight) + px(kRowGap)) + px(kRowGap);
    if (std::exchange(pane.reveal, false) && !graph_.nodes.empty()) reveal();
    pane.scroll_x = std::clamp(pane.scroll_x, 0.0F, std::max(0.0F, width - body_.width()));
    pane.scroll_y = std::clamp(pane.scroll_y, 0.0F, std::max(0.0F, height - body_.height()));
  }
  void reveal() {
    const Box node = box_of_node(graph_.nodes[chosen_]);
    WaitForPane& pane = view_.wait_for;
    pane.scroll_x += std::max(0.0F, node.x1 + px(kPad) - body_.x1);
    pane.scroll_x -= std::max(0.0F, body_.x0 + px(kPad) - node.x0);
    pane.scroll_y += std::max(0.0F, node.y1 + px(kPad) - body_.y1);
    pane.scroll_y -= std::max(0.0F, body_.y0 + px(4) - node.y0);
  }

  void draw_edge(const WaitForEdge& edge) {
    const Box from = box_of_node(graph_.nodes[edge.from]);
    const Box to = box_of_node(graph_.nodes[edge.to]);
    const Palette& colors = context_.colors;
    const bool lit = edge.from == chosen_ || edge.to == chosen_;
    const ImU32 color = edge.in_cycle ? colors.alarm : lit ? colors.accent : colors.muted;
    const float thick = edge.in_cycle || lit ? px(2) : px(1);
    Canvas& canvas = context_.canvas;
    const float y0 = std::round((from.y0 + from.y1) / 2);
    const float y1 = std::round((to.y0 + to.y1) / 2);
    const auto across = [&](float x0, float x1, float y) {
      canvas.fill({std::min(x0, x1), y, std::max(x0, x1) + thick, y + thick}, color);
    };
    const auto down = [&](float x, float top, float bottom) {
      canvas.fill({x, std::min(top, bottom), x + thick, std::max(top, bottom) + thick}, color);
    };
    const float tip = to.x0 - 1;
    // The bends of different edges lie beside each other.
    const float bend = from.x1 + px(8) + px(6) * static_cast<float>(edge.from % 3);
    const std::uint32_t column = graph_.nodes[edge.from].column;
    across(from.x1, bend, y0);
    if (graph_.nodes[edge.to].column == column + 1) {
      down(bend, y0, y1);
      across(bend, tip - px(4), y1);
    } else {
      // Below the row of its end, where no node is in the way.
      const float lane = to.y1 + std::round(px(kRowGap) / 2);
      const float rise = to.x0 - px(12);
      down(bend, y0, lane);
      across(bend, rise, lane);
      down(rise, y1, lane);
      across(rise, tip - px(4), y1);
    }
    const float arm = px(4);
    const float middle = y1 + thick / 2;
    canvas.triangle({tip - 2 * arm, middle - arm}, {tip, middle}, {tip - 2 * arm, middle + arm},
                    color);
    const std::string_view how = to_text(edge.kind);
    if (how.empty() || edge.kind == HolderKind::Unknown) return;
    canvas.text(context_.fonts().small, from.x1 + px(4), y0 - px(14),
                edge.in_cycle ? color : colors.muted, how);
  }

  void draw_node(std::size_t index) {
    const WaitForNode& node = graph_.nodes[index];
    const Box box = box_of_node(node);
    if (box.y0 >= body_.y1 || box.y1 <= body_.y0) return;
    Canvas& canvas = context_.canvas;
    const Palette& colors = context_.colors;
    const ImGuiIO& io = ImGui::GetIO();
    const bool hovered = mouse_ && body_.contains(io.MousePos) && box.contains(io.MousePos);
    const bool has_keys = index == chosen_ && view_.keys == KeysOf::WaitFor;
    canvas.fill(box, hovered ? colors.border : colors.raised);
    canvas.frame(box,
                 has_keys        ? colors.accent
                 : node.in_cycle ? colors.alarm
                                 : colors.border,
                 has_keys || node.in_cycle ? px(2) : 1);
    if (const auto color = stripe(node)) {
      canvas.fill({box.x0, box.y0, box.x0 + px(4), box.y1}, *color);
    }
    const float x0 = box.x0 + px(12);
    const float x1 = box.x1 - px(6);
    const float middle = std::round(box.y0 + box.height() * 0.53F);
    canvas.label(context_.fonts().strong, {x0, box.y0 + px(4), x1, middle}, colors.text,
                 node.title);
    canvas.label(context_.fonts().text, {x0, middle, x1, box.y1 - px(3)}, colors.muted, node.text);
    if (!hovered) return;
    draw_hint(node);
    if (!io.MouseClicked[0]) return;
    view_.wait_for.chosen = index;
    give_keys(view_, KeysOf::WaitFor);
    if (!node.tasks.empty()) select_task(view_, node.tasks.front());
  }

  std::optional<ImU32> stripe(const WaitForNode& node) const {
    const auto of_class = [&](StateClass state) { return context_.colors.state[index_of(state)]; };
    if (node.kind == WaitForNode::Kind::Object) return std::nullopt;
    if (node.finding) return of_class(StateClass::Leaked);
    if (node.kind == WaitForNode::Kind::Waiting) return of_class(StateClass::Lock);
    if (node.tasks.empty()) return of_class(StateClass::Leaked);
    return of_class(node.text == "running" ? StateClass::Running : StateClass::Sleep);
  }

  void draw_hint(const WaitForNode& node) const {
    const Palette& colors = context_.colors;
    const Fonts& fonts = context_.fonts();
    std::vector<NoteLine> lines{{node.title, colors.text, fonts.strong}};
    if (!node.text.empty()) lines.push_back({node.text, colors.muted, fonts.text});
    if (node.finding) {
      lines.push_back({context_.findings()[*node.finding].title, colors.alarm, fonts.text});
    }
    if (node.tasks.size() > 1) {
      std::string names;
      constexpr std::size_t kNamed = 4;
      for (std::size_t at = 0; at < std::min(node.tasks.size(), kNamed); ++at) {
        names += (at == 0 ? "" : ", ") + numbered_label(context_.session.tasks()[node.tasks[at]]);
      }
      if (node.tasks.size() > kNamed) names += ", …";
      lines.push_back({names, colors.muted, fonts.text});
    }
    if (!node.tasks.empty()) {
      lines.push_back({"Click: select it; Enter: go there", colors.muted, fonts.small});
    }
    const ImVec2 at = ImGui::GetIO().MousePos;
    draw_note(context_, {at.x + px(16), at.y + px(18)}, lines);
  }

  const PanelContext& context_;
  ViewState& view_;
  const WaitForGraph& graph_;
  Box box_;
  Box body_;
  std::size_t chosen_;
  bool mouse_;
  float node_width_ = 0;
};

std::string summary(const WaitForGraph& graph, std::int64_t ns, bool current) {
  std::string text = "at " + duration_text(ns);
  if (!current) return text + ": looking …";
  text += graph.waiting == 0 ? ": no task waits for another one"
                             : fmt::format(": {} {} for others", count_text(graph.waiting),
                                           graph.waiting == 1 ? "task waits" : "tasks wait");
  const bool cycle = std::any_of(graph.nodes.begin(), graph.nodes.end(),
                                 [](const WaitForNode& node) { return node.in_cycle; });
  if (cycle) text += ", some of them in a circle";
  if (graph.left_out > 0) text += fmt::format(", {} of them not shown", count_text(graph.left_out));
  return text;
}

// The node nearest in the direction of an arrow; `from` if there is none.
std::size_t neighbour(const WaitForGraph& graph, std::size_t from, int columns, int rows) {
  const WaitForNode& at = graph.nodes[from];
  std::size_t best = from;
  std::int64_t least = std::numeric_limits<std::int64_t>::max();
  for (std::size_t node = 0; node < graph.nodes.size(); ++node) {
    const std::int64_t dx = std::int64_t{graph.nodes[node].column} - at.column;
    const std::int64_t dy = std::int64_t{graph.nodes[node].row} - at.row;
    const bool ahead = columns != 0 ? dx * columns > 0 : dx == 0 && dy * rows > 0;
    const std::int64_t far = columns != 0 ? std::abs(dx) * 1'000 + std::abs(dy) : std::abs(dy);
    if (!ahead || far >= least) continue;
    least = far;
    best = node;
  }
  return best;
}

}  // namespace

bool over_wait_for(const PanelContext& context, const ViewState& view) {
  return view.wait_for.open && box_of(context).contains(ImGui::GetIO().MousePos);
}

void draw_wait_for(const PanelContext& context, ViewState& view) {
  if (!view.wait_for.open) return;
  Canvas& canvas = context.canvas;
  const Palette& colors = context.colors;
  const Box box = box_of(context);
  canvas.fill(box, colors.panel);
  canvas.push_clip(box);
  const auto reply = ask(context, view);
  const float pad = context.px(kPad);
  const Box header{box.x0 + pad, box.y0, box.x1 - pad, box.y0 + context.px(kHeader)};
  ImFont* strong = context.fonts().strong;
  const char* const title = "Who waits for whom";
  const float x = header.x0 + std::ceil(canvas.width(strong, title)) + context.px(12);
  canvas.label(strong, {header.x0, header.y0, x, header.y1}, colors.text, title);
  const std::string keys = context.input.footer ? "" : "Esc: back to the rows";
  const float keys_width = std::ceil(canvas.width(context.fonts().small, keys));
  float right = header.x1;
  if (!context.input.footer) {
    if (draw_cross(context, header, has_mouse(context, view))) toggle_wait_for(view);
    right -= context.px(26);
    canvas.label(context.fonts().small, {right - keys_width, header.y0, right + 1, header.y1},
                 colors.muted, keys);
    right -= keys_width + context.px(12);
  }
  const WaitForGraph none;
  const WaitForGraph& graph = reply.answer == nullptr ? none : *reply.answer;
  canvas.label(context.fonts().text, {x, header.y0, right, header.y1}, colors.muted,
               summary(graph, instant(context, view), reply.current));
  if (!graph.nodes.empty()) {
    View(context, view, graph).draw();
  } else if (reply.current) {
    canvas.label(context.fonts().text,
                 {header.x0, header.y1, header.x1, header.y1 + context.px(24)}, colors.muted,
                 "It is the end of what is in view that is looked at: move it to look at another "
                 "instant (A, D, or the overview).");
  }
  canvas.fill({box.x0, box.y0, box.x1, box.y0 + 1},
              view.keys == KeysOf::WaitFor ? colors.accent : colors.border);
  canvas.pop_clip();
}

bool handle_wait_for_keys(const PanelContext& context, ViewState& view) {
  if (!view.wait_for.open || view.keys != KeysOf::WaitFor || view.help_open) return false;
  if (context.input.footer || !context.shows_rows()) return false;
  const ImGuiIO& io = ImGui::GetIO();
  if (io.KeyCtrl || io.KeyShift || io.KeyAlt) return false;
  if (key_pressed(Key::Escape, false)) {
    toggle_wait_for(view);
    return true;
  }
  const auto reply = ask(context, view);
  if (reply.answer == nullptr || reply.answer->nodes.empty()) return false;
  const WaitForGraph& graph = *reply.answer;
  const std::size_t now = chosen_node(graph, view);
  std::size_t next = now;
  if (key_pressed(Key::Up)) {
    next = neighbour(graph, now, 0, -1);
  } else if (key_pressed(Key::Down)) {
    next = neighbour(graph, now, 0, 1);
  } else if (key_pressed(Key::Left)) {
    next = neighbour(graph, now, -1, 0);
  } else if (key_pressed(Key::Right)) {
    next = neighbour(graph, now, 1, 0);
  } else if (key_pressed(Key::Enter, false)) {
    if (graph.nodes[now].tasks.empty()) return true;
    select_task(view, graph.nodes[now].tasks.front());
    toggle_wait_for(view);
    return true;
  } else {
    return false;
  }
  view.wait_for.chosen = next;
  view.wait_for.reveal = true;
  return true;
}

void toggle_wait_for(ViewState& view) {
  view.wait_for.open = !view.wait_for.open;
  view.wait_for.open ? give_keys(view, KeysOf::WaitFor) : take_keys(view, KeysOf::WaitFor);
}

}  // namespace taskscope::viewer
