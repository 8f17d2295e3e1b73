// error_group: several tasks on one job; the first failure ends the others and is the job's.
//
// Use ts::Scope wherever a function starts tasks: it does not return before they have ended, so
// they may use its variables, and an exception of theirs is thrown to its caller as if it had been
// a call. By default the first failure cancels the siblings (Go's errgroup.WithContext). With
// OnError::Collect they all go on, and errors() has what went wrong (a form with five wrong fields
// wants five messages).
//
// Here a shop puts an offer together from its warehouses.
#include <chrono>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

#include "runtime/taskscope.h"

namespace {

struct Warehouse {
  std::string name;
  int stock = 0;
  bool on_fire = false;
};

// A warehouse that is not on fire counts until it is told to stop.
int count(const ts::Context& ctx, const Warehouse& warehouse) {
  if (warehouse.on_fire) throw std::runtime_error(warehouse.name + " is on fire");
  for (int counted = 0; counted < warehouse.stock; ++counted) {
    if (!ts::sleep(ctx, std::chrono::microseconds(20))) ctx.throw_if_done();
  }
  return warehouse.stock;
}

// What they have together; throws if one cannot say.
int total(const std::vector<Warehouse>& warehouses) {
  std::vector<int> stocks(warehouses.size());
  ts::Scope scope;
  for (std::size_t i = 0; i < warehouses.size(); ++i) {
    scope.go(warehouses[i].name,
             [&, i](const ts::Context& ctx) { stocks[i] = count(ctx, warehouses[i]); });
  }
  scope.wait();
  int sum = 0;
  for (const int stock : stocks) sum += stock;
  return sum;
}

std::string offer(const std::vector<Warehouse>& warehouses) {
  try {
    return std::to_string(total(warehouses)) + " pieces";
  } catch (const std::runtime_error& error) {
    return "no offer: " + std::string(error.what());
  }
}

// How many of them have a problem: all are asked.
std::size_t problems(const std::vector<Warehouse>& warehouses) {
  ts::Scope scope(ts::background(), {.on_error = ts::OnError::Collect});
  for (const Warehouse& warehouse : warehouses) {
    scope.go(warehouse.name, [&](const ts::Context& ctx) { count(ctx, warehouse); });
  }
  scope.wait();
  return scope.errors().size();
}

}  // namespace

int main() {
  return ts::run([] {
    const std::vector<Warehouse> sound = {{"north", 30}, {"south", 12}, {"harbour", 58}};
    // This one would count for twenty seconds.
    std::vector<Warehouse> burning = sound;
    burning.push_back({"airport", 1'000'000});
    burning.push_back({"old town", 7, true});
    std::vector<Warehouse> bad = sound;
    bad.push_back({"old town", 7, true});
    bad.push_back({"new town", 7, true});

    const std::string good = offer(sound);
    const std::string none = offer(burning);
    const std::size_t count_of_problems = problems(bad);
    std::printf("%s\n%s\n%zu problems\n", good.c_str(), none.c_str(), count_of_problems);
    const bool right =
        good == "100 pieces" && none == "no offer: old town is on fire" && count_of_problems == 2;
    return right ? 0 : 1;
  });
}
