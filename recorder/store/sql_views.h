// The ready-made answers: views over the tables of a recording, for the questions that people ask
// first. SCHEMA.md lists them.
//
// They are temporary: every connection that reads a recording makes its own, and the file stays one
// that a plain SQLite opens without complaint.
#pragma once

#include "recorder/store/sqlite.h"

namespace taskscope::store {

// A result code of SQLite. REQUIRES: the virtual tables and functions are registered.
int create_views(sqlite3* database);

}  // namespace taskscope::store
