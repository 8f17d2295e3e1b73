#include "viewer/panels/profile_pane.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "viewer/model/decision_text.h"
#include "viewer/model/format.h"
#include "viewer/panels/flame_graph.h"
#include "viewer/panels/imgui_compat.h"
#include "viewer/panels/pane.h"
#include "viewer/panels/text_field.h"
#include "viewer/panels/widgets.h"

namespace taskscope::viewer {
namespace {

// px at scale 1.
constexpr float kPad = 12;
constexpr float kHeader = 34;
constexpr float kRow = 18;
constexpr float kNumber = 108;
constexpr float kShare = 46;
constexpr float kTableMin = 260;
constexpr float kTableMax = 520;
constexpr float kSearch = 190;
constexpr float kWheel = 54;

// What the calls can be those of.
struct Scope {
  ProfileScope scope;
  std::string text;
};
std::vector<Scope> scopes(const PanelContext& context, const ViewState& view) {
  std::vector<Scope> all{{ProfileScope::All, "everything"}};
  const TraceSession& session = context.session;
  if (view.selection.task != kNoTask) {
    const Task& task = session.tasks()[view.selection.task];
    all.push_back({ProfileScope::Task, task.label});
    const TaskGroup& group = session.groups()[task.group];
    if (group.tasks.size() > 1) {
      all.push_back({ProfileScope::Group,
                     fmt::format("{} × {}", count_text(group.tasks.size()), group.label)});
    }
  }
  if (view.selection.worker && view.profile.of == ProfileOf::Cpu) {
    all.push_back(
        {ProfileScope::Worker, worker_title(session, session.workers()[*view.selection.worker])});
  }
  return all;
}

// What the scope means now: what is not offered cannot be looked at alone.
ProfileQuestion question_of(const PanelContext& context, const ViewState& view) {
  const Selection& selection = view.selection;
  ProfileQuestion question{.of = view.profile.of, .range = view.time.target()};
  question.range.start_ns = std::max<std::int64_t>(question.range.start_ns, 0);
  question.range.end_ns =
      std::clamp(question.range.end_ns, question.range.start_ns, context.session.duration_ns() + 1);
  const std::vector<Scope> all = scopes(context, view);
  const bool offered = std::any_of(all.begin(), all.end(), [&](const Scope& scope) {
    return scope.scope == view.profile.scope;
  });
  question.scope = offered ? view.profile.scope : ProfileScope::All;
  if (question.scope == ProfileScope::Task) {
    question.index = selection.task;
  } else if (question.scope == ProfileScope::Group) {
    question.index = context.session.tasks()[selection.task].group;
  } else if (question.scope == ProfileScope::Worker) {
    question.index = *selection.worker;
  }
  return question;
}

// Why there is nothing to be seen; "" if there may be.
std::string nothing_text(const PanelContext& context, ProfileOf of) {
  const TraceSession& session = context.session;
  const bool live = context.input.live != nullptr && session.stacks().empty();
  if (session.stage() != SessionStage::Complete) return "Stacks come with the spans …";
  if (of == ProfileOf::Cpu && session.samples().empty()) {
    return live ? "Samples can be seen once the recording is complete."
                : "There are no samples: taskscope record --samples takes some.";
  }
  if (session.stacks().empty()) {
    return live ? "Stacks can be seen once the recording is complete."
                : "There are no stacks of calls: taskscope record --stacks takes them.";
  }
  return "";
}

class Pane {
 public:
  Pane(const PanelContext& context, ViewState& view)
      : context_(context),
        view_(view),
        pane_(view.profile),
        box_(context.layout.profile),
        question_(question_of(context, view)),
        mouse_(has_mouse(context, view)) {}

