#include "viewer/panels/start_screen.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "viewer/model/format.h"
#include "viewer/panels/imgui_compat.h"

namespace taskscope::viewer {
namespace {

constexpr float kRow = 44;
constexpr float kColumnMax = 460;
constexpr float kGap = 48;

// What a row says.
struct Entry {
  std::string title;
  std::string right;
  std::string below;
  bool can_be_chosen = true;
  StartChoice choice;
};

std::string file_name(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos || slash == 0 ? "/" : path.substr(0, slash);
}

std::string count_of(std::int64_t count, const char* unit) {
  return fmt::format("{} {}{}", count, unit, count == 1 ? "" : "s");
}

std::string age(std::int64_t seconds) {
  if (seconds < 60) return count_of(seconds, "second");
  if (seconds < 3600) return count_of(seconds / 60, "minute");
  if (seconds < 86'400) return count_of(seconds / 3600, "hour");
  return count_of(seconds / 86'400, "day");
}

std::string ago(std::int64_t seconds) { return seconds < 60 ? "just now" : age(seconds) + " ago"; }

std::vector<Entry> recent_entries(const StartContent& start) {
  std::vector<Entry> entries;
  for (const RecentFile& file : start.recent) {
    entries.push_back({file_name(file.path),
                       ago(start.now_s - file.opened_s),
                       folder_of(file.path),
                       true,
                       {file.path, 0}});
  }
  return entries;
}

std::vector<Entry> program_entries(const StartContent& start) {
  std::vector<Entry> entries;
  if (!start.programs) return entries;
  for (const RunningProgram& program : *start.programs) {
    const bool free = program.problem.empty();
    const std::string below =
        free ? fmt::format("{} {} on {} {}", count_text(program.tasks),
                           program.tasks == 1 ? "task" : "tasks", program.workers,
                           program.workers == 1 ? "worker" : "workers")
             : program.problem;
    entries.push_back({fmt::format("{}  {}", file_name(program.program), program.pid),
                       "for " + age(program.age_ns / 1'000'000'000),
                       below,
                       free,
                       {"", program.pid}});
  }
  return entries;
}

struct Column {
  Box box;
  const char* title;
  std::vector<std::string> empty;  // said instead of rows
  std::vector<Entry> entries;
};

// As many rows as fit; the rest is counted.
void draw_column(const PanelContext& context, ViewState& view, const Column& column,
                 std::size_t first_index) {
  Canvas& canvas = context.canvas;
  const Palette& colors = context.colors;
  const ImGuiIO& io = ImGui::GetIO();
  ImFont* font = context.fonts().text;
  const Box box = column.box;
  float y = box.y0;
  canvas.label(context.fonts().strong, {box.x0, y, box.x1, y + context.px(24)}, colors.text,
               column.title);
  y += context.px(32);
  if (column.entries.empty()) {
    for (const std::string& text : column.empty) {
      for (const std::string& line : canvas.wrap(font, text, box.width())) {
        canvas.text(font, box.x0, y, colors.muted, line);
        y += context.px(20);
      }
    }
    return;
  }
  const float row = context.px(kRow);
  for (std::size_t at = 0; at < column.entries.size(); ++at) {
    if (y + row > box.y1) {
      canvas.text(font, box.x0, y, colors.muted,
                  fmt::format("and {} more", column.entries.size() - at));
      return;
    }
    const Entry& entry = column.entries[at];
    const Box line{box.x0 - context.px(12), y, box.x1 + context.px(12), y + row - 2};
    const bool hovered = line.contains(io.MousePos);
    if (hovered && (io.MouseDelta.x != 0 || io.MouseDelta.y != 0 || io.MouseClicked[0])) {
      view.start_chosen = first_index + at;
    }
    const bool chosen = view.start_chosen == first_index + at;
    if (chosen) {
      canvas.fill(line, colors.raised);
      canvas.fill({line.x0, line.y0, line.x0 + context.px(3), line.y1}, colors.accent);
    }
    const float middle = y + std::round(row / 2) - 1;
    const float right_width = std::ceil(canvas.width(font, entry.right));
    canvas.label(context.fonts().strong,
                 {box.x0, y + context.px(3), box.x1 - right_width - context.px(16), middle},
                 entry.can_be_chosen ? colors.text : colors.muted, entry.title);
    canvas.label_right(font, {box.x0, y + context.px(3), box.x1, middle}, colors.muted,
                       entry.right);
    canvas.text(font, box.x0, middle + context.px(1), colors.muted, entry.below, box.width());
    const bool taken = (hovered && io.MouseClicked[0]) || (chosen && key_pressed(Key::Enter));
    if (taken && entry.can_be_chosen) view.start_choice = entry.choice;
    y += row;
  }
}

// Up and down through both columns, left and right between them.
void move_choice(ViewState& view, std::size_t recent, std::size_t programs) {
  const std::size_t count = recent + programs;
  if (count == 0) return;
  std::size_t& chosen = view.start_chosen;
  chosen = std::min(chosen, count - 1);
  if (key_pressed(Key::Up) && chosen > 0) --chosen;
  if (key_pressed(Key::Down) && chosen + 1 < count) ++chosen;
  if (key_pressed(Key::Left) && chosen >= recent && recent > 0) {
    chosen = std::min(chosen - recent, recent - 1);
  }
  if (key_pressed(Key::Right) && chosen < recent && programs > 0) {
    chosen = recent + std::min(chosen, programs - 1);
  }
}

}  // namespace

void draw_start_screen(const PanelContext& context, ViewState& view) {
  const StartContent& start = *context.input.start;
  const Box area{0, context.layout.top_bar.y1, context.layout.top_bar.x1, context.layout.status.y0};
  const float gap = context.px(kGap);
  const float width =
      std::floor(std::min(context.px(kColumnMax), (area.width() - 2 * gap - gap) / 2));
  const float x = std::round((area.width() - 2 * width - gap) / 2);
  const float top = area.y0 + std::min(context.px(72), std::round(area.height() / 10));
  const float bottom = area.y1 - context.px(56);
  const Column recent{{x, top, x + width, bottom},
                      "Recordings",
                      {"None yet. Drop a .tscope file here, or make one:",
                       "taskscope record -o run.tscope -- PROGRAM"},
                      recent_entries(start)};
  Column programs{{x + width + gap, top, x + 2 * width + gap, bottom},
                  "Running programs",
                  {"Looking for programs …"},
                  program_entries(start)};
  if (start.programs) {
    programs.empty = {"No program that runs can be attached to.",
                      "Those built with the Taskscope runtime appear here by themselves."};
  }
  move_choice(view, recent.entries.size(), programs.entries.size());
  draw_column(context, view, recent, 0);
  draw_column(context, view, programs, recent.entries.size());
  Canvas& canvas = context.canvas;
  const std::string hint = "Up  Down  Left  Right  Enter, or a click.  A file dropped here opens.";
  const float hint_width = canvas.width(context.fonts().text, hint);
  canvas.text(context.fonts().text, std::round((area.width() - hint_width) / 2),
              area.y1 - context.px(36), context.colors.muted, hint);
}

}  // namespace taskscope::viewer
