// Runs a fuzz target over named seeds: how the corpus takes part in the ordinary test run.
// Usage: TARGET FILE-OR-FOLDER…
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

void replay(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::vector<char> bytes((std::istreambuf_iterator<char>(file)), {});
  const auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data());
  // Every prefix too, while that is cheap: truncation is the commonest damage.
  const std::size_t step = bytes.size() / 64 + 1;
  for (std::size_t size = 0; size < bytes.size(); size += step) LLVMFuzzerTestOneInput(data, size);
  LLVMFuzzerTestOneInput(data, bytes.size());
}

}  // namespace

int main(int argc, char** argv) {
  int seeds = 0;
  for (int i = 1; i < argc; ++i) {
    if (!std::filesystem::is_directory(argv[i])) {
      replay(argv[i]);
      ++seeds;
      continue;
    }
    for (const auto& entry : std::filesystem::recursive_directory_iterator(argv[i])) {
      if (!entry.is_regular_file()) continue;
      replay(entry.path());
      ++seeds;
    }
  }
  std::printf("%d seeds replayed\n", seeds);
  return seeds == 0 ? 1 : 0;
}
