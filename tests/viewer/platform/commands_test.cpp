// The window's hands without a window: keys and characters go to ImGui as a backend would give
// them.
#include "viewer/panels/commands.h"

#include <gtest/gtest.h>
#include <imgui.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>

#include "tests/support/hanging_server.h"
#include "tests/support/synthetic_session.h"
#include "viewer/platform/scene.h"

namespace taskscope::viewer {
namespace {

class Desk {
 public:
  Desk() : scene_(request(), {}) {
    // As a backend does; these numbers are no letters.
    for (int key = 0; key < ImGuiKey_COUNT; ++key) ImGui::GetIO().KeyMap[key] = 400 + key;
    scene_.set_session(tests::make_synthetic_session({.spans = 2'000}));
    frames();
  }
  ViewState& view() { return scene_.view(); }
  const TraceSession& session() const { return *scene_.session(); }

  // Draws until everything that was asked is answered.
  void frames() { image_ = scene_.picture(1024, 640); }
  void show(const SessionPtr& session) {
    scene_.set_session(session);
    frames();
  }
  void point(float x, float y) {
    ImGui::GetIO().MousePos = {x, y};
    frame();
  }
  void type(const std::string& text) {
    for (const char c : text) {
      ImGui::GetIO().AddInputCharacter(static_cast<unsigned char>(c));
      frame();
    }
    frames();
  }
  // A letter, or one of ImGui's keys, with modifiers.
  void press(int key, bool ctrl = false, bool shift = false, bool alt = false) {
    ImGuiIO& io = ImGui::GetIO();
    const int native = key < 'A' ? ImGui::GetKeyIndex(key) : key;
    io.KeyCtrl = ctrl;
    io.KeyShift = shift;
    io.KeyAlt = alt;
    io.KeysDown[native] = true;
    frame();
    io.KeysDown[native] = false;
    io.KeyCtrl = io.KeyShift = io.KeyAlt = false;
    frames();
  }
  void hold(int key, int frames_held) {
    ImGui::GetIO().KeysDown[key] = true;
    for (int at = 0; at < frames_held; ++at) frame();
    ImGui::GetIO().KeysDown[key] = false;
    frames();
  }
  void run(const std::string& name) {
    press('P', true, true);
    type(name);
    press(ImGuiKey_Enter);
  }
  const std::vector<std::uint32_t>& pixels() const { return image_.pixels; }

 private:
  static ViewRequest request() {
    ViewRequest request;
    request.path = "wordcount.tscope";
    return request;
  }
  void frame() {
    ImGui::GetIO().DisplaySize = {1024, 640};
    ImGui::GetIO().DeltaTime = 1.0F / 60;
    scene_.draw(Scene::Kind::Window, 1.0 / 60);
  }
  Scene scene_;
  Image image_;
};

TEST(Commands, NamesAndKeysAreOfOneCommandEach) {
  std::set<std::string> names;
  std::map<std::string, std::string> keys;
  for (const Command& command : all_commands()) {
    EXPECT_TRUE(names.insert(command.name).second) << command.name;
    for (const Shortcut& key : command.keys) {
      if (key.none()) continue;
      const auto [at, fresh] = keys.try_emplace(to_text(key), command.name);
      EXPECT_TRUE(fresh) << to_text(key) << ": " << at->second << ", " << command.name;
      EXPECT_FALSE(to_text(key).empty());
    }
  }
  EXPECT_EQ(keys.at("Ctrl+Shift+P"), "All commands");
  EXPECT_EQ(keys.at("Alt+Left"), "Back in the history of the view");
}

TEST(Commands, SearchFindsAndStepsThroughItsHits) {
  Desk desk;
  desk.type("/");
  ASSERT_TRUE(desk.view().search.open);
  desk.type("state:lock dur:>1us");
  EXPECT_EQ(desk.view().selection.task, kNoTask) << "letters are no commands while one types";
  desk.press(ImGuiKey_Enter);
  const SpanIndex first = desk.view().selection.span;
  ASSERT_NE(first, kNoSpan);
  EXPECT_EQ(desk.session().span_class(first), StateClass::Lock);
  desk.press(ImGuiKey_Enter);
  EXPECT_NE(desk.view().selection.span, first);
  desk.press(ImGuiKey_Enter, false, true);
  EXPECT_EQ(desk.view().selection.span, first);
  desk.press(ImGuiKey_Escape);
  EXPECT_FALSE(desk.view().search.open);
  EXPECT_TRUE(desk.view().search.active()) << "hits stay marked";
  EXPECT_EQ(desk.view().selection.span, first);
}

TEST(Commands, AFilterIsAChipUntilItIsRemoved) {
  Desk desk;
  const auto before = desk.pixels();
  desk.type("/");
  desk.type("reader");
  desk.press(ImGuiKey_Enter, true);
  EXPECT_EQ(desk.view().arrangement.filters, std::vector<std::string>{"reader"});
  EXPECT_FALSE(desk.view().search.active());
  EXPECT_NE(desk.pixels(), before);
  desk.press(ImGuiKey_Backspace, true);
  EXPECT_TRUE(desk.view().arrangement.filters.empty());
  EXPECT_EQ(desk.pixels(), before);
}

TEST(Commands, GoToTaskSelectsIt) {
  Desk desk;
  desk.press('P', true);
  desk.type("read");
  desk.press(ImGuiKey_DownArrow);
  desk.press(ImGuiKey_Enter);
  EXPECT_EQ(desk.view().picker.kind, PickerKind::None);
  ASSERT_NE(desk.view().selection.task, kNoTask);
  EXPECT_EQ(desk.session().tasks()[desk.view().selection.task].row.id, 4U);
}

TEST(Commands, RHidesRegionsAndTheirRoomAndShowsThemAgain) {
  Desk desk;
  desk.press('R');
  EXPECT_TRUE(desk.view().show_regions) << "this recording has none";
  desk.show(tests::make_annotated_session({.spans = 2'000}));
  desk.view().selection = {.task = 4, .region = RegionAt{}};
  desk.press('R');
  EXPECT_FALSE(desk.view().show_regions);
  EXPECT_FALSE(desk.view().selection.region) << "what is not seen is not chosen";
  desk.press('R');
  EXPECT_TRUE(desk.view().show_regions);
}

// Pixel by pixel down a task's row: state, then lanes of its regions.
TEST(Commands, APointerInALaneMeansTheRegionThere) {
  Desk desk;
  const SessionPtr session = tests::make_annotated_session({.spans = 2'000});
  desk.show(session);
  const TaskIndex task = 2;
  const Track& serving = (*session->annotations().regions_of(task))[0];
  ASSERT_FALSE(serving.empty());
  desk.view().time.show({serving.start_ns(0), serving.end_ns(0)});
  desk.view().reveal = task;
  desk.frames();
  std::set<std::optional<std::uint32_t>> lanes;
  for (float y = 100; y < 620; ++y) {
    desk.point(600, y);
    const Selection& hover = desk.view().hover;
    if (hover.task != task) continue;
    lanes.insert(hover.region ? std::optional(hover.region->lane) : std::nullopt);
    EXPECT_FALSE(hover.region && hover.span != kNoSpan);
  }
  EXPECT_TRUE(lanes.contains(std::nullopt));
  EXPECT_TRUE(lanes.contains(0));
}

TEST(Commands, ShiftSHidesSamplesAndShowsThemAgain) {
  Desk desk;
  desk.press('S', false, true);
  EXPECT_TRUE(desk.view().show_samples) << "this recording has none";
  desk.show(tests::make_called_session({.spans = 2'000}));
  const std::vector<std::uint32_t> shown = desk.pixels();
  desk.press('S', false, true);
  EXPECT_FALSE(desk.view().show_samples);
  EXPECT_NE(desk.pixels(), shown);
  desk.press('S', false, true);
  EXPECT_EQ(desk.pixels(), shown);
}

// Pixel by pixel down a worker's row: decisions, spans, the marks of samples on their floor.
TEST(Commands, APointerOnAMarkMeansTheSampleAndAClickShowsItsStack) {
  Desk desk;
  const SessionPtr session = tests::make_called_session({.spans = 2'000});
  desk.show(session);
  const SampleTable& samples = session->samples();
  const RowSamples row = samples.of_worker(1);
  ASSERT_FALSE(row.empty());
  const std::int64_t ns = samples.at(row.first + row.size() / 2).ns;
  desk.view().time.show({ns - 100'000, ns + 100'000});
  desk.frames();
  const float x = 220 + (1024 - 220) / 2;
  int met = 0;
  for (float y = 100; y < 400; ++y) {
    desk.point(x, y);
    const ViewState& view = desk.view();
    if (!view.hover_samples || view.hover_row->kind != RowKind::Worker) continue;
    if (view.hover_row->index != 1) continue;
    ++met;
    ASSERT_TRUE(view.hover.sample);
    EXPECT_EQ(samples[*view.hover.sample].worker, 1U);
    EXPECT_EQ(view.hover.span, kNoSpan);
    if (met > 1) continue;
    ImGui::GetIO().MouseDown[0] = true;
    desk.frames();
    ImGui::GetIO().MouseDown[0] = false;
    desk.frames();
    ASSERT_TRUE(desk.view().selection.sample);
    desk.press('C', true, true);
    EXPECT_NE(std::string(ImGui::GetClipboardText()).find("Sampled in:\n"), std::string::npos);
  }
  EXPECT_GT(met, 3);
}

TEST(Commands, CommaAndFullStopStepThroughTheSamplesOfTheRow) {
  Desk desk;
  const SessionPtr session = tests::make_called_session({.spans = 2'000});
  desk.show(session);
  const SampleTable& samples = session->samples();
  TaskIndex task = 0;
  while (samples.of_task(task).size() < 4) ++task;
  const RowSamples row = samples.of_task(task);
  desk.view().selection.task = task;
  for (std::size_t at = row.first; at < row.last; ++at) {
    desk.type(".");
    ASSERT_EQ(desk.view().selection.sample, samples.index_at(at));
  }
  desk.type(".");
  EXPECT_EQ(desk.view().selection.sample, samples.index_at(row.last - 1)) << "there is no next";
  desk.type(",");
  EXPECT_EQ(desk.view().selection.sample, samples.index_at(row.last - 2));
}

TEST(Commands, TheCallsAreZoomedAndSearchedByKey) {
  Desk desk;
  desk.show(tests::make_called_session({.spans = 4'000}));
  desk.press('C');
  ProfilePane& pane = desk.view().profile;
  ASSERT_TRUE(pane.open);
  EXPECT_EQ(desk.view().keys, KeysOf::Calls);
  EXPECT_EQ(pane.of, ProfileOf::Cpu);
  desk.press(ImGuiKey_DownArrow);
  desk.press(ImGuiKey_DownArrow);
  desk.press(ImGuiKey_RightArrow);
  EXPECT_EQ(pane.chosen.size(), 2U);
  EXPECT_TRUE(pane.zoom.empty());
  desk.press(ImGuiKey_Enter);
  EXPECT_EQ(pane.zoom, pane.chosen);
  EXPECT_EQ(desk.view().selection.task, kNoTask) << "arrows are the pane's";
  desk.type("/");
  desk.type("render");
  EXPECT_EQ(pane.search.text(), "render");
  EXPECT_FALSE(desk.view().search.open) << "the search of tasks is another one";
  desk.press(ImGuiKey_Escape);  // leaves the field
  desk.press(ImGuiKey_Escape);  // forgets what was typed
  EXPECT_EQ(pane.search.text(), "");
  desk.press(ImGuiKey_Escape);
  EXPECT_EQ(pane.zoom.size(), 1U);
  desk.press('C', false, true);
  EXPECT_EQ(pane.of, ProfileOf::Waits);
  desk.press('C');
  EXPECT_FALSE(pane.open);
}

TEST(Commands, TheCallsAreOfWhatIsSelectedAfterB) {
  Desk desk;
  desk.show(tests::make_called_session({.spans = 4'000}));
  desk.press('C');
  const std::vector<std::uint32_t> of_all = desk.pixels();
  desk.press('B');
  EXPECT_EQ(desk.view().profile.scope, ProfileScope::All) << "nothing is selected";
  desk.view().selection.task = 7;
  desk.press('B');
  EXPECT_EQ(desk.view().profile.scope, ProfileScope::Task);
  EXPECT_NE(desk.pixels(), of_all);
  desk.press('B');
  EXPECT_EQ(desk.view().profile.scope, ProfileScope::Group);
  desk.press('B');
  EXPECT_EQ(desk.view().profile.scope, ProfileScope::All);
}

TEST(Commands, TheCallsAndTheFindingsTakeTheKeysFromEachOther) {
  Desk desk;
  desk.show(tests::make_called_session({.spans = 4'000}));
  desk.press('C');
  desk.type("/");
  desk.type("ren");
  desk.press(ImGuiKey_Escape);
  desk.press('I');
  EXPECT_EQ(desk.view().keys, KeysOf::Findings);
  desk.press(ImGuiKey_DownArrow);
  EXPECT_TRUE(desk.view().profile.chosen.empty()) << "the arrows are the findings'";
  desk.press('C');
  EXPECT_EQ(desk.view().keys, KeysOf::Calls);
  EXPECT_TRUE(desk.view().profile.open);
  EXPECT_TRUE(desk.view().findings_pane.open);
}

TEST(Commands, WhoWaitsForWhomIsWalkedThroughByArrowsAndLeadsToTheTask) {
  Desk desk;
  desk.show(tests::HangingServer().session);
  desk.press('W', false, true);
  ASSERT_TRUE(desk.view().wait_for.open);
  EXPECT_EQ(desk.view().keys, KeysOf::WaitFor);
  const std::vector<std::uint32_t> first = desk.pixels();
  desk.press(ImGuiKey_RightArrow);
  EXPECT_NE(desk.view().wait_for.chosen, 0U);
  EXPECT_NE(desk.pixels(), first);
  desk.press(ImGuiKey_LeftArrow);
  desk.press(ImGuiKey_Enter);
  EXPECT_FALSE(desk.view().wait_for.open);
  EXPECT_NE(desk.view().selection.task, kNoTask);
  EXPECT_EQ(desk.view().keys, KeysOf::Rows);
  desk.press('W', false, true);
  desk.press(ImGuiKey_Escape);
  EXPECT_FALSE(desk.view().wait_for.open);
  EXPECT_NE(desk.view().selection.task, kNoTask) << "Esc closes what is in front only";
}

TEST(Commands, AWorkersCallsTurnIntoAllWhereOnlyTasksWait) {
  Desk desk;
  desk.show(tests::make_called_session({.spans = 4'000}));
  desk.press('C');
  desk.view().selection = {.worker = 0};
  desk.press('B');
  ASSERT_EQ(desk.view().profile.scope, ProfileScope::Worker);
  desk.press('C', false, true);
  const std::vector<std::uint32_t> of_worker = desk.pixels();
  desk.view().profile.scope = ProfileScope::All;
  EXPECT_EQ(desk.pixels(), of_worker) << "with the chip of all lit";
}

TEST(Commands, CallsOfARecordingWithoutStacksOpenAndDoNothing) {
  Desk desk;
  static std::string clipboard;
  clipboard = "as before";
  ImGui::GetIO().SetClipboardTextFn = [](void*, const char* text) { clipboard = text; };
  desk.press('C');
  EXPECT_TRUE(desk.view().profile.open);
  desk.press(ImGuiKey_DownArrow);
  desk.press('C', false, true);
  desk.press('C', true, true);
  EXPECT_EQ(desk.view().profile.of, ProfileOf::Waits);
  EXPECT_EQ(clipboard, "as before");
}

TEST(Commands, MemoryIsWalkedThroughByKeyAndStandsWhereTheCallsDo) {
  Desk desk;
  desk.show(tests::make_collected_session({.spans = 4'000}));
  desk.press('C');
  desk.press('E');
  MemoryPane& pane = desk.view().memory;
  ASSERT_TRUE(pane.open);
  EXPECT_EQ(desk.view().keys, KeysOf::Memory);
  EXPECT_FALSE(desk.view().profile.open);
  EXPECT_EQ(pane.chosen, 1U) << "the worst";
  EXPECT_EQ(desk.view().wanted_source.path, "/src/shop/server.cpp");
  desk.press(ImGuiKey_DownArrow);
  desk.press(ImGuiKey_DownArrow);
  EXPECT_EQ(pane.chosen, 3U);
  EXPECT_EQ(desk.view().selection.task, kNoTask) << "arrows are the pane's";
  desk.press('C', true);
  EXPECT_NE(std::string(ImGui::GetClipboardText()).find("server.cpp:22: make_array<"),
            std::string::npos);
  desk.press(ImGuiKey_RightArrow);
  desk.press(ImGuiKey_RightArrow);
  EXPECT_EQ(pane.filter, SiteFilter::Stay);
  EXPECT_EQ(pane.chosen, 4U) << "the one that is left";
  desk.press(ImGuiKey_Escape);
  EXPECT_EQ(desk.view().keys, KeysOf::Rows);
  desk.press('E');
  EXPECT_EQ(desk.view().keys, KeysOf::Memory);
  desk.press('E');
  EXPECT_FALSE(pane.open);
  EXPECT_EQ(desk.view().wanted_source.path, "");
}

TEST(Commands, CollectionsAreSteppedThroughAndDetailed) {
  Desk desk;
  desk.show(tests::make_collected_session({.spans = 4'000}));
  const std::vector<std::uint32_t> before = desk.pixels();
  desk.press('L');
  ASSERT_TRUE(desk.view().selection.collection);
  const std::uint32_t first = *desk.view().selection.collection;
  EXPECT_NE(desk.pixels(), before);
  desk.press('L');
  EXPECT_EQ(*desk.view().selection.collection, first + 1);
  desk.press('L', false, true);
  EXPECT_EQ(*desk.view().selection.collection, first);
  desk.press(ImGuiKey_Escape);
  EXPECT_FALSE(desk.view().selection.collection);
}

TEST(Commands, ARecordingWithoutCollectedMemorySaysSo) {
  Desk desk;
  desk.press('E');
  EXPECT_TRUE(desk.view().memory.open);
  desk.press(ImGuiKey_DownArrow);
  desk.press('L');
  EXPECT_FALSE(desk.view().selection.collection);
}

TEST(Commands, ThePaletteRunsWhatItNames) {
  Desk desk;
  desk.run("dark and light");
  EXPECT_EQ(desk.view().theme, Theme::Light);
  desk.run("group by name");
  EXPECT_EQ(desk.view().arrangement.grouping, Grouping::Name);
  desk.press('P', true, true);
  desk.press(ImGuiKey_Escape);
  EXPECT_EQ(desk.view().picker.kind, PickerKind::None);
}

TEST(Commands, EscapeInFrontLeavesWhatIsBehind) {
  Desk desk;
  desk.press(ImGuiKey_DownArrow);
  const Selection chosen = desk.view().selection;
  ASSERT_FALSE(chosen.empty());
  desk.press('P', true, true);
  desk.press(ImGuiKey_Escape);
  EXPECT_EQ(desk.view().selection, chosen);
  desk.press(ImGuiKey_Escape);
  EXPECT_TRUE(desk.view().selection.empty());
}

TEST(Commands, PinsTasksLikeThisAndStatisticsGoByKey) {
  Desk desk;
  desk.press('P', true);
  desk.type("read");
  desk.press(ImGuiKey_Enter);
  desk.press('P');
  EXPECT_EQ(desk.view().pins, (std::vector<Pin>{{RowKind::Task, 2}}));
  desk.press('O');
  EXPECT_EQ(desk.view().arrangement.filters, std::vector<std::string>{"name:=reader"});
  desk.press('H');
  EXPECT_EQ(desk.view().arrangement.filters.back(), "-name:=reader");
  desk.press('P');
  EXPECT_EQ(desk.view().pins.size(), 1U) << "nothing is selected any more";
  desk.press('G');
  ASSERT_TRUE(desk.view().area);
  EXPECT_GT(desk.view().area->rows->size(), 0U);
  desk.press(ImGuiKey_Escape);
  EXPECT_FALSE(desk.view().area);
}

TEST(Commands, AKeyThatIsHeldMovesOnButSwitchesOnce) {
  Desk desk;
  const TimeRange whole = desk.view().time.visible();
  desk.press('W');
  const std::int64_t once = desk.view().time.visible().length_ns();
  desk.view().time.show(whole);
  desk.hold('W', 60);
  EXPECT_LT(desk.view().time.visible().length_ns(), once / 2);
  desk.press(ImGuiKey_DownArrow);
  desk.hold('P', 60);
  EXPECT_EQ(desk.view().pins.size(), 1U);
}

TEST(Commands, TheHistoryOfTheViewGoesBackAndForward) {
  Desk desk;
  const TimeRange whole = desk.view().time.visible();
  desk.press('W');
  const TimeRange near = desk.view().time.visible();
  EXPECT_LT(near.length_ns(), whole.length_ns());
  desk.press(ImGuiKey_LeftArrow, false, false, true);
  EXPECT_EQ(desk.view().time.visible(), whole);
  desk.press(ImGuiKey_RightArrow, false, false, true);
  EXPECT_NEAR(static_cast<double>(desk.view().time.visible().length_ns()),
              static_cast<double>(near.length_ns()), 2);
}

TEST(Commands, DraggingOverRowsSelectsAnAreaAndAClickDoesNot) {
  Desk desk;
  ImGuiIO& io = ImGui::GetIO();
  const auto to = [&](float x, float y, bool down) {
    io.MousePos = {x, y};
    io.MouseDown[0] = down;
    desk.frames();
  };
  to(400, 480, false);
  to(400, 480, true);
  to(400, 480, false);
  EXPECT_FALSE(desk.view().area);
  EXPECT_NE(desk.view().selection.task, kNoTask);
  desk.press(ImGuiKey_Escape);
  to(400, 460, true);
  to(500, 500, true);
  to(600, 540, true);
  to(600, 540, false);
  ASSERT_TRUE(desk.view().area);
  EXPECT_TRUE(desk.view().selection.empty()) << "the press was no click";
  EXPECT_EQ(desk.view().area->rows->kind, RowKind::Task);
  EXPECT_GT(desk.view().area->rows->size(), 2U);
}

// Whatever can be done is done, one after the other; what it leads to must be drawable.
TEST(Commands, AllOfThemInSomeOrderLeaveAPicture) {
  Desk desk;
  const std::span<const Command> commands = all_commands();
  std::vector<std::string> names;
  for (const Command& command : commands) names.emplace_back(command.name);
  std::shuffle(names.begin(), names.end(), std::minstd_rand(7));
  for (std::size_t step = 0; step < names.size(); ++step) {
    if (names[step] == "Quit" || names[step] == "Save a picture") continue;
    desk.view().picker = {};
    desk.view().help_open = false;
    desk.view().search.open = false;
    if (step % 5 == 0) {
      desk.press(ImGuiKey_DownArrow);
      desk.press(ImGuiKey_RightArrow);
    }
    desk.run(names[step]);
  }
  EXPECT_EQ(desk.pixels().size(), 1024U * 640U);
}

}  // namespace
}  // namespace taskscope::viewer
