// Writes the seeds of the targets `recording` and `chunks` from the text traces of the golden
// tests: make_seeds GOLDEN-FOLDER CORPUS-FOLDER
#include <zstd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "recorder/ingest/text_source.h"
#include "recorder/store/sqlite.h"
#include "runtime/base/check.h"

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

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: make_seeds GOLDEN-FOLDER CORPUS-FOLDER\n");
    return 2;
  }
  const fs::path corpus = argv[2];
  for (const char* name : {"recording", "chunks"}) fs::create_directories(corpus / name);
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
