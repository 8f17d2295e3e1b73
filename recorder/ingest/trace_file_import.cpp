#include "recorder/ingest/trace_file_import.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "recorder/ingest/clock_map.h"
#include "recorder/ingest/handshake_socket.h"
#include "recorder/ingest/merge.h"
#include "recorder/ingest/output_file.h"
#include "recorder/ingest/recording_meta.h"
#include "recorder/ingest/span_builder.h"
#include "runtime/trace_format/trace_file.h"

namespace taskscope::ingest {
namespace tf = trace_format;
namespace {

constexpr int kRoundsPerCommit = 100;
constexpr std::uint64_t kUnreadBytesMax = tf::kBlockBytesMax;

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using FileHandle = std::unique_ptr<std::FILE, CloseFile>;

// The blocks of a trace file, one after the other.
class Blocks {
 public:
  Blocks(FileHandle file, std::uint64_t bytes) : file_(std::move(file)), left_(bytes) {}

  // False at the end, and where the file is cut or damaged. Of records that were cut, the whole
  // ones are the last block.
  bool next(tf::BlockHead& head) {
    if (cut_ || left_ == 0) return false;
    cut_ = true;
    if (left_ < sizeof head || std::fread(&head, sizeof head, 1, file_.get()) != 1) return false;
    left_ -= sizeof head;
    if (head.bytes > tf::kBlockBytesMax) return false;
    cut_ = head.bytes > left_;
    if (cut_ && head.kind == tf::BlockKind::Records) {
      head.bytes = left_ - left_ % sizeof(tf::Record);
    }
    return head.bytes <= left_;
  }
  // The bytes of the block that next() found.
  bool read(void* out, std::uint64_t bytes) {
    left_ -= bytes;
    const bool whole = bytes == 0 || std::fread(out, bytes, 1, file_.get()) == 1;
    cut_ = cut_ || !whole;
    return whole;
  }
  void skip(std::uint64_t bytes) {
    left_ -= bytes;
    if (std::fseek(file_.get(), static_cast<long>(bytes), SEEK_CUR) != 0) cut_ = true;
  }
  bool cut() const { return cut_; }

 private:
  FileHandle file_;
  std::uint64_t left_;
  bool cut_ = false;
};

class Import {
 public:
  explicit Import(store::Writer& writer)
      : writer_(writer), builder_(writer), merge_(builder_, clock_) {}

  // Takes all blocks up to the end, or to the damage.
  Result<void> take_all(Blocks& blocks) {
    tf::BlockHead head;
    while (blocks.next(head)) {
      const auto taken = take(blocks, head);
      if (!taken) return taken;
    }
    if (!hello_) return Error{"there is no program in it."};
    return {};
  }

  Result<void> finish(const Blocks& blocks) {
    merge_.drain();
    for (const auto& [worker_id, ring] : rings_) {
      const std::uint64_t lost = std::min(ring.lost, tf::kIdMask);
      const std::uint64_t reported = merge_.reported_lost(ring.merge_ring);
      if (lost <= reported) continue;
      builder_.lose(merge_.builder_ring(ring.merge_ring), lost - reported, builder_.last_ns());
    }
    RecordingEnd end{.exit_status = said_bye_ ? "ended" : "ended without a goodbye"};
    if (end_ticks_ != 0) end.end_ns = clock_.to_ns(end_ticks_);
    if (merge_.unknown_records() > 0) {
      end.notes = std::to_string(merge_.unknown_records()) +
                  " records were of no kind that this version knows and were skipped.\n";
    }
    if (blocks.cut()) {
      end.notes +=
          "The trace file ends in the middle of something: its program was killed, its disk was "
          "full, or the file is damaged.";
    }
    return complete(builder_, writer_, std::move(end), describe(*hello_, 1, 0));
  }

 private:
  struct Ring {
    std::size_t merge_ring = 0;
    std::uint64_t lost = 0;
  };

  Result<void> take(Blocks& blocks, const tf::BlockHead& head) {
    const auto ring = rings_.find(head.worker_id);
    switch (head.kind) {
      case tf::BlockKind::Packet:
        return take_packet(blocks, head.bytes);
      case tf::BlockKind::Records:
        if (ring == rings_.end() || head.bytes % sizeof(tf::Record) != 0) break;
        // An honest file ends its rounds earlier.
        if ((unread_bytes_ += head.bytes) > kUnreadBytesMax) merge_.advance();
        static_cast<void>(blocks.read(
            merge_.extend(ring->second.merge_ring, head.bytes / sizeof(tf::Record)).data(),
            head.bytes));
        return {};
      case tf::BlockKind::Round:
        return take_round(blocks, head.bytes);
      case tf::BlockKind::Lost:
        if (ring == rings_.end() || head.bytes != sizeof ring->second.lost) break;
        static_cast<void>(blocks.read(&ring->second.lost, head.bytes));
        return {};
    }
    blocks.skip(head.bytes);
    return {};
  }

