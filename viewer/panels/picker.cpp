#include "viewer/panels/picker.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "viewer/model/format.h"
#include "viewer/model/fuzzy.h"
#include "viewer/panels/actions.h"
#include "viewer/panels/text_field.h"

namespace taskscope::viewer {
namespace {

constexpr float kRow = 24;  // px at scale 1
constexpr float kField = 32;
constexpr float kFooter = 22;  // how many there are
constexpr float kWidth = 600;
constexpr float kMenuWidth = 260;
constexpr std::size_t kRowsMax = 16;

}  // namespace

Picker::Picker(const PanelContext& context, const ViewState& view)
    : context_(context), kind_(view.picker.kind) {
  if (kind_ == PickerKind::None) return;
  if (kind_ == PickerKind::Tasks) {
    find_tasks(view);
  } else {
    find_commands(view);
  }
  place(view);
}

void Picker::find_commands(const ViewState& view) {
  struct Scored {
    const Command* command;
    int score;
  };
  std::vector<Scored> found;
  for (const Command& command : all_commands()) {
    if (kind_ == PickerKind::RowMenu && !command.of_rows) continue;
    if (!is_possible(command, context_, view)) continue;
    const auto score = fuzzy_score(view.picker.editor.text(), command.name);
    if (score) found.push_back({&command, *score});
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const Scored& a, const Scored& b) { return a.score > b.score; });
  // Letters that just happen to occur somewhere are no help beside a good fit.
  for (const Scored& one : found) {
    if (one.score * 3 >= found.front().score * 2) commands_.push_back(one.command);
  }
}

void Picker::find_tasks(const ViewState& view) {
  if (!context_.shows_rows()) return;
  const auto reply = context_.input.answers->tasks(view.picker.editor.text());
  tasks_ = reply.answer;
  searching_ = !reply.current;
}

std::size_t Picker::size() const {
  if (kind_ == PickerKind::Tasks) return tasks_ == nullptr ? 0 : tasks_->tasks.size();
  return commands_.size();
}

std::size_t Picker::rows_seen() const {
  const float row = context_.px(kRow);
  return static_cast<std::size_t>(std::max(1.0F, std::floor(list_.height() / row)));
}

// Near the top, where it hides least; a menu at the pointer.
void Picker::place(const ViewState& view) {
  const ImVec2 window = ImGui::GetIO().DisplaySize;
  const bool menu = kind_ == PickerKind::RowMenu;
  const float margin = context_.px(8);
  const float width = std::min(context_.px(menu ? kMenuWidth : kWidth), window.x - 2 * margin);
  const float pad = context_.px(6);
  const float head = menu ? pad : context_.px(kField) + 2 * pad;
  const float foot = menu ? pad : context_.px(kFooter);
  const float y0 = std::min(context_.px(56), window.y / 8);
  const float room = window.y - y0 - margin - head - foot;
  const auto fitting = static_cast<std::size_t>(std::max(1.0F, room / context_.px(kRow)));
  const std::size_t most = std::min(kRowsMax, fitting);
  // A list to type into keeps its height while it gets shorter.
  const std::size_t rows = menu ? std::min(most, std::max<std::size_t>(size(), 1)) : most;
  const float list = static_cast<float>(rows) * context_.px(kRow);
  const float height = head + list + foot;
  float x = std::round((window.x - width) / 2);
  float y = y0;
  if (menu) {
    x = std::clamp(view.picker.x, 0.0F, window.x - width);
    y = std::clamp(view.picker.y, 0.0F, std::max(0.0F, window.y - height));
  }
  box_ = {std::floor(x), std::floor(y), std::floor(x + width), std::floor(y + height)};
  if (!menu) {
    field_ = {box_.x0 + pad, box_.y0 + pad, box_.x1 - pad, box_.y0 + pad + context_.px(kField)};
  }
  list_ = {box_.x0, box_.y0 + head, box_.x1, box_.y0 + head + list};
}

Picker::Item Picker::item(std::size_t at) const {
  if (kind_ != PickerKind::Tasks) {
    const Command& command = *commands_[at];
    return {command.name, kind_ == PickerKind::RowMenu ? "" : to_text(command.section),
            keys_text(command)};
  }
  const Task& task = context_.session.tasks()[tasks_->tasks[at]];
  return {task.label, fmt::format("task {}", store::own_id(task.row.id)),
          context_.session.site_text(task.row.spawn_site_id)};
}

Box Picker::row_box(const ViewState& view, std::size_t at) const {
  const float row = context_.px(kRow);
  const float y = list_.y0 + static_cast<float>(at - view.picker.first) * row;
  return {list_.x0 + 1, y, list_.x1 - 1, y + row};
}

void Picker::choose(ViewState& view) {
  if (view.picker.chosen >= size()) return;
  const std::size_t chosen = view.picker.chosen;
  view.picker = {};
  if (kind_ == PickerKind::Tasks) {
    select_task(view, tasks_->tasks[chosen]);
  } else {
    commands_[chosen]->run(context_, view);
  }
}

