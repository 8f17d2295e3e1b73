#include "recorder/store/sql_toolbox.h"

#include "recorder/store/annotation_tables.h"
#include "recorder/store/sql_functions.h"
#include "recorder/store/sql_views.h"
#include "recorder/store/state_time_table.h"
#include "recorder/store/virtual_tables.h"

namespace taskscope::store {

int register_sql_toolbox(sqlite3* database) {
  if (const int code = register_virtual_tables(database); code != SQLITE_OK) return code;
  if (const int code = register_annotation_tables(database); code != SQLITE_OK) return code;
  for (const auto add : {register_state_time, register_functions, create_views}) {
    if (const int code = add(database); code != SQLITE_OK) return code;
  }
  return SQLITE_OK;
}

}  // namespace taskscope::store
