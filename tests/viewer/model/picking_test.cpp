// What somebody types to choose something: the line itself, commands by letters, tasks by words.
#include <gtest/gtest.h>

#include "tests/support/synthetic_session.h"
#include "viewer/model/fuzzy.h"
#include "viewer/model/line_editor.h"
#include "viewer/model/task_finder.h"
#include "viewer/model/view_state.h"

namespace taskscope::viewer {
namespace {

TEST(Fuzzy, LettersMustOccurInTheirOrder) {
  EXPECT_TRUE(fuzzy_score("zi", "Zoom in"));
  EXPECT_TRUE(fuzzy_score("ZOOM in", "zoom in"));
  EXPECT_TRUE(fuzzy_score("", "anything"));
  EXPECT_FALSE(fuzzy_score("iz", "Zoom in"));
  EXPECT_FALSE(fuzzy_score("zoomm", "Zoom in"));
  EXPECT_FALSE(fuzzy_score("a", ""));
}

TEST(Fuzzy, StartsOfWordsAndRunsOfLettersAreBest) {
  const auto better = [](std::string_view typed, std::string_view a, std::string_view b) {
    return *fuzzy_score(typed, a) > *fuzzy_score(typed, b);
  };
  EXPECT_TRUE(better("gt", "Go to task", "Later tags about it"));
  EXPECT_TRUE(better("sort", "Sort tasks by name", "Statistics of what is in view, or not"));
  EXPECT_TRUE(better("fit", "Fit all", "Fit the whole recording")) << "the shorter one";
  EXPECT_TRUE(better("later", "Later", "Lists all tasks by ended runs"));
}

TEST(LineEditor, EditsAtTheCursorAndWholeCharacters) {
  LineEditor line;
  line.insert("aé");
  line.insert(0x20acU);  // €
  EXPECT_EQ(line.text(), "aé€");
  line.left();
  line.left();
  line.insert("-");
  EXPECT_EQ(line.text(), "a-é€");
  line.erase_after();
  EXPECT_EQ(line.text(), "a-€");
  line.end();
  line.erase_before();
  EXPECT_EQ(line.text(), "a-");
  line.home();
  line.erase_before();
  line.left();
  EXPECT_EQ(line.cursor(), 0U);
  line.insert("x\ny");
  EXPECT_EQ(line.text(), "x ya-");
}

TEST(LineEditor, WhatIsSelectedIsReplacedByWhatIsTyped) {
  LineEditor line;
  line.set_text("state:blocked");
  line.select_all();
  line.insert("x");
  EXPECT_EQ(line.text(), "x");
  line.set_text("state:blocked dur:>1ms");
  line.erase_word_before();
  EXPECT_EQ(line.text(), "state:blocked ");
  line.select_all();
  line.erase_before();
  EXPECT_EQ(line.text(), "");
  line.select_all();
  EXPECT_FALSE(line.all_selected()) << "of nothing";
}

TEST(TaskFinder, PutsTheNumberFirstThenLabelsThenPlaces) {
  const SessionPtr session = tests::make_synthetic_session({.spans = 500});
  const std::atomic<bool> stop{false};
  const auto ids = [&](std::string_view typed, std::size_t most = 1'000) {
    std::vector<store::TaskId> out;
    for (const TaskIndex task : find_tasks(*session, typed, most, stop).tasks) {
      out.push_back(session->tasks()[task].row.id);
    }
    return out;
  };
  EXPECT_EQ(ids("7").front(), 7U);
  EXPECT_EQ(ids("").size(), session->tasks().size());
  EXPECT_EQ(ids("READ").size(), 8U);
  EXPECT_EQ(ids("read nobody"), std::vector<store::TaskId>{}) << "every word must fit";
  EXPECT_GE(ids("pipeline.cpp").size(), 40U);
  EXPECT_EQ(ids("pipeline.cpp", 3).size(), 3U);
  EXPECT_EQ(find_tasks(*session, "pipeline.cpp", 3, stop).total, ids("pipeline.cpp").size());
  EXPECT_TRUE(ids("nobody").empty());
}

TEST(Filters, AreAddedOnceAndSayWhatTheyDo) {
  ViewState view;
  add_filter(view, "name:reader");
  add_filter(view, "name:reader");
  EXPECT_EQ(view.arrangement.filters.size(), 1U);
  EXPECT_EQ(filter_text("name:reader"), "only tasks: name:reader");
  EXPECT_EQ(filter_text("-name:reader"), "without tasks: name:reader");
  EXPECT_EQ(filter_text("-name:reader state:lock"), "only tasks: -name:reader state:lock");
  Task task;
  task.name = "split words";
  EXPECT_EQ(tasks_like(task), "name:\"=split words\"");
}

}  // namespace
}  // namespace taskscope::viewer
