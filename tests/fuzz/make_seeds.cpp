// Writes the seeds of the targets `recording` and `chunks` from the text traces of the golden
// tests, and those of `messages`: make_seeds GOLDEN-FOLDER CORPUS-FOLDER
#include <zstd.h>

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "recorder/ingest/text_source.h"
#include "recorder/store/sqlite.h"
#include "runtime/base/check.h"
#include "runtime/trace_format/handshake.h"

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
  tf::Hello hello{.workers = 2, .pid = 1, .start = {.ticks = 1, .monotonic_ns = 1}};
  std::snprintf(hello.program, sizeof hello.program, "program");
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

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: make_seeds GOLDEN-FOLDER CORPUS-FOLDER\n");
    return 2;
  }
  const fs::path corpus = argv[2];
  for (const char* name : {"recording", "chunks", "messages"}) {
    fs::create_directories(corpus / name);
  }
  write_messages(corpus / "messages");
  for (const auto& entry : fs::directory_iterator(argv[1])) {
    if (entry.path().extension() != ".trace") continue;
    const fs::path recording = corpus / "recording" / (entry.path().stem().string() + ".db");
    fs::remove(recording);
    TASKSCOPE_CHECK(ingest::record_text(contents(entry.path()), recording).has_value());
    write_chunks(recording, corpus / "chunks");
    shrink(recording);
  }
  return 0;
}
