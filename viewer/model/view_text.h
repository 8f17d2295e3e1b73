// A view as a short text that reopens it, in this window or another, of this file:
//
//   ts1/range=1.2ms..3.4ms/task=17/top=task:12+5/fold=workers/unfold=group:3/theme=dark
//
// Nothing in it needs quoting in a shell. `ts1` is the version of the form; then come keys, each
// once, in any order:
//
//   range=A..B     visible                     task=ID       selected task
//   measure=A..B   measured on the ruler       span=TIME     its selected span, by its beginning
//   worker=ID      selected worker             finding=ID    the one that is read
//   top=ROW+PX     the topmost row, and how much of it is scrolled away
//   fold=ROW,…     folded, unlike at first     unfold=ROW,…  not folded, unlike at first
//   group=site|name|parent|none                sort=id|creation|name|STATE (by its time in view)
//   only=QUERY,…   filters, %XX-encoded        pin=ROW,…     rows that stay on top
//   theme=dark|light                           left=PX, drawer=PX, pane=PX: sizes of the parts
//   findings=closed|all|severe|proved|GROUP    their pane, and which of them it lists
//
// Rows are called workers, threads, tasks, queued, group:ID (of its first task), worker:ID,
// thread:ID, task:ID. Pure functions, usable from any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "runtime/base/result.h"
#include "viewer/model/view_description.h"

namespace taskscope::viewer {

std::string to_text(const ViewDescription& view);

// "site", "name", "parent", "none".
std::optional<Grouping> parse_grouping(std::string_view text);

// Errors: the sentence names the key that is unknown, twice there, or has a value it cannot have.
Result<ViewDescription> parse_view(std::string_view text);

}  // namespace taskscope::viewer