  void draw() {
    Canvas& canvas = context_.canvas;
    const Palette& colors = context_.colors;
    canvas.fill(box_, colors.panel);
    canvas.push_clip(box_);
    const std::string nothing = nothing_text(context_, pane_.of);
    const auto reply = nothing.empty() ? context_.input.answers->profile(question_)
                                       : Answers::Reply<CallProfile>{};
    // What was answered about something else is no answer.
    if (reply.answer != nullptr && reply.answer->of == pane_.of) take(reply.answer);
    const CallProfile* profile = profile_.get();
    draw_header(profile, reply.current);
    const Box body{box_.x0 + px(kPad), box_.y0 + px(kHeader), box_.x1 - px(kPad), box_.y1 - px(4)};
    std::string message = nothing;
    if (nothing.empty() && profile == nullptr) message = "Counting …";
    if (profile != nullptr && profile->whole == 0) {
      message = pane_.of == ProfileOf::Cpu ? "Nothing was sampled here, in what is in view:"
                                           : "Nothing waited here, in what is in view:";
      message += " zoom out (F: everything)" +
                 std::string(question_.scope == ProfileScope::All ? "." : ", or B: of others.");
    }
    if (!message.empty()) {
      canvas.label(context_.fonts().text, {body.x0, body.y0, body.x1, body.y0 + px(24)},
                   colors.muted, message);
    } else {
      const float width =
          std::clamp(std::floor(body.width() * 0.36F), px(kTableMin), px(kTableMax));
      draw_table(*profile, {body.x0, body.y0, body.x0 + width, body.y1});
      const Box flame{body.x0 + width + px(kPad), body.y0, body.x1, body.y1};
      canvas.pop_clip();
      draw_flame_graph(context_, view_, *profile, flame, mouse_);
      canvas.push_clip(box_);
    }
    draw_edge();
    canvas.pop_clip();
    if (mouse_ && ImGui::GetIO().MouseClicked[0] && box_.contains(ImGui::GetIO().MousePos)) {
      pane_.open ? give_keys(view_, KeysOf::Calls) : take_keys(view_, KeysOf::Calls);
    }
  }

 private:
  float px(float at_1) const { return context_.px(at_1); }

  // What a frame needs of all functions is found out once for each profile.
  void take(const CallProfilePtr& profile) {
    profile_ = profile;
    FrameCache& cache = context_.cache;
    if (cache.listed != profile || cache.listed_by_total != pane_.by_total) {
      cache.listed = profile;
      cache.listed_by_total = pane_.by_total;
      cache.listed_functions = sorted(*profile);
    }
    const std::string& typed = pane_.search.text();
    if (cache.searched != profile || cache.searched_for != typed) {
      cache.searched = profile;
      cache.searched_for = typed;
      cache.found_weight = weight_of_matches(*profile, context_.session.stacks(), typed);
    }
  }

  void draw_edge() {
    const ImVec2 at = ImGui::GetIO().MousePos;
    const bool resizing =
        view_.drag == Drag::Profile || (mouse_ && std::abs(at.y - box_.y0) < px(4));
    const bool has_keys = view_.keys == KeysOf::Calls;
    const bool lit = resizing || has_keys;
    context_.canvas.fill({box_.x0, box_.y0, box_.x1, box_.y0 + (has_keys ? 2.0F : 1.0F)},
                         lit ? context_.colors.accent : context_.colors.border);
  }

  // True when clicked. Moves `x` behind it.
  bool chip(float& x, const std::string& text, bool chosen, float room) {
    const float width = choice_width(context_, text, px(150));
    if (x + width > room) return false;
    const Box box{x, box_.y0 + px(7), x + width, box_.y0 + px(kHeader) - px(6)};
    x += width + px(5);
    return draw_choice(context_, box, text, chosen, mouse_);
  }

  void draw_header(const CallProfile* profile, bool current) {
    Canvas& canvas = context_.canvas;
    const Palette& colors = context_.colors;
    const float y1 = box_.y0 + px(kHeader);
    float x = box_.x0 + px(kPad);
    canvas.label(context_.fonts().strong, {x, box_.y0, x + px(60), y1}, colors.text, "Calls");
    x += px(48);
    float right = box_.x1 - px(kPad);
    if (!context_.input.footer) {
      if (draw_cross(context_, {box_.x0, box_.y0, right, y1}, mouse_)) pane_.open = false;
      right -= px(22);
    }
    right = draw_search(right) - px(kPad);
    const auto choose = [&](ProfileOf of, const char* text) {
      if (chip(x, text, pane_.of == of, right)) set_profile(view_, of, pane_.scope);
    };
    choose(ProfileOf::Cpu, "on processors");
    choose(ProfileOf::Waits, "waiting");
    x += px(10);
    for (const Scope& scope : scopes(context_, view_)) {
      if (chip(x, scope.text, question_.scope == scope.scope, right)) {
        set_profile(view_, pane_.of, scope.scope);
      }
    }
    x += px(6);
    if (profile == nullptr || x >= right) return;
    canvas.label(context_.fonts().text, {x, box_.y0, right, y1}, colors.muted,
                 current ? summary(*profile) : "counting …");
  }

  std::string summary(const CallProfile& profile) const {
    const auto amount = [&](std::int64_t weight) {
      return weight_text(profile.of, weight) + (profile.of == ProfileOf::Waits ? ""
                                                : weight == 1                  ? " sample"
                                                                               : " samples");
    };
    std::string text = amount(profile.whole) + " in view";
    if (profile.without > 0) text += ", " + amount(profile.without) + " without a stack";
    if (pane_.search.text().empty() || profile.whole == 0) return text;
    const auto found = static_cast<double>(context_.cache.found_weight);
    return fmt::format("{} found in {}", format_share(found / static_cast<double>(profile.whole)),
                       text);
  }

