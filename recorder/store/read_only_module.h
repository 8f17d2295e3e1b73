// What the virtual tables here have in common: they only read, they exist on every connection under
// their module's name (no xCreate), and their tables and cursors are objects that begin with
// SQLite's own part, `base`. Plain functions; the connection's thread.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <optional>

namespace taskscope::store {

// What each does for itself.
struct ReadOnlyCalls {
  decltype(sqlite3_module::xConnect) connect;
  decltype(sqlite3_module::xBestIndex) best_index;
  decltype(sqlite3_module::xOpen) open;
  decltype(sqlite3_module::xFilter) filter;
  decltype(sqlite3_module::xNext) next;
  decltype(sqlite3_module::xEof) is_at_end;
  decltype(sqlite3_module::xColumn) column;
  decltype(sqlite3_module::xRowid) row_id;
};

// Tables and cursors are deleted as what they are.
template <class VirtualTable, class Cursor>
sqlite3_module read_only_module(const ReadOnlyCalls& calls) {
  sqlite3_module module{};
  module.iVersion = 1;
  module.xConnect = calls.connect;
  module.xBestIndex = calls.best_index;
  module.xDisconnect = [](sqlite3_vtab* base) {
    delete reinterpret_cast<VirtualTable*>(base);
    return SQLITE_OK;
  };
  module.xOpen = calls.open;
  module.xClose = [](sqlite3_vtab_cursor* base) {
    delete reinterpret_cast<Cursor*>(base);
    return SQLITE_OK;
  };
  module.xFilter = calls.filter;
  module.xNext = calls.next;
  module.xEof = calls.is_at_end;
  module.xColumn = calls.column;
  module.xRowid = calls.row_id;
  return module;
}

// A column without a result is NULL.
inline void result_id(sqlite3_context* context, std::uint64_t id) {
  if (id != 0) sqlite3_result_int64(context, static_cast<sqlite3_int64>(id));
}
inline void result_time(sqlite3_context* context, std::optional<std::int64_t> ns) {
  if (ns) sqlite3_result_int64(context, *ns);
}

}  // namespace taskscope::store
