#include "runtime/instrument/site_table.h"

namespace taskscope::instrument {

std::string site_text(const base::Site& site) {
  std::string text = std::to_string(site.line);
  text += '\t';
  text += site.file == nullptr ? "" : site.file;
  text += '\t';
  text += site.function == nullptr ? "" : site.function;
  return text;
}

SiteTable::Entry SiteTable::find(const base::Site& site) {
  std::string key = site_text(site);
  const base::LockGuard guard(lock_);
  const auto it = entries_.find(key);
  if (it != entries_.end()) return it->second;
  if (entries_.size() >= trace_format::kSiteMax) return {.id = 0, .defined = true};
  const auto id = static_cast<trace_format::SiteId>(entries_.size() + 1);
  return entries_.emplace(std::move(key), Entry{.id = id}).first->second;
}

void SiteTable::mark_defined(const base::Site& site) {
  const std::string key = site_text(site);
  const base::LockGuard guard(lock_);
  const auto it = entries_.find(key);
  if (it != entries_.end()) it->second.defined = true;
}

}  // namespace taskscope::instrument
