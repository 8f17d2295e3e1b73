// A list in front of everything: the command palette, "go to task", the menu of a row. Typing
// narrows it, arrows, wheel and Enter or the mouse choose. Lives for one frame; what lasts is in
// the ViewState. UI thread only.
#pragma once

#include <vector>

#include "viewer/panels/commands.h"
#include "viewer/panels/frame.h"

namespace taskscope::viewer {

class Picker {
 public:
  Picker(const PanelContext& context, const ViewState& view);

  // Keys and mouse; the mouse clicks nothing behind it.
  void handle(ViewState& view);
  void draw(const ViewState& view) const;

 private:
  struct Item {
    std::string name;
    std::string beside;  // quieter
    std::string right;   // key or place
  };
  void find_commands(const ViewState& view);
  void find_tasks(const ViewState& view);
  void place(const ViewState& view);
  std::size_t size() const;
  std::size_t rows_seen() const;
  Item item(std::size_t at) const;
  Box row_box(const ViewState& view, std::size_t at) const;
  void handle_mouse(ViewState& view);
  void choose(ViewState& view);

  const PanelContext& context_;
  PickerKind kind_;
  std::vector<const Command*> commands_;
  std::shared_ptr<const FoundTasks> tasks_;  // shared: of Answers
  bool searching_ = false;
  Box box_;
  Box field_;  // empty in a menu
  Box list_;
};

}  // namespace taskscope::viewer
