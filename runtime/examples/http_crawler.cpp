// http_crawler: fetches the pages of a site over HTTP, many at once, each once.
//
// Use this shape for work that finds more work while it is done: who fetches a page learns of
// others. What has been seen stands behind a mutex, and whoever is first to see a page starts its
// task; a limit bounds the fetches at once, and the end comes by itself when no task is left, since
// each waits for those that it started. (crawler.cpp is the same in rings, without a network.)
//
// The site is a small HTTP server in this program, on loopback: page n links to pages 2n+1 and
// 2n+2, some pages link back, and some links lead nowhere.
#include <array>
#include <charconv>
#include <cstdio>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "runtime/taskscope.h"

namespace {

constexpr int kPages = 150;
constexpr std::int64_t kFetchesAtOnce = 12;

// Until the text holds `end`, or the other side has said all.
std::string read_until(const ts::net::Conn& conn, std::string_view end) {
  std::string text;
  std::array<char, 512> buffer{};
  while (end.empty() || text.find(end) == std::string::npos) {
    const auto got = conn.read(buffer);
    if (!got) break;
    text.append(buffer.data(), *got);
  }
  return text;
}

// ---- The site -----------------------------------------------------------------------------------

std::string page(int number) {
  if (number >= kPages) return "HTTP/1.1 404 Not Found\r\n\r\n";
  std::string text = "HTTP/1.1 200 OK\r\n\r\n";
  for (const int link : {2 * number + 1, 2 * number + 2, number / 2}) {
    text += "<a href=\"/" + std::to_string(link) + "\">more</a>\n";
  }
  return text;
}

std::optional<int> number_after(std::string_view text, std::size_t at) {
  int number = 0;
  if (std::from_chars(text.data() + at, text.data() + text.size(), number).ec != std::errc()) {
    return std::nullopt;
  }
  return number;
}

void serve(const ts::net::Listener& listener) {
  ts::Scope connections;
  while (auto conn = listener.accept()) {
    connections.go("connection", [conn = *std::move(conn)] {
      const std::string head = read_until(conn, "\r\n\r\n");
      if (const auto number = number_after(head, std::string_view("GET /").size())) {
        static_cast<void>(conn.write_all(page(*number)));
      }
    });
  }
}

// ---- The crawler --------------------------------------------------------------------------------

class Crawler {
 public:
  explicit Crawler(std::string address) : address_(std::move(address)) {}

  // Fetches the page and all that can be reached from it and was not seen before.
  void crawl(const ts::Context& ctx, int number) {
    if (!is_new(number)) return;
    const std::string text = fetch(ctx, number);
    ts::Scope links(ctx);  // waits for all below this page
    constexpr std::string_view kLink = "href=\"/";
    for (auto at = text.find(kLink); at != std::string::npos; at = text.find(kLink, at + 1)) {
      if (const auto link = number_after(text, at + kLink.size())) {
        links.go("page " + std::to_string(*link),
                 [this, link](const ts::Context& child) { crawl(child, *link); });
      }
    }
  }
  std::size_t found() const { return found_.size(); }
  std::size_t seen() const { return seen_.size(); }

 private:
  bool is_new(int number) {
    const std::scoped_lock lock(mutex_);
    return seen_.insert(number).second;
  }
  std::string fetch(const ts::Context& ctx, int number) {
    const ts::SemaphoreGuard held(ctx, fetches_);
    const auto conn = ts::net::dial_tcp(ctx, address_);
    if (!held || !conn) return {};
    const std::string path = "/" + std::to_string(number);
    if (!conn->write_all(ctx, "GET " + path + " HTTP/1.1\r\nHost: here\r\n\r\n")) return {};
    std::string text = read_until(*conn, "");
    if (text.find(" 200 OK") == std::string::npos) return {};
    const std::scoped_lock lock(mutex_);
    found_.insert(number);
    return text;
  }

  const std::string address_;
  ts::Semaphore fetches_{"fetches", kFetchesAtOnce};
  ts::Mutex mutex_{"pages"};
  std::set<int> seen_;   // guarded by mutex_
  std::set<int> found_;  // guarded by mutex_
};

}  // namespace

int main() {
  return ts::run([] {
    const auto listener = ts::net::listen_tcp("127.0.0.1:0");
    if (!listener) {
      std::fprintf(stderr, "http_crawler: %s\n", listener.error().message.c_str());
      return 1;
    }
    ts::Scope program;
    program.go("site", [&] { serve(*listener); });
    Crawler crawler(listener->address().to_string());
    crawler.crawl(ts::background(), 0);
    static_cast<void>(listener->close());
    program.wait();
    std::printf("%zu pages found, %zu links led nowhere\n", crawler.found(),
                crawler.seen() - crawler.found());
    return crawler.found() == kPages && crawler.seen() == 2 * kPages + 1 ? 0 : 1;
  });
}
