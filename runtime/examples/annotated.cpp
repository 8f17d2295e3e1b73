// annotated: a server that says in its recording what it is doing, for whom, and how much.
//
// Use regions where "the task ran for 2 ms" is no answer: each part of the work has its name below
// the task's row. A label says for whom a task works; the tasks that it starts have it too, so the
// cost of one request can be summed up over all of them. A counter is a number over time, such as
// how many requests are under way, and a log line is one thing that happened once. While nobody
// records, all of this costs next to nothing.
//
// Here clients' orders are taken, looked up in two tables by tasks of their own, and answered.
#include <array>
#include <chrono>
#include <cstdio>
#include <string>

#include "runtime/examples/command_line.h"
#include "runtime/taskscope.h"

namespace {

using std::chrono::microseconds;

// Work that takes the processor.
int add_up(int rounds) {
  volatile int sum = 0;
  for (int i = 0; i < rounds * 400; ++i) sum = sum + i % 7;
  return sum;
}

class Shop {
 public:
  int serve(int number, const std::string& user) {
    ts::set_label("user", user);
    const ts::region serving("serve");
    under_way_.add(1);
    const int kind = parse(number);
    int stock = 0;
    int price = 0;
    {
      const ts::region looking("look up");
      ts::Scope both;
      both.go("stock", [&] { stock = look_up("stock", kind); });
      both.go("prices", [&] { price = look_up("prices", kind); });
    }
    render(price);
    under_way_.add(-1);
    sent_.add(200 + price);
    return stock > 0 ? price : 0;
  }

 private:
  static int parse(int number) {
    const ts::region parsing("parse");
    add_up(150);
    return number % 5;
  }
  static int look_up(const std::string& table, int kind) {
    const ts::region query("query " + table);
    add_up(60);
    if (kind == 3) {
      ts::log("cache", table + " of kind 3 is not in memory");
      const ts::region loading("load page");
      ts::sleep(microseconds(900));
    }
    add_up(60);
    return kind + 1;
  }
  static void render(int price) {
    const ts::region rendering("render");
    for (int part = 0; part < 2; ++part) {
      const ts::region one(part == 0 ? "template" : "compress");
      add_up(80 + price);
    }
  }

  ts::counter under_way_{"requests under way"};
  ts::counter sent_{"bytes sent", "bytes"};
};

}  // namespace

int main(int argc, char** argv) {
  int requests = 40;
  if (!examples::parse_options(argc, argv, {{.name = "--requests", .number = &requests}})) return 2;
  return ts::run([&] {
    constexpr int kClients = 4;
    Shop shop;
    std::array<int, kClients> income{};
    {
      ts::Scope clients;
      for (int client = 0; client < kClients; ++client) {
        clients.go("client " + std::to_string(client), [&, client] {
          for (int number = client; number < requests; number += kClients) {
            income[static_cast<std::size_t>(client)] += shop.serve(number, std::to_string(client));
            if (number % 7 == 0) ts::log("client " + std::to_string(client) + " takes a rest");
            ts::sleep(microseconds(300));
          }
        });
      }
    }
    int sum = 0;
    for (const int one : income) sum += one;
    int expected = 0;
    for (int number = 0; number < requests; ++number) expected += number % 5 + 1;
    std::printf("%d requests brought %d of %d\n", requests, sum, expected);
    return sum == expected ? 0 : 1;
  });
}
