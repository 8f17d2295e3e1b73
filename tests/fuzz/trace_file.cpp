// A file that says a program wrote it about itself (TASKSCOPE_TRACE): importing it gives an error
// in a sentence or a recording that can be read, never a crash, a hang or a file left behind.
#include "runtime/trace_format/trace_file.h"

#include <stdlib.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "recorder/ingest/trace_file_import.h"
#include "recorder/store/reader.h"
#include "runtime/base/check.h"
#include "runtime/base/unique_fd.h"

namespace {

using namespace taskscope;

// The input, behind the number that every trace file begins with, and where its recording goes.
class Files {
 public:
  Files() { TASKSCOPE_CHECK(mkdtemp(folder_.data()) != nullptr); }
  ~Files() {
    unlink(trace().c_str());
    unlink(recording().c_str());
    rmdir(folder_.c_str());
  }
  void fill(const std::uint8_t* data, std::size_t size) const {
    const base::UniqueFd file(mkstemp_as(trace()));
    const std::uint64_t magic = trace_format::kTraceFileMagic;
    TASKSCOPE_CHECK(write(file.get(), &magic, sizeof magic) == sizeof magic);
    TASKSCOPE_CHECK(write(file.get(), data, size) == static_cast<ssize_t>(size));
  }
  std::string trace() const { return folder_ + "/a.tstrace"; }
  std::string recording() const { return folder_ + "/a.tscope"; }

 private:
  static int mkstemp_as(const std::string& path) {
    unlink(path.c_str());
    std::string name = path + "XXXXXX";
    const int file = mkstemp(name.data());
    TASKSCOPE_CHECK(file >= 0 && rename(name.c_str(), path.c_str()) == 0);
    return file;
  }

  std::string folder_ = "/tmp/taskscope-fuzz-XXXXXX";
};

void read_all(const store::Reader& reader) {
  const auto chunks = reader.chunks();
  TASKSCOPE_CHECK(chunks.has_value());
  std::vector<store::Span> spans;
  std::vector<store::EventRow> events;
  for (const auto& chunk : *chunks) {
    TASKSCOPE_CHECK(reader.read_spans(chunk.id, spans).has_value());
    TASKSCOPE_CHECK(reader.read_events(chunk.id, events).has_value());
  }
  TASKSCOPE_CHECK(reader.tasks().has_value() && reader.leaks().has_value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Files files;
  files.fill(data, size);
  const auto imported = ingest::import_trace_file(files.trace(), files.recording());
  if (!imported) {
    TASKSCOPE_CHECK(imported.error().message.ends_with('.'));
    TASKSCOPE_CHECK(access((files.recording() + ".partial").c_str(), F_OK) != 0);
    return 0;
  }
  const auto reader = store::Reader::open(files.recording());
  TASKSCOPE_CHECK(reader.has_value());
  read_all(*reader);
  return 0;
}
