// worker_pool: a bounded number of workers takes jobs from one channel and puts results on another.
//
//   feeder ──jobs──▶ worker 1 … worker N ──results──▶ main
//
// The job is a riddle: the smallest number whose hash with the riddle ends in so many zero bits.
// While all workers are busy the feeder waits. When main has all the results that it wants
// (--first N) it cancels the context: the feeder stops, the workers leave the job at hand, and
// main waits until everybody has ended.
//
// Every answer is checked, and how many came, and that no job was solved twice; the exit status is
// 1 if something is wrong.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "runtime/examples/command_line.h"
#include "runtime/taskscope.h"

namespace {

constexpr int kTriesPerTurn = 4096;

struct Options {
  int jobs = 200;
  int workers = 4;
  int first = 0;  // stop after so many results; 0: all
};

struct Job {
  int riddle = 0;
  int zero_bits = 0;
};

struct Solution {
  Job job;
  std::uint64_t answer = 0;
  int worker = 0;
};

bool solves(const Job& job, std::uint64_t answer) {
  // Every bit of the hash depends on all bits of both (the finaliser of MurmurHash3).
  std::uint64_t hash = static_cast<std::uint64_t>(job.riddle) * 0x9e3779b97f4a7c15u + answer;
  hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccdu;
  hash = (hash ^ (hash >> 33)) * 0xc4ceb9fe1a85ec53u;
  hash ^= hash >> 33;
  return hash % (std::uint64_t{1} << job.zero_bits) == 0;
}

// nullopt: nobody wants to know any more.
std::optional<std::uint64_t> solve(const ts::Context& ctx, const Job& job) {
  for (std::uint64_t answer = 0; !ctx.err(); ts::yield()) {  // a long calculation gives way
    for (int i = 0; i < kTriesPerTurn; ++i, ++answer) {
      if (solves(job, answer)) return answer;
    }
  }
  return std::nullopt;
}

void feed(const ts::Context& ctx, int count, ts::Sender<Job> jobs) {
  for (int i = 0; i < count; ++i) {
    if (!jobs.send(ctx, {.riddle = i, .zero_bits = 8 + i % 8})) break;
  }
  jobs.close();
}

void work(const ts::Context& ctx, int worker, ts::Receiver<Job> jobs,
          ts::Sender<Solution> results) {
  for (const Job& job : ts::or_done(ctx, jobs)) {
    const std::optional<std::uint64_t> answer = solve(ctx, job);
    if (!answer || !results.send(ctx, {.job = job, .answer = *answer, .worker = worker})) return;
  }
}

std::vector<Solution> solve_all(const Options& options) {
  auto [ctx, cancel] = ts::with_cancel(ts::background());
  auto jobs = ts::make_chan<Job>("jobs");
  auto results = ts::make_chan<Solution>("results");

  ts::WaitGroup workers("workers");
  ts::go("feeder", [=, context = ctx] { feed(context, options.jobs, jobs); });
  for (int i = 1; i <= options.workers; ++i) {
    workers.go("worker " + std::to_string(i),
               [=, context = ctx] { work(context, i, jobs, results); });
  }
  ts::close_after(workers, results);

  std::vector<Solution> solutions;
  for (const Solution& solution : results) {  // until the last worker has ended
    if (ctx.err()) continue;                  // it was on its way when we had enough
    solutions.push_back(solution);
    if (static_cast<int>(solutions.size()) == options.first) cancel();
  }
  return solutions;
}

bool all_right(const Options& options, const std::vector<Solution>& solutions) {
  const int wanted = options.first > 0 ? std::min(options.first, options.jobs) : options.jobs;
  std::vector<bool> seen(static_cast<std::size_t>(options.jobs));
  for (const Solution& solution : solutions) {
    const auto riddle = static_cast<std::size_t>(solution.job.riddle);
    if (seen[riddle] || !solves(solution.job, solution.answer)) return false;
    seen[riddle] = true;
  }
  return static_cast<int>(solutions.size()) == wanted;
}

void print(const Options& options, const std::vector<Solution>& solutions) {
  std::vector<int> solved(static_cast<std::size_t>(options.workers) + 1);
  for (const Solution& solution : solutions) ++solved[static_cast<std::size_t>(solution.worker)];
  for (int i = 1; i <= options.workers; ++i) {
    std::printf("worker %d solved %d\n", i, solved[static_cast<std::size_t>(i)]);
  }
  std::printf("%zu of %d riddles\n", solutions.size(), options.jobs);
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!examples::parse_options(argc, argv,
                               {{.name = "--jobs", .number = &options.jobs},
                                {.name = "--workers", .number = &options.workers},
                                {.name = "--first", .number = &options.first}}))
    return 2;
  return ts::run([&] {
    const std::vector<Solution> solutions = solve_all(options);
    print(options, solutions);
    if (all_right(options, solutions)) return 0;
    std::fprintf(stderr, "worker_pool: the solutions are wrong\n");
    return 1;
  });
}