  float draw_search(float right) {
    const Box field{std::max(right - px(kSearch), box_.x0 + px(300)), box_.y0 + px(6), right,
                    box_.y0 + px(kHeader) - px(6)};
    // In a picture an empty one says nothing.
    if (field.width() < px(60) || (context_.input.footer && pane_.search.text().empty())) {
      return right;
    }
    if (mouse_ && ImGui::GetIO().MouseClicked[0]) {
      const bool inside = field.contains(ImGui::GetIO().MousePos);
      if (inside) open_profile_search(view_);
      if (!inside) pane_.typing = false;
    }
    draw_field(context_, context_.canvas, field, pane_.search,
               {.focused = pane_.typing, .hint = "Find a function"}, 0);
    return field.x0;
  }

  void draw_table(const CallProfile& profile, const Box& box) {
    Canvas& canvas = context_.canvas;
    const Palette& colors = context_.colors;
    const ImGuiIO& io = ImGui::GetIO();
    const Box head{box.x0, box.y0, box.x1, box.y0 + px(kRow)};
    const float number = std::min(px(kNumber), std::floor(box.width() * 0.27F));
    canvas.label(context_.fonts().text, head, colors.muted, "function");
    const auto column = [&](const char* text, bool total, float x1) {
      const Box cell{x1 - number, head.y0, x1, head.y1};
      const bool hovered = mouse_ && cell.contains(io.MousePos);
      canvas.label_right(context_.fonts().text, cell,
                         pane_.by_total == total ? colors.accent
                         : hovered               ? colors.text
                                                 : colors.muted,
                         text);
      if (hovered && io.MouseClicked[0]) pane_.by_total = total;
    };
    column("itself", false, box.x1 - number);
    column("with calls", true, box.x1);
    const Box body{box.x0, head.y1, box.x1, box.y1};
    const std::vector<ProfiledFunction>& rows = context_.cache.listed_functions;
    float& scroll = pane_.table_scroll;
    if (mouse_ && body.contains(io.MousePos)) scroll -= io.MouseWheel * px(kWheel);
    const float content = static_cast<float>(rows.size()) * px(kRow);
    scroll = std::clamp(scroll, 0.0F, std::max(0.0F, content - body.height()));
    canvas.push_clip(body);
    const auto first = static_cast<std::size_t>(scroll / px(kRow));
    for (std::size_t at = first; at < rows.size(); ++at) {
      const float y = body.y0 - std::round(scroll) + static_cast<float>(at) * px(kRow);
      if (y >= body.y1) break;
      draw_function(profile, rows[at], {body.x0, y, body.x1, y + px(kRow)}, number, body);
    }
    canvas.pop_clip();
  }

  std::vector<ProfiledFunction> sorted(const CallProfile& profile) const {
    std::vector<ProfiledFunction> rows = profile.functions;
    if (pane_.by_total) {
      std::stable_sort(rows.begin(), rows.end(),
                       [](const auto& a, const auto& b) { return a.total > b.total; });
    }
    return rows;
  }

  void draw_function(const CallProfile& profile, const ProfiledFunction& row, const Box& line,
                     float number, const Box& body) {
    Canvas& canvas = context_.canvas;
    const Palette& colors = context_.colors;
    const store::StackFunction& function = context_.session.stacks().functions()[row.function];
    const ImGuiIO& io = ImGui::GetIO();
    const std::string& typed = pane_.search.text();
    const bool hovered = mouse_ && body.contains(io.MousePos) && line.contains(io.MousePos);
    if (hovered) canvas.fill(line, colors.raised);
    if (name_matches(function.name, typed)) {
      canvas.fill({line.x0 - px(6), line.y0 + px(3), line.x0 - px(3), line.y1 - px(3)},
                  colors.accent);
    }
    const auto value = [&](std::int64_t weight, float x1) {
      const Box cell{x1 - number, line.y0, x1, line.y1};
      const double share = static_cast<double>(weight) / static_cast<double>(profile.whole);
      const float bar = std::round(static_cast<float>(share) * (number - px(8)));
      canvas.fill({cell.x1 - bar, cell.y0 + px(2), cell.x1, cell.y1 - px(2)},
                  with_alpha(colors.accent, 0.25F));
      if (weight == 0) return;
      canvas.label_right(context_.fonts().text, {cell.x0, cell.y0, cell.x1 - px(3), cell.y1},
                         colors.text, format_share(share));
      canvas.label_right(context_.fonts().text,
                         {cell.x0 + px(4), cell.y0, cell.x1 - px(kShare), cell.y1}, colors.muted,
                         weight_text(profile.of, weight));
    };
    value(row.self, line.x1 - number);
    value(row.total, line.x1);
    canvas.label(context_.fonts().text, {line.x0, line.y0, line.x1 - 2 * number - px(8), line.y1},
                 function.runtime ? colors.muted : colors.text, plain_name(function.name));
    if (!hovered) return;
    std::vector<NoteLine> note{{function.name, colors.text, context_.fonts().text}};
    if (!function.file.empty()) {
      note.push_back({row.line == 0 ? function.file : fmt::format("{}:{}", function.file, row.line),
                      colors.muted, context_.fonts().text});
    }
    note.push_back({"Click: find it in the flame graph", colors.muted, context_.fonts().small});
    draw_note(context_, {io.MousePos.x + px(16), io.MousePos.y + px(18)}, note);
    if (!io.MouseClicked[0]) return;
    pane_.search.set_text(typed == function.name ? "" : function.name);
  }

