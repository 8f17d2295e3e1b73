// `span` and `event` as tables of SQL, read out of the chunks. For recorder/store only.
//
// Both exist on a connection after registration, without a CREATE. Conditions on times, worker,
// task, kind and state skip whole chunks or rows before SQLite sees them, and columns that a query
// does not use are not decoded. A damaged chunk ends the query with an error that names it.
#pragma once

#include "recorder/store/sqlite.h"

namespace taskscope::store {

struct VirtualTableNames {
  const char* span = "span";
  const char* event = "event";
};

// A result code of SQLite.
int register_virtual_tables(sqlite3* database, const VirtualTableNames& names = {});

}  // namespace taskscope::store
