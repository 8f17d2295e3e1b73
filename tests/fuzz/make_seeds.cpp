// Writes the seeds of the targets `recording`, `chunks` and `trace_file` from the text traces of
// the golden tests, and those of `messages`: make_seeds GOLDEN-FOLDER CORPUS-FOLDER
#include <zstd.h>

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "recorder/ingest/text_source.h"
#include "recorder/store/sqlite.h"
#include "runtime/base/check.h"
#include "runtime/trace_format/codec.h"
#include "runtime/trace_format/handshake.h"
#include "runtime/trace_format/text.h"
#include "runtime/trace_format/trace_file.h"

namespace {

namespace fs = std::filesystem;
using namespace taskscope;

std::string contents(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Small pages: seeds are mutated byte by byte, and most of a large page would be empty.
void shrink(const fs::path& recording) {
  sqlite3* opened = nullptr;
  TASKSCOPE_CHECK(sqlite3_open(recording.c_str(), &opened) == SQLITE_OK);
  const store::DatabaseHandle database(opened);
  TASKSCOPE_CHECK(sqlite3_exec(opened, "PRAGMA page_size=512; VACUUM", nullptr, nullptr, nullptr) ==
                  SQLITE_OK);
}

void write(const fs::path& path, const void* data, std::size_t bytes) {
  std::ofstream(path, std::ios::binary)
      .write(static_cast<const char*>(data), static_cast<std::streamsize>(bytes));
}

void write_chunks(const fs::path& recording, const fs::path& folder) {
  sqlite3* opened = nullptr;
  TASKSCOPE_CHECK(sqlite3_open(recording.c_str(), &opened) == SQLITE_OK);
  const store::DatabaseHandle database(opened);
  store::Statement chunks(opened, "SELECT id, data FROM chunk");
  while (chunks.step() == SQLITE_ROW) {
    const auto name = recording.stem().string() + std::to_string(chunks.integer(0)) + ".chunk";
    const auto blob = chunks.blob(1);
    write(folder / name, blob.data(), blob.size());
    std::string raw(ZSTD_getFrameContentSize(blob.data(), blob.size()), 0);
    ZSTD_decompress(raw.data(), raw.size(), blob.data(), blob.size());
    write(folder / (name + ".raw"), raw.data(), raw.size());
  }
}

trace_format::Hello hello_of_two_workers() {
  trace_format::Hello hello{.workers = 2, .pid = 1, .start = {.ticks = 1, .monotonic_ns = 1}};
  std::snprintf(hello.program, sizeof hello.program, "program");
  return hello;
}

// One conversation: packets, each after its length.
class Packets {
 public:
  template <class Message>
  Packets& add(const Message& message, std::size_t bytes = sizeof(Message)) {
    const auto length = static_cast<std::uint16_t>(bytes);
    bytes_.append(reinterpret_cast<const char*>(&length), sizeof length);
    bytes_.append(reinterpret_cast<const char*>(&message), bytes);
    return *this;
  }
  void write_to(const fs::path& path) const { write(path, bytes_.data(), bytes_.size()); }

 private:
  std::string bytes_;
};

void write_messages(const fs::path& folder) {
  namespace tf = trace_format;
  const tf::Hello hello = hello_of_two_workers();
  tf::Hello newer = hello;
  newer.format_major = tf::kFormatMajor + 1;
  tf::Hello other_protocol = hello;
  other_protocol.header.version = tf::kProtocolVersion + 1;
  tf::Refused refused;
  std::snprintf(refused.reason, sizeof refused.reason, "It is being recorded already.");
  const tf::RingOffer offer{.worker_id = 0, .capacity = 4096};
  Packets().add(hello).add(offer).add(tf::Bye()).write_to(folder / "life.bin");
  Packets().add(refused).write_to(folder / "refused.bin");
  Packets().add(newer).write_to(folder / "newer_format.bin");
  Packets().add(other_protocol).write_to(folder / "other_protocol.bin");
  Packets().add(offer).add(hello, 40).add(hello).write_to(folder / "junk_first.bin");
  Packets().add(tf::Request()).add(tf::Info()).add(tf::Detach()).write_to(folder / "wrong_way.bin");
}

// The file that a program of these events would have written, without the magic number: all rings
// are read once every few events.
class TraceFile {
 public:
  explicit TraceFile(const std::vector<trace_format::TextEvent>& events) {
    namespace tf = trace_format;
    add(tf::BlockKind::Packet, tf::kNoWorker, hello_of_two_workers());
    for (const tf::TextEvent& item : events) offer(item.ring);
    for (std::size_t i = 0; i < events.size(); ++i) {
      const auto* spec = tf::find_event_spec(static_cast<std::uint8_t>(events[i].event.kind));
      tf::TextRecords records{tf::encode(events[i].event)};
      const std::size_t count = spec->aux == tf::AuxField::Bytes
                                    ? tf::encode_text(events[i].event, events[i].text, records)
                                    : 1;
      add_bytes(tf::BlockKind::Records, events[i].ring, records.data(), count * sizeof(tf::Record));
      const auto ticks = events[i].event.ticks;
      const auto ns = static_cast<std::int64_t>(ticks);
      if (i % 4 == 3) {
        add(tf::BlockKind::Round, tf::kNoWorker,
            base::ClockAnchor{.ticks = ticks, .monotonic_ns = ns, .realtime_ns = ns});
      }
    }
    add(tf::BlockKind::Lost, 0, std::uint64_t{0});
    add(tf::BlockKind::Packet, tf::kNoWorker, tf::Bye());
  }
  void write_to(const fs::path& path) const { write(path, bytes_.data(), bytes_.size()); }

 private:
  template <class Value>
  void add(trace_format::BlockKind kind, trace_format::WorkerId worker_id, const Value& value) {
    add_bytes(kind, worker_id, &value, sizeof value);
  }
  void add_bytes(trace_format::BlockKind kind, trace_format::WorkerId worker_id, const void* data,
                 std::size_t bytes) {
    const trace_format::BlockHead head{.kind = kind, .worker_id = worker_id, .bytes = bytes};
    bytes_.append(reinterpret_cast<const char*>(&head), sizeof head);
    bytes_.append(static_cast<const char*>(data), bytes);
  }
  void offer(trace_format::WorkerId worker_id) {
    if (!offered_.insert(worker_id).second) return;
    add(trace_format::BlockKind::Packet, trace_format::kNoWorker,
        trace_format::RingOffer{.worker_id = worker_id, .capacity = 4096});
  }

  std::string bytes_;
  std::set<trace_format::WorkerId> offered_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: make_seeds GOLDEN-FOLDER CORPUS-FOLDER\n");
    return 2;
  }
  const fs::path corpus = argv[2];
  for (const char* name : {"recording", "chunks", "messages", "trace_file"}) {
    fs::create_directories(corpus / name);
  }
  write_messages(corpus / "messages");
  for (const auto& entry : fs::directory_iterator(argv[1])) {
    if (entry.path().extension() != ".trace") continue;
    const auto events = trace_format::parse_text(contents(entry.path()));
    TASKSCOPE_CHECK(events.has_value());
    TraceFile(*events).write_to(corpus / "trace_file" /
                                (entry.path().stem().string() + ".tstrace"));
    const fs::path recording = corpus / "recording" / (entry.path().stem().string() + ".db");
    fs::remove(recording);
    TASKSCOPE_CHECK(ingest::record_text(contents(entry.path()), recording).has_value());
    write_chunks(recording, corpus / "chunks");
    shrink(recording);
  }
  return 0;
}
