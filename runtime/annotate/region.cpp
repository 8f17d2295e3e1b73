#include "runtime/annotate/region.h"

#include "runtime/sched/annotation.h"

namespace taskscope {

using instrument::Lane;
using sched::Speaker;
using sched::Task;

void region::enter(std::string_view name, const Site& site) {
  struct Ids {
    trace_format::NameId name;
    trace_format::SiteId site;
  };
  sched::annotate<Speaker::Task>(
      [&](Lane& lane) {
        return Ids{lane.name(name), lane.site(site)};
      },
      [&](Lane& lane, Task* task, const Ids& ids) {
        name_ = ids.name;
        session_ = lane.session();
        depth_ = ++task->region_depth;
        lane.region_begin(ids.name, depth_, ids.site);
      });
}

void region::leave() const {
  sched::annotate<Speaker::Task>(
      [&](Lane& lane) {
        if (session_ == lane.session()) return name_;
        return literal_ == nullptr ? trace_format::NameId{0} : lane.name(literal_);
      },
      [&](Lane& lane, Task* task, trace_format::NameId name) {
        const bool seen = session_ == lane.session();
        if (seen) task->region_depth = static_cast<std::uint8_t>(depth_ - 1);
        lane.region_end(name, seen ? depth_ : std::uint8_t{0});
      });
}

}  // namespace taskscope
