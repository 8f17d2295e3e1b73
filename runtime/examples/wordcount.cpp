// wordcount: counts the words in all text files below a directory.
//
// A pipeline of tasks over channels, the way one writes it in Go:
//
//   walker ──paths──▶ readers ──blocks of text──▶ splitters ──partial counts──▶ mergers ──▶ table
//
// The walker lists the files; readers load them in blocks of about 64 KiB that end between words;
// splitters count the words of a block in a table of their own; mergers add those tables to the
// final one, which a mutex guards. Each stage is a pool of tasks; the last task of a stage closes
// the channel to the next, and closed channels end the loops of those who receive.
//
// A word is a maximal run of the letters A-Z and a-z, counted in lower case; a file's end ends a
// word. For one file the same as:  tr -cs A-Za-z '\n' | tr A-Z a-z | grep . | sort | uniq -c
// Symbolic links are not followed. A file with a NUL byte in its first 4 KiB is taken for binary
// and skipped, which the summary says.
#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <utility>
#include <vector>

#include "runtime/taskscope.h"

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBlockBytes = std::size_t{64} * 1024;
constexpr std::size_t kBinaryProbeBytes = std::size_t{4} * 1024;
constexpr int kBlocksPerPartialCount = 16;
constexpr std::size_t kProblemsShown = 10;

// Looked up by string_view, so that a known word allocates nothing.
struct WordHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view word) const {
    return std::hash<std::string_view>{}(word);
  }
};
using Counts = std::unordered_map<std::string, std::uint64_t, WordHash, std::equal_to<>>;

struct Options {
  std::string directory;
  int tasks_per_stage = 4;
  std::size_t top = 10;  // words to print
};

// What the tasks share. Each mutex guards the fields below it.
struct Totals {
  ts::Mutex counts_mutex;
  Counts counts;

  ts::Mutex files_mutex;
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
  std::uint64_t binary_files = 0;
  std::vector<std::string> problems;  // one sentence for each file or folder that was not read
};

void note_problem(Totals& totals, const fs::path& path, const std::string& what) {
  std::scoped_lock lock(totals.files_mutex);
  totals.problems.push_back(path.string() + ": " + what);
}

// Stage 1: sends the path of every regular file below `root`.
void walk(const fs::path& root, ts::Sender<fs::path> paths, Totals& totals) {
  std::vector<fs::path> folders{root};
  while (!folders.empty()) {
    const fs::path folder = std::move(folders.back());
    folders.pop_back();
    std::error_code error;
    fs::directory_iterator entry(folder, error);
    while (!error && entry != fs::directory_iterator()) {
      std::error_code ignored;  // an entry that vanished meanwhile is neither kind
      const fs::file_status status = entry->symlink_status(ignored);
      if (fs::is_directory(status)) folders.push_back(entry->path());
      if (fs::is_regular_file(status)) paths.send(entry->path());
      entry.increment(error);
    }
    if (error) note_problem(totals, folder, error.message());
  }
}

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// Where the word that the text ends with starts; its size if it ends between words.
std::size_t last_word_start(std::string_view text) {
  std::size_t start = text.size();
  while (start > 0 && is_letter(text[start - 1])) --start;
  return start;
}

// Sends the full words of `block` on and keeps the letters of one that may go on.
void send_whole_words(std::string& block, ts::Sender<std::string> blocks) {
  const std::size_t cut = last_word_start(block);
  if (cut == 0) return;  // one long word so far
  std::string rest = block.substr(cut);
  block.resize(cut);
  blocks.send(std::exchange(block, std::move(rest)));
}

// Appends the file to `block` and sends it on whenever it is large enough.
void read_file(const fs::path& path, std::string& block, ts::Sender<std::string> blocks,
               Totals& totals) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"),
                                                             std::fclose);
  if (!file) return note_problem(totals, path, std::generic_category().message(errno));
  std::setvbuf(file.get(), nullptr, _IONBF, 0);  // `block` is the buffer
  std::uint64_t bytes = 0;
  while (true) {
    const std::size_t before = block.size();
    block.resize(before + kBlockBytes);
    const std::size_t got = std::fread(block.data() + before, 1, kBlockBytes, file.get());
    block.resize(before + got);
    if (bytes == 0 && std::memchr(block.data() + before, 0, std::min(got, kBinaryProbeBytes))) {
      block.resize(before);
      std::scoped_lock lock(totals.files_mutex);
      ++totals.binary_files;
      return;
    }
    bytes += got;
    if (got == 0) break;
    if (block.size() >= kBlockBytes) send_whole_words(block, blocks);
  }
  if (std::ferror(file.get())) note_problem(totals, path, std::generic_category().message(errno));
  block.push_back('\n');  // the file's end ends its last word
  std::scoped_lock lock(totals.files_mutex);
  ++totals.files;
  totals.bytes += bytes;
}

// Stage 2: small files share a block.
void read_all(ts::Receiver<fs::path> paths, ts::Sender<std::string> blocks, Totals& totals) {
  std::string block;
  for (const fs::path& path : paths) read_file(path, block, blocks, totals);
  if (!block.empty()) blocks.send(std::move(block));
}

void count_words(std::string& text, Counts& counts) {
  std::size_t i = 0;
  while (i < text.size()) {
    const std::size_t start = i;
    for (; i < text.size() && is_letter(text[i]); ++i) text[i] = static_cast<char>(text[i] | 0x20);
    if (i == start) {
      ++i;
      continue;
    }
    const std::string_view word(text.data() + start, i - start);
    const auto found = counts.find(word);
    if (found != counts.end()) {
      ++found->second;
    } else {
      counts.emplace(word, 1);
    }
  }
}

