#include "recorder/ingest/object_table.h"

#include <algorithm>

namespace taskscope::ingest {

ObjectTable::Object& ObjectTable::get(store::ObjectId id) {
  Object& object = objects_.get(id);
  if (object.row.id == 0) {
    object.row.id = id;
    new_.push_back(id);
  }
  return object;
}

void ObjectTable::announce(store::ObjectId id, store::ObjectKind kind, store::SiteId site_id,
                           std::int64_t ns) {
  store::ObjectRow& row = get(id).row;
  row.kind = kind;
  row.site_id = site_id;
  // Announced again after a loss, it is not newer for that.
  if (!row.created_ns) row.created_ns = ns;
}

void ObjectTable::set_capacity(store::ObjectId id, std::uint64_t capacity) {
  get(id).row.capacity = capacity;
}

void ObjectTable::set_name(store::ObjectId id, std::string_view name) { get(id).row.name = name; }

void ObjectTable::end(store::ObjectId id, std::int64_t ns) {
  Object& object = get(id);
  object.row.destroyed_ns = ns;
  object.ended = true;
  forget_if_over(object);
}

void ObjectTable::forget(const Object& object) {
  writer_.put_object(object.row, store::Totals::Known);
  objects_.erase(object.row.id);
}

void ObjectTable::store_new() {
  for (const store::ObjectId id : new_) {
    Object* object = objects_.find(id);
    if (object == nullptr || object->stored) continue;
    object->stored = true;
    writer_.put_object(object->row, store::Totals::NotYet);
  }
  new_.clear();
}

void ObjectTable::store_all() {
  std::vector<store::ObjectId> ids;
  objects_.for_each([&ids](store::ObjectId id, const Object&) { ids.push_back(id); });
  std::sort(ids.begin(), ids.end());
  for (const store::ObjectId id : ids) {
    writer_.put_object(objects_.find(id)->row, store::Totals::Known);
    objects_.erase(id);
  }
}

}  // namespace taskscope::ingest
