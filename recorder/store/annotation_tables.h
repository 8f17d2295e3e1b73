// `region` and `counter_sample` as tables of SQL, read out of the chunks. For recorder/store only.
//
// As `span` and `event` (virtual_tables.h): they exist on a connection after registration, and
// conditions on times skip whole chunks. A damaged chunk ends the query with an error that names
// it.
#pragma once

#include "recorder/store/sqlite.h"

namespace taskscope::store {

struct AnnotationTableNames {
  const char* region = "region";
  const char* counter_sample = "counter_sample";
};

// A result code of SQLite.
int register_annotation_tables(sqlite3* database, const AnnotationTableNames& names = {});

}  // namespace taskscope::store