  Result<void> take_packet(Blocks& blocks, std::uint64_t bytes) {
    std::array<std::byte, sizeof(tf::Hello)> packet;
    if (bytes > packet.size()) {
      blocks.skip(bytes);
      return {};
    }
    if (!blocks.read(packet.data(), bytes)) return {};
    Message message;
    std::string why;
    const auto received = parse_message(std::span(packet).first(bytes), message, why);
    if (received == HandshakeSocket::Received::WrongVersion) return Error{why};
    if (received != HandshakeSocket::Received::Message) return {};
    if (message.type == tf::MessageType::Hello && !hello_ &&
        message.hello.start.monotonic_ns >= 0) {
      hello_ = message.hello;
      clock_ = ClockMap(hello_->tick_source, hello_->start, hello_->start.monotonic_ns);
      describe(*hello_, writer_);
    }
    if (message.type == tf::MessageType::RingOffer && hello_) take_ring(message.offer.worker_id);
    if (message.type == tf::MessageType::Bye) {
      said_bye_ = true;
      end_ticks_ = message.bye.end_ticks;
    }
    return {};
  }

  void take_ring(store::WorkerId worker_id) {
    if (worker_id != tf::kNoWorker && worker_id > tf::kWorkerMax) return;
    const auto [ring, is_new] = rings_.try_emplace(worker_id);
    if (is_new) ring->second.merge_ring = merge_.add_ring(worker_id);
  }

  Result<void> take_round(Blocks& blocks, std::uint64_t bytes) {
    base::ClockAnchor now;
    if (bytes != sizeof now) {
      blocks.skip(bytes);
      return {};
    }
    if (!blocks.read(&now, sizeof now)) return {};
    if (now.monotonic_ns >= 0) clock_.add_anchor(now);
    merge_.advance();
    unread_bytes_ = 0;
    if (++rounds_ % kRoundsPerCommit != 0) return {};
    builder_.store_new_entities();
    return writer_.commit();
  }

  store::Writer& writer_;
  ClockMap clock_;
  SpanBuilder builder_;
  Merge merge_;
  std::map<store::WorkerId, Ring> rings_;
  std::optional<tf::Hello> hello_;
  bool said_bye_ = false;
  std::uint64_t end_ticks_ = 0;
  std::uint64_t rounds_ = 0;
  std::uint64_t unread_bytes_ = 0;  // of records since the last round
};

FileHandle open_trace_file(const std::string& path) {
  FileHandle file(std::fopen(path.c_str(), "rbe"));
  std::uint64_t magic = 0;
  if (file != nullptr &&
      (std::fread(&magic, sizeof magic, 1, file.get()) != 1 || magic != tf::kTraceFileMagic)) {
    errno = 0;
    file.reset();
  }
  return file;
}

}  // namespace

Result<void> import_trace_file(const std::string& trace_path, const std::string& path) {
  errno = 0;
  FileHandle file = open_trace_file(trace_path);
  struct stat status {};
  if (file == nullptr || fstat(fileno(file.get()), &status) != 0 || !S_ISREG(status.st_mode)) {
    return Error{errno != 0 ? "Cannot read " + trace_path + ": " + std::strerror(errno) + "."
                            : trace_path + " is not a trace file: no program wrote it with " +
                                  tf::kTraceFileVariable + "=FILE."};
  }
  auto output = OutputFile::reserve(path);
  if (!output) return output.error();
  auto writer = store::Writer::create(output->partial_path());
  if (!writer) {
    output->discard();
    return writer.error();
  }
  Blocks blocks(std::move(file),
                static_cast<std::uint64_t>(status.st_size) - sizeof tf::kTraceFileMagic);
  Import import(*writer);
  auto done = import.take_all(blocks);
  if (done) done = import.finish(blocks);
  if (!done) {
    { const store::Writer closed = std::move(*writer); }
    output->discard();
    return Error{"Cannot import " + trace_path + ": " + done.error().message};
  }
  return output->keep();
}

}  // namespace taskscope::ingest
