#include "runtime/sched/spawn_paths.h"

namespace taskscope::sched {

void SpawnPaths::connect(const SpawnPath& from, const base::Site& site, const SpawnPath& to) {
  auto& bucket = from.steps[site.line % SpawnPath::kBuckets];
  const SpawnStep& step =
      steps_.emplace_back(SpawnStep{site, &to, bucket.load(std::memory_order_relaxed)});
  bucket.store(&step, std::memory_order_release);
}

const SpawnPath& SpawnPaths::add_main(const base::Site& site) {
  const base::LockGuard guard(lock_);
  SpawnPath& main = paths_.emplace_back();
  main.site = site;
  main.parent = &root_;
  main.length = 1;
  main.is_main = true;
  return main;
}

const SpawnPath& SpawnPaths::add(const SpawnPath& from, const base::Site& site) {
  const base::LockGuard guard(lock_);
  if (const SpawnPath* found = find(from, site)) return *found;  // somebody was faster
  if (from.length < kLengthMax) return step(from, site);
  const SpawnPath& to = shortened(from, site);
  connect(from, site, to);
  return to;
}

// One step further, by a new path if need be.
const SpawnPath& SpawnPaths::step(const SpawnPath& from, const base::Site& site) {
  if (const SpawnPath* found = find(from, site)) return *found;
  if (paths_.size() >= kPathsMax && &from != &cut_) {
    const SpawnPath& to = step(cut_, site);
    connect(from, site, to);
    return to;
  }
  SpawnPath& to = paths_.emplace_back();
  to.site = site;
  to.parent = &from;
  to.length = from.length + 1;
  connect(from, site, to);
  return to;
}

// The last places of `from`, and `site`.
const SpawnPath& SpawnPaths::shortened(const SpawnPath& from, const base::Site& site) {
  std::array<const SpawnPath*, kLengthMax - 1> last;
  const SpawnPath* path = &from;
  for (const SpawnPath*& each : last) {
    each = path;
    path = path->parent;
  }
  const SpawnPath* to = &cut_;
  for (auto each = last.rbegin(); each != last.rend(); ++each) to = &step(*to, (*each)->site);
  return step(*to, site);
}

}  // namespace taskscope::sched
