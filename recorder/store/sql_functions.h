// Functions that SQL over a recording may use beyond SQLite's own:
//
//   percentile(value, percent)   aggregate: the smallest value that `percent` per cent of all are
//                                not above; NULLs do not count. Keeps all values (8 bytes each).
//
// Registered on a connection, and good for as long as that is open. One thread at a time.
#pragma once

#include "recorder/store/sqlite.h"

namespace taskscope::store {

// A result code of SQLite.
int register_functions(sqlite3* database);

}  // namespace taskscope::store
