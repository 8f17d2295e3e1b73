// The table-valued function state_time(parts, from_ns, to_ns): how long all tasks together were in
// each state, part by part of a stretch of time (100 parts of the whole recording if not said).
//
// Registered on a connection, whose table `chunk` it reads. One thread at a time.
#pragma once

#include "recorder/store/sqlite.h"

namespace taskscope::store {

// A result code of SQLite.
int register_state_time(sqlite3* database);

}  // namespace taskscope::store
