// One program of a recording, from its hello to its end: its connection, its clock, its rings, and
// what its events become.
//
// Programs share a store::Writer and nothing else, so what one of them does, or how it dies, is no
// other's affair. A round is look(), receive(), drain_rings(), advance(), in this order, so that
// what a program wrote before it died is read after its death was seen. Owned by the Recorder; its
// thread.
//
//   from        to          by
//   recorded    over        its goodbye, its socket's end or its death: over(), after a round
//   any         finished    finish(): its rows are whole, and all but its row and counts is given
//   up
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "recorder/ingest/handshake_socket.h"
#include "recorder/ingest/span_builder.h"
#include "recorder/store/rows.h"
#include "recorder/store/writer.h"
#include "runtime/base/unique_fd.h"

namespace taskscope::ingest {

class RecordedProgram {
 public:
  struct Introduction {
    trace_format::Hello hello;  // whose start makes sense
    pid_t pid = 0;              // of the other end, as the kernel says; 0: not known
    bool is_child = false;      // its death is told by died()
    store::ProgramId id = 1;
    std::int64_t zero_monotonic_ns = 0;  // the recording's time zero
  };
  // Borrows the writer, which must outlive it.
  RecordedProgram(HandshakeSocket socket, const Introduction& introduction, store::Writer& writer);
  ~RecordedProgram();
  RecordedProgram(const RecordedProgram&) = delete;
  RecordedProgram& operator=(const RecordedProgram&) = delete;

  // Whether its process has ended. What it wrote before is read by the rest of the round.
  void look();
  void died() { gone_ = true; }
  void receive();
  // Returns how full the fullest ring was, in 256ths, and 1 more if there was anything.
  std::size_t drain_rings();
  void advance();

  bool over() const { return said_bye_ || gone_ || socket_.fd() < 0; }
  bool finished() const { return live_ == nullptr; }
  // What its row says of one that outlived its recording.
  static constexpr const char* kWentOn = "went on without being recorded";
  // Completes its rows. REQUIRES: a round since it was over, if it is.
  void finish();

  // Asks it to end its recording; its answer is its goodbye.
  void leave();

  // What its events become. REQUIRES: it is not finished.
  SpanBuilder& builder();

  const store::ProgramRow& row() const { return row_; }
  // How its process ended, if somebody knows better than its connection.
  void set_exit_status(std::string status) { row_.exit_status = std::move(status); }
  const SpanBuilder::Counts& counts() const;
  std::int64_t last_ns() const;
  std::uint64_t smallest_ring() const;  // in records; 0: there is none
  std::vector<store::WaitingGroup> waiting_groups(std::int64_t now_ns);
  // Why it asked first that the recording be kept; none if it did not.
  const std::optional<std::string>& snapshot_request() const { return snapshot_request_; }
  const std::vector<std::string>& notes() const { return notes_; }
  int fd() const { return socket_.fd(); }
  bool is_child() const { return is_child_; }

 private:
  struct Live;  // what is given up when it is finished

  void note(std::string sentence);
  void receive_ring(Message& message);
  void count_unreported_losses(std::int64_t end_ns);

  // Constant after construction.
  std::int64_t zero_monotonic_ns_;
  base::TickSource tick_source_;
  bool is_child_;
  base::UniqueFd process_;  // a pidfd; none of our child

  HandshakeSocket socket_;
  std::unique_ptr<Live> live_;
  store::ProgramRow row_;
  SpanBuilder::Counts counts_;  // of one that is finished
  std::int64_t last_ns_ = 0;    // the same
  std::optional<std::string> snapshot_request_;
  std::vector<std::string> notes_;
  bool leaving_ = false;
  bool said_bye_ = false;
  bool gone_ = false;
  std::uint64_t end_ticks_ = 0;  // 0: the last event's
};

// The command line of a process as a person would type it into a shell; empty if nobody may know.
std::string command_of(pid_t pid);
std::string command_line(const std::vector<std::string>& command);

}  // namespace taskscope::ingest
