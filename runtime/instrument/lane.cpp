#include "runtime/instrument/lane.h"

#include <algorithm>

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
  const tf::SiteId made_at = site(object.made_at());
  const std::string_view name = object.name() == nullptr ? "" : object.name();
  // All or nothing: an object whose name found no room would stay without it for ever.
  const std::size_t name_bytes = std::min(name.size(), tf::kTextBytesMax);
  if (!writer_.reserve(3 + tf::continuation_records(name_bytes), now(), current_)) return 0;
  const tf::ObjectId id = shared_.next_object.fetch_add(1, std::memory_order_relaxed);
  write(EventKind::Object, now(), id, tf::pack_kind_site(object.kind(), made_at));
  if (object.capacity() != 0) {
    write(EventKind::Capacity, now(), id, std::min(object.capacity(), tf::kAuxMask));
  }
  if (!name.empty()) write_text(EventKind::ObjectName, id, name);
  object.set_id(shared_.session, id);
  return id;
}

}  // namespace taskscope::instrument
