// lock_order: two tasks take the same two locks, each in its own order.
//
// It happens where the order comes from the data: from account to account, from this node to that
// one. Most of the time the locks are not held at the same moment and all is well; once in a while
// each task has its first lock and waits for the other's. Here they always meet, since each waits
// for the other between its locks; with --lucky they do it one after the other.
//
// Taskscope shows: deadlock: All 3 tasks were asleep and nothing could wake them; the program ended
//   itself.
// Taskscope adds: … 2 tasks in mutex at …
// Taskscope shows for --lucky: nothing yet; it will be a finding `lock order`
//
// The correction (--fixed): std::scoped_lock takes both locks at once, in whatever order is free.
#include <cstdio>
#include <mutex>
#include <optional>

#include "runtime/examples/command_line.h"
#include "runtime/taskscope.h"

namespace {

struct Account {
  explicit Account(const char* name) : mutex(name) {}
  ts::Mutex mutex;
  int balance = 100;
};

void move_money(Account& from, Account& to, int amount) {
  from.balance -= amount;
  to.balance += amount;
}

void transfer(Account& from, Account& to, int amount, ts::Barrier* meeting) {
  const std::unique_lock first(from.mutex);
  if (meeting != nullptr) meeting->wait();
  const std::unique_lock second(to.mutex);  // the mistake
  move_money(from, to, amount);
}

void transfer_fixed(Account& from, Account& to, int amount) {
  const std::scoped_lock both(from.mutex, to.mutex);
  move_money(from, to, amount);
}

}  // namespace

int main(int argc, char** argv) {
  bool fixed = false;
  bool lucky = false;
  if (!examples::parse_options(
          argc, argv, {{.name = "--fixed", .given = &fixed}, {.name = "--lucky", .given = &lucky}}))
    return 2;
  Account a("account a");
  Account b("account b");
  return ts::run([&] {
    ts::Barrier meeting(2);
    ts::WaitGroup transfers("transfers");
    const auto start = [&](Account& from, Account& to) {
      transfers.go("transfer", [&] {
        fixed ? transfer_fixed(from, to, 10) : transfer(from, to, 10, lucky ? nullptr : &meeting);
      });
      if (lucky) transfers.wait();
    };
    start(a, b);
    start(b, a);
    transfers.wait();  // ← here
    std::printf("the accounts hold %d and %d\n", a.balance, b.balance);
  });
}
