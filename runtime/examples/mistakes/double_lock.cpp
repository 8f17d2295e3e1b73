// double_lock: a function that holds a lock calls another that takes it, too.
//
// It happens when a class grows: one public method calls another, and both lock. A ts::Mutex does
// not count who has it how often, as Go's does not: a lock that is held twice would no longer mean
// that what it guards is in order. So the task waits for itself.
//
// Taskscope shows: deadlock: The only task left was asleep and nothing could wake it; the program
//   ended itself.
// Taskscope adds: task 1 "main" in mutex at …
//
// The correction (--fixed): public methods lock, private ones expect the lock to be held.
#include <cstdio>
#include <mutex>

#include "runtime/examples/command_line.h"
#include "runtime/taskscope.h"

namespace {

class Account {
 public:
  int balance() {
    const std::unique_lock lock(mutex_);  // ← here
    return balance_of_locked();
  }
  bool withdraw(int amount, bool fixed) {
    const std::unique_lock lock(mutex_);
    if ((fixed ? balance_of_locked() : balance()) < amount) return false;
    balance_ -= amount;
    return true;
  }

 private:
  // REQUIRES: mutex_ is held.
  int balance_of_locked() const { return balance_; }

  ts::Mutex mutex_{"account"};
  int balance_ = 100;
};

}  // namespace

int main(int argc, char** argv) {
  bool fixed = false;
  if (!examples::parse_options(argc, argv, {{.name = "--fixed", .given = &fixed}})) return 2;
  Account account;
  return ts::run([&] {
    account.withdraw(30, fixed);
    std::printf("the balance is %d\n", account.balance());
  });
}
