// The loadable extension for the stock sqlite3 shell:
//
//   sqlite3 run.tscope -cmd ".load ./taskscope_sqlite"
//   sqlite> SELECT state, count(*) FROM span GROUP BY state;
//
// One entry point, called once for each connection by the SQLite that loads it.
#include "recorder/store/sql_toolbox.h"

SQLITE_EXTENSION_INIT1

extern "C" {

// SQLite derives this name from that of the file.
__attribute__((visibility("default"))) int sqlite3_taskscopesqlite_init(
    sqlite3* database, char** message, const sqlite3_api_routines* api) {
  SQLITE_EXTENSION_INIT2(api);
  const int code = taskscope::store::register_sql_toolbox(database);
  if (code != SQLITE_OK) {
    *message = sqlite3_mprintf("cannot set up Taskscope's tables: %s", sqlite3_errmsg(database));
  }
  return code;
}
}
