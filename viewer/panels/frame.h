// One frame of the viewer: everything between NewFrame and Render.
//
// draw_frame reads the session and the pictures of its rows, follows mouse and keys, changes the
// ViewState and draws. It does no I/O and its cost is bounded by pixels. The window and the
// headless pictures call the very same function. UI thread only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "viewer/model/answers.h"
#include "viewer/model/finding_search.h"
#include "viewer/model/live.h"
#include "viewer/model/row_pictures.h"
#include "viewer/model/source_text.h"
#include "viewer/model/start.h"
#include "viewer/model/view_state.h"
#include "viewer/panels/canvas.h"
#include "viewer/panels/layout.h"
#include "viewer/panels/palette.h"

namespace taskscope::viewer {

enum class LoadStage : std::uint8_t { Opening, Decoding, Ready, Failed };

// How far the recording's loader is.
struct LoadStatus {
  LoadStage stage = LoadStage::Ready;
  double progress = 1;  // 0 to 1, of Decoding
  std::string path;
  std::string error;  // of Failed: one sentence
};

struct FrameInput {
  const TraceSession* session = nullptr;   // none while opening or after a failure
  RowPictures* pictures = nullptr;         // REQUIRES: not null if session is not
  const RowList* rows = nullptr;           // likewise
  Answers* answers = nullptr;              // likewise
  const FindingState* findings = nullptr;  // REQUIRES: not null
  const Fonts* fonts = nullptr;
  LoadStatus load;
  const StartContent* start = nullptr;  // shown while nothing is open
  const LiveInfo* live = nullptr;       // of what is recorded meanwhile
  const SourceText* source = nullptr;   // the file that a panel has asked for last, if any
  float scale = 1;
  double seconds = 0;               // since the frame before
  double last_frame_ms = 0;         // what the frame before cost
  bool footer = false;              // a picture that must stand alone
  DrawingRecord* record = nullptr;  // of what the panels draw, without notes and help
};

// What frames keep from the last one: what is dear to make and changes with its keys only.
struct FrameCache {
  // Of the minimap.
  const TraceSession* session = nullptr;
  std::size_t overview_columns = 0;
  std::vector<ClassTimes> overview;
  TraceSession no_session;  // what panels see while there is none

  // The sentences of the findings, broken into lines.
  FindingListPtr wrapped;
  float wrapped_px = 0;
  std::vector<std::vector<std::string>> finding_lines;

  // By function of the stacks: its name, from the longest to the shortest way to say it, and which
  // of the colours of regions it has.
  const TraceSession* named = nullptr;
  std::vector<std::vector<std::string>> function_names;
  std::vector<std::size_t> function_colors;

  // The profile as its table has it, and what the search finds of it.
  CallProfilePtr listed;
  bool listed_by_total = false;
  std::vector<ProfiledFunction> listed_functions;
  CallProfilePtr searched;
  std::string searched_for;
  std::int64_t found_weight = 0;

  // By set of an arrangement: what is found of its tasks.
  struct SetEvidence {
    std::optional<std::uint32_t> finding;  // the worst
    TimeRange when;                        // of it
  };
  FindingListPtr set_findings;
  ArrangementPtr set_arrangement;
  std::vector<SetEvidence> set_evidence;
};

// What every panel gets.
struct PanelContext {
  const FrameInput& input;
  const TraceSession& session;
  const Palette& colors;
  const Layout& layout;
  // Of the whole recording, in equal parts: one per minimap column, or fewer.
  const std::vector<ClassTimes>& overview;
  FrameCache& cache;
  Canvas& canvas;

  float px(float at_1) const;
  const Fonts& fonts() const { return *input.fonts; }
  const FindingList& findings() const { return *input.findings->list; }
  // There is something to see beside a message.
  bool shows_rows() const;
};

void draw_frame(const FrameInput& input, ViewState& view, FrameCache& cache);

}  // namespace taskscope::viewer
