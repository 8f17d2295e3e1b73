// The list of findings in the window: by keys, by mouse, and how it looks.
#include "viewer/panels/findings_pane.h"

#include <gtest/gtest.h>
#include <imgui.h>

#include <optional>
#include <string>
#include <vector>

#include "tests/support/picture_golden.h"
#include "tests/support/synthetic_session.h"
#include "viewer/panels/layout.h"
#include "viewer/platform/scene.h"

namespace taskscope::viewer {
namespace {

store::FindingRow row_of(std::string kind, std::string tier, std::string severity,
                         std::string summary, std::string detail) {
  store::FindingRow row;
  row.kind = std::move(kind);
  row.tier = std::move(tier);
  row.severity = std::move(severity);
  row.summary = std::move(summary);
  row.detail = std::move(detail);
  return row;
}

// One of each look, worst first.
std::vector<store::FindingRow> all_kinds(const tests::SyntheticRecording& recording) {
  const std::int64_t end = recording.entities.info.duration_ns;
  std::vector<store::FindingRow> rows;
  rows.push_back(row_of("deadlock", "proved", "severe",
                        "task 42 \"handler\" and task 43 \"handler\" wait for each other's lock: "
                        "mutex \"cache\" and mutex \"index\".",
                        "Take both locks in the same order everywhere."));
  rows.back().task_ids = {42, 43};
  rows.back().task_id = 42;
  rows.back().first_ns = end / 2;
  rows.back().last_ns = end;
  rows.push_back(recording.entities.findings.front());
  rows.back().severity = "severe";
  rows.back().first_ns = end / 3;
  rows.back().last_ns = end;
  rows.back().detail =
      "Look for the path on which nobody sends on the channel or closes it any more. Proof would "
      "be that no running task can still reach the object.";
  rows.push_back(row_of("lock_convoy", "suspected", "warning",
                        "mutex \"cache\" had a queue: in 4 windows of 1 ms at least 4 tasks waited "
                        "for it on average, at worst 6.2; 812 waits took 40.1 ms in all.",
                        "Hold it for less, split what it guards, or let one task own the data and "
                        "receive from a channel."));
  rows.back().task_id = 7;
  rows.back().task_ids = {7, 8, 9, 10, 11};
  rows.back().count = 812;
  rows.back().first_ns = end / 10;
  rows.back().last_ns = end / 5;
  rows.push_back(row_of("idle_worker", "suspected", "info",
                        "Worker 3 slept for 1.2 ms beside a runnable task.", ""));
  rows.back().first_ns = rows.back().last_ns = end * 8 / 10;
  for (std::size_t at = 0; at < rows.size(); ++at) rows[at].id = static_cast<std::int64_t>(at) + 1;
  return rows;
}

SessionPtr session_with(bool findings) {
  tests::SyntheticRecording recording = tests::make_synthetic_recording({.spans = 2'000});
  if (findings) {
    recording.entities.findings = all_kinds(recording);
  } else {
    recording.entities.findings.clear();
  }
  SessionBuilder builder("wordcount.tscope", std::move(recording.entities));
  builder.add_spans(recording.spans);
  return builder.finish();
}

class Desk {
 public:
  explicit Desk(SessionPtr session = session_with(true),
                Scene::Findings where = Scene::Findings::Stored)
      : scene_(request(), {}) {
    // As a backend does; these numbers are no letters.
    for (int key = 0; key < ImGuiKey_COUNT; ++key) ImGui::GetIO().KeyMap[key] = 400 + key;
    scene_.set_session(std::move(session), where);
    frames();
  }
  ViewState& view() { return scene_.view(); }
  Scene& scene() { return scene_; }
  const TraceSession& session() const { return *scene_.session(); }
  void frames() { scene_.picture(1024, 640); }
  void frame() {
    ImGui::GetIO().DisplaySize = {1024, 640};
    ImGui::GetIO().DeltaTime = 1.0F / 60;
    scene_.draw(Scene::Kind::Window, 1.0 / 60);
  }
  void press(int key, bool ctrl = false) {
    ImGuiIO& io = ImGui::GetIO();
    const int native = key < 'A' ? ImGui::GetKeyIndex(key) : key;
    io.KeyCtrl = ctrl;
    io.KeysDown[native] = true;
    frame();
    io.KeysDown[native] = false;
    io.KeyCtrl = false;
    frames();
  }
  void click(float x, float y) {
    ImGuiIO& io = ImGui::GetIO();
    io.MousePos = {x, y};
    frame();
    io.MouseDown[0] = true;
    frame();
    io.MouseDown[0] = false;
    frame();
    io.MousePos = {-1, -1};
    frames();
  }

 private:
  static ViewRequest request() {
    ViewRequest request;
    request.path = "wordcount.tscope";
    return request;
  }
  Scene scene_;
};

TEST(FindingsPane, OpensByItsKeyGivesTheKeysBackAndGoesAway) {
  Desk desk;
  desk.press('I');
  EXPECT_TRUE(desk.view().findings_pane.open);
  EXPECT_EQ(desk.view().keys, KeysOf::Findings);
  desk.press(ImGuiKey_Escape);
  EXPECT_TRUE(desk.view().findings_pane.open);
  EXPECT_EQ(desk.view().keys, KeysOf::Rows);
  desk.press('I');
  EXPECT_EQ(desk.view().keys, KeysOf::Findings);
  desk.press('I');
  EXPECT_FALSE(desk.view().findings_pane.open);
}

TEST(FindingsPane, ArrowsChooseAndEnterGoesThere) {
  Desk desk;
  desk.press('I');
  const TimeRange before = desk.view().time.visible();
  desk.press(ImGuiKey_DownArrow);
  EXPECT_EQ(desk.view().finding, 0U);
  EXPECT_EQ(desk.view().time.visible(), before) << "reading is not going";
  EXPECT_EQ(desk.view().selection.task, kNoTask);
  desk.press(ImGuiKey_DownArrow);
  desk.press(ImGuiKey_DownArrow);
  EXPECT_EQ(desk.view().finding, 2U);
  desk.press(ImGuiKey_Enter);
  EXPECT_EQ(desk.view().selection.task, desk.session().find_task(7));
  const TimeRange shown = desk.view().time.visible();
  const std::int64_t end = desk.session().duration_ns();
  EXPECT_LT(shown.length_ns(), before.length_ns());
  EXPECT_LT(shown.start_ns, end / 10);
  EXPECT_GT(shown.end_ns, end / 5);
  desk.press(ImGuiKey_UpArrow);
  EXPECT_EQ(desk.view().finding, 1U);
  desk.press(ImGuiKey_Escape);
  desk.press(ImGuiKey_DownArrow);
  EXPECT_EQ(desk.view().finding, 1U) << "the arrows are the rows' again";
}

TEST(FindingsPane, LeftAndRightCutTheListDown) {
  Desk desk;
  desk.press('I');
  desk.press(ImGuiKey_RightArrow);
  EXPECT_EQ(desk.view().findings_pane.filter, "proved");
  desk.press(ImGuiKey_RightArrow);
  EXPECT_EQ(desk.view().findings_pane.filter, "severe");
  for (int step = 0; step < 4; ++step) desk.press(ImGuiKey_LeftArrow);
  EXPECT_EQ(desk.view().findings_pane.filter, "scheduler");
  desk.press(ImGuiKey_DownArrow);
  EXPECT_EQ(desk.view().finding, 3U) << "the only one that is listed";
  desk.press(ImGuiKey_DownArrow);
  EXPECT_EQ(desk.view().finding, 3U);
}

TEST(FindingsPane, ItsTextGoesToTheClipboard) {
  Desk desk;
  static std::string clipboard;
  ImGui::GetIO().SetClipboardTextFn = [](void*, const char* text) { clipboard = text; };
  desk.press('I');
  desk.press(ImGuiKey_DownArrow);
  desk.press('C', true);
  EXPECT_NE(clipboard.find("Deadlock (proved, severe)"), std::string::npos) << clipboard;
  EXPECT_NE(clipboard.find("handler 42, handler 43"), std::string::npos) << clipboard;
  EXPECT_FALSE(desk.view().copy_requested) << "and not the view";
}

TEST(FindingsPane, AClickGoesToAFindingAndOneOnTheRowsTakesTheKeys) {
  Desk desk;
  desk.press('I');
  desk.press(ImGuiKey_Escape);
  const float pane = 1024 - 340;
  desk.click(pane + 100, 180);
  EXPECT_EQ(desk.view().finding, 0U);
  EXPECT_EQ(desk.view().selection.task, desk.session().find_task(42));
  EXPECT_EQ(desk.view().keys, KeysOf::Findings);
  desk.click(pane - 100, 300);
  EXPECT_EQ(desk.view().keys, KeysOf::Rows);
  EXPECT_TRUE(desk.view().findings_pane.open);
}

TEST(FindingsPane, ATickInTheOverviewGoesToItsFinding) {
  Desk desk;
  desk.click(1024 * 0.8F, 36 + 44 - 4);
  EXPECT_EQ(desk.view().finding, 3U);
  EXPECT_TRUE(desk.view().time.visible().contains(desk.session().duration_ns() * 8 / 10));
}

TEST(FindingsPane, TheNextFindingIsTheNextOfTheList) {
  Desk desk;
  desk.press('N');
  EXPECT_EQ(desk.view().finding, 0U);
  EXPECT_FALSE(desk.view().findings_pane.open);
  desk.press('I');
  desk.view().findings_pane.filter = "severe";
  desk.press('N');
  EXPECT_EQ(desk.view().finding, 1U);
  desk.press('N');
  EXPECT_EQ(desk.view().finding, 0U) << "round, and those that are left out are passed by";
}

TEST(FindingsPane, IsPartOfTheViewsText) {
  Desk desk;
  desk.press('I');
  desk.press(ImGuiKey_DownArrow);
  desk.press(ImGuiKey_DownArrow);
  desk.view().findings_pane.filter = "leak";
  const std::string text = desk.scene().view_text();
  EXPECT_NE(text.find("/finding=2"), std::string::npos) << text;
  EXPECT_NE(text.find("/findings=leak"), std::string::npos) << text;
  Desk other;
  ASSERT_TRUE(other.scene().set_view_text(text));
  other.frames();
  EXPECT_TRUE(other.view().findings_pane.open);
  EXPECT_EQ(other.view().findings_pane.filter, "leak");
  EXPECT_EQ(other.view().finding, 1U);
  EXPECT_EQ(other.scene().view_text(), text);
}

TEST(FindingsPane, AFindingThatIsNotThereIsSaid) {
  Desk desk;
  ASSERT_TRUE(desk.scene().set_view_text("ts1/finding=99999"));
  desk.frames();
  EXPECT_EQ(desk.scene().missing(), "There is no finding 99999 in this recording.");
  EXPECT_FALSE(desk.view().finding);
}

TEST(FindingsPane, TheFindingThatIsReadStaysTheSameInALongerList) {
  Desk desk;
  desk.press('I');
  desk.press(ImGuiKey_DownArrow);
  desk.press(ImGuiKey_DownArrow);
  desk.press(ImGuiKey_DownArrow);
  ASSERT_EQ(desk.view().finding, 2U);
  tests::SyntheticRecording recording = tests::make_synthetic_recording({.spans = 2'000});
  std::vector<store::FindingRow> rows = all_kinds(recording);
  rows.insert(rows.begin(), row_of("panic", "proved", "severe", "task 1 panicked.", ""));
  recording.entities.findings = rows;
  SessionBuilder builder("wordcount.tscope", std::move(recording.entities));
  builder.add_spans(recording.spans);
  desk.scene().refresh(builder.finish());
  desk.frames();
  EXPECT_EQ(desk.view().finding, 3U) << "one came before it";
}

TEST(Layout, GivesTheFindingsRoomAndLeavesTheRowsSome) {
  for (const auto& [width, height, scale] :
       {std::tuple(320.0F, 240.0F, 1.0F), std::tuple(1024.0F, 640.0F, 1.0F),
        std::tuple(1440.0F, 900.0F, 1.0F), std::tuple(3840.0F, 2160.0F, 2.0F)}) {
    for (const float drawer : {0.0F, 182.0F}) {
      const Layout layout = make_layout({.width = width,
                                         .height = height,
                                         .scale = scale,
                                         .drawer_height = drawer,
                                         .findings_width = 340});
      SCOPED_TRACE(width);
      EXPECT_EQ(layout.findings.x1, width);
      EXPECT_EQ(layout.findings.x0, layout.rows.x1);
      EXPECT_EQ(layout.findings.y0, layout.minimap.y1);
      EXPECT_EQ(layout.findings.y1, layout.drawer.y0);
      EXPECT_EQ(layout.ruler.x1, layout.rows.x1);
      EXPECT_GE(layout.rows.width(), 60);
      if (width >= 1024) {
        EXPECT_EQ(layout.findings.width(), 340 * scale);
        EXPECT_GT(layout.rows.width(), layout.findings.width());
      }
    }
    const Layout closed = make_layout({.width = width, .height = height, .scale = scale});
    EXPECT_EQ(closed.rows.x1, width);
    EXPECT_EQ(closed.findings.width(), 0);
  }
}

void expect_picture(Theme theme, std::optional<std::size_t> finding, const std::string& golden) {
  Desk desk;
  desk.view().theme = theme;
  desk.view().findings_pane.open = true;
  desk.view().finding = finding;
  if (finding) {
    const FindingList list(desk.session(), desk.session().findings(), false);
    read_finding(list, desk.session(), desk.view(), *finding);
    desk.view().time.show(finding_view(list[*finding], desk.session().duration_ns()));
  }
  tests::expect_golden_picture(golden, desk.scene().picture(1024, 640));
}

TEST(Picture, OfFindingsInTheDark) {
  expect_picture(Theme::Dark, std::nullopt, "viewer/findings_dark.png");
}
TEST(Picture, OfAFindingThatIsReadInTheDark) {
  expect_picture(Theme::Dark, 0, "viewer/finding_read_dark.png");
}
TEST(Picture, OfAFindingThatIsReadInTheLight) {
  expect_picture(Theme::Light, 2, "viewer/finding_read_light.png");
}

TEST(Picture, OfNoFindingsInTheLight) {
  Desk desk(session_with(false));
  desk.view().theme = Theme::Light;
  desk.view().findings_pane.open = true;
  tests::expect_golden_picture("viewer/findings_none_light.png", desk.scene().picture(1024, 640));
}

TEST(Picture, OfFindingsThatCouldNotBeLookedFor) {
  Desk desk(session_with(true), Scene::Findings::File);
  desk.view().findings_pane.open = true;
  tests::expect_golden_picture("viewer/findings_failed_dark.png", desk.scene().picture(1024, 640));
}

}  // namespace
}  // namespace taskscope::viewer
