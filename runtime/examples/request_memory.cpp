// request_memory: a server whose requests give their memory back at once when they end.
//
// Each request is a task whose body is a ts::scoped: the tree that it parses its text into, and all
// else it makes, lies in an arena that is recycled as a whole. What a request gives away, here the
// answer that it sends and the page that it puts into a cache, escapes and lives on under the
// collector. Nobody says so; ts::escape_stats() says afterwards what escaped where, and why.
//
// Use it where tasks build much that dies with them. What lives as long as the program does
// (tables, pools) is better made outside of scopes.
#include <cstdio>
#include <cstring>
#include <map>
#include <mutex>
#include <string>

#include "runtime/taskscope.h"

namespace {

constexpr int kRequests = 200;
constexpr int kPages = 10;
constexpr int kWords = 800;

// A tree of the words of a request: plain structs, no base class, no macro.
struct Word {
  int number = 0;
  int count = 1;
  ts::ptr<Word> less;
  ts::ptr<Word> more;
};

struct Answer {
  int request = 0;
  int words = 0;
  int page = 0;
};

struct Page {
  int number = 0;
  int bytes = 0;
};

// Keeps pages only as long as somebody else does.
class Cache {
 public:
  ts::ref<Page> get(int number) {
    const std::scoped_lock lock(mutex_);
    ts::ref<Page> page = pages_[number].lock();
    if (!page) {
      page = ts::make(Page{.number = number, .bytes = 1000 + number});
      pages_[number] = page;
    }
    return page;
  }

 private:
  ts::Mutex mutex_{"pages"};
  std::map<int, ts::weak<Page>> pages_;  // guarded by mutex_
};

void add(ts::ref<Word>& tree, int number) {
  if (!tree) {
    tree = ts::make(Word{.number = number});
    return;
  }
  ts::ref<Word> at = tree;
  while (at->number != number) {
    ts::ptr<Word>& next = number < at->number ? at->less : at->more;
    if (!next) {
      next = ts::make(Word{.number = number});
      return;
    }
    at = next;
  }
  ++at->count;
}

int distinct(ts::ref<Word> tree) {
  return tree ? 1 + distinct(tree->less) + distinct(tree->more) : 0;
}

void serve(int request, Cache& cache, const ts::Sender<ts::ref<Answer>>& answers) {
  ts::ref<Word> tree;
  for (int i = 0; i < kWords; ++i) add(tree, (request * 31 + i * i * 17) % 1009);
  const ts::ref<Page> page = cache.get(request % kPages);
  answers.send(ts::make(Answer{.request = request, .words = distinct(tree), .page = page->bytes}));
}

}  // namespace

int main() {
  return ts::run([] {
    Cache cache;
    ts::Chan<ts::ref<Answer>> answers = ts::make_chan<ts::ref<Answer>>("answers", 16);
    for (int i = 0; i < kRequests; ++i) {
      ts::go("request", [i, &cache, to = ts::Sender<ts::ref<Answer>>(answers)] {
        ts::scoped([&] { serve(i, cache, to); });
      });
    }
    int words = 0;
    int bytes = 0;
    for (int i = 0; i < kRequests; ++i) {
      const ts::ref<Answer> answer = *answers.recv();
      words += answer->words;
      bytes += answer->page;
    }
    std::printf("%d answers, %d words, %d bytes of pages\n", kRequests, words, bytes);
    for (const ts::EscapeStats& site : ts::escape_stats()) {
      std::printf("%s:%u: make<%s>: %s\n", std::strrchr(site.file, '/') + 1, site.line,
                  site.type.c_str(), site.escaped == 0 ? "does not escape" : "escapes");
    }
    return 0;
  });
}