// Stage 3: sends what it counted after every few blocks.
void split_all(ts::Receiver<std::string> blocks, ts::Sender<Counts> partial_counts) {
  Counts counts;
  int blocks_counted = 0;
  for (std::string& block : blocks) {
    count_words(block, counts);
    if (++blocks_counted % kBlocksPerPartialCount == 0) {
      partial_counts.send(std::exchange(counts, Counts()));
    }
  }
  if (!counts.empty()) partial_counts.send(std::move(counts));
}

// Stage 4: the only one that touches the final table.
void merge_all(ts::Receiver<Counts> partial_counts, Totals& totals) {
  for (const Counts& counts : partial_counts) {
    std::scoped_lock lock(totals.counts_mutex);
    for (const auto& [word, count] : counts) totals.counts[word] += count;
  }
}

// Runs `body` in `tasks` tasks called "NAME 1", "NAME 2", … and `at_end` after the last of them.
template <class Body, class AtEnd>
void start_stage(const std::string& name, int tasks, ts::WaitGroup& all, Body body, AtEnd at_end) {
  all.add(1);
  ts::go(name + "s' end", [=, &all] {
    ts::WaitGroup stage;
    stage.add(tasks);
    for (int i = 1; i <= tasks; ++i) {
      ts::go(name + " " + std::to_string(i), [&stage, body] {
        body();
        stage.done();
      });
    }
    stage.wait();
    at_end();
    all.done();
  });
}

void count_tree(const Options& options, Totals& totals) {
  const int tasks = options.tasks_per_stage;
  auto paths = ts::make_chan<fs::path>(64);
  auto blocks = ts::make_chan<std::string>(8);
  auto partial_counts = ts::make_chan<Counts>();
  ts::WaitGroup all;
  ts::go("walker", [=, &options, &totals] {
    walk(options.directory, paths, totals);
    paths.close();
  });
  start_stage(
      "reader", tasks, all, [=, &totals] { read_all(paths, blocks, totals); },
      [=] { blocks.close(); });
  start_stage(
      "splitter", tasks, all, [=] { split_all(blocks, partial_counts); },
      [=] { partial_counts.close(); });
  start_stage(
      "merger", tasks, all, [=, &totals] { merge_all(partial_counts, totals); }, [] {});
  all.wait();
}

// The words to standard output as `uniq -c` prints them, all else to standard error.
void print(const Options& options, const Totals& totals, double seconds) {
  std::vector<std::pair<std::string_view, std::uint64_t>> words(totals.counts.begin(),
                                                                totals.counts.end());
  std::sort(words.begin(), words.end(), [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  std::uint64_t sum = 0;
  for (const auto& [word, count] : words) sum += count;
  for (std::size_t i = 0; i < std::min(options.top, words.size()); ++i) {
    std::printf("%7llu %.*s\n", static_cast<unsigned long long>(words[i].second),
                static_cast<int>(words[i].first.size()), words[i].first.data());
  }
  std::fflush(stdout);
  std::fprintf(stderr,
               "%llu words, %zu different, in %llu files (%.1f MB; %llu binary files skipped), "
               "%.3f s\n",
               static_cast<unsigned long long>(sum), words.size(),
               static_cast<unsigned long long>(totals.files),
               static_cast<double>(totals.bytes) / 1e6,
               static_cast<unsigned long long>(totals.binary_files), seconds);
  if (totals.problems.empty()) return;
  std::fprintf(stderr, "wordcount: %zu could not be read:\n", totals.problems.size());
  for (std::size_t i = 0; i < std::min(kProblemsShown, totals.problems.size()); ++i) {
    std::fprintf(stderr, "  %s\n", totals.problems[i].c_str());
  }
  if (totals.problems.size() > kProblemsShown) std::fprintf(stderr, "  …\n");
}

template <class Number>
bool parse(const char* text, Number& value) {
  const char* end = text + std::strlen(text);
  const auto [stop, error] = std::from_chars(text, end, value);
  return error == std::errc() && stop == end && value > 0;
}

bool parse_arguments(int argc, char** argv, Options& options) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--workers-per-stage" && i + 1 < argc) {
      if (!parse(argv[++i], options.tasks_per_stage)) return false;
    } else if (argument == "--top" && i + 1 < argc) {
      if (!parse(argv[++i], options.top)) return false;
    } else if (argument == "--all") {
      options.top = SIZE_MAX;
    } else if (argument.substr(0, 1) == "-" || !options.directory.empty()) {
      return false;
    } else {
      options.directory = argument;
    }
  }
  return !options.directory.empty();
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!parse_arguments(argc, argv, options)) {
    std::fprintf(stderr, "usage: wordcount [--workers-per-stage N] [--top N] [--all] DIRECTORY\n");
    return 2;
  }
  std::error_code error;
  if (!fs::is_directory(options.directory, error)) {
    std::fprintf(stderr, "wordcount: %s: %s\n", options.directory.c_str(),
                 error ? error.message().c_str() : "not a directory");
    return 1;
  }
  const auto start = std::chrono::steady_clock::now();
  Totals totals;
  const int status = ts::run([&] {
    count_tree(options, totals);
    return 0;
  });
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  print(options, totals, elapsed.count());
  return status;
}