  const PanelContext& context_;
  ViewState& view_;
  ProfilePane& pane_;
  Box box_;
  ProfileQuestion question_;
  bool mouse_;
  CallProfilePtr profile_;
};

// Esc goes one step back: from the search, from what was zoomed to, from the pane.
void step_back(ViewState& view) {
  ProfilePane& pane = view.profile;
  if (!pane.search.text().empty()) {
    pane.search.set_text("");
  } else if (!pane.zoom.empty()) {
    pane.zoom.pop_back();
  } else {
    take_keys(view, KeysOf::Calls);
  }
}

}  // namespace

std::string weight_text(ProfileOf of, std::int64_t weight) {
  return of == ProfileOf::Cpu ? count_text(static_cast<std::uint64_t>(weight))
                              : duration_text(weight);
}

void draw_profile_pane(const PanelContext& context, ViewState& view) {
  if (!view.profile.open || context.layout.profile.height() <= 0) return;
  Pane(context, view).draw();
}

bool handle_profile_keys(const PanelContext& context, ViewState& view) {
  ProfilePane& pane = view.profile;
  if (!pane.open || view.keys != KeysOf::Calls || view.help_open || context.input.footer) {
    return false;
  }
  if (!context.shows_rows()) return false;
  const ImGuiIO& io = ImGui::GetIO();
  if (pane.typing) {
    edit_line(pane.search);
    if (key_pressed(Key::Escape, false) || key_pressed(Key::Enter, false)) pane.typing = false;
    return true;
  }
  if (io.KeyCtrl || io.KeyShift || io.KeyAlt) return false;
  if (typed('/')) {
    open_profile_search(view);
    return true;
  }
  if (key_pressed(Key::Escape, false)) {
    step_back(view);
    return true;
  }
  if (!nothing_text(context, pane.of).empty()) return false;
  const auto reply = context.input.answers->profile(question_of(context, view));
  return reply.answer != nullptr && handle_flame_keys(view, *reply.answer);
}

void toggle_profile(const PanelContext& context, ViewState& view) {
  ProfilePane& pane = view.profile;
  const bool was_open = pane.open;
  pane.open = !(pane.open && view.keys == KeysOf::Calls);
  pane.typing = false;
  pane.open ? give_keys(view, KeysOf::Calls) : take_keys(view, KeysOf::Calls);
  if (pane.open) view.memory.open = false;
  // What there is of the two.
  if (!was_open && context.session.samples().empty() && !context.session.stacks().empty()) {
    pane.of = ProfileOf::Waits;
  }
}

void set_profile(ViewState& view, ProfileOf of, ProfileScope scope) {
  ProfilePane& pane = view.profile;
  if (pane.of != of) {
    pane.zoom.clear();
    pane.chosen.clear();
    pane.table_scroll = pane.flame_scroll = 0;
  }
  pane.of = of;
  pane.scope = scope;
}

void step_profile_scope(const PanelContext& context, ViewState& view) {
  const std::vector<Scope> all = scopes(context, view);
  const ProfileScope now = question_of(context, view).scope;
  std::size_t at = 0;
  while (at < all.size() && all[at].scope != now) ++at;
  view.profile.scope = all[(at + 1) % all.size()].scope;
}

void open_profile_search(ViewState& view) {
  give_keys(view, KeysOf::Calls);
  view.profile.open = view.profile.typing = true;
  view.memory.open = false;
  view.search.open = false;
  view.profile.search.select_all();
}

}  // namespace taskscope::viewer
