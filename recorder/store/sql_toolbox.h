// Everything that SQL over a recording has beyond SQLite's own: virtual tables, functions, views.
//
// The one list of them, for the reader and for the extension that the stock sqlite3 shell loads.
#pragma once

#include "recorder/store/sqlite.h"

namespace taskscope::store {

// A result code of SQLite.
int register_sql_toolbox(sqlite3* database);

}  // namespace taskscope::store
