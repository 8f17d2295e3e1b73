#include "runtime/instrument/lane.h"

namespace taskscope::instrument {
namespace tf = trace_format;

tf::SiteId Lane::define_site(const base::Site& site) {
  if (site.file == nullptr) return 0;
  const SiteTable::Entry entry = shared_.sites.find(site);
  if (!entry.defined) {
    // Written before the first use of the id is published; two lanes may both write it.
    if (!write_text(EventKind::SiteName, entry.id, site_text(site))) return entry.id;
    shared_.sites.mark_defined(site);
  }
  site_cache_.put(site, entry.id);
  return entry.id;
}

tf::ObjectId Lane::announce(TracedObject& object) {
  const tf::ObjectId id = shared_.next_object.fetch_add(1, std::memory_order_relaxed);
  const tf::SiteId made_at = site(object.made_at());
  if (!write(EventKind::Object, now(), id, tf::pack_kind_site(object.kind(), made_at))) return 0;
  if (object.capacity() != 0) {
    write(EventKind::Capacity, now(), id, std::min(object.capacity(), tf::kAuxMask));
  }
  if (object.name() != nullptr) write_text(EventKind::ObjectName, id, object.name());
  object.set_id(shared_.session, id);
  return id;
}

}  // namespace taskscope::instrument
