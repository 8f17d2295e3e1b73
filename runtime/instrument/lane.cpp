#include "runtime/instrument/lane.h"

#include <algorithm>

#include "runtime/trace_format/stack_text.h"

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

tf::NameId Lane::define_name(std::string_view text, std::size_t hash) {
  const NameTable::Entry entry = shared_.names.find(text);
  if (entry.id == 0) return 0;
  if (!entry.defined) {
    // As of a site.
    if (!write_text(EventKind::Name, entry.id, text)) return entry.id;
    shared_.names.mark_defined(text);
  }
  name_cache_.put(*entry.text, hash, entry.id);
  return entry.id;
}

tf::StackId Lane::define_stack(const StackOfCalls& stack) {
  const StackTable::Entry entry = shared_.stacks.find(stack);
  if (!entry.defined) {
    tell_modules();
    tf::TextBuffer text;
    tf::format_stack(stack.calls, text);
    // As of a site.
    if (!write_text(EventKind::Stack, entry.id, text.view())) return entry.id;
    shared_.stacks.mark_defined(stack);
  }
  stack_cache_->slot(stack.hash) = {stack.hash, entry.id};
  return entry.id;
}

void Lane::tell_modules() {
  shared_.modules.tell([this](std::uint64_t id, std::string_view text) {
    return write_text(EventKind::Module, id, text);
  });
}

tf::ObjectId Lane::announce(TracedObject& object) {
  if (writer_.muted()) return 0;
  const tf::SiteId made_at = site(object.made_at());
  const std::string_view name = object.name() == nullptr ? "" : object.name();
  // All or nothing: an object whose name found no room would stay without it for ever.
  const std::size_t name_bytes = std::min(name.size(), tf::kTextBytesMax);
  if (!writer_.reserve(3 + tf::continuation_records(name_bytes), now(), current_)) return 0;
  const tf::ObjectId fresh = shared_.next_object.fetch_add(1, std::memory_order_relaxed);
  // Another lane may announce it at the same time; its records may then come later than the first
  // use of the id.
  const tf::ObjectId id = object.claim_id(session_, fresh);
  if (id != fresh) return id;
  write(EventKind::Object, now(), id, tf::pack_kind_site(object.kind(), made_at));
  if (object.capacity() != 0) {
    write(EventKind::Capacity, now(), id, std::min(object.capacity(), tf::kAuxMask));
  }
  if (!name.empty()) write_text(EventKind::ObjectName, id, name);
  return id;
}

bool Lane::alive(TaskId task, const tf::AliveText& alive, std::string_view name, bool here) {
  const std::string text = tf::format_alive(alive);
  const std::size_t name_bytes = std::min(name.size(), tf::kTextBytesMax);
  const std::size_t records =
      3 + tf::continuation_records(name_bytes) + tf::continuation_records(text.size());
  if (!writer_.reserve(records, now(), current_)) return false;
  // In this order: with the second the task is known, and with the third where it runs.
  if (!name.empty()) write_text(EventKind::TaskName, task, name);
  write_text(EventKind::Alive, task, text);
  if (here) {
    current_ = {task, alive.seq};
    write(EventKind::Resume, now(), task, alive.seq & tf::kSeqMask);
  }
  return true;
}

}  // namespace taskscope::instrument
