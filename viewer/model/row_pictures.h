// Pictures of rows: the cells of a track over three times the visible range, made on worker threads
// and kept for as long as they are of use.
//
// The UI thread asks once a frame for each visible row. It gets the exact picture if there is one,
// else the latest one of that row (of another zoom; to be drawn stretched), else nothing, and the
// exact one is ordered. Nobody waits, except by wait_idle (pictures without a window) and, for a
// few frames' time, wait_idle_for.
//
// One UI thread calls everything but the internals; queries run on threads owned here.
#pragma once

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "viewer/model/rows.h"
#include "viewer/model/session.h"

namespace taskscope::viewer {

struct RowPicture {
  ColumnGrid grid;
  std::int64_t first = 0;  // columns [first, last) were asked
  std::int64_t last = 0;
  std::vector<Cell> cells;
  std::vector<Cell> idle;                // of a worker, by IdleTimes
  std::vector<Cell> pauses;              // of the collector's row; its cells are phases (memory.h)
  std::vector<DecisionGroup> decisions;  // of a worker, or on the queues' row those of others
  // Of a task: its regions, by depth. Classes are numbers of colours.
  std::array<std::vector<Cell>, kRegionLanes> regions;

  bool covers(const ColumnGrid& wanted, std::int64_t from, std::int64_t to) const {
    return grid == wanted && first <= from && last >= to;
  }
};
using RowPicturePtr = std::shared_ptr<const RowPicture>;  // shared: UI draws while it is replaced

class RowPictures {
 public:
  // `on_ready` is called on a query thread after a picture was stored; it may wake the UI.
  RowPictures(SessionPtr session, std::function<void()> on_ready);
  ~RowPictures();
  RowPictures(const RowPictures&) = delete;
  RowPictures& operator=(const RowPictures&) = delete;

  // Starts a frame: orders of earlier frames that nobody repeats are dropped.
  void begin_frame();
  // Row heights are those of the list that the row is from and stay the same for a row.
  RowPicturePtr find(const Row& row, const ColumnGrid& grid, std::int64_t first, std::int64_t last);
  // What rows of the kind TaskSet are drawn from; the pictures of another one are forgotten.
  void set_arrangement(ArrangementPtr arrangement);
  void wait_idle();
  // As long as that, at most.
  void wait_idle_for(std::chrono::milliseconds limit);

 private:
  using Key = std::pair<RowKind, std::uint32_t>;
  struct Order {
    Key key;
    int height = 0;  // px
    ColumnGrid grid;
    std::int64_t first = 0;
    std::int64_t last = 0;
    ArrangementPtr arrangement;  // of a TaskSet
  };
  struct Entry {
    RowPicturePtr picture;
    std::uint64_t used = 0;
  };
  void work();
  RowPicture draw(const Order& order) const;
  void draw_regions(const Order& order, RowPicture& picture) const;
  void forget_oldest();

  // Constant after construction.
  SessionPtr session_;
  std::function<void()> on_ready_;

  // Guarded by mutex_.
  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable idle_;
  std::deque<Order> orders_;
  std::map<Key, Entry> entries_;
  ArrangementPtr arrangement_;
  std::uint64_t frame_ = 0;
  int busy_ = 0;
  bool stop_ = false;

  std::vector<std::thread> threads_;
};

// What RowPictures computes, for one row.
std::vector<Cell> row_cells(const TraceSession& session, const Row& row, const ColumnGrid& grid,
                            std::int64_t first, std::int64_t last);

// The decisions that a row shows; nullptr: it has no lane for them.
const DecisionTrack* row_decisions(const TraceSession& session, const Row& row);

}  // namespace taskscope::viewer