void Picker::handle_mouse(ViewState& view) {
  ImGuiIO& io = ImGui::GetIO();
  PickerState& state = view.picker;
  if (box_.contains(io.MousePos) && io.MouseWheel != 0) {
    const auto by = static_cast<std::int64_t>(std::lround(-io.MouseWheel * 3));
    const auto last = static_cast<std::int64_t>(size() - std::min(size(), rows_seen()));
    const auto to = std::clamp<std::int64_t>(static_cast<std::int64_t>(state.first) + by, 0, last);
    state.first = static_cast<std::size_t>(to);
    const std::size_t seen_last = state.first + rows_seen() - 1;
    state.chosen = std::clamp(state.chosen, state.first, seen_last);
  }
  const bool moved = io.MouseDelta.x != 0 || io.MouseDelta.y != 0;
  const bool pressed = io.MouseClicked[0] || io.MouseClicked[1];
  std::size_t under = size();
  for (std::size_t at = state.first; at < std::min(size(), state.first + rows_seen()); ++at) {
    if (row_box(view, at).contains(io.MousePos)) under = at;
  }
  if ((moved || pressed) && under < size()) state.chosen = under;
  if (!pressed) return;
  // What is behind it is not meant.
  io.MouseClicked[0] = false;
  io.MouseClicked[1] = false;
  if (!box_.contains(io.MousePos)) {
    state = {};
  } else if (under < size()) {
    choose(view);
  }
}

void Picker::handle(ViewState& view) {
  if (kind_ == PickerKind::None) return;
  PickerState& state = view.picker;
  if (kind_ != PickerKind::RowMenu && edit_line(state.editor)) {
    // The list is of what was typed before; the next frame has the right one.
    state.chosen = 0;
    state.first = 0;
    view.animating = true;
    return;
  }
  const std::size_t count = size();
  const std::size_t page = rows_seen();
  if (key_pressed(Key::Escape)) {
    state = {};
    return;
  }
  if (key_pressed(Key::Down) && state.chosen + 1 < count) ++state.chosen;
  if (key_pressed(Key::Up) && state.chosen > 0) --state.chosen;
  if (key_pressed(Key::PageDown)) state.chosen += page;
  if (key_pressed(Key::PageUp)) state.chosen -= std::min(state.chosen, page);
  state.chosen = std::min(state.chosen, count > 0 ? count - 1 : 0);
  if (state.chosen < state.first) state.first = state.chosen;
  if (state.chosen >= state.first + page) state.first = state.chosen + 1 - page;
  // Of hits that are still being found, the first is not yet the best.
  if (key_pressed(Key::Enter) && !searching_) return choose(view);
  handle_mouse(view);
}

void Picker::draw(const ViewState& view) const {
  // It may have been closed, or opened, in this very frame.
  if (kind_ == PickerKind::None || view.picker.kind != kind_) return;
  Canvas canvas(ImGui::GetForegroundDrawList(), context_.fonts());
  const Palette& colors = context_.colors;
  const Fonts& fonts = context_.fonts();
  const float pad = context_.px(12);
  canvas.fill(box_, colors.raised);
  canvas.frame(box_, colors.border, 1);
  if (field_.width() > 0) {
    draw_field(context_, canvas, field_, view.picker.editor,
               {.focused = true,
                .hint = kind_ == PickerKind::Tasks ? "Number, name, label or place of a task"
                                                   : "Name of a command"},
               0);
  }
  for (std::size_t at = view.picker.first; at < std::min(size(), view.picker.first + rows_seen());
       ++at) {
    const Box row = row_box(view, at);
    if (at == view.picker.chosen) {
      canvas.fill(row, with_alpha(colors.accent, 0.3F));
      canvas.fill({row.x0, row.y0, row.x0 + context_.px(3), row.y1}, colors.accent);
    }
    const Item item = this->item(at);
    const float right_width =
        std::min(std::ceil(canvas.width(fonts.text, item.right)), row.width() * 0.4F);
    const Box right{row.x1 - pad - right_width, row.y0, row.x1 - pad + 1, row.y1};
    canvas.label_right(fonts.text, right, colors.muted, item.right);
    Box room{row.x0 + pad, row.y0, right.x0 - pad, row.y1};
    const std::string name = canvas.fit(fonts.text, item.name, room.width());
    canvas.label(fonts.text, room, colors.text, name);
    room.x0 += std::ceil(canvas.width(fonts.text, name)) + context_.px(10);
    canvas.label(fonts.text, room, colors.muted, item.beside);
  }
  if (kind_ == PickerKind::RowMenu) return;
  std::string foot = size() == 0 ? "Nothing fits." : "";
  if (searching_) {
    foot = "looking …";
  } else if (kind_ == PickerKind::Tasks && tasks_ != nullptr && size() > 0) {
    foot =
        tasks_->total > size()
            ? fmt::format("the first {} of {} tasks", count_text(size()), count_text(tasks_->total))
            : fmt::format("{} {}", count_text(size()), size() == 1 ? "task" : "tasks");
  } else if (size() > 0) {
    foot = "Up, Down: choose   Enter: do it   Esc: close";
  }
  canvas.label(fonts.small, {box_.x0 + pad, list_.y1, box_.x1 - pad, box_.y1}, colors.muted, foot);
}

}  // namespace taskscope::viewer
