// The code on the page runtime/memory/README.md, and that it stands there.
#include <gtest/gtest.h>

#include <cctype>
#include <cstdio>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "tests/runtime/memory/memory_test.h"

namespace {

struct Node {
  int value = 0;
  ts::ptr<Node> next;
};

ts::ref<Node> numbers(int count) {
  ts::ref<Node> list;
  for (int i = 0; i < count; ++i) list = ts::make(Node{.value = i, .next = list});
  return list;
}

struct Folder {
  std::string name;
  ts::ptr<Folder> parent;
  std::vector<ts::ptr<Folder>> folders;
};

ts::ref<Folder> add_folder(ts::ref<Folder> parent, const std::string& name) {
  ts::ref<Folder> folder = ts::make(Folder{.name = name, .parent = parent, .folders = {}});
  if (parent) parent->folders.push_back(folder);
  return folder;
}

struct Page {
  int number = 0;
};

std::map<int, ts::weak<Page>> pages;

ts::ref<Page> page_of(int number) {
  ts::ref<Page> page = pages[number].lock();
  if (!page) pages[number] = page = ts::make(Page{.number = number});
  return page;
}

struct Reply {
  int sum = 0;
};

void serve(int request, const ts::Chan<ts::ref<Reply>>& replies) {
  ts::go("request", [request, replies] {
    ts::scoped([&] {
      int sum = 0;
      for (ts::ref<Node> at = numbers(request); at; at = at->next) sum += at->value;
      replies.send(ts::make(Reply{.sum = sum}));
    });
  });
}

void print_escapes() {
  for (const ts::EscapeStats& site : ts::escape_stats()) {
    std::printf("%s:%u: make<%s>: %lu stayed, %lu escaped\n", site.file, site.line,
                site.type.c_str(), static_cast<unsigned long>(site.stayed),
                static_cast<unsigned long>(site.escaped));
  }
}

class MemoryReadme : public ts::test::MemoryTest {};
TASKSCOPE_AT_ALL_WORKER_COUNTS(MemoryReadme);

TEST_P(MemoryReadme, ItsExamplesDoWhatItSays) {
  run([] {
    const ts::ref<Folder> root = add_folder({}, "root");
    add_folder(add_folder(root, "a"), "b");
    ts::gc();
    EXPECT_EQ(root->folders[0]->folders[0]->name, "b");
    EXPECT_EQ(root->folders[0]->parent, ts::ptr<Folder>(root));
    const ts::ref<Page> page = page_of(7);
    ts::gc();
    EXPECT_EQ(page_of(7), page);
    const ts::Chan<ts::ref<Reply>> replies = ts::make_chan<ts::ref<Reply>>(4);
    for (int i = 0; i < 4; ++i) serve(10, replies);
    for (int i = 0; i < 4; ++i) EXPECT_EQ((*replies.recv())->sum, 45);
    testing::internal::CaptureStdout();
    print_escapes();
    EXPECT_NE(testing::internal::GetCapturedStdout().find("make<Reply>"), std::string::npos);
    pages.clear();
  });
}

std::string packed(const std::string& path) {
  std::ifstream file(std::string(TASKSCOPE_SOURCE_DIR) + "/" + path);
  std::string text;
  for (char letter; file.get(letter);) {
    if (std::isspace(static_cast<unsigned char>(letter)) == 0) text += letter;
  }
  return text;
}

TEST(MemoryReadmePage, ItsCodeStandsInThisTest) {
  const std::string page = packed("runtime/memory/README.md");
  const std::string here = packed("tests/runtime/memory/readme_test.cpp");
  const std::string fence = "```cpp";
  int blocks = 0;
  for (std::size_t at = page.find(fence); at != std::string::npos; at = page.find(fence, at)) {
    at += fence.size();
    const std::string code = page.substr(at, page.find("```", at) - at);
    EXPECT_NE(here.find(code), std::string::npos) << code;
    at += code.size() + 3;
    ++blocks;
  }
  EXPECT_EQ(blocks, 5);
}

}  // namespace
