#include "viewer/panels/frame.h"

#include <cmath>

#include "viewer/panels/choices_bar.h"
#include "viewer/panels/commands.h"
#include "viewer/panels/details.h"
#include "viewer/panels/finding_marks.h"
#include "viewer/panels/findings_pane.h"
#include "viewer/panels/help.h"
#include "viewer/panels/input.h"
#include "viewer/panels/marks_panel.h"
#include "viewer/panels/memory_pane.h"
#include "viewer/panels/messages.h"
#include "viewer/panels/minimap.h"
#include "viewer/panels/picker.h"
#include "viewer/panels/profile_pane.h"
#include "viewer/panels/ruler_panel.h"
#include "viewer/panels/search_field.h"
#include "viewer/panels/start_screen.h"
#include "viewer/panels/status_bar.h"
#include "viewer/panels/timeline.h"
#include "viewer/panels/tooltip.h"
#include "viewer/panels/top_bar.h"
#include "viewer/panels/wait_for_view.h"

namespace taskscope::viewer {
namespace {

void begin_canvas_window(ImVec2 size) {
  ImGui::SetNextWindowPos({0, 0});
  ImGui::SetNextWindowSize(size);
  ImGui::PushStyleVar(ImGuiStyleVar_WindowPadding, {0, 0});
  ImGui::PushStyleVar(ImGuiStyleVar_WindowBorderSize, 0);
  ImGui::PushStyleVar(ImGuiStyleVar_WindowRounding, 0);
  ImGui::Begin("taskscope", nullptr,
               ImGuiWindowFlags_NoDecoration | ImGuiWindowFlags_NoMove |
                   ImGuiWindowFlags_NoSavedSettings | ImGuiWindowFlags_NoBackground |
                   ImGuiWindowFlags_NoNav | ImGuiWindowFlags_NoScrollWithMouse);
  ImGui::PopStyleVar(3);
}

// A click that closes the page of keys means nothing of what is below it.
void close_help_by_click(const PanelContext& context, ViewState& view) {
  ImGuiIO& io = ImGui::GetIO();
  if (!view.help_open || !io.MouseClicked[0] || io.MousePos.y <= context.layout.top_bar.y1) return;
  view.help_open = false;
  io.MouseClicked[0] = false;
}

void draw_session(const PanelContext& context, ViewState& view) {
  handle_input(context, view);
  find_hover(context, view);
  draw_timeline(context, view);
  draw_ruler(context, view);
  draw_marks(context, view);
  draw_minimap(context, view);
  draw_minimap_findings(context, view);
  draw_minimap_marks(context, view);
  draw_profile_pane(context, view);
  draw_memory_pane(context, view);
  draw_details(context, view);
  draw_findings_pane(context, view);
  draw_wait_for(context, view);
  draw_mark_list(context, view);
}

}  // namespace

bool PanelContext::shows_rows() const {
  const bool of_workers = session.stage() == SessionStage::Overview;
  return input.session != nullptr && (of_workers || !session.tasks().empty());
}

float PanelContext::px(float at_1) const { return std::round(at_1 * input.scale); }

void draw_frame(const FrameInput& input, ViewState& view, FrameCache& cache) {
  const ImVec2 size = ImGui::GetIO().DisplaySize;
  begin_canvas_window(size);
  const Palette& colors = palette(view.theme);
  Canvas canvas(ImGui::GetWindowDrawList(), *input.fonts, input.record);
  const TraceSession& session = input.session != nullptr ? *input.session : cache.no_session;
  const Layout layout = make_layout(
      {.width = size.x,
       .height = size.y,
       .scale = input.scale,
       .left_width = view.left_width,
       .drawer_height =
           input.session == nullptr ? 0 : drawer_height(session, *input.findings->list, view),
       .findings_width =
           input.session != nullptr && view.findings_pane.open ? view.findings_width : 0,
       .profile_height = input.session != nullptr && (view.profile.open || view.memory.open)
                             ? view.profile_height
                             : 0,
       .pinned_height = static_cast<float>(input.rows->pinned_height()),
       .choices = input.session != nullptr && has_choices(view),
       .footer = input.footer});
  const auto columns = static_cast<std::size_t>(std::max(1.0F, layout.minimap.width()));
  if (input.session != nullptr &&
      (cache.session != input.session || cache.overview_columns != columns)) {
    cache.session = input.session;
    cache.named = nullptr;
    cache.overview_columns = columns;
    cache.overview = session.overview(columns);
  }
  const PanelContext context{input, session, colors, layout, cache.overview, cache, canvas};
  canvas.fill({0, 0, size.x, size.y}, colors.void_color);
  view.animating = false;
  // Keys go to what is in front when they are pressed, and nowhere else.
  const bool choosing = view.picker.kind != PickerKind::None;
  const bool searching = view.search.open && !choosing;
  Picker picker(context, view);
  picker.handle(view);
  handle_search_keys(context, view, searching);
  const bool noting = view.mark_list.editing && !choosing && !searching;
  const bool of_list = !choosing && !searching &&
                       (handle_mark_keys(context, view) || handle_profile_keys(context, view) ||
                        handle_memory_keys(context, view) || handle_finding_keys(context, view) ||
                        handle_wait_for_keys(context, view));
  run_shortcuts(context, view, choosing || searching || of_list || noting);
  close_help_by_click(context, view);
  if (context.shows_rows()) {
    draw_session(context, view);
  } else if (input.start != nullptr) {
    draw_start_screen(context, view);
  } else {
    draw_message(context);
  }
  draw_top_bar(context, view);
  draw_choices_bar(context, view);
  draw_status_bar(context, view);
  // Frames of a recording under way come by themselves until this is over.
  if (view.finding_news.left_s > 0) view.finding_news.left_s -= input.seconds;
  if (input.session != nullptr) draw_tooltip(context, view);
  if (view.help_open) draw_help(context);
  picker.draw(view);
  draw_toast(context, view);
  ImGui::End();
}

}  // namespace taskscope::viewer
