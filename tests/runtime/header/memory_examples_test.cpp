// As examples_test.cpp, for the headers of runtime/memory.
#include <gtest/gtest.h>

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "runtime/base/sanitizer.h"
#include "runtime/taskscope.h"

namespace {

struct Node {
  int value = 0;
  ts::ptr<Node> next;
};
struct Point {
  int x = 0;
  int y = 0;
};
struct Person {
  std::string name;
};
struct Entry {
  int amount = 0;
};
struct Page {
  int number = 0;
};
using Conn = int;

class Account {
 public:
  void trace(ts::Tracer& tracer) { tracer(owner_, entries_); }
  void open(ts::ref<Person> owner) {
    owner_ = owner;
    entries_.push_back(ts::make(Entry{.amount = 1}));
  }
  int first() const { return entries_.front()->amount; }

 private:
  ts::ptr<Person> owner_;
  std::vector<ts::ptr<Entry>> entries_;
};

class Cursor {
 public:
  ~Cursor() {}
  ts::ptr<Node> at;
};

}  // namespace

template <>
inline constexpr bool taskscope::kDroppable<Cursor> = true;

namespace {

std::vector<std::string> logged;
void log(const std::string& text) { logged.push_back(text); }
ts::ref<Node> build_list() { return ts::make(Node{.value = 3}); }
ts::ref<Node> build_tree() { return ts::make(Node{.value = 4}); }
int total(ts::ref<Node> tree) { return tree->value; }
void use(const Point& point) { EXPECT_EQ(point.y, 2); }
ts::ref<Page> read_page(int number) { return ts::make(Page{.number = number}); }
Conn accept() { return 5; }
int served = 0;
void serve(Conn conn) { served += conn; }

template <class F>
void in_task(F body) {
  ts::run([&] { body(); });
}

// ThreadSanitizer does not know of a world that signals have stopped (runtime/memory/README.md).
class MemoryExamples : public ::testing::Test {
 protected:
  void SetUp() override {
    if (TASKSCOPE_TSAN) GTEST_SKIP();
  }
};

TEST_F(MemoryExamples, Make) {
  in_task([] {
    ts::ref<Node> list;
    for (int i = 0; i < 3; ++i) list = ts::make(Node{.value = i, .next = list});
    ts::ref<std::mutex> lock = ts::make_with([] { return std::mutex(); });  // of what cannot move
    EXPECT_TRUE(lock->try_lock());
    lock->unlock();
    EXPECT_EQ(list->next->next->value, 0);

    ts::ref<Node> node = ts::make(Node{.value = 1});
    node->value = 2;
    EXPECT_EQ(node->value, 2);

    ts::ref<ts::array<int>> row = ts::make_array<int>(80);
    row->at(79) = 1;
    int last = (*row)[row->size() - 1];
    EXPECT_EQ(last, 1);
    for (int& cell : *row) cell = 2;
    EXPECT_EQ(row->at(0), 2);
  });
}

static_assert(ts::kDroppable<Cursor>);

TEST_F(MemoryExamples, Tracer) {
  in_task([] {
    const ts::ref<Account> account = ts::make<Account>();
    account->open(ts::make(Person{.name = "Ada"}));
    ts::gc();
    EXPECT_EQ(account->first(), 1);
  });
}

TEST_F(MemoryExamples, Scoped) {
  in_task([] {
    int sum = ts::scoped([&] { return total(build_tree()); });      // freed at once, all of it
    ts::ref<Node> kept = ts::scoped([&] { return build_list(); });  // escapes: the caller has it
    EXPECT_EQ(sum + kept->value, 7);
    const Conn conn = accept();
    // A request whose memory lives as long as its task:
    ts::go([conn] { ts::scoped([&] { serve(conn); }); });
    while (served == 0) ts::yield();
  });
}

TEST_F(MemoryExamples, AnyAndWeak) {
  in_task([] {
    ts::any box = ts::make(Point{1, 2});
    if (ts::ref<Point> point = box.as<Point>()) use(*point);
    if (!box.has_value()) return;

    std::map<int, ts::weak<Page>> cache;
    ts::ref<Page> page = cache[7].lock();  // null if nobody else has it any more
    if (!page) cache[7] = page = read_page(7);
    EXPECT_EQ(cache[7].lock()->number, 7);
  });
}

TEST_F(MemoryExamples, Statistics) {
  in_task([] {
    ts::gc();
    ts::MemStats stats = ts::mem_stats();
    log(std::to_string(stats.live_bytes) + " bytes live");
    EXPECT_FALSE(logged.empty());
    for (const ts::EscapeStats& site : ts::escape_stats()) {
      const auto sent = static_cast<std::size_t>(ts::EscapeReason::Sent);
      if (site.reasons[sent] != 0) log(site.type + ts::to_text(ts::EscapeReason::Sent));
    }
  });
}

}  // namespace
