// crawler: visits the pages of a web site, many at once, each once, to a certain depth.
//
// The site lives in memory: pages with links to others, some links to pages that do not exist, and
// some pages whose server never answers. Fetching takes a few milliseconds; a fetch that takes
// longer than its context allows is given up.
//
// The crawler goes in rings around the start page: all pages that are n links away are fetched
// together, by a bounded number of tasks; those that they link to and that nobody has seen yet are
// the next ring. It stops at the depth that was asked for, or as soon as it has seen as many pages
// as it may.
//
// What it has found is compared with a walk over the site without any tasks; the exit status is 1
// if they differ. --simulate takes a clock that leaps over every wait: the same happens, at once.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <set>
#include <string>
#include <vector>

#include "runtime/examples/command_line.h"
#include "runtime/taskscope.h"

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kFetchTimeout{100};

struct Options {
  int pages = 400;
  int depth = 5;
  int limit = 300;    // pages to look at
  int fetchers = 16;  // at once
  bool simulate = false;
};

struct Page {
  int number = 0;
  std::vector<int> links;
};

// What became of the pages.
struct Census {
  std::set<int> fetched;
  std::set<int> missing;
  std::set<int> silent;

  friend bool operator==(const Census&, const Census&) = default;
};

class WebSite {
 public:
  explicit WebSite(int pages) : pages_(pages) {}

  bool has(int number) const { return number < pages_; }
  bool is_silent(int number) const { return number % 41 == 40; }
  std::vector<int> links(int number) const {
    std::vector<int> result;
    for (int i = 1; i <= 3 + number % 3; ++i) {
      result.push_back(static_cast<int>((std::uint32_t(number) * 2654435761u / 64 + i * 7919u) %
                                        std::uint32_t(pages_ + pages_ / 20)));
    }
    result.push_back(number + 1);
    return result;
  }

  // Takes its time, and for ever if the server is silent; then only the context ends it.
  ts::Result<Page> fetch(const ts::Context& ctx, int number) const {
    if (is_silent(number)) {
      ctx.done().recv();
    } else if (ts::sleep(ctx, milliseconds(1 + number % 4))) {
      if (has(number)) return Page{.number = number, .links = links(number)};
      return ts::Error{.message = "page " + std::to_string(number) + ": not found"};
    }
    return ts::Error{.message = "page " + std::to_string(number) + ": " + ctx.err().message(),
                     .kind = ts::ErrorKind::Timeout};
  }

 private:
  int pages_;
};

// The links that lead to pages that were never seen before, as far as `limit` allows.
void add_unseen(const std::vector<int>& links, std::size_t limit, std::set<int>& seen,
                std::vector<int>& next) {
  for (const int link : links) {
    if (seen.size() < limit && seen.insert(link).second) next.push_back(link);
  }
}

Census crawl(const ts::Context& ctx, const WebSite& site, const Options& options) {
  Census census;
  std::set<int> seen{0};
  std::vector<int> ring{0};
  for (int depth = 0; depth <= options.depth && !ring.empty(); ++depth) {
    const auto fetch = [&](const ts::Context& crawling, int number) {
      const auto limited = ts::with_timeout(crawling, kFetchTimeout);
      return site.fetch(limited.ctx, number);
    };
    const auto pages = ts::parallel_map(
        ctx, ring, {.tasks_max = static_cast<std::size_t>(options.fetchers), .chunk = 1}, fetch);
    if (!pages) break;  // the crawl as a whole was cancelled
    std::vector<int> next;
    for (std::size_t i = 0; i < ring.size(); ++i) {
      const ts::Result<Page>& page = (*pages)[i];
      if (page) {
        census.fetched.insert(page->number);
        add_unseen(page->links, static_cast<std::size_t>(options.limit), seen, next);
      } else {
        const bool silent = page.error().kind == ts::ErrorKind::Timeout;
        (silent ? census.silent : census.missing).insert(ring[i]);
      }
    }
    ring = std::move(next);
  }
  return census;
}

// The same without tasks and without waiting.
Census walk(const WebSite& site, const Options& options) {
  Census census;
  std::set<int> seen{0};
  std::vector<int> ring{0};
  for (int depth = 0; depth <= options.depth && !ring.empty(); ++depth) {
    std::vector<int> next;
    for (const int number : ring) {
      if (site.is_silent(number)) {
        census.silent.insert(number);
      } else if (!site.has(number)) {
        census.missing.insert(number);
      } else {
        census.fetched.insert(number);
        add_unseen(site.links(number), static_cast<std::size_t>(options.limit), seen, next);
      }
    }
    ring = std::move(next);
  }
  return census;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!examples::parse_options(argc, argv,
                               {{.name = "--pages", .number = &options.pages},
                                {.name = "--depth", .number = &options.depth},
                                {.name = "--limit", .number = &options.limit},
                                {.name = "--fetchers", .number = &options.fetchers},
                                {.name = "--simulate", .given = &options.simulate}}))
    return 2;
  ts::ManualClock leaping;
  return ts::run(
      [&] {
        const WebSite site(options.pages);
        const ts::TimePoint begin = ts::now();
        const Census census = crawl(ts::background(), site, options);
        const std::chrono::duration<double> took = ts::now() - begin;
        std::printf("%zu pages, %zu not found, %zu gave no answer, %.3f s\n", census.fetched.size(),
                    census.missing.size(), census.silent.size(), took.count());
        if (census == walk(site, options)) return 0;
        std::fprintf(stderr, "crawler: a walk without tasks finds other pages\n");
        return 1;
      },
      {.clock = options.simulate ? &leaping : nullptr});
}
